import assert from "node:assert/strict";
import { test } from "node:test";
import { snap } from "./snap.ts";

test("typed numbers go to the nearest position", () => {
  const scale = { minimum: 0, maximum: 2, step: 0.1 };
  assert.equal(snap(0.33, scale), 0.3);
  assert.equal(snap(9, scale), 2);
  assert.equal(snap(-9, scale), 0);
  assert.equal(snap(NaN, scale), 0);
  assert.equal(snap(7, { minimum: 1, maximum: 10, step: 4 }), 9);
  assert.equal(snap(10, { minimum: 1, maximum: 10, step: 4 }), 9);
});
