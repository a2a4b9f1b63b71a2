import assert from "node:assert/strict";
import { test } from "node:test";
import { Refusal, type Http } from "./http.ts";
import { newSessionHash, outcomeOf, problemsOf, Session, type Clock, type Listener } from "./session.ts";
import type { Dependency, Json } from "./types.ts";

const FN: Dependency = { id: 3, api_name: "greet", inputs: [1], outputs: [2] };

/** A server played by the test: posts are answered by `answers`, streams are written by hand. */
class Play {
  posts: [string, Json][] = [];
  opened: string[] = [];
  aborted = 0;
  answers: Record<string, () => Json | Promise<Json>> = { "queue/join": () => ({ event_id: "e1" }) };
  private streams: ReadableStreamDefaultController<Uint8Array>[] = [];
  refuse: number[] = [];

  readonly http = {
    post: async (route: string, body: Json) => {
      this.posts.push([route, body]);
      return (await this.answers[route]?.()) ?? { success: true };
    },
    open: async (route: string, signal: AbortSignal) => {
      this.opened.push(route);
      const refusal = this.refuse.shift();
      if (refusal) throw new Refusal(refusal, `refused ${refusal}`);
      return new ReadableStream<Uint8Array>({
        start: (controller) => {
          this.streams.push(controller);
          signal.addEventListener("abort", () => {
            this.aborted++;
            try {
              controller.error(new Error("aborted"));
            } catch {
              // it had ended before
            }
          });
        },
      });
    },
  } as unknown as Http;

  alarms = new Set<() => void>();

  readonly clock: Clock = {
    wait: async () => undefined,
    alarm: (_ms, ring) => {
      this.alarms.add(ring);
      return () => this.alarms.delete(ring);
    },
  };

  session = new Session(this.http, "hash", this.clock);

  write(text: string, stream = this.streams.length - 1): void {
    this.streams[stream]?.enqueue(new TextEncoder().encode(text));
  }

  say(message: Json, stream?: number): void {
    this.write(`data: ${JSON.stringify(message)}\n\n`, stream);
  }

  end(): void {
    this.streams.at(-1)?.close();
  }
}

type Heard = [string, ...unknown[]];

function ears(): { heard: Heard[]; listener: Listener } {
  const heard: Heard[] = [];
  const listener: Listener = {
    queued: (...args) => heard.push(["queued", ...args]),
    started: (...args) => heard.push(["started", ...args]),
    progress: (items) => heard.push(["progress", items]),
    toast: (toast) => heard.push(["toast", toast.level, toast.text]),
    output: (data, last) => heard.push(["output", structuredClone(data), last]),
    ended: (outcome) => heard.push(["ended", outcome]),
  };
  return { heard, listener };
}

const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));
const join = (play: Play, listener: Listener, dependency = FN): Promise<string | null> =>
  play.session.join({ dependency, data: ["Ada"], eventData: null, triggerId: 7 }, listener);

test("what the page was given goes along with its calls, and nothing where it was given nothing", async () => {
  const play = new Play();
  const { listener } = ears();
  const session = new Session(play.http, "other", play.clock, "key");
  await session.join({ dependency: FN, data: [], eventData: null, triggerId: null }, listener);
  assert.deepEqual(play.posts[0], [
    "queue/join",
    { data: [], event_data: null, fn_index: 3, trigger_id: null, session_hash: "other", page: "key" },
  ]);
});

test("a call: joined, queued, started, answered; then the stream is closed by the server", async () => {
  const play = new Play();
  const { heard, listener } = ears();
  assert.equal(await join(play, listener), "e1");
  assert.deepEqual(play.posts[0], [
    "queue/join",
    { data: ["Ada"], event_data: null, fn_index: 3, trigger_id: 7, session_hash: "hash" },
  ]);
  await settle();
  assert.deepEqual(play.opened, ["queue/data?session_hash=hash"]);
  play.say({ msg: "estimation", event_id: "e1", rank: 2, queue_size: 3, rank_eta: 1.5 });
  play.say({ msg: "process_starts", event_id: "e1", eta: 0.1 });
  play.say({ msg: "heartbeat" });
  play.say({ msg: "process_completed", event_id: "e1", success: true, output: { data: ["Hello Ada"] } });
  play.say({ msg: "close_stream", event_id: null });
  await settle();
  assert.deepEqual(heard, [
    ["queued", 2, 3, 1.5],
    ["started", 0.1],
    ["output", ["Hello Ada"], true],
    ["ended", { kind: "success" }],
  ]);
  assert.equal(play.aborted, 1, "the request is aborted at close_stream, so that the server lets the next join in");
});

