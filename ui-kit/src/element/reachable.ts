/**
 * Makes what scrolls sideways (wide tables, long lines of code in people's texts) reachable by Tab, so that arrow keys scroll
 * it. Only what does scroll: a stop that does nothing is a nuisance.
 */
export function makeScrollersReachable(root: ParentNode): void {
  for (const part of root.querySelectorAll<HTMLElement>(".vt-prose :is(table, pre)")) {
    if (part.scrollWidth > part.clientWidth) part.tabIndex = 0;
    else part.removeAttribute("tabindex");
  }
}
