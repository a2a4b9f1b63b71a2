import assert from "node:assert/strict";
import { test } from "node:test";
import { readLabel } from "./classes.ts";

test("classes in the server's order, as many as asked for", () => {
  const value = { label: "cat", confidences: [{ label: "cat", confidence: 0.9 }, { label: "dog", confidence: 0.1 }] };
  assert.deepEqual(readLabel(value, 1), { label: "cat", classes: [{ label: "cat", confidence: 0.9 }] });
  assert.equal(readLabel(value, null)?.classes.length, 2);
});

test("a label alone, and nothing", () => {
  assert.deepEqual(readLabel({ label: "cat" }, 3), { label: "cat", classes: [] });
  assert.deepEqual(readLabel({ label: 7, confidences: null }, 3), { label: "7", classes: [] });
  for (const nothing of [null, undefined, "x", {}, { label: "" }, { label: null, confidences: [] }]) assert.equal(readLabel(nothing, 3), null);
});

test("entries without a number are left out", () => {
  assert.deepEqual(readLabel({ confidences: [{ label: "a" }, null, { label: "b", confidence: 0.5 }] }, null), {
    label: "b",
    classes: [{ label: "b", confidence: 0.5 }],
  });
});
