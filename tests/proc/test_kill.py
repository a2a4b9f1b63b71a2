"""kill -9 in the middle of traffic: many callers at once, all kinds of calls, and each process of the platform killed in turn.

What must hold: no caller hangs, every answer is the right one or a sentence that says what happened (only the gateway's own
death may break a connection), what another process held awake stays awake, and values of sessions are there afterwards."""
import http.client
import json
import os
import shutil
import signal
import subprocess
import threading
import time
import unittest
import unittest.mock

from test_platform import ROOT, Platform, eventually

APP = """local ui, ai = require "ui", require "ai"
local model = ai.model("ann/cnn")
return ui.blocks(function()
  local a, b, n = ui.textbox { label = "In" }, ui.textbox { label = "Out" }, ui.state { value = 0 }
  local function event(name, fn, more)
    local options = { fn = fn, inputs = a, outputs = b, api_name = name }
    for key, value in pairs(more or {}) do options[key] = value end
    ui.button { name }:click(options)
  end
  event("greet", function(t) return "Hello " .. t end)
  event("nap", function(t) ui.sleep(0.15); return "Hello " .. t end)
  event("steps", function(t) for i = 1, 5 do ui.sleep(0.02); coroutine.yield(tostring(i)) end; return "Hello " .. t end)
  event("count", function(t, n) return "Hello " .. t .. " " .. n + 1, n + 1 end, { inputs = { a, n }, outputs = { b, n } })
  event("model", function(t) return "Hello " .. t .. " " .. #model:describe().inputs end)
end)
"""
HANG_S = 12


class Caller(threading.Thread):
    """One visitor who calls again and again, and notes what came back."""

    def __init__(self, port, number, kind):
        super().__init__(daemon=True)
        self.port, self.kind, self.session = port, kind, f"visitor{number}"
        self.stop, self.answers, self.count, self.busy_since = False, [], 0, 0

    def request(self, method, path, body=None):
        connection = http.client.HTTPConnection("localhost", self.port, timeout=HANG_S)
        try:
            connection.request(method, f"/spaces/ann/{self.demo}/-/gradio_api/{path}", body and json.dumps(body),
                               {"Content-Type": "application/json"})
            reply = connection.getresponse()
            return reply.status, reply.read().decode()
        finally:
            connection.close()

    demo = "demo"

    def call(self):
        """(status, text) of one call: by /run, or for "steps" by the event stream of the curl API."""
        data = [self.session] + ([None] if self.kind == "count" else [])
        if self.kind != "steps":
            return self.request("POST", "run/" + self.kind, {"data": data, "session_hash": self.session})
        status, text = self.request("POST", "call/steps", {"data": data})
        if status != 200:
            return status, text
        status, text = self.request("GET", "call/steps/" + json.loads(text)["event_id"])
        last = text.strip().rpartition("event: ")[2]
        if last.startswith("complete"):
            return 200, json.dumps({"data": json.loads(last.partition("data: ")[2])})
        return 500, last.partition("data: ")[2]

    def run(self):
        while not self.stop:
            self.busy_since = time.monotonic()
            try:
                status, text = self.call()
            except TimeoutError:
                status, text = "hung", f"no answer in {HANG_S} s"
            except (OSError, http.client.HTTPException) as error:
                status, text = "broken", repr(error)
            self.answers.append((time.monotonic(), status, text))
            time.sleep(0.005 if status == 200 else 0.05)  # a person reads the sentence first

    def good_since(self, moment):
        return any(at > moment and status == 200 for at, status, _ in self.answers)

    def problems(self, broken_is_fine):
        """Answers that nobody should get."""
        for _, status, text in self.answers:
            if status == 200:
                if not json.loads(text)["data"][0].startswith(f"Hello {self.session}"):
                    yield f"{self.kind}: wrong answer {text}"
            elif status == "broken":
                if not broken_is_fine:
                    yield f"{self.kind}: {text}"
            elif status == "hung" or not self.sentence(text):
                yield f"{self.kind}: {status} {text!r}"

    @staticmethod
    def sentence(text):
        try:
            said = json.loads(text)
        except ValueError:
            return text.count(" ") > 2 and "<" not in text
        said = said.get("error") or said.get("detail") if isinstance(said, dict) else said
        return isinstance(said, str) and said.count(" ") > 2


