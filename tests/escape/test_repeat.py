"""Rule 4: every native attack a hundred times in one zygote; it does not grow, loses no descriptor and keeps no child, and spawns on."""
import os
import unittest

import cell
from outcomes import OUTCOMES

ROUNDS = 100
# Those that take long by themselves: filling memory, a hundred thousand mappings.
SLOW = {"G14-fill", "G14-maps", "B15-stack"}


class Repeat(unittest.TestCase):
    def test_a_hundred_times_each(self):
        prison = cell.Cell()
        self.addCleanup(prison.close)
        names = [name for name in OUTCOMES if name not in SLOW]
        expected = {name: OUTCOMES[name].endured or "SIGSYS" for name in names}
        left, before = cell.leftovers(), None
        for number in range(ROUNDS):
            wrong = {name: outcome for name in names if (outcome := prison.attack(f"{name}={os.getpid()}")) != expected[name]}
            self.assertEqual(wrong, {}, f"round {number + 1}")
            if number == 4:  # what is made once has been made
                before = prison.memory_kib(), prison.descriptors()
        memory, descriptors = prison.memory_kib(), prison.descriptors()
        self.assertLessEqual(memory, before[0] + 64, "the zygote grows")
        self.assertEqual(descriptors, before[1])
        self.assertEqual(prison.children(), [])
        self.assertEqual(cell.leftovers(), left)

    def test_a_thousand_workers_a_hundred_at_a_time(self):
        """G17 in small: slots are given back, pids and namespaces too."""
        prison = cell.Cell()
        self.addCleanup(prison.close)
        for _ in range(10):
            prisoners = [prison.spawn() for _ in range(100)]
            self.assertEqual(len(prison.children()), 100)
            for prisoner in prisoners:
                prisoner.sock.close()
            for prisoner in prisoners:
                prisoner.wait()
            self.assertEqual(prison.children(), [])


if __name__ == "__main__":
    unittest.main()
