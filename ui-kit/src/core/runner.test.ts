import assert from "node:assert/strict";
import { test } from "node:test";
import { propsOf, Runner, type Caller, type Surface } from "./runner.ts";
import type { JoinRequest, Listener } from "./session.ts";
import type { Config, Dependency, Json, Outcome } from "./types.ts";

const SUCCESS: Outcome = { kind: "success" };
const FAILURE: Outcome = { kind: "error", title: "Error", message: "boom", seconds: 10, visible: true };

/** A page and a server played by the test: calls wait until the test ends them. */
class Play {
  values = new Map<number, Json>();
  calls: { request: JoinRequest; listener: Listener; id: string }[] = [];
  cancelled: string[] = [];
  told: string[] = [];
  states: string[] = [];
  troubles = new Map<number, string>();
  runner: Runner;

  constructor(dependencies: Partial<Dependency>[], components: Config["components"] = []) {
    const config: Config = {
      components,
      dependencies: dependencies.map((one, i) => ({ id: i + 1, inputs: [], outputs: [], ...one })),
    };
    const caller: Caller = {
      join: async (request, listener) => {
        const id = `e${this.calls.length + 1}`;
        this.calls.push({ request, listener, id });
        return id;
      },
      cancel: async (id) => {
        this.cancelled.push(id);
      },
    };
    const surface: Surface = {
      collect: async (id) => this.values.get(id) ?? null,
      apply: (id, props) => {
        this.told.push(`${id}=${JSON.stringify(props)}`);
        if ("value" in props && JSON.stringify(this.values.get(id)) !== JSON.stringify(props["value"])) {
          this.values.set(id, props["value"] as Json);
          this.runner.fire(id, "change");
        }
      },
      show: (run) => this.states.push(`${run.dependency.id}:${run.state}`),
      toast: (toast) => this.told.push(`toast ${toast.level}: ${toast.text}`),
      forgive: () => undefined,
      problems: (messages) => {
        this.troubles = messages;
      },
      reveal: (ids) => this.told.push(`reveal ${ids.join()}`),
    };
    this.runner = new Runner(config, caller, surface, () => 0);
  }

  get started(): number[] {
    return this.calls.map((call) => call.request.dependency.id);
  }

  async end(index: number, outcome: Outcome = SUCCESS, data?: Json[]): Promise<void> {
    const call = this.calls[index]!;
    if (data) call.listener.output(data, true);
    call.listener.ended(outcome);
    await settle();
  }
}

const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));

test("an event starts what listens for it, with the values of its inputs", async () => {
  const play = new Play([{ targets: [[1, "click"]], inputs: [2, 3] }, { targets: [[1, "change"]] }]);
  play.values.set(2, "Ada");
  play.runner.fire(1, "click", { index: 4 });
  await settle();
  assert.deepEqual(play.started, [1]);
  assert.deepEqual(play.calls[0]?.request.data, ["Ada", null]);
  assert.deepEqual(play.calls[0]?.request.eventData, { index: 4 });
  assert.equal(play.calls[0]?.request.triggerId, 1);
});

test("state travels as null both ways", async () => {
  const play = new Play([{ targets: [[1, "click"]], inputs: [9], outputs: [9, 2] }], [{ id: 9, type: "state", props: {} }]);
  play.values.set(9, "secret");
  play.runner.fire(1, "click");
  await settle();
  assert.deepEqual(play.calls[0]?.request.data, [null]);
  await play.end(0, SUCCESS, [null, "x"]);
  assert.deepEqual(play.told, ['2={"value":"x"}']);
});

test("load runs once, without a trigger", async () => {
  const play = new Play([{ targets: [[0, "load"]] }, { targets: [[1, "click"]] }]);
  play.runner.load();
  await settle();
  assert.deepEqual(play.started, [1]);
  assert.equal(play.calls[0]?.request.triggerId, null);
});

