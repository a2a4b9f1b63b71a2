// A field for a number; null while it is empty. The arrow keys are handled here: with step="any", which lets every decimal
// through, the browser would count by 1 whatever `step` says.
import { html, nothing, type TemplateResult } from "lit";
import { live } from "lit/directives/live.js";
import { Block } from "../../src/element/block.ts";
import { arrowed, readNumber } from "./value.ts";

export default class NumberField extends Block {
  protected override adopt(): void {
    const typed = this.querySelector<HTMLInputElement>(".vt-input")?.value ?? "";
    if (this.interactive && typed !== "") this.props["value"] = readNumber(typed);
  }

  protected override render(): TemplateResult {
    const value = this.number("value");
    return html`${this.caption()}${this.info()}<input class="vt-input" id=${this.partId("in")} type="number" inputmode="decimal"
      step="any" min=${this.number("minimum") ?? nothing} max=${this.number("maximum") ?? nothing}
      placeholder=${this.text("placeholder") || nothing} ?readonly=${!this.interactive}
      aria-describedby=${this.describedBy} aria-label=${this.label ? nothing : "Number"} .value=${live(value === null ? "" : String(value))}
      @input=${this.typed} @keydown=${this.key} @focus=${() => this.fire("focus")} @blur=${() => this.fire("blur")}>`;
  }

  private readonly typed = (event: Event): void => {
    const field = event.target as HTMLInputElement;
    if (field.value === "" && field.validity.badInput) return; // "-" or "1e": not a number yet
    this.commit(readNumber(field.value));
  };

  private readonly key = (event: KeyboardEvent): void => {
    if (!this.interactive) return;
    if (event.key === "Enter") this.fire("submit");
    if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
    event.preventDefault();
    const bounds = { minimum: this.number("minimum"), maximum: this.number("maximum"), step: this.number("step") ?? 1 };
    this.commit(arrowed(this.number("value") ?? 0, event.key === "ArrowUp" ? 1 : -1, bounds));
  };
}
