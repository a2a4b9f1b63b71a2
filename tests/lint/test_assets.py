"""What visitors load comes from this server alone: no address of anybody else in shipped scripts, styles and pages, but for
names that are never fetched (namespaces, links in messages)."""
import gzip
import json
import os
import re
import unittest

from sources import ROOT, exempt, read, tracked

KIT = os.path.join(os.environ.get("VITRINE_BUILD", os.path.join(ROOT, "build", "release")), "share", "vitrine", "kit")
HOST = rb"([a-z0-9-]+(?:\.[a-z0-9-]+)+)"
# An address without a scheme begins where a string or a value begins; elsewhere // is a comment or the end of an expression.
ADDRESS = re.compile(rb"(?:https?:|(?<=[\"'`(=]))//" + HOST, re.I)
# What a browser requests by itself: these may name nobody else, not even a host that asset_url exempts as mere text.
REQUEST = re.compile(rb"(?:\b(?:src|srcset|poster|action)\s*=\s*[\"'`]?|<(?:link|use|image)\b[^>]*\bhref\s*=\s*[\"'`]?|\burl\(\s*[\"']?|"
                     rb"\b(?:import|from)\s*\(?\s*[\"'`]|@import\s+[\"']?|\b(?:fetch|Worker|EventSource|WebSocket|sendBeacon|"
                     rb"importScripts)\(\s*[\"'`])(?:(?:https?|wss?):)?//" + HOST, re.I)
FIRST_PAGE_BYTES = 100_000  # compressed: everything a demo's page loads before it works


def kit_files():
    return sorted(os.path.join(folder, name) for folder, _, names in os.walk(KIT) for name in names
                  if not name.endswith((".br", ".gz", ".map")))


class Assets(unittest.TestCase):
    def offenders(self, label, text):
        requested, named = ({match.group(1).decode().lower() for match in pattern.finditer(text)} for pattern in (REQUEST, ADDRESS))
        return [f"{label}: {host}" for host in sorted(requested | named) if host in requested or not exempt("asset_url", host)]

    def test_the_check_itself(self):
        for text in (b'<img src=//a.org/x>', b'@import "https://a.org/x"', b'fetch(`https://a.org`)', b'background:url(//a.org/i)',
                     b'import("https://www.w3.org/x")', b'<link rel=x href="//www.w3.org/a">', b'let x="https://a.org"'):
            with self.subTest(text):
                self.assertEqual(1, len(self.offenders("text", text)))
        for text in (b'x?/^https?:\\/\\//i.test(r):0', b'xmlns="http://www.w3.org/2000/svg"', b'src="-/kit/a.js"'):
            with self.subTest(text):
                self.assertEqual([], self.offenders("text", text))

    def test_kit(self):
        self.assertTrue(kit_files(), f"no kit in {KIT}")
        found = []
        for name in kit_files():
            with open(name, "rb") as file:
                found += self.offenders(os.path.relpath(name, KIT), file.read())
        self.assertEqual([], found)

    def test_pages_and_examples(self):
        """Pages of the site, and what the examples' own pages load (a link that a person may click is no load)."""
        found = []
        for name in tracked():
            if name.startswith(("ui-kit/pages/", "examples/")) and name.endswith((".html", ".css", ".js", ".svg")):
                text = re.sub(r"<a\s[^>]*>", "", read(name))
                found += self.offenders(name, text.encode())
        self.assertEqual([], found)

    def test_precompressed(self):
        """Every text file of some size has its compressed forms beside it, and the gzip one is the same bytes."""
        for name in kit_files():
            if name.endswith((".js", ".css", ".svg")) and os.path.getsize(name) > 1024:
                with self.subTest(os.path.basename(name)):
                    self.assertTrue(os.path.exists(name + ".br"))
                    with gzip.open(name + ".gz") as packed, open(name, "rb") as plain:
                        self.assertEqual(plain.read(), packed.read())

    def test_manifest_names_existing_files(self):
        with open(os.path.join(KIT, "manifest.json")) as file:
            manifest = json.load(file)
        names = re.findall(r'"([\w./-]+\.(?:js|css|svg|woff2))"', json.dumps(manifest))
        self.assertTrue(names)
        hashed = [name for name in names if re.search(r"[-.][0-9A-Za-z]{8,}\.", name)]
        self.assertEqual([], [name for name in hashed if not os.path.exists(os.path.join(KIT, os.path.basename(name)))])


if __name__ == "__main__":
    unittest.main()
