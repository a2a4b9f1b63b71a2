// A demo's page: reads the configuration, opens the page and lets the elements take the server's markup over.
import { components } from "virtual:components";
import { openPage } from "./element/page.ts";
import { followTheme, reportHeight } from "./element/frame.ts";
import { makeScrollersReachable } from "./element/reachable.ts";
import { Toasts } from "./element/toasts.ts";
import type { Config } from "./core/types.ts";

followTheme();
const holder = document.getElementById("vt-config");
const content = document.getElementById("vt-app");
if (content) {
  reportHeight(content);
  new ResizeObserver(() => makeScrollersReachable(content)).observe(content);
}
if (holder) {
  const page = openPage(JSON.parse(holder.textContent ?? "{}") as Config, new Toasts());
  for (const [name, element] of components) customElements.define(`vt-${name}`, element);
  document.documentElement.dataset["ready"] = "";
  page.runner.load();
}
