"""Attempts to get out of a worker, each with its exact outcome; the attacks themselves are in hostile.c."""
import os
import signal
import subprocess
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.environ.get("VITRINE_BIN", os.path.join(ROOT, "build/release/bin"))
HOSTILE = os.path.join(BIN, "..", "tests", "hostile")
NOBODY = 65534

# What the sweep may find alive: the allow-list, and the two calls that the kernel exempts from every filter (SIGILL, ENXIO).
ALLOWED = {0, 1, 9, 11, 12, 15, 25, 228, 231}
EXEMPT = {335, 336}

# Attacks that succeed where nothing stops them, as root on an ordinary machine: the others fail for want of hardware,
# kernel support or sense, and are proven by the locked outcome alone.
CONTROLS = ["A1-open-passwd", "A2-open-upwards", "A3-open-root", "A5-open-proc", "A6-chroot", "B1-fork", "B3-setresuid", "B5-dumpable",
            "C1-kill", "C3-sigaction", "D2-unix", "D5-netlink", "D6-socketpair", "E9-shmget", "E10-memfd", "E11-mmap-exec",
            "E11-mmap-shared", "E11-mprotect", "A7-namespace", "L6-uname"]


def run(*arguments, user=None):
    return subprocess.run([HOSTILE, *arguments], capture_output=True, text=True, timeout=60, user=user)


def attacks():
    return run("list").stdout.split()


class Attacks(unittest.TestCase):
    """Rows A1 to L6 of the catalogue, in a worker locked by the production code."""
    user = None

    def check(self, name):
        result = run(name, user=self.user)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stdout, f"signal {int(signal.SIGSYS)}\n", name)


class UnprivilegedAttacks(Attacks):
    """The same as an ordinary user, in user namespaces."""
    user = NOBODY if os.geteuid() == 0 else None


def add(case, name):
    setattr(case, "test_" + name.replace("-", "_"), lambda self: self.check(name))


for each in attacks() if os.path.exists(HOSTILE) else []:
    add(Attacks, each)
    add(UnprivilegedAttacks, each)


class Sweep(unittest.TestCase):
    def test_only_the_allow_list_survives(self):
        rows = [line.split() for line in run("sweep").stdout.splitlines()]
        alive = {int(row[0]) for row in rows}
        self.assertLessEqual(alive, ALLOWED | EXEMPT, alive - ALLOWED - EXEMPT)
        self.assertTrue({0, 1, 231} <= alive)


class Controls(unittest.TestCase):
    @unittest.skipUnless(os.geteuid() == 0, "the controls need root")
    def test_attacks_succeed_where_nothing_stops_them(self):
        failed = [name for name in CONTROLS if run("free", name).stdout not in ("exit 0\n", "exit 0\nexit 0\n")]
        self.assertEqual(failed, [])


class Presence(unittest.TestCase):
    def test_at_least_twenty_five_attacks(self):
        self.assertGreaterEqual(len(attacks()), 25)


if __name__ == "__main__":
    unittest.main()
