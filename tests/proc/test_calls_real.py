"""Calls through a real gateway, a real zygote and locked workers: what a demo's Lua does, good or bad, as visitors see it."""
import json
import os
import shutil
import tempfile
import threading
import time
import unittest

from calls_rig import RealRig

APP = r'''
local ui = require "ui"
local big = {}
return ui.blocks(function()
    local text, out, count = ui.textbox { label = "In" }, ui.textbox { label = "Out" }, ui.state { value = 0 }
    local function event(name, fn, more)
        local options = { fn = fn, inputs = text, outputs = out, api_name = name }
        for key, value in pairs(more or {}) do options[key] = value end
        ui.button { name }:click(options)
    end
    event("echo", function(t) return t end)
    event("steps", function(t)
        for i = 1, 3 do coroutine.yield(t .. (" again"):rep(i - 1)) end
        return "end"
    end)
    event("visit", function(t, n) return "visit " .. n + 1, n + 1 end, { inputs = { text, count }, outputs = { out, count } })
    event("nap", function(t) ui.sleep(tonumber(t)); return "slept" end)
    event("spin", function() while true do end end)
    event("hang", function() return string.find(("a"):rep(300000), ".-.-.-.-b") and "" or "" end)
    event("hoard", function() while true do big[#big + 1] = ("x"):rep(1 << 20) .. #big end end)
    event("mistake", function() local nothing; return nothing.field end)
    event("refuse", function() ui.error("Please enter a name.") end)
    event("talk", function(t)
        for i = 1, tonumber(t) do coroutine.yield(("%08d"):format(i) .. ("x"):rep(20000)) end
        return "end"
    end)
    local function helper(t) coroutine.yield(t) end
    event("helped", function(t) helper(t); return t end)
    local press, second = ui.button { "Press" }, ui.textbox { label = "Second" }
    event("pressed", function(a, b, c) return tostring(b) .. a .. c end, { inputs = { text, press, second } })
    event("shout", function(t)
        for i = 1, 3000 do ui.progress(i / 3000, ("p"):rep(400)) end
        local list = {}
        for i = 1, 2000 do list[i] = (i * 7919) % 2000 end
        table.sort(list, function(a, b) ui.progress(0.5, ("s"):rep(400)); return a < b end)
        return list[1] .. " " .. list[2000]
    end)
    event("patient", function() ui.sleep(30); return "never" end, { time_limit = 0.3 })
    event("print", function() for i = 1, 100000 do print("line " .. i) end; return "printed" end)
    event("say", function(t) ui.info("look"); ui.progress(0.5, "half"); print("said " .. t); return "told" end)
end)
'''


