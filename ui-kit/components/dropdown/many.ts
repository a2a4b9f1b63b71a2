import type { Choice } from "../../src/core/choices.ts";
import type { Json } from "../../src/core/types.ts";

/** A value as the list of what is chosen. */
export function asList(value: Json | undefined): Json[] {
  if (Array.isArray(value)) return value;
  return value === null || value === undefined || value === "" ? [] : [value];
}

/** The list with one entry put in or taken out; a list that is full stays as it is. */
export function toggled(list: Json[], entry: Json, most: number | null): Json[] {
  if (list.includes(entry)) return list.filter((one) => one !== entry);
  return most !== null && list.length >= most ? list : [...list, entry];
}

/** What typed text means: the choice with that label, else the text itself; nothing is null. */
export function valueOfText(choices: Choice[], text: string): Json {
  if (text === "") return null;
  return choices.find((choice) => choice.label === text)?.value ?? text;
}

export function matches(choice: Choice, filter: string): boolean {
  return choice.label.toLocaleLowerCase().includes(filter.trim().toLocaleLowerCase());
}
