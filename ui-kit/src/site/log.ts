/** A line of a demo's log as the page writes it; `iso` is for machines, `time` for people. */
export interface LogLine {
  iso: string;
  time: string;
  level: string;
  source: string;
  text: string;
}

const LEVELS = new Set(["info", "warning", "error"]);

/** A line from the data of a log event; null when the data is none. */
export function logLine(data: string): LogLine | null {
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    return null; // keep-alives and lines cut by a broken connection are no log lines
  }
  if (typeof value !== "object" || value === null) return null;
  const { data: text, timestamp, level, source } = value as Record<string, unknown>;
  if (typeof text !== "string") return null;
  const iso = typeof timestamp === "string" ? timestamp : "";
  return {
    iso,
    time: /T(\d\d:\d\d:\d\d)/.exec(iso)?.[1] ?? "",
    level: LEVELS.has(String(level)) ? String(level) : "info",
    source: typeof source === "string" ? source : "run",
    text: text.replace(/\n$/, ""),
  };
}
