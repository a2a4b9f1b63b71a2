export type Token = ["" | "key" | "text" | "number" | "word", string];

const PATTERN = /("(?:[^"\\]|\\.)*")(\s*:)?|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|\b(true|false|null)\b/g;

/**
 * The value as text over lines, names in order: a Lua table has no order of its own, and names that change places with
 * every answer cannot be read. The server's first paint writes them so too.
 */
export function pretty(value: unknown): string {
  const inOrder = (_key: string, part: unknown): unknown => {
    if (typeof part !== "object" || part === null || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
  };
  return JSON.stringify(value, inOrder, 2);
}

/** JSON text cut into what is coloured and what is not; joined again it is the text. */
export function tokens(text: string): Token[] {
  const list: Token[] = [];
  let from = 0;
  for (const match of text.matchAll(PATTERN)) {
    if (match.index > from) list.push(["", text.slice(from, match.index)]);
    const [whole, quoted, colon, number] = match;
    if (quoted) list.push([colon ? "key" : "text", quoted]);
    else list.push([number ? "number" : "word", whole]);
    if (colon) list.push(["", colon]);
    from = match.index + whole.length;
  }
  if (from < text.length) list.push(["", text.slice(from)]);
  return list;
}
