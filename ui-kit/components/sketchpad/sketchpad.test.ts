import assert from "node:assert/strict";
import { test } from "node:test";
import { brushOf, canvasSize, Drawing, type Stroke } from "./drawing.ts";

const stroke = (x: number): Stroke => ({ size: 5, points: [{ x, y: 0 }] });

test("undo takes strokes back one by one", () => {
  const drawing = new Drawing(10);
  assert.equal(drawing.canUndo, false);
  drawing.add(stroke(1));
  drawing.add(stroke(2));
  drawing.undo();
  assert.deepEqual(drawing.strokes, [stroke(1)]);
  drawing.undo();
  assert.equal(drawing.empty, true);
  assert.equal(drawing.canUndo, false);
  drawing.undo();
  assert.equal(drawing.empty, true);
});

test("undo brings back what clear took away", () => {
  const drawing = new Drawing(10);
  drawing.add(stroke(1));
  drawing.clear();
  assert.equal(drawing.empty, true);
  drawing.undo();
  assert.deepEqual(drawing.strokes, [stroke(1)]);
  drawing.clear();
  drawing.clear();
  drawing.undo();
  assert.equal(drawing.empty, false, "clearing an empty sheet is no step");
});

test("only so many steps are kept", () => {
  const drawing = new Drawing(3);
  for (let x = 0; x < 10; x++) drawing.add(stroke(x));
  for (let x = 0; x < 10; x++) drawing.undo();
  assert.equal(drawing.strokes.length, 7);
});

test("sizes", () => {
  assert.deepEqual(canvasSize([280, 140]), [280, 140]);
  assert.deepEqual(canvasSize(null), [320, 320]);
  assert.deepEqual(canvasSize([0, 1e9]), [320, 2048]);
  assert.deepEqual(brushOf(undefined, 320), { initial: 20, largest: 60 });
  assert.deepEqual(brushOf(1, 320), { initial: 1, largest: 8 });
  assert.deepEqual(brushOf(undefined, 16), { initial: 2, largest: 8 });
});
