import assert from "node:assert/strict";
import { test } from "node:test";
import { tokens } from "./tokens.ts";

test("cut and joined again it is the same text", () => {
  for (const value of [null, 3, "x", [], {}, { a: [1, -2.5e3, true, null, 'q"\\u:', { "k:": "v" }] }]) {
    const text = JSON.stringify(value, null, 2);
    assert.equal(tokens(text).map(([, part]) => part).join(""), text);
  }
});

test("keys, texts, numbers and words are told apart", () => {
  const kinds = tokens('{"a": "b", "c": -1.5, "d": true}').filter(([kind]) => kind).map(([kind, part]) => `${kind} ${part}`);
  assert.deepEqual(kinds, ['key "a"', 'text "b"', 'key "c"', "number -1.5", 'key "d"', "word true"]);
});
