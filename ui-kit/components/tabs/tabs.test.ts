import assert from "node:assert/strict";
import { test } from "node:test";
import { nextTab } from "./keys.ts";

test("keys move along the tabs and around their ends", () => {
  const all = [true, true, true];
  assert.equal(nextTab("ArrowRight", 0, all), 1);
  assert.equal(nextTab("ArrowRight", 2, all), 0);
  assert.equal(nextTab("ArrowLeft", 0, all), 2);
  assert.equal(nextTab("Home", 2, all), 0);
  assert.equal(nextTab("End", 0, all), 2);
  assert.equal(nextTab("Enter", 0, all), null);
  assert.equal(nextTab("ArrowRight", -1, all), null);
});

test("tabs that cannot be chosen are passed over", () => {
  assert.equal(nextTab("ArrowRight", 0, [true, false, true]), 2);
  assert.equal(nextTab("Home", 2, [false, true, true]), 1);
  assert.equal(nextTab("End", 0, [true, true, false]), 1);
  assert.equal(nextTab("ArrowRight", 0, [false, false]), null);
});
