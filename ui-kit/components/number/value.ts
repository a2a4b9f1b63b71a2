/** What a field holds, as a number; null when it is empty or holds none. */
export function readNumber(text: string): number | null {
  const value = text.trim() === "" ? NaN : Number(text);
  return Number.isFinite(value) ? value : null;
}

/** The value one step up or down, within the bounds, without the dust of binary fractions. */
export function arrowed(
  value: number,
  direction: 1 | -1,
  bounds: { minimum: number | null; maximum: number | null; step: number },
): number {
  const next = Number((value + direction * bounds.step).toPrecision(12));
  return Math.min(bounds.maximum ?? Infinity, Math.max(bounds.minimum ?? -Infinity, next));
}
