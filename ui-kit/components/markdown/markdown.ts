// The server rendered the text once; it stays until a handler changes it. Only then the renderer is fetched.
import { noChange } from "lit";
import { bounds } from "../../src/bounds.ts";
import { Block } from "../../src/element/block.ts";
import type { Props } from "../../src/core/types.ts";

export default class Markdown extends Block {
  private drawn = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  protected override get replaces(): boolean {
    return false;
  }

  protected override render(): typeof noChange {
    return noChange;
  }

  override renew(changed: Props): void {
    super.renew(changed);
    if ("value" in changed) this.schedule();
  }

  // Text that streams in is drawn at most every `redrawMs`, and its last state always.
  private schedule(): void {
    if (this.timer !== undefined) return;
    const wait = Math.max(0, bounds.redrawMs - (performance.now() - this.drawn));
    this.timer = setTimeout(() => void this.draw(), wait);
  }

  private async draw(): Promise<void> {
    const prose = this.querySelector<HTMLElement>(".vt-prose");
    try {
      const { renderMarkdown } = await import("./render.ts");
      prose?.replaceChildren(renderMarkdown(this.text("value")));
    } catch {
      prose?.replaceChildren(this.text("value")); // the renderer could not be fetched: the bare text still reads
    }
    this.timer = undefined;
    this.drawn = performance.now();
  }
}
