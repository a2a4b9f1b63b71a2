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

    def test_a_demo_runs_in_mode_c(self):
        code, bundle, report = describe(folder({"README.md": "---\ntitle: x\n---\n", "app.lua": APP}))
        self.assertEqual(code, 0, report)
        zygote = Zygote(prefix=self.WITHOUT_NAMESPACES, user=NOBODY, floor="C")
        for worker in (zygote.spawn(bundle), zygote.pool()):
            pid = zygote.await_pid(worker.slot)
            self.assertEqual(len(status_of(pid)["NSpid"].split()), 1, "no PID namespace: that is what C lacks")
            self.assertEqual(status_of(pid)["Seccomp"], "2")
            self.assertEqual(int(status_of(pid)["CapEff"], 16), 0)
            if worker.slot == 2:
                worker.give(bundle)
            self.assertEqual(worker.call(1, ["Ann"]), ["Hello Ann"])
            worker.close()
        bundle.close()
        zygote.close()

    def test_without_namespaces_a_zygote_does_not_start_by_default(self):
        with self.assertRaises(AssertionError) as raised:
            Zygote(prefix=self.WITHOUT_NAMESPACES, user=NOBODY)
        self.assertIn("no demo will run: user namespaces", str(raised.exception))

    def test_nonsense_is_refused_with_its_name(self):
        for arguments in (("--sandbox-floor", "E"), ("--cgroups", "v3"), ("--sandbox-flor", "A"), ("--cgroups",)):
            with self.subTest(arguments):
                result = doctor(*arguments)
                self.assertEqual(result.returncode, 2)
                self.assertIn(arguments[0], result.stderr)

    def test_what_is_not_bounded_is_said(self):
        self.assertIn("not bounded for all demos together: memory", doctor("--cgroups", "off").stderr)


