// Journey "publish": a push makes a release live; a broken one is refused with file and line and changes nothing.
import assert from "node:assert/strict";
import { symlinkSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { ROOT, repository_make, repository_push, site_start, site_stop } from "./site.mjs";

let site, folder, readme, app, live;

async function config_read() {
    const answer = await fetch(`${site.origin}/spaces/vitrine/greeter/-/config`);
    assert.equal(answer.status, 200);
    return JSON.stringify((await answer.json()).components);
}

before(async () => {
    site = await site_start();
    folder = await repository_make(site, "greeter", path.join(ROOT, "examples/greeter"));
    readme = readFileSync(path.join(folder, "README.md"), "utf8");
    app = readFileSync(path.join(folder, "app.lua"), "utf8");
    const pushed = await repository_push(site, folder, "spaces/vitrine/greeter");
    assert.equal(pushed.code, 0, pushed.output);
    live = await config_read();
});

after(() => site && site_stop(site));

// Pushes the working tree as it stands, expects a refusal that says `sentence`, and puts the tree back.
async function push_refused(sentence) {
    const pushed = await repository_push(site, folder, "spaces/vitrine/greeter");
    writeFileSync(path.join(folder, "README.md"), readme);
    writeFileSync(path.join(folder, "app.lua"), app);
    assert.notEqual(pushed.code, 0, pushed.output);
    const remote = pushed.output.split("\n").filter((line) => line.startsWith("remote:")).join("\n");
    assert.match(remote, sentence);
    assert.equal(await config_read(), live, "the old release stays live");
}

test("a good push is live at once", () => {
    assert.match(live, /textbox/);
});

test("bad front matter is refused with its line", async () => {
    writeFileSync(path.join(folder, "README.md"), readme.replace("sdk: lua", "sdk: [lua"));
    await push_refused(/README\.md:\d+/);
});

test("a Lua syntax error is refused with its line", async () => {
    writeFileSync(path.join(folder, "app.lua"), "local ui = require \"ui\"\nlocal = 3\n");
    await push_refused(/app\.lua:2/);
});

test("an error while describing is refused with its line", async () => {
    writeFileSync(path.join(folder, "app.lua"), "local ui = require \"ui\"\n\nerror(\"no paper left\")\n");
    await push_refused(/app\.lua:3.*no paper left/);
});

test("a symbolic link is refused by name", async () => {
    symlinkSync("/etc/passwd", path.join(folder, "secrets"));
    try {
        await push_refused(/secrets/);
    } finally {
        rmSync(path.join(folder, "secrets"));
    }
});

test("the mended tree is taken again", async () => {
    writeFileSync(path.join(folder, "app.lua"), app.replace("Hello, %s!", "Good day, %s!"));
    const pushed = await repository_push(site, folder, "spaces/vitrine/greeter");
    assert.equal(pushed.code, 0, pushed.output);
});
