"""A block of cells: the real gateway over the hostile worker's zygote, with a hostile demo (ann/rig) and an honest one
(ann/rig1) behind it. Store, launcher and inference backend are played."""
import json
import os
import tempfile
import threading
import time

import cell
import calls_rig
import wire
from calls_rig import RELEASES, ROLES, RealRig, describe, run_with_fds

APP = """local ui = require "ui"
return ui.blocks(function()
  local a, b = ui.textbox { label = "a" }, ui.textbox { label = "b" }
  ui.button { "Go" }:click { fn = function(text) return text end, inputs = a, outputs = b, api_name = "go" }
end)
"""
CANARY = "vitrine-canary-42"


def write_demo(folder, files):
    for name, text in files.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as out:
            out.write(text)
    return describe(folder)


class Block(RealRig):
    def __init__(self, env=None, zygote=cell.HOSTILE, app=APP, demos=2, off=""):
        self.zygote_binary, self.off = zygote, off
        self.bundles = []
        for mark in ({"hostile": "", "app.lua": app}, {}):
            with tempfile.TemporaryDirectory() as folder:
                self.bundles.append(write_demo(folder, {"app.lua": APP, "README.md": "---\ntitle: t\nshow_error: true\n---\n", **mark}))
        # The gateway knows a secret; no worker may ever see it.
        super().__init__(None, {"secret": CANARY}, {"VITRINE_SECRET": CANARY, **(env or {})}, demos=demos)

    def publish(self, functions, **more):
        self.release_bytes = {self.release: self.bundles[0], self.release + RELEASES: self.bundles[1]}

    def store_bundle_open(self, channel, values, _):
        with tempfile.TemporaryFile() as file:
            file.write(self.release_bytes[values["release_id"]])
            file.flush()
            with open(f"/proc/self/fd/{file.fileno()}", "rb") as reader:
                channel.send("bundle_opened", {"request": values["request"], "release_id": values["release_id"]}, fds=[reader.fileno()])

    def real_zygote(self, end):
        ours, theirs = wire.pair()
        self.zygote_log = tempfile.TemporaryFile()
        self.zygote_process = run_with_fds([self.zygote_binary, "zygote"], [theirs], env={"VITRINE_HOSTILE_OFF": self.off}, stdout=self.zygote_log, stderr=self.zygote_log)
        theirs.close()
        self.zygote = wire.Channel(ours)
        self.zygote.send("launcher_config", {"key": "worker_uid_base", "value": str(cell.UID_BASE + 8192)})
        self.zygote.send("launcher_peer", {"role": ROLES["gateway"]}, fds=[end.fileno()])
        end.close()
        self.zygote.send("launcher_start")
        assert self.zygote.receive()[0] == "child_ready"
        return True

    def stop(self):
        super().stop()
        self.zygote_log.close()

    def attack(self, name, timeout=60):
        """The gateway's answer to a call that becomes this attack: the demo's value, or the error's sentence."""
        status, body, _ = self.call(name, 0, timeout)
        answer = json.loads(body)
        return answer["data"][0] if status == 200 else answer["error"]

    def call(self, text, demo, timeout=20):
        connection = calls_rig.http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        body = json.dumps({"data": [text]})
        connection.request("POST", f"/spaces/ann/{self.name_of(demo)}/-/gradio_api/run/go", body,
                           {"Host": f"localhost:{self.port}", "Content-Type": "application/json"})
        reply = connection.getresponse()
        data = reply.read()
        connection.close()
        return reply.status, data, reply.headers

    def honest(self, demo=1):
        """Milliseconds that the honest demo's answer took; it must be the right one."""
        began = time.monotonic()
        status, body, _ = self.call("hello", demo)
        assert status == 200 and json.loads(body)["data"] == ["hello"], (status, body)
        return (time.monotonic() - began) * 1000

    def children(self):
        pid = self.zygote_process.pid
        return set(cell.read_text(f"/proc/{pid}/task/{pid}/children").split())

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def log_text(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")


class Town(Block):
    """Many demos: the last is the honest one, the others have the same app.lua, a process each."""

    def __init__(self, neighbours, app, env=None):
        self.neighbours = neighbours
        super().__init__(env, os.path.join(cell.BIN, "vitrine-worker"), app, demos=neighbours + 1)

    def publish(self, functions, **more):
        self.release_bytes = {self.release + number * RELEASES: self.bundles[number == self.neighbours] for number in range(self.neighbours + 1)}

    def honest(self):
        return super().honest(self.neighbours)


class Beside:
    """Calls the honest demo all the time while the body runs; `slowest` is what its slowest answer took, in ms."""

    def __init__(self, block):
        self.block, self.stop, self.times, self.error = block, threading.Event(), [], None

    def __enter__(self):
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
        return self

    def run(self):
        while not self.stop.is_set():
            try:
                self.times.append(self.block.honest())
            except (AssertionError, OSError) as error:
                self.error = error
                return
            time.sleep(0.01)

    def __exit__(self, *exception):
        self.stop.set()
        self.thread.join()
        if self.error:
            raise AssertionError(f"the honest demo did not answer: {self.error!r}")

    @property
    def slowest(self):
        return max(self.times, default=0)
