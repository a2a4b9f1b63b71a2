"""What visitors load comes from this server alone: no address of anybody else in shipped scripts, styles and pages, but for
names that are never fetched (namespaces, links in messages)."""
import gzip
import json
import os
import re
import unittest

from sources import ROOT, exempt, read, tracked

KIT = os.path.join(os.environ.get("VITRINE_BUILD", os.path.join(ROOT, "build", "release")), "share", "vitrine", "kit")
ADDRESS = re.compile(rb"(?:https?:)?//([a-z0-9-]+(?:\.[a-z0-9-]+)+)", re.I)
FIRST_PAGE_BYTES = 100_000  # compressed: everything a demo's page loads before it works


def kit_files():
    return sorted(os.path.join(folder, name) for folder, _, names in os.walk(KIT) for name in names
                  if not name.endswith((".br", ".gz", ".map")))


class Assets(unittest.TestCase):
    def offenders(self, label, text):
        hosts = {match.group(1).decode().lower() for match in ADDRESS.finditer(text)}
        return [f"{label}: {host}" for host in sorted(hosts) if not exempt("asset_url", host)]

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
