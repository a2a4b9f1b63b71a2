"""What the sandbox says about itself: modes, allow-lists, the zygote's renewal; real binaries."""
import os
import re
import shutil
import signal
import subprocess
import tempfile
import unittest

from test_platform import APP, BIN, Platform, eventually
from test_worker import Zygote, describe, folder
import wire

VITRINE = os.path.join(BIN, "vitrine")
MANUAL = os.path.join(wire.ROOT, "ops", "manual", "system-calls.md")
NOBODY = 65534


def doctor(*arguments, user=None, prefix=()):
    """As an ordinary user it must reach the binary: a copy in a folder that everybody may pass."""
    return subprocess.run([*prefix, VITRINE, "doctor", *arguments], capture_output=True, text=True, timeout=30, user=user,
                          env={"PATH": "/usr/bin:/bin"})


class AllowLists(unittest.TestCase):
    def test_the_manual_says_what_the_binary_holds(self):
        """The page's table rows `| profile | calls |`, against what the program prints from the tables it loads."""
        binary = dict(line.split(": ", 1) for line in doctor("--profiles").stdout.splitlines())
        with open(MANUAL, encoding="utf-8") as page:
            rows = re.findall(r"^\| `([^`]+)` \| (.*) \|$", page.read(), re.M)
        self.assertEqual({name: calls.strip() for name, calls in rows}, {name: calls.strip() for name, calls in binary.items()})

    def test_a_worker_has_at_most_twenty_calls(self):
        lines = dict(line.split(": ", 1) for line in doctor("--profiles").stdout.splitlines())
        self.assertLessEqual(len(set(lines["worker"].split())), 20)
        self.assertLess(set(lines["worker"].split()), set(lines["pool"].split()))
        for forbidden in ("open", "openat", "socket", "sendmsg", "recvmsg", "execve", "clone", "mprotect", "prctl", "ioctl"):
            self.assertNotIn(forbidden, lines["worker"].split())


@unittest.skipUnless(os.geteuid() == 0, "modes are compared from root downwards")
class Modes(unittest.TestCase):
    # No user namespaces, as on a hardened distribution: the limit is set inside a namespace of our own, then all rights go.
    WITHOUT_NAMESPACES = ("unshare", "--user", "--map-current-user", "--keep-caps", "sh", "-c",
                          'echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-all --inh-caps=-all '
                          '--ambient-caps=-all "$@"', "sh")

    def test_root_has_everything(self):
        result = doctor()
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("sandbox mode A", result.stderr)

    def test_an_ordinary_user_has_all_but_users(self):
        result = doctor(user=NOBODY)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("sandbox mode B", result.stderr)

    def test_a_floor_above_what_is_there_refuses(self):
        result = doctor("--sandbox-floor", "A", user=NOBODY)
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn("weaker than --sandbox-floor A", result.stderr)

    def test_without_namespaces_it_is_mode_c_and_refused_unless_asked_for(self):
        result = doctor(user=NOBODY, prefix=self.WITHOUT_NAMESPACES)
        self.assertIn("sandbox mode C", result.stderr)
        self.assertIn("does not offer user namespaces", result.stderr)
        self.assertEqual(result.returncode, 1)
        asked = doctor("--sandbox-floor", "C", user=NOBODY, prefix=self.WITHOUT_NAMESPACES)
        self.assertEqual(asked.returncode, 0, asked.stderr)

    def test_nonsense_is_refused_with_its_name(self):
        for arguments in (("--sandbox-floor", "E"), ("--cgroups", "v3"), ("--sandbox-flor", "A"), ("--cgroups",)):
            with self.subTest(arguments):
                result = doctor(*arguments)
                self.assertEqual(result.returncode, 2)
                self.assertIn(arguments[0], result.stderr)

    def test_what_is_not_bounded_is_said(self):
        self.assertIn("not bounded for all demos together: memory", doctor("--cgroups", "off").stderr)


class Renewal(unittest.TestCase):
    def test_a_spent_zygote_says_so_and_keeps_its_workers(self):
        os.environ["VITRINE_LIMIT_ZYGOTE_SPAWNS"] = "3"
        try:
            zygote = Zygote()
        finally:
            del os.environ["VITRINE_LIMIT_ZYGOTE_SPAWNS"]
        code, bundle, report = describe(folder({"README.md": "---\ntitle: x\n---\n", "app.lua": APP}))
        self.assertEqual(code, 0, report)
        workers = [zygote.spawn(bundle) for _ in range(3)]
        self.assertEqual(zygote.control.receive()[0], "zygote_spent")
        for worker in workers:
            self.assertEqual(worker.call(1, ["Ann"]), ["Hello Ann"])
        zygote.gateway.close()
        self.assertEqual(zygote.process.wait(10), 0, "it ends with the gateway's channel, not before")
        zygote.process.stderr.close()
        for worker in workers:
            worker.close()
        zygote.control.close()


@unittest.skipUnless(os.geteuid() == 0 and shutil.which("git"), "serves as root")
class RenewalOfThePlatform(Platform):
    def zygotes(self):
        """Process ids of this platform's zygotes."""
        found = set()
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
                    parent = int(stat.read().rsplit(")", 1)[1].split()[1])
                with open(f"/proc/{pid}/cmdline", "rb") as line:
                    command = line.read().split(b"\0")
            except OSError:
                continue
            if command[:2] == [b"zygote", b"zygote"] and parent == self.serve.pid:
                found.add(int(pid))
        return found

    def start(self):
        os.environ["VITRINE_LIMIT_ZYGOTE_SPAWNS"] = "8"
        try:
            super().start()
        finally:
            del os.environ["VITRINE_LIMIT_ZYGOTE_SPAWNS"]

    def test_nobody_notices(self):
        """The pool and a demo that is put to sleep again and again use up zygote after zygote; every call is answered."""
        self.publish()
        first = self.zygotes()
        for number in range(12):
            eventually(self, "an answer", self.answers)
            self.kill_workers()
        eventually(self, "a fresh zygote", lambda: not first & self.zygotes())
        eventually(self, "an answer of the fresh one's worker", self.answers)
        eventually(self, "the end of the old ones", lambda: len(self.zygotes()) <= 2)

    def kill_workers(self):
        zygotes = self.zygotes()
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/status", encoding="utf-8") as status:
                    text = status.read()
            except OSError:
                continue
            parent = re.search(r"^PPid:\t(\d+)", text, re.M)
            if parent and int(parent[1]) in zygotes:
                os.kill(int(pid), signal.SIGKILL)


if __name__ == "__main__":
    unittest.main()
