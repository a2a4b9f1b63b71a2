import assert from "node:assert/strict";
import { test } from "node:test";
import { Http, Refusal, refusalText } from "./http.ts";

function http(answer: () => Response | Promise<Response>, base = "https://host/spaces/o/n/-/"): { http: Http; seen: [string, RequestInit | undefined][] } {
  const seen: [string, RequestInit | undefined][] = [];
  const fetcher = (async (url: string, init?: RequestInit) => {
    seen.push([url, init]);
    return answer();
  }) as typeof fetch;
  return { http: new Http(base, "/gradio_api", fetcher), seen };
}

test("routes stand below the page's own directory", () => {
  assert.equal(http(() => new Response()).http.api("queue/join"), "https://host/spaces/o/n/-/gradio_api/queue/join");
  assert.equal(http(() => new Response(), "https://ann-x.demos/").http.api("upload"), "https://ann-x.demos/gradio_api/upload");
  assert.equal(new Http("https://h/-/t/abc/", "").api("upload"), "https://h/-/t/abc/upload");
});

test("a post sends JSON and reads JSON", async () => {
  const { http: client, seen } = http(() => Response.json({ event_id: "e" }));
  assert.deepEqual(await client.post("queue/join", { data: [1] }), { event_id: "e" });
  assert.equal(seen[0]?.[1]?.body, '{"data":[1]}');
  assert.equal(new Headers(seen[0]?.[1]?.headers).get("x-gradio-user"), "app");
});

test("a refusal carries the server's sentence", async () => {
  const { http: client } = http(() => Response.json({ detail: "Queue is full." }, { status: 503 }));
  await assert.rejects(client.post("queue/join", {}), (error: Refusal) => error.status === 503 && error.message === "Queue is full.");
});

test("no answer is told in words", async () => {
  const { http: client } = http(() => Promise.reject(new TypeError("fetch failed")));
  await assert.rejects(client.post("queue/join", {}), (error: Refusal) => error.status === 0 && /cannot be reached/.test(error.message));
});

test("an upload returns the first handle, and refuses anything else", async () => {
  const good = http(() => Response.json(["/f/abc/x.png"]));
  assert.equal(await good.http.upload(new Blob(["x"]), "x.png"), "/f/abc/x.png");
  const form = good.seen[0]?.[1]?.body as FormData;
  assert.equal((form.get("files") as File).name, "x.png");
  await assert.rejects(http(() => Response.json([])).http.upload(new Blob(["x"]), "x"), Refusal);
});

const texts: [number, unknown, RegExp][] = [
  [422, { detail: "too short" }, /^too short$/],
  [500, { error: "boom" }, /^boom$/],
  [401, { detail: { error: "Not authenticated", auth_message: "Ask Ann" } }, /^Ask Ann$/],
  [401, { detail: { error: "Not authenticated", auth_message: null } }, /^Not authenticated$/],
  [413, null, /too large/],
  [418, "text", /refused this \(418\)/],
];
for (const [status, body, pattern] of texts) {
  test(`the words for ${status} with ${JSON.stringify(body)}`, () => assert.match(refusalText(status, body as never), pattern));
}
