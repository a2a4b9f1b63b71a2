// Opening a page: little is asked for and nothing of others, and what is there stays where it is.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { pages_of, pages_publish } from "./pages.mjs";
import { browser_start, demo_address, page_close, page_open, site_start, site_stop } from "./site.mjs";

const MOST_REQUESTS = 4; // of a first visit: page, style, script, icon
const MOST_BYTES = 100 * 1024; // of those, as they travel
const MOST_JUMP = 0.01; // of the browser's layout shift score; up to 0.1 is called good

let site, browser;

before(async () => {
    site = await site_start();
    browser = await browser_start();
    await pages_publish(site);
});

after(async () => {
    await browser?.close();
    if (site) await site_stop(site);
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

test("pages: nothing jumps while a page opens", async () => {
    const jumps = {};
    for (const width of [1280, 390]) {
        for (const [name, address] of pages_of(site).filter(([name, , , owned]) => !owned && name !== "app card")) {
            const page = await page_open(browser, "about:blank", { viewport: { width, height: 800 } });
            await page.addInitScript(() => {
                window.jumped = 0;
                new PerformanceObserver((list) => { for (const entry of list.getEntries()) window.jumped += entry.value; })
                    .observe({ type: "layout-shift", buffered: true });
            });
            await page.goto(address, { waitUntil: "networkidle" });
            const jumped = await page.evaluate(() => window.jumped);
            if (jumped > MOST_JUMP) jumps[`${name}, ${width} px`] = jumped;
            await page_close(page);
        }
    }
    assert.deepEqual(jumps, {});
});