test("the next call after close_stream opens a new stream", async () => {
  const play = new Play();
  const { heard, listener } = ears();
  await join(play, listener);
  await settle();
  play.say({ msg: "process_completed", event_id: "e1", success: true, output: { data: [1] } });
  play.say({ msg: "close_stream", event_id: null });
  await settle();
  play.answers["queue/join"] = () => ({ event_id: "e2" });
  await join(play, listener);
  await settle();
  assert.equal(play.opened.length, 2);
  play.say({ msg: "process_completed", event_id: "e2", success: true, output: { data: [2] } });
  await settle();
  assert.deepEqual(heard.filter(([kind]) => kind === "output").map(([, data]) => data), [[1], [2]]);
});

test("partial results after the first are edits", async () => {
  const play = new Play();
  const { heard, listener } = ears();
  await join(play, listener);
  await settle();
  const partial = (data: Json): void => play.say({ msg: "process_generating", event_id: "e1", success: true, output: { data } });
  partial(["1"]);
  partial([[["append", [], " 2"]]]);
  partial([[]]);
  partial([[["replace", [], "x"]]]);
  await settle();
  assert.deepEqual(heard.map(([, data]) => data), [["1"], ["1 2"], ["1 2"], ["x"]]);
});

test("messages that overtake the join's answer are kept for it", async () => {
  const play = new Play();
  const first = ears();
  await join(play, first.listener);
  await settle();
  let answer: (value: Json) => void = () => undefined;
  play.answers["queue/join"] = () => new Promise<Json>((resolve) => (answer = resolve));
  const second = ears();
  const joined = join(play, second.listener);
  await settle();
  play.say({ msg: "process_completed", event_id: "e2", success: true, output: { data: ["early"] } });
  await settle();
  assert.deepEqual(second.heard, []);
  answer({ event_id: "e2" });
  await joined;
  assert.deepEqual(second.heard, [["output", ["early"], true], ["ended", { kind: "success" }]]);
});

test("a failed call tells its error, a cancelled one only that", async () => {
  const play = new Play();
  const { heard, listener } = ears();
  await join(play, listener);
  await settle();
  const output = { error: "Cannot divide by zero!", duration: 10, visible: true, title: "Error" };
  play.say({ msg: "process_completed", event_id: "e1", success: false, title: "Error", output });
  await settle();
  assert.deepEqual(heard, [["ended", { kind: "error", title: "Error", message: output.error, seconds: 10, visible: true }]]);
  const cancelled = { error: "Cancelled", title: "Cancelled", visible: false, duration: null };
  assert.deepEqual(outcomeOf(cancelled, null), { kind: "cancelled" });
  assert.match((outcomeOf({ error: null }, null) as { message: string }).message, /author/);
});

test("logs and progress are told while it runs", async () => {
  const play = new Play();
  const { heard, listener } = ears();
  await join(play, listener);
  await settle();
  const item = { index: null, length: null, unit: null, progress: 0.5, desc: "half" };
  play.say({ msg: "progress", event_id: "e1", progress_data: [item] });
  play.say({ msg: "log", event_id: "e1", log: "careful", level: "warning", duration: null, visible: true });
  play.say({ msg: "log", event_id: "e1", log: "hidden", level: "info", visible: false });
  await settle();
  assert.deepEqual(heard, [["progress", [item]], ["toast", "warning", "careful"]]);
});

test("a join that is refused ends the call with the server's words", async () => {
  const play = new Play();
  play.answers["queue/join"] = () => Promise.reject(new Refusal(503, "Queue is full."));
  const { heard, listener } = ears();
  assert.equal(await join(play, listener), null);
  assert.equal((heard[0]?.[1] as { message: string }).message, "Queue is full.");
  assert.equal(play.opened.length, 0);
});

test("a 422 names the values that are not accepted", async () => {
  const play = new Play();
  const detail = [{ is_valid: false, message: "too short", parameter_name: "name" }, { is_valid: true }];
  play.answers["queue/join"] = () => Promise.reject(new Refusal(422, "", { detail }));
  const { heard, listener } = ears();
  await join(play, listener);
  assert.deepEqual(heard, [
    ["ended", { kind: "invalid", problems: [{ message: "too short", position: 0, parameter: "name" }] }],
  ]);
  assert.deepEqual(problemsOf({ detail: "a sentence" }), []);
});

