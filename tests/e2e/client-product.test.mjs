// The unmodified @gradio/client against the whole product: examples and a demo with files, published by git push.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { chmodSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { deflateSync } from "node:zlib";
import { Client, handle_file } from "@gradio/client";

const root = fileURLToPath(new URL("../../", import.meta.url));
const vitrine = join(process.env.VITRINE_BIN ?? join(root, "build/release/bin"), "vitrine");
const folder = mkdtempSync(join(tmpdir(), "vitrine-client-"));
chmodSync(folder, 0o755); // the services run as another user
const data = join(folder, "data");
let server, port, token;

const FILES_APP = `
local ui = require "ui"
return ui.blocks(function()
    local input, output, size = ui.image { label = "In" }, ui.image { label = "Out" }, ui.textbox { label = "Size" }
    ui.button { "Copy" }:click {
        fn = function(image) return image, image.width .. "x" .. image.height end,
        inputs = input, outputs = { output, size }, api_name = "copy",
    }
end)
`;

const freePort = () => new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
        const { port } = probe.address();
        probe.close(() => resolve(port));
    });
});

const admin = (...words) => execFileSync(vitrine, [...words, "--data", data], { encoding: "utf8" });

/** Publishes a folder the way every author does. */
function publish(source, name) {
    const tree = join(folder, name);
    cpSync(source, tree, { recursive: true, filter: (path) => !path.endsWith("/model") });
    const git = (...words) => execFileSync("git", ["-c", "user.name=ann", "-c", "user.email=ann@example.org", ...words],
        { cwd: tree, stdio: "pipe", env: { ...process.env, GIT_TERMINAL_PROMPT: "0" } });
    git("init", "-q", "-b", "main");
    git("add", "-A");
    git("commit", "-q", "-m", "A demo");
    git("push", "-q", `http://ann:${token}@localhost:${port}/spaces/ann/${name}`, "main");
}

const address = (name) => `http://localhost:${port}/spaces/ann/${name}/-`;
const connect = (name) => Client.connect(address(name), { events: ["data", "status", "log"] });

before(async () => {
    port = await freePort();
    server = spawn(vitrine, ["serve", "--data", data, "--port", String(port)], { stdio: ["ignore", "ignore", "ignore"] });
    const until = Date.now() + 15000;
    for (let ready = false; !ready;) {
        assert.ok(Date.now() < until, "the server does not get ready");
        await new Promise((resolve) => setTimeout(resolve, 100));
        ready = await fetch(`http://localhost:${port}/readyz`).then((reply) => reply.ok, () => false);
    }
    admin("user", "add", "ann");
    token = /hf_\w+/.exec(admin("token", "add", "ann", "--name", "test", "--role", "write"))[0];
    const files = mkdtempSync(join(folder, "source-"));
    writeFileSync(join(files, "README.md"), "---\ntitle: Files\nsdk: lua\n---\nFiles.\n");
    writeFileSync(join(files, "app.lua"), FILES_APP);
    publish(files, "files");
    for (const name of ["greeter", "ticker"]) publish(join(root, "examples", name), name);
});

after(async () => {
    server.kill("SIGTERM");
    await new Promise((resolve) => server.once("exit", resolve));
    rmSync(folder, { recursive: true });
});

function crc(bytes) {
    let value = ~0;
    for (const byte of bytes) {
        value ^= byte;
        for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? 0xedb88320 : 0);
    }
    return ~value >>> 0;
}

/** A small black PNG. */
function picture(width, height) {
    const chunk = (type, body) => {
        const named = Buffer.concat([Buffer.from(type), body]), out = Buffer.alloc(named.length + 8);
        out.writeUInt32BE(body.length, 0);
        named.copy(out, 4);
        out.writeUInt32BE(crc(named), named.length + 4);
        return out;
    };
    const head = Buffer.alloc(13);
    head.writeUInt32BE(width, 0);
    head.writeUInt32BE(height, 4);
    head.set([8, 2, 0, 0, 0], 8);
    return Buffer.concat([Buffer.from("89504e470d0a1a0a", "hex"), chunk("IHDR", head),
        chunk("IDAT", deflateSync(Buffer.alloc((width * 3 + 1) * height))), chunk("IEND", Buffer.alloc(0))]);
}

