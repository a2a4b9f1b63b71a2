"""Rows that a demo's author would try in Lua (attacks.lua), through describe program, gateway, zygote and locked worker as shipped.
Each ends as said here and nowhere else: with a value, an error that the visitor can read, or the end of that one process."""
import os
import re
import unittest

import block
import cell

LOOP = r"app\.lua:\d+: computed for more than 200 ms without a pause"
KILLED = r"^This demo stopped: a function computed for too long without a pause\.$"
MEMORY = r"^This demo stopped: it used more memory than a demo may have\.$"

OUTCOMES = {
    "A13_package": "^nilnil$", "A13_debug": "^nilnilnil$", "A13_io": "^nilnilnil$", "A13_open": "^nilnil$", "A13_write": "^nil$",
    "A13_require": "^false", "G1_plain": LOOP, "G1_coroutine": LOOP, "G1_pcall": LOOP, "G1_gc": KILLED, "G1_close": LOOP,
    "G1_sort": LOOP, "G1_index": LOOP, "G1_xpcall": f"{LOOP}|{KILLED}", "G1_tostring": LOOP, "G1_goto": LOOP,
    "G2_rep": "too long here", "G2_rep_long": "too long here", "G2_move": "more than 10000000", "G2_insert": "more than 10000000",
    "G2_remove": "more than 10000000", "G2_concat": "more than 10000000", "G2_unpack": "more than 10000000|too many results",
    "G2_sort": "more than 10000000", "G2_utf8": ".",
    "G3_star": f"{KILLED}|too complex|{LOOP}", "G3_minus": f"{KILLED}|too complex|{LOOP}", "G3_balance": f"{KILLED}|too complex|{LOOP}",
    "G3_gmatch": f"{KILLED}|too complex|{LOOP}|^done$", "G3_gsub": f"{MEMORY}|{LOOP}|{KILLED}|too",
    "G5_array": f"{MEMORY}|{LOOP}", "G5_hash": f"{MEMORY}|{LOOP}", "G5_string": f"{MEMORY}|too large", "G5_coroutines": f"{MEMORY}|{LOOP}",
    "G5_closures": f"{MEMORY}|{LOOP}", "G5_chain": "chain too long", "G5_buffer": f"{MEMORY}|{LOOP}",
    "G6_lua": f"stack overflow|{MEMORY}", "G6_gsub": "stack overflow", "G6_pcall": "^(true|false)", "G6_meta": "stack overflow",
    "G6_tostring": "stack overflow", "G6_coroutine": "stack overflow", "G6_tail": LOOP, "G6_sort": "stack overflow|invalid order",
    "G7_parentheses": "^nil$", "G7_blocks": "^nil$", "G7_concats": "^(nil|function)", "G7_locals": "^nil$", "G7_long": "load takes at most",
    "G7_constants": "^true$", "G9_print": LOOP, "G9_answer": "too|large|MiB|more than", "G10_sleep": "took longer than",
    "G10_ping_pong": "took longer than|processor time", "G18_time": LOOP, "G18_seed": LOOP,
    "H9_cycle": "cycle|itself|nested|deep", "H9_function": "function", "H9_meta": ".", "H9_keys": ".", "H9_nan": ".", "H9_deep": "nested|deep|too",
    "H9_bytes": ".", "I1_bytecode": "attempt to load a binary chunk", "I1_mode": "attempt to load a binary chunk", "I1_reader": "^false",
    "I1_dump": "^nil$", "I2_close_chain": ".", "I3_env_chain": ".", "I5_collect": "^falsefalse$", "I6_gc_error": "^alive$",
    "I6_gc_yield": "^alive$", "I6_gc_resurrect": "^alive$", "I7_env": "^(function|nil)$", "I7_registers": "^(true|false)$",
    "I9_tostring": "must return a string", "I9_format": "^false", "I9_pack": "^falsefalse$", "I9_huge": "^false$", "I10_string": "^falsefalse$",
    "I11_globals": "^changed$", "I13_object": ".", "I13_nil": ".", "I13_long": "^.{1,70000}$", "I14_warn": "^nil$", "I15_os": "^(nil){5}$",
    "I15_date": "^false", "I17_collisions": f"^done$|{LOOP}|{MEMORY}", "J3_addresses": r"^(?!.*0x).*$", "J3_pointer": "^false",
    "K5_model": "model", "K5_address": "model", "K2_not_granted": "model",
}
# What these change stays in their demo's process, which is its own harm.
LASTING = ["I11_globals", "I6_gc_error", "I6_gc_yield", "I6_gc_resurrect", "G1_gc"]
LIMITS = {"VITRINE_LIMIT_WORKER_SLICE_MS": "200", "VITRINE_LIMIT_WORKER_EVENT_CPU_MS": "5000", "VITRINE_LIMIT_WORKER_EVENT_MS": "8000"}


class LuaBlock(block.Block):
    """The zygote is the product's own; the first demo is attacks.lua."""

    def __init__(self):
        super().__init__(LIMITS, os.path.join(cell.BIN, "vitrine-worker"), cell.read_text(os.path.join(cell.HERE, "attacks.lua")))

    def renew(self):
        """The next attempt gets a fresh process. Where the machine is slow, the loop may be stopped before memory is full."""
        ended = any(re.search(MEMORY, str(self.attack("G5_buffer", timeout=100))) for _ in range(20))
        assert ended, "the process survived twenty attempts to fill its memory"


class Attempts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.block = LuaBlock()

    @classmethod
    def tearDownClass(cls):
        cls.block.stop()

    def check(self, name):
        with block.Beside(self.block) as beside:
            answer = str(self.block.attack(name, timeout=100))
        self.assertRegex(answer, re.compile(OUTCOMES[name], re.S))
        self.assertNotRegex(answer, "crashed|does not allow|rules of its sandbox")
        self.assertGreater(len(beside.times), 0)
        if name in LASTING or name == "G5_buffer":
            self.block.renew()


def add(name):
    setattr(Attempts, "test_" + name, lambda self: self.check(name))


for each in OUTCOMES:
    add(each)


class Presence(unittest.TestCase):
    def test_every_attempt_has_an_outcome(self):
        names = set(re.findall(r"^  ([A-Z]\d+_\w+) = ", cell.read_text(os.path.join(cell.HERE, "attacks.lua")), re.M))
        self.assertEqual(names, set(OUTCOMES))


if __name__ == "__main__":
    unittest.main()