class Kill(Platform):
    kinds = ["greet", "nap", "steps", "count", "model"]

    def start(self):
        with unittest.mock.patch.dict(os.environ, {"VITRINE_LIMIT_REQUESTS_PER_SECOND": "100000",
                                                   "VITRINE_LIMIT_JOINS_PER_SECOND": "100000"}):
            super().start()  # all callers have one address

    def setUp(self):
        super().setUp()
        model = os.path.join(ROOT, "examples/digits/model")
        folder = os.path.join(self.folder, "push-cnn")
        shutil.copytree(model, folder)
        subprocess.run(["git", "init", "-q", "-b", "main", folder], check=True)
        git = ["git", "-C", folder, "-c", "user.name=a", "-c", "user.email=a@example.org"]
        subprocess.run([*git, "add", "-A"], check=True)
        subprocess.run([*git, "commit", "-qm", "x"], check=True)
        pushed = subprocess.run([*git, "push", f"http://ann:{self.token}@localhost:{self.port}/ann/cnn", "main"],
                                capture_output=True, text=True, timeout=90)
        self.assertEqual(pushed.returncode, 0, pushed.stderr + self.log_tail())
        for name in ("demo", "other"):
            code, text = self.push({"app.lua": APP, "README.md": "---\ntitle: Demo\n---\n"}, name)
            self.assertEqual(code, 0, text + self.log_tail())

    def begin(self, each=4):
        callers = []
        for number in range(each * len(self.kinds)):
            caller = Caller(self.port, number, self.kinds[number % len(self.kinds)])
            caller.demo = ("demo", "other")[number // len(self.kinds) % 2]
            callers.append(caller)
            caller.start()
        self.addCleanup(lambda: [setattr(caller, "stop", True) for caller in callers])
        eventually(self, "a first answer for everybody", lambda: all(caller.good_since(0) for caller in callers))
        return callers

    def end(self, callers, broken_is_fine=False):
        for caller in callers:
            caller.stop = True
        for caller in callers:
            caller.join(HANG_S + 3)
            self.assertFalse(caller.is_alive(), f"{caller.kind} hangs\n{self.log_tail()}")
        problems = [problem for caller in callers for problem in caller.problems(broken_is_fine)]
        self.assertEqual(problems[:5], [], f"{len(problems)} of {sum(len(c.answers) for c in callers)} answers\n{self.log_tail()}")

    def workers(self):
        zygote = self.processes()["zygote"]["pid"]
        return {int(pid) for pid in open(f"/proc/{zygote}/task/{zygote}/children", encoding="utf-8").read().split()}

    def workers_of_demos(self):
        """The two that run the demos: those of the pool have used no processor time."""
        def busy():
            ticks = {pid: self.ticks(pid) for pid in self.workers()}
            found = {pid for pid, used in ticks.items() if used > 2}
            return found if len(found) == 2 else None
        return eventually(self, "a worker at work for each demo", busy)

    @staticmethod
    def ticks(pid):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
                return sum(map(int, stat.read().rsplit(")", 1)[1].split()[11:13]))
        except OSError:
            return 0

    def counts(self, callers):
        """The last value of each counting visitor."""
        return {caller.session: int(json.loads(next(text for _, status, text in reversed(caller.answers) if status == 200))
                                    ["data"][0].rsplit(" ", 1)[1]) for caller in callers if caller.kind == "count"}

    def kill_and_recover(self, pid, callers):
        os.kill(pid, signal.SIGKILL)
        killed = time.monotonic()
        eventually(self, "good answers for everybody again", lambda: all(c.good_since(killed + 0.3) for c in callers))
        return killed

    def test_a_worker(self):
        callers = self.begin()
        for _ in range(3):
            victims = self.workers_of_demos()
            self.kill_and_recover(sorted(victims)[0], callers)
        self.end(callers)
        told = {text for caller in callers for _, status, text in caller.answers if status != 200}
        self.assertTrue(any("This demo stopped" in text for text in told), told)
        for caller in callers:
            if caller.kind == "count":  # what was answered was kept
                seen = [int(json.loads(text)["data"][0].rsplit(" ", 1)[1]) for _, status, text in caller.answers if status == 200]
                self.assertEqual(seen, sorted(set(seen)))

    def test_inference(self):
        callers = self.begin()
        workers = self.workers_of_demos()
        self.kill_and_recover(self.processes()["inference"]["pid"], callers)
        self.end(callers)
        self.assertTrue(workers <= self.workers(), "workers must outlive the inference backend")
        others = [text for caller in callers if caller.kind != "model" for _, status, text in caller.answers if status != 200]
        self.assertEqual(others, [])  # nobody else noticed

    def test_store(self):
        callers = self.begin()
        workers = self.workers_of_demos()
        self.kill_and_recover(self.processes()["store"]["pid"], callers)
        eventually(self, "the store coming back", lambda: self.get("/readyz")[0] == 200)
        self.end(callers)
        self.assertTrue(workers <= self.workers(), "workers must outlive the store")
        awake = [text for caller in callers if caller.kind in ("greet", "nap", "steps", "count")
                 for _, status, text in caller.answers if status != 200]
        self.assertEqual(awake, [])  # demos that are awake need no store
        self.assertEqual(self.push({"app.lua": APP, "more.txt": "x"}, "other")[0], 0)

    def test_gateway(self):
        callers = self.begin()
        self.kill_and_recover(self.processes()["gateway"]["pid"], callers)
        self.end(callers, broken_is_fine=True)
        before = self.counts(callers)
        time.sleep(1.5)  # written behind at most a second later
        os.kill(self.processes()["gateway"]["pid"], signal.SIGKILL)
        eventually(self, "the gateway coming back", lambda: self.get("/readyz")[0] == 200)
        for caller in callers:
            if caller.kind == "count":
                status, text = caller.call()
                self.assertEqual((status, json.loads(text)["data"][0]),
                                 (200, f"Hello {caller.session} {before[caller.session] + 1}"))

    def test_zygote(self):
        callers = self.begin()
        self.kill_and_recover(self.processes()["zygote"]["pid"], callers)
        self.end(callers)


if __name__ == "__main__":
    unittest.main()
