// The site's pages work without this; with it frames get their content's height, code can be copied, logs follow, and the
// visitor can choose light or dark.
import { readFrames } from "./core/sse.ts";
import { bounds } from "./bounds.ts";
import { makeScrollersReachable } from "./element/reachable.ts";
import { logLine } from "./site/log.ts";
import { lookAfterMs, lookAgainMs, readBadge } from "./site/stage.ts";
import { nextTheme, themeCookie, type Choice } from "./site/theme.ts";

const frames = [...document.querySelectorAll<HTMLIFrameElement>("iframe[data-demo-frame]")];

function currentTheme(): Choice {
  const theme = document.documentElement.dataset["theme"];
  return theme === "light" || theme === "dark" ? theme : "system";
}

const badge = document.querySelector<HTMLElement>("[data-stage]");
let lookedMs = -Infinity;
let looking = false;

// The frame's word only makes us look, and not often: what is shown is the server's.
function lookAtStage(repository: string): void {
  const seen = badge?.classList.contains("vt-stage-live") && performance.now() - lookedMs < lookAgainMs;
  if (!badge || !repository || looking || seen) return;
  looking = true;
  setTimeout(() => {
    void fetch(`/api/spaces/${repository}/runtime`)
      .then((answer) => (answer.ok ? answer.json() : null))
      .then((answer: unknown) => {
        const now = readBadge(answer);
        if (now) [badge.textContent, badge.className] = [now.label, `vt-stage vt-stage-${now.kind}`];
      })
      .catch(() => undefined)
      .finally(() => [looking, lookedMs] = [false, performance.now()]);
  }, lookAfterMs);
}

function tellTheme(frame: HTMLIFrameElement): void {
  frame.contentWindow?.postMessage({ type: "vitrine:theme", theme: currentTheme() }, "*");
}

window.addEventListener("message", (event: MessageEvent<unknown>) => {
  const frame = frames.find((candidate) => candidate.contentWindow === event.source);
  if (!frame || typeof event.data !== "object" || event.data === null) return;
  const { type, height } = event.data as { type?: unknown; height?: unknown };
  if (type === "vitrine:run") lookAtStage(frame.dataset["demoFrame"] ?? "");
  if (type !== "vitrine:height" || typeof height !== "number" || !(height >= 0 && height < 100_000)) return;
  if (!frame.dataset["sized"] && currentTheme() !== "system") tellTheme(frame);
  frame.dataset["sized"] = "";
  // Its borders stand outside what the page in it measured.
  frame.style.height = `${height + frame.offsetHeight - frame.clientHeight}px`;
});
// A frame may have told its height before this script ran.
for (const frame of frames) frame.contentWindow?.postMessage({ type: "vitrine:ask" }, "*");

// The choice is kept in a cookie rather than in storage, so that the server writes it into the next page before it is painted.
function themeButton(button: HTMLButtonElement): void {
  const name = (): void => {
    const theme = currentTheme();
    const word = { light: "Light", dark: "Dark", system: "Auto" }[theme];
    (button.querySelector(".vt-theme-name") ?? button).textContent = word;
    button.setAttribute("aria-label", `Colours: ${word}. Change`);
    button.title = `Colours: ${word.toLowerCase()}`;
  };
  name();
  button.hidden = false;
  button.addEventListener("click", () => {
    const theme = nextTheme(currentTheme());
    if (theme === "system") delete document.documentElement.dataset["theme"];
    else document.documentElement.dataset["theme"] = theme;
    document.cookie = themeCookie(theme, location.protocol === "https:");
    name();
    frames.forEach(tellTheme);
  });
}

// Numbers stand in a column of their own, out of reach of the pointer that selects the source.
function numberLines(source: HTMLElement): void {
  const text = source.textContent ?? "";
  const lines = text.split("\n").length - (text.endsWith("\n") ? 1 : 0);
  const numbers = document.createElement("span");
  numbers.className = "vt-numbers";
  numbers.setAttribute("aria-hidden", "true");
  numbers.textContent = Array.from({ length: lines }, (_, i) => i + 1).join("\n");
  source.classList.add("vt-numbered");
  source.prepend(numbers);
}

function copyButton(block: HTMLElement): void {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "vt-copy";
  button.textContent = "Copy";
  button.addEventListener("click", () => {
    void copy(block.querySelector("code")?.textContent ?? "").then((done) => {
      button.textContent = done ? "Copied" : "Press Ctrl+C";
      setTimeout(() => (button.textContent = "Copy"), 2000);
    });
  });
  block.append(button);
}

// The clipboard is there only in secure contexts; on a plain http address the old way still works.
async function copy(text: string): Promise<boolean> {
  if (navigator.clipboard) {
    return navigator.clipboard.writeText(text).then(
      () => true,
      () => false,
    );
  }
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "vt-sr";
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  return done;
}

// A tail that breaks is opened again with growing pauses, and given up after so many without a line: a forgotten tab must not
// ask for ever.
async function tail(list: HTMLElement, url: string): Promise<void> {
  const state = document.querySelector<HTMLElement>("[data-log-state]");
  const say = (text: string): void => {
    if (state) state.textContent = text;
  };
  let delay: number = bounds.retryFirstMs;
  for (let attempt = 0; attempt < bounds.retries; attempt++) {
    try {
      const answer = await fetch(url, { headers: { accept: "text/event-stream" } });
      if (!answer.ok || !answer.body) break;
      say("Live");
      for await (const frame of readFrames(answer.body, () => undefined)) {
        attempt = 0;
        delay = bounds.retryFirstMs;
        append(list, frame.data);
      }
    } catch {
      say("Connecting…");
    }
    await new Promise((resolve) => setTimeout(resolve, delay));
    delay = Math.min(delay * 2, bounds.retryMostMs);
  }
  say("Reload the page for newer lines");
}

// Follows the end only while the reader is there: who scrolled up to read is not torn away.
function append(list: HTMLElement, data: string): void {
  const line = logLine(data);
  if (!line) return;
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  const item = document.createElement("li");
  item.className = `vt-log-line vt-log-${line.level}`;
  const time = document.createElement("time");
  time.dateTime = line.iso;
  time.textContent = line.time;
  const source = document.createElement("span");
  source.className = "vt-log-source";
  source.textContent = line.source;
  const text = document.createElement("span");
  text.className = "vt-log-text";
  text.textContent = line.text;
  item.append(time, source, text);
  list.append(item);
  document.querySelector("[data-log-empty]")?.remove();
  if (atEnd) list.scrollTop = list.scrollHeight;
}

const toggle = document.querySelector<HTMLButtonElement>("[data-theme-toggle]");
if (toggle) themeButton(toggle);
document.querySelectorAll<HTMLElement>("[data-copy]").forEach(copyButton);
document.querySelectorAll<HTMLElement>("[data-lines]").forEach(numberLines);
makeScrollersReachable(document);
window.addEventListener("resize", () => makeScrollersReachable(document), { passive: true });
const log = document.querySelector<HTMLElement>("[data-tail]");
if (log) {
  log.scrollTop = log.scrollHeight;
  if (log.dataset["tail"]) void tail(log, log.dataset["tail"]);
}
