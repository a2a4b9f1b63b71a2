"""The two commands on bare Debian 12 and 13: a fresh debootstrap, the repository's files, nothing else. Slow; ops/test --long."""
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.request

from machine import AFTERWARDS, ROOT, machine_for

READY_SECONDS = 900
SECOND_START_SECONDS = 15  # 3 s is the aim, and what tests/proc/test_up.py asks for; this one may share its machine with a build
UNIT_SECONDS = 3000


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def ask(address, body=None, kind="application/json"):
    request = urllib.request.Request(address, data=body, headers={"Content-Type": kind} if body else {})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.status, answer.read().decode()


class Bare:
    suite = None

    @classmethod
    def setUpClass(cls):
        cls.machine = machine_for(cls, cls.suite)

    def setUp(self):
        self.port = free_port()
        self.site = f"http://localhost:{self.port}"

    def start(self, log, *before):
        process = self.machine.command(*before, "bash", "-c", AFTERWARDS, "afterwards", "/src/ops/up", "--port", str(self.port),
                                       stdout=log, stderr=log)
        began = time.monotonic()
        while True:
            words = self.words(log)
            if "Ctrl-C stops everything" in words:
                return process, words, time.monotonic() - began
            self.assertIsNone(process.poll(), words[-5000:])
            self.assertNotIn("ended with", words[-5000:])
            self.assertLess(time.monotonic() - began, READY_SECONDS, words[-5000:])
            time.sleep(0.05)

    def words(self, log):
        with open(log.name, errors="replace") as text:
            return text.read()

    def interrupt(self, process, log):
        """Ctrl-C: every process of the terminal's group gets the signal; nothing may be left when ops/up has ended."""
        os.killpg(process.pid, signal.SIGINT)
        process.wait(60)
        words = self.words(log)
        self.assertIn("ended with 130", words[-2000:])
        self.assertIn("nothing more", words[-2000:])
        self.assertEqual([], re.findall(r"^left .*", words, re.M))

    def end(self, process):
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def call_greeter(self):
        status, answer = ask(f"{self.site}/spaces/vitrine/greeter/-/gradio_api/run/greet", b'{"data": ["Ann", "English", 0]}')
        self.assertEqual((200, "Hello, Ann!"), (status, json.loads(answer)["data"][0]))

    def call_digits(self):
        """A drawing goes up, the model reads it: gateway, store, worker and inference backend of this Debian."""
        base = f"{self.site}/spaces/vitrine/digits/-/gradio_api"
        with open(os.path.join(ROOT, "examples", "digits", "three.png"), "rb") as drawing:
            part = b'--b\r\nContent-Disposition: form-data; name="files"; filename="three.png"\r\n\r\n' + drawing.read() + b"\r\n--b--\r\n"
        handle = json.loads(ask(base + "/upload", part, "multipart/form-data; boundary=b")[1])[0]
        file = {"path": handle, "meta": {"_type": "gradio.FileData"}}
        value = {"background": None, "composite": file, "id": None, "layers": []}
        answer = json.loads(ask(base + "/run/predict", json.dumps({"data": [value]}).encode())[1])
        self.assertEqual("3", answer["data"][0]["label"])

    def test_up_twice(self):
        """From nothing to every example published and used; then again, at once and without a push."""
        with tempfile.NamedTemporaryFile("w") as log:
            process, words, seconds = self.start(log)
            self.addCleanup(self.end, process)
            print(f"{self.suite}: first start {seconds:.0f} s")
            addresses = re.findall(r"http://localhost:\d+/(?:spaces/\S+)?$", words, re.M)
            self.assertGreaterEqual(len(addresses), 6, words[-2000:])
            for address in addresses:
                self.assertEqual(200, ask(address)[0], address)
            self.call_greeter()
            self.call_digits()
            self.interrupt(process, log)
        with tempfile.NamedTemporaryFile("w") as log:
            process, words, seconds = self.start(log)
            self.addCleanup(self.end, process)
            print(f"{self.suite}: second start {seconds:.1f} s")
            self.assertNotIn("publishing", words)
            self.assertLess(seconds, SECOND_START_SECONDS)
            self.call_digits()
            self.interrupt(process, log)

    def test_user_with_sudo(self):
        """An ordinary account: packages through sudo, everything else, sandbox included, with its own rights."""
        status, words = self.machine.run(
            "apt-get update -qq && apt-get install -y -qq sudo && useradd --create-home ann && chown -R ann /src && "
            "echo 'ann ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/ann", 600)
        self.assertEqual(0, status, words[-3000:])
        with tempfile.NamedTemporaryFile("w") as log:
            process, words, seconds = self.start(log, "runuser", "-u", "ann", "--", "env", "HOME=/home/ann")
            self.addCleanup(self.end, process)
            print(f"{self.suite}: start as an ordinary user {seconds:.0f} s")
            self.assertIn("started as an ordinary user", words)
            self.call_greeter()
            self.call_digits()
            self.interrupt(process, log)

    def test_unit_tests(self):
        """The second command, for the part that needs no browser: compiles with this Debian's compiler and passes."""
        status, words = self.machine.run("/src/ops/test --unit --lua", UNIT_SECONDS)
        self.assertEqual(0, status, words[-5000:])
        self.assertRegex(words.rstrip().splitlines()[-1], r"^\d+ passed, 0 failed, 0 skipped$")


class Bookworm(Bare, unittest.TestCase):
    suite = "bookworm"


class Trixie(Bare, unittest.TestCase):
    suite = "trixie"


if __name__ == "__main__":
    unittest.main()
