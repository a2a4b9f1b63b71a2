// What happens when: from a component's event to calls, from their answers to components, chains, cancels and the modes in
// which a handler that still runs meets its next trigger. Knows no DOM: the page is a `Surface`.
import { bounds } from "../bounds.ts";
import type { JoinRequest, Listener } from "./session.ts";
import type { Config, Dependency, Json, Outcome, Problem, ProgressItem, Props, Toast } from "./types.ts";

/** How far a run is, for the components that show it. */
export interface Run {
  dependency: Dependency;
  triggerId: number | null;
  state: "sending" | "queued" | "running" | "generating" | "done" | "failed";
  position: number;
  size: number;
  eta: number | null;
  progress: ProgressItem[];
  startedMs: number;
}

export interface Surface {
  /** The value of an input as it travels; uploads what must be uploaded. Fails with an Error whose message is for people. */
  collect(id: number): Promise<Json>;
  /** Gives a component new properties from the server. */
  apply(id: number, props: Props): void;
  /** Shows how far a run is. Called with state done or failed last. */
  show(run: Run): void;
  toast(toast: Toast): void;
  /** A new run makes the errors of the one before it old news. */
  forgive(dependency: Dependency): void;
  /** Says at the fields what is wrong with their values; an empty map takes earlier words away. */
  problems(messages: Map<number, string>): void;
  /** Scrolls to what a run has changed. */
  reveal(ids: number[]): void;
}

/** The part of Session that the runner uses. */
export interface Caller {
  join(request: JoinRequest, listener: Listener): Promise<string | null>;
  cancel(eventId: string): Promise<void>;
}

interface Active {
  run: Run;
  eventId: string | null;
  cancelled: boolean;
}

interface Trigger {
  id: number | null;
  data: Json;
  depth: number;
}

function isUpdate(value: Json): value is { [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value) && value["__type__"] === "update";
}

/** The properties that an output's wire value sets. */
export function propsOf(value: Json): Props {
  if (!isUpdate(value)) return { value };
  const { __type__: _mark, ...props } = value;
  return props;
}

// The place among the inputs that a problem is about, or -1. Inputs without a name of their own are called param_<place>.
function placeOf(problem: Problem, dependency: Dependency): number {
  const name = problem.parameter ?? "";
  const named = dependency.parameter_names?.indexOf(name) ?? -1;
  if (named >= 0) return named;
  const numbered = /^param_(\d+)$/.exec(name);
  if (numbered) return Number(numbered[1]);
  return problem.position ?? (dependency.inputs.length === 1 ? 0 : -1);
}

export class Runner {
  private readonly dependencies = new Map<number, Dependency>();
  private readonly states = new Set<number>();
  private readonly active = new Map<number, Set<Active>>();
  private readonly waiting = new Map<number, Trigger>();
  private depth = 0; // of the handler whose results are being applied: the changes they set off run one deeper

  constructor(
    private readonly config: Config,
    private readonly caller: Caller,
    private readonly surface: Surface,
    private readonly now: () => number = () => performance.now(),
  ) {
    for (const dependency of config.dependencies) this.dependencies.set(dependency.id, dependency);
    for (const component of config.components) if (component.type === "state") this.states.add(component.id);
  }

  /** Runs what listens for the page's opening. */
  load(): void {
    for (const dependency of this.config.dependencies) {
      if (dependency.targets?.some(([, event]) => event === "load")) void this.start(dependency, null, null);
    }
  }

  /** Runs what listens for an event of a component. */
  fire(id: number, event: string, data: Json = null): void {
    for (const dependency of this.listeners(id, event)) void this.start(dependency, id, data);
  }

  listeners(id: number, event: string): Dependency[] {
    return this.config.dependencies.filter((dependency) =>
      dependency.targets?.some(([target, name]) => target === id && name === event),
    );
  }

  private running(dependency: Dependency): Set<Active> {
    let set = this.active.get(dependency.id);
    if (!set) this.active.set(dependency.id, (set = new Set()));
    return set;
  }

  private async start(dependency: Dependency, id: number | null, data: Json): Promise<void> {
    const trigger: Trigger = { id, data, depth: this.depth };
    if (trigger.depth > bounds.chainDepth) return this.stopLoop();
    await this.trigger(dependency, trigger);
  }

  private stopLoop(): void {
    const text = "Handlers of this demo set each other off without end; they were stopped.";
    this.surface.toast({ level: "error", title: "Loop", text, seconds: null });
  }

  private async trigger(dependency: Dependency, trigger: Trigger): Promise<void> {
    const mode = dependency.trigger_mode ?? "once";
    if (mode !== "multiple" && this.running(dependency).size > 0) {
      if (mode === "always_last") this.waiting.set(dependency.id, trigger);
      return;
    }
    const cancelled = this.cancelOthers(dependency);
    if (dependency.backend_fn !== false) return this.call(dependency, trigger, cancelled);
    await cancelled;
    await this.after(dependency, trigger, "success");
  }

