// One page's session with its demo: calls are joined to the queue, and one stream brings what happens to all of them.
//
// The stream is opened for the first call that waits and closed by the server's `close_stream`; the request is aborted at
// once then, because the server holds the next join until it sees that. A stream that breaks takes no call with it: each
// call that still runs is followed by GET call/<name>/<event id>, which tells full values and may be asked again.
import { bounds } from "../bounds.ts";
import { applyEdits, type Edit } from "./diff.ts";
import { Refusal, type Http } from "./http.ts";
import { readFrames, type Frame } from "./sse.ts";
import type { Dependency, Json, Outcome, Problem, ProgressItem, Toast } from "./types.ts";

/** What a call tells while it runs. `ended` comes last and once. */
export interface Listener {
  queued(position: number, size: number, eta: number | null): void;
  started(eta: number | null): void;
  progress(items: ProgressItem[]): void;
  toast(toast: Toast): void;
  output(data: Json[], last: boolean): void;
  ended(outcome: Outcome): void;
}

type Message = { [key: string]: Json };

const LOST = "The connection was lost and the result could not be fetched. Try again.";

function record(value: Json | undefined): Message {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
}

function text(value: Json | undefined, otherwise: string): string {
  return typeof value === "string" && value !== "" ? value : otherwise;
}

function number(value: Json | undefined): number | null {
  return typeof value === "number" ? value : null;
}

/** The outcome that an error object ({error, title, duration, visible}) means. */
export function outcomeOf(output: Message, fallbackTitle: Json | undefined): Outcome {
  const title = text(output["title"], text(fallbackTitle, "Error"));
  if (output["error"] === "Cancelled" && output["visible"] === false) return { kind: "cancelled" };
  return {
    kind: "error",
    title,
    message: text(output["error"], "The demo failed to answer. Its author can read why in the log."),
    seconds: "duration" in output ? number(output["duration"]) : bounds.toastSeconds,
    visible: output["visible"] !== false,
  };
}

/** The problems in the detail list of a 422. */
export function problemsOf(detail: Json): Problem[] {
  const list = record(detail)["detail"];
  if (!Array.isArray(list)) return [];
  const problems: Problem[] = [];
  const whole = list.some((entry) => record(entry)["is_valid"] === true); // then there is one entry per input, in order
  list.forEach((entry, position) => {
    const { is_valid, message, parameter_name, msg } = record(entry);
    if (is_valid === true) return;
    problems.push({
      message: text(message, text(msg, "This value is not accepted.")),
      position: whole ? position : null,
      parameter: typeof parameter_name === "string" ? parameter_name : null,
    });
  });
  return problems;
}

export function outcomeOfRefusal(error: unknown): Outcome {
  if (error instanceof Refusal && error.status === 422) {
    const problems = problemsOf(error.detail);
    if (problems.length) return { kind: "invalid", problems };
  }
  const message = error instanceof Error ? error.message : LOST;
  return { kind: "error", title: "Error", message, seconds: bounds.toastSeconds, visible: true };
}

class Call {
  private data: Json[] | null = null;
  over = false;
  astray = false; // its stream broke: it is followed on its own, and late messages of it are not heard

  constructor(
    readonly dependency: Dependency,
    readonly listener: Listener,
    readonly eventId: string,
  ) {}

  end(outcome: Outcome): void {
    if (this.over) return;
    this.over = true;
    this.listener.ended(outcome);
  }

  partial(data: Json[]): void {
    this.data = data;
    this.listener.output(data, false);
  }

  hear(message: Message): void {
    const handler = HANDLERS[String(message["msg"])];
    if (handler && !this.over) handler(this, message);
  }

  generating(output: Message): void {
    const data = output["data"];
    if (!Array.isArray(data)) return;
    const before = this.data;
    this.partial(before === null ? data : data.map((edits, i) => applyEdits(before[i] ?? null, edits as Edit[])));
  }

  completed(message: Message): void {
    const output = record(message["output"]);
    if (message["success"] !== true) return this.end(outcomeOf(output, message["title"]));
    if (Array.isArray(output["data"])) this.listener.output(output["data"], true);
    this.end({ kind: "success" });
  }
}

