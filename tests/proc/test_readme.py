"""README.md is run as it stands: its commands are taken out of the text, with nothing changed but the port, the data folder and
the home folder, and do what the text around them says."""
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.environ.get("VITRINE_BIN", os.path.join(ROOT, "build", "release", "bin"))
VITRINE = os.path.join(BIN, "vitrine")
READY_SECONDS = 20


def readme():
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as text:
        return text.read()


def blocks(heading):
    """The fenced blocks below a heading: [(language, text)]."""
    section = readme().split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"^```(\w*)\n(.*?)^```$", section, re.M | re.S)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


class Readme(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # Below /var/tmp and open to all: started as root, the services run as an account of their own.
        cls.home = tempfile.mkdtemp(prefix="vitrine-readme-", dir="/var/tmp")
        cls.addClassCleanup(shutil.rmtree, cls.home, ignore_errors=True)
        os.chmod(cls.home, 0o755)
        cls.port, cls.data = free_port(), os.path.join(cls.home, ".local/share/vitrine")
        os.makedirs(os.path.dirname(cls.data))
        log = open(os.path.join(cls.home, "log"), "wb")
        cls.addClassCleanup(log.close)
        cls.serve = subprocess.Popen([VITRINE, "serve", "--data", cls.data, "--port", str(cls.port)], stdout=log, stderr=log)
        cls.addClassCleanup(cls.end)
        until = time.monotonic() + READY_SECONDS
        while not cls.answers("/readyz"):
            if time.monotonic() > until or cls.serve.poll() is not None:
                with open(os.path.join(cls.home, "log"), errors="replace") as words:
                    raise AssertionError(words.read()[-3000:])
            time.sleep(0.05)
        subprocess.run([VITRINE, "user", "add", "vitrine", "--admin", "--data", cls.data], check=True, capture_output=True)  # as ops/up does

    @classmethod
    def end(cls):
        cls.serve.send_signal(signal.SIGINT)
        cls.serve.wait(20)

    @classmethod
    def answers(cls, path):
        try:
            with urllib.request.urlopen(f"http://localhost:{cls.port}{path}", timeout=5) as answer:
                return answer.read().decode()
        except OSError:
            return None

    def adapted(self, text):
        return (text.replace("localhost:7860", f"localhost:{self.port}").replace("build/release/bin/vitrine", VITRINE)
                .replace("~/", self.home + "/"))

    def test_1_publish_in_five_lines(self):
        language, commands = blocks("Publish your own demo")[0]
        self.assertEqual("", language)
        self.assertEqual(5, len(commands.strip().splitlines()))
        # Who types the token, here: git asks a program, which reads what the first line printed.
        ask = os.path.join(self.home, "ask")
        with open(ask, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\ngrep -o 'hf_[A-Za-z0-9]*' \"$HOME/said\" | head -n 1\n")
        os.chmod(ask, 0o755)
        env = {"PATH": os.environ["PATH"], "HOME": self.home, "GIT_ASKPASS": ask, "GIT_CONFIG_NOSYSTEM": "1", "LANG": "C.UTF-8",
               "GIT_AUTHOR_NAME": "Ann", "GIT_AUTHOR_EMAIL": "ann@example.org", "GIT_COMMITTER_NAME": "Ann", "GIT_COMMITTER_EMAIL": "ann@example.org"}
        with open(os.path.join(self.home, "said"), "wb") as said:
            status = subprocess.run(["bash", "-e"], input=self.adapted(commands).encode(), stdout=said, stderr=said, cwd=ROOT, env=env,
                                    timeout=120).returncode
        with open(os.path.join(self.home, "said"), encoding="utf-8") as said:
            words = said.read()
        self.assertEqual(0, status, words)
        self.assertIn("vitrine/hello", "".join(line for line in words.splitlines() if line.startswith("remote:")), words)
        self.assertIn("Hello", self.answers("/spaces/vitrine/hello") or "no page")

    def test_2_call_it_with_the_unmodified_client(self):
        language, script = blocks("Publish your own demo")[1]
        self.assertEqual("js", language)
        modules = os.path.join(ROOT, "ops", "npm", "test", "node_modules")
        os.symlink(modules, os.path.join(self.home, "node_modules"))
        path = os.path.join(self.home, "call.mjs")
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.adapted(script) + "process.exit(0);\n")
        done = subprocess.run(["node", path], capture_output=True, text=True, timeout=60)
        self.assertEqual("[ 'Hello, Ann' ]", done.stdout.strip(), done.stderr)

    def test_3_embed_script_is_there(self):
        address = re.search(r'<script type="module" src="http://localhost:7860([^"]+)"', readme()).group(1)
        self.assertIn("vitrine-demo", self.answers(address) or "nothing")

    def test_4_check_says_where(self):
        folder = os.path.join(self.home, "hello")
        good = subprocess.run([VITRINE, "check", folder], capture_output=True, text=True, timeout=30)
        self.assertEqual(0, good.returncode, good.stdout + good.stderr)
        with open(os.path.join(folder, "app.lua"), "a", encoding="utf-8") as file:
            file.write("\nlocal = 1\n")
        bad = subprocess.run([VITRINE, "check", folder], capture_output=True, text=True, timeout=30)
        self.assertNotEqual(0, bad.returncode)
        self.assertRegex(bad.stdout + bad.stderr, r"app\.lua:\d+")

    def test_5_every_example_is_named(self):
        for name in os.listdir(os.path.join(ROOT, "examples")):
            self.assertIn(f"`{name}`", readme())

    def test_6_every_help_that_is_promised(self):
        for words in (["serve", "--help"], ["user", "--help"], ["token", "--help"], ["status", "--help"]):
            done = subprocess.run([VITRINE, *words], capture_output=True, text=True, timeout=10)
            self.assertIn("usage:", done.stdout + done.stderr, words)


if __name__ == "__main__":
    unittest.main()
