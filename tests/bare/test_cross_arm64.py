"""arm64 from a fresh Debian 13 on another processor: every program is cross-built with Debian's compiler against Debian's arm64
libraries, is what it claims to be, and the unit tests run under qemu-user. What this does not show: namespaces, cgroups, seccomp
and Landlock of a real arm64 kernel; under qemu-user system calls are those of the machine that emulates."""
import re
import struct
import unittest

from machine import ROOT, machine_for

BUILD_SECONDS, TEST_SECONDS = 3000, 2400
PROGRAMS = ("vitrine", "vitrine-ctl", "vitrine-gateway", "vitrine-hook", "vitrine-infer", "vitrine-store", "vitrine-worker")
EM_AARCH64 = 183
# qemu-user hands a receiver more descriptors than its buffer has room for and forgets to close them: the test that counts
# descriptors after an oversized message sees those. On hardware the kernel closes them.
EMULATION = {"wire/test_channel"}


class CrossArm64(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.machine = machine_for(cls, "trixie")

    def inside(self, script, seconds):
        status, words = self.machine.run("cd /src; export VITRINE_ARCH=arm64 DEBIAN_FRONTEND=noninteractive; " + script, seconds)
        self.assertEqual(0, status, words[-5000:])
        return words

    def arm_packages(self):
        """The libraries among ops/packages, as arm64 ones; compilers and tools stay those of this machine."""
        with open(f"{ROOT}/ops/packages", encoding="utf-8") as lines:
            rows = [line.split() for line in lines if line.startswith("apt")]
        return [row[1] + ":arm64" for row in rows if re.fullmatch(r"(lib|zlib).*-dev", row[1]) and "clang" not in row[1]
                and set(row[3].split(",")) & {"build", "test"}]

    def test_build_and_unit_tests(self):
        self.inside("VITRINE_ARCH= ops/setup build >/dev/null", BUILD_SECONDS)
        self.inside("dpkg --add-architecture arm64; apt-get update -qq; apt-get install -y -qq --no-install-recommends "
                    f"gcc-aarch64-linux-gnu qemu-user {' '.join(self.arm_packages())}", BUILD_SECONDS)
        self.inside("ops/fetch-lua; ops/fetch-md4c; ops/fetch-onnxruntime; cmake --preset arm64; "
                    f"cmake --build build/arm64 --target {' '.join(PROGRAMS)} unit-tests", BUILD_SECONDS)
        for program in PROGRAMS:
            with self.subTest(program), open(f"{self.machine.root}/src/build/arm64/bin/{program}", "rb") as file:
                head = file.read(20)
                self.assertEqual((b"\x7fELF", EM_AARCH64), (head[:4], struct.unpack_from("<H", head, 18)[0]))
        words = self.inside("ctest --test-dir build/arm64 --timeout 300 || true", TEST_SECONDS)
        passed, failed = (set(re.findall(rf"Test +#\d+: (\S+) \.*{mark}", words)) for mark in (r" +Passed", r"\*+\w"))
        print(f"arm64 under qemu-user: {len(passed)} of {len(passed | failed)} test programs passed")
        self.assertGreater(len(passed), 20, words[-3000:])
        self.assertEqual(set(), failed - EMULATION, words[-5000:])


if __name__ == "__main__":
    unittest.main()
