// Partial results after the first travel as edit lists against the one before: [action, path, value] in order.
import type { Json } from "./types.ts";

export type Edit = ["replace" | "append" | "add" | "delete", (string | number)[], Json];

type Holder = Json[] | { [key: string]: Json };

function isHolder(value: Json | undefined): value is Holder {
  return typeof value === "object" && value !== null;
}

function get(holder: Holder, key: string | number): Json | undefined {
  return Array.isArray(holder) ? holder[Number(key)] : holder[String(key)];
}

function set(holder: Holder, key: string | number, value: Json): void {
  if (Array.isArray(holder)) holder[Number(key)] = value;
  else holder[String(key)] = value;
}

function add(holder: Holder, key: string | number, value: Json): void {
  if (Array.isArray(holder)) holder.splice(Number(key), 0, value);
  else holder[String(key)] = value;
}

function remove(holder: Holder, key: string | number): void {
  if (Array.isArray(holder)) holder.splice(Number(key), 1);
  else delete holder[String(key)];
}

function joined(before: Json | undefined, tail: Json): Json {
  if (typeof before !== "string" || typeof tail !== "string") throw new Error("append to what is no text");
  return before + tail;
}

function atRoot(value: Json, [action, , operand]: Edit): Json {
  if (action === "replace") return operand;
  if (action === "append") return joined(value, operand);
  throw new Error(`${action} needs a path`);
}

function within(value: Json, [action, path, operand]: Edit): void {
  let holder: Json | undefined = value;
  for (const key of path.slice(0, -1)) holder = isHolder(holder) ? get(holder, key) : undefined;
  const last = path.at(-1)!;
  if (!isHolder(holder)) throw new Error("an edit's path leads nowhere");
  if (action === "replace") set(holder, last, operand);
  else if (action === "append") set(holder, last, joined(get(holder, last), operand));
  else if (action === "add") add(holder, last, operand);
  else if (action === "delete") remove(holder, last);
  else throw new Error(`unknown edit ${String(action)}`);
}

/** The value after the edits. `value` itself is left as it is; parts no edit reaches are shared with it. */
export function applyEdits(value: Json, edits: Edit[]): Json {
  let result = value;
  let own = false;
  for (const edit of edits) {
    if (edit[1].length === 0) {
      result = atRoot(result, edit);
      own = false;
    } else {
      if (!own && isHolder(result)) result = structuredClone(result);
      own = true;
      within(result, edit);
    }
  }
  return result;
}
