// Short messages over the page. Errors interrupt a screen reader, the rest waits its turn; a pointer or the focus on a
// message keeps it from leaving.
import { bounds } from "../bounds.ts";
import type { Toast } from "../core/types.ts";

const TITLES: Record<Toast["level"], string> = { info: "Note", success: "Done", warning: "Warning", error: "Error" };

export class Toasts {
  private readonly list = document.createElement("section");
  private pointerY = 0;

  constructor() {
    this.list.className = "vt-toasts";
    this.list.setAttribute("aria-label", "Messages");
    this.list.setAttribute("aria-live", "polite");
    document.body.append(this.list);
    if (window.parent !== window) this.stayInSight();
  }

  // In a frame as high as its content the window's edges may be far out of sight: messages stand near the last click.
  private stayInSight(): void {
    this.list.classList.add("vt-toasts-framed");
    document.addEventListener("pointerdown", (event) => (this.pointerY = event.pageY), { passive: true });
  }

  show(toast: Toast): void {
    const box = document.createElement("div");
    box.className = `vt-toast vt-toast-${toast.level}`;
    box.setAttribute("role", toast.level === "error" ? "alert" : "status");
    const title = document.createElement("strong");
    title.textContent = toast.title || TITLES[toast.level] || "";
    const text = document.createElement("p");
    text.textContent = toast.text;
    const close = document.createElement("button");
    close.type = "button";
    close.className = "vt-toast-close";
    close.setAttribute("aria-label", "Close this message");
    close.textContent = "×";
    close.addEventListener("click", () => box.remove());
    box.append(title, close, text);
    if (toast.from !== undefined) box.dataset["from"] = String(toast.from);
    this.place();
    this.list.append(box);
    while (this.list.childElementCount > bounds.toasts) this.list.firstElementChild?.remove();
    if (toast.seconds !== null) this.leaveAfter(box, Math.max(1, toast.seconds) * 1000);
  }

  /** Takes the errors of a dependency away. */
  withdraw(from: number): void {
    for (const box of this.list.querySelectorAll(`[data-from="${from}"]`)) box.remove();
  }

  private place(): void {
    if (!this.list.classList.contains("vt-toasts-framed")) return;
    const height = document.documentElement.scrollHeight;
    this.list.style.top = `${Math.max(8, Math.min(this.pointerY - 80, height - 200))}px`;
  }

  private leaveAfter(box: HTMLElement, ms: number): void {
    let timer = setTimeout(() => box.remove(), ms);
    const hold = (): void => clearTimeout(timer);
    const release = (): void => {
      clearTimeout(timer);
      timer = setTimeout(() => box.remove(), ms / 2);
    };
    box.addEventListener("pointerenter", hold);
    box.addEventListener("pointerleave", release);
    box.addEventListener("focusin", hold);
    box.addEventListener("focusout", release);
  }
}
