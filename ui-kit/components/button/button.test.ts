import assert from "node:assert/strict";
import { test } from "node:test";
import { safeLink } from "./link.ts";

test("only addresses that a page may open are links", () => {
  for (const good of ["https://example.org/", "http://x", "page.html", "/x?y", "#part", ""]) assert.equal(safeLink(good), good);
  for (const bad of ["javascript:alert(1)", " JavaScript:alert(1)", "java\nscript:alert(1)", "data:text/html,x", "file:///etc/passwd", "\u0001javascript:x"]) {
    assert.equal(safeLink(bad), "", bad);
  }
});
