// The browser's own <details>: it opens and closes without script too. A handler may open it, and hears of it.
import { Layout } from "../../src/element/layout.ts";
import { page } from "../../src/element/page.ts";
import type { Props } from "../../src/core/types.ts";

export default class Accordion extends Layout {
  private get details(): HTMLDetailsElement | null {
    return this.querySelector<HTMLDetailsElement>(":scope > details");
  }

  protected override enhance(): void {
    const { details } = this;
    if (!details) return;
    this.props["open"] = details.open;
    details.addEventListener("toggle", () => {
      if (this.props["open"] === details.open) return;
      this.props["open"] = details.open;
      page().fire(this.componentId, details.open ? "expand" : "collapse");
    });
  }

  override renew(changed: Props): void {
    super.renew(changed);
    const { details } = this;
    if (!details) return;
    if (typeof changed["open"] === "boolean") details.open = changed["open"];
    const summary = details.querySelector<HTMLElement>(":scope > summary");
    if (summary && typeof changed["label"] === "string") summary.textContent = changed["label"];
  }
}
