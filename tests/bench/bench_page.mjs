#!/usr/bin/env node
// What a browser loads before a demo's page works: bytes on the wire and requests, counted by Chromium itself, for the demo's own
// page (what other pages embed) and for the site's page that frames it. The cache is empty; the greeter example is published
// by a push. A page works when its first button is there and the browser has nothing left to load.
import { appendFileSync } from "node:fs";
import path from "node:path";
import { browser_start, repository_make, repository_push, ROOT, site_start, site_stop } from "../e2e/site.mjs";

const QUIET_MS = 500;

function figure_tell(figure, value, peer) {
    console.log(`${figure}: ${value} (${peer})`);
    if (process.env.VITRINE_FIGURES) {
        appendFileSync(process.env.VITRINE_FIGURES, `${JSON.stringify({ figure, value, peer, raised: "" })}\n`);
    }
}

// Requests of the page and of every frame in it, until nothing came for a while.
async function page_measure(browser, address, button_find) {
    const context = await browser.newContext();
    const page = await context.newPage();
    const finished = [];
    page.on("requestfinished", (request) => finished.push(request));
    await page.goto(address, { waitUntil: "load" });
    await button_find(page).waitFor({ state: "visible" });
    await page.waitForTimeout(QUIET_MS);
    const found = [];
    for (const request of finished.filter((one) => one.url().startsWith("http"))) {
        const sizes = await request.sizes();
        found.push({ url: request.url(), bytes: sizes.responseHeadersSize + sizes.responseBodySize });
    }
    await context.close();
    return found;
}

const site = await site_start();
try {
    const folder = await repository_make(site, "greeter", path.join(ROOT, "examples/greeter"));
    const pushed = await repository_push(site, folder, "spaces/vitrine/greeter");
    if (pushed.code !== 0) throw new Error(pushed.output);
    const browser = await browser_start();
    const pages = [
        ["", `http://vitrine-greeter.localhost:${site.port}/`, (page) => page.getByRole("button").first()],
        ["site_", `${site.origin}/spaces/vitrine/greeter`, (page) => page.frameLocator("iframe").getByRole("button").first()],
    ];
    for (const [prefix, address, button] of pages) {
        const found = await page_measure(browser, address, button);
        const bytes = found.reduce((sum, one) => sum + one.bytes, 0);
        const list = found.map((one) => `${new URL(one.url).pathname.split("/").pop() || "page"} ${(one.bytes / 1000).toFixed(1)}`).join(", ");
        figure_tell(`${prefix}page_bytes`, bytes / 1000, list);
        figure_tell(`${prefix}page_requests`, found.length, "empty cache");
    }
    await browser.close();
} finally {
    await site_stop(site);
}
