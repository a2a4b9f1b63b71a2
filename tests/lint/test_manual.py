"""Each test that the manual names exists: `tests/folder/file::Name`, a class, a test or a row; or a whole file."""
import os
import re
import unittest

from sources import ROOT, read, tracked

REFERENCE = re.compile(r"`(tests/[\w./-]+\.(?:py|c|mjs|txt|lua))(?:::([\w-]+))?`")


def pages():
    return [name for name in tracked() if name.startswith("ops/manual/") and name.endswith(".md")]


def references():
    return [(page, *match) for page in pages() for match in REFERENCE.findall(read(page))]


class Manual(unittest.TestCase):
    def test_each_named_test_exists(self):
        missing = []
        for page, path, name in references():
            if not os.path.exists(os.path.join(ROOT, path)):
                missing.append(f"{page}: there is no {path}")
            elif name and not re.search(rf"\b(class|def|void|static void)\s+{re.escape(name)}\b", read(path)):
                missing.append(f"{page}: {path} has no {name}")
        self.assertEqual([], missing, "\n" + "\n".join(missing))

    def test_each_promise_names_its_tests(self):
        page = read("ops/manual/sandbox.md")
        promises = page.split("## Promises", 1)[1].split("\n## ", 1)[0]
        found = re.findall(r"^\*\*(\d+)\. .*?(?=^\*\*\d|\Z)", promises, re.M | re.S)
        self.assertEqual([int(number) for number in found], list(range(1, len(found) + 1)))
        self.assertGreaterEqual(len(found), 12)
        for part in re.split(r"^(?=\*\*\d+\. )", promises, flags=re.M)[1:]:
            self.assertRegex(part, r"\nTested by `tests/", part.splitlines()[0])

    def test_links_between_pages(self):
        for page in pages():
            for target in re.findall(r"\]\(([^)#:]+)\)", read(page)):
                self.assertTrue(os.path.exists(os.path.join(ROOT, os.path.dirname(page), target)), f"{page}: {target}")


if __name__ == "__main__":
    unittest.main()
