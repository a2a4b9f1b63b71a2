"""Internal messages, attacked live: a gateway out of its mind speaks to the real zygote and to the real inference backend, a
store and a gateway to the real launcher. Truncated, oversized, out of order, replayed, unsolicited, half, flooding: the one who
breaks a rule is dropped, everybody else goes on."""
import fcntl
import os
import pwd
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

import cell
import wire

sys.path.insert(0, os.path.join(cell.ROOT, "tests/proc"))


def frame(name, body=b"", flags=0, length=None, stream=0):
    number = wire.TABLE[name][0] if isinstance(name, str) else name
    return struct.pack("<HHIQ", number, flags, len(body) if length is None else length, stream) + body


# What breaks the rules of every channel, whoever listens.
BROKEN = {
    "random bytes": bytes(range(256)) * 8,
    "one byte": b"\x01",
    "half a header": frame("zygote_kill")[:15],
    "a length beyond the packet": frame("zygote_kill", b"1234", length=400),
    "the largest length": frame("zygote_kill", b"1234", length=0xffffffff),
    "an unknown type": frame(0xffff),
    "type 0": frame(0),
    "unknown flags": frame("zygote_kill", bytes(4), flags=0x8000),
    "a message of others": frame("event_done", bytes(8)),
    "a message of the launcher's": frame("launcher_stop", bytes(4)),
    "a body beyond its limit": frame("zygote_kill", bytes(4000)),
    "rubbish behind a frame": frame("zygote_kill", bytes(4)) + b"x",
}


class GatewayToZygote(unittest.TestCase):
    def setUp(self):
        self.cell = cell.Cell()
        self.addCleanup(self.cell.close)

    def replace_gateway(self):
        """As the launcher does after a gateway's death."""
        ours, theirs = wire.pair()
        self.cell.control.send("launcher_peer", {"role": cell.ROLE_GATEWAY}, fds=[theirs.fileno()])
        theirs.close()
        ours.settimeout(20)
        self.cell.gateway.close()
        self.cell.gateway, self.cell.heard = wire.Channel(ours), []

    def still_works(self, label):
        self.assertIsNone(self.cell.process.poll(), label)
        self.assertEqual(self.cell.attack("E22-write-bad-fd"), "EBADF", label)

    def test_broken_frames_lose_the_gateway_and_nothing_else(self):
        for label, packet in BROKEN.items():
            with self.subTest(label):
                prisoner = self.cell.spawn()
                self.cell.gateway.sock.send(packet)
                # Its workers go with it: nobody is left who would watch them.
                self.assertTrue(cell.wait_until(lambda: self.cell.children() == []), label)
                prisoner.sock.close()
                self.replace_gateway()
                self.still_works(label)

    def test_descriptors_that_do_not_belong(self):
        descriptors = self.cell.descriptors()
        for name, count in (("zygote_kill", 1), ("zygote_spawn", 3), ("zygote_spawn", 5), ("zygote_spawn", 0), ("zygote_pool", 4)):
            with self.subTest(f"{name} with {count}"):
                with open("/dev/null", "rb") as null:
                    socket.send_fds(self.cell.gateway.sock, [frame(name, wire.pack(name, {"slot": 1}))], [null.fileno()] * count)
                time.sleep(0.05)
                self.replace_gateway()
                self.still_works(name)
                self.assertLessEqual(self.cell.descriptors(), descriptors + 1)

    def test_descriptors_of_the_wrong_kind(self):
        """A pipe for a bundle, a file of no size for the window: that worker does not start."""
        ours, theirs = wire.pair()
        reading, writing = os.pipe()
        for number, fds in enumerate(([reading, theirs.fileno(), reading, reading], [self.cell.bundle, reading, reading, reading],
                                      [writing] * 4, [self.cell.bundle, theirs.fileno(), theirs.fileno(), theirs.fileno()])):
            with self.subTest(number):
                self.cell.gateway.send("zygote_spawn", {"slot": 3000 + number, "heap_mib": 0}, fds=fds)
                self.assertNotEqual(self.cell.message_for(3000 + number, "zygote_exited", "exit"), 0)
                self.still_works(number)
        for fd in (reading, writing):
            os.close(fd)
        for end in (ours, theirs):
            end.close()

    def test_slots_that_are_not_free_or_do_not_exist(self):
        first = self.cell.spawn()
        self.assertEqual(first.attack("E22-write-bad-fd"), "EBADF")
        with open("/dev/null", "rb") as null:
            for slot in (first.slot, 4096, 0xffffffff):
                self.cell.gateway.send("zygote_spawn", {"slot": slot, "heap_mib": 0}, fds=[null.fileno()] * 4)
                self.assertEqual(self.cell.message_for(slot, "zygote_exited", "exit"), 255)
        self.assertEqual(first.attack("E22-write-bad-fd"), "EBADF", "the worker whose slot was asked for again has gone")
        for slot in (2000, 4096, 0xffffffff):
            self.cell.gateway.send("zygote_kill", {"slot": slot})
        self.still_works("kills of nobody")
        first.end()

    def test_floods_and_halves(self):
        for _ in range(20000):
            self.cell.gateway.sock.send(frame("zygote_kill", struct.pack("<I", 7)))
        self.still_works("a flood")
        for stream in range(300):  # messages that begin and never end
            try:
                self.cell.gateway.sock.send(frame("zygote_kill", b"\0", flags=1, stream=stream))
            except OSError:
                break
        time.sleep(0.1)
        self.replace_gateway()
        self.still_works("halves")
        self.assertLess(self.cell.memory_kib(), 64 << 10)

    def test_a_key_that_it_does_not_know(self):
        """The launcher is trusted; a newer one may still say what this zygote does not know."""
        self.cell.control.send("launcher_config", {"key": "nonsense", "value": "x" * 1000})
        self.still_works("an unknown key")
        self.assertIsNone(self.cell.process.poll())


