import { html, nothing, type TemplateResult } from "lit";
import { bounds } from "../../src/bounds.ts";
import { Block, heightClass } from "../../src/element/block.ts";
import { pretty, tokens } from "./tokens.ts";

export default class JsonView extends Block {
  protected override render(): TemplateResult {
    const value = this.props["value"];
    if (value === undefined || value === null) return html`${this.caption("p")}<p class="vt-empty">Nothing yet</p>`;
    const text = pretty(value);
    const cut = text.length > bounds.jsonChars;
    const parts = tokens(cut ? text.slice(0, bounds.jsonChars) : text);
    return html`${this.caption("p")}<pre class=${`vt-json ${heightClass(this.props["height"])}`.trim()} tabindex="0"
      aria-labelledby=${this.label ? this.partId("label") : nothing}><code>${parts.map(([kind, part]) =>
      kind ? html`<span class=${`vt-json-${kind}`}>${part}</span>` : part,
    )}${cut ? "\n…" : ""}</code></pre>`;
  }
}
