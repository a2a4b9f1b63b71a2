"""Every system call of the zygote's start and of a worker's lock-down is made to fail once (strace injects the error), in the
production code. Whatever fails: either nobody answers, with words that name the step, or the worker that answers is locked
exactly as without the fault. Nothing hangs, and nothing is left: no process, no mount, no descriptor.

The calls are not listed here: a first run without a fault writes them down."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests/escape"))
import cell  # noqa: E402
import wire  # noqa: E402

ERROR = "EPERM"
# Memory: its failure ends a process by itself; OutOfMemory below injects it where it can happen.
HARMLESS = {"geteuid", "getegid", "getuid", "getgid", "getpid", "gettid", "execve", "exit_group"}  # cannot fail, or not like this
MEMORY = {"mmap", "brk", "munmap", "mprotect", "mremap", "madvise"}
STATUS = ["NoNewPrivs", "Seccomp", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "SigIgn", "Groups"]


def calls_in(trace):
    """Names of the system calls in strace's output, in order, per process: {pid: [name, …]}."""
    found = {}
    for line in trace.splitlines():
        match = re.match(r"(\d+) +(?:<\.\.\. )?(\w+)(\(| resumed)", line)
        if match and match[3] == "(":
            found.setdefault(int(match[1]), []).append(match[2])
    return found


def recorded(path, pid, last):
    """The calls of one process, once strace has written down the one named last: it may be behind the process it watched."""
    cell.wait_until(lambda: last in calls_in(cell.read_text(path)).get(pid, []))
    return calls_in(cell.read_text(path))[pid]


def occurrences(names):
    """[(name, k)]: each call as the k-th of its name."""
    seen, found = {}, []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        found.append((name, seen[name]))
    return found


def snapshot(prisoner):
    """How a worker is locked, as the kernel tells it; the worker has answered, so its lock-down is over."""
    status = dict(line.split(":\t", 1) for line in cell.read_text(f"/proc/{prisoner.pid}/status").splitlines() if ":\t" in line)
    found = {name: status[name].strip() for name in STATUS}
    found["levels"] = len(status["NSpid"].split())
    found["own user"] = not cell.IS_ROOT or set(status["Uid"].split()) == {str(cell.UID_BASE + prisoner.slot)}
    found["limits"] = cell.read_text(f"/proc/{prisoner.pid}/limits")
    if cell.IS_ROOT:
        found["descriptors"] = sorted(os.listdir(f"/proc/{prisoner.pid}/fd"))
        found["root"] = os.listdir(f"/proc/{prisoner.pid}/root")
        found["namespaces"] = {name: os.readlink(f"/proc/{prisoner.pid}/ns/{name}") != os.readlink(f"/proc/self/ns/{name}")
                               for name in ("mnt", "net", "ipc", "uts", "pid", "cgroup")}
    return found


class FaultCell(cell.Cell):
    """A zygote that strace watches from its first instruction. Without `fault` strace only writes down."""

    def __init__(self, fault=None, trace="/dev/null", error=ERROR):
        inject = ["-e", f"trace={fault[0]}", "-e", f"inject={fault[0]}:error={error}:when={fault[1]}"] if fault else []
        self.prefix = ["strace", "-D", "-f", "-qq", "-o", trace, *inject]
        super().__init__()


@unittest.skipUnless(shutil.which("strace"), "strace is not installed (ops/setup test)")
@unittest.skipUnless(cell.IS_ROOT, "strace follows a process that made itself undumpable only as root")
class FaultCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        prison = cell.Cell()
        prisoner = prison.spawn()
        assert prisoner.attack("E22-write-bad-fd") == "EBADF"
        cls.locked = snapshot(prisoner)
        prisoner.end()
        prison.close()
        cls.mounts = len(cell.read_text("/proc/self/mountinfo").splitlines())

    def spawn_and_check(self, prison, label):
        """One worker: it does not come about, or it is locked as it should be. True when it answered."""
        try:
            prisoner = prison.spawn()
        except (AssertionError, BrokenPipeError, ConnectionResetError) as end:
            # It gave up: nobody answers.
            self.assertTrue(isinstance(end, OSError) or "the zygote is gone" in str(end), label)
            return False
        try:
            answer = prisoner.attack("E22-write-bad-fd")
            if answer == "EBADF":
                self.assertEqual(snapshot(prisoner), self.locked, label)
                # Only the filter stops this one.
                self.assertEqual(prisoner.attack("B10-no-randomize"), "SIGSYS", label)
                return True
            self.assertRegex(answer, r"^(step \d|exit \d+|SIG[A-Z]+)$", label)
            return False
        finally:
            prisoner.end()

    def check_traces(self, label):
        self.assertEqual(len(cell.read_text("/proc/self/mountinfo").splitlines()), self.mounts, label)


