export type Choice = "light" | "dark" | "system";

/** What a press of the button leads to. */
export function nextTheme(theme: Choice): Choice {
  return theme === "system" ? "light" : theme === "light" ? "dark" : "system";
}

/** The cookie that lets the server write the choice into the next page, so that it never flashes. */
export function themeCookie(theme: Choice, secure: boolean): string {
  const age = theme === "system" ? 0 : 365 * 24 * 3600;
  return `vitrine_theme=${theme}; path=/; max-age=${age}; samesite=lax${secure ? "; secure" : ""}`;
}
