// Journey "embed": pages of another site show demos, by a plain frame and by <vitrine-demo>, and browsers honour who may.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { FLAGS, ROOT, browser_start, demo_address, page_close, page_open, page_watch, publish, repository_make, repository_push,
    site_sign_in, site_start, site_stop, stranger_start } from "./site.mjs";

const SETTLE_MS = 400; // after which a height that still moved would be a loop
const SAMPLES = 8;

let site, browser, stranger, other;

// A copy of the greeter whose card says who may frame it.
async function publish_framed(name, card_line) {
    const folder = await repository_make(site, name, path.join(ROOT, "examples/greeter"));
    writeFileSync(path.join(folder, "README.md"), `---\ntitle: ${name}\nsdk: lua\n${card_line}\n---\nText.\n`);
    const pushed = await repository_push(site, folder, `spaces/vitrine/${name}`);
    assert.equal(pushed.code, 0, pushed.output);
}

// A stranger's page with <vitrine-demo>.
function embed(attributes, around = "") {
    return `${around}<vitrine-demo ${attributes}></vitrine-demo><script type="module" src="${site.origin}/embed.js"></script>`;
}

before(async () => {
    site = await site_start();
    for (const name of ["greeter", "card"]) await publish(site, name, `examples/${name}`);
    await publish(site, "components", "tests/e2e/demos/components");
    browser = await browser_start();
    stranger = await stranger_start({});
    other = await stranger_start({});
    await publish_framed("closed", "disable_embedding: true");
    await publish_framed("chosen", `disable_embedding: ["${stranger.origin}"]`);
    Object.assign(stranger.pages, {
        "/frame": `<iframe src="${demo_address(site, "greeter")}" width="800" height="600"></iframe>`,
        "/dark": `<iframe src="${demo_address(site, "greeter")}?__theme=dark" width="800" height="600"></iframe>`,
        "/element": embed('src="vitrine/greeter"'),
        "/tall": embed('src="vitrine/components"', '<style>vitrine-demo { width: 700px }</style>'),
        "/address": embed(`src="${demo_address(site, "greeter")}"`),
        "/lazy": embed('src="vitrine/greeter" lazy', '<div style="height: 4000px">Far above</div>'),
        "/theme": embed('src="vitrine/greeter" theme="dark"'),
        "/static": embed('src="vitrine/card"'),
        "/gone": embed('src="vitrine/nothing"'),
        "/nonsense": embed('src="no demo"'),
        "/closed": `<iframe src="${demo_address(site, "closed")}"></iframe>`,
        "/closed-path": `<iframe src="${site.origin}/spaces/vitrine/closed/-/"></iframe>`,
        "/chosen": `<iframe src="${demo_address(site, "chosen")}"></iframe>`,
    });
    other.pages["/chosen"] = stranger.pages["/chosen"];
});

after(async () => {
    await browser?.close();
    await stranger?.stop();
    await other?.stop();
    if (site) await site_stop(site);
});

// The frame on the page whose address has `part`, once it is there.
async function frame_of(page, part) {
    for (let tries = 0; tries < 100; tries++) {
        const frame = page.frames().find((candidate) => candidate.url().includes(part) && !candidate.isDetached());
        if (frame) return frame;
        await page.waitForTimeout(50);
    }
    throw new Error(`no frame ${part} on ${page.url()}: ${page.frames().map((frame) => frame.url())}`);
}

async function greet(frame, name) {
    await frame.fill("textarea", name);
    await frame.click("button:has-text('Greet')");
    await frame.waitForFunction((text) => [...document.querySelectorAll("textarea")].some((field) => field.value === text),
        `Hello, ${name}!`);
}

const frame_height = (page) => page.evaluate(() => document.querySelector("vitrine-demo").shadowRoot.querySelector("iframe").offsetHeight);

// The height at which the frame comes to rest; it must stay there.
async function height_at_rest(page) {
    await page.waitForTimeout(SETTLE_MS);
    const heights = [];
    for (let i = 0; i < SAMPLES; i++) {
        heights.push(await frame_height(page));
        await page.waitForTimeout(SETTLE_MS / SAMPLES);
    }
    assert.deepEqual(new Set(heights).size, 1, `the height does not come to rest: ${heights}`);
    return heights[0];
}

test("embed: a plain frame on another site is used", async () => {
    const page = await page_open(browser, `${stranger.origin}/frame`);
    await greet(await frame_of(page, "vitrine-greeter"), "Grace");
    await page_close(page);
});

