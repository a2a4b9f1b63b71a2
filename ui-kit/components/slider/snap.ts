/** The nearest position of the slider to a typed number. */
export function snap(value: number, scale: { minimum: number; maximum: number; step: number }): number {
  const { minimum, maximum, step } = scale;
  if (!Number.isFinite(value)) return minimum;
  const steps = Math.round((value - minimum) / step);
  const position = Number((minimum + steps * step).toPrecision(12));
  return Math.min(maximum, Math.max(minimum, position));
}
