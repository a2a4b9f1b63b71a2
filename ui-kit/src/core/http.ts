// Requests to the demo that this page belongs to. Every address is relative to the page, because the same page lives at the
// root of its own origin, below /spaces/<owner>/<name>/-/ and behind a token.
import type { Json } from "./types.ts";

/** A request that was answered with a refusal, or not at all (status 0). */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly detail: Json = null,
  ) {
    super(message);
  }
}

const UNREACHABLE = "The server cannot be reached. Check the connection and try again.";

const STATUS_WORDS: Record<number, string> = {
  401: "You are not signed in, or the sign-in has ended. Reload the page.",
  403: "The server does not allow this.",
  404: "This demo is not there any more. Reload the page.",
  413: "That is too large for this server.",
  429: "Too many requests. Wait a moment and try again.",
  500: "The server failed to answer. Try again.",
  502: "The server is restarting. Try again in a moment.",
  503: "This demo is busy. Try again in a moment.",
};

function record(value: Json): { [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
}

/** The sentence for a person in the body of a refusal. */
export function refusalText(status: number, body: Json): string {
  const { detail, error } = record(body);
  for (const candidate of [detail, error, record(detail ?? null)["auth_message"], record(detail ?? null)["error"]]) {
    if (typeof candidate === "string" && candidate !== "") return candidate;
  }
  return STATUS_WORDS[status] ?? `The server refused this (${status}).`;
}

async function readJson(response: Response): Promise<Json> {
  try {
    return (await response.json()) as Json;
  } catch {
    return null; // refusals may be plain text; a good answer that is no JSON is seen by its caller
  }
}

export class Http {
  constructor(
    private readonly base: string,
    private readonly prefix = "/gradio_api",
    private readonly fetcher: typeof fetch = (...args) => fetch(...args),
  ) {}

  /** The address of an API route, e.g. `queue/join`. */
  api(route: string): string {
    return new URL(`${this.prefix.replace(/^\//, "")}/${route}`.replace(/^\//, ""), this.base).href;
  }

  private async send(url: string, init: RequestInit): Promise<Response> {
    let response: Response;
    try {
      response = await this.fetcher(url, init);
    } catch (error) {
      if (init.signal?.aborted) throw error;
      throw new Refusal(0, UNREACHABLE);
    }
    if (response.ok) return response;
    const body = await readJson(response);
    throw new Refusal(response.status, refusalText(response.status, body), body);
  }

  async post(route: string, body: Json): Promise<Json> {
    const response = await this.send(this.api(route), {
      method: "POST",
      headers: { "content-type": "application/json", "x-gradio-user": "app" },
      body: JSON.stringify(body),
    });
    return readJson(response);
  }

  async open(route: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    const response = await this.send(this.api(route), { headers: { accept: "text/event-stream" }, signal });
    if (!response.body) throw new Refusal(0, UNREACHABLE);
    return response.body;
  }

  /** Stores a file; returns its handle. */
  async upload(file: Blob, name: string): Promise<string> {
    const form = new FormData();
    form.append("files", file, name);
    const response = await this.send(this.api("upload"), { method: "POST", body: form });
    const handles = await readJson(response);
    const handle = Array.isArray(handles) ? handles[0] : null;
    if (typeof handle !== "string") throw new Refusal(0, "The server did not take the file. Try again.");
    return handle;
  }
}
