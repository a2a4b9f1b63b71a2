// A slider with its number beside it: the one for a hand, the other for an exact value. `release` comes when the hand lets
// go, `input` all the way.
import { html, nothing, type TemplateResult } from "lit";
import { live } from "lit/directives/live.js";
import { Block } from "../../src/element/block.ts";
import { snap } from "./snap.ts";

export default class Slider extends Block {
  protected override adopt(): void {
    const moved = this.querySelector<HTMLInputElement>(".vt-range")?.value;
    if (this.interactive && moved) this.props["value"] = Number(moved);
  }

  private get scale(): { minimum: number; maximum: number; step: number } {
    return { minimum: this.number("minimum") ?? 0, maximum: this.number("maximum") ?? 100, step: this.number("step") ?? 1 };
  }

  protected override render(): TemplateResult {
    const { minimum, maximum, step } = this.scale;
    const value = String(this.number("value") ?? minimum);
    return html`<div class="vt-slider-head">${this.caption()}<input class="vt-input vt-slider-number" type="number"
      aria-label=${`${this.label || "Value"}, exact value`} min=${minimum} max=${maximum} step=${step} ?disabled=${!this.interactive}
      .value=${live(value)} @change=${this.typed}></div>${this.info()}<div class="vt-slider-row"><span class="vt-slider-end">${minimum}</span><input
      class="vt-range" id=${this.partId("in")} type="range" min=${minimum} max=${maximum} step=${step}
      aria-label=${this.label ? nothing : "Value"} aria-describedby=${this.describedBy} ?disabled=${!this.interactive}
      .value=${live(value)} @input=${this.moved} @change=${() => this.fire("release")}><span class="vt-slider-end">${maximum}</span></div>`;
  }

  private readonly moved = (event: Event): void => {
    this.commit(Number((event.target as HTMLInputElement).value));
  };

  // Typed numbers snap to a position of the slider, as those of its handle do.
  private readonly typed = (event: Event): void => {
    const { value } = event.target as HTMLInputElement;
    this.commit(snap(value === "" ? this.scale.minimum : Number(value), this.scale));
    this.fire("release");
  };
}
