// Every component once by mouse and once by keyboard alone: what reached the handler is read off the JSON it answers with.
import assert from "node:assert/strict";
import path from "node:path";
import { after, before, test } from "node:test";
import { ROOT, browser_start, demo_address, page_close, page_open, publish, site_start, site_stop } from "./site.mjs";

const PICTURE = path.join(ROOT, "tests/e2e/demos/components/three.png");

let site, browser;

before(async () => {
    site = await site_start();
    await publish(site, "components", "tests/e2e/demos/components");
    browser = await browser_start();
});

after(async () => {
    await browser?.close();
    if (site) await site_stop(site);
});

async function open() {
    const page = await page_open(browser, demo_address(site, "components"), { viewport: { width: 1280, height: 2000 } });
    await page.waitForSelector("html[data-ready]");
    return page;
}

const field = (page, label) => page.getByLabel(label, { exact: true });

// What the handler saw, from the "Read" tab that opens when it has answered for the n-th time.
async function seen(page, times) {
    await page.waitForSelector(`text=Sent ${times} times.`);
    await page.waitForSelector("[role=tab][aria-selected=true]:has-text('Read')");
    return JSON.parse(await page.textContent("vt-json code"));
}

test("every component by mouse", async () => {
    const page = await open();
    await field(page, "Line").fill("a line");
    await field(page, "Story").fill("two\nlines");
    await field(page, "Secret").fill("hush");
    await field(page, "Number").fill("7");
    const range = await page.locator("vt-slider .vt-range").boundingBox();
    await page.mouse.click(range.x + range.width - 2, range.y + range.height / 2);
    await page.click("text=Yes, please");
    await field(page, "Fruit").selectOption({ label: "Cherry" });
    await page.click(".vt-multi-summary");
    await page.click(".vt-multi-list >> text=Mint");
    await page.fill("[aria-label='Filter the choices']", "an");
    assert.deepEqual(await page.locator(".vt-multi-list .vt-choice").allTextContents(), ["Anise"]);
    await page.click(".vt-multi-list >> text=Anise");
    await page.mouse.click(5, 5);
    assert.equal(await page.isVisible(".vt-multi-list"), false, "a press outside closes the list");
    await field(page, "Other").fill("Quince");
    await page.click("vt-radio >> text=Large");
    await page.setInputFiles("vt-image input[type=file]", PICTURE);
    await page.waitForSelector("vt-image img.vt-img");
    const sheet = await page.locator("canvas").boundingBox();
    await page.mouse.move(sheet.x + 80, sheet.y + 80);
    await page.mouse.down();
    await page.mouse.move(sheet.x + 200, sheet.y + 200, { steps: 5 });
    await page.mouse.up();
    await page.click("button:text-is('Send all')");
    assert.deepEqual(await seen(page, 1), { line: "a line", story: "two\nlines", secret: "hush", number: 7, amount: 20, yes: true,
        fruit: "Cherry", spices: ["Basil", "Mint", "Anise"], other: "Quince", size: "l", picture: "280×280", drawing: "320×320", count: 1 });
    assert.match(await page.textContent("vt-label"), /cat.*70%.*dog.*25%.*bird.*5%/s);
    await page.waitForFunction(() => [...document.images].some((image) => image.naturalWidth === 280 && image.alt === "Picture sent"));
    // State is kept between calls; what is cleared travels as nothing.
    await page.click("[role=tab]:has-text('Enter')");
    await page.click("vt-image >> text=Remove");
    await page.click("vt-sketchpad >> button:text-is('Clear')");
    await page.click(".vt-multi-summary");
    await page.click(".vt-multi-list >> text=Basil");
    await page.click("button:text-is('Send all')");
    const again = await seen(page, 2);
    assert.deepEqual([again.picture, again.drawing, again.spices], ["none", "none", ["Mint", "Anise"]]);
    await page_close(page);
});

