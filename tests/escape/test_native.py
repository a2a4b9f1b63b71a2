"""Native attacks out of a worker that the production zygote locked with the production code, as root and as an ordinary user.
The attacks are in attack_*.c, their names begin with the row of the catalogue; outcomes.txt says what each layer does."""
import os
import time
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


@unittest.skipUnless(cell.IS_ROOT, "other users' descriptors can be looked at by root")
class Descriptors(unittest.TestCase):
    """F1, F3: what a worker holds. The zygote of this test has the test's own files as descriptors 0 to 2, as it has the
    operator's terminal and log in production."""

    def setUp(self):
        self.cell = cell.Cell()
        self.addCleanup(self.cell.close)

    def test_nothing_but_the_session(self):
        prisoner = self.cell.spawn()
        self.addCleanup(prisoner.end)
        self.assertEqual(prisoner.attack("E22-write-bad-fd"), "EBADF")  # so it is locked now
        held = {name: os.readlink(f"/proc/{prisoner.pid}/fd/{name}") for name in os.listdir(f"/proc/{prisoner.pid}/fd")}
        self.assertEqual({name: link for name, link in held.items() if name != "3"}, {name: "/dev/null" for name in "012"})
        self.assertRegex(held["3"], "^socket:")

    def test_what_it_writes_reaches_nobody(self):
        """F2: neither forged lines nor escape sequences nor a flood come out at the operator's end."""
        prisoner = self.cell.spawn()
        prisoner.start("F2-null-device")
        time.sleep(0.3)
        self.cell.gateway.send("zygote_kill", {"slot": prisoner.slot})
        prisoner.end()
        self.cell.close_control()
        self.assertEqual(self.cell.output(), b"")

    def test_a_second_worker_inherits_nothing_of_the_first(self):
        first, second = self.cell.spawn(), self.cell.spawn()
        self.addCleanup(first.end)
        self.addCleanup(second.end)
        for prisoner in (first, second):
            self.assertEqual(prisoner.attack("E22-write-bad-fd"), "EBADF")
        inode = os.readlink(f"/proc/{first.pid}/fd/3")
        self.assertNotIn(inode, [os.readlink(f"/proc/{second.pid}/fd/{name}") for name in os.listdir(f"/proc/{second.pid}/fd")])


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
