// Tabs as the ARIA practices describe them: arrow keys move and choose, Home and End go to the ends, one button is in the
// page's tab order. The server wrote buttons and panels; this only moves the selection.
import { Layout } from "../../src/element/layout.ts";
import { page } from "../../src/element/page.ts";
import type { Props } from "../../src/core/types.ts";
import { nextTab } from "./keys.ts";

export default class Tabs extends Layout {
  private get buttons(): HTMLButtonElement[] {
    return [...this.querySelectorAll<HTMLButtonElement>(":scope > .vt-tablist > [role=tab]")];
  }

  private get panels(): HTMLElement[] {
    return [...this.querySelectorAll<HTMLElement>(":scope > .vt-tab")];
  }

  protected override enhance(): void {
    const list = this.querySelector<HTMLElement>(":scope > .vt-tablist");
    list?.addEventListener("click", (event) => {
      const index = this.buttons.findIndex((button) => button.contains(event.target as Node));
      if (index >= 0) this.choose(index);
    });
    list?.addEventListener("keydown", (event) => {
      const usable = this.buttons.map((button) => !button.disabled && !button.hidden);
      const index = nextTab(event.key, this.buttons.indexOf(document.activeElement as HTMLButtonElement), usable);
      if (index === null) return;
      event.preventDefault();
      this.choose(index);
      this.buttons[index]?.focus();
    });
  }

  // A visitor chose: the tab's own handlers hear `select`, then the block's `change` and `select`.
  private choose(index: number): void {
    const panel = this.panels[index];
    if (!panel || panel.classList.contains("vt-selected")) return;
    this.select(index);
    const id = Number(panel.dataset["id"]);
    const own = page().component(id)?.props;
    page().fire(id, "select", { index, value: String(own?.["label"] ?? ""), selected: true });
    page().fire(this.componentId, "change");
    page().fire(this.componentId, "select", { index, value: String(own?.["label"] ?? ""), selected: true });
  }

  // One button is in the page's tab order (roving tabindex); panels hide by style, so that no script is needed to read them.
  private select(index: number): void {
    this.panels.forEach((panel, i) => panel.classList.toggle("vt-selected", i === index));
    this.buttons.forEach((button, i) => {
      button.setAttribute("aria-selected", String(i === index));
      button.tabIndex = i === index ? 0 : -1;
    });
  }

  override renew(changed: Props): void {
    super.renew(changed);
    if (!("selected" in changed)) return;
    const wanted = changed["selected"];
    const index = this.panels.findIndex((panel, i) => {
      const id = page().component(Number(panel.dataset["id"]))?.props["id"] ?? i + 1;
      return String(id) === String(wanted);
    });
    if (index >= 0) this.select(index);
  }

  /** A tab's own label, visibility or state changed. */
  tabChanged(tab: HTMLElement, changed: Props): void {
    const index = this.panels.indexOf(tab);
    const button = this.buttons[index];
    if (!button) return;
    if (typeof changed["label"] === "string") button.textContent = changed["label"];
    if ("visible" in changed) button.hidden = changed["visible"] !== true;
    if ("interactive" in changed) button.disabled = changed["interactive"] === false;
    if ((button.hidden || button.disabled) && tab.classList.contains("vt-selected")) {
      const other = this.buttons.findIndex((candidate) => !candidate.hidden && !candidate.disabled);
      if (other >= 0) this.select(other);
    }
  }
}
