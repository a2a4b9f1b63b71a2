import assert from "node:assert/strict";
import { test } from "node:test";
import { pretty, tokens } from "./tokens.ts";

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

test("names stand in order at every depth, lists as they are", () => {
  assert.equal(pretty({ b: [{ z: 1, a: 2 }, 0], a: null }), '{\n  "a": null,\n  "b": [\n    {\n      "a": 2,\n      "z": 1\n    },\n    0\n  ]\n}');
  assert.equal(pretty("x"), '"x"');
});