test("greeter: names, state, an error, a chain", async () => {
    const client = await connect("greeter");
    assert.deepEqual((await client.predict("/greet", { name: "Ann" })).data, ["Hello, Ann!"]);
    assert.deepEqual((await client.predict("/greet", ["Bob", "Deutsch"])).data, ["Hallo, Bob!"]);
    const error = await client.predict("/greet", [" "]).catch((reason) => reason);
    assert.equal(error.message, "Please enter a name.");
});

test("ticker: partial results with progress, then cancelled", async () => {
    const client = await connect("ticker");
    const started = client.submit("/tick", [3, 0.02]);
    let frames = 0, progress = 0;
    for await (const message of started) {
        if (message.type === "data") frames++;
        if (message.type === "status" && message.progress_data) progress++;
    }
    assert.ok(frames >= 3, `${frames} frames`);
    const endless = client.submit("/tick", [100, 0.05]);
    let last;
    for await (const message of endless) {
        if (message.type === "data") await endless.cancel();
        if (message.type === "status") last = message;
    }
    assert.deepEqual([last.stage, last.message], ["error", "Cancelled"]);
});

test("files go there and back in every form", async () => {
    const client = await connect("files"), bytes = picture(7, 5), path = join(folder, "a picture.png");
    writeFileSync(path, bytes);
    const forms = { path: handle_file(path), blob: new Blob([bytes]), buffer: bytes,
        file: new File([bytes], "dräw é.png", { type: "image/png" }) };
    for (const [form, value] of Object.entries(forms)) {
        const [file, size] = (await client.predict("/copy", [value])).data;
        assert.equal(size, "7x5", form);
        assert.match(file.url, new RegExp(`^http://localhost:${port}/spaces/ann/files/-/gradio_api/file=`));
        const reply = await fetch(file.url);
        assert.deepEqual([reply.status, reply.headers.get("content-type")], [200, "image/png"]);
        assert.equal((await reply.arrayBuffer()).byteLength, file.size);
    }
});

test("files that are no uploads of this demo are refused", async () => {
    const client = await connect("files"), marker = { _type: "gradio.FileData" };
    for (const [value, words] of [[handle_file("https://example.org/x.png"), /send the file itself/],
        [{ path: "/etc/passwd", meta: marker }, /Upload it again/], [{}, /upload failed/]]) {
        const error = await client.predict("/copy", [value]).catch((reason) => reason);
        assert.equal(error.code, "validation_error");
        assert.match(JSON.stringify(error.message), words);
    }
    const other = await fetch(`${address("greeter")}/gradio_api/upload`, { method: "POST",
        body: (() => { const form = new FormData(); form.append("files", new Blob([picture(2, 2)]), "x.png"); return form; })() });
    const [handle] = await other.json();
    const error = await client.predict("/copy", [{ path: handle, meta: marker }]).catch((reason) => reason);
    assert.match(JSON.stringify(error.message), /Upload it again/);
});

test("curl", async () => {
    const post = await fetch(`${address("greeter")}/gradio_api/call/greet`, { method: "POST",
        headers: { "content-type": "application/json" }, body: JSON.stringify({ data: ["Eve", "English"] }) });
    const { event_id } = await post.json();
    const text = await (await fetch(`${address("greeter")}/gradio_api/call/greet/${event_id}`)).text();
    assert.equal(text, 'event: complete\ndata: ["Hello, Eve!",null]\n\n');
});

test("a new push takes over, while calls of the old release end as they began", async () => {
    const client = await connect("ticker"), running = client.submit("/tick", [10, 0.1]);
    const seen = (async () => { let last; for await (const m of running) if (m.type === "status") last = m; return last; })();
    await new Promise((resolve) => setTimeout(resolve, 250));
    const tree = join(folder, "ticker"), app = join(tree, "app.lua");
    writeFileSync(app, `${readFileSync(app, "utf8")}\n-- a later release\n`);
    execFileSync("git", ["-c", "user.name=ann", "-c", "user.email=ann@example.org", "commit", "-q", "-am", "Later"], { cwd: tree });
    execFileSync("git", ["push", "-q", `http://ann:${token}@localhost:${port}/spaces/ann/ticker`, "main"], { cwd: tree, stdio: "pipe" });
    assert.ok((await client.predict("/tick", [1, 0.01])).data);
    assert.equal((await seen).stage, "complete");
});
