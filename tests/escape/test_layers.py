"""The second lock: every attack with the system-call filter off, then with the layer off that stopped it, and so on until it
succeeds; and the control, where nothing is in its way. Layers are taken away by the linker (hostile_layers.c), the lock-down
code is the production's. outcomes.txt has the whole matrix."""
import os
import shutil
import socket
import unittest

import cell
from outcomes import OUTCOMES

MADE = ["/tmp/vitrine-made", "/tmp/vitrine-folder", "/tmp/vitrine-fresh", "/tmp/vitrine-link", "/tmp/vitrine-hard", "/tmp/vitrine-disk"]


def clean():
    for path in MADE:
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        elif os.path.lexists(path):
            os.unlink(path)


class LayerCase(unittest.TestCase):
    """Somebody listens where attacks connect to, so that reaching it is a success."""

    @classmethod
    def setUpClass(cls):
        clean()
        cls.listeners = []
        for address in ("/run/vitrine-escape.sock", "\0vitrine-escape"):
            if address[0] == "/" and os.path.exists(address):
                os.unlink(address)
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(address)
            listener.listen(64)
            cls.listeners.append(listener)
        os.chmod("/run/vitrine-escape.sock", 0o777)

    @classmethod
    def tearDownClass(cls):
        for listener in cls.listeners:
            listener.close()
        os.unlink("/run/vitrine-escape.sock")
        clean()

    def run_without(self, layers, expected, user=None):
        """Compares the outcomes of {name: outcome} with these layers off, in one zygote."""
        prison = cell.Cell(cell.LAYERS, user, layers)
        try:
            found = {name: prison.attack(f"{name}={os.getpid()}") for name in expected}
        finally:
            prison.close()
            clean()
        self.assertEqual({name: found[name] for name in expected if found[name] != expected[name]},
                         {name: expected[name] for name in expected if found[name] != expected[name]})


@unittest.skipUnless(cell.IS_ROOT, "layers are taken away one by one where all of them can be had: as root")
class SecondLock(LayerCase):
    def test_without_the_filter(self):
        self.run_without(["seccomp"], {name: row.second for name, row in OUTCOMES.items()})

    def test_without_the_filter_as_user(self):
        self.run_without(["seccomp"], {name: row.as_user for name, row in OUTCOMES.items()}, cell.NOBODY)

    def test_the_filter_off_changes_something(self):
        """Else the switch would not work, and this file would prove nothing."""
        self.assertGreater(sum(row.second == "got" for row in OUTCOMES.values()), 80)


def combinations():
    """Every set of layers that outcomes.txt speaks of → what it says."""
    found = {}
    for name, row in OUTCOMES.items():
        for layers, outcome in row.layers:
            found.setdefault(tuple(layers), {})[name] = outcome
    return found


@unittest.skipUnless(cell.IS_ROOT, "as above")
class FurtherLocks(LayerCase):
    """One test per set of layers that is off."""


def add(layers, expected):
    setattr(FurtherLocks, "test_also_without_" + "_and_".join(layers),
            lambda self: self.run_without(["seccomp", *layers], expected))


for each, outcomes in combinations().items():
    add(each, outcomes)


@unittest.skipUnless(cell.IS_ROOT, "as above")
class Siblings(LayerCase):
    """Two workers of one zygote: what keeps them apart, layer by layer."""

    def meet(self, off, first, second):
        prison = cell.Cell(cell.LAYERS, None, off)
        try:
            waiting = prison.spawn()
            made = waiting.attack(first)
            return made, prison.attack(second)
        finally:
            waiting.end()
            prison.close()

    def test_abstract_sockets_are_stopped_by_landlock(self):
        self.assertEqual(self.meet(["seccomp"], "D3-listen", "D3-connect"), ("got", "EPERM"))
        self.assertEqual(self.meet(["seccomp", "landlock"], "D3-listen", "D3-connect"), ("got", "got"))

    def test_shared_memory_is_stopped_by_the_filter_alone(self):
        """One IPC namespace for all: this is the channel that only the filter closes."""
        self.assertEqual(self.meet(["seccomp"], "E9-shm-share", "E9-shm-find"), ("got", "got"))


@unittest.skipUnless(cell.IS_ROOT, "the control needs every right")
class Control(LayerCase):
    def test_where_nothing_stops_them(self):
        """In namespaces for the machine's sake, with every capability it has: each attack gets what it wants, or the kernel's
        own word on it."""
        expected = {name: row.control for name, row in OUTCOMES.items() if name != "D3-connect"}
        found = cell.free(list(expected))
        wrong = {name: (found.get(name), expected[name]) for name in expected if found.get(name) != expected[name]}
        self.assertEqual(wrong, {})
        self.assertGreater(sum(outcome in ("got", "ran") for outcome in found.values()), 220)


if __name__ == "__main__":
    unittest.main()
