"""What the tests of this folder share: a zygote of the hostile worker's binary, spoken to as the gateway speaks, and the
bookkeeping of what is left behind.

A Cell is one zygote with its workers. Its owner is the test, root or an ordinary user; layers of the lock-down can be
taken away by name (hostile_layers.c)."""
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests/proc"))
import wire  # noqa: E402

BIN = os.environ.get("VITRINE_BIN", os.path.join(ROOT, "build/release/bin"))
HOSTILE = os.path.join(BIN, "..", "tests", "hostile")
LAYERS = os.path.join(BIN, "..", "tests", "hostile-layers")
NOBODY = 65534
IS_ROOT = os.geteuid() == 0
ROLE_GATEWAY = 2
CREDENTIALS = ["identity", "capabilities"]
# A range of its own for each run: what another test on this machine starts under the same user would count as ours.
UID_BASE = 1900000000 + os.getpid() % 20000 * 8192
WINDOW_BYTES = 4 << 20

MADE = {"vitrine-made", "vitrine-folder", "vitrine-fresh", "vitrine-link", "vitrine-hard", "vitrine-disk"}

BUNDLE = wire.bundle({".vitrine/manifest.json": b'{"app_file":"app.lua","seed":1,"tree_digest":"t"}', "app.lua": b"return nil", "hostile": b""})


def read_text(path):
    with open(path, encoding="utf-8") as text:
        return text.read()


# The attacks whose victim is the gateway (test_gateway.py).
SESSION_ATTACKS = {line.split('"')[1] for line in read_text(os.path.join(HERE, "attack_session.c")).splitlines()
                   if line.startswith("    ATTACK(")}


def attacks():
    return subprocess.run([HOSTILE, "list"], capture_output=True, text=True, timeout=20, check=True).stdout.split()


def outcome_of_exit(code):
    """How a worker ended, in the words of the tests: SIGSYS, SIGSEGV, exit 85, step 9."""
    if code >= 512:
        return f"step {code - 512}"
    return signal.Signals(code - 256).name if code >= 256 else f"exit {code}"


class Cell:
    prefix = []  # a program that starts the zygote: strace, in the tests of faults

    def __init__(self, binary=HOSTILE, user=None, off=(), heap_mib=0):
        ours, theirs = wire.pair()
        gateway, gateway_theirs = wire.pair()
        self.slot, self.heap_mib, self.closed, self.heard = 0, heap_mib, False, []
        self.bundle = os.memfd_create("bundle")
        os.write(self.bundle, BUNDLE)

        def arrange():
            os.dup2(theirs.fileno(), 3)
        off = [layer for name in off for layer in (CREDENTIALS if name == "credentials" else [name])]
        # A zygote is replaced after some thousand workers; here it must last, to see whether it grows.
        environment = {"VITRINE_HOSTILE_OFF": ",".join(off), "VITRINE_LIMIT_ZYGOTE_SPAWNS": "1000000"}
        # Under another user the binary must be reachable: it is opened here and executed through its descriptor.
        self.program = os.open(binary, os.O_RDONLY)
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen([*self.prefix, f"/proc/self/fd/{self.program}", "zygote"], pass_fds=(3, self.program), preexec_fn=arrange,
                                        stdin=subprocess.PIPE, stdout=self.log, stderr=self.log, env=environment, user=user, group=user, extra_groups=[] if user else None)
        theirs.close()
        self.control, self.gateway = wire.Channel(ours), wire.Channel(gateway)
        ours.settimeout(20)
        gateway.settimeout(20)
        self.control.send("launcher_config", {"key": "worker_uid_base", "value": str(UID_BASE)})
        self.control.send("launcher_peer", {"role": ROLE_GATEWAY}, fds=[gateway_theirs.fileno()])
        self.control.send("launcher_start")
        gateway_theirs.close()
        ready = self.control.receive()
        if not ready or ready[0] != "child_ready":
            words = self.output().decode(errors="replace")
            self.close()
            raise AssertionError(f"the zygote did not start: {words}")

    def spawn(self):
        self.slot = self.slot % 4000 + 1
        return Prisoner(self, self.slot)

    def attack(self, name):
        """Runs one attack in a fresh worker: "got", the name of an error, or how the worker ended."""
        prisoner = self.spawn()
        try:
            return prisoner.attack(name)
        finally:
            prisoner.end()

    def message_for(self, slot, name, field):
        """The zygote's next word of this kind about a slot; what it says about others is kept for them."""
        while True:
            for message in self.heard:
                if message[0] == name and message[2]["slot"] == slot:
                    self.heard.remove(message)
                    return message[2][field]
            message = self.gateway.receive()
            if message is None:
                raise AssertionError("the zygote is gone")
            self.heard.append(message)

    def pid_of_zygote(self):
        return self.process.pid

    def children(self):
        return read_text(f"/proc/{self.process.pid}/task/{self.process.pid}/children").split()

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd")) if IS_ROOT else 0

    def memory_kib(self):
        for line in read_text(f"/proc/{self.process.pid}/status").splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1])
        return 0

    def output(self):
        """All that the zygote and its workers wrote to their descriptors 1 and 2."""
        self.log.seek(0)
        return self.log.read(1 << 20)

    def close_control(self):
        """The launcher is gone: the zygote ends, and its workers with it."""
        self.control.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def close(self):
        if self.closed:
            return
        self.closed = True
        if self.process.returncode is None:
            self.close_control()
        self.process.stdin.close()
        self.gateway.close()
        self.log.close()
        os.close(self.program)
        os.close(self.bundle)


