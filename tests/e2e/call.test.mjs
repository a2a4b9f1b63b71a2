// Journey "call" in the browser: what a handler does reaches the page, and what goes wrong is told in words.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { after, before, test } from "node:test";
import { browser_start, demo_address, page_close, page_open, publish, site_start, site_stop } from "./site.mjs";

let site, browser;

before(async () => {
    site = await site_start();
    for (const name of ["greeter", "ticker"]) await publish(site, name, `examples/${name}`);
    await publish(site, "handlers", "tests/e2e/demos/handlers");
    browser = await browser_start();
});

after(async () => {
    await browser?.close();
    if (site) await site_stop(site);
});

const open = (name) => page_open(browser, demo_address(site, name));
const press = (page, caption) => page.click(`button:text-is("${caption}")`);
const field = (page, label) => page.getByLabel(label, { exact: true });

async function value_becomes(page, label, wanted) {
    const control = field(page, label);
    for (let tries = 0; tries < 200; tries++) {
        const value = await control.inputValue();
        if (wanted instanceof RegExp ? wanted.test(value) : value === wanted) return value;
        await page.waitForTimeout(25);
    }
    throw new Error(`${label} is “${await control.inputValue()}”, not ${wanted}`);
}

// A message of a level with a text; its own role tells screen readers.
async function message_shown(page, level, text) {
    const role = level === "error" ? "alert" : "status";
    return page.waitForSelector(`.vt-toast-${level}[role=${role}]:has-text("${text}")`);
}

test("call: the badge on the demo's page says that it runs once a visitor's call woke it", async () => {
    const page = await page_open(browser, `${site.origin}/spaces/vitrine/greeter`);
    const asked = [];
    page.on("request", (request) => request.url().endsWith("/runtime") && asked.push(request.url()));
    assert.equal(await page.textContent("[data-stage]"), "Sleeping");
    const frame = page.frameLocator("iframe[data-demo-frame]");
    await frame.locator("button").first().waitFor();
    assert.deepEqual(asked, [], "nobody asks before a call");
    await frame.getByLabel("Name", { exact: true }).fill("Ada");
    await frame.locator('button:text-is("Greet")').click();
    await page.waitForSelector(".vt-stage-live:has-text('Running')");
    assert.equal(asked.length, 1);
    await page_close(page);
});

test("call: what listens for the page's opening runs", async () => {
    const page = await open("handlers");
    await value_becomes(page, "Opened", "loaded");
    await page_close(page);
});

test("call: messages are shown with their titles and can be closed", async () => {
    const page = await open("handlers");
    await press(page, "Say");
    await message_shown(page, "info", "for your information");
    await message_shown(page, "warning", "take care");
    const done = await message_shown(page, "success", "well done");
    assert.match(await done.textContent(), /Finished/);
    await (await done.$("button[aria-label='Close this message']")).click();
    assert.equal(await page.locator(".vt-toast").count(), 2);
    await page_close(page);
});

test("call: an error's text reaches the visitor and goes with the next run", async () => {
    const page = await open("handlers");
    await press(page, "Fail");
    await message_shown(page, "error", "No such fish in this pond.");
    await page.waitForSelector("[data-failed]:has-text('Failed')");
    await press(page, "Crash");
    await message_shown(page, "error", "the pond is dry");
    await press(page, "Fail");
    await page.waitForFunction(() => document.querySelectorAll(".vt-toast-error").length === 2);
    await press(page, "Chain");
    await value_becomes(page, "Out", "one two three");
    await page_close(page);
});

test("call: the greeter refuses an empty name in words and greets the next one", async () => {
    const page = await open("greeter");
    await press(page, "Greet");
    await message_shown(page, "error", "Please enter a name.");
    await page.fill("textarea >> nth=0", "Ada");
    await page.keyboard.press("Enter");
    await value_becomes(page, "Greeting", "Hello, Ada!");
    await page.waitForSelector("text=Greetings so far: 1");
    await page.waitForFunction(() => !document.querySelector(".vt-toast"));
    await page_close(page);
});

test("call: a handler changes captions, choices, values and what is seen", async () => {
    const page = await open("handlers");
    assert.equal(await page.isVisible("text=Only after a change."), false);
    await press(page, "Change");
    await value_becomes(page, "Renamed", "after");
    assert.equal(await field(page, "Renamed").isEditable(), false);
    await page.waitForSelector("text=Only after a change.");
    assert.deepEqual(await page.locator("select option").allTextContents(), ["x", "y", "z"]);
    await value_becomes(page, "Echo", "chose y");
    await page_close(page);
});

