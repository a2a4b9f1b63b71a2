"""Rows H, F2, G1, G9, J2 and one of each other kind, behind the real gateway: what the visitor of the hostile demo hears, and
that the honest demo beside it answers all the while. After each attack nothing of it is left."""
import re
import time
import unittest

import block
import cell

RULES = r"^This demo stopped: it broke the rules of its sandbox\.$"
FILTER = r"^This demo stopped: it tried something that its sandbox does not allow\.$"
SLICE = r"^This demo stopped: a function computed for too long without a pause\.$"
SECRET = r"^This demo stopped: it computed without being asked to\.$"
CRASH = r"^This demo stopped: it crashed\.$"
ENDED = r"^This demo stopped: it ended by itself \(status \d+\)\.$"

# Short, so that a busy machine gets through all of them; the mechanism is the same.
LIMITS = {"VITRINE_LIMIT_WORKER_SLICE_MS": "200", "VITRINE_LIMIT_WORKER_EVENT_CPU_MS": "1000"}

OUTCOMES = {
    "H1-random": RULES, "H1-empty": r"^This demo stopped: it (ended by itself|was killed)", "H1-one-byte": RULES, "H1-half-header": RULES, "H1-too-large": RULES,
    "H1-length-zero": RULES, "H1-length-half": RULES, "H1-length-all": RULES, "H1-flags": RULES, "H1-type-none": RULES,
    "H1-type-unknown": RULES, "H1-fragments": RULES, "H1-beginnings": RULES,
    "H2-twice": "^once$", "H2-future": RULES, "H2-nothing": "^got$", "H2-huge-stream": RULES, "H2-ready-again": RULES,
    "H3-identity": "^{'demo': 'admin', 'owner': 'root', 'session': 'other'}$", "H3-state": RULES,
    "H6-exit": r"^This demo stopped: it (ended by itself|was killed)", "H6-close": FILTER, "H6-shutdown": FILTER, "H7-spawn": RULES, "H7-launcher": RULES,
    "H8-call-twice": RULES, "H8-read-unopened": "^got$", "H9-page": "^scribbled$", "H10-log": "^logged$",
    "G1-honest": SLICE, "G1-secret": SECRET, "G1-slices": "processor time", "G1-afterwards": "^done$",
    "F2-null-device": SECRET, "J2-secret": "^nothing$",
    # One of each kind of the attacks that test_native.py drives without a gateway.
    "A1-open": FILTER, "B1-fork": FILTER, "C1-kill-all": FILTER, "D1-gateway": FILTER, "E5-ring-setup": FILTER,
    "B15-divide": r"^This demo stopped: it ended by itself \(status 264\)\.$", "B15-jump": CRASH, "B15-stack": CRASH, "B15-abort": FILTER,
    "G14-fill": "^ENOMEM$",
}
# Floods: the gateway need not end them at once, but nobody else may feel them.
FLOODS = ["G9-logs", "G9-partials", "G9-frames"]


class GatewayCase(unittest.TestCase):
    """One gateway and zygote for all the tests of a class. A message about a call that is over (H2-nothing, and the second
    answer of H2-twice) is nobody's business and is ignored: the visitor may just have left."""

    @classmethod
    def setUpClass(cls):
        cls.block = block.Block(LIMITS)
        cls.block.honest()

    @classmethod
    def tearDownClass(cls):
        cls.block.stop()

    def settle(self):
        """The hostile demo's process ends: killed long ago, or now by ending its demo."""
        self.block.honest()


class Attacks(GatewayCase):
    def check(self, name):
        with block.Beside(self.block) as beside:
            answer = self.block.attack(f"{name}={self.block.port}", timeout=100)
        self.assertRegex(str(answer), OUTCOMES[name])
        self.assertGreater(len(beside.times), 0)


def add(name):
    setattr(Attacks, "test_" + name.replace("-", "_"), lambda self: self.check(name))


for each in OUTCOMES:
    add(each)


class Presence(unittest.TestCase):
    def test_every_session_attack_has_a_test(self):
        self.assertEqual(cell.SESSION_ATTACKS - set(OUTCOMES) - set(FLOODS) - {"H5-silence"}, set())


class Floods(GatewayCase):
    """G9: as fast as it can. The gateway reads a share of it, the honest demo's answers stay quick."""

    def test_floods(self):
        for name in FLOODS:
            with self.subTest(name):
                status, body, _ = self.block.post("/gradio_api/queue/join", {"data": [name], "fn_index": 1, "session_hash": name})
                self.assertEqual(status, 200, body)
                before = cell.read_text(f"/proc/{self.block.process.pid}/status")
                times = []
                for _ in range(100):
                    times.append(self.block.honest())
                    time.sleep(0.01)
                after = cell.read_text(f"/proc/{self.block.process.pid}/status")
                self.assertLess(sorted(times)[50], 100)
                grown = rss(after) - rss(before)
                self.assertLess(grown, 64 << 10, "the gateway's memory grows with the flood")