test("embed: <vitrine-demo> is used, by name and by address", async () => {
    for (const [where, part] of [["/element", "/spaces/vitrine/greeter/-/"], ["/address", "vitrine-greeter"]]) {
        const page = await page_open(browser, stranger.origin + where);
        await greet(await frame_of(page, part), "Ada");
        assert.equal(await page.getAttribute("vitrine-demo >> iframe", "title"), `Demo ${await page.getAttribute("vitrine-demo", "src")}`);
        await page_close(page);
    }
});

test("embed: the frame's height follows the content up and down and comes to rest", async () => {
    const page = await page_open(browser, `${stranger.origin}/tall`);
    const frame = await frame_of(page, "/spaces/vitrine/components/-/");
    await frame.waitForSelector("html[data-ready]");
    const closed = await height_at_rest(page);
    const inside = () => frame.evaluate(() => Math.ceil(document.getElementById("vt-app").getBoundingClientRect().height));
    assert.equal(closed, await inside());
    await frame.click("summary:has-text('More')");
    const open = await height_at_rest(page);
    assert.equal(open, await inside());
    assert.ok(open > closed, `${open} after ${closed}`);
    await frame.click("summary:has-text('More')");
    assert.equal(await height_at_rest(page), closed, "it shrinks again");
    await page.evaluate(() => { document.querySelector("vitrine-demo").style.width = "340px"; });
    assert.ok(await height_at_rest(page) > closed, "narrow content is higher");
    assert.equal(await frame.evaluate(() => document.documentElement.scrollHeight > innerHeight), false, "no scroll bar inside");
    await page_close(page);
});

test("embed: a window-high frame is not grown by what it holds", async () => {
    const page = await page_open(browser, `${stranger.origin}/static`);
    await (await frame_of(page, "/spaces/vitrine/card/-/")).waitForSelector("h1");
    await height_at_rest(page);
    await page_close(page);
});

test("embed: a lazy demo asks for nothing until it is near", async () => {
    const page = await page_open(browser, "about:blank");
    const asked = [];
    page.on("request", (request) => asked.push(request.url()));
    await page.goto(`${stranger.origin}/lazy`);
    await page.waitForFunction(() => customElements.get("vitrine-demo"));
    await page.waitForTimeout(SETTLE_MS);
    assert.deepEqual(asked.filter((url) => url.includes("greeter")), []);
    await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
    await greet(await frame_of(page, "/spaces/vitrine/greeter/-/"), "Lin");
    await page_close(page);
});

const scheme_of = (frame) => frame.evaluate(() => getComputedStyle(document.documentElement).colorScheme);

test("embed: the theme is taken from the attribute, and from the address", async () => {
    const page = await page_open(browser, `${stranger.origin}/theme`);
    const frame = await frame_of(page, "/spaces/vitrine/greeter/-/");
    await frame.waitForSelector("html[data-ready]");
    assert.equal(await scheme_of(frame), "dark");
    await page.evaluate(() => document.querySelector("vitrine-demo").setAttribute("theme", "light"));
    await frame.waitForFunction(() => getComputedStyle(document.documentElement).colorScheme === "light");
    await page.goto(`${stranger.origin}/dark`);
    const plain = await frame_of(page, "vitrine-greeter");
    await plain.waitForSelector("html[data-ready]");
    assert.equal(await scheme_of(plain), "dark");
    await page_close(page);
});

test("embed: the theme in the address needs no script", async () => {
    const page = await page_open(browser, `${demo_address(site, "greeter")}?__theme=dark`, { javaScriptEnabled: false });
    assert.equal(await page.getAttribute("html", "data-theme"), "dark");
    await page_close(page);
});

test("embed: a demo that is gone, and an address that is none, are told in words", async () => {
    const page = await page_open(browser, `${stranger.origin}/gone`);
    await page.waitForSelector("vitrine-demo >> text=The demo vitrine/nothing is not there any more.");
    await page.goto(`${stranger.origin}/nonsense`);
    await page.waitForSelector("vitrine-demo >> text=“no demo” is no demo");
    await page_close(page);
});

