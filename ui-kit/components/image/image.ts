// A picture that a visitor gives (chosen, dropped or pasted) or a handler shows.
//
// What is given is uploaded at once, not with the call: it travels while the visitor looks at the rest of the form, and a
// refusal is told where it happened. The value is the handle that the upload returned; until the next value comes, the
// page shows the visitor's own copy instead of fetching the bytes back.
import { html, nothing, type TemplateResult } from "lit";
import { Block, heightClass } from "../../src/element/block.ts";
import { fileData, isRepositoryFile, pictureOf } from "../../src/core/files.ts";
import type { FileData, Json, Toast } from "../../src/core/types.ts";
import { page } from "../../src/element/page.ts";

export default class ImageView extends Block {
  private preview = ""; // an object URL of the file chosen here, so that it shows before it has travelled
  private sending = false;

  protected override render(): TemplateResult {
    const picture = pictureOf(this.props["value"]);
    return html`${this.caption(this.interactive ? "label" : "p")}${this.info()}<div class=${`vt-frame ${heightClass(this.props["height"])}`.trim()}
      @dragover=${this.over} @dragleave=${this.out} @drop=${this.dropped}>${picture ? this.shown(picture) : this.empty()}</div>${picture && this.interactive
      ? html`<div class="vt-tools"><button class="vt-tool" type="button" @click=${this.clear}>Remove</button></div>`
      : nothing}`;
  }

  private shown(picture: FileData): TemplateResult {
    return html`<img class="vt-img" src=${this.preview || page().address(picture)} alt=${this.label || "Picture"}>`;
  }

  private empty(): TemplateResult {
    if (!this.interactive) return html`<p class="vt-empty">Nothing yet</p>`;
    return html`<div class="vt-drop" @paste=${this.pasted}><p class="vt-drop-text">${this.sending
      ? "Sending…"
      : this.text("placeholder") || "Drop a picture here, paste one, or"}</p><input class="vt-file" id=${this.partId("in")} type="file"
      accept="image/*" ?disabled=${this.sending} aria-label=${this.label ? nothing : "Picture"} @change=${this.chosen}></div>`;
  }

  private readonly chosen = (event: Event): void => {
    void this.take((event.target as HTMLInputElement).files?.[0]);
  };

  private readonly over = (event: DragEvent): void => {
    if (!this.interactive) return;
    event.preventDefault();
    this.toggleAttribute("data-over", true);
  };

  // Leaving for a child also fires this; the next dragover puts the mark back within a frame.
  private readonly out = (): void => {
    this.toggleAttribute("data-over", false);
  };

  private readonly dropped = (event: DragEvent): void => {
    this.out();
    if (!this.interactive) return;
    event.preventDefault();
    void this.take([...(event.dataTransfer?.files ?? [])].find((file) => file.type.startsWith("image/")));
  };

  private readonly pasted = (event: ClipboardEvent): void => {
    void this.take([...(event.clipboardData?.files ?? [])].find((file) => file.type.startsWith("image/")));
  };

  // Refused by size before it travels: the server would say the same after megabytes.
  private async take(file: File | undefined): Promise<void> {
    if (!file || this.sending) return;
    const most = page().config.max_file_size;
    if (most && file.size > most) return this.complain(`${file.name} is too large: at most ${Math.floor(most / 1024)} kB.`);
    this.sending = true;
    this.requestUpdate();
    try {
      const path = await page().http.upload(file, file.name);
      this.forget();
      this.preview = URL.createObjectURL(file);
      this.commit({ ...fileData(path, file.name, file.type, file.size) } as unknown as Json, ["input", "upload"]);
      this.keepFocus(".vt-tool");
    } catch (error) {
      this.complain(error instanceof Error ? error.message : "The picture could not be sent.");
    } finally {
      this.sending = false;
      this.requestUpdate();
    }
  }

  private complain(text: string): void {
    const toast: Toast = { level: "error", title: "Not sent", text, seconds: 10 };
    page().toast(toast);
  }

  private readonly clear = (): void => {
    this.forget();
    this.commit(null, ["input", "clear"]);
    this.keepFocus(".vt-file");
  };

  // The control that was used is gone with the state that it belonged to: who works by keyboard goes on at its successor
  // instead of at the top of the page.
  private keepFocus(selector: string): void {
    void this.updateComplete.then(() => {
      if (document.activeElement === document.body) this.querySelector<HTMLElement>(selector)?.focus({ preventScroll: true });
    });
  }

  // An object URL keeps its file in memory until it is revoked.
  private forget(): void {
    if (this.preview) URL.revokeObjectURL(this.preview);
    this.preview = "";
  }

  override renew(changed: Record<string, unknown>): void {
    if ("value" in changed) this.forget();
    super.renew(changed);
  }

  /** A file of the demo's repository (an example) has no handle yet: it is sent like any other. */
  async collect(): Promise<Json> {
    const picture = pictureOf(this.props["value"]);
    if (!picture) return null;
    if (!isRepositoryFile(picture)) return { ...picture } as unknown as Json;
    const answer = await fetch(page().address(picture));
    if (!answer.ok) throw new Error("The example's picture could not be read. Reload the page.");
    const blob = await answer.blob();
    const name = picture.orig_name ?? "picture";
    const path = await page().http.upload(blob, name);
    const sent = fileData(path, name, blob.type, blob.size);
    this.props["value"] = sent;
    return { ...sent } as unknown as Json;
  }
}
