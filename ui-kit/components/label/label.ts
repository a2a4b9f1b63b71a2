// The likeliest classes with bars. Room for `num_top_classes` rows is kept from the start (vt-keep-N), so that the first
// answer moves nothing below it.
import { html, nothing, type TemplateResult } from "lit";
import { percent } from "../../src/core/words.ts";
import { Block } from "../../src/element/block.ts";
import { readLabel } from "./classes.ts";

const KEPT = 12; // the most rows that room is kept for

export default class Label extends Block {
  protected override render(): TemplateResult {
    const top = this.number("num_top_classes");
    const keep = top ? ` vt-keep-${Math.min(KEPT, top)}` : "";
    return html`${this.caption("p")}<div class=${`vt-result${keep}`} aria-live="polite">${this.result(top)}</div>`;
  }

  // A value without confidences is a heading alone.
  private result(top: number | null): TemplateResult {
    const value = readLabel(this.props["value"], top);
    if (!value) return html`<p class="vt-empty">Nothing yet</p>`;
    const heading = this.props["show_heading"] !== false || !value.classes.length;
    return html`${heading ? html`<p class="vt-top">${value.label}</p>` : nothing}${value.classes.length
      ? html`<ol class="vt-bars">${value.classes.map(
          ({ label, confidence }, index) => html`<li class="vt-bar-row"
            @click=${() => this.fire("select", { index, value: label, selected: true })}><span class="vt-bar-name">${label}</span><span
            class="vt-bar-percent">${percent(confidence)}</span><meter class="vt-bar" min="0" max="1" value=${confidence}></meter></li>`,
        )}</ol>`
      : nothing}`;
  }
}
