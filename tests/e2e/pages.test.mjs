// Every page: nothing keeps a person from it (WCAG 2.2 AA by axe-core, light and dark, wide and narrow), it reads without
// JavaScript, and it never scrolls sideways.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { after, before, test } from "node:test";
import { page_signed, pages_of, pages_publish } from "./pages.mjs";
import { ROOT, browser_start, demo_address, page_close, page_open, site_start, site_stop } from "./site.mjs";

const AXE = readFileSync(createRequire(path.join(ROOT, "ops/npm/test/package.json")).resolve("axe-core/axe.min.js"), "utf8");
const RULES = { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] };
const LOOKS = [["light", 1280], ["dark", 390]]; // colours do not depend on the width, so each of both once is enough

let site, browser;

before(async () => {
    site = await site_start();
    browser = await browser_start();
    const empty = await page_open(browser, `${site.origin}/`);
    assert.match(await empty.textContent("main"), /No demos yet/);
    await page_close(empty);
    await pages_publish(site);
});

after(async () => {
    await browser?.close();
    if (site) await site_stop(site);
});

// What axe-core finds, one line for each kind of trouble and the first element that has it.
async function violations(page) {
    await page.evaluate(AXE);
    const found = await page.evaluate((rules) => window.axe.run(document, { runOnly: rules, iframes: false }), RULES);
    return found.violations.map((one) => `${one.id}: ${one.help}: ${one.nodes[0].html} ${one.nodes[0].failureSummary.split("\n").pop()}`);
}

for (const [colorScheme, width] of LOOKS) {
    test(`pages: nothing keeps a person from any, ${colorScheme}, ${width} px`, async () => {
        const options = { colorScheme, viewport: { width, height: 800 }, bypassCSP: true };
        const [visitor, owner] = [await page_open(browser, "about:blank", options), await page_signed(site, browser, options)];
        const troubles = [];
        for (const [name, address, , owned] of pages_of(site)) {
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
    const [visitor, owner] = [await page_open(browser, "about:blank", options), await page_signed(site, browser, options)];
    for (const [name, address, words, owned] of pages_of(site)) {
        const page = owned ? owner : visitor;
        await page.goto(address);
        assert.match(await page.textContent("body"), words, name);
    }
    await page_close(visitor);
    await page_close(owner);
});

test("pages: without JavaScript a visitor signs in, makes a token and signs out", async () => {
    const page = await page_signed(site, browser, { javaScriptEnabled: false });
    await page.goto(`${site.origin}/settings`);
    await page.fill("#token-name", "no-script");
    await page.click("button:text-is('Make a token')");
    assert.match(await page.textContent(".vt-notice-good"), /hf_/);
    await page.click("button:text-is('Sign out')");
    await page.waitForSelector("text=Sign in");
    await page_close(page);
});
