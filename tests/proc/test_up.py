"""ops/up as a stranger runs it: one command, everything published by real pushes; a second start finds everything in place;
Ctrl-C leaves nothing behind."""
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.request

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
DEMOS = ("card", "digits", "greeter", "mandelbrot", "ticker")
SECOND_START_SECONDS = 3


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Run:
    """One ops/up in a process group of its own, as a terminal gives it one."""

    def __init__(self, data, port, *options):
        self.log = tempfile.NamedTemporaryFile("r", suffix=".log")
        self.began = time.monotonic()
        with open(self.log.name, "w") as out:
            # A test that was started in the background ignores Ctrl-C, and so would all that it starts.
            self.process = subprocess.Popen([os.path.join(ROOT, "ops", "up"), "--data", data, "--port", str(port), *options],
                                            stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True,
                                            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))

    def text(self):
        self.log.seek(0)
        return self.log.read()

    def wait_ready(self, seconds):
        while "Ctrl-C stops everything" not in self.text():
            if self.process.poll() is not None:
                raise AssertionError(f"ops/up ended with status {self.process.returncode}:\n{self.text()}")
            if time.monotonic() - self.began > seconds:
                raise AssertionError(f"ops/up was not ready after {seconds} s:\n{self.text()}")
            time.sleep(0.02)
        return time.monotonic() - self.began

    def interrupt(self):
        """What Ctrl-C does: the signal goes to every process of the foreground group."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(30)

    def close(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self.log.close()


def get(address):
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


def processes_of(data):
    """Processes whose command line or environment names the data folder."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        for part in ("cmdline", "environ"):
            try:
                with open(f"/proc/{pid}/{part}", "rb") as file:
                    if data.encode() in file.read() and int(pid) != os.getpid():
                        found.append(int(pid))
            except OSError:
                pass
    return found


def cgroups_of(data):
    name = re.escape(os.path.basename(data))
    return [folder for folder, _, _ in os.walk("/sys/fs/cgroup") if re.search(rf"/vitrine[^/]*{name}", folder)]


class Up(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.mkdtemp(prefix="vitrine-up-")
        os.chmod(folder, 0o755)  # the services run as an account of their own, which must be able to get there
        cls.data = os.path.join(folder, "data")
        cls.port = free_port()
        cls.site = f"http://localhost:{cls.port}"
        cls.first = Run(cls.data, cls.port)
        cls.addClassCleanup(shutil.rmtree, os.path.dirname(cls.data), ignore_errors=True)
        cls.addClassCleanup(cls.first.close)
        cls.first.wait_ready(300)

    def test_1_prints_addresses_that_answer(self):
        text = self.first.text()
        self.assertIn(f"gallery        {self.site}/", text)
        self.assertEqual(200, get(self.site + "/")[0])
        for name in DEMOS:
            with self.subTest(name):
                address = f"{self.site}/spaces/vitrine/{name}"
                self.assertIn(address, text)
                self.assertEqual(200, get(address)[0])

    def test_2_published_each_example_by_a_push(self):
        for name in DEMOS:
            self.assertIn(f"publishing demo {name}", self.first.text())
        self.assertIn("publishing model digits", self.first.text())

    def test_3_head_on_the_server_is_the_commit_of_the_folder(self):
        for name in DEMOS:
            with self.subTest(name):
                clone = os.path.join(os.path.dirname(self.data), "clone-" + name)
                subprocess.run(["git", "clone", "-q", f"{self.site}/spaces/vitrine/{name}", clone], check=True, timeout=30)
                with open(os.path.join(ROOT, "examples", name, "README.md")) as ours, open(os.path.join(clone, "README.md")) as theirs:
                    self.assertEqual(ours.read(), theirs.read())

    def test_4_sign_in_link_works_once(self):
        link = re.search(r"sign in +(\S+)", self.first.text()).group(1)
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        with opener.open(link, timeout=10) as answer:
            self.assertEqual(200, answer.status)
            self.assertNotIn(link.rsplit("/", 1)[-1], answer.url)
        self.assertGreaterEqual(get(link)[0], 400)

    def test_5_no_token_in_the_log(self):
        self.assertNotRegex(self.first.text(), r"hf_[A-Za-z0-9]{8}")

    def test_6_interrupt_leaves_nothing_behind(self):
        self.assertNotEqual([], processes_of(self.data), "the server's processes are not recognised by this test")
        self.assertEqual(130, self.first.interrupt())
        self.assertEqual([], processes_of(self.data))
        with open("/proc/self/mounts") as mounts:
            self.assertNotIn(self.data, mounts.read())
        self.assertEqual([], cgroups_of(self.data))
        with self.assertRaises(OSError):
            socket.create_connection(("127.0.0.1", self.port), 1).close()

    def test_7_second_start_is_quick_and_pushes_nothing(self):
        again = Run(self.data, self.port)
        self.addCleanup(again.close)
        seconds = again.wait_ready(60)
        print(f"second start: {seconds:.2f} s")
        self.assertNotIn("publishing", again.text())
        self.assertEqual(200, get(f"{self.site}/spaces/vitrine/greeter")[0])
        self.assertLess(seconds, SECOND_START_SECONDS)
        self.assertEqual(130, again.interrupt())

    def test_8_terminate_ends_it_too(self):
        again = Run(self.data, self.port, "--no-examples")
        self.addCleanup(again.close)
        again.wait_ready(60)
        for name in DEMOS:
            self.assertNotIn("/spaces/vitrine/" + name, again.text())
        again.process.terminate()
        self.assertEqual(143, again.process.wait(30))
        self.assertEqual([], processes_of(self.data))


class Options(unittest.TestCase):
    def up(self, *arguments, **environment):
        return subprocess.run([os.path.join(ROOT, "ops", "up"), *arguments], capture_output=True, text=True, timeout=60,
                              env={**os.environ, **environment})

    def test_help(self):
        done = self.up("--help")
        self.assertEqual(0, done.returncode)
        for option in ("--data", "--port", "--host", "--no-examples", "VITRINE_DATA", "VITRINE_PORT", "VITRINE_HOST"):
            self.assertIn(option, done.stdout)

    def test_refuses_what_it_does_not_understand(self):
        for arguments, words in ((["--prot", "1"], "unknown option --prot"), (["--port"], "--port needs a value"),
                                 (["--port", "0"], "--port must be 1 to 65535"), (["--port=70000"], "--port must be 1 to 65535"),
                                 (["--host", "a b"], "--host must be")):
            with self.subTest(arguments):
                done = self.up(*arguments)
                self.assertEqual(1, done.returncode)
                self.assertIn(words, done.stderr)

    def test_environment_is_checked_like_options(self):
        done = self.up(VITRINE_PORT="many")
        self.assertEqual(1, done.returncode)
        self.assertIn("not 'many'", done.stderr)

    def test_port_that_is_taken(self):
        with socket.socket() as taken, tempfile.TemporaryDirectory() as data:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            done = self.up("--no-examples", "--data", data, "--port", str(taken.getsockname()[1]))
            self.assertNotEqual(0, done.returncode)
            self.assertIn(str(taken.getsockname()[1]), done.stderr)


if __name__ == "__main__":
    unittest.main()
