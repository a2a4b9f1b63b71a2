// A button, or with `link` an address that opens in a new tab. The only component without a value: a call sends nothing
// of it, and what it shows of a run is a turning mark, because its outputs tell the rest.
import { html, type TemplateResult } from "lit";
import { Block } from "../../src/element/block.ts";
import type { Run } from "../../src/core/runner.ts";
import { safeLink } from "./link.ts";

export default class Button extends Block {
  protected override render(): TemplateResult {
    const link = safeLink(this.text("link"));
    const look = `vt-button vt-${this.text("variant") || "secondary"} vt-${this.text("size") || "lg"}`;
    if (link) {
      return html`<a class=${look} id=${this.partId("in")} href=${link} target="_blank" rel="noopener noreferrer"
        @click=${() => this.fire("click")}>${this.text("value")}</a>`;
    }
    return html`<button class=${look} id=${this.partId("in")} type="button" ?disabled=${!this.interactive}
      @click=${() => this.fire("click")}>${this.text("value")}</button>`;
  }

  // A button shows that its handler runs by its own look; the words stand at the outputs.
  override showRun(run: Run | null): void {
    const busy = run !== null && run.state !== "failed";
    this.toggleAttribute("data-busy", busy);
    if (busy) this.setAttribute("aria-busy", "true");
    else this.removeAttribute("aria-busy");
  }

  override showProblem(): void {}
}
