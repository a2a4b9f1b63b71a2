// Text on one line or many. A text area grows with what stands in it, from `lines` to `max_lines`, and then scrolls; one
// that only shows (interactive = false) keeps its end in sight while text streams in, unless somebody is reading in it.
import { html, nothing, type TemplateResult } from "lit";
import { live } from "lit/directives/live.js";
import { Block } from "../../src/element/block.ts";
import type { Props } from "../../src/core/types.ts";
import { isSubmitKey, rowsFor } from "./rows.ts";

export default class Textbox extends Block {
  private get control(): HTMLInputElement | HTMLTextAreaElement | null {
    return this.querySelector<HTMLInputElement | HTMLTextAreaElement>(".vt-input");
  }

  // Passwords and addresses stay on one line whatever `max_lines` says.
  private get multiline(): boolean {
    return (this.text("type") || "text") === "text" && this.number("max_lines") !== 1;
  }

  // Typed before the script ran: the server's field is read before it is replaced.
  protected override adopt(): void {
    const typed = this.control?.value;
    if (this.interactive && typed) this.props["value"] = typed;
    // An untouched field is an empty text, not nothing: handlers that join it to another text need no special case.
    this.props["value"] ??= "";
  }

  protected override render(): TemplateResult {
    const control = this.multiline ? this.area() : this.line();
    const caption = this.props["submit_btn"];
    const submit = typeof caption === "string" ? caption : "Send";
    return html`${this.caption()}${this.info()}${caption
      ? html`<div class="vt-with-button">${control}<button class="vt-button vt-primary vt-sm" type="button"
          ?disabled=${!this.interactive} @click=${() => this.fire("submit")}>${submit}</button></div>`
      : control}`;
  }

  private get controlClass(): string {
    return `vt-input${this.multiline ? " vt-text" : ""}${this.text("text_align") === "right" ? " vt-right" : ""}`;
  }

  private area(): TemplateResult {
    const value = this.text("value");
    return html`<textarea class=${this.controlClass} id=${this.partId("in")}
      rows=${rowsFor(value, this.number("lines") ?? 1, this.number("max_lines") ?? 20)}
      placeholder=${this.text("placeholder") || nothing} maxlength=${this.number("max_length") ?? nothing}
      dir=${this.flag("rtl") ? "rtl" : nothing} ?readonly=${!this.interactive} ?autofocus=${this.flag("autofocus")}
      aria-describedby=${this.describedBy} aria-label=${this.label ? nothing : "Text"} .value=${live(value)}
      @input=${this.typed} @change=${this.left} @keydown=${this.key}
      @focus=${() => this.fire("focus")} @blur=${() => this.fire("blur")} @copy=${() => this.fire("copy")}></textarea>`;
  }

  private line(): TemplateResult {
    return html`<input class=${this.controlClass} id=${this.partId("in")} type=${this.text("type") || "text"}
      placeholder=${this.text("placeholder") || nothing} maxlength=${this.number("max_length") ?? nothing}
      dir=${this.flag("rtl") ? "rtl" : nothing} ?readonly=${!this.interactive} ?autofocus=${this.flag("autofocus")}
      aria-describedby=${this.describedBy} aria-label=${this.label ? nothing : "Text"} autocomplete="off"
      .value=${live(this.text("value"))} @input=${this.typed} @change=${this.left} @keydown=${this.key}
      @focus=${() => this.fire("focus")} @blur=${() => this.fire("blur")} @copy=${() => this.fire("copy")}>`;
  }

  private readonly typed = (event: Event): void => {
    this.commit((event.target as HTMLInputElement).value);
  };

  // Browsers fill fields (autofill, restored forms) without an input event; leaving the field reads it once more.
  private readonly left = (event: Event): void => {
    const { value } = event.target as HTMLInputElement;
    if (value !== this.text("value")) this.commit(value);
  };

  private readonly key = (event: KeyboardEvent): void => {
    const lines = this.multiline ? (this.number("lines") ?? 1) : 1;
    if (!isSubmitKey(event, lines) || !this.interactive) return;
    event.preventDefault();
    this.fire("submit");
  };

  protected override updated(): void {
    const area = this.querySelector("textarea");
    if (!area) return;
    this.fit(area);
    if (!this.interactive && this.props["autoscroll"] !== false && document.activeElement !== area) {
      area.scrollTop = area.scrollHeight;
    }
  }

  // Long lines wrap, so the rows that the text needs are known only from the laid-out field.
  private fit(area: HTMLTextAreaElement): void {
    const most = this.number("max_lines") ?? 20;
    if (area.rows >= most || area.clientHeight === 0 || area.scrollHeight <= area.clientHeight) return;
    const style = getComputedStyle(area);
    const line = parseFloat(style.lineHeight) || 20;
    const padding = parseFloat(style.paddingTop) + parseFloat(style.paddingBottom);
    area.rows = Math.min(most, Math.max(area.rows, Math.ceil((area.scrollHeight - padding) / line)));
  }

  override renew(changed: Props): void {
    if ("value" in changed && changed["value"] === null) this.props["value"] = "";
    super.renew(changed);
  }
}
