// One of a few, all seen. Choices travel as [label, value]; the inputs carry places, because values may be numbers or equal
// in their text.
import { html, nothing, type TemplateResult } from "lit";
import { live } from "lit/directives/live.js";
import { indexOf, readChoices } from "../../src/core/choices.ts";
import { Block } from "../../src/element/block.ts";

export default class Radio extends Block {
  // A form restored by the browser may have another choice than the server wrote.
  protected override adopt(): void {
    const chosen = this.querySelector<HTMLInputElement>("input:checked");
    const choice = chosen ? readChoices(this.props["choices"])[Number(chosen.value)] : undefined;
    if (choice && this.interactive) this.props["value"] = choice.value;
  }

  protected override render(): TemplateResult {
    const choices = readChoices(this.props["choices"]);
    const chosen = indexOf(choices, this.props["value"]);
    return html`<fieldset class="vt-fieldset" ?disabled=${!this.interactive} aria-describedby=${this.describedBy}>${this.label
      ? html`<legend class=${this.captionClass}>${this.label}</legend>`
      : nothing}${this.info()}<div class="vt-choices">${choices.map(
      (choice, i) => html`<label class="vt-choice"><input type="radio" name=${`vt-c${this.componentId}`} value=${i}
        .checked=${live(i === chosen)} @change=${() => this.choose(i)}><span>${choice.label}</span></label>`,
    )}</div></fieldset>`;
  }

  private choose(index: number): void {
    const choice = readChoices(this.props["choices"])[index];
    if (!choice) return;
    this.commit(choice.value);
    this.fire("select", { index, value: choice.value, selected: true });
  }
}
