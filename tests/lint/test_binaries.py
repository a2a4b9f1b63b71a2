"""What the release binaries load and how they are hardened: the linker's word on the process boundaries."""
import os
import re
import subprocess
import unittest

from sources import ROOT

BIN = os.environ.get("VITRINE_BIN", os.path.join(ROOT, "build", "release", "bin"))
LIBC = {"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}

# program: the libraries beyond the C library that it may name; None is a static binary
NEEDED = {
    "vitrine": {r"libseccomp\.so.*", r"libcap\.so.*"},
    "vitrine-gateway": {r"libevent_core.*", r"libseccomp\.so.*", r"libcap\.so.*", r"libz\.so.*"},
    "vitrine-store": {r"libevent_core.*", r"libsqlite3\.so.*", r"libgit2\.so.*", r"libsodium\.so.*", r"libz\.so.*",
                      r"libseccomp\.so.*", r"libcap\.so.*"},
    "vitrine-ctl": {r"libevent_core.*"},
    "vitrine-hook": set(),
    "vitrine-worker": None,
    # libevent is the loop of the supervisor that starts the children; a child that holds a model never runs it
    "vitrine-infer": {r"libevent_core.*", r"libonnxruntime\.so.*", r"libseccomp\.so.*", r"libcap\.so.*"},
}


def readelf(program, *options):
    return subprocess.run(["readelf", "-W", *options, os.path.join(BIN, program)], capture_output=True, text=True, check=True).stdout


class Binaries(unittest.TestCase):
    def test_every_program_is_built(self):
        self.assertEqual(set(NEEDED), {name for name in os.listdir(BIN) if os.access(os.path.join(BIN, name), os.X_OK)})

    def test_needed(self):
        for program, allowed in NEEDED.items():
            with self.subTest(program):
                libraries = set(re.findall(r"\(NEEDED\).*\[(.+)\]", readelf(program, "-d"))) - LIBC
                beyond = {name for name in libraries if not any(re.fullmatch(pattern, name) for pattern in allowed or ())}
                self.assertEqual(set(), beyond)

    def test_worker_is_static(self):
        self.assertNotIn("INTERP", readelf("vitrine-worker", "-l"))
        self.assertNotIn("(NEEDED)", readelf("vitrine-worker", "-d"))

    def test_position_independent(self):
        for program in NEEDED:
            with self.subTest(program):
                self.assertRegex(readelf(program, "-h"), r"Type:\s+DYN")

    def test_relocations_are_read_only(self):
        for program in NEEDED:
            with self.subTest(program):
                self.assertIn("GNU_RELRO", readelf(program, "-l"))
                self.assertRegex(readelf(program, "-d"), r"BIND_NOW|FLAGS_1.*NOW")
                self.assertNotIn("TEXTREL", readelf(program, "-d"))

    def test_stack_is_not_executable(self):
        for program in NEEDED:
            with self.subTest(program):
                self.assertRegex(readelf(program, "-l"), r"GNU_STACK\s+(0x[0-9a-f]+\s+){5}RW\s")

    def test_stack_protector(self):
        for program in NEEDED:
            with self.subTest(program):
                self.assertIn("__stack_chk_fail", readelf(program, "-s"))

    def test_fortified(self):
        for program in ("vitrine-gateway", "vitrine-store", "vitrine"):
            with self.subTest(program):
                self.assertRegex(readelf(program, "-s"), r"__\w+_chk@")

    def test_no_run_path_outside(self):
        for program in NEEDED:
            with self.subTest(program):
                for run_path in re.findall(r"\((?:RUNPATH|RPATH)\).*\[(.*)\]", readelf(program, "-d")):
                    self.assertEqual([], [part for part in run_path.split(":") if part and not part.startswith("$ORIGIN")])


if __name__ == "__main__":
    unittest.main()
