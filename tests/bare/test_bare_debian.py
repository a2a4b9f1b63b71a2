"""The two commands on bare Debian 12 and 13: a fresh debootstrap, the repository's files, nothing else. Slow; ops/test --long.

Needs root, debootstrap and the package mirrors of this machine's own apt and npm settings, which are copied inside."""
import glob
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
ENTER = os.path.join(ROOT, "tests", "bare", "enter")
READY_SECONDS = 900


def mirror():
    listing = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"],
                             capture_output=True, text=True, check=True).stdout.split()
    return next(address for address in listing if "security" not in address)


class Machine:
    """A root folder that stands for a machine just installed."""

    def __init__(self, suite):
        self.root = tempfile.mkdtemp(prefix=f"vitrine-{suite}-", dir=os.environ.get("TMPDIR", "/var/tmp"))
        os.chmod(self.root, 0o755)
        subprocess.run(["debootstrap", "--variant=minbase", suite, self.root, mirror()], check=True, stdout=subprocess.DEVNULL,
                       timeout=600)
        for pattern in ("/etc/resolv.conf", "/etc/hosts", "/etc/npmrc", "/etc/apt/apt.conf.d/*", "/usr/local/share/ca-certificates/*",
                        os.path.expanduser("~/.npmrc")):
            for path in glob.glob(pattern):
                inside = self.root + ("/root/.npmrc" if path.endswith("/.npmrc") else path)
                os.makedirs(os.path.dirname(inside), exist_ok=True)
                if not os.path.exists(inside) or path in ("/etc/resolv.conf", "/etc/hosts"):
                    shutil.copy(path, inside)
        self.copy_repository()

    def copy_repository(self):
        names = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, check=True).stdout.decode().split("\0")
        for name in filter(None, names):
            inside = os.path.join(self.root, "src", name)
            os.makedirs(os.path.dirname(inside), exist_ok=True)
            shutil.copy(os.path.join(ROOT, name), inside)

    def command(self, *words, **options):
        return subprocess.Popen([ENTER, self.root, *words], stdin=subprocess.DEVNULL, start_new_session=True, **options)

    def remove(self):
        shutil.rmtree(self.root, ignore_errors=True)


class Bare:
    suite = None

    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise unittest.SkipTest("debootstrap needs root")
        if not shutil.which("debootstrap"):
            raise unittest.SkipTest("debootstrap is not installed: ops/setup long")
        cls.machine = Machine(cls.suite)
        cls.addClassCleanup(cls.machine.remove)

    def start(self, log, *before):
        process = self.machine.command(*before, "/src/ops/up", "--port", self.port, stdout=log, stderr=log)
        began = time.monotonic()
        while True:
            with open(log.name, errors="replace") as text:
                words = text.read()
            if "Ctrl-C stops everything" in words:
                return process, words, time.monotonic() - began
            self.assertIsNone(process.poll(), words[-5000:])
            self.assertLess(time.monotonic() - began, READY_SECONDS, words[-5000:])
            time.sleep(0.1)

    def stop(self, process):
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(60)

    def test_up_twice(self):
        """From nothing to every example published; then again, at once and without a push."""
        with tempfile.NamedTemporaryFile("w") as log:
            process, words, seconds = self.start(log)
            self.addCleanup(self.stop, process)
            print(f"{self.suite}: first start {seconds:.0f} s")
            for address in re.findall(r"http://localhost:\d+/spaces/\S+", words):
                status = subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", address], capture_output=True, text=True)
                self.assertEqual("200", status.stdout, address)
            self.stop(process)
        with tempfile.NamedTemporaryFile("w") as log:
            process, words, seconds = self.start(log)
            self.addCleanup(self.stop, process)
            print(f"{self.suite}: second start {seconds:.1f} s")
            self.assertNotIn("publishing", words)
            self.assertLess(seconds, 5)
            self.stop(process)

    def test_user_with_sudo(self):
        """An ordinary account: packages through sudo, everything else, sandbox included, with its own rights."""
        prepare = ("apt-get update -qq && apt-get install -y -qq sudo && useradd --create-home ann && chown -R ann /src && "
                   "echo 'ann ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/ann")
        self.assertEqual(0, self.machine.command("sh", "-c", prepare, stdout=subprocess.DEVNULL).wait(300))
        with tempfile.NamedTemporaryFile("w") as log:
            process, words, seconds = self.start(log, "runuser", "-u", "ann", "--", "env", "HOME=/home/ann")
            self.addCleanup(self.stop, process)
            print(f"{self.suite}: start as an ordinary user {seconds:.0f} s")
            answer = subprocess.run(["curl", "-s", "-X", "POST", "-H", "Content-Type: application/json", "-d", '{"data": ["Ann", "English", 0]}',
                                     f"http://localhost:{self.port}/spaces/vitrine/greeter/-/gradio_api/run/greet"],
                                    capture_output=True, text=True)
            self.assertIn("Ann", answer.stdout)
            self.stop(process)

    def test_unit_tests(self):
        """The second command, for the part that needs no browser: compiles with this Debian's compiler and passes."""
        with tempfile.NamedTemporaryFile("w") as log:
            process = self.machine.command("/src/ops/test", "--unit", "--lua", stdout=log, stderr=log)
            self.addCleanup(lambda: process.poll() is None and os.killpg(process.pid, signal.SIGKILL))
            status = process.wait(2400)
            with open(log.name, errors="replace") as text:
                words = text.read()
            self.assertEqual(0, status, words[-5000:])
            self.assertRegex(words.rstrip().splitlines()[-1], r"^\d+ passed, 0 failed, 0 skipped$")


class Bookworm(Bare, unittest.TestCase):
    suite, port = "bookworm", "7912"


class Trixie(Bare, unittest.TestCase):
    suite, port = "trixie", "7913"


if __name__ == "__main__":
    unittest.main()
