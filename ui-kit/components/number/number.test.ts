import assert from "node:assert/strict";
import { test } from "node:test";
import { arrowed, readNumber } from "./value.ts";

test("what a field holds", () => {
  assert.deepEqual(["", " ", "3", "-2.5", "1e3", "abc", "1e999"].map(readNumber), [null, null, 3, -2.5, 1000, null, null]);
});

test("arrows step within the bounds and without binary dust", () => {
  const bounds = { minimum: 0, maximum: 1, step: 0.1 };
  assert.equal(arrowed(0.2, 1, bounds), 0.3);
  assert.equal(arrowed(1, 1, bounds), 1);
  assert.equal(arrowed(0, -1, bounds), 0);
  assert.equal(arrowed(5, -1, { minimum: null, maximum: null, step: 10 }), -5);
});
