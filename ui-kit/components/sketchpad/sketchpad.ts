// A sheet of paper and a brush: mouse, touch and pen. The drawing travels as a PNG, sent right before a call and only when
// it changed since. Who has no pointer moves the pen with the arrow keys: the space bar puts it down and lifts it.
import { html, nothing, type TemplateResult } from "lit";
import { bounds } from "../../src/bounds.ts";
import { Block } from "../../src/element/block.ts";
import { fileData, pictureOf } from "../../src/core/files.ts";
import type { Json, Props } from "../../src/core/types.ts";
import { page } from "../../src/element/page.ts";
import { brushOf, canvasSize, Drawing, movePen, type Point, type Stroke } from "./drawing.ts";

const PAPER = "#ffffff";
const INK = "#000000";

export default class Sketchpad extends Block {
  private readonly drawing = new Drawing(bounds.sketchSteps);
  private backdrop: ImageBitmap | null = null; // a picture from the server or an example, under the strokes
  private stroke: Stroke | null = null;
  private brush = 0;
  private pen: Point | null = null; // where the keyboard holds it; null while the pointer draws
  private sent: { version: number; value: Json } | null = null;
  private version = 0;
  private painting: Promise<void> = Promise.resolve(); // ends when a picture from outside is on the sheet

  private get canvas(): HTMLCanvasElement | null {
    return this.querySelector("canvas");
  }

  private get size(): [number, number] {
    return canvasSize(this.props["canvas_size"]);
  }

  private get empty(): boolean {
    return this.drawing.empty && !this.backdrop;
  }

  protected override render(): TemplateResult {
    const [width, height] = this.size;
    const { initial, largest } = brushOf(this.props["brush_size"], width);
    this.brush ||= initial;
    const locked = !this.interactive;
    return html`${this.caption("p")}${this.info()}<div class="vt-pad" ?data-empty=${!locked && this.empty && !this.stroke}><canvas
      class="vt-canvas" id=${this.partId("in")} width=${width} height=${height} role=${locked ? "img" : "application"}
      tabindex=${locked ? nothing : "0"} aria-labelledby=${this.label ? this.partId("label") : nothing}
      aria-label=${this.label ? nothing : "Drawing"} aria-describedby=${this.partId("keys")} @pointerdown=${this.down}
      @pointermove=${this.move} @pointerup=${this.up} @pointercancel=${this.up} @keydown=${this.key}
      @blur=${this.putAway}></canvas><span class="vt-pen" ?hidden=${!this.pen} ?data-down=${this.stroke !== null}></span></div><p
      class="vt-sr" id=${this.partId("keys")}>Arrow keys move the pen; the space bar puts it down and lifts it.</p><div class="vt-tools"><button class="vt-tool"
      type="button" ?disabled=${locked || !this.drawing.canUndo} @click=${this.undo}>Undo</button><button class="vt-tool" type="button"
      ?disabled=${locked || this.empty} @click=${this.clear}>Clear</button><label class="vt-tool-size"><span>Brush</span><input
      class="vt-range" type="range" min="1" max=${largest} step="1" .value=${String(this.brush)} ?disabled=${locked}
      @input=${this.resize}></label></div>`;
  }

  protected override firstUpdated(): void {
    super.firstUpdated();
    this.paint();
    const value = this.props["value"];
    if (value) this.painting = this.show(value);
  }

  override renew(changed: Props): void {
    super.renew(changed);
    if ("value" in changed) this.painting = this.show(changed["value"]);
  }

  // --- drawing ---

  private at(event: PointerEvent): Point {
    const canvas = event.currentTarget as HTMLCanvasElement;
    const box = canvas.getBoundingClientRect();
    return { x: ((event.clientX - box.left) * canvas.width) / box.width, y: ((event.clientY - box.top) * canvas.height) / box.height };
  }

  // The pointer is captured, so that a stroke that leaves the sheet comes back in one piece.
  private readonly down = (event: PointerEvent): void => {
    if (!this.interactive || !event.isPrimary || event.button !== 0) return;
    event.preventDefault();
    (event.currentTarget as HTMLCanvasElement).setPointerCapture(event.pointerId);
    this.pen = null;
    this.stroke = { size: this.brush, points: [this.at(event)] };
    this.paint();
    this.requestUpdate();
  };

  // Browsers merge moves into one event per frame; the merged ones in between make fast strokes round. Only the new piece is
  // inked: painting the whole drawing again at each move would lag behind the hand.
  private readonly move = (event: PointerEvent): void => {
    const { stroke } = this;
    if (!stroke || this.pen || !event.isPrimary) return;
    const from = stroke.points.length;
    const pieces = event.getCoalescedEvents();
    const canvas = event.currentTarget as HTMLCanvasElement;
    const box = canvas.getBoundingClientRect();
    for (const piece of pieces.length ? pieces : [event]) {
      stroke.points.push({
        x: ((piece.clientX - box.left) * canvas.width) / box.width,
        y: ((piece.clientY - box.top) * canvas.height) / box.height,
      });
    }
    const context = canvas.getContext("2d");
    if (context) this.ink(context, { size: stroke.size, points: stroke.points.slice(Math.max(0, from - 1)) });
  };

  private readonly up = (event: PointerEvent): void => {
    if (this.pen || !event.isPrimary) return;
    this.lift();
  };

