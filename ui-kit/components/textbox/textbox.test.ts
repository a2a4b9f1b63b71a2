import assert from "node:assert/strict";
import { test } from "node:test";
import { isSubmitKey, rowsFor } from "./rows.ts";

test("rows follow the text within the author's bounds", () => {
  assert.equal(rowsFor("", 1, 20), 1);
  assert.equal(rowsFor("a\nb\nc", 1, 20), 3);
  assert.equal(rowsFor("a", 4, 20), 4);
  assert.equal(rowsFor("x\n".repeat(1000), 1, 20), 20);
  assert.equal(rowsFor("a\nb\nc", 5, 2), 5, "a minimum above the maximum wins");
});

test("Enter submits one line, Shift+Enter several, neither while a word is composed", () => {
  const press = (shiftKey: boolean, isComposing = false, key = "Enter") => ({ key, shiftKey, isComposing });
  assert.equal(isSubmitKey(press(false), 1), true);
  assert.equal(isSubmitKey(press(true), 1), false);
  assert.equal(isSubmitKey(press(false), 3), false);
  assert.equal(isSubmitKey(press(true), 3), true);
  assert.equal(isSubmitKey(press(false, true), 1), false);
  assert.equal(isSubmitKey(press(false, false, "a"), 1), false);
});
