// <vitrine-demo src="owner/name" theme="dark" lazy>: a demo inside any page, as high as its content. Also takes the demo's
// own address as `src`. Everything is in a shadow root, so that neither page's styles touch the other's.
import { bounds } from "./bounds.ts";
import { demoAddress, readHeight } from "./embed/address.ts";

const HOST = new URL(".", import.meta.url).href;
const FIRST_HEIGHT = 320;

const STYLE = `:host{display:block;position:relative}:host([hidden]){display:none}
iframe{display:block;width:100%;border:0;min-height:120px}
p{font:15px/1.5 system-ui,sans-serif;margin:0;padding:1rem;border:1px solid currentColor;border-radius:8px;opacity:.8}`;

class VitrineDemo extends HTMLElement {
  static readonly observedAttributes = ["src", "theme"];

  private readonly shadow = this.attachShadow({ mode: "open" });
  private frame: HTMLIFrameElement | null = null;
  private observer: IntersectionObserver | null = null;
  private readonly sheet = new CSSStyleSheet();

  constructor() {
    super();
    this.sheet.replaceSync(STYLE);
    this.shadow.adoptedStyleSheets = [this.sheet];
  }

  // Moved elements are disconnected and connected again: the frame is made anew then, as browsers reload a moved frame anyway.
  connectedCallback(): void {
    window.addEventListener("message", this.heard);
    if (!this.hasAttribute("lazy")) return void this.open();
    this.observer = new IntersectionObserver(
      (entries) => {
        if (!entries.some((entry) => entry.isIntersecting)) return;
        this.observer?.disconnect();
        void this.open();
      },
      { rootMargin: "400px" },
    );
    this.observer.observe(this);
  }

  disconnectedCallback(): void {
    window.removeEventListener("message", this.heard);
    this.observer?.disconnect();
    this.frame?.remove();
    this.frame = null;
  }

  attributeChangedCallback(name: string, before: string | null): void {
    if (!this.frame || before === null) return;
    if (name === "src") void this.open();
    else this.frame.contentWindow?.postMessage({ type: "vitrine:theme", theme: this.getAttribute("theme") ?? "system" }, "*");
  }

  private async open(): Promise<void> {
    const source = this.getAttribute("src") ?? "";
    const address = demoAddress(source, HOST, this.getAttribute("theme"));
    if (!address) return this.say(`vitrine-demo: “${source}” is no demo; write src="owner/name".`);
    const frame = document.createElement("iframe");
    frame.title = this.getAttribute("title") || `Demo ${source}`;
    frame.referrerPolicy = "no-referrer";
    frame.allow = "clipboard-write";
    frame.style.height = `${FIRST_HEIGHT}px`;
    frame.src = address;
    this.frame = frame;
    this.shadow.replaceChildren(frame);
    const trouble = await this.trouble(address);
    if (trouble && this.frame === frame) this.say(trouble);
  }

  // A frame does not tell that its page is an error: ask beside it.
  private async trouble(address: string): Promise<string> {
    const source = this.getAttribute("src");
    try {
      const answer = await fetch(address, {
        method: "HEAD",
        credentials: "omit",
        signal: AbortSignal.timeout(bounds.embedWaitMs),
      });
      if (answer.status === 404 || answer.status === 410) return `The demo ${source} is not there any more.`;
      return answer.status >= 500 ? `The demo ${source} cannot be shown at the moment.` : "";
    } catch {
      return `The demo ${source} does not answer.`;
    }
  }

  // In place of the frame; the surrounding page can hear of it, too.
  private say(text: string): void {
    const line = document.createElement("p");
    line.setAttribute("role", "status");
    line.textContent = text;
    this.frame = null;
    this.shadow.replaceChildren(line);
    this.dispatchEvent(new CustomEvent("vitrine-error", { detail: text }));
  }

  // Only the own frame is heard: any page in any other frame could send the same message.
  private readonly heard = (event: MessageEvent<unknown>): void => {
    if (!this.frame || event.source !== this.frame.contentWindow) return;
    const height = readHeight(event.data);
    if (height !== null) this.frame.style.height = `${height}px`;
  };
}

if (!customElements.get("vitrine-demo")) customElements.define("vitrine-demo", VitrineDemo);