const HANDLERS: Record<string, (call: Call, message: Message) => void> = {
  estimation: (call, m) => call.listener.queued(number(m["rank"]) ?? 0, number(m["queue_size"]) ?? 1, number(m["rank_eta"])),
  process_starts: (call, m) => call.listener.started(number(m["eta"])),
  progress: (call, m) => {
    if (Array.isArray(m["progress_data"])) call.listener.progress(m["progress_data"] as unknown as ProgressItem[]);
  },
  log: (call, m) => {
    if (m["visible"] === false) return;
    const level = text(m["level"], "info") as Toast["level"];
    const seconds = "duration" in m ? number(m["duration"]) : bounds.toastSeconds;
    call.listener.toast({ level, title: text(m["title"], ""), text: text(m["log"], ""), seconds });
  },
  process_generating: (call, m) => {
    const output = record(m["output"]);
    if (m["success"] === false) call.end(outcomeOf(output, m["title"]));
    else call.generating(output);
  },
  process_completed: (call, m) => call.completed(m),
  unexpected_error: (call, m) =>
    call.end({ kind: "error", title: "Error", message: text(m["message"], LOST), seconds: null, visible: true }),
};

function parseJson(data: string): Json {
  try {
    return JSON.parse(data) as Json;
  } catch {
    return null; // a frame cut by a broken connection; the stream's end is handled where it is read
  }
}

export interface Clock {
  wait(ms: number): Promise<void>;
  /** Runs `ring` after so long; the result takes that back. */
  alarm(ms: number, ring: () => void): () => void;
}

const realClock: Clock = {
  wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  alarm: (ms, ring) => {
    const timer = setTimeout(ring, ms);
    return () => clearTimeout(timer);
  },
};

export interface JoinRequest {
  dependency: Dependency;
  data: Json[];
  eventData: Json;
  triggerId: number | null;
}

export class Session {
  private readonly calls = new Map<string, Call>();
  private readonly strays = new Map<string, Message[]>();
  private stray = 0;
  private joining = 0;
  private stream: AbortController | null = null;

  constructor(
    private readonly http: Http,
    readonly hash: string,
    private readonly clock: Clock = realClock,
    /** What the page was given and API clients never see: functions that are private answer only to it. */
    private readonly pageKey?: string,
  ) {}

  /** Starts a call. Resolves with its id once the server took it, with null when it refused (the listener was told). */
  async join(request: JoinRequest, listener: Listener): Promise<string | null> {
    const { dependency, data, eventData, triggerId } = request;
    const page = this.pageKey ? { page: this.pageKey } : {};
    const body = { data, event_data: eventData, fn_index: dependency.id, trigger_id: triggerId, session_hash: this.hash, ...page };
    if (dependency.queue === false) return this.callDirectly(dependency, body, listener);
    this.joining++;
    try {
      const answer = record(await this.http.post("queue/join", body));
      const eventId = text(answer["event_id"], "");
      if (!eventId) throw new Refusal(0, "The server did not take the call. Try again.");
      this.adopt(new Call(dependency, listener, eventId));
      return eventId;
    } catch (error) {
      listener.ended(outcomeOfRefusal(error));
      return null;
    } finally {
      if (--this.joining === 0) this.forgetStrays();
    }
  }

  /** Asks the server to stop a call; the call ends by the message that follows. */
  async cancel(eventId: string): Promise<void> {
    const call = this.calls.get(eventId);
    if (!call) return;
    const body = { event_id: eventId, session_hash: this.hash, fn_index: call.dependency.id };
    try {
      await this.http.post("cancel", body);
    } catch (error) {
      call.listener.toast({
        level: "warning",
        title: "Not stopped",
        text: error instanceof Error ? error.message : LOST,
        seconds: bounds.toastSeconds,
      });
    }
  }

  // `queue = false`: one request, one answer, no stream and no place in a queue.
  private async callDirectly(dependency: Dependency, body: Json, listener: Listener): Promise<null> {
    listener.started(null);
    try {
      const output = record(await this.http.post(`run/${encodeURIComponent(dependency.api_name || "predict")}`, body));
      if (Array.isArray(output["data"])) listener.output(output["data"], true);
      listener.ended({ kind: "success" });
    } catch (error) {
      const detail = error instanceof Refusal ? record(error.detail) : {};
      listener.ended("error" in detail ? outcomeOf(detail, "Error") : outcomeOfRefusal(error));
    }
    return null;
  }

