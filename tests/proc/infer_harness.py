"""Plays launcher, gateway and store for vitrine-infer: frames over SOCK_SEQPACKET pairs, bundles, tensors and small
ONNX models, all made by hand from the formats' descriptions."""

import array
import json
import math
import os
import pathlib
import re
import select
import shutil
import socket
import struct
import subprocess
import tempfile
import time
import zlib

import wire

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARIES = pathlib.Path(os.environ.get("VITRINE_BIN") or pathlib.Path(os.environ.get("VITRINE_BUILD", ROOT / "build/debug")) / "bin")
ROLES = {name.lower(): 1 << int(bit) for name, bit in re.findall(r"ROLE_(\w+) = 1 << (\d+)", (ROOT / "runtime/wire/message.h").read_text())}


# What bounds on time are multiplied with: the sanitizers' build computes several times slower.
SANITIZED = b"__asan_init" in (BINARIES / "vitrine-infer").read_bytes()
SLOWNESS = 8 if SANITIZED else 1
# In that build: the search for leaks needs calls that no locked process has, signals are the tests' business, and freed
# memory is not kept back for long, or it would look like a leak.
SANITIZER = "detect_leaks=0:handle_segv=0:handle_abort=0:handle_sigill=0:handle_sigfpe=0:handle_sigbus=0:quarantine_size_mb=1"


