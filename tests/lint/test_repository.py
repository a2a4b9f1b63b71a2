"""What the repository's files must not contain, and that its scripts and tables are sound."""
import os
import re
import shutil
import subprocess
import unittest

from sources import ROOT, exempt, read, tracked

BINARY = (".png", ".jpg", ".webp", ".onnx", ".ico", ".woff2", ".gz", ".br", ".bin", ".zip", ".npz")
OWN = "tests/lint/test_repository.py"
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")


def text_files():
    for name in tracked():
        if not name.endswith(BINARY) and "/corpus/" not in name:
            yield name, read(name)


class Repository(unittest.TestCase):
    def empty(self, offenders):
        self.assertEqual([], offenders, "\n" + "\n".join(offenders))

    def test_no_machine_paths(self):
        """Nothing says where this checkout lies."""
        # The borders keep a checkout in a folder with an everyday name from matching every address that contains it.
        pattern = re.compile(r"(?<![\w.<>$}-])(?:" + re.escape(ROOT) + r"(?![\w.-])|/root/)")
        self.empty([f"{name}: {match.group()}" for name, text in text_files() for match in [pattern.search(text)]
                    if match and name != OWN and not exempt("file_text", name)])

    def test_lock_files_name_no_registry(self):
        offenders = []
        for name, text in text_files():
            if os.path.basename(name) == "package-lock.json":
                offenders += [f"{name}: {line.strip()}" for line in text.splitlines() if '"resolved"' in line]
                if '"integrity"' not in text:
                    offenders.append(f"{name}: no integrity")
        self.empty(offenders)

    def test_no_package_mirrors(self):
        """Mirrors and registries come from the machine's own settings."""
        pattern = re.compile(r"registry\.npmjs|deb\.debian\.org|pypi\.org/simple|snapshot\.debian|npm\.pkg|pkg\.dev")
        self.empty([f"{name}: {match.group()}" for name, text in text_files() for match in [pattern.search(text)]
                    if match and name != OWN and not exempt("file_text", name)])

    def test_nothing_unfinished(self):
        own = ("tests/lint/", "CONTRIBUTING.md")
        self.empty([f"{name}:{number}: {line.strip()}" for name, text in text_files() if not name.startswith(own)
                    for number, line in enumerate(text.split("\n"), 1) if UNFINISHED.search(line) and not exempt("file_text", name)])

    def test_top_level(self):
        """Nine things at the top, README and dot-files beside them."""
        allowed = {"CMakeLists.txt", "gateway", "sandbox", "runtime", "ui-kit", "store", "examples", "tests", "ops",
                   "README.md", "CONTRIBUTING.md", "LICENSE", "SECURITY.md", "CMakePresets.json"}
        top = {name.split("/")[0] for name in tracked()}
        self.assertEqual(set(), {name for name in top if not name.startswith(".")} - allowed)

    def test_shell_scripts_parse(self):
        for name, text in text_files():
            if text.startswith("#!") and re.match(r"#!.*\b(ba)?sh\b", text):
                with self.subTest(name):
                    done = subprocess.run(["bash", "-n", os.path.join(ROOT, name)], capture_output=True, text=True)
                    self.assertEqual("", done.stderr)

    def test_python_parses(self):
        for name, text in text_files():
            if name.endswith(".py"):
                with self.subTest(name):
                    compile(text, name, "exec")

    def test_scripts_are_executable(self):
        self.empty([name for name, text in text_files() if text.startswith("#!") and not os.access(os.path.join(ROOT, name), os.X_OK)
                    and not exempt("executable", name)])

    def test_packages_table(self):
        """Every row has its six columns, a known kind and known scopes; a package stands there once per kind."""
        seen = set()
        for line in read("ops/packages").splitlines():
            if line.startswith("#") or not line.strip():
                continue
            columns = line.split(None, 5)
            self.assertEqual(6, len(columns), line)
            kind, name, _, scopes, _, _ = columns
            self.assertIn(kind, ("apt", "apt13", "deb", "npm"), line)
            self.assertLessEqual(set(scopes.split(",")), {"build", "test", "bench", "train", "long"}, line)
            self.assertNotIn((kind, name), seen, line)
            seen.add((kind, name))

    def test_npm_packages_are_listed(self):
        """What the package.json files ask for is what ops/packages gives a reason for."""
        import json
        asked = set()
        for name in tracked():
            if os.path.basename(name) == "package.json":
                package = json.loads(read(name))
                asked |= set(package.get("dependencies", {})) | set(package.get("devDependencies", {}))
        listed = {line.split()[1] for line in read("ops/packages").splitlines() if line.startswith("npm ")}
        self.assertEqual(listed, asked)

    def test_documents_name_files_that_exist(self):
        top = {name.split("/")[0] for name in tracked()}
        offenders = []
        for document in ("README.md", "CONTRIBUTING.md", "SECURITY.md"):
            # `path/with/slash` and [words](path); a command line starts with another word or holds blanks
            for path in re.findall(r"`([\w.-]+(?:/[\w.-]+)*/?)`|\]\(([\w./-]+)\)", read(document)):
                path = path[0] or path[1]
                if "/" in path and path.split("/")[0] in top and not os.path.exists(os.path.join(ROOT, path)):
                    offenders.append(f"{document}: {path}")
        self.empty(offenders)

    def test_limits_are_named_once(self):
        names = re.findall(r"^#define\s+(BOUNDS_\w+)|^\s+(BOUNDS_\w+)\s*=", read("runtime/base/bounds.h"), re.M)
        flat = [first or second for first, second in names]
        self.assertTrue(flat)
        self.assertEqual(len(flat), len(set(flat)))


if __name__ == "__main__":
    unittest.main()
