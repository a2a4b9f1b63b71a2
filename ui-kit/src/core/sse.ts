// Server-sent events read from a fetched body. EventSource cannot do it: it reconnects by itself (a session's stream must
// not), and it hides the status of a refusal.

export interface Frame {
  event: string;
  data: string;
}

function parse(block: string): Frame | null {
  let event = "message";
  const data: string[] = [];
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    if (colon === 0) continue;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + (line[colon + 1] === " " ? 2 : 1));
    if (field === "data") data.push(value);
    else if (field === "event") event = value;
  }
  return data.length ? { event, data: data.join("\n") } : null;
}

/** Cuts text that arrives in pieces of any size into frames. */
export class FrameCutter {
  private rest = "";

  push(piece: string): Frame[] {
    this.rest += piece.replaceAll("\r\n", "\n");
    const frames: Frame[] = [];
    for (;;) {
      const end = this.rest.indexOf("\n\n");
      if (end < 0) return frames;
      const frame = parse(this.rest.slice(0, end));
      this.rest = this.rest.slice(end + 2);
      if (frame) frames.push(frame);
    }
  }
}

/** The frames of a body, until it ends. `onBytes` is called for each piece, also one without a whole frame. */
export async function* readFrames(body: ReadableStream<Uint8Array>, onBytes: () => void): AsyncGenerator<Frame> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const cutter = new FrameCutter();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      onBytes();
      yield* cutter.push(decoder.decode(value, { stream: true }));
    }
  } finally {
    reader.cancel().catch(() => undefined); // the body may have failed already: nothing is left to stop
  }
}
