// The base of all components: light DOM, the shared parts of the markup (../markup.md), and taking the server's first paint
// over without moving anything or losing what a visitor has typed before the script ran.
import { html, LitElement, nothing, type TemplateResult } from "lit";
import { runWords, share } from "../core/words.ts";
import type { Run } from "../core/runner.ts";
import type { Json, Props } from "../core/types.ts";
import { page, type Taken } from "./page.ts";

interface Focus {
  id: string;
  start: number | null;
  end: number | null;
}

/** Sets what every wrapper shares: visibility, extra classes and sizes. */
export function dressWrapper(element: HTMLElement, changed: Props): void {
  if ("visible" in changed) element.hidden = changed["visible"] !== true;
  if ("elem_classes" in changed) {
    const names = changed["elem_classes"];
    const own = [...element.classList].filter((name) => name.startsWith("vt-"));
    element.className = [...own, ...(Array.isArray(names) ? names : String(names ?? "").split(/\s+/))].join(" ").trim();
  }
  if ("scale" in changed) swapClass(element, "vt-scale-", Math.min(12, Number(changed["scale"] ?? NaN)));
  if ("min_width" in changed) {
    swapClass(element, "vt-minw-", Math.min(960, Math.ceil(Number(changed["min_width"] ?? NaN) / 40) * 40));
  }
  if ("container" in changed) element.classList.toggle("vt-bare", changed["container"] === false);
}

// Numbers are carried by classes (../../utilities.mjs), because the pages' policy forbids style attributes.
function swapClass(element: HTMLElement, prefix: string, value: number): void {
  for (const name of [...element.classList]) if (name.startsWith(prefix)) element.classList.remove(name);
  if (Number.isFinite(value)) element.classList.add(prefix + value);
}

/** The class for a height in pixels, or "". */
export function heightClass(height: unknown): string {
  if (typeof height !== "number") return "";
  return `vt-h-${Math.min(1200, Math.max(40, Math.ceil(height / 20) * 20))}`;
}

export abstract class Block extends LitElement implements Taken {
  componentId = 0;
  props: Props = {};
  private taken = false;
  private focusBefore: Focus | null = null;
  private status: HTMLElement | null = null;
  private run: Run | null = null;
  private clock: ReturnType<typeof setInterval> | undefined;

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  // An element that is moved in the page is connected again; only the first time takes the markup over.
  override connectedCallback(): void {
    if (!this.taken) {
      this.taken = true;
      ({ id: this.componentId, props: this.props } = page().register(this));
      this.takeOver();
    }
    super.connectedCallback();
  }

  /** Reads what a visitor may have done to the server's markup, before it is replaced. */
  protected adopt(): void {}

  /** Whether the element writes its own markup from the start; if not, the server's stays until something changes. */
  protected get replaces(): boolean {
    return true;
  }

  // The focus and the selection would go with the server's field: they are noted here and put back in firstUpdated().
  private takeOver(): void {
    this.adopt();
    const active = document.activeElement;
    if (active instanceof HTMLElement && this.contains(active) && active.id) {
      const field = active as HTMLInputElement;
      const selectable = active instanceof HTMLTextAreaElement || (active instanceof HTMLInputElement && active.type === "text");
      this.focusBefore = { id: active.id, start: selectable ? field.selectionStart : null, end: selectable ? field.selectionEnd : null };
    }
    if (this.replaces) this.replaceChildren();
  }

  protected override firstUpdated(): void {
    if (!this.focusBefore) return;
    const field = this.querySelector<HTMLInputElement>(`#${CSS.escape(this.focusBefore.id)}`);
    field?.focus({ preventScroll: true });
    if (field && this.focusBefore.start !== null) field.setSelectionRange(this.focusBefore.start, this.focusBefore.end);
    this.focusBefore = null;
  }

  renew(changed: Props): void {
    dressWrapper(this, changed);
    if ("interactive" in changed) this.classList.toggle("vt-static", changed["interactive"] === false);
    this.requestUpdate();
  }

  // --- what components write with ---

