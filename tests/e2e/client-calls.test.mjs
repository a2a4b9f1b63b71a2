// The unmodified @gradio/client against a real gateway; the demo's worker is played by tests/proc/calls_demo.py, so that
// every kind of answer can be made on purpose.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Client } from "@gradio/client";

const root = fileURLToPath(new URL("../../", import.meta.url));
let demo, url, frames;

before(async () => {
    demo = spawn("python3", ["tests/proc/calls_demo.py"], { cwd: root, stdio: ["pipe", "pipe", "inherit"] });
    const line = await new Promise((resolve, reject) => {
        createInterface({ input: demo.stdout }).once("line", resolve);
        demo.once("exit", () => reject(new Error("the demo did not start")));
    });
    ({ url, frames } = JSON.parse(line));
});

after(() => demo.stdin.end());

const connect = (options = {}) => Client.connect(url, { events: ["data", "status", "log"], ...options });

/** Everything a submission emits. Copied: the client goes on editing the objects it gave out. */
async function collect(job) {
    const messages = [];
    for await (const message of job) messages.push(structuredClone(message));
    return messages;
}

const failure = async (promise) => promise.then(() => assert.fail("it did not fail"), (error) => error);

test("connects under a path and lists", async () => {
    const client = await connect();
    const info = await client.view_api();
    assert.deepEqual(info.named_endpoints["/greet"].parameters.map((p) => p.parameter_name), ["name", "greeting"]);
    assert.equal(client.config.root, url);
});

test("positional, keyword, numbered", async () => {
    const client = await connect();
    assert.deepEqual((await client.predict("/greet", ["Bob", "Hi"])).data, ["Hi Bob"]);
    assert.deepEqual((await client.predict("/greet", { name: "Ann", greeting: "Oh" })).data, ["Oh Ann"]);
    assert.deepEqual((await client.predict(1, ["Eve", "Hey"])).data, ["Hey Eve"]);
});

test("twenty at once", async () => {
    const client = await connect();
    const names = Array.from({ length: 20 }, (_, i) => `n${i}`);
    const answers = await Promise.all(names.map((name) => client.predict("/greet", [name, "Hi"])));
    assert.deepEqual(answers.map((answer) => answer.data[0]), names.map((name) => `Hi ${name}`));
});

test("a hundred one after the other, with pauses around the end of the stream", async () => {
    const client = await connect();
    for (let i = 0; i < 100; i++) {
        assert.deepEqual((await client.predict("/echo", [`${i}`])).data, [`${i}`]);
        if (i % 25 === 0) await new Promise((resolve) => setTimeout(resolve, 495 + i / 5));
    }
});

test("partial results arrive as they were", async () => {
    const client = await connect();
    const data = (await collect(client.submit("/frames", ["x"]))).filter((m) => m.type === "data").map((m) => m.data);
    assert.deepEqual(data, [...frames, frames.at(-1)]);
});

test("log and progress", async () => {
    const client = await connect();
    const messages = await collect(client.submit("/tell", ["x"]));
    const log = messages.find((m) => m.type === "log");
    assert.deepEqual([log.log, log.level, log.title, log.duration], ["look", "warning", "T", 3]);
    assert.ok(messages.some((m) => m.type === "status" && m.progress_data?.[0]?.desc === "half"));
});

test("errors keep their words", async () => {
    const client = await connect();
    const error = await failure(client.predict("/fail", ["x"]));
    assert.deepEqual([error.message, error.title, error.stage], ["Cannot divide by zero!", "Error", "error"]);
    assert.match((await failure(client.predict("/silent", ["x"]))).message, /An error occurred/);
    assert.deepEqual((await client.predict("/echo", ["still here"])).data, ["still here"]);
});

test("an error in the middle of a stream", async () => {
    const client = await connect();
    const messages = await collect(client.submit("/break_off", ["x"]));
    assert.deepEqual(messages.find((m) => m.type === "data").data, ["first"]);
    const last = messages.filter((m) => m.type === "status").at(-1);
    assert.deepEqual([last.stage, last.message, last.title], ["error", "broke off", "Oh"]);
});

test("values between calls", async () => {
    const client = await connect();
    for (const expected of [1, 2, 3]) assert.deepEqual((await client.predict("/count", ["x"])).data, [expected]);
    const other = await connect();
    assert.deepEqual((await other.predict("/count", ["x"])).data, [1]);
});

test("cancelling leaves a sibling alone", async () => {
    const client = await connect();
    const job = client.submit("/wait", ["x"]);
    const sibling = client.submit("/wait", ["y"]);
    let last, seen = 0;
    for await (const message of job) {
        if (message.type === "data" && ++seen === 3) await job.cancel();
        if (message.type === "status") last = message;
    }
    assert.deepEqual([last.stage, last.message], ["error", "Cancelled"]);
    let alive = 0;
    for await (const message of sibling) {
        if (message.type === "data" && ++alive === 3) break;
    }
    await sibling.cancel();
    assert.deepEqual((await client.predict("/echo", ["after"])).data, ["after"]);
});

test("functions without a queue", async () => {
    const client = await connect();
    assert.deepEqual((await client.predict("/plain", ["now"])).data, ["now"]);
    assert.match((await failure(client.predict("/plain_fail", ["x"]))).message, /plain failure/);
});

test("updates are plain values for clients", async () => {
    const client = await connect();
    assert.deepEqual((await client.predict("/update", ["x"])).data, ["plain"]);
});

test("a full queue, a private function", async () => {
    const client = await connect();
    const jobs = Array.from({ length: 6 }, () => client.submit("/narrow", ["x"]));
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.match((await failure(client.predict("/narrow", ["x"]))).message, /busy/);
    for (const job of jobs) await job.cancel();
    assert.match((await failure(client.predict("/secret", ["a", "b"]))).message, /private/);
});

test("a demo that dies says so, and lives again", async () => {
    const client = await connect();
    assert.match((await failure(client.predict("/crash", ["x"]))).message, /This demo stopped: it crashed/);
    assert.deepEqual((await client.predict("/echo", ["again"])).data, ["again"]);
});

test("a script ends by itself half a second after its last call", async () => {
    const script = `import { Client } from "@gradio/client";
        const client = await Client.connect(${JSON.stringify(url)});
        console.log((await client.predict("/echo", ["bye"])).data[0]);`;
    const child = spawn("node", ["--input-type=module", "-e", script], { cwd: fileURLToPath(new URL("..", import.meta.url)) });
    let output = "";
    child.stdout.on("data", (piece) => (output += piece));
    const began = Date.now();
    const code = await new Promise((resolve) => child.once("exit", resolve));
    assert.deepEqual([code, output.trim()], [0, "bye"]);
    assert.ok(Date.now() - began < 5000);
});
