// Which components a visitor can change when the author did not say: those that are an input of some handler, and those
// that no handler writes.
import type { Config } from "./types.ts";

export function resolveInteractive(config: Config): void {
  const inputs = new Set(config.dependencies.flatMap((dependency) => dependency.inputs));
  const outputs = new Set(config.dependencies.flatMap((dependency) => dependency.outputs));
  for (const { id, props } of config.components) {
    if (typeof props["interactive"] !== "boolean") props["interactive"] = inputs.has(id) || !outputs.has(id);
  }
}
