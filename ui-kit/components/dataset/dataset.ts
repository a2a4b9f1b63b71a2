// Examples: a click fills the components at once, without asking the server; then the dataset's own handlers run.
import { noChange } from "lit";
import { Block } from "../../src/element/block.ts";
import type { Json } from "../../src/core/types.ts";
import { page } from "../../src/element/page.ts";

export default class Dataset extends Block {
  protected override get replaces(): boolean {
    return false;
  }

  protected override render(): typeof noChange {
    return noChange;
  }

  protected override adopt(): void {
    this.addEventListener("click", (event) => {
      const target = event.target as HTMLElement;
      const button = target.closest<HTMLElement>(".vt-example") ?? target.closest("tr")?.querySelector<HTMLElement>(".vt-example");
      if (button?.dataset["index"] !== undefined) this.choose(Number(button.dataset["index"]));
    });
  }

  private choose(index: number): void {
    const samples = this.props["samples"];
    const ids = this.props["component_ids"];
    const row = Array.isArray(samples) ? (samples[index] as Json) : null;
    if (!Array.isArray(row) || !Array.isArray(ids)) return;
    this.props["value"] = index;
    ids.forEach((id: number, i) => page().apply(id, { value: row[i] ?? null }));
    this.fire("click", { index, value: row });
    this.fire("select", { index, value: row, selected: true });
  }
}