class Silence(GatewayCase):
    """H5: takes calls and never answers. The visitor may leave, and gets a fresh process then."""

    def test_a_visitor_who_leaves_is_not_held(self):
        with self.assertRaises(OSError):
            self.block.attack("H5-silence", timeout=1)
        self.block.honest()


class Traces(GatewayCase):
    """Rules 2 to 4: after a hundred attacks of many kinds the gateway and the zygote are as after the first ten."""

    def test_a_hundred_times(self):
        names = ["A1-open", "B1-fork", "H1-random", "H1-length-all", "H2-future", "B15-jump", "H6-exit", "E2-x32", "H7-spawn", "D3-listen"]
        marks = []
        for round_number in range(10):
            for name in names:
                self.block.attack(name)
            self.block.honest()
            if round_number in (0, 9):
                cell.wait_until(lambda: len(self.block.children()) <= 5)
                marks.append((self.block.descriptors(), rss(cell.read_text(f"/proc/{self.block.zygote_process.pid}/status"))))
        self.assertLessEqual(marks[1][0], marks[0][0] + 12, "descriptors are left")  # the pool is full or is not
        self.assertLessEqual(marks[1][1], marks[0][1] + 256, "the zygote grows")

    def test_zombies_are_reaped(self):
        for _ in range(20):
            self.block.attack("A1-open")
        self.assertTrue(cell.wait_until(lambda: not [pid for pid in self.block.children() if state(pid) == "Z"]))

    def test_log_lines_cannot_be_forged(self):
        """H10: what a worker logs reaches the store as one line without control characters."""
        self.block.attack("H10-log")
        cell.wait_until(lambda: any(name == "log_append" for name, _ in self.block.store_seen))
        lines = [values["line"] for name, values in self.block.store_seen if name == "log_append" and b"fine" in values["line"]]
        self.assertTrue(lines)
        for line in lines:
            self.assertIsNone(re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", line), line)

    def test_an_idle_worker_that_computes_is_found(self):
        """G1: it answered, and goes on for itself while nobody calls."""
        self.assertEqual(self.block.attack("G1-afterwards"), "done")
        self.assertTrue(cell.wait_until(lambda: "computed without being asked to" in self.block.log_text(), 60), self.block.log_text()[-2000:])


class Passed(unittest.TestCase):
    """F5: without the filter a worker can send descriptors with a frame. The gateway takes none on that socket: the kernel drops
    them."""

    def test_descriptors_with_a_frame(self):
        town = block.Block(zygote=cell.LAYERS, off="seccomp")
        self.addCleanup(town.stop)
        self.assertEqual(town.attack("F5-sendmsg"), "got")
        before = town.descriptors()
        for _ in range(30):
            self.assertEqual(town.attack("F5-sendmsg"), "got")
        self.assertLess(town.descriptors(), before + 15)  # the pool may be filling; thirty would have been kept
        town.honest()


class Dead(unittest.TestCase):
    """B13: the gateway is killed; no worker outlives it, not even one that computes and reads nothing."""

    def test_workers_end_with_the_gateway(self):
        rig = block.Block({})
        rig.honest()
        rig.post("/gradio_api/queue/join", {"data": ["G1-secret"], "fn_index": 1, "session_hash": "s"})
        self.assertTrue(cell.wait_until(lambda: len(rig.children()) >= 2))
        rig.process.kill()
        rig.process.wait()
        self.assertTrue(cell.wait_until(lambda: not rig.children(), 5), rig.children())
        rig.zygote_process.kill()
        rig.zygote_process.wait()
        for channel in (rig.launcher, rig.store, rig.zygote, rig.infer):
            channel.close()

    def test_workers_end_with_the_zygote(self):
        prison = cell.Cell()
        prisoners = [prison.spawn() for _ in range(3)]
        for prisoner in prisoners:
            self.assertEqual(prisoner.attack("E22-write-bad-fd"), "EBADF")  # so its lock-down is behind it
        prisoners[0].start("G1-secret", event=2)
        prison.process.kill()
        prison.process.wait()
        for prisoner in prisoners:
            self.assertTrue(cell.wait_until(lambda pid=prisoner.pid: state(pid) in ("", "Z")), "a worker outlives its zygote")
            prisoner.sock.close()
        prison.close()


def rss(status):
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1])


def state(pid):
    """The letter of the process's state; nothing when it is gone."""
    try:
        return cell.read_text(f"/proc/{pid}/stat").rsplit(")", 1)[1].split()[0]
    except OSError:
        return ""


if __name__ == "__main__":
    unittest.main()
