"""What a demo costs after it has worked for a while: a worker's private memory does not grow with the number of its calls."""
import os
import unittest

import wire
from test_worker import BIN, Zygote, describe

with open(os.path.join(BIN, "vitrine-worker"), "rb") as program:
    SANITIZED = b"__asan_init" in program.read()
# The sanitizer keeps what was freed for a while, on purpose; without it the kit's pages alone would be 500 KiB.
GROWTH_KIB = 262144 if SANITIZED else 256
CALLS = 2000


def private_kib(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return sum(int(line.split()[1]) for line in file if line.startswith(("Private_Clean:", "Private_Dirty:")))


class Memory(unittest.TestCase):
    def test_many_calls_leave_the_kit_shared_and_no_garbage(self):
        zygote = Zygote()
        self.addCleanup(zygote.close)
        code, bundle, report = describe(os.path.join(wire.ROOT, "examples", "greeter"))
        self.assertEqual(code, 0, report)
        worker = zygote.spawn(bundle)
        self.addCleanup(worker.close)
        worker.until("worker_ready")
        pid = zygote.await_pid(worker.slot)
        state = {"count": 0, "last": ""}
        self.assertEqual(worker.call(1, ["Ada", "English", state], event=1)[0], "Hello, Ada!")
        first = private_kib(pid)
        for number in range(2, CALLS):
            worker.call(1, ["Ada", "English", state], event=number)
        self.assertLess(private_kib(pid) - first, GROWTH_KIB)


if __name__ == "__main__":
    unittest.main()
