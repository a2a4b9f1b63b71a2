"""The whole platform as `vitrine serve` starts it: a real push, a real call, and every process killed in turn."""
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.environ.get("VITRINE_BIN", os.path.join(ROOT, "build/release/bin"))
VITRINE = os.path.join(BIN, "vitrine")
DEADLINE_S = 20

APP = """local ui = require "ui"
return ui.blocks(function()
  local a, b = ui.textbox { label = "Name" }, ui.textbox { label = "Greeting" }
  ui.button { "Go" }:click { fn = function(name) return "Hello " .. name end, inputs = a, outputs = b, api_name = "greet" }
end)
"""


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def eventually(case, what, condition):
    until = time.monotonic() + DEADLINE_S
    while time.monotonic() < until:
        result = condition()
        if result:
            return result
        time.sleep(0.02)
    case.fail(f"{what} did not happen within {DEADLINE_S} s\n{case.log_tail()}")


class Platform(unittest.TestCase):
    def setUp(self):
        # Below /var/tmp, so that the services' own user can reach it.
        self.folder = tempfile.mkdtemp(dir="/var/tmp")
        os.chmod(self.folder, 0o755)
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.data, self.port, self.serve = os.path.join(self.folder, "data"), free_port(), None
        self.addCleanup(self.stop)  # also when setting up fails
        self.start()
        self.vitrine("user", "add", "ann")
        self.token = self.vitrine("token", "add", "ann", "--name", "test", "--role", "write").split()[0]

    def log_tail(self):
        with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as log:
            return log.read()[-3000:]

    def start(self):
        log = open(os.path.join(self.folder, "log"), "ab")
        self.serve = subprocess.Popen([VITRINE, "serve", "--data", self.data, "--port", str(self.port)], stderr=log, stdout=log,
                                      env={**os.environ, "VITRINE_LOG": "text"})
        log.close()
        eventually(self, "getting ready", lambda: self.get("/readyz")[0] == 200)

    def stop(self):
        if self.serve and self.serve.poll() is None:
            self.serve.send_signal(signal.SIGINT)
            self.serve.wait(20)

    def vitrine(self, *arguments):
        result = subprocess.run([VITRINE, *arguments, "--data", self.data], capture_output=True, text=True, timeout=20)
        self.assertEqual(result.returncode, 0, result.stderr + self.log_tail())
        return result.stdout

    def get(self, path, body=None):
        request = urllib.request.Request(f"http://localhost:{self.port}{path}", data=None if body is None else json.dumps(body).encode(),
                                         headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def call(self, name="Bob"):
        return self.get("/spaces/ann/demo/-/gradio_api/run/greet", {"data": [name]})

    def answers(self):
        status, text = self.call()
        return status == 200 and json.loads(text)["data"] == ["Hello Bob"]

    def push(self, files, name="demo", remove=()):
        folder = os.path.join(self.folder, "push-" + name)
        git = ["git", "-C", folder, "-c", "user.name=a", "-c", "user.email=a@example.org"]
        if not os.path.exists(folder):
            subprocess.run(["git", "init", "-q", "-b", "main", folder], check=True)
        for path, text in files.items():
            full = os.path.join(folder, path)
            if isinstance(text, str):
                with open(full, "w", encoding="utf-8") as out:
                    out.write(text)
            elif not os.path.islink(full):
                os.symlink("/etc/passwd", full)
        for path in remove:
            os.unlink(os.path.join(folder, path))
        subprocess.run([*git, "add", "-A"], check=True)
        subprocess.run([*git, "commit", "-qm", "x"], check=True)
        result = subprocess.run([*git, "push", f"http://ann:{self.token}@localhost:{self.port}/spaces/ann/{name}", "main"],
                                capture_output=True, text=True, timeout=60)
        return result.returncode, result.stderr

    def publish(self):
        code, text = self.push({"app.lua": APP, "README.md": "---\ntitle: Demo\n---\n"})
        self.assertEqual(code, 0, text + self.log_tail())

    def processes(self):
        return {row["name"]: row for row in json.loads(self.vitrine("status", "--json"))["processes"]}

    def processes_now(self):
        """As processes(), but {} while the store, which answers, is away."""
        result = subprocess.run([VITRINE, "status", "--json", "--data", self.data], capture_output=True, text=True, timeout=20)
        return {row["name"]: row for row in json.loads(result.stdout)["processes"]} if result.returncode == 0 else {}

    def all_ready(self):
        rows = self.processes_now()
        return rows and all(row["ready"] for row in rows.values())

    def has_restarted(self, name, times):
        rows = self.processes_now()
        return rows and rows[name]["restarts"] == times


class Journey(Platform):
    def test_push_and_call(self):
        self.publish()
        self.assertEqual(self.call()[0], 200, self.log_tail())
        self.assertTrue(self.answers())

    def test_refusals_name_file_and_line_and_leave_the_old_release_live(self):
        self.publish()
        for files, expected in (({"app.lua": "local x =\n"}, "app.lua:"), ({"app.lua": "error('no')"}, "app.lua:1: no"),
                                ({"app.lua": APP, "README.md": "---\ntitle: [1]\n---\n"}, "README.md:2: title must be a text"),
                                ({"README.md": "", "link": 1}, "link"), ({"app.lua": "while true do end"}, "app.lua:1: computed for more")):
            with self.subTest(expected):
                code, text = self.push(files, remove=["link"] if os.path.islink(os.path.join(self.folder, "push-demo", "link")) else [])
                self.assertNotEqual(code, 0)
                self.assertIn("remote: ", text)
                self.assertIn(expected, text)
                self.assertTrue(self.answers())

    def test_wrong_tokens_do_not_push(self):
        right, self.token = self.token, "hf_" + "0" * 64
        self.assertNotEqual(self.push({"app.lua": APP})[0], 0)
        self.token = right
        self.assertEqual(self.get("/spaces/ann/demo")[0], 404)


class Survival(Platform):
    def test_every_process_can_be_killed(self):
        self.publish()
        for name in ("gateway", "store", "inference", "zygote"):
            with self.subTest(name):
                self.assertTrue(eventually(self, "an answer before", self.answers))
                eventually(self, "everybody being there", self.all_ready)
                before = self.processes()
                os.kill(before[name]["pid"], signal.SIGKILL)
                eventually(self, name + " coming back", lambda: self.get("/readyz")[0] == 200 and self.answers())
                eventually(self, name + " being counted", lambda: self.has_restarted(name, before[name]["restarts"] + 1))
                after = self.processes()
                for other in before:
                    if other != name:
                        self.assertEqual(after[other]["pid"], before[other]["pid"], f"{other} died with {name}")

    def test_stopping_leaves_nothing_and_starting_again_finds_everything(self):
        self.publish()
        self.assertTrue(self.answers())
        pids = [row["pid"] for row in self.processes().values()]
        self.stop()
        for pid in pids:
            self.assertFalse(os.path.exists(f"/proc/{pid}"), pid)
        mounts = open("/proc/self/mountinfo", encoding="utf-8").read()
        self.assertNotIn(self.folder, mounts)
        self.start()
        self.assertTrue(eventually(self, "an answer after the restart", self.answers))

    def workers(self):
        """The zygote's children once they are settled: the pool fills up after every start and every wake."""
        zygote, seen = self.processes()["zygote"]["pid"], []
        while len(seen) < 6 or len(set(seen[-6:])) > 1:
            with open(f"/proc/{zygote}/task/{zygote}/children", encoding="utf-8") as children:
                seen.append(children.read())
            time.sleep(0.1)
        return set(seen[-1].split())

    def test_a_page_view_starts_no_worker(self):
        self.publish()
        before = self.workers()
        for path in ("/spaces/ann/demo", "/spaces/ann/demo/-/", "/spaces/ann/demo/-/config", "/spaces/ann/demo/-/gradio_api/info", "/"):
            self.assertEqual(self.get(path)[0], 200, path)
        self.assertEqual(before, self.workers())
        self.assertTrue(self.answers())
        self.assertEqual(1, len(self.workers() - before), "the call's worker, or the one that takes its place in the pool")


if __name__ == "__main__":
    unittest.main()
