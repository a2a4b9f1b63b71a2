import assert from "node:assert/strict";
import { test } from "node:test";
import { readChoices } from "../../src/core/choices.ts";
import { asList, matches, toggled, valueOfText } from "./many.ts";

test("a value as a list", () => {
  assert.deepEqual(asList(null), []);
  assert.deepEqual(asList(undefined), []);
  assert.deepEqual(asList(""), []);
  assert.deepEqual(asList("a"), ["a"]);
  assert.deepEqual(asList(["a", "b"]), ["a", "b"]);
});

test("ticking keeps the order of ticking and the most that may be chosen", () => {
  assert.deepEqual(toggled(["a"], "b", null), ["a", "b"]);
  assert.deepEqual(toggled(["a", "b"], "a", 2), ["b"]);
  assert.deepEqual(toggled(["a", "b"], "c", 2), ["a", "b"]);
});

test("typed text is the choice of that label, or itself", () => {
  const choices = readChoices([["Tea", 1], ["Coffee", 2]]);
  assert.equal(valueOfText(choices, "Tea"), 1);
  assert.equal(valueOfText(choices, "Milk"), "Milk");
  assert.equal(valueOfText(choices, ""), null);
});

test("the filter ignores case and outer spaces", () => {
  const [tea] = readChoices([["Green Tea", 1]]);
  assert.equal(matches(tea!, " green "), true);
  assert.equal(matches(tea!, "black"), false);
  assert.equal(matches(tea!, ""), true);
});
