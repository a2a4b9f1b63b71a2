// Every page: nothing keeps a person from it (WCAG 2.2 AA by axe-core, light and dark, wide and narrow), it reads without
// JavaScript, it never scrolls sideways, and a first visit asks for little and for nothing elsewhere.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { after, before, test } from "node:test";
import { ROOT, browser_start, demo_address, page_close, page_open, publish, repository_make, repository_push, site_sign_in,
    site_start, site_stop } from "./site.mjs";

const AXE = readFileSync(createRequire(path.join(ROOT, "ops/npm/test/package.json")).resolve("axe-core/axe.min.js"), "utf8");
const RULES = { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] };
const LOOKS = [["light", 1280], ["dark", 1280], ["light", 390], ["dark", 390]];
const MOST_REQUESTS = 4; // of a first visit: page, style, script, icon
const MOST_BYTES = 100 * 1024; // of those, as they travel

let site, browser;

async function push_broken(name, card_line, app) {
    const folder = await repository_make(site, name, path.join(ROOT, "examples/greeter"));
    writeFileSync(path.join(folder, "README.md"), `---\ntitle: ${name}\n${card_line}\n---\nText.\n`);
    writeFileSync(path.join(folder, "app.lua"), app);
    return repository_push(site, folder, `spaces/vitrine/${name}`);
}

before(async () => {
    site = await site_start();
    browser = await browser_start();
    const empty = await page_open(browser, `${site.origin}/`);
    assert.match(await empty.textContent("main"), /No demos yet/);
    await page_close(empty);
    await publish(site, "model", "examples/digits/model", "vitrine/digits");
    for (const name of ["digits", "greeter", "ticker", "mandelbrot", "card"]) await publish(site, name, `examples/${name}`);
    for (const name of ["components", "handlers"]) await publish(site, name, `tests/e2e/demos/${name}`);
    await push_broken("broken", "sdk: lua", "local = 3\n");
    await push_broken("elsewhere", "sdk: gradio", "");
});

after(async () => {
    await browser?.close();
    if (site) await site_stop(site);
});

const space = (rest) => `${site.origin}/spaces/vitrine/${rest}`;

// [what it is, its address, a text that stands on it without JavaScript, whether only its owner sees it]
const PAGES = () => [
    ["gallery", `${site.origin}/`, /Handwritten digits/],
    ["search", `${site.origin}/?q=zebra`, /Nothing found/],
    ["sign-in", `${site.origin}/login`, /User name/],
    ["a used sign-in link", `${site.origin}/login/link?token=used`, /used before or is too old/],
    ["404", `${site.origin}/nothing/here/at/all`, /no such page/],
    ["demo 404", space("nothing"), /no such/],
    ["demo origin 404", `http://vitrine-nothing.localhost:${site.port}/`, /no such demo/],
    ["demo", space("digits"), /one digit/],
    ["static demo", space("card"), /Card/],
    ["code", space("digits/tree/main"), /app\.lua/],
    ["a file", space("digits/blob/main/app.lua"), /ai\.pipeline/],
    ["a picture", space("digits/blob/main/three.png"), /three\.png/],
    ["API", space("greeter/api"), /client\.predict/],
    ["model", `${site.origin}/vitrine/digits`, /convolutional/],
    ["a model's files", `${site.origin}/vitrine/digits/tree/main`, /config\.json/],
    ["broken demo", space("broken"), /Nothing is published here yet/],
    ["demo of another kind", space("elsewhere"), /Nothing is published here yet/],
    ["account", `${site.origin}/settings`, /Access tokens/, true],
    ["its owner's demo", space("digits"), /Settings/, true],
    ["logs", space("digits/logs"), /published/, true],
    ["settings", space("digits/settings"), /Delete this demo/, true],
    ["its owner's broken demo", space("broken"), /app\.lua:1/, true],
    ["its owner's demo of another kind", space("elsewhere"), /cannot run here/, true],
    ["app digits", demo_address(site, "digits"), /Draw one digit/],
    ["app greeter", demo_address(site, "greeter"), /which language shall we greet you/],
    ["app ticker", demo_address(site, "ticker"), /Every tick/],
    ["app mandelbrot", demo_address(site, "mandelbrot"), /Every pixel/],
    ["app card", demo_address(site, "card"), /One page, two files/],
    ["app components", demo_address(site, "components"), /Nothing was sent/],
];

