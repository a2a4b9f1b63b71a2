// What a page does when another page frames it: it tells its height, and takes the light or dark of its surroundings.

import { readTheme, type Theme } from "./theme.ts";

/** Tells the framing page the content's height whenever it changes. */
export function reportHeight(content: HTMLElement): void {
  if (window.parent === window) return;
  let told = -1;
  const tell = (again = false): void => {
    // Measured on the content itself: a height taken from the window would grow with the frame that it makes grow.
    const height = Math.ceil(content.getBoundingClientRect().height);
    if (height === told && !again) return;
    told = height;
    window.parent.postMessage({ type: "vitrine:height", height }, "*");
  };
  new ResizeObserver(() => tell()).observe(content);
  window.addEventListener("message", (event: MessageEvent<unknown>) => {
    const asked = event.source === window.parent && (event.data as { type?: unknown } | null)?.type === "vitrine:ask";
    if (asked) tell(true);
  });
  tell();
}

let toldRunMs = -Infinity;

/** Tells the framing page that the demo is at work, so that it can look at its stage: seldom, whatever a run reports. */
export function reportRun(): void {
  const now = performance.now();
  if (window.parent === window || now - toldRunMs < 1000) return;
  toldRunMs = now;
  window.parent.postMessage({ type: "vitrine:run" }, "*");
}

function setTheme(theme: Theme): void {
  const root = document.documentElement;
  if (theme === "system") delete root.dataset["theme"];
  else root.dataset["theme"] = theme;
}

/** Applies `?__theme=` and what a framing page asks for later. */
export function followTheme(): void {
  const asked = readTheme(new URLSearchParams(location.search).get("__theme"));
  if (asked) setTheme(asked);
  window.addEventListener("message", (event: MessageEvent<unknown>) => {
    if (event.source !== window.parent || typeof event.data !== "object" || event.data === null) return;
    const { type, theme } = event.data as { type?: unknown; theme?: unknown };
    const wanted = readTheme(theme);
    if (type === "vitrine:theme" && wanted) setTheme(wanted);
  });
}