test("a stream that breaks loses no call: its result is fetched by its id", async () => {
  const play = new Play();
  const { heard, listener } = ears();
  await join(play, listener);
  await settle();
  play.say({ msg: "process_generating", event_id: "e1", success: true, output: { data: ["1"] } });
  await settle();
  play.end();
  await settle();
  assert.equal(play.opened[1], "call/greet/e1");
  play.write('event: generating\ndata: ["1 2"]\n\nevent: heartbeat\ndata: null\n\nevent: complete\ndata: ["1 2 3"]\n\n');
  await settle();
  assert.deepEqual(heard, [
    ["output", ["1"], false],
    ["output", ["1 2"], false],
    ["output", ["1 2 3"], true],
    ["ended", { kind: "success" }],
  ]);
});

test("a result stream that breaks too is asked again, until the server knows the call no more", async () => {
  const play = new Play();
  const { heard, listener } = ears();
  await join(play, listener);
  await settle();
  play.refuse = [503, 404];
  play.end();
  await settle();
  assert.equal(play.opened.length, 3);
  assert.match((heard.at(-1)?.[1] as { message: string }).message, /connection was lost/);
});

test("a stream that falls silent is taken for broken", async () => {
  const play = new Play();
  const { heard, listener } = ears();
  await join(play, listener);
  await settle();
  play.say({ msg: "heartbeat" });
  await settle();
  assert.equal(play.alarms.size, 1, "each piece that arrives puts the alarm off");
  for (const ring of play.alarms) ring();
  await settle();
  assert.equal(play.opened[1], "call/greet/e1");
  play.write('event: complete\ndata: ["late"]\n\n');
  await settle();
  assert.deepEqual(heard, [["output", ["late"], true], ["ended", { kind: "success" }]]);
  assert.equal(play.alarms.size, 0);
});

test("an edit that does not fit makes the call's full values be fetched", async () => {
  const play = new Play();
  const { heard, listener } = ears();
  await join(play, listener);
  await settle();
  play.say({ msg: "process_generating", event_id: "e1", success: true, output: { data: [1] } });
  play.say({ msg: "process_generating", event_id: "e1", success: true, output: { data: [[["append", [], "x"]]] } });
  await settle();
  assert.equal(play.opened[1], "call/greet/e1");
  play.write('event: complete\ndata: ["right"]\n\n');
  await settle();
  assert.deepEqual(heard.at(-2), ["output", ["right"], true]);
});

test("a function without a queue is called directly", async () => {
  const play = new Play();
  play.answers["run/greet"] = () => ({ data: ["Hello"] });
  const { heard, listener } = ears();
  assert.equal(await join(play, listener, { ...FN, queue: false }), null);
  assert.deepEqual(heard, [["started", null], ["output", ["Hello"], true], ["ended", { kind: "success" }]]);
  const failed = ears();
  play.answers["run/greet"] = () => Promise.reject(new Refusal(500, "boom", { error: "boom", duration: 3, visible: true, title: "Oops" }));
  await join(play, failed.listener, { ...FN, queue: false });
  assert.deepEqual(failed.heard.at(-1), ["ended", { kind: "error", title: "Oops", message: "boom", seconds: 3, visible: true }]);
});

test("cancel names the call and leaves its end to the stream", async () => {
  const play = new Play();
  const { heard, listener } = ears();
  await join(play, listener);
  await play.session.cancel("e1");
  assert.deepEqual(play.posts.at(-1), ["cancel", { event_id: "e1", session_hash: "hash", fn_index: 3 }]);
  assert.deepEqual(heard, []);
  await play.session.cancel("unknown");
  assert.equal(play.posts.length, 2);
});

test("a cancel that fails is told", async () => {
  const play = new Play();
  const { heard, listener } = ears();
  await join(play, listener);
  play.answers["cancel"] = () => Promise.reject(new Refusal(0, "The server cannot be reached."));
  await play.session.cancel("e1");
  assert.deepEqual(heard, [["toast", "warning", "The server cannot be reached."]]);
});

test("session names are words that the server takes, and differ", () => {
  const names = new Set(Array.from({ length: 100 }, newSessionHash));
  assert.equal(names.size, 100);
  for (const name of names) assert.match(name, /^[a-z0-9]{12}$/);
});
