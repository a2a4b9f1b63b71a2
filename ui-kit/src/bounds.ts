// Every limit and time of the browser side, in one place.
export const bounds = {
  silenceMs: 45_000, // a stream that says nothing for so long (heartbeats come every 15 s) is lost
  retryFirstMs: 500, // first pause before a lost call is looked for again; doubles
  retryMostMs: 5_000,
  retries: 12, // then the call is given up, with words
  strayMessages: 200, // messages kept for a call whose id has not arrived yet
  toasts: 5, // shown at once; the oldest goes first
  toastSeconds: 10, // when the server names no time
  chainDepth: 50, // handlers that set each other off by changes before that is called a loop
  redrawMs: 40, // text that streams in is drawn at most this often where drawing is costly
  jsonChars: 400_000, // of a JSON value that are shown
  sketchSteps: 60, // undo steps of a sketchpad
  embedWaitMs: 15_000, // for a demo to answer before an embedding page says that it does not
} as const;