def status_of(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as text:
        return dict(re.findall(r"^(\w+):\t(.*)$", text.read(), re.M))


@unittest.skipUnless(os.geteuid() == 0, "looks into other users' processes")
class Pool(unittest.TestCase):
    """A worker of the pool, seen from outside and spoken to as the gateway does, and as it never would."""

    @classmethod
    def setUpClass(cls):
        cls.zygote = Zygote()
        code, cls.bundle, report = describe(folder({"README.md": "---\ntitle: x\n---\n", "app.lua": APP}))
        assert code == 0, report

    @classmethod
    def tearDownClass(cls):
        cls.bundle.close()
        cls.zygote.close()

    def test_it_is_locked_before_it_has_a_demo_and_more_so_after(self):
        worker = self.zygote.pool()
        pid = self.zygote.await_pid(worker.slot)
        before = status_of(pid)
        self.assertEqual((before["Seccomp"], before["NoNewPrivs"]), ("2", "1"))
        for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            self.assertEqual(int(before[name], 16), 0, name)
        self.assertEqual(set(before["Uid"].split()), {str(1879048192 + worker.slot)})
        self.assertEqual(before["NSpid"].split()[-1], "1")
        self.assertEqual(sorted(os.listdir(f"/proc/{pid}/fd"), key=int), ["0", "1", "2", "3"])
        with open(f"/proc/{pid}/mountinfo", encoding="utf-8") as mounts:
            self.assertEqual(mounts.read(), "", "no mount is visible after the chroot")
        worker.give(self.bundle)
        self.assertEqual(worker.call(1, ["Ann"]), ["Hello Ann"])
        after = status_of(pid)
        self.assertEqual(int(after["Seccomp_filters"]), int(before["Seccomp_filters"]) + 1)
        self.assertEqual(sorted(os.listdir(f"/proc/{pid}/fd"), key=int), ["0", "1", "2", "3"], "the bundle's descriptor is gone")
        worker.close()

    def ends_with(self, expected, act):
        worker = self.zygote.pool()
        act(worker)
        self.assertEqual(self.zygote.await_exit(worker.slot), expected)
        worker.close()

    def test_anything_but_a_bundle_ends_it(self):
        self.ends_with(88, lambda worker: worker.send("worker_begin", {"wall_ms": 1, "seed": 1, "limits": ""}, fds=[self.bundle.fileno()]))
        self.ends_with(88, lambda worker: worker.sock.send(b"nonsense"))
        self.ends_with(88, lambda worker: worker.send("worker_bundle", {"length": 100}))
        self.ends_with(88, lambda worker: worker.sock.shutdown(2))

    def test_lengths_that_cannot_be(self):
        with tempfile.TemporaryFile() as empty:
            self.ends_with(89, lambda worker: worker.give(empty))
        self.ends_with(89, lambda worker: worker.give(self.bundle, length=0))
        self.ends_with(89, lambda worker: worker.give(self.bundle, length=1 << 40))
        self.ends_with(89, lambda worker: worker.give(self.bundle, length=64))

    def test_a_file_that_is_no_release(self):
        with tempfile.TemporaryFile() as noise:
            noise.write(os.urandom(100000))
            noise.flush()
            self.ends_with(89, lambda worker: worker.give(noise))

    def test_a_second_bundle_is_refused(self):
        worker = self.zygote.pool()
        worker.give(self.bundle)
        self.assertEqual(worker.call(1, ["Ann"]), ["Hello Ann"])
        worker.give(self.bundle)
        self.assertEqual(self.zygote.await_exit(worker.slot), 87, "by the protocol: no descriptor arrived with it")
        worker.close()

    def test_a_killed_one_is_reported(self):
        worker = self.zygote.pool()
        self.zygote.gateway.send("zygote_kill", {"slot": worker.slot})
        self.assertEqual(self.zygote.await_exit(worker.slot), 256 + signal.SIGKILL)
        worker.close()


# A demo that makes a worker use all that it may: large values in and out, sorting that goes badly, computing for a while.
BUSY = """local ui = require "ui"
return ui.blocks(function()
  local a, b = ui.textbox {}, ui.textbox {}
  ui.button { "Go" }:click { inputs = a, outputs = b, api_name = "busy", fn = function(text)
    local list, sum = {}, 0
    for round = 1, 30 do
      for i = 1, 3000 do list[i] = i % 2 == 0 and i or 3000 - i end
      table.sort(list, function(x, y) sum = sum + 1; return x < y end)
    end
    for i = 1, 2000000 do sum = sum + i % 7 end
    return text:rep(40)
  end }
end)
"""


class Used(unittest.TestCase):
    """What workers really ask of the kernel once they are locked, against the table: no rule is missing, none is idle."""

    def traces(self, act):
        """The calls of each process under this zygote after the last filter it loaded."""
        with tempfile.TemporaryDirectory() as where:
            zygote = Zygote(prefix=("strace", "-ff", "-qq", "-o", os.path.join(where, "t")))
            act(zygote)
            zygote.close()
            for name in os.listdir(where):
                with open(os.path.join(where, name), encoding="utf-8", errors="replace") as lines:
                    calls = [line.split("(")[0].split()[-1] for line in lines if "(" in line and not line.startswith(("+++", "---"))]
                filters = [i for i, call in enumerate(calls) if call == "seccomp"]
                if "landlock_restrict_self" in calls and filters:
                    yield set(calls[filters[-1] + 1:])

    def test_a_busy_worker_uses_every_rule_and_nothing_else(self):
        lines = dict(line.split(": ", 1) for line in doctor("--profiles").stdout.splitlines())
        code, bundle, report = describe(folder({"README.md": "---\ntitle: x\n---\n", "app.lua": BUSY}))
        self.assertEqual(code, 0, report)

        def act(zygote):
            for worker in (zygote.spawn(bundle, limits='{"slice_ms": 60000}'), zygote.pool()):
                if worker.slot == 2:
                    worker.give(bundle)
                for event in range(1, 4):
                    self.assertEqual(len(worker.call(1, ["x" * 20000], event=event)[0]), 800000)
                worker.sock.shutdown(2)
                self.assertEqual(zygote.await_exit(worker.slot), 88)
                worker.close()
        used = list(self.traces(act))
        bundle.close()
        self.assertEqual(len(used), 2)
        for calls in used:
            self.assertEqual(calls, set(lines["worker"].split()))


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

    def test_the_pool_is_there_before_the_first_call_and_after_it(self):
        eventually(self, "a full pool", lambda: len(self.workers()) == 4)
        waiting = self.workers()
        self.publish()
        eventually(self, "an answer", self.answers)
        eventually(self, "a refilled pool beside the demo's worker", lambda: len(self.workers()) == 5)
        self.assertEqual(len(waiting & self.workers()), 4, "the demo took one of those that waited")

    def kill_workers(self):
        for pid in self.workers():
            os.kill(pid, signal.SIGKILL)

    def workers(self):
        """Process ids of everything below this platform's zygotes."""
        zygotes, found = self.zygotes(), set()
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/status", encoding="utf-8") as status:
                    text = status.read()
            except OSError:
                continue
            parent = re.search(r"^PPid:\t(\d+)", text, re.M)
            if parent and int(parent[1]) in zygotes:
                found.add(int(pid))
        return found


if __name__ == "__main__":
    unittest.main()
