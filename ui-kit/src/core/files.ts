// Addresses and handles of files.
import { isFileData, type FileData } from "./types.ts";

/** Where the page fetches a file. A handle wins over the absolute address beside it: the page knows its own place best. */
export function fileAddress(file: FileData, api: (route: string) => string, base: string): string {
  const url = file.url ?? "";
  if (url.startsWith("data:image/")) return url;
  if (url !== "" && !/^([a-z][a-z0-9+.-]*:|\/)/i.test(url)) return new URL(url, base).href;
  if (/^[a-z][a-z0-9+.-]*:/i.test(file.path)) return "";
  return api("file=" + file.path.split("/").map(encodeURIComponent).join("/"));
}

/** Whether the file is one of the demo's repository: it has an address but no handle of the server's. */
export function isRepositoryFile(file: FileData): boolean {
  return Boolean(file.url) && !/^([a-z][a-z0-9+.-]*:|\/)/i.test(file.url ?? "");
}

/** The picture in a value: a file, or a drawing's composite. */
export function pictureOf(value: unknown): FileData | null {
  if (isFileData(value)) return value;
  if (typeof value !== "object" || value === null) return null;
  const { composite, background } = value as { composite?: unknown; background?: unknown };
  return isFileData(composite) ? composite : isFileData(background) ? background : null;
}

export function fileData(path: string, name: string, type: string, size: number): FileData {
  return { path, orig_name: name, mime_type: type, size, meta: { _type: "gradio.FileData" } };
}