class Start(FaultCase):
    """The zygote, from its first call to its first worker."""

    def record(self):
        with tempfile.NamedTemporaryFile("r") as trace:
            prison = FaultCell(trace=trace.name)
            zygote = prison.process.pid
            prison.close()
            return occurrences(recorded(trace.name, zygote, "exit_group"))

    def test_each_call(self):
        calls = [call for call in self.record() if call[0] not in MEMORY | HARMLESS]
        self.assertGreater(len(calls), 60)
        refused, unharmed = [], []
        for call in calls:
            label = f"{call[0]} for the {call[1]}. time"
            with self.subTest(label):
                try:
                    prison = FaultCell(call)
                except AssertionError as refusal:
                    refused.append((call, str(refusal)))
                    self.check_traces(label)
                    continue
                self.addCleanup(prison.close)
                self.spawn_and_check(prison, label)
                unharmed.append(call)
                prison.close()
                self.check_traces(label)
        # Each layer's own calls must be among those that a zygote does not start without.
        names = {call[0] for call, _ in refused}
        self.assertLessEqual({"unshare", "mount", "pivot_root", "umount2", "chroot", "prctl", "capset", "landlock_create_ruleset"}, names)

    def test_words_name_the_layer(self):
        for name, words in (("unshare", "namespaces"), ("pivot_root", "empty root"), ("landlock_create_ruleset", "Landlock")):
            with self.subTest(name):
                with self.assertRaisesRegex(AssertionError, words):
                    FaultCell((name, 1)).close()


class Lockdown(FaultCase):
    """A worker, from its first call to its first answer. strace joins a zygote that stands already, so that only calls after
    that are counted."""

    def attach(self, prison, *options):
        # The zygote waits for work: strace says so when it is there.
        tracer = subprocess.Popen(["strace", "-f", *options, "-p", str(prison.process.pid)], stderr=subprocess.PIPE, text=True)
        self.assertIn("attached", tracer.stderr.readline())
        return tracer

    def end(self, tracer):
        tracer.terminate()
        tracer.wait(10)
        tracer.stderr.close()

    def record(self):
        with tempfile.NamedTemporaryFile("r") as trace:
            prison = cell.Cell()
            tracer = self.attach(prison, "-o", trace.name)
            prisoner = prison.spawn()
            self.assertEqual(prisoner.attack("E22-write-bad-fd"), "EBADF")
            pid = prisoner.pid
            prisoner.end()
            self.end(tracer)
            prison.close()
            calls = recorded(trace.name, pid, "seccomp")
        # Until the filter is on; after that the worker is locked, and its calls are not the lock-down's any more.
        return occurrences(calls[:calls.index("seccomp") + 1])

    def test_each_call(self):
        calls = [call for call in self.record() if call[0] not in MEMORY | HARMLESS]
        self.assertGreater(len(calls), 25)
        refused = {}
        for call in calls:
            label = f"{call[0]} for the {call[1]}. time"
            with self.subTest(label):
                prison = cell.Cell()
                self.addCleanup(prison.close)
                tracer = self.attach(prison, "-o", "/dev/null", "-e", f"trace={call[0]}", "-e",
                                     f"inject={call[0]}:error={ERROR}:when={call[1]}")
                try:
                    answered = self.spawn_and_check(prison, label)
                finally:
                    self.end(tracer)
                if not answered:
                    refused.setdefault(call[0], 0)
                    refused[call[0]] += 1
                if prison.process.poll() is not None:
                    continue  # a fault in the zygote's own work ended it; the launcher starts another
                # The zygote outlives it and spawns again, properly.
                self.assertTrue(self.spawn_and_check(prison, label + ", afterwards"))
                self.assertEqual(prison.children(), [], label)
                prison.close()
                self.check_traces(label)
        wanted = {"close_range", "dup2", "prctl", "setresuid", "setresgid", "setgroups", "capset", "landlock_restrict_self", "seccomp"}
        self.assertLessEqual(wanted, set(refused))
        self.assertGreaterEqual(refused.get("prctl", 0), 4)
        self.assertGreaterEqual(refused.get("prlimit64", 0) + refused.get("setrlimit", 0), 12)

    def test_signals_between_the_steps(self):
        """B11: killed at each call, it never answers and nothing is left."""
        calls = [call for call in self.record() if call[0] in ("close_range", "prctl", "capset", "landlock_restrict_self", "seccomp")]
        self.assertGreaterEqual(len(calls), 8)
        for call in calls:
            with self.subTest(call=call):
                prison = cell.Cell()
                self.addCleanup(prison.close)
                tracer = self.attach(prison, "-o", "/dev/null", "-e", f"trace={call[0]}", "-e", f"inject={call[0]}:signal=SIGKILL:when={call[1]}")
                try:
                    prisoner = prison.spawn()
                    self.assertEqual(prisoner.attack("E22-write-bad-fd"), "SIGKILL")
                    prisoner.end()
                finally:
                    self.end(tracer)
                self.assertEqual(prison.children(), [])
                prison.close()


class OutOfMemory(FaultCase):
    """Memory fails once at each place: the process may end, it may not answer half locked."""

    def test_each_call(self):
        with tempfile.NamedTemporaryFile("r") as trace:
            prison = FaultCell(trace=trace.name)
            zygote = prison.process.pid
            prison.close()
            calls = [call for call in occurrences(recorded(trace.name, zygote, "exit_group")) if call[0] in ("mmap", "brk")]
        for call in calls[::3]:
            with self.subTest(call=call):
                try:
                    prison = FaultCell(call, error="ENOMEM")
                except (AssertionError, OSError):
                    continue
                self.addCleanup(prison.close)
                self.spawn_and_check(prison, str(call))
                prison.close()


if __name__ == "__main__":
    unittest.main()
