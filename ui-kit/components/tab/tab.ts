// One panel. Its button stands in the tab list, which belongs to <vt-tabs>: changes of caption and state are passed up.
import { Layout } from "../../src/element/layout.ts";
import type { Props } from "../../src/core/types.ts";

interface TabHolder extends HTMLElement {
  tabChanged?(tab: HTMLElement, changed: Props): void;
}

export default class Tab extends Layout {
  override renew(changed: Props): void {
    super.renew(changed);
    (this.parentElement as TabHolder | null)?.tabChanged?.(this, changed);
  }
}
