"""Rows of the operator's world: processes that stand still and go on, machines full of mounts, a gateway full of visitors, demos
that die whenever they are called."""
import os
import signal
import socket
import subprocess
import threading
import time
import unittest

import block
import cell


class StandingStill(unittest.TestCase):
    """M3: stopped and continued. Nobody is killed for the time he stood still, and nothing is lost."""

    def setUp(self):
        self.block = block.Block()
        self.addCleanup(self.block.stop)
        self.block.honest()

    def pause(self, pid, seconds=1.5):
        os.kill(pid, signal.SIGSTOP)
        threading.Timer(seconds, os.kill, (pid, signal.SIGCONT)).start()

    def test_a_worker(self):
        # A frozen read is restarted by the kernel: with the same call, not with restart_syscall, which the filter refuses.
        for pid in self.block.children():
            self.pause(int(pid))
        self.assertGreater(self.block.honest(), 1000)
        self.assertLess(self.block.honest(), 1000)

    def test_the_zygote(self):
        self.pause(self.block.zygote_process.pid)
        self.block.honest()  # its worker is there already
        self.assertEqual(self.block.attack("E22-write-bad-fd"), "EBADF")  # this one must be made, or comes from the pool

    def test_the_gateway(self):
        self.pause(self.block.process.pid)
        self.assertGreater(self.block.honest(), 1000)
        self.assertLess(self.block.honest(), 1000)


class Inheritance(unittest.TestCase):
    """F3: a worker made while the gateway holds many visitors has none of their sockets."""

    @unittest.skipUnless(cell.IS_ROOT, "other users' descriptors can be looked at by root")
    def test_nothing_of_the_gateway(self):
        town = block.Block({"VITRINE_LIMIT_CONNECTIONS_PER_ADDRESS": "5000"})
        self.addCleanup(town.stop)
        visitors = [socket.create_connection(("127.0.0.1", town.port)) for _ in range(400)]
        town.honest()
        self.assertGreater(town.descriptors(), 400)
        for pid in town.children():
            names = sorted(os.listdir(f"/proc/{pid}/fd"), key=int)
            self.assertEqual(names, ["0", "1", "2", "3"])
        for visitor in visitors:
            visitor.close()


class Crowd(unittest.TestCase):
    def test_a_rush_on_one_demo(self):
        """G11: hundreds of calls at once to a demo that dies of each. All are answered, the honest demo's too."""
        town = block.Block()
        self.addCleanup(town.stop)
        town.honest()
        answers = []

        def rush():
            for _ in range(10):
                answers.append(town.attack("A1-open", timeout=60))
        threads = [threading.Thread(target=rush) for _ in range(20)]
        with block.Beside(town) as beside:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.assertEqual(len(answers), 200)
        self.assertEqual({answer for answer in answers if "stopped" not in answer}, set())
        self.assertGreater(len(beside.times), 0)
        self.assertTrue(cell.wait_until(lambda: len(town.children()) <= 6))


@unittest.skipUnless(cell.IS_ROOT, "mounts take root")
class Mounts(unittest.TestCase):
    """M6: two thousand mounts on the machine before the start: a worker costs what it costs without, and has none of them."""

    SCRIPT = """
import sys, time
sys.path.insert(0, sys.argv[1])
import cell
prison = cell.Cell()
times = []
for _ in range(60):
    began = time.perf_counter()
    assert prison.attack("E22-write-bad-fd") == "EBADF"
    times.append(time.perf_counter() - began)
prison.close()
print(sorted(times)[30])
"""

    def measure(self, mounts):
        fill = f"mount -t tmpfs tmpfs /mnt && for i in $(seq {mounts}); do mkdir /mnt/$i && mount --bind /mnt /mnt/$i 2>/dev/null; done; " \
            'exec "$@"'
        result = subprocess.run(["unshare", "--mount", "sh", "-c", fill, "sh", "python3", "-c", self.SCRIPT, cell.HERE], capture_output=True,
                                text=True, timeout=120, env={**os.environ, "VITRINE_BIN": cell.BIN})
        self.assertEqual(result.returncode, 0, result.stderr)
        return float(result.stdout)

    def test_spawns_cost_the_same(self):
        few, many = self.measure(1), self.measure(1000)
        self.assertLess(many, few * 3 + 0.002)


class Time(unittest.TestCase):
    def test_the_end_of_a_worker_is_told_at_once(self):
        """From the violation to the visitor's sentence; other tests say that it comes, this one that nobody waits for a timeout."""
        town = block.Block()
        self.addCleanup(town.stop)
        took = []
        for _ in range(20):
            began = time.monotonic()
            town.attack("A1-open")
            took.append(time.monotonic() - began)
        self.assertLess(sorted(took)[10], 0.5)


if __name__ == "__main__":
    unittest.main()
