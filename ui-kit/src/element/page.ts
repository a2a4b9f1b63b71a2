// The one demo page: its components by id, and the ways between them and the runner. Elements find it by `page()` when the
// browser upgrades them, so it is made before they are defined.
import { equal } from "../core/equal.ts";
import { Http } from "../core/http.ts";
import { reportRun } from "./frame.ts";
import { Runner, type Run, type Surface } from "../core/runner.ts";
import { newSessionHash, Session } from "../core/session.ts";
import type { Component, Config, Dependency, Json, Props, Toast } from "../core/types.ts";
import { resolveInteractive } from "../core/interactive.ts";
import { fileAddress } from "../core/files.ts";
import type { FileData } from "../core/types.ts";

/** What the page asks of an element; layout blocks answer less than components. */
export interface Taken extends HTMLElement {
  /** New properties arrived; `changed` has the names. */
  renew(changed: Props): void;
  /** The value to send; without it the `value` property is sent. */
  collect?(): Promise<Json>;
  showRun?(run: Run | null): void;
  showProblem?(message: string): void;
}

export interface ToastSink {
  show(toast: Toast): void;
  withdraw(from: number): void;
}

export class Page implements Surface {
  readonly base = new URL(".", document.baseURI).href;
  readonly http: Http;
  readonly session: Session;
  readonly runner: Runner;
  private readonly components = new Map<number, Component>();
  private readonly elements = new Map<number, Taken>();
  private readonly runs = new Map<Taken, Set<Run>>();
  private troubled: Taken[] = [];

  constructor(
    readonly config: Config,
    private readonly sink: ToastSink,
  ) {
    this.http = new Http(this.base, config.api_prefix ?? "/gradio_api");
    const pageKey = document.getElementById("vt-config")?.dataset["page"];
    this.session = new Session(this.http, newSessionHash(), undefined, pageKey);
    this.runner = new Runner(config, this.session, this);
    resolveInteractive(config);
    for (const component of config.components) this.components.set(component.id, component);
  }

  /** Joins an element to its component; returns the component's properties. */
  register(element: Taken): { id: number; props: Props } {
    const id = Number(element.dataset["id"]);
    this.elements.set(id, element);
    return { id, props: this.components.get(id)?.props ?? {} };
  }

  element(id: number): Taken | undefined {
    return this.elements.get(id);
  }

  component(id: number): Component | undefined {
    return this.components.get(id);
  }

  address(file: FileData): string {
    return fileAddress(file, (route) => this.http.api(route), this.base);
  }

  /** The visitor changed a value. */
  commit(id: number, value: Json, events: string[] = ["input"]): void {
    const component = this.components.get(id);
    if (!component) return;
    const changed = !equal(component.props["value"], value);
    component.props["value"] = value;
    this.elements.get(id)?.showProblem?.("");
    for (const event of events) this.runner.fire(id, event);
    if (changed) this.runner.fire(id, "change");
  }

  fire(id: number, event: string, data: Json = null): void {
    this.runner.fire(id, event, data);
  }

  // --- Surface ---

  async collect(id: number): Promise<Json> {
    const element = this.elements.get(id);
    if (element?.collect) return element.collect();
    return (this.components.get(id)?.props["value"] ?? null) as Json;
  }

  apply(id: number, props: Props): void {
    const component = this.components.get(id);
    if (!component) return;
    const changed = "value" in props && !equal(component.props["value"], props["value"]);
    Object.assign(component.props, props);
    this.elements.get(id)?.renew(props);
    if (changed) this.runner.fire(id, "change");
  }

  show(run: Run): void {
    const over = run.state === "done" || run.state === "failed";
    if (over || run.state === "running") reportRun();
    for (const element of this.showing(run)) {
      const runs = this.runs.get(element) ?? new Set<Run>();
      this.runs.set(element, runs);
      runs.delete(run);
      if (!over) runs.add(run);
      element.showRun?.(run.state === "failed" ? run : ([...runs].at(-1) ?? null));
    }
  }

  // Where a run shows: at its outputs (or where the author said), and at the button that started it.
  private showing(run: Run): Taken[] {
    const { dependency } = run;
    const ids = new Set(dependency.show_progress === "hidden" ? [] : (dependency.show_progress_on ?? dependency.outputs));
    const trigger = run.triggerId === null ? undefined : this.components.get(run.triggerId);
    if (trigger?.type === "button") ids.add(trigger.id);
    return [...ids].map((id) => this.elements.get(id)).filter((element) => element !== undefined);
  }

  toast(toast: Toast): void {
    this.sink.show(toast);
  }

  forgive(dependency: Dependency): void {
    this.sink.withdraw(dependency.id);
  }

  problems(messages: Map<number, string>): void {
    for (const element of this.troubled) element.showProblem?.("");
    this.troubled = [];
    for (const [id, message] of messages) {
      const element = this.elements.get(id);
      if (!element?.showProblem) this.sink.show({ level: "error", title: "Not accepted", text: message, seconds: null });
      else {
        element.showProblem(message);
        this.troubled.push(element);
      }
    }
    this.troubled[0]?.querySelector<HTMLElement>("input, textarea, select")?.focus();
  }

  reveal(ids: number[]): void {
    const first = ids.map((id) => this.elements.get(id)).find((element) => element && !element.hidden);
    first?.scrollIntoView({ block: "nearest", behavior: "smooth" });
  }
}

let current: Page | null = null;

export function openPage(config: Config, sink: ToastSink): Page {
  current = new Page(config, sink);
  return current;
}

export function page(): Page {
  if (!current) throw new Error("an element was upgraded before the page was opened");
  return current;
}