class GatewayToInference(unittest.TestCase):
    def test_broken_frames_lose_the_gateway_and_nothing_else(self):
        import infer_harness
        backend = infer_harness.Infer()
        self.addCleanup(backend.process.kill)
        self.addCleanup(backend.process.wait)
        for label, packet in BROKEN.items():
            with self.subTest(label):
                backend.gateway.socket.send(packet.replace(frame("zygote_kill")[:2], frame("infer_cancel")[:2]))
                time.sleep(0.02)
                backend.gateway.close()
                backend.gateway = infer_harness.Peer()
                backend.hand_over("gateway", backend.gateway)
                status, body, _ = backend.result(backend.job("no/model", "describe"))
                self.assertNotEqual(status, 0)
                self.assertIsNone(backend.process.poll(), label)


class WorkerToInference(unittest.TestCase):
    """K2, K10: what a taken-over worker can put into its model calls and, while they run, into the tensor window that it shares
    with the backend. The gateway passes both on unread."""

    def setUp(self):
        import infer_harness
        self.harness = infer_harness
        self.backend = infer_harness.Infer()
        self.addCleanup(self.backend.process.wait)
        self.addCleanup(self.backend.process.kill)
        self.backend.models = {"ann/add": {"onnx/model.onnx": infer_harness.model_add()}}
        self.fd = os.memfd_create("window", os.MFD_ALLOW_SEALING)
        self.addCleanup(os.close, self.fd)
        os.ftruncate(self.fd, cell.WINDOW_BYTES)
        fcntl.fcntl(self.fd, 1033, 2 | 4)  # F_ADD_SEALS: shrink, grow
        self.backend.gateway.send("infer_window", [self.fd], slot=9)
        self.good = infer_harness.tensors(("a", "float32", [2, 2], (0, 16)), ("b", "float32", [2, 2], [1, 2, 3, 4]))
        status, body, _ = self.backend.call("ann/add", data=self.good, slot=9)
        self.assertEqual(status, 0, body)

    def same_process_answers(self, child):
        status, body, _ = self.backend.call("ann/add", data=self.good, slot=9)
        self.assertEqual(status, 0, body)
        self.assertEqual(self.backend.children(), child, "the model's process died")

    def test_tensors_cut_and_changed_anywhere(self):
        child = self.backend.children()
        jobs = [self.backend.job("ann/add", data=self.good[:length], slot=9) for length in range(len(self.good))]
        for job in jobs:
            self.assertNotEqual(self.backend.result(job)[0], 0)
        for at in range(len(self.good)):
            for value in (0, 0x7f, 0x80, 0xff):
                changed = self.good[:at] + bytes([value]) + self.good[at + 1:]
                status, body, _ = self.backend.call("ann/add", data=changed, slot=9)
                self.assertTrue(status == 0 or body, (at, value))
        self.same_process_answers(child)

    def test_windows_of_others_and_of_nobody(self):
        for slot in (0, 8, 10, 4096, 0xffffffff):
            status, body, _ = self.backend.call("ann/add", data=self.good, slot=slot)
            self.assertNotEqual(status, 0, slot)

    def test_a_window_that_changes_while_it_is_read(self):
        """Another process writes all over it: numbers may be wrong, nothing else."""
        child = self.backend.children()
        writer = subprocess.Popen([sys.executable, "-c", "import mmap, os\nw = mmap.mmap(3, 4 << 20)\nwhile True:\n"
                                   "    w[:1 << 16] = os.urandom(1 << 16)"], pass_fds=(3,), preexec_fn=lambda: os.dup2(self.fd, 3))
        try:
            large = self.harness.tensors(("a", "float32", [8192, 2], (0, 65536)), ("b", "float32", [8192, 2], (65536, 65536)))
            for _ in range(100):
                status, body, _ = self.backend.call("ann/add", data=large, slot=9)
                self.assertEqual(status, 0, body)
        finally:
            writer.kill()
            writer.wait()
        self.same_process_answers(child)

    def test_arguments_that_are_no_json(self):
        child = self.backend.children()
        for arguments in ("", "[", "{" * 5000, '{"a":' * 100, "\xff", '{"held":99999999999999999999}', "null", "1e999", '"' + "x" * 100000 + '"'):
            for op in ("run", "describe", "pipeline", "fetch", "", "x" * 1000):
                self.backend.call("ann/add", op, arguments, data=self.good, slot=9)
        self.same_process_answers(child)


