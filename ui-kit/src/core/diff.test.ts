import assert from "node:assert/strict";
import { test } from "node:test";
import { applyEdits, type Edit } from "./diff.ts";
import type { Json } from "./types.ts";

const cases: [string, Json, Edit[], Json][] = [
  ["no edits leave the value", "a", [], "a"],
  ["replace at the root", "a", [["replace", [], { b: 1 }]], { b: 1 }],
  ["append at the root", "1", [["append", [], " 2"]], "1 2"],
  ["an emoji is appended whole", "hi ", [["append", [], "👋🏽"]], "hi 👋🏽"],
  ["append deep inside", { m: [{ t: "a" }] }, [["append", ["m", 0, "t"], "b"]], { m: [{ t: "ab" }] }],
  ["replace by null", { a: 1 }, [["replace", ["a"], null]], { a: null }],
  ["add into a list shifts the rest", [1, 3], [["add", [1], 2]], [1, 2, 3]],
  ["add a key", { a: 1 }, [["add", ["b"], 2]], { a: 1, b: 2 }],
  ["delete from the highest index down", [0, 1, 2, 3], [["delete", [3], null], ["delete", [1], null]], [0, 2]],
  ["delete a key", { a: 1, b: 2 }, [["delete", ["a"], null]], { b: 2 }],
  ["edits apply in order", [], [["add", [0], "a"], ["append", [0], "b"], ["replace", [], ["z"]], ["append", [0], "!"]], ["z!"]],
];

for (const [name, before, edits, after] of cases) {
  test(name, () => {
    const copy = structuredClone(before);
    assert.deepEqual(applyEdits(before, edits), after);
    assert.deepEqual(before, copy, "the value before is left as it is");
  });
}

const wrong: [string, Json, Edit[]][] = [
  ["append to a number", 1, [["append", [], "x"]]],
  ["delete the root", {}, [["delete", [], null]]],
  ["a path through a text", { a: "x" }, [["replace", ["a", "b"], 1]]],
  ["a path through nothing", {}, [["replace", ["a", "b"], 1]]],
  ["an action that is none", [], [["move" as "add", [0], 1]]],
];

for (const [name, before, edits] of wrong) test(`refused: ${name}`, () => assert.throws(() => applyEdits(before, edits)));

test("a partial result shares nothing that later edits change", () => {
  const first: Json = { list: [1] };
  const second = applyEdits(first, [["add", ["list", 1], 2]]);
  const third = applyEdits(second, [["add", ["list", 2], 3]]);
  assert.deepEqual([first, second, third], [{ list: [1] }, { list: [1, 2] }, { list: [1, 2, 3] }]);
});