  private lift(): void {
    if (!this.stroke) return;
    this.drawing.add(this.stroke);
    this.stroke = null;
    this.changed();
  }

  // The space bar toggles instead of being held, so that one hand or one switch can draw.
  private readonly key = (event: KeyboardEvent): void => {
    if (!this.interactive || event.ctrlKey || event.metaKey || event.altKey) return;
    const [width, height] = this.size;
    const from = this.pen ?? { x: width / 2, y: height / 2 };
    const to = movePen(event.key, event.shiftKey, from, [width, height]);
    if (event.key === " ") {
      if (this.stroke) this.lift();
      else this.stroke = { size: this.brush, points: [from] };
      this.pen = from;
    } else if (to) {
      this.pen = to;
      this.stroke?.points.push(to);
    } else return;
    event.preventDefault();
    this.paint();
    this.requestUpdate();
  };

  private readonly putAway = (): void => {
    if (!this.pen) return;
    this.lift();
    this.pen = null;
    this.requestUpdate();
  };

  // By properties, not by a style attribute, which the page's policy forbids.
  protected override updated(): void {
    const mark = this.querySelector<HTMLElement>(".vt-pen");
    if (!mark || !this.pen) return;
    const [width, height] = this.size;
    mark.style.left = `${(100 * this.pen.x) / width}%`;
    mark.style.top = `${(100 * this.pen.y) / height}%`;
  }

  private readonly undo = (): void => {
    this.drawing.undo();
    this.paint();
    this.changed();
  };

  private readonly clear = (): void => {
    this.drawing.clear();
    this.forget();
    this.paint();
    this.changed(["input", "clear"]);
  };

  private readonly resize = (event: Event): void => {
    this.brush = Number((event.target as HTMLInputElement).value);
    this.requestUpdate();
  };

  // The value of a sheet is its version until it is collected: every stroke is a change.
  private changed(events: string[] = ["input"]): void {
    this.version++;
    this.commit(this.empty ? null : { version: this.version }, events);
  }

  // A stroke of one point is a dot: a line of no length leaves nothing.
  private ink(context: CanvasRenderingContext2D, stroke: Stroke): void {
    const color = this.text("brush_color") || INK;
    context.strokeStyle = context.fillStyle = color;
    context.lineWidth = stroke.size;
    context.lineCap = context.lineJoin = "round";
    const [first, ...rest] = stroke.points;
    if (!first) return;
    context.beginPath();
    if (rest.length === 0) {
      context.arc(first.x, first.y, stroke.size / 2, 0, 2 * Math.PI);
      context.fill();
      return;
    }
    context.moveTo(first.x, first.y);
    for (const point of rest) context.lineTo(point.x, point.y);
    context.stroke();
  }

  private paint(): void {
    const { canvas } = this;
    const context = canvas?.getContext("2d");
    if (!canvas || !context) return;
    context.fillStyle = PAPER;
    context.fillRect(0, 0, canvas.width, canvas.height);
    if (this.backdrop) this.placeBackdrop(context, canvas, this.backdrop);
    for (const stroke of this.drawing.strokes) this.ink(context, stroke);
    if (this.stroke) this.ink(context, this.stroke);
  }

  private placeBackdrop(context: CanvasRenderingContext2D, canvas: HTMLCanvasElement, picture: ImageBitmap): void {
    const scale = Math.min(canvas.width / picture.width, canvas.height / picture.height);
    const width = picture.width * scale;
    const height = picture.height * scale;
    context.drawImage(picture, (canvas.width - width) / 2, (canvas.height - height) / 2, width, height);
  }

  // --- values ---

  private forget(): void {
    this.backdrop?.close();
    this.backdrop = null;
  }

  // Paints a picture onto the sheet in place of what is there. Fetched rather than loaded by an <img>: a page without an
  // origin of its own may read it back from the canvas only so.
  private async show(value: unknown): Promise<void> {
    const version = ++this.version;
    const picture = pictureOf(value);
    let bitmap: ImageBitmap | null = null;
    if (picture) {
      try {
        const answer = await fetch(page().address(picture));
        if (!answer.ok) throw new Error(String(answer.status));
        bitmap = await createImageBitmap(await answer.blob());
      } catch {
        page().toast({ level: "error", title: "Not shown", text: "A picture could not be read.", seconds: bounds.toastSeconds });
        return;
      }
    }
    if (version !== this.version) return;
    this.forget();
    this.backdrop = bitmap;
    this.drawing.clear();
    this.paint();
    this.requestUpdate();
  }

  // Sent once per version: calling again with the same drawing uploads nothing.
  async collect(): Promise<Json> {
    const value = this.props["value"];
    if (value === null || value === undefined) return null;
    await this.painting;
    if (this.empty) return null;
    if (this.sent?.version === this.version) return this.sent.value;
    const { version } = this;
    const blob = await this.png();
    const path = await page().http.upload(blob, "drawing.png");
    const file = { ...fileData(path, "drawing.png", "image/png", blob.size) } as unknown as Json;
    const sent: Json = { background: null, layers: [file], composite: file };
    this.sent = { version, value: sent };
    return sent;
  }

  private png(): Promise<Blob> {
    return new Promise((resolve, reject) => {
      const refuse = (): void => reject(new Error("The drawing could not be read from the sheet."));
      if (!this.canvas) return refuse();
      this.canvas.toBlob((blob) => (blob ? resolve(blob) : refuse()), "image/png");
    });
  }
}