test("outputs are values or updates of any property", () => {
  assert.deepEqual(propsOf("x"), { value: "x" });
  assert.deepEqual(propsOf({ __type__: "update", visible: false, value: null }), { visible: false, value: null });
  assert.deepEqual(propsOf({ __type__: "update" }), {});
  assert.deepEqual(propsOf([1]), { value: [1] });
});

test("states of a run: sending, queued, running, generating, done", async () => {
  const play = new Play([{ targets: [[1, "click"]], outputs: [2] }]);
  play.runner.fire(1, "click");
  await settle();
  const { listener } = play.calls[0]!;
  listener.queued(1, 2, null);
  listener.started(null);
  listener.output(["a"], false);
  await play.end(0, SUCCESS, ["b"]);
  assert.deepEqual(play.states, ["1:sending", "1:queued", "1:running", "1:generating", "1:done"]);
});

test("once: a trigger while it runs is dropped", async () => {
  const play = new Play([{ targets: [[1, "click"]], trigger_mode: "once" }]);
  play.runner.fire(1, "click");
  play.runner.fire(1, "click");
  await settle();
  assert.equal(play.calls.length, 1);
  await play.end(0);
  play.runner.fire(1, "click");
  await settle();
  assert.equal(play.calls.length, 2);
});

test("multiple: each trigger runs", async () => {
  const play = new Play([{ targets: [[1, "click"]], trigger_mode: "multiple" }]);
  for (let i = 0; i < 3; i++) play.runner.fire(1, "click");
  await settle();
  assert.equal(play.calls.length, 3);
});

test("always_last: of the triggers while it runs only the last one counts, with the values of then", async () => {
  const play = new Play([{ targets: [[1, "input"]], inputs: [1], trigger_mode: "always_last" }]);
  for (const text of ["a", "ab", "abc"]) {
    play.values.set(1, text);
    play.runner.fire(1, "input");
    await settle();
  }
  assert.equal(play.calls.length, 1);
  await play.end(0);
  assert.deepEqual(play.calls.map((call) => call.request.data), [["a"], ["abc"]]);
  await play.end(1);
  assert.equal(play.calls.length, 2);
});

const chain: Partial<Dependency>[] = [
  { targets: [[1, "click"]] },
  { trigger_after: 1 },
  { trigger_after: 1, trigger_only_on_success: true },
  { trigger_after: 1, trigger_only_on_failure: true },
];
const ends: [string, Outcome, number[]][] = [
  ["success", SUCCESS, [1, 2, 3]],
  ["an error", FAILURE, [1, 2, 4]],
  ["a value that is not accepted", { kind: "invalid", problems: [] }, [1, 2, 4]],
  ["a cancel", { kind: "cancelled" }, [1, 2]],
];
for (const [name, outcome, ids] of ends) {
  test(`what follows ${name}`, async () => {
    const play = new Play(chain);
    play.runner.fire(1, "click");
    await settle();
    await play.end(0, outcome);
    assert.deepEqual(play.started, ids);
  });
}

test("cancels stop the calls that run and what waits behind them", async () => {
  const play = new Play([{ targets: [[1, "input"]], trigger_mode: "always_last" }, { targets: [[2, "click"]], cancels: [1], backend_fn: false }]);
  play.runner.fire(1, "input");
  await settle();
  play.runner.fire(1, "input");
  play.runner.fire(2, "click");
  await settle();
  assert.deepEqual(play.cancelled, ["e1"]);
  await play.end(0, { kind: "cancelled" });
  assert.equal(play.calls.length, 1);
  assert.deepEqual(play.told, [], "nobody is told of a cancel that he asked for");
});

test("a handler without a function of its own still has followers", async () => {
  const play = new Play([{ targets: [[1, "click"]], backend_fn: false, cancels: [] }, { trigger_after: 1 }]);
  play.runner.fire(1, "click");
  await settle();
  assert.deepEqual(play.started, [2]);
});