  protected text(name: string): string {
    const value = this.props[name];
    return typeof value === "string" ? value : "";
  }

  protected number(name: string): number | null {
    const value = this.props[name];
    return typeof value === "number" ? value : null;
  }

  protected flag(name: string): boolean {
    return this.props[name] === true;
  }

  get interactive(): boolean {
    return this.props["interactive"] !== false;
  }

  /** The id of a part inside: `vt-c7-in`. */
  protected partId(name: string): string {
    return `vt-c${this.componentId}-${name}`;
  }

  protected get captionClass(): string {
    return this.props["show_label"] === false ? "vt-label vt-sr" : "vt-label";
  }

  protected get label(): string {
    return this.text("label");
  }

  protected caption(form: "label" | "p" = "label"): TemplateResult | typeof nothing {
    if (!this.label) return nothing;
    return form === "label"
      ? html`<label class=${this.captionClass} for=${this.partId("in")}>${this.label}</label>`
      : html`<p class=${this.captionClass} id=${this.partId("label")}>${this.label}</p>`;
  }

  protected info(): TemplateResult | typeof nothing {
    const info = this.text("info");
    return info ? html`<p class="vt-info" id=${this.partId("info")}>${info}</p>` : nothing;
  }

  protected get describedBy(): string | typeof nothing {
    return this.text("info") ? this.partId("info") : nothing;
  }

  protected commit(value: Json, events?: string[]): void {
    page().commit(this.componentId, value, events);
    this.requestUpdate();
  }

  protected fire(event: string, data: Json = null): void {
    page().fire(this.componentId, event, data);
  }

  // --- what is shown over the markup: how far a run is, and what is wrong with the value ---

  showRun(run: Run | null): void {
    this.run = run;
    const busy = run !== null && run.state !== "failed";
    this.toggleAttribute("data-busy", busy);
    if (busy) this.setAttribute("aria-busy", "true");
    else this.removeAttribute("aria-busy");
    this.toggleAttribute("data-failed", run?.state === "failed");
    clearInterval(this.clock);
    if (busy) this.clock = setInterval(() => this.writeStatus(), 1000);
    this.writeStatus();
  }

  // Written past Lit: the status lies over the component's own markup and changes every second, which must not make the
  // component render again (a field in use would lose its composition).
  private writeStatus(): void {
    const minimal = this.run?.dependency.show_progress === "minimal";
    const words = this.run && !minimal ? runWords(this.run, performance.now()) : "";
    if (!this.run || (words === "" && minimal)) {
      this.status?.remove();
      this.status = null;
      return;
    }
    const status = (this.status ??= this.makeStatus());
    const bar = status.firstElementChild as HTMLProgressElement;
    const done = share(this.run.progress.at(-1));
    if (done === null) bar.removeAttribute("value");
    else bar.value = done;
    bar.hidden = this.run.state === "failed";
    (status.lastElementChild as HTMLElement).textContent = words;
  }

  private makeStatus(): HTMLElement {
    const status = document.createElement("div");
    status.className = "vt-status";
    const bar = document.createElement("progress");
    bar.max = 1;
    bar.className = "vt-status-bar";
    bar.setAttribute("aria-label", "Progress");
    const words = document.createElement("span");
    words.className = "vt-status-words";
    status.append(bar, words);
    this.append(status);
    return status;
  }

  /** Says at the field what is wrong with its value; "" takes the words away. Read out at once (role=alert). */
  showProblem(message: string): void {
    const id = this.partId("problem");
    let line = this.querySelector<HTMLElement>(":scope > .vt-problem");
    const control = this.querySelector<HTMLElement>("input, textarea, select");
    if (message === "") {
      line?.remove();
      control?.removeAttribute("aria-invalid");
      control?.removeAttribute("aria-errormessage");
      return;
    }
    if (!line) {
      line = document.createElement("p");
      line.className = "vt-problem";
      line.id = id;
      line.setAttribute("role", "alert");
      this.append(line);
    }
    line.textContent = message;
    control?.setAttribute("aria-invalid", "true");
    control?.setAttribute("aria-errormessage", id);
  }
}
