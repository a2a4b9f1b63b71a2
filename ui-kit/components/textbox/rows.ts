/** The rows of a text area for a text: as many as it has lines, within the author's bounds. */
export function rowsFor(value: string, lines: number, maxLines: number): number {
  let count = 1;
  for (let at = value.indexOf("\n"); at >= 0 && count < maxLines; at = value.indexOf("\n", at + 1)) count++;
  return Math.max(1, Math.min(Math.max(lines, count), Math.max(maxLines, lines)));
}

interface KeyPress {
  key: string;
  shiftKey: boolean;
  isComposing: boolean;
}

/** Enter submits a one-line field, Shift+Enter a larger one; never while an input method composes a word. */
export function isSubmitKey(event: KeyPress, lines: number): boolean {
  if (event.key !== "Enter" || event.isComposing) return false;
  return lines > 1 ? event.shiftKey : !event.shiftKey;
}
