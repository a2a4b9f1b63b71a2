"""The internal frames of vitrine, spoken from Python: message numbers and fields come from runtime/wire/message.def."""
import os
import re
import socket
import struct

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FRAGMENT = 61440


def load_table():
    text = open(os.path.join(ROOT, "runtime/wire/message.def"), encoding="utf-8").read()
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    table, number = {}, 0
    for match in re.finditer(r"^MESSAGE\((\w+),[^,]*,[^,]*,\s*(\d+),\s*(\d+),(.*)\)\s*$", text, flags=re.M):
        number += 1
        fields = re.findall(r"(U8|U32|U64|TEXT)\((\w+)\)", match[4])
        table[match[1]] = (number, fields, int(match[2]))
    return table


TABLE = load_table()
NAMES = {row[0]: name for name, row in TABLE.items()}
FORMATS = {"U8": "<B", "U32": "<I", "U64": "<Q"}


def pack(name, values):
    out = b""
    for kind, field in TABLE[name][1]:
        value = values.get(field, b"" if kind == "TEXT" else 0)
        if kind == "TEXT":
            value = value.encode() if isinstance(value, str) else value
            out += struct.pack("<I", len(value)) + value
        else:
            out += struct.pack(FORMATS[kind], value)
    return out


def unpack(name, body):
    values, at = {}, 0
    for kind, field in TABLE[name][1]:
        if kind == "TEXT":
            (length,) = struct.unpack_from("<I", body, at)
            values[field] = body[at + 4:at + 4 + length]
            at += 4 + length
        else:
            (values[field],) = struct.unpack_from(FORMATS[kind], body, at)
            at += struct.calcsize(FORMATS[kind])
    assert at == len(body), name
    return values


class Channel:
    """One end of a SOCK_SEQPACKET pair. Blocking; receive() gives (name, stream, values, fds) or None at the end."""

    def __init__(self, sock):
        self.sock = sock
        self.waiting = []
        self.partial = {}

    def send(self, name, values=None, stream=0, fds=()):
        number = TABLE[name][0]
        body = pack(name, values or {})
        pieces = [body[i:i + FRAGMENT] for i in range(0, len(body), FRAGMENT)] or [b""]
        for i, piece in enumerate(pieces):
            more = 1 if i + 1 < len(pieces) else 0
            frame = struct.pack("<HHIQ", number, more, len(piece), stream) + piece
            if fds and i == 0:
                socket.send_fds(self.sock, [frame], list(fds))
            else:
                self.sock.send(frame)

    def receive(self):
        while not self.waiting:
            try:
                packet, fds, _, _ = socket.recv_fds(self.sock, 65536, 8)
            except OSError:
                return None
            if not packet:
                return None
            self.split(packet, list(fds))
        return self.waiting.pop(0)

    def split(self, packet, fds):
        at = 0
        while at < len(packet):
            number, more, length, stream = struct.unpack_from("<HHIQ", packet, at)
            body = packet[at + 16:at + 16 + length]
            at += 16 + length
            name = NAMES[number]
            whole = self.partial.pop((name, stream), b"") + body
            if more:
                self.partial[name, stream] = whole
                continue
            take, fds = fds[:TABLE[name][2]], fds[TABLE[name][2]:]
            self.waiting.append((name, stream, unpack(name, whole), take))

    def close(self):
        self.sock.close()


def pair():
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def fnv(data, value=0xcbf29ce484222325):
    for byte in data:
        value = ((value ^ byte) * 0x100000001b3) & 0xffffffffffffffff
    return value


def bundle(files):
    """A bundle file (runtime/base/bundle.h) with these name → bytes."""
    names = sorted(name.encode() for name in files)
    joined = b"".join(names)
    offset = 64 + 40 * len(names) + len(joined)
    index, contents, name_offset = b"", b"", 0
    for name in names:
        data = files[name.decode()]
        padding = -(offset + len(contents)) % 16
        contents += b"\0" * padding
        flags = 2 if name.startswith(b".vitrine/") else 0
        index += struct.pack("<QQQIHHQ", offset + len(contents), len(data), fnv(data), name_offset, len(name), flags, 0)
        contents += data
        name_offset += len(name)
    length = offset + len(contents)
    header = b"VTRNBND1" + struct.pack("<IIQQQQ", 1, len(names), 64, len(joined), length, fnv(index + joined))
    return header.ljust(64, b"\0") + index + joined + contents
