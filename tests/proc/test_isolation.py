"""`isolation: visitor`: each visitor's session has a process of its own, over a real gateway, zygote and locked workers."""
import json
import os
import shutil
import tempfile
import unittest

from calls_rig import RealRig

# A global that every call in the same process sees.
APP = """local ui = require "ui"
local calls = 0
return ui.blocks(function()
  local a, b = ui.textbox {}, ui.textbox {}
  ui.button { "Go" }:click { fn = function() calls = calls + 1; return tostring(calls) end, inputs = a, outputs = b, api_name = "count" }
  ui.button { "Dice" }:click { fn = function() return tostring(math.random(1 << 40)) end, inputs = a, outputs = b, api_name = "dice" }
  ui.button { "Die" }:click { fn = function() local t = {} while true do t[#t + 1] = ("x"):rep(1 << 20) .. #t end end, inputs = a,
    outputs = b, api_name = "die" }
end)
"""


class Isolation(unittest.TestCase):
    isolation = "visitor"

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="isolation-")
        for name, contents in (("app.lua", APP), ("README.md", f"---\ntitle: Own\nsdk: lua\nisolation: {cls.isolation}\n---\nOwn.\n")):
            with open(os.path.join(cls.folder, name), "w", encoding="utf-8") as file:
                file.write(contents)
        cls.rig = RealRig(cls.folder)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)
        cls.rig.stop()

    def call(self, name="count", session=None):
        body = {"data": [""], **({"session_hash": session} if session else {})}
        status, reply, _ = self.rig.post(f"/gradio_api/run/{name}", body)
        reply = json.loads(reply)
        return reply["data"][0] if status == 200 else (status, reply)


class PerVisitor(Isolation):
    def test_sessions_do_not_see_each_other(self):
        self.assertEqual([self.call(session="anna1"), self.call(session="anna1"), self.call(session="bert1")], ["1", "2", "1"])
        self.assertEqual(self.call(session="anna1"), "3")

    def test_a_call_without_a_session_is_alone(self):
        self.assertEqual([self.call(), self.call(), self.call()], ["1", "1", "1"])

    def test_a_visitor_harms_only_himself(self):
        self.assertEqual(self.call(session="anna2"), "1")
        status, reply = self.call("die", session="evil2")
        self.assertEqual(status, 500)
        self.assertIn("memory", json.dumps(reply))
        self.assertEqual(self.call(session="anna2"), "2")

    def test_each_process_has_its_own_luck(self):
        """Siblings of one zygote, of one release: their random numbers must not be each other's."""
        self.assertEqual(len({self.call("dice", session=f"luck{number}") for number in range(8)}), 8)

    def test_more_visitors_than_processes(self):
        """64 may be awake; the one who has rested longest makes room, and nobody is refused."""
        for number in range(70):
            self.assertEqual(self.call(session=f"crowd{number:03}"), "1")
        self.assertEqual(self.call(session="crowd069"), "2")
        self.assertEqual(self.call(session="crowd000"), "1", "it was put to sleep")


class PerDemo(Isolation):
    isolation = "demo"

    def test_everybody_shares_one_process(self):
        self.assertEqual([self.call(session="anna3"), self.call(session="bert3"), self.call()], ["1", "2", "3"])


del Isolation  # the others inherit from it; by itself it has no tests

if __name__ == "__main__":
    unittest.main()