class Peer:
    """One end of a channel."""

    def __init__(self):
        self.socket, self.other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.inbox, self.partial = [], {}

    def send(self, message, /, fds=(), **values):
        body, number = wire.pack(message, values), wire.TABLE[message][0]
        pieces = [body[i:i + 61440] for i in range(0, len(body), 61440)] or [b""]
        for i, piece in enumerate(pieces):
            more = i < len(pieces) - 1
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds and not more else []
            self.socket.sendmsg([struct.pack("<HHIQ", number, int(more), len(piece), 0) + piece], rights)

    def receive(self, timeout=20):
        """The next message: (name, values)."""
        deadline = time.monotonic() + timeout
        while not self.inbox:
            ready, _, _ = select.select([self.socket], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError("no message")
            packet = self.socket.recv(1 << 17)
            if not packet:
                raise EOFError("the process closed its channel")
            self.take(packet)
        return self.inbox.pop(0)

    def take(self, packet):
        while packet:
            number, flags, length, stream = struct.unpack_from("<HHIQ", packet)
            body = self.partial.pop(stream, b"") + packet[16:16 + length]
            packet = packet[16 + length:]
            if flags & 1:
                self.partial[stream] = body
            else:
                self.inbox.append((wire.NAMES[number], wire.unpack(wire.NAMES[number], body)))

    def close(self):
        self.socket.close()


# -- bundles ---------------------------------------------------------------------------------------------------------

def bundle_fd(files):
    with tempfile.TemporaryFile() as file:
        file.write(wire.bundle(files))
        file.flush()
        return os.open(f"/proc/self/fd/{file.fileno()}", os.O_RDONLY)


def digits(**changes):
    """The repository of the model of examples/digits, with some files replaced."""
    folder = ROOT / "examples/digits/model"
    names = ["config.json", "preprocessor_config.json", "onnx/model.onnx"]
    files = {name: (folder / name).read_bytes() for name in names}
    files.update({name: content for name, content in changes.get("files", {}).items()})
    return files


# -- tensors ---------------------------------------------------------------------------------------------------------

TYPES = {"float32": (1, "f"), "uint8": (2, "B"), "int8": (3, "b"), "uint16": (4, "H"), "int16": (5, "h"), "int32": (6, "i"), "int64": (7, "q"),
         "string": (8, ""), "bool": (9, "?"), "float16": (10, "e"), "float64": (11, "d"), "uint32": (12, "I"), "uint64": (13, "Q")}


def elements(kind, values):
    if kind == "string":
        return b"".join(struct.pack("<I", len(each.encode())) + each.encode() for each in values)
    return bytes(values) if kind == "uint8" else struct.pack(f"<{len(values)}{TYPES[kind][1]}", *values)


def read_elements(letter, raw):
    if letter:
        return list(struct.unpack(f"<{len(raw) // struct.calcsize(letter)}{letter}", raw))
    found = []
    while raw:
        (length,) = struct.unpack_from("<I", raw)
        found.append(raw[4:4 + length].decode())
        raw = raw[4 + length:]
    return found


def tensors(*items):
    """items: (name, type, shape, values) inline, or (name, type, shape, (offset, length)) in the window."""
    out = struct.pack("<I", len(items))
    for name, kind, shape, values in items:
        placed = isinstance(values, tuple)
        out += struct.pack("<I", len(name)) + name.encode() + struct.pack("<BBBB", TYPES[kind][0], len(shape), int(placed), 0)
        out += b"".join(struct.pack("<Q", size) for size in shape)
        if placed:
            out += struct.pack("<QQ", *values)
        else:
            data = elements(kind, values)
            out += struct.pack("<Q", len(data)) + data
    return out


def read_tensors(data, window=None):
    (count,), at, found = struct.unpack_from("<I", data), 4, {}
    kinds = {number: letter for number, letter in TYPES.values()}
    for _ in range(count):
        (length,) = struct.unpack_from("<I", data, at)
        name = data[at + 4:at + 4 + length].decode()
        kind, rank, placed, _ = struct.unpack_from("<BBBB", data, at + 4 + length)
        at += 8 + length
        shape = struct.unpack_from(f"<{rank}Q", data, at)
        at += 8 * rank
        if placed:
            offset, size = struct.unpack_from("<QQ", data, at)
            at, raw = at + 16, window[offset:offset + size]
        else:
            (size,) = struct.unpack_from("<Q", data, at)
            raw = data[at + 8:at + 8 + size]
            at += 8 + size
        found[name] = (list(shape), read_elements(kinds[kind], raw))
    assert at == len(data)
    return found


# -- models made by hand: just enough protobuf -----------------------------------------------------------------------

def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def member(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def value_info(name, kind, shape):
    dims = b"".join(member(1, member(2, size) if isinstance(size, str) else member(1, size)) for size in shape)
    return member(1, name) + member(2, member(1, member(1, kind) + member(2, dims)))


def node(op, inputs, outputs, attributes=b"", domain=""):
    return (b"".join(member(1, name) for name in inputs) + b"".join(member(2, name) for name in outputs) + member(4, op) +
            attributes + (member(7, domain) if domain else b""))


def onnx(nodes, inputs, outputs, initializers=(), domains=("",)):
    graph = b"".join(member(1, each) for each in nodes) + member(2, "g") + b"".join(member(5, each) for each in initializers)
    graph += b"".join(member(11, value_info(*each)) for each in inputs) + b"".join(member(12, value_info(*each)) for each in outputs)
    imports = b"".join(member(8, (member(1, domain) if domain else b"") + member(2, 1 if domain else 14)) for domain in domains)
    return member(1, 7) + imports + member(7, graph)


def scalar_int64(name, values):
    return b"".join(member(1, size) for size in [len(values)]) + member(2, 7) + member(8, name) + member(9, struct.pack(f"<{len(values)}q", *values))


def model_add(shape=("n", 2)):
    """sum = a + b."""
    return onnx([node("Add", ["a", "b"], ["sum"])], [("a", 1, shape), ("b", 1, shape)], [("sum", 1, shape)])


def model_same(kind, shape=("n",)):
    """Gives back what it gets, of any type."""
    number = TYPES[kind][0]
    return onnx([node("Identity", ["in"], ["out"])], [("in", number, shape)], [("out", number, shape)])


def model_endless():
    """A loop whose number of rounds is the input: as long as one likes."""
    body = member(1, node("Identity", ["keep"], ["again"])) + member(1, node("Add", ["x", "x"], ["y"])) + member(2, "body")
    body += b"".join(member(11, value_info(*each)) for each in [("i", 7, ()), ("keep", 9, ()), ("x", 1, (1,))])
    body += b"".join(member(12, value_info(*each)) for each in [("again", 9, ()), ("y", 1, (1,))])
    attribute = member(5, member(1, "body") + member(6, body) + member(20, 5))
    return onnx([node("Loop", ["rounds", "", "start"], ["end"], attribute)], [("rounds", 7, ()), ("start", 1, (1,))], [("end", 1, (1,))])


def model_chain(length, side):
    """x, rows of `side` numbers, multiplied `length` times by the same matrix, an input too: slow, but one operator is quick."""
    names = ["x"] + [f"t{i}" for i in range(length - 1)] + ["y"]
    nodes = [node("MatMul", [names[i], "w"], [names[i + 1]]) for i in range(length)]
    return onnx(nodes, [("x", 1, ("n", side)), ("w", 1, (side, side))], [("y", 1, ("n", side))])


def model_slow(length, side):
    """The same with the matrix inside (a unit matrix times `length` rounds): takes batches along x's rows."""
    unit = b"".join(struct.pack("<f", float(i == j)) for i in range(side) for j in range(side))
    matrix = member(1, side) + member(1, side) + member(2, 1) + member(8, "w") + member(9, unit)
    names = ["x"] + [f"t{i}" for i in range(length - 1)] + ["y"]
    nodes = [node("MatMul", [names[i], "w"], [names[i + 1]]) for i in range(length)]
    return onnx(nodes, [("x", 1, ("n", side))], [("y", 1, ("n", side))], [matrix])


def model_hungry():
    """Makes a tensor as large as the input says."""
    value = member(1, 1) + member(2, 1) + member(9, struct.pack("<f", 1.0))
    attribute = member(5, member(1, "value") + member(5, value) + member(20, 4))
    return onnx([node("ConstantOfShape", ["size"], ["all"], attribute), node("ReduceSum", ["all"], ["out"])],
                [("size", 7, (1,))], [("out", 1, ("n",))])


# -- pictures --------------------------------------------------------------------------------------------------------

def read_png(path):
    """(width, height, channels, pixels) of an 8-bit PNG without interlace."""
    data, at, raw = path.read_bytes(), 8, b""
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        chunk = data[at + 8:at + 8 + length]
        if kind == b"IHDR":
            width, height, depth, colour = struct.unpack_from(">IIBB", chunk)
        elif kind == b"IDAT":
            raw += chunk
        at += 12 + length
    assert depth == 8
    channels, raw = {0: 1, 2: 3, 4: 2, 6: 4}[colour], zlib.decompress(raw)
    stride, before, out = width * channels, bytes(width * channels), bytearray()
    for row in range(height):
        kind, line = raw[row * (stride + 1)], bytearray(raw[row * (stride + 1) + 1:(row + 1) * (stride + 1)])
        for i in range(stride):
            left, up = line[i - channels] if i >= channels else 0, before[i]
            corner = before[i - channels] if i >= channels else 0
            guess = left + up - corner
            paeth = min((left, up, corner), key=lambda each: abs(guess - each))
            line[i] = line[i] + (0, left, up, (left + up) // 2, paeth)[kind] & 255
        out += line
        before = bytes(line)
    return width, height, channels, bytes(out)


def digit_pixels(name):
    """A drawing as the demo prepares it: white ink on black, in the middle of 28 × 28."""
    width, height, channels, pixels = read_png(ROOT / "examples/digits" / name)
    alpha = channels in (2, 4)
    def ink(x, y):
        at = (y * width + x) * channels
        grey = sum(pixels[at:at + channels - alpha]) / (channels - alpha)
        return 255 - (grey * pixels[at + channels - 1] / 255 + 255 - pixels[at + channels - 1] if alpha else grey)
    grey = [[ink(x, y) for x in range(width)] for y in range(height)]
    rows = [y for y in range(height) if max(grey[y]) > 40]
    columns = [x for x in range(width) if max(row[x] for row in grey) > 40]
    side = math.ceil(max(rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1) * 28 / 20)
    top, left = rows[0] - (side - (rows[-1] - rows[0] + 1)) // 2, columns[0] - (side - (columns[-1] - columns[0] + 1)) // 2
    def at(x, y):
        return grey[y][x] if 0 <= x < width and 0 <= y < height else 0
    return side, bytes(int(at(left + x, top + y)) for y in range(side) for x in range(side))


# -- the process -----------------------------------------------------------------------------------------------------

def ordinary_binaries():
    """A copy that every account may run, wherever the build stands."""
    folder = tempfile.TemporaryDirectory(prefix="vitrine-infer-")
    os.chmod(folder.name, 0o755)
    root = pathlib.Path(folder.name)
    (root / "bin").mkdir()
    (root / "lib/vitrine").mkdir(parents=True)
    shutil.copy2(BINARIES / "vitrine-infer", root / "bin")
    for library in (BINARIES.parent / "lib/vitrine").glob("libonnxruntime*"):
        shutil.copy2(library, root / "lib/vitrine")
    return folder


class Infer:
    """A running vitrine-infer whose launcher, gateway and store we are."""

    def __init__(self, ordinary=False, **config):
        self.folder = ordinary_binaries() if ordinary else None
        folder = pathlib.Path(self.folder.name) / "bin" if ordinary else BINARIES
        identity = {"user": 65534, "group": 65534, "extra_groups": []} if ordinary and os.geteuid() == 0 else {}
        self.control, self.gateway, self.store = Peer(), Peer(), Peer()
        self.models, self.asked, self.next_job, self.results = {}, [], 0, {}
        self.readers, self.asked_for = {}, []  # private models: name → demos that may use it; whom questions were for
        self.digests = {}  # of releases that are not the first
        child_end = self.control.other.fileno()
        def prepare():
            os.dup2(child_end, 3)
        self.process = subprocess.Popen([folder / "vitrine-infer"], preexec_fn=prepare, pass_fds=[3],
                                        env={**os.environ, "ASAN_OPTIONS": SANITIZER}, **identity)
        self.control.other.close()
        for key, value in config.items():
            self.control.send("launcher_config", key=key, value=str(value))
        for name, peer in (("gateway", self.gateway), ("store", self.store)):
            self.hand_over(name, peer)
        self.control.send("launcher_start")
        assert self.control.receive()[0] == "child_ready"

    def hand_over(self, name, peer):
        self.control.send("launcher_peer", [peer.other.fileno()], role=ROLES[name])
        peer.other.close()

    def job(self, model, op="run", arguments="{}", data=b"", demo=1, slot=0):
        self.next_job += 1
        self.gateway.send("infer_job", job=self.next_job, slot=slot, demo_id=demo, model=model, op=op, arguments=arguments, tensors=data)
        return self.next_job

    def serve_store(self, timeout=0):
        """Answers what the store is asked."""
        while True:
            try:
                name, values = self.store.receive(timeout)
            except TimeoutError:
                return
            assert name == "model_open", name
            self.asked.append(values["name"].decode())
            self.asked_for.append(values["demo_id"])
            self.answer_store(values["request"], values["name"].decode(), values["demo_id"])

    def answer_store(self, request, name, demo=1):
        if name not in self.models or demo not in self.readers.get(name, [demo]):
            self.store.send("model_missing", request=request, status=4, reason="there is no such model")
            return
        fd = bundle_fd(self.models[name])
        self.store.send("model_opened", [fd], request=request, shared=name not in self.readers, owner=name.split("/")[0],
                        digest=self.digests.get(name, f"d-{name}"))
        os.close(fd)

    def result(self, job, timeout=20):
        """(status, body, tensors) of a job, whatever order they come in."""
        deadline = time.monotonic() + timeout
        while job not in self.results:
            self.serve_store()
            try:
                name, values = self.gateway.receive(0.02)
            except TimeoutError:
                if time.monotonic() > deadline:
                    raise
                continue
            assert name == "infer_result" and values["job"] not in self.results, (name, values)
            self.results[values["job"]] = (values["status"], values["body"].decode(), values["tensors"])
        return self.results[job]

    def fetch(self, model, held, offset, slot, length=None):
        """The second step of a large answer: where in the window it goes."""
        arguments = json.dumps({"held": held["held"], "offset": offset, "length": length or held["bytes"]})
        return self.call(model, "fetch", arguments, slot=slot)

    def call(self, model, *arguments, **named):
        return self.result(self.job(model, *arguments, **named))

    def trial(self, files, name="ann/new", timeout=20):
        fd = bundle_fd(files)
        self.store.send("model_try", [fd], request=77, name=name)
        os.close(fd)
        kind, values = self.store.receive(timeout)
        assert kind == "model_tried" and values["request"] == 77
        return values["status"], values["reason"].decode()

    def children(self):
        """Process ids of the models' processes (the nursery's children)."""
        def of(pid):
            return [int(each) for each in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        return [child for nursery in of(self.process.pid) for child in of(nursery)]

    def close(self):
        for peer in (self.control, self.gateway, self.store):
            peer.close()
        if self.folder:
            self.folder.cleanup()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
