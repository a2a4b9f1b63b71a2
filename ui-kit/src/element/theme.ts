export type Theme = "light" | "dark" | "system";

export function readTheme(value: unknown): Theme | null {
  return value === "light" || value === "dark" || value === "system" ? value : null;
}
