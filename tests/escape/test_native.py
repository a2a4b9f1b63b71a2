"""Native attacks out of a worker that the production zygote locked with the production code, as root and as an ordinary user.
The attacks are in attack_*.c, their names begin with the row of the catalogue; outcomes.txt says what each layer does."""
import os
import unittest

import cell
from outcomes import OUTCOMES

KILLED = "SIGSYS"


def expected(name):
    return OUTCOMES[name].endured or KILLED


class Locked(unittest.TestCase):
    """One test per attack: the exact outcome, and the zygote is as it was before."""
    user = None

    @classmethod
    def setUpClass(cls):
        cls.cell = cell.Cell(user=cls.user)
        cls.cell.attack("J5-getpid")  # what is made once at first use is there from now on
        cls.descriptors = cls.cell.descriptors()

    @classmethod
    def tearDownClass(cls):
        cls.cell.close()

    def check(self, name):
        left = cell.leftovers()
        outcome = self.cell.attack(f"{name}={os.getpid()}")
        self.assertEqual(outcome, expected(name))
        self.assertEqual(self.cell.children(), [], "a process is left")
        self.assertEqual(self.cell.descriptors(), self.descriptors, "a descriptor is left in the zygote")
        self.assertEqual(cell.leftovers(), left, "something is left on the machine")
        self.assertEqual(self.cell.attack("E22-write-bad-fd"), "EBADF", "the zygote cannot spawn any more")


class LockedAsUser(Locked):
    user = cell.NOBODY if cell.IS_ROOT else None


def add(name):
    method = "test_" + name.replace("-", "_")
    for case in (Locked, LockedAsUser):
        setattr(case, method, lambda self: self.check(name))


for each in OUTCOMES:
    add(each)


class Catalogue(unittest.TestCase):
    def test_every_attack_has_its_outcome(self):
        """What hostile lists and outcomes.txt says is the same set; those over the session have tests of their own."""
        listed = {name for name in cell.attacks() if name not in cell.SESSION_ATTACKS}
        self.assertEqual(listed, set(OUTCOMES))

    def test_the_filter_alone_stops_nearly_everything(self):
        endured = [name for name, row in OUTCOMES.items() if row.endured]
        self.assertGreaterEqual(len(OUTCOMES), 300)
        self.assertTrue(all(name.startswith(("B15-", "E22-", "E23-", "E14-unmap", "E3-sysenter", "F1-", "G14-")) for name in endured), endured)


class Siblings(unittest.TestCase):
    """D3, E9: two workers of one zygote that want to meet. With every layer they do not get as far as making a socket; the
    layers themselves are in test_layers.py."""

    def test_neither_finds_the_other(self):
        prison = cell.Cell()
        self.addCleanup(prison.close)
        for first, second in (("D3-listen", "D3-connect"), ("E9-shm-share", "E9-shm-find")):
            self.assertEqual(prison.attack(first), KILLED)
            self.assertEqual(prison.attack(second), KILLED)


if __name__ == "__main__":
    unittest.main()
