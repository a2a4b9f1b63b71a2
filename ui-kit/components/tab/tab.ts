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
