import assert from "node:assert/strict";
import { test } from "node:test";
import { brushOf, canvasSize, Drawing, movePen, type Stroke } from "./drawing.ts";

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

test("arrow keys move the pen within the sheet, Shift in finer steps, other keys not at all", () => {
  const size: [number, number] = [400, 200];
  assert.deepEqual(movePen("ArrowRight", false, { x: 100, y: 100 }, size), { x: 110, y: 100 });
  assert.deepEqual(movePen("ArrowUp", true, { x: 100, y: 100 }, size), { x: 100, y: 97.5 });
  assert.deepEqual(movePen("ArrowLeft", false, { x: 3, y: 0 }, size), { x: 0, y: 0 });
  assert.deepEqual(movePen("ArrowDown", false, { x: 3, y: 199 }, size), { x: 3, y: 200 });
  assert.equal(movePen("Tab", false, { x: 0, y: 0 }, size), null);
});