// What axe-core finds, one line for each kind of trouble and the first element that has it.
async function violations(page) {
    await page.evaluate(AXE);
    const found = await page.evaluate((rules) => window.axe.run(document, { runOnly: rules, iframes: false }), RULES);
    return found.violations.map((one) => `${one.id}: ${one.help}: ${one.nodes[0].html} ${one.nodes[0].failureSummary.split("\n").pop()}`);
}

async function page_signed(options) {
    const page = await page_open(browser, "about:blank", options);
    await site_sign_in(site, page);
    return page;
}

for (const [colorScheme, width] of LOOKS) {
    test(`pages: nothing keeps a person from any, ${colorScheme}, ${width} px`, async () => {
        const options = { colorScheme, viewport: { width, height: 800 }, bypassCSP: true };
        const [visitor, owner] = [await page_open(browser, "about:blank", options), await page_signed(options)];
        const troubles = [];
        for (const [name, address, , owned] of PAGES()) {
            const page = owned ? owner : visitor;
            await page.goto(address);
            for (const line of await violations(page)) troubles.push(`${name}: ${line}`);
            const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
            if (over > 0) troubles.push(`${name}: ${over} px wider than the window`);
        }
        assert.deepEqual(troubles, []);
        await page_close(visitor);
        await page_close(owner);
    });
}

test("pages: components in use keep nobody out either", async () => {
    for (const colorScheme of ["light", "dark"]) {
        const page = await page_open(browser, demo_address(site, "components"), { colorScheme, bypassCSP: true });
        await page.click("summary:has-text('More')");
        await page.click(".vt-multi-summary");
        assert.deepEqual(await violations(page), []);
        await page.mouse.click(5, 5);
        await page.click("button:text-is('Send all')");
        await page.waitForSelector("vt-json code");
        assert.deepEqual(await violations(page), []);
        await page.goto(demo_address(site, "handlers"));
        for (const caption of ["Say", "Fail", "Slow"]) await page.click(`button:text-is("${caption}")`);
        await page.waitForSelector(".vt-toast-error");
        await page.waitForSelector(".vt-status-words:has-text('step')");
        await page.waitForTimeout(300); // messages have come to rest: a half-faded colour is no colour of ours
        assert.deepEqual(await violations(page), []);
        await page_close(page);
    }
});

test("pages: every page reads without JavaScript", async () => {
    const options = { javaScriptEnabled: false };
    const [visitor, owner] = [await page_open(browser, "about:blank", options), await page_signed(options)];
    for (const [name, address, words, owned] of PAGES()) {
        const page = owned ? owner : visitor;
        await page.goto(address);
        assert.match(await page.textContent("body"), words, name);
    }
    await page_close(visitor);
    await page_close(owner);
});

test("pages: without JavaScript a visitor signs in, makes a token and signs out", async () => {
    const page = await page_signed({ javaScriptEnabled: false });
    await page.goto(`${site.origin}/settings`);
    await page.fill("#token-name", "no-script");
    await page.click("button:text-is('Make a token')");
    assert.match(await page.textContent(".vt-notice-good"), /hf_/);
    await page.click("button:text-is('Sign out')");
    await page.waitForSelector("text=Sign in");
    await page_close(page);
});

// What a first visit, with nothing cached, asks for.
async function first_visit(address) {
    const page = await page_open(browser, "about:blank");
    const asked = [];
    page.on("requestfinished", (request) => asked.push(request.sizes().then((sizes) => [request.url(), sizes.responseBodySize])));
    await page.goto(address, { waitUntil: "networkidle" });
    const seen = await Promise.all(asked);
    await page_close(page);
    return { requests: seen.map(([url]) => url), bytes: seen.reduce((sum, [, size]) => sum + size, 0) };
}

test("pages: a first visit needs few requests, few bytes and nobody else", async (t) => {
    const pages = { gallery: `${site.origin}/`, digits: demo_address(site, "digits"), greeter: demo_address(site, "greeter"),
        ticker: demo_address(site, "ticker"), card: demo_address(site, "card"), "sign-in": `${site.origin}/login` };
    for (const [name, address] of Object.entries(pages)) {
        const { requests, bytes } = await first_visit(address);
        t.diagnostic(`${name}: ${requests.length} requests, ${bytes} bytes`);
        assert.ok(requests.length <= MOST_REQUESTS + (name === "digits" ? 2 : 0), `${name} asks for ${requests.join(" ")}`); // two thumbnails
        assert.ok(bytes <= MOST_BYTES, `${name} takes ${bytes} bytes`);
    }
});