CHILD = '''#!{python}
"""Plays a child of the launcher that has lost its mind: says ready, then what the test wrote into a file."""
import os, socket, sys, time
control = socket.socket(fileno=3)
attack = open({attack!r}, "rb").read()
while True:
    packet = control.recv(65536)
    if not packet:
        sys.exit(0)
    if packet[0:2] == {start!r}:
        break
control.send({ready!r})
time.sleep(0.2)
for piece in attack.split(b"<next>"):
    if piece:
        try:
            control.send(piece)
        except OSError:
            pass
while control.recv(65536):
    pass
'''


@unittest.skipUnless(cell.IS_ROOT, "the services run as another user, which takes root")
class ChildToLauncher(unittest.TestCase):
    """vitrine serve with a store (or gateway) that is a script of ours, beside the real binaries."""

    def setUp(self):
        # The services' own user must reach all of it.
        self.folder = tempfile.mkdtemp(dir="/var/tmp")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        os.chmod(self.folder, 0o755)
        os.mkdir(os.path.join(self.folder, "bin"), 0o755)
        os.chmod(os.path.join(self.folder, "bin"), 0o755)
        for name in ("vitrine", "vitrine-worker", "vitrine-infer", "vitrine-gateway", "vitrine-store"):
            shutil.copy(os.path.join(cell.BIN, name), os.path.join(self.folder, "bin", name))
        library = os.path.join(cell.BIN, "..", "lib")
        if os.path.isdir(library):
            os.symlink(os.path.abspath(library), os.path.join(self.folder, "lib"))
        shutil.copytree(os.path.join(cell.BIN, "..", "share"), os.path.join(self.folder, "share"))  # without pages no store starts
        self.attack = os.path.join(self.folder, "attack")

    def write(self, packets):
        with open(self.attack, "wb") as file:
            file.write(b"<next>".join(packets))
        os.chmod(self.attack, 0o644)

    def play(self, name, packets):
        self.write(packets)
        path = os.path.join(self.folder, "bin", name)
        os.unlink(path)
        with open(path, "w", encoding="utf-8") as out:
            out.write(CHILD.format(python="/usr/bin/python3", attack=self.attack, start=frame("launcher_start")[:2],
                                   ready=frame("child_ready", bytes(4))))
        os.chmod(path, 0o755)

    def serve(self, **variables):
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            port = sock.getsockname()[1]
        self.log = open(os.path.join(self.folder, "log"), "wb")
        self.addCleanup(self.log.close)
        process = subprocess.Popen([os.path.join(self.folder, "bin", "vitrine"), "serve", "--data", os.path.join(self.folder, "data"),
                                    "--port", str(port)], stdout=self.log, stderr=self.log, env={"PATH": "/usr/bin:/bin", "VITRINE_LOG": "text", **variables})
        self.addCleanup(self.end, process)
        return process

    def end(self, process):
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            time.sleep(0.2)
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def text(self):
        return cell.read_text(os.path.join(self.folder, "log"))

    def children(self, process):
        """name → pid, of what the launcher has started."""
        found = {}
        for pid in cell.read_text(f"/proc/{process.pid}/task/{process.pid}/children").split():
            try:
                found[cell.read_text(f"/proc/{pid}/cmdline").split("\0")[0]] = int(pid)
            except OSError:
                pass
        return found

    def attack_launcher(self, program, role, packets, killed):
        self.play(program, packets)
        process = self.serve()
        self.assertTrue(cell.wait_until(lambda: "zygote is ready" in self.text(), 20), self.text())
        zygote = self.children(process).get("zygote")
        if killed:
            self.assertTrue(cell.wait_until(lambda: f"{role} broke the protocol" in self.text(), 20), self.text())
        else:
            time.sleep(1)
            self.assertNotIn(f"{role} broke the protocol", self.text())
        self.assertIsNone(process.poll(), self.text())
        self.assertEqual(self.children(process).get("zygote"), zygote, "the zygote died with another's broken message")
        self.end(process)

    def test_a_store_that_breaks_the_rules_is_killed(self):
        for label, packet in list(BROKEN.items())[:9:2]:
            with self.subTest(label):
                self.attack_launcher("vitrine-store", "store", [packet.replace(frame("zygote_kill")[:2], frame("cage_kill")[:2])], True)

    def test_a_store_that_asks_for_what_it_may_not(self):
        for packet in (frame("zygote_kill", bytes(4)), frame("launcher_start", bytes(4)), frame("demo_lookup", bytes(9))):
            self.attack_launcher("vitrine-store", "store", [packet], True)

    def test_a_store_whose_requests_make_no_sense_is_answered_or_ignored(self):
        """Cages of requests that do not exist are killed, statuses asked for a thousand times, ready said again."""
        packets = [frame("cage_kill", struct.pack("<I", 4000000000))] * 50 + [frame("launcher_query", struct.pack("<I", 1))] * 200
        self.attack_launcher("vitrine-store", "store", packets + [frame("child_ready", bytes(4))] * 50, False)

    def test_a_cage_without_its_descriptors_is_a_broken_rule(self):
        body = wire.pack("cage_git", {"request": 1, "repository_id": 0xffffffffffffffff, "receive": 1, "protocol": "../../etc"})
        self.attack_launcher("vitrine-store", "store", [frame("cage_git", body)], True)

    def test_children_see_no_variable_that_they_do_not_read(self):
        """What the caller exported is in no process that could lose it: a worker's memory is a copy of the zygote's."""
        process = self.serve(VITRINE_TOKEN="vitrine-canary-42", HOME="/vitrine-canary-42", VITRINE_LIMIT_WORKERS="100")
        names = {"zygote", "store", "gateway"}
        self.assertTrue(cell.wait_until(lambda: all(f"{name} is ready" in self.text() for name in names), 20), self.text())
        children = self.children(process)
        self.assertEqual(names - set(children), set())
        for name, pid in children.items():
            environment = cell.read_text(f"/proc/{pid}/environ")
            self.assertNotIn("canary", environment, name)
            self.assertIn("VITRINE_LIMIT_WORKERS=100", environment, name)

    def test_user_ids_of_accounts_are_refused(self):
        """M7: a worker that runs as somebody owns what he owns. "nobody" is an account that every machine has."""
        base = str(pwd.getpwnam("nobody").pw_uid - 100)
        result = subprocess.run([os.path.join(self.folder, "bin", "vitrine"), "serve", "--data", os.path.join(self.folder, "data"),
                                 "--worker-uid-base", base], capture_output=True, text=True, timeout=20)
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn("the account nobody has one of the user ids", result.stderr)

    def test_a_gateway_may_ask_the_launcher_for_nothing(self):
        for packet in (frame("cage_kill", bytes(4)), frame("launcher_query", bytes(4)), frame("zygote_spawn", bytes(8))):
            self.attack_launcher("vitrine-gateway", "gateway", [packet], True)


if __name__ == "__main__":
    unittest.main()
