import assert from "node:assert/strict";
import { test } from "node:test";
import { demoAddress, readHeight } from "../embed/address.ts";
import { readTheme } from "../element/theme.ts";
import { logLine } from "./log.ts";
import { readBadge } from "./stage.ts";
import { nextTheme, themeCookie } from "./theme.ts";

test("the button goes through all three choices", () => {
  assert.deepEqual([nextTheme("system"), nextTheme("light"), nextTheme("dark")], ["light", "dark", "system"]);
});

test("the choice is kept in a cookie, and taken away by the system's own", () => {
  assert.equal(themeCookie("dark", false), "vitrine_theme=dark; path=/; max-age=31536000; samesite=lax");
  assert.equal(themeCookie("system", true), "vitrine_theme=system; path=/; max-age=0; samesite=lax; secure");
});

test("only the three words are themes", () => {
  assert.deepEqual(["light", "dark", "system", "blue", null, 3].map(readTheme), ["light", "dark", "system", null, null, null]);
});

test("the badge follows the stages it knows, and stays at what it does not", () => {
  assert.deepEqual(readBadge({ stage: "RUNNING" }), { kind: "live", label: "Running" });
  assert.deepEqual(readBadge({ stage: "SLEEPING" }), { kind: "asleep", label: "Sleeping" });
  for (const wrong of [null, 3, "RUNNING", {}, { stage: 3 }, { stage: "NEW_WORD" }, { stage: "constructor" }]) {
    assert.equal(readBadge(wrong), null);
  }
});

test("log lines", () => {
  const line = { data: "hello\n", timestamp: "2026-11-23T14:02:11.5Z", level: "error" };
  assert.deepEqual(logLine(JSON.stringify(line)), { iso: line.timestamp, time: "14:02:11", level: "error", source: "run", text: "hello" });
  assert.equal(logLine(JSON.stringify({ data: "x", level: "shout" }))?.level, "info");
  for (const wrong of ["", "nonsense", "3", "null", "{}", '{"data":3}']) assert.equal(logLine(wrong), null);
});

test("addresses for embedding", () => {
  assert.equal(demoAddress("ann/digits", "https://host/", null), "https://host/spaces/ann/digits/-/");
  assert.equal(demoAddress("ann/digits", "https://host/x/", "dark"), "https://host/spaces/ann/digits/-/?__theme=dark");
  assert.equal(demoAddress("https://ann-digits.demos/?a=1", "https://host/", "light"), "https://ann-digits.demos/?a=1&__theme=light");
  assert.equal(demoAddress("ann/digits", "https://host/", "blue"), "https://host/spaces/ann/digits/-/");
  for (const wrong of ["", "digits", "a/b/c", "../x", "javascript:alert(1)", "ann/", "//evil/x", "https://"]) {
    assert.equal(demoAddress(wrong, "https://host/", null), null, wrong);
  }
});

test("heights are taken only from messages that are meant", () => {
  assert.equal(readHeight({ type: "vitrine:height", height: 300.2 }), 301);
  for (const wrong of [null, "x", {}, { type: "vitrine:height" }, { type: "other", height: 3 }, { type: "vitrine:height", height: -1 }, { type: "vitrine:height", height: 1e9 }, { type: "vitrine:height", height: NaN }]) {
    assert.equal(readHeight(wrong), null);
  }
});
