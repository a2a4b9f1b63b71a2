// The base of layout blocks: they hold what the server wrote and never write it again.
import type { Props } from "../core/types.ts";
import { dressWrapper } from "./block.ts";
import { page, type Taken } from "./page.ts";

export class Layout extends HTMLElement implements Taken {
  componentId = 0;
  props: Props = {};
  private taken = false;

  connectedCallback(): void {
    if (this.taken) return;
    this.taken = true;
    ({ id: this.componentId, props: this.props } = page().register(this));
    this.enhance();
  }

  /** Called once, when the block and all it holds are in the page. */
  protected enhance(): void {}

  renew(changed: Props): void {
    dressWrapper(this, changed);
  }
}
