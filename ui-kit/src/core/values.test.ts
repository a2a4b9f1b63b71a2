import assert from "node:assert/strict";
import { test } from "node:test";
import { indexOf, readChoices } from "./choices.ts";
import { equal } from "./equal.ts";
import { fileAddress, isRepositoryFile, pictureOf } from "./files.ts";
import { resolveInteractive } from "./interactive.ts";
import type { Run } from "./runner.ts";
import type { Config, FileData, ProgressItem } from "./types.ts";
import { percent, runWords, seconds, share } from "./words.ts";

test("equality of JSON values", () => {
  const same: [unknown, unknown][] = [[1, 1], [null, null], [NaN, NaN], [[1, { a: [2] }], [1, { a: [2] }]], [{ a: 1, b: 2 }, { b: 2, a: 1 }], [{}, {}]];
  const other: [unknown, unknown][] = [[1, "1"], [null, undefined], [null, {}], [[], {}], [[1], [1, 2]], [{ a: 1 }, { a: 2 }], [{ a: undefined }, { b: undefined }], ["a", "b"]];
  for (const [a, b] of same) assert.equal(equal(a, b), true, JSON.stringify([a, b]));
  for (const [a, b] of other) assert.equal(equal(a, b), false, JSON.stringify([a, b]));
});

const file = (fields: Partial<FileData>): FileData => ({ path: "/f/abc/x y.png", ...fields });
const api = (route: string): string => `https://h/d/gradio_api/${route}`;

test("addresses of files", () => {
  const address = (fields: Partial<FileData>): string => fileAddress(file(fields), api, "https://h/d/");
  assert.equal(address({}), "https://h/d/gradio_api/file=/f/abc/x%20y.png");
  assert.equal(address({ url: "https://elsewhere/file" }), "https://h/d/gradio_api/file=/f/abc/x%20y.png", "the handle wins");
  assert.equal(address({ url: "/gradio_api/file=x" }), "https://h/d/gradio_api/file=/f/abc/x%20y.png");
  assert.equal(address({ url: "three.png", path: "three.png" }), "https://h/d/three.png");
  assert.equal(address({ url: "data:image/png;base64,AA" }), "data:image/png;base64,AA");
  assert.equal(address({ path: "https://elsewhere/x.png" }), "", "nothing is fetched from elsewhere");
  assert.equal(address({ url: "javascript:alert(1)", path: "javascript:alert(1)" }), "");
});

test("files of the repository are told from handles", () => {
  assert.equal(isRepositoryFile(file({ url: "three.png" })), true);
  assert.equal(isRepositoryFile(file({ url: null })), false);
  assert.equal(isRepositoryFile(file({ url: "https://h/x" })), false);
  assert.equal(isRepositoryFile(file({ url: "/x" })), false);
});

test("the picture in a value", () => {
  assert.equal(pictureOf(file({}))?.path, "/f/abc/x y.png");
  assert.equal(pictureOf({ background: null, layers: [], composite: file({ path: "c" }) })?.path, "c");
  assert.equal(pictureOf({ background: file({ path: "b" }), layers: [], composite: null })?.path, "b");
  for (const value of [null, "x", 3, {}, { path: 3 }, { version: 2 }]) assert.equal(pictureOf(value), null);
});

test("choices with and without labels", () => {
  const choices = readChoices([["One", 1], "two", 3]);
  assert.deepEqual(choices, [{ label: "One", value: 1 }, { label: "two", value: "two" }, { label: "3", value: 3 }]);
  assert.equal(indexOf(choices, 3), 2);
  assert.equal(indexOf(choices, "1"), -1);
  assert.deepEqual(readChoices(null), []);
});

test("who may change a component when the author did not say", () => {
  const config: Config = {
    components: [1, 2, 3, 4, 5].map((id) => ({ id, type: "textbox", props: id === 4 ? { interactive: true } : { interactive: null } })),
    dependencies: [{ id: 1, inputs: [1, 3], outputs: [2, 3, 4] }],
  };
  resolveInteractive(config);
  assert.deepEqual(config.components.map(({ props }) => props["interactive"]), [true, false, true, true, true]);
});

test("shares in percent", () => {
  assert.deepEqual([0.934, 1, 0, 0.004, 0.0099, 0.015].map(percent), ["93%", "100%", "0%", "0.4%", "1.0%", "2%"]);
});

test("times in words", () => {
  assert.deepEqual([0, 999, 1000, 59_999, 60_000, 65_000, 3_600_000, -5].map(seconds), ["0 s", "0 s", "1 s", "59 s", "1:00", "1:05", "60:00", "0 s"]);
});

const item = (fields: Partial<ProgressItem>): ProgressItem => ({ index: null, length: null, unit: null, progress: null, desc: null, ...fields });

test("how much is done", () => {
  assert.equal(share(undefined), null);
  assert.equal(share(item({})), null);
  assert.equal(share(item({ progress: 0.3 })), 0.3);
  assert.equal(share(item({ progress: 7 })), 1);
  assert.equal(share(item({ index: 3, length: 4 })), 0.75);
  assert.equal(share(item({ index: 3, length: 0 })), null);
});

test("what a run does, in words", () => {
  const run = (fields: Partial<Run>): Run => ({ dependency: { id: 1, inputs: [], outputs: [] }, triggerId: null, state: "running", position: 0, size: 0, eta: null, progress: [], startedMs: 0, ...fields });
  assert.equal(runWords(run({ state: "queued", position: 2, size: 5 }), 0), "Waiting: 2 of 5 before you");
  assert.equal(runWords(run({ state: "queued" }), 0), "Next in line");
  assert.equal(runWords(run({}), 500), "");
  assert.equal(runWords(run({}), 3200), "3 s");
  assert.equal(runWords(run({ progress: [item({ progress: 0.4, desc: "row 4" })] }), 3200), "40% · row 4 · 3 s");
  assert.equal(runWords(run({ state: "failed" }), 9000), "Failed");
});