test("call: what is typed streams to its handler, and the last text wins", async () => {
    const page = await open("handlers");
    await field(page, "Field").fill("");
    await field(page, "Field").pressSequentially("quick brown fox");
    await value_becomes(page, "Echo", "QUICK BROWN FOX");
    await page_close(page);
});

test("call: partial results and progress are seen while it runs", async () => {
    const page = await open("ticker");
    await press(page, "Start");
    const seen = new Set();
    for (let tries = 0; tries < 400 && !seen.has("tick 10 of 10"); tries++) {
        seen.add(await field(page, "Latest tick").inputValue());
        const words = await page.locator(".vt-status-words").textContent({ timeout: 50 }).catch(() => "");
        if (words) seen.add("words").add(/^\d+% · tick \d+ of 10/.test(words) ? "share" : words);
        await page.waitForTimeout(40);
    }
    for (let tick = 1; tick <= 10; tick++) assert.ok(seen.has(`tick ${tick} of 10`), [...seen].join());
    assert.ok(seen.has("share"), [...seen].join());
    await page.waitForFunction(() => !document.querySelector("[data-busy], .vt-status"));
    await page_close(page);
});

test("call: Stop ends one visitor's run and leaves another's alone", async () => {
    const [mine, sibling] = [await open("handlers"), await open("handlers")];
    await press(mine, "Slow");
    await press(sibling, "Slow");
    await value_becomes(mine, "Out", /^step [3-9]/);
    await press(mine, "Stop");
    await mine.waitForFunction(() => !document.querySelector("[data-busy]"));
    const stopped = await field(mine, "Out").inputValue();
    const before = await value_becomes(sibling, "Out", /^step/);
    await sibling.waitForTimeout(500);
    assert.equal(await field(mine, "Out").inputValue(), stopped, "nothing more arrives after Stop");
    assert.notEqual(await field(sibling, "Out").inputValue(), before, "the sibling goes on");
    assert.equal(await mine.locator(".vt-toast").count(), 0, "stopping is no error");
    await press(mine, "Chain");
    await value_becomes(mine, "Out", "one two three");
    await page_close(mine);
    await page_close(sibling);
});

test("call: a visitor who leaves cancels; the next one is served at once", async () => {
    const leaving = await open("handlers");
    await press(leaving, "Slow");
    await value_becomes(leaving, "Out", /^step/);
    await page_close(leaving);
    const page = await open("handlers");
    await press(page, "Chain");
    await value_becomes(page, "Out", "one two three");
    await page_close(page);
});

test("call: a result outlives a broken connection", async () => {
    const page = await open("ticker");
    let broken = 0;
    // The stream breaks twice: what still runs is found again by its own stream of results.
    await page.route("**/queue/data?*", (route) => (broken++ < 1 ? route.abort("connectionreset") : route.continue()));
    await press(page, "Start");
    await value_becomes(page, "Latest tick", "tick 10 of 10");
    assert.ok(broken >= 1);
    assert.equal(await page.locator(".vt-toast").count(), 0);
    await page.waitForFunction(() => !document.querySelector("[data-busy]"));
    await page_close(page);
});

test("call: without a connection the page says so, and works again when it is back", async () => {
    const page = await open("handlers");
    await page.context().setOffline(true);
    await press(page, "Chain");
    await message_shown(page, "error", "The server cannot be reached. Check the connection and try again.");
    await page.context().setOffline(false);
    await press(page, "Chain");
    await value_becomes(page, "Out", "one two three");
    await page_close(page);
});

// The process of a service, by its name among the platform's children.
function service_pid(name) {
    for (const pid of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
        try {
            const [, comm, parent] = readFileSync(`/proc/${pid}/stat`, "utf8").match(/\((.*)\) \S (\d+)/);
            if (comm === name.slice(0, 15) && Number(parent) === site.child.pid) return Number(pid);
        } catch {
            continue; // it ended meanwhile
        }
    }
    throw new Error(`no process ${name} below ${site.child.pid}`);
}

test("call: the gateway dies under a run; the page says so and works on without a reload", async () => {
    const page = await open("handlers");
    await press(page, "Slow");
    await value_becomes(page, "Out", /^step/);
    process.kill(service_pid("vitrine-gateway"), "SIGKILL");
    await message_shown(page, "error", "The connection was lost");
    await page.waitForFunction(() => !document.querySelector("[data-busy]"));
    await press(page, "Chain");
    await value_becomes(page, "Out", "one two three");
    await page_close(page);
});