test("every component by keyboard alone", async () => {
    const page = await open();
    const keys = page.keyboard;
    // Tab leads from control to control in the order of the page; `at` says that it did.
    const at = async (label) => {
        await keys.press("Tab");
        const name = await page.evaluate(() => {
            const control = document.activeElement;
            return control.getAttribute("aria-label") ?? control.labels?.[0]?.textContent.trim() ??
                document.getElementById(control.getAttribute("aria-labelledby")?.split(" ")[0])?.textContent ?? control.textContent.trim();
        });
        assert.equal(name, label);
        const outline = await page.evaluate(() => {
            const ring = (element) => element && getComputedStyle(element).outlineStyle !== "none";
            return ring(document.activeElement) || ring(document.activeElement.parentElement);
        });
        assert.ok(outline, `${label} shows that it has the focus`);
    };
    await at("link");
    await at("Enter");
    await keys.press("ArrowRight");
    await page.waitForSelector("[role=tab][aria-selected=true]:has-text('Read')");
    await keys.press("Home");
    await page.waitForSelector("[role=tab][aria-selected=true]:has-text('Enter')");
    await at("Line");
    await keys.type("typed");
    await at("Go");
    await at("Story");
    await keys.type("one");
    await keys.press("Enter");
    await keys.type("two");
    await at("Secret");
    await keys.type("s3");
    await at("Number");
    await keys.press("ArrowUp");
    await at("Amount, exact value");
    await keys.press("Control+A");
    await keys.type("9.3");
    await at("Amount");
    await keys.press("ArrowRight");
    await at("Yes, please");
    await keys.press("Space");
    await at("Fruit");
    await keys.type("Dam");
    await at("Spices");
    await keys.press("Enter");
    await at("Filter the choices");
    await keys.type("ging");
    await at("Ginger");
    await keys.press("Space");
    await keys.press("Escape");
    assert.equal(await page.isVisible(".vt-multi-list"), false);
    await at("Other");
    await keys.press("Control+A");
    await keys.type("Kiwi");
    await at("Medium");
    await keys.press("ArrowRight");
    await at("Picture");
    await at("Drawing");
    await keys.press("Space");
    for (let i = 0; i < 6; i++) await keys.press("ArrowRight");
    for (let i = 0; i < 6; i++) await keys.press("Shift+ArrowDown");
    await keys.press("Space");
    await at("Undo");
    await at("Clear");
    await at("Brush");
    await keys.press("ArrowLeft");
    await at("More");
    await keys.press("Enter");
    await page.waitForSelector("text=Hidden until it is opened.");
    await at("Ada");
    await at("Grace");
    await at("Send all");
    await keys.press("Enter");
    assert.deepEqual(await seen(page, 1), { line: "typed", story: "one\ntwo", secret: "s3", number: 4, amount: 10, yes: true,
        fruit: "Damson", spices: ["Basil", "Ginger"], other: "Kiwi", size: "l", picture: "none", drawing: "320×320", count: 1 });
    await page_close(page);
});

test("Enter in a line and Shift+Enter in a text submit; an example fills the form", async () => {
    const page = await open();
    await page.click(".vt-example:has-text('Grace')");
    await field(page, "Line").press("Enter");
    const first = await seen(page, 1);
    assert.deepEqual([first.line, first.number], ["Grace", 7]);
    await page.click("[role=tab]:has-text('Enter')");
    await field(page, "Story").fill("the end");
    await field(page, "Story").press("Enter");
    await field(page, "Story").press("Shift+Enter");
    assert.equal((await seen(page, 2)).story, "the end\n");
    await page.click("[role=tab]:has-text('Enter')");
    await page.click("button:text-is('Go')");
    assert.equal((await seen(page, 3)).count, 3);
    await page_close(page);
});

test("a drawing by keyboard is the drawing that undo takes back", async () => {
    const page = await open();
    const ink = () => page.evaluate(() => {
        const sheet = document.querySelector("canvas");
        const pixels = sheet.getContext("2d").getImageData(0, 0, sheet.width, sheet.height).data;
        let dark = 0;
        for (let i = 0; i < pixels.length; i += 4) if (pixels[i] < 128) dark++;
        return dark;
    });
    await page.focus("canvas");
    await page.keyboard.press("ArrowUp");
    assert.equal(await ink(), 0, "a lifted pen leaves no ink");
    assert.ok(await page.isVisible(".vt-pen"));
    await page.keyboard.press("Space");
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("Tab");
    assert.ok(await ink() > 100, "leaving the sheet lifts the pen and keeps the stroke");
    assert.equal(await page.isVisible(".vt-pen"), false);
    await page.click("vt-sketchpad >> button:text-is('Undo')");
    assert.equal(await ink(), 0);
    await page_close(page);
});

test("an untouched form sends empty texts and nothing else that was not chosen", async () => {
    const page = await open();
    await page.click("button:text-is('Send all')");
    assert.deepEqual(await seen(page, 1), { line: "", story: "", secret: "", number: 3, amount: 5, yes: false, fruit: "Banana",
        spices: ["Basil"], other: "Apple", size: "m", picture: "none", drawing: "none", count: 1 });
    await page_close(page);
});

test("what is typed before the script has run is kept", async () => {
    const page = await page_open(browser, "about:blank", { viewport: { width: 1280, height: 2000 } });
    let release;
    const held = new Promise((resolve) => { release = resolve; });
    await page.route("**/*.js", async (route) => { await held; await route.continue(); });
    await page.goto(demo_address(site, "components"), { waitUntil: "commit" });
    await field(page, "Line").fill("early");
    await field(page, "Yes, please").check();
    const before = await page.evaluate(() => [...document.querySelectorAll("[data-id]")].map((one) => one.getBoundingClientRect().top));
    release();
    await page.waitForSelector("html[data-ready]");
    await page.waitForTimeout(200);
    const then = await page.evaluate(() => [...document.querySelectorAll("[data-id]")].map((one) => one.getBoundingClientRect().top));
    assert.deepEqual(then, before, "taking over moves nothing");
    await page.click("button:text-is('Send all')");
    const first = await seen(page, 1);
    assert.deepEqual([first.line, first.yes], ["early", true]);
    await page_close(page);
});
