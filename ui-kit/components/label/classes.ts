export interface LabelValue {
  label: string;
  classes: { label: string; confidence: number }[];
}

/** What is shown of a label's wire value; null when there is nothing. */
export function readLabel(value: unknown, most: number | null): LabelValue | null {
  if (typeof value !== "object" || value === null) return null;
  const { label, confidences } = value as { label?: unknown; confidences?: unknown };
  const classes: LabelValue["classes"] = [];
  for (const entry of Array.isArray(confidences) ? confidences : []) {
    const { label: name, confidence } = (entry ?? {}) as { label?: unknown; confidence?: unknown };
    if (typeof confidence === "number") classes.push({ label: String(name), confidence });
  }
  if ((label === null || label === undefined || label === "") && classes.length === 0) return null;
  return { label: String(label ?? classes[0]?.label ?? ""), classes: classes.slice(0, most ?? undefined) };
}