  // Messages may overtake the answer to the join that names their call; they waited in `strays`.
  private adopt(call: Call): void {
    this.calls.set(call.eventId, call);
    for (const message of this.strays.get(call.eventId) ?? []) this.deliver(call, message);
    this.strays.delete(call.eventId);
    if (!call.over && !this.stream) void this.listen();
  }

  private deliver(call: Call, message: Message): void {
    try {
      call.hear(message);
    } catch {
      // An edit list that does not fit what came before: fetch the full values instead of showing wrong ones.
      void this.follow(call);
    }
    if (call.over) this.calls.delete(call.eventId);
  }

  // With no join under way, messages without a call belong to calls that are over.
  private forgetStrays(): void {
    this.strays.clear();
    this.stray = 0;
  }

  private hear(message: Message): void {
    const eventId = message["event_id"];
    if (typeof eventId !== "string") {
      if (message["msg"] === "unexpected_error") for (const call of [...this.calls.values()]) this.deliver(call, message);
      return;
    }
    const call = this.calls.get(eventId);
    if (call && !call.astray) this.deliver(call, message);
    else if (!call && this.joining > 0 && this.stray++ < bounds.strayMessages) {
      this.strays.set(eventId, [...(this.strays.get(eventId) ?? []), message]);
    }
  }

  // Opens the stream and reads it to its end.
  private async listen(): Promise<void> {
    const stream = (this.stream = new AbortController());
    let closed = false;
    try {
      closed = await this.read(stream);
    } catch {
      closed = false; // refused or broken: what still runs is followed below
    }
    if (this.stream === stream) this.stream = null;
    const waiting = [...this.calls.values()].filter((call) => !call.astray);
    if (!closed) for (const call of waiting) void this.follow(call);
    else if (waiting.length) void this.listen();
  }

  private async read(stream: AbortController): Promise<boolean> {
    for await (const frame of this.frames(`queue/data?session_hash=${encodeURIComponent(this.hash)}`, stream)) {
      const message = record(parseJson(frame.data));
      if (message["msg"] === "close_stream") return true;
      this.hear(message);
    }
    return false;
  }

  // The frames of a stream; one that falls silent is taken for broken.
  private async *frames(route: string, stream: AbortController): AsyncGenerator<Frame> {
    let calm: () => void = () => undefined;
    const heard = (): void => {
      calm();
      calm = this.clock.alarm(bounds.silenceMs, () => stream.abort());
    };
    heard();
    try {
      yield* readFrames(await this.http.open(route, stream.signal), heard);
    } finally {
      calm();
      stream.abort();
    }
  }

  // Finds a call again after its stream broke, by its own result stream, until it has ended.
  private async follow(call: Call): Promise<void> {
    if (call.astray) return;
    call.astray = true;
    let delay: number = bounds.retryFirstMs;
    for (let attempt = 0; attempt < bounds.retries && !call.over; attempt++) {
      try {
        await this.readResult(call);
      } catch (error) {
        if (error instanceof Refusal && error.status >= 400 && error.status < 500 && error.status !== 429) break;
      }
      if (call.over) break;
      await this.clock.wait(delay);
      delay = Math.min(delay * 2, bounds.retryMostMs);
    }
    call.end({ kind: "error", title: "Connection lost", message: LOST, seconds: null, visible: true });
    this.calls.delete(call.eventId);
  }

  private async readResult(call: Call): Promise<void> {
    const name = call.dependency.api_name || String(call.dependency.id);
    const route = `call/${encodeURIComponent(name)}/${encodeURIComponent(call.eventId)}`;
    for await (const frame of this.frames(route, new AbortController())) {
      this.hearResult(call, frame);
      if (call.over) return;
    }
  }

  private hearResult(call: Call, frame: Frame): void {
    const data = parseJson(frame.data);
    if (frame.event === "generating" && Array.isArray(data)) call.partial(data);
    else if (frame.event === "complete") {
      if (Array.isArray(data)) call.listener.output(data, true);
      call.end(Array.isArray(data) ? { kind: "success" } : { kind: "cancelled" });
    } else if (frame.event === "error") {
      call.end(outcomeOf(typeof data === "string" ? { error: data } : record(data), "Error"));
    }
  }
}

/** A new session's name: only letters and digits. */
export function newSessionHash(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => (byte % 36).toString(36)).join("");
}
