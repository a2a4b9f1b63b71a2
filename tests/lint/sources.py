"""What the lint tests share: the repository's own files and the exemptions with their reasons."""
import fnmatch
import functools
import os
import subprocess

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
SOURCE_FOLDERS = ("gateway", "sandbox", "runtime", "store")


@functools.lru_cache(maxsize=None)
def tracked():
    """Paths of the files that belong to the repository, relative to its root; generated and ignored ones are not among them."""
    listing = subprocess.run(["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                             capture_output=True, check=True).stdout.decode()
    return sorted({name for name in listing.split("\0") if name and os.path.isfile(os.path.join(ROOT, name))})


@functools.lru_cache(maxsize=None)
def read(name):
    with open(os.path.join(ROOT, name), errors="replace") as text:
        return text.read()


def c_sources():
    """The product's own C files and headers, tests not among them."""
    return [name for name in tracked() if name.startswith(tuple(folder + "/" for folder in SOURCE_FOLDERS))
            and name.endswith((".c", ".h"))]


@functools.lru_cache(maxsize=None)
def exemptions(rule):
    """{subject pattern: reason} of one rule in exemptions.txt, whose lines are "rule subject reason"."""
    found = {}
    for line in read("tests/lint/exemptions.txt").splitlines():
        words = line.split(None, 2)
        if len(words) == 3 and not line.startswith("#") and words[0] == rule:
            found[words[1]] = words[2]
    return found


def exempt(rule, subject):
    return any(fnmatch.fnmatchcase(subject, pattern) for pattern in exemptions(rule))
