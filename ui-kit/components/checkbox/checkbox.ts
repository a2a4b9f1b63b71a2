// One box to tick. The caption is the box's own label, so there is none above it.
import { html, type TemplateResult } from "lit";
import { live } from "lit/directives/live.js";
import { Block } from "../../src/element/block.ts";

export default class Checkbox extends Block {
  protected override adopt(): void {
    const box = this.querySelector<HTMLInputElement>("input");
    if (box && this.interactive) this.props["value"] = box.checked;
  }

  protected override render(): TemplateResult {
    return html`<label class="vt-check"><input class="vt-checkbox" id=${this.partId("in")} type="checkbox"
      ?disabled=${!this.interactive} aria-describedby=${this.describedBy} .checked=${live(this.flag("value"))}
      @change=${this.ticked}><span class="vt-check-text">${this.label}</span></label>${this.info()}`;
  }

  // `select` carries the new state beside the value, as for components with several choices.
  private readonly ticked = (event: Event): void => {
    const { checked } = event.target as HTMLInputElement;
    this.commit(checked);
    this.fire("select", { index: 0, value: this.label, selected: checked });
  };
}
