// One choice is the browser's own <select>, the best there is on phones and for screen readers; free text is an input with
// suggestions; several choices are a list of boxes below a field that shows what is ticked.
import { html, nothing, type TemplateResult } from "lit";
import { live } from "lit/directives/live.js";
import { indexOf, readChoices, type Choice } from "../../src/core/choices.ts";
import { Block } from "../../src/element/block.ts";
import type { Json } from "../../src/core/types.ts";
import { asList, matches, toggled, valueOfText } from "./many.ts";

const FILTER_FROM = 8; // choices from which on a list of boxes has a field that narrows it

export default class Dropdown extends Block {
  private filter = "";

  private get choices(): Choice[] {
    return readChoices(this.props["choices"]);
  }

  private get many(): boolean {
    return this.flag("multiselect");
  }

  override connectedCallback(): void {
    super.connectedCallback();
    document.addEventListener("pointerdown", this.pressedOutside);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    document.removeEventListener("pointerdown", this.pressedOutside);
  }

  // What the server's plain controls hold by now, in each of the three forms.
  protected override adopt(): void {
    if (!this.interactive) return;
    const select = this.querySelector("select");
    const choice = select?.value ? this.choices[Number(select.value)] : undefined;
    if (choice) this.props["value"] = choice.value;
    const text = this.querySelector<HTMLInputElement>("input[list]");
    if (text?.value) this.props["value"] = valueOfText(this.choices, text.value);
    const boxes = [...this.querySelectorAll<HTMLInputElement>(".vt-multi-list input:checked")];
    if (this.many) this.props["value"] = boxes.map((box) => this.choices[Number(box.value)]?.value ?? null);
  }

  protected override render(): TemplateResult {
    if (this.many) return html`${this.caption("p")}${this.info()}${this.list()}`;
    return html`${this.caption()}${this.info()}${this.flag("allow_custom_value") ? this.free() : this.select()}`;
  }

  private select(): TemplateResult {
    const { choices } = this;
    const chosen = indexOf(choices, this.props["value"]);
    return html`<select class="vt-input vt-select" id=${this.partId("in")} ?disabled=${!this.interactive}
      aria-describedby=${this.describedBy} aria-label=${this.label ? nothing : "Choice"} @change=${this.picked}
      @focus=${() => this.fire("focus")} @blur=${() => this.fire("blur")}>${chosen < 0
      ? html`<option value="" .selected=${live(true)}></option>`
      : nothing}${choices.map((choice, i) => html`<option value=${i} .selected=${live(i === chosen)}>${choice.label}</option>`)}</select>`;
  }

  private free(): TemplateResult {
    const { choices } = this;
    const value = this.props["value"];
    const shown = choices[indexOf(choices, value)]?.label ?? (value === null || value === undefined ? "" : String(value));
    return html`<input class="vt-input" id=${this.partId("in")} type="text" list=${this.partId("list")} autocomplete="off"
      ?disabled=${!this.interactive} aria-describedby=${this.describedBy} aria-label=${this.label ? nothing : "Choice"}
      .value=${live(shown)} @change=${this.wrote} @focus=${() => this.fire("focus")} @blur=${() => this.fire("blur")}><datalist
      id=${this.partId("list")}>${choices.map((choice) => html`<option value=${choice.label}></option>`)}</datalist>`;
  }

  private list(): TemplateResult {
    const { choices } = this;
    const value = asList(this.props["value"] as Json);
    const name = this.label ? this.partId("label") : nothing;
    const called = this.label ? `${this.partId("label")} ${this.partId("in")}` : nothing; // "Spices Basil": also what is chosen
    return html`<details class="vt-multi" ?data-disabled=${!this.interactive} @toggle=${this.toggledList} @keydown=${this.key}><summary
      class="vt-input vt-multi-summary" id=${this.partId("in")} aria-labelledby=${called} aria-describedby=${this.describedBy}>${value.length
      ? value.map((one) => html`<span class="vt-chip">${choices[indexOf(choices, one)]?.label ?? String(one)}</span> `)
      : html`<span class="vt-placeholder">Choose…</span>`}</summary><div class="vt-multi-list" role="group" aria-labelledby=${name}>${choices.length >=
      FILTER_FROM && this.props["filterable"] !== false
      ? html`<input class="vt-input vt-multi-filter" type="search" placeholder="Filter" aria-label="Filter the choices" @input=${this.narrowed}>`
      : nothing}${choices.map((choice, i) =>
      matches(choice, this.filter)
        ? html`<label class="vt-choice"><input type="checkbox" value=${i} ?disabled=${!this.interactive}
            .checked=${live(value.includes(choice.value))} @change=${() => this.tick(i)}><span>${choice.label}</span></label>`
        : nothing,
    )}</div></details>`;
  }

  private readonly picked = (event: Event): void => {
    const index = Number((event.target as HTMLSelectElement).value);
    const choice = this.choices[index];
    if (!choice) return;
    this.commit(choice.value);
    this.fire("select", { index, value: choice.value, selected: true });
  };

  private readonly wrote = (event: Event): void => {
    const value = valueOfText(this.choices, (event.target as HTMLInputElement).value);
    this.commit(value);
    this.fire("select", { index: indexOf(this.choices, value), value, selected: true });
  };

  private tick(index: number): void {
    const choice = this.choices[index];
    if (!choice) return;
    const value = toggled(asList(this.props["value"] as Json), choice.value, this.number("max_choices"));
    this.commit(value);
    this.fire("select", { index, value: choice.value, selected: value.includes(choice.value) });
  }

  private readonly narrowed = (event: Event): void => {
    this.filter = (event.target as HTMLInputElement).value;
    this.requestUpdate();
  };

  private readonly toggledList = (event: Event): void => {
    const { open } = event.target as HTMLDetailsElement;
    this.fire(open ? "focus" : "blur");
    if (!open && this.filter) this.unfilter(); // the next time all choices are there again
  };

  private unfilter(): void {
    this.filter = "";
    const field = this.querySelector<HTMLInputElement>(".vt-multi-filter");
    if (field) field.value = "";
    this.requestUpdate();
  }

  // Escape closes and gives the focus back to the field that opened the list.
  private readonly key = (event: KeyboardEvent): void => {
    const details = this.querySelector("details");
    if (event.key !== "Escape" || !details?.open) return;
    details.open = false;
    details.querySelector("summary")?.focus();
  };

  // <details> stays open by itself: a list that covers the page must close when the visitor goes on elsewhere.
  private readonly pressedOutside = (event: Event): void => {
    const details = this.querySelector("details");
    if (details?.open && !this.contains(event.target as Node)) details.open = false;
  };
}