test("embed: an element that leaves the page and comes back works again", async () => {
    const page = await page_open(browser, `${stranger.origin}/element`);
    const first = await frame_of(page, "/greeter/-/");
    await first.waitForSelector("html[data-ready]");
    await page.evaluate(() => document.querySelector("vitrine-demo").remove());
    await page.waitForTimeout(SETTLE_MS);
    assert.equal(page.frames().length, 1);
    await page.evaluate(() => {
        const again = document.createElement("vitrine-demo");
        again.setAttribute("src", "vitrine/greeter");
        document.body.prepend(again);
    });
    await greet(await frame_of(page, "/greeter/-/"), "Bo");
    // Moved: the browser loads the frame anew, and the element must not be left with two or none.
    await page.evaluate(() => document.body.append(document.querySelector("vitrine-demo")));
    await page.waitForTimeout(SETTLE_MS);
    assert.equal(page.frames().length, 2);
    await greet(await frame_of(page, "/greeter/-/"), "Cy");
    await page_close(page);
});

// Whether the browser shows the only frame of the page at `address`; a refused one's request ends as blocked by its answer.
async function frame_shown(address) {
    const page = await page_open(browser, "about:blank");
    let refused = false;
    page.on("requestfailed", (request) => { refused ||= request.failure().errorText === "net::ERR_BLOCKED_BY_RESPONSE"; });
    await page.goto(address);
    const frame = await (await page.waitForSelector("iframe")).contentFrame();
    const ready = () => frame.evaluate(() => document.documentElement.dataset.ready === "").catch(() => false);
    let shown = false;
    for (let tries = 0; tries < 60 && !refused && !(shown = await ready()); tries++) await page.waitForTimeout(50);
    assert.notEqual(shown, refused, `neither shown nor refused: ${address}`);
    await page_close(page);
    return shown;
}

test("embed: disable_embedding keeps other sites out, by both addresses", async () => {
    assert.equal(await frame_shown(`${stranger.origin}/closed`), false);
    assert.equal(await frame_shown(`${stranger.origin}/closed-path`), false);
});

test("embed: disable_embedding does not keep the demo from its own page", async () => {
    assert.equal(await frame_shown(`${site.origin}/spaces/vitrine/closed`), true);
});

test("embed: a list of parents lets in those and nobody else", async () => {
    assert.equal(await frame_shown(`${stranger.origin}/chosen`), true);
    assert.equal(await frame_shown(`${other.origin}/chosen`), false);
    assert.equal(await frame_shown(`${site.origin}/spaces/vitrine/chosen`), true);
});

test("embed: blocked third-party cookies make no difference", async () => {
    const require = createRequire(path.join(ROOT, "ops/npm/test/package.json"));
    const profile = mkdtempSync(path.join(tmpdir(), "e2e-profile-"));
    mkdirSync(path.join(profile, "Default"));
    writeFileSync(path.join(profile, "Default/Preferences"),
        JSON.stringify({ profile: { block_third_party_cookies: true, cookie_controls_mode: 1 } }));
    const context = await require("playwright-core").chromium.launchPersistentContext(profile,
        { executablePath: "/usr/bin/chromium", headless: true, args: FLAGS });
    // The control: a stranger in a frame has no storage, so the browser does block.
    const tracker = await stranger_start({ "/": "tracker" }, "localhost");
    stranger.pages["/tracked"] = `<iframe src="${tracker.origin}/"></iframe>`;
    try {
        const page = await context.newPage();
        page_watch(page);
        await page.goto(`${stranger.origin}/tracked`);
        const tracked = await frame_of(page, tracker.origin);
        assert.equal(await tracked.evaluate(() => { try { return String(localStorage.length); } catch (error) { return error.name; } }), "SecurityError");
        await page.goto(`${stranger.origin}/frame`);
        await greet(await frame_of(page, "vitrine-greeter"), "Mai");
        await page.goto(`${stranger.origin}/element`);
        await greet(await frame_of(page, "/spaces/vitrine/greeter/-/"), "Noor");
        assert.deepEqual(page.troubles, []);
        assert.deepEqual((await context.cookies()).map((cookie) => cookie.name), [], "no cookie was set on the way");
    } finally {
        await tracker.stop();
        await context.close();
        rmSync(profile, { recursive: true, force: true });
    }
});

test("embed: a visitor who is signed in to the site is a stranger's visitor in the frame", async () => {
    const page = await page_open(browser, "about:blank");
    await site_sign_in(site, page);
    const cookies = [];
    page.on("request", (request) => { if (request.url().includes("/greeter/-/")) cookies.push(request.allHeaders()); });
    await page.goto(`${stranger.origin}/element`);
    await greet(await frame_of(page, "/spaces/vitrine/greeter/-/"), "Eve");
    const sent = (await Promise.allSettled(cookies)).filter((one) => one.status === "fulfilled").map((one) => one.value.cookie);
    assert.ok(sent.length > 3);
    assert.deepEqual([...new Set(sent)], [undefined]);
    await page_close(page);
});