class Prisoner:
    """One worker. Its exit is known from the zygote."""

    def __init__(self, cell, slot):
        self.cell, self.slot, self.exit = cell, slot, None
        ours, theirs = wire.pair()
        window, page = os.memfd_create("window"), os.memfd_create("page")
        os.ftruncate(window, WINDOW_BYTES)
        os.ftruncate(page, 4096)
        cell.gateway.send("zygote_spawn", {"slot": slot, "heap_mib": cell.heap_mib}, fds=[cell.bundle, theirs.fileno(), window, page])
        for fd in (window, page):
            os.close(fd)
        theirs.close()
        ours.settimeout(20)
        self.sock = ours
        self.channel = wire.Channel(ours)
        self.pid = cell.message_for(slot, "zygote_spawned", "pid")

    def start(self, name, event=1):
        self.channel.send("worker_begin", {"wall_ms": 1700000000000, "seed": 1, "limits": ""})
        self.channel.send("event_start", {"function": 1, "wall_ms": 1700000000000, "data": json.dumps([name]), "state": "{}", "request": "{}"},
                          stream=event)

    def attack(self, name):
        try:
            self.start(name)
        except OSError:
            return self.wait()
        try:
            while packet := self.sock.recv(1 << 17):
                answer = self.answer_in(packet)
                if answer:
                    return answer
        except ConnectionResetError:
            pass  # it died with our question unread
        return self.wait()

    def answer_in(self, packet):
        """The attack's own word, among whatever else it sends."""
        if struct.unpack_from("<H", packet.ljust(16))[0] != wire.TABLE["event_done"][0]:
            return None
        return json.loads(wire.unpack("event_done", packet[16:])["data"])[0]

    def wait(self):
        if self.exit is None:
            self.exit = self.cell.message_for(self.slot, "zygote_exited", "exit")
        return outcome_of_exit(self.exit)

    def end(self):
        self.sock.close()
        self.wait()


CONTROL = """
mount -t tmpfs tmpfs /tmp && touch /tmp/vitrine-file && exec 5</etc
sleep 30 & victim=$!
for name in "$@"; do
    echo "begin $name"
    unshare --mount /proc/self/fd/4 free "$name=$victim"
    echo "end $?"
    touch /tmp/vitrine-file
done
kill $victim
"""


def free(names):
    """The control: each attack with nothing in its way. As root, with every right that this machine gives, but in mount, PID, IPC
    and UTS namespaces of its own, so that the machine outlives it. Its victim is a process beside it. name → "got", the name
    of an error, "ran" when the attack became another program, or "ended with N"."""
    session, other = wire.pair()
    high = [os.dup2(session.fileno(), 103), os.dup2(os.open(HOSTILE, os.O_RDONLY), 104)]
    command = ["unshare", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", CONTROL, "control", *names]

    def arrange():
        os.dup2(103, 3)
        os.dup2(104, 4)
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, pass_fds=(3, 4), preexec_fn=arrange)
    for fd in high:
        os.close(fd)
    session.close()
    other.close()
    found, known = {}, set(attacks())
    for part in result.stdout.split("begin ")[1:]:
        lines = part.splitlines()
        code = next((line[4:] for line in lines if line.startswith("end ")), "?")
        words = [line for line in lines[1:] if line and line != f"end {code}"]
        became_other = code == "0" and (not words or words[0] in known)
        found[lines[0]] = "ran" if became_other else words[0] if words else f"ended with {code}"
    return found


def leftovers():
    """What an attack could have left on the machine."""
    found = {folder: sorted(name for name in os.listdir(folder) if name.startswith("vitrine-escape") or name in MADE)
             for folder in ("/tmp", "/dev/shm", "/run") if os.path.isdir(folder)}
    for table in ("shm", "sem", "msg"):
        found[table] = len(read_text(f"/proc/sysvipc/{table}").splitlines())
    return found


def wait_until(condition, seconds=10):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.02)
    return bool(condition())
