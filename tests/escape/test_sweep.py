"""Rows E1 to E3: every system call there is, in a worker of its own each, with all arguments 0 and with all arguments -1."""
import os
import re
import unittest

import cell

# The kernel takes these two out of every filter (uretprobe, uprobe): a crash, or "no such device".
EXEMPT = {335, 336}
NUMBERS = {"read": 0, "write": 1, "mmap": 9, "munmap": 11, "brk": 12, "rt_sigreturn": 15, "mremap": 25, "clock_gettime": 228, "exit_group": 231}


def rules():
    """The worker's table as it stands in the source."""
    text = cell.read_text(os.path.join(cell.ROOT, "sandbox/lockdown/profile.c"))
    table = re.search(r"worker_rules\[\] = \{(.*?)\{0\},", text, re.S)[1]
    return [a or b for a, b in re.findall(r'\.call = "(\w+)"|CALL\((\w+)\)', table)]


class Sweep(unittest.TestCase):
    user = None

    def setUp(self):
        self.cell = cell.Cell(user=self.user)
        self.addCleanup(self.cell.close)

    def survivors(self, names):
        return {name for name in names if self.cell.attack(name) != "SIGSYS"}

    def test_system_calls_of_this_machine(self):
        alive = self.survivors(f"call:{number}:{value}" for number in range(512) for value in (0, -1))
        numbers = {int(name.split(":")[1]) for name in alive}
        allowed = {NUMBERS[call] for call in rules()}
        self.assertLessEqual(numbers - EXEMPT, allowed, "a call beside the list is answered")
        # mmap and mremap live only with the arguments that the list names, clock_gettime only with three clocks.
        self.assertEqual(numbers - EXEMPT, allowed - {NUMBERS["mmap"], NUMBERS["mremap"]})
        self.assertNotIn("call:228:-1", alive)

    def test_the_list_has_at_most_twenty_calls(self):
        self.assertLessEqual(len(rules()), 20)
        self.assertEqual(sorted(rules()), sorted(NUMBERS))

    def test_calls_of_the_x32_table(self):
        self.assertEqual(self.survivors(f"x32:{number}" for number in range(600)), set())

    def test_calls_of_the_32_bit_table(self):
        self.assertEqual(self.survivors(f"old:{number}" for number in range(470)), set())


class SweepAsUser(Sweep):
    user = cell.NOBODY if cell.IS_ROOT else None


if __name__ == "__main__":
    unittest.main()
