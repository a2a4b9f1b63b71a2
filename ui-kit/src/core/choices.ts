// Lists of choices: each travels as [label, value]; a bare value is its own label.
import type { Json } from "./types.ts";

export interface Choice {
  label: string;
  value: Json;
}

export function readChoices(list: unknown): Choice[] {
  if (!Array.isArray(list)) return [];
  return list.map((entry: Json) =>
    Array.isArray(entry) ? { label: String(entry[0] ?? ""), value: entry[1] ?? null } : { label: String(entry), value: entry },
  );
}

/** The place of a value among the choices, or -1. */
export function indexOf(choices: Choice[], value: unknown): number {
  return choices.findIndex((choice) => choice.value === value);
}