test("a change that an answer makes sets off what listens for changes", async () => {
  const play = new Play([{ targets: [[1, "click"]], outputs: [2] }, { targets: [[2, "change"]], inputs: [2] }]);
  play.runner.fire(1, "click");
  await settle();
  await play.end(0, SUCCESS, ["new"]);
  assert.deepEqual(play.started, [1, 2]);
  assert.deepEqual(play.calls[1]?.request.data, ["new"]);
});

test("handlers that set each other off without end are stopped, with words", async () => {
  const play = new Play([{ targets: [[1, "change"]], outputs: [1], trigger_mode: "multiple" }]);
  play.runner.fire(1, "change");
  await settle();
  for (let i = 0; i < 100 && play.calls.length > i; i++) {
    await settle();
    if (play.calls[i]) await play.end(i, SUCCESS, [i]);
  }
  assert.ok(play.calls.length > 10 && play.calls.length < 60);
  assert.ok(play.told.some((line) => line.includes("set each other off")));
});

test("an error becomes a message, unless it is not to be seen", async () => {
  const play = new Play([{ targets: [[1, "click"]] }]);
  play.runner.fire(1, "click");
  await settle();
  await play.end(0, FAILURE);
  play.runner.fire(1, "click");
  await settle();
  await play.end(1, { ...FAILURE, visible: false } as Outcome);
  assert.deepEqual(play.told, ["toast error: boom"]);
  assert.deepEqual(play.states.filter((state) => state.endsWith("failed")).length, 2);
});

test("words about values stand at their fields, by name or by place", async () => {
  const play = new Play([{ targets: [[1, "click"]], inputs: [5, 6], parameter_names: ["name", "age"] }]);
  play.runner.fire(1, "click");
  await settle();
  const problems = [
    { message: "too old", position: null, parameter: "age" },
    { message: "too short", position: 0, parameter: null },
    { message: "nowhere", position: null, parameter: "other" },
  ];
  await play.end(0, { kind: "invalid", problems });
  assert.deepEqual([...play.troubles], [[6, "too old"], [5, "too short"]]);
  assert.deepEqual(play.told, ["toast error: other: nowhere"]);
});

test("an input that cannot be read ends the run with its words", async () => {
  const play = new Play([{ targets: [[1, "click"]], inputs: [2] }]);
  Object.assign((play.runner as unknown as { surface: Surface }).surface, {
    collect: () => Promise.reject(new Error("The drawing could not be sent.")),
  });
  play.runner.fire(1, "click");
  await settle();
  assert.deepEqual(play.told, ["toast error: The drawing could not be sent."]);
  assert.deepEqual(play.calls, []);
  assert.deepEqual(play.states, ["1:sending", "1:failed"]);
});

test("a call cancelled while its files are still being sent never starts", async () => {
  const play = new Play([{ targets: [[1, "click"]], inputs: [2] }, { targets: [[3, "click"]], cancels: [1], backend_fn: false }]);
  let ready: (value: Json) => void = () => undefined;
  Object.assign((play.runner as unknown as { surface: Surface }).surface, {
    collect: () => new Promise<Json>((resolve) => (ready = resolve)),
  });
  play.runner.fire(1, "click");
  await settle();
  play.runner.fire(3, "click");
  ready("file");
  await settle();
  assert.deepEqual(play.calls, []);
  assert.equal(play.states.at(-1), "1:done");
});

test("the page scrolls to a result only when it succeeded and the author asked", async () => {
  const play = new Play([{ targets: [[1, "click"]], outputs: [2], scroll_to_output: true }]);
  play.runner.fire(1, "click");
  await settle();
  await play.end(0, FAILURE);
  play.runner.fire(1, "click");
  await settle();
  await play.end(1, SUCCESS);
  assert.deepEqual(play.told, ["toast error: boom", "reveal 2"]);
});
