// Journeys "visit" and "call" in a real browser, with the examples that everyone sees first.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { browser_start, demo_address, page_close, page_open, publish, site_start, site_stop } from "./site.mjs";

let site, browser;

// Digits as strokes on a sheet of one by one.
const DIGITS = {
    0: [[[.5, .2], [.36, .28], [.31, .5], [.36, .72], [.5, .8], [.64, .72], [.69, .5], [.64, .28], [.5, .2]]],
    1: [[[.5, .2], [.5, .8]]],
    2: [[[.34, .32], [.42, .22], [.56, .21], [.65, .31], [.61, .45], [.35, .78], [.68, .78]]],
    3: [[[.35, .25], [.52, .2], [.64, .3], [.5, .47], [.66, .62], [.55, .79], [.34, .74]]],
    4: [[[.6, .8], [.6, .2], [.32, .6], [.72, .6]]],
    7: [[[.33, .22], [.67, .22], [.45, .8]]],
};

const demo = (name) => demo_address(site, name);

async function draw(page, frame, strokes) {
    const canvas = await frame.waitForSelector("canvas");
    const box = await canvas.boundingBox();
    for (const [first, ...rest] of strokes) {
        await page.mouse.move(box.x + first[0] * box.width, box.y + first[1] * box.height);
        await page.mouse.down();
        for (const point of rest) await page.mouse.move(box.x + point[0] * box.width, box.y + point[1] * box.height, { steps: 6 });
        await page.mouse.up();
    }
}

// Draws, submits and reads the largest answer.
async function read_digit(page, frame, digit) {
    await draw(page, frame, DIGITS[digit]);
    await frame.click("button:has-text('Submit')");
    await frame.waitForFunction(() => /\d+ ?%/.test(document.querySelector("vt-label").textContent));
    return (await frame.textContent("vt-label")).replace(/Prediction/, "").trim()[0];
}

before(async () => {
    site = await site_start();
    await publish(site, "model", "examples/digits/model", "vitrine/digits");
    for (const name of ["digits", "greeter", "ticker", "mandelbrot", "card"]) await publish(site, name, `examples/${name}`);
    browser = await browser_start();
});

after(async () => {
    await browser?.close();
    if (site) await site_stop(site);
});

test("visit: the gallery lists every demo and leads to it", async () => {
    const page = await page_open(browser, `${site.origin}/`);
    for (const title of ["Greeter", "Ticker", "Mandelbrot", "Card", "Handwritten digits"]) await page.waitForSelector(`text=${title}`);
    await page.click("text=Greeter");
    await page.waitForURL(/spaces\/vitrine\/greeter/);
    await page_close(page);
});

test("visit: pages read without JavaScript", async () => {
    const page = await page_open(browser, `${site.origin}/`, { javaScriptEnabled: false });
    assert.match(await page.textContent("body"), /Handwritten digits/);
    await page.goto(demo("greeter"));
    assert.match(await page.textContent("body"), /which language shall we greet you/);
    await page.goto(`${site.origin}/nothing/here/at/all`);
    assert.match(await page.textContent("body"), /404/);
    await page_close(page);
});

test("call: a form is filled, a button pressed, the answer read", async () => {
    const page = await page_open(browser, demo("greeter"));
    await page.fill("textarea", "Ada");
    await page.click("button:has-text('Greet')");
    await page.waitForFunction(() => [...document.querySelectorAll("textarea, input")].some((field) => field.value === "Hello, Ada!"));
    await page_close(page);
});

test("call: digits drawn with the mouse are read right", async () => {
    for (const digit of Object.keys(DIGITS)) {
        const page = await page_open(browser, demo("digits"));
        assert.equal(await read_digit(page, page.mainFrame(), digit), digit);
        await page_close(page);
    }
});

test("call: the path address works in its opaque origin", async () => {
    const page = await page_open(browser, `${site.origin}/spaces/vitrine/digits/-/`);
    assert.equal(await page.evaluate(() => self.origin), "null");
    assert.equal(await read_digit(page, page.mainFrame(), "3"), "3");
    await page_close(page);
});

test("call: a picture grows in plain Lua", async () => {
    const page = await page_open(browser, demo("mandelbrot"));
    await page.click("button:has-text('Render')");
    await page.waitForFunction(() => [...document.images].some((image) => image.naturalWidth === 480), null, { timeout: 20000 });
    await page_close(page);
});
