"""A zygote that has forked enough is replaced while its workers live: a real gateway between two played zygotes."""
import threading
import time
import unittest

from calls_rig import Rig, echo, function


class ChangingRig(Rig):
    """Remembers every zygote that was connected, what each was asked to start, and when its channel ended."""

    def __init__(self, handlers):
        self.zygotes = []
        super().__init__([function(1, "one")], handlers, demos=3)

    def run_zygote(self, channel):
        record = {"channel": channel, "spawned": [], "ended": threading.Event()}
        self.zygotes.append(record)
        receive = channel.receive

        def noting():
            message = receive()
            if message and message[0] == "zygote_spawn":
                record["spawned"].append(message[2]["slot"])
            return message
        channel.receive = noting
        super().run_zygote(channel)
        record["ended"].set()


class ZygoteChange(unittest.TestCase):
    def setUp(self):
        self.handlers = {1: echo}
        self.rig = ChangingRig(self.handlers)
        self.addCleanup(self.rig.stop)

    def call(self, demo, text="a", expected=200):
        status, body, _ = self.rig.post("/gradio_api/run/one", {"data": [text]}, demo=demo)
        self.assertEqual(status, expected, body)
        return body

    def replace(self):
        """As the launcher does: the gateway gets another channel, the old one stays open."""
        before = len(self.rig.zygotes)
        self.rig.connect("zygote")
        self.until(lambda: len(self.rig.zygotes) > before)
        time.sleep(0.1)

    def until(self, condition):
        deadline = time.time() + 5
        while not condition():
            self.assertLess(time.time(), deadline, "it did not happen")
            time.sleep(0.01)

    def end_worker(self, number, zygote):
        """Its process dies by itself, and the zygote that is its parent says so."""
        worker = self.rig.workers[number]
        worker.dead = True
        worker.channel.sock.shutdown(2)
        self.rig.zygotes[zygote]["channel"].send("zygote_exited", {"slot": worker.slot, "exit": 0})

    def test_living_workers_go_on_and_new_ones_come_from_the_successor(self):
        self.call(0)
        self.replace()
        self.call(0)
        self.assertEqual(len(self.rig.workers), 1, "the worker of the first zygote answered again")
        self.call(1)
        first, second = self.rig.zygotes
        self.assertEqual((len(first["spawned"]), len(second["spawned"])), (1, 1))
        self.assertFalse(first["ended"].is_set())

    def test_the_old_channel_is_closed_with_its_last_worker(self):
        self.call(0)
        self.call(1)
        self.replace()
        self.end_worker(0, zygote=0)
        time.sleep(0.2)
        self.assertFalse(self.rig.zygotes[0]["ended"].is_set(), "one of its workers lives")
        self.end_worker(1, zygote=0)
        self.assertTrue(self.rig.zygotes[0]["ended"].wait(5))
        self.call(0)
        self.assertEqual(len(self.rig.zygotes[1]["spawned"]), 1)

    def test_one_without_workers_is_let_go_at_once(self):
        self.replace()
        self.assertTrue(self.rig.zygotes[0]["ended"].wait(5))
        self.call(0)

    def test_a_call_that_runs_is_not_disturbed(self):
        release = threading.Event()
        self.handlers[1] = lambda worker, stream, start: (release.wait(5), worker.done(stream, ["late"]))
        answers = []
        caller = threading.Thread(target=lambda: answers.append(self.rig.post("/gradio_api/run/one", {"data": ["a"]})))
        caller.start()
        self.until(lambda: self.rig.workers and any(name == "event_start" for name, _, _ in self.rig.workers[0].seen))
        self.replace()
        release.set()
        caller.join(10)
        self.assertEqual(answers[0][0], 200)
        self.assertIn(b"late", answers[0][1])

    def test_an_old_one_that_dies_takes_its_workers_along(self):
        self.call(0)
        self.replace()
        self.call(1)
        old = self.rig.zygotes[0]["channel"]
        old.sock.shutdown(2)
        self.rig.workers[0].dead = True
        self.until(lambda: self.rig.post("/gradio_api/run/one", {"data": ["b"]})[0] == 200 and len(self.rig.workers) == 3)
        self.call(1)
        self.assertEqual(len(self.rig.workers), 3, "the successor's worker was not touched")

    def test_two_changes_in_a_row(self):
        """The oldest must go, whatever lives behind it: its demos wake afresh."""
        self.call(0)
        self.replace()
        self.call(1)
        self.replace()
        self.assertTrue(self.rig.zygotes[0]["ended"].wait(5))
        self.rig.workers[0].dead = True
        self.call(0)
        self.call(1)
        self.assertEqual([len(zygote["spawned"]) for zygote in self.rig.zygotes], [1, 1, 1])

    def test_a_kill_goes_to_the_zygote_that_made_it(self):
        self.call(0)
        self.replace()
        before = list(self.rig.kills)
        self.rig.workers[0].channel.sock.send(b"\xff" * 40)  # breaks the rules: the gateway has it killed
        self.until(lambda: len(self.rig.kills) > len(before))
        self.assertTrue(self.rig.zygotes[0]["ended"].wait(5), "it was the last one of the old zygote")


if __name__ == "__main__":
    unittest.main()