  private async cancelOthers(dependency: Dependency): Promise<void> {
    const calls: Promise<void>[] = [];
    for (const id of dependency.cancels ?? []) {
      this.waiting.delete(id);
      for (const active of this.active.get(id) ?? []) {
        active.cancelled = true;
        if (active.eventId) calls.push(this.caller.cancel(active.eventId));
      }
    }
    await Promise.all(calls);
  }

  // The run counts from here on, before anything is waited for: a second click must find it.
  private async call(dependency: Dependency, trigger: Trigger, before: Promise<void>): Promise<void> {
    const run: Run = {
      dependency,
      triggerId: trigger.id,
      state: "sending",
      position: 0,
      size: 0,
      eta: null,
      progress: [],
      startedMs: this.now(),
    };
    const active: Active = { run, eventId: null, cancelled: false };
    this.running(dependency).add(active);
    this.surface.problems(new Map());
    this.surface.forgive(dependency);
    this.surface.show(run);
    const listener = this.listener(active, trigger);
    let data: Json[];
    try {
      await before;
      data = await Promise.all(dependency.inputs.map((id) => (this.states.has(id) ? null : this.surface.collect(id))));
    } catch (error) {
      const message = error instanceof Error ? error.message : "A value could not be read.";
      listener.ended({ kind: "error", title: "Error", message, seconds: bounds.toastSeconds, visible: true });
      return;
    }
    if (active.cancelled) return listener.ended({ kind: "cancelled" });
    const request = { dependency, data, eventData: trigger.data, triggerId: trigger.id };
    active.eventId = await this.caller.join(request, listener);
    if (active.cancelled && active.eventId) await this.caller.cancel(active.eventId);
  }

  private listener(active: Active, trigger: Trigger): Listener {
    const { run } = active;
    const show = (change: Partial<Run>): void => {
      Object.assign(run, change);
      this.surface.show(run);
    };
    return {
      queued: (position, size, eta) => show({ state: "queued", position, size, eta }),
      started: (eta) => show({ state: "running", eta, startedMs: this.now() }),
      progress: (progress) => show({ progress, state: run.state === "generating" ? "generating" : "running" }),
      toast: (toast) => this.surface.toast(toast),
      output: (data, last) => {
        this.apply(run.dependency, data, trigger.depth);
        if (!last) show({ state: "generating", progress: run.progress });
      },
      ended: (outcome) => this.ended(active, trigger, outcome),
    };
  }

  private apply(dependency: Dependency, data: Json[], depth: number): void {
    const before = this.depth;
    this.depth = depth + 1;
    try {
      dependency.outputs.forEach((id, i) => {
        const value = data[i];
        if (value !== undefined && !this.states.has(id)) this.surface.apply(id, propsOf(value));
      });
    } finally {
      this.depth = before;
    }
  }

  private ended(active: Active, trigger: Trigger, outcome: Outcome): void {
    const { run } = active;
    const { dependency } = run;
    this.running(dependency).delete(active);
    run.state = outcome.kind === "success" || outcome.kind === "cancelled" ? "done" : "failed";
    this.surface.show(run);
    this.tell(dependency, outcome);
    if (outcome.kind === "success" && dependency.scroll_to_output) this.surface.reveal(dependency.outputs);
    void this.after(dependency, trigger, outcome.kind);
    const next = this.waiting.get(dependency.id);
    this.waiting.delete(dependency.id);
    if (next && outcome.kind !== "cancelled") void this.trigger(dependency, next);
  }

  private tell(dependency: Dependency, outcome: Outcome): void {
    if (outcome.kind === "invalid") this.tellProblems(dependency, outcome.problems);
    if (outcome.kind !== "error" || !outcome.visible) return;
    const { title, message: text, seconds } = outcome;
    this.surface.toast({ level: "error", title, text, seconds, from: dependency.id });
  }

  // Words about a value stand at its field; those whose field is not known (or not shown) become a toast.
  private tellProblems(dependency: Dependency, problems: Problem[]): void {
    const messages = new Map<number, string>();
    for (const problem of problems) {
      const id = dependency.inputs[placeOf(problem, dependency)];
      if (id !== undefined && !this.states.has(id)) messages.set(id, problem.message);
      else {
        const name = problem.parameter ? `${problem.parameter}: ` : "";
        this.surface.toast({ level: "error", title: "Not accepted", text: name + problem.message, seconds: bounds.toastSeconds });
      }
    }
    this.surface.problems(messages);
  }

  // Chains: `next` runs after any end, `success` and `failure` after theirs.
  private async after(dependency: Dependency, trigger: Trigger, kind: Outcome["kind"]): Promise<void> {
    const followers = this.config.dependencies.filter((next) => {
      if (next.trigger_after !== dependency.id) return false;
      if (next.trigger_only_on_success) return kind === "success";
      if (next.trigger_only_on_failure) return kind === "error" || kind === "invalid";
      return true;
    });
    await Promise.all(followers.map((next) => this.trigger(next, { ...trigger, data: null })));
  }
}
