const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*\/[A-Za-z0-9][A-Za-z0-9._-]*$/;
const MOST_HEIGHT = 100_000;

/** The address of the frame for `src`; null when it is neither owner/name nor an address. */
export function demoAddress(source: string, host: string, theme: string | null): string | null {
  let url: URL;
  try {
    if (NAME.test(source)) url = new URL(`/spaces/${source}/-/`, host);
    else if (/^https?:\/\//i.test(source)) url = new URL(source);
    else return null;
  } catch {
    return null; // an address that the browser cannot read either
  }
  if (theme === "light" || theme === "dark" || theme === "system") url.searchParams.set("__theme", theme);
  return url.href;
}

/** The height in a message of a demo's page; null when the message is another one. */
export function readHeight(data: unknown): number | null {
  if (typeof data !== "object" || data === null) return null;
  const { type, height } = data as { type?: unknown; height?: unknown };
  return type === "vitrine:height" && typeof height === "number" && height > 0 && height < MOST_HEIGHT ? Math.ceil(height) : null;
}