class Real(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="calls-real-")
        for name, contents in (("app.lua", APP), ("README.md", "---\ntitle: Real\nsdk: lua\n---\nReal.\n")):
            with open(os.path.join(cls.folder, name), "w", encoding="utf-8") as file:
                file.write(contents)
        cls.rig = RealRig(cls.folder)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)
        cls.rig.stop()

    def run_function(self, name, data, session=None):
        body = {"data": data, **({"session_hash": session} if session else {})}
        status, reply, _ = self.rig.post(f"/gradio_api/run/{name}", body)
        return status, json.loads(reply)

    def good(self, name, data, session=None):
        status, reply = self.run_function(name, data, session)
        self.assertEqual(status, 200, reply)
        return reply["data"]

    def bad(self, name, data):
        status, reply = self.run_function(name, data)
        self.assertEqual(status, 500, reply)
        return reply

    def number(self, name):
        config = json.loads(self.rig.get(self.rig.base + "/config")[1])
        return next(d["id"] for d in config["dependencies"] if d["api_name"] == name)

    def test_echo(self):
        self.assertEqual(self.good("echo", ["héllo 🎈"]), ["héllo 🎈"])

    def test_the_description_tells_generators(self):
        config = json.loads(self.rig.get(self.rig.base + "/config")[1])
        kinds = {d["api_name"]: d["types"]["generator"] for d in config["dependencies"]}
        self.assertEqual({name: kinds[name] for name in ("steps", "talk", "helped", "echo", "nap")},
                         {"steps": True, "talk": True, "helped": True, "echo": False, "nap": False})

    def test_buttons_among_inputs_do_not_move_values(self):
        for data in (["a", "b"], ["a", "Press", "b"], ["a", "b", None]):
            with self.subTest(data=data):
                self.assertEqual(self.good("pressed", data)[0][-2:], "ab")

    def test_values_between_calls(self):
        self.assertEqual([self.good("visit", ["x", None], "anna")[0] for _ in range(3)], ["visit 1", "visit 2", "visit 3"])
        self.assertEqual(self.good("visit", ["x", None], "bob")[0], "visit 1")

    def test_partial_results(self):
        self.rig.join(self.number("steps"), ["x"], "steps")
        stream = self.rig.stream("steps")
        messages = stream.until("process_completed")
        stream.close()
        frames = [m["output"]["data"] for m in messages if m["msg"] == "process_generating"]
        self.assertEqual(frames, [["x"], [[["append", [], " again"]]], [[["append", [], " again"]]]])
        self.assertEqual(messages[-1]["output"]["data"], ["end"])

    def test_handlers_wait_side_by_side(self):
        began, threads = time.time(), [threading.Thread(target=self.good, args=("nap", ["0.3"])) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertLess(time.time() - began, 1.0)

    def test_messages_and_progress(self):
        self.rig.join(self.number("say"), ["it"], "say")
        stream = self.rig.stream("say")
        messages = {m["msg"]: m for m in stream.until("process_completed")}
        stream.close()
        self.assertEqual(messages["log"]["log"], "look")
        self.assertEqual(messages["progress"]["progress_data"][0]["desc"], "half")
        deadline = time.time() + 3
        while time.time() < deadline and not [v for n, v in self.rig.store_seen if n == "log_append" and v["line"] == b"said it"]:
            time.sleep(0.02)
        self.assertTrue([v for n, v in self.rig.store_seen if n == "log_append" and v["line"] == b"said it"])

    def test_mistakes_and_refusals(self):
        self.assertIsNone(self.bad("mistake", ["x"])["error"])
        self.assertEqual(self.bad("refuse", ["x"])["error"], "Please enter a name.")

    def test_a_handler_that_computes_too_long_is_told(self):
        began = time.time()
        self.assertIsNone(self.bad("spin", ["x"])["error"])  # the author finds line and reason in the log
        self.assertGreater(time.time() - began, 0.8)
        self.assertEqual(self.good("echo", ["still"]), ["still"])

    def test_a_handler_that_cannot_be_told_is_killed(self):
        naps = []
        nap = threading.Thread(target=lambda: naps.append(self.run_function("nap", ["30"])))
        nap.start()
        time.sleep(0.2)
        self.assertIn("without a pause", self.bad("hang", ["x"])["error"])
        nap.join(5)
        self.assertIn("This demo stopped", naps[0][1]["error"])
        self.assertEqual(self.good("echo", ["again"]), ["again"])

    def test_memory_is_bounded(self):
        self.assertIn("memory", self.bad("hoard", ["x"])["error"])
        self.assertEqual(self.good("echo", ["again"]), ["again"])

    def test_a_visitor_who_does_not_read_suspends_the_handler(self):
        self.rig.join(self.number("talk"), ["2000"], "talk")
        stream = self.rig.stream("talk")
        time.sleep(1)
        self.assertEqual(self.good("echo", ["sibling"]), ["sibling"])
        messages = stream.until("process_completed")
        stream.close()
        self.assertEqual(messages[-1]["output"]["data"], ["end"])
        # what came while the visitor did not read was merged: newest wins, and far fewer than 40 MB were made meanwhile
        self.assertLessEqual(sum(m["msg"] == "process_generating" for m in messages), 2000)

    def test_cancelling_a_suspended_handler(self):
        _, body = self.rig.join(self.number("talk"), ["100000"], "gone")
        time.sleep(0.5)  # no stream at all: the session fills, then the handler waits for credit
        self.rig.post("/gradio_api/cancel", {"event_id": body["event_id"], "session_hash": "gone"})
        stream = self.rig.stream("gone")
        self.assertEqual(stream.until("process_completed")[-1]["title"], "Cancelled")
        stream.close()
        self.assertEqual(self.good("echo", ["free"]), ["free"])

    def test_progress_has_credit_too(self):
        """Much progress, also where Lua cannot suspend (a sort comparator): the handler ends all the same."""
        self.assertEqual(self.good("shout", ["x"]), ["0 1999"])

    def test_a_flood_of_lines_stops_in_the_worker(self):
        began = len(self.rig.store_seen)
        self.assertEqual(self.good("print", ["x"]), ["printed"])
        time.sleep(0.3)
        lines = [v["line"] for n, v in self.rig.store_seen[began:] if n == "log_append"]
        self.assertTrue(any(b"dropped" in line for line in lines))
        self.assertLess(len(lines), 1500)

    def test_a_function_s_own_limit(self):
        began = time.time()
        self.assertIn("longer than the 300 ms", self.bad("patient", ["x"])["error"])
        self.assertLess(time.time() - began, 3)

    def test_cancelling_what_computes(self):
        _, body = self.rig.join(self.number("spin"), ["x"], "spin")
        stream = self.rig.stream("spin")
        time.sleep(0.1)
        began = time.time()
        self.rig.post("/gradio_api/cancel", {"event_id": body["event_id"], "session_hash": "spin"})
        self.assertEqual(stream.until("process_completed")[-1]["title"], "Cancelled")
        self.assertEqual(self.good("echo", ["free"]), ["free"])
        self.assertLess(time.time() - began, 0.5)
        stream.close()

    def test_cancelling_what_waits(self):
        _, body = self.rig.join(self.number("nap"), ["30"], "nap")
        stream = self.rig.stream("nap")
        time.sleep(0.1)
        self.rig.post("/gradio_api/cancel", {"event_id": body["event_id"], "session_hash": "nap"})
        self.assertEqual(stream.until("process_completed")[-1]["title"], "Cancelled")
        stream.close()


class Many(unittest.TestCase):
    """More demos than may be awake: the least recently used one makes room, nobody is refused."""

    def test_more_demos_than_workers(self):
        folder = tempfile.mkdtemp(prefix="calls-many-")
        self.addCleanup(shutil.rmtree, folder)
        for name, contents in (("app.lua", APP), ("README.md", "---\ntitle: Many\n---\n")):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(contents)
        rig = RealRig(folder, env={"VITRINE_LIMIT_WORKERS": "30"}, demos=80)
        self.addCleanup(rig.stop)
        for turn in range(2):
            for demo in range(80):
                status, body, _ = rig.post("/gradio_api/run/echo", {"data": [f"{turn} {demo}"]}, demo=demo)
                self.assertEqual((status, json.loads(body)["data"]), (200, [f"{turn} {demo}"]), body)
        pid = rig.zygote_process.pid
        children = open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8").read().split()
        self.assertTrue(20 <= len(children) <= 30, len(children))
        stages = [values["stage"] for name, values in rig.store_seen if name == "demo_stage"]
        self.assertGreaterEqual(stages.count(b"SLEEPING"), 120)


if __name__ == "__main__":
    unittest.main()
