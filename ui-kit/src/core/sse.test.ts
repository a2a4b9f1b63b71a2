import assert from "node:assert/strict";
import { test } from "node:test";
import { FrameCutter, readFrames } from "./sse.ts";

const STREAM = 'data: {"msg":"heartbeat"}\n\nevent: complete\ndata: ["é 👋"]\n\n: a comment\n\ndata: a\ndata: b\n\nretry: 5\n\n';
const FRAMES = [
  { event: "message", data: '{"msg":"heartbeat"}' },
  { event: "complete", data: '["é 👋"]' },
  { event: "message", data: "a\nb" },
];

test("frames come out the same however the text is cut", () => {
  for (let size = 1; size <= STREAM.length; size++) {
    const cutter = new FrameCutter();
    const frames = [];
    for (let at = 0; at < STREAM.length; at += size) frames.push(...cutter.push(STREAM.slice(at, at + size)));
    assert.deepEqual(frames, FRAMES);
  }
});

test("carriage returns are line ends", () => {
  assert.deepEqual(new FrameCutter().push("data: x\r\n\r\n"), [{ event: "message", data: "x" }]);
});

test("one space after the colon is not part of the value", () => {
  assert.deepEqual(new FrameCutter().push("data:  x\n\ndata:y\n\n"), [
    { event: "message", data: " x" },
    { event: "message", data: "y" },
  ]);
});

test("a frame that never ends is not delivered", () => {
  assert.deepEqual(new FrameCutter().push("data: half"), []);
});

test("a body is read in pieces of three bytes, across characters", async () => {
  const bytes = new TextEncoder().encode(STREAM);
  let pieces = 0;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let at = 0; at < bytes.length; at += 3) controller.enqueue(bytes.slice(at, at + 3));
      controller.close();
    },
  });
  const frames = [];
  for await (const frame of readFrames(body, () => pieces++)) frames.push(frame);
  assert.deepEqual(frames, FRAMES);
  assert.equal(pieces, Math.ceil(bytes.length / 3));
});

test("a reader that leaves early stops the body", async () => {
  let cancelled = false;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      controller.enqueue(new TextEncoder().encode("data: x\n\n"));
    },
    cancel() {
      cancelled = true;
    },
  });
  for await (const frame of readFrames(body, () => undefined)) if (frame.data === "x") break;
  assert.equal(cancelled, true);
});
