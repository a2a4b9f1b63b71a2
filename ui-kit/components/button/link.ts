/** The address when it may be opened from a page (http, https or relative), else "". */
export function safeLink(address: string): string {
  const scheme = /^\s*([a-z][a-z0-9+.-]*):/i.exec(address.replace(/[\u0000-\u0020]/g, ""))?.[1]?.toLowerCase();
  return scheme === undefined || scheme === "http" || scheme === "https" ? address : "";
}
