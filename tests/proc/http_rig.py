"""calls_rig with a store that answers HTTP and knows several demos: for tests of the gateway as a web server."""
import http.server
import json
import os
import socket
import tempfile
import threading

import wire
from calls_rig import Rig, echo, function, manifest


class StoreHandler(http.server.BaseHTTPRequestHandler):
    """What the played store answers. Paths say what it does; /echo gives back what arrived."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def address_string(self):
        return "gateway"

    def body(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            pieces = []
            while (size := int(self.rfile.readline() or b"0", 16)) > 0:  # nothing: the gateway broke it off
                pieces.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(pieces)
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def reply(self, status, body, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def chunks(self, count, size):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for i in range(count):
                piece = bytes([i % 256]) * size
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                self.server.rig.chunks_written = i + 1
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.server.rig.store_cut.set()

    def handle_one(self):
        path = self.path.split("?")[0]
        if path == "/drop":
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        elif path == "/half":
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"half")
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        elif path == "/chunks":
            self.chunks(1000, 65536)
        elif path == "/file":
            self.body()
            self.reply(200, b"<script>", Content_Type="text/html", Content_Security_Policy="sandbox")
        elif path == "/slow":
            self.server.rig.let_go.wait(10)
            self.reply(200, b"slow")
        elif path.startswith("/missing"):
            self.body()
            self.reply(404, b"{}", Content_Type="application/json")
        else:
            body = self.body()
            seen = {"method": self.command, "target": self.path, "length": len(body), "headers": {k.lower(): v for k, v in self.headers.items()}}
            self.reply(200, json.dumps(seen).encode(), Content_Type="application/json", X_Vitrine_Secret="no",
                       X_Frame_Options="ALLOWALL", Set_Cookie="vitrine_session=x")

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = do_PATCH = handle_one


class HttpRig(Rig):
    """Demos: ann/rig (lua), ann/files (static), eve/secret (private), eve/paused, eve/empty (nothing published),
    eve/framed (only example.org frames it), ann-rig--abcdef0 (a preview)."""

    STATIC = {"index.html": b"<h1>static</h1>", "sub/index.html": b"sub", "a.txt": bytes(range(256)) * 40, ".env": b"secret",
              "404.html": b"<p>not here</p>", "run.bin": b"x"}

    def __init__(self, config=None, env=None):
        self.let_go, self.store_cut, self.chunks_written, self.lookups = threading.Event(), threading.Event(), 0, []
        self.settings = {}
        super().__init__([function(1, "echo"), function(8, "plain", queue=False)], {1: echo, 8: echo}, config, env)

    def access_lines(self):
        """The access log; the gateway's own log lines are in the same file."""
        lines = os.pread(self.log.fileno(), 1 << 24, 0).splitlines()
        return [row for row in map(json.loads, lines) if "program" not in row]

    def publish(self, functions, **more):
        super().publish(functions, **more)
        self.release_bytes[50] = wire.bundle({
            **self.STATIC, ".vitrine/manifest.json": json.dumps({"sdk": "static", "title": "Files"}).encode()})
        self.release_bytes[51] = wire.bundle({".vitrine/manifest.json": manifest(functions, tree_digest="t", title="Before"),
                                              ".vitrine/page.html": b"<p>before</p>", ".vitrine/config.json": b"{}",
                                              ".vitrine/info.json": b"{}"})
        self.release_bytes[52] = b"VTRNBND1 not really"

    DEMOS = {"ann/rig": (7, None), "ann/files": (8, 50), "eve/secret": (9, 50), "eve/paused": (10, 50), "eve/empty": (11, 0),
             "eve/framed": (12, 50), "eve/broken": (13, 52), "eve/closed": (14, 50)}

    def store_demo_lookup(self, channel, values, _):
        name = values["name"].decode()
        self.lookups.append(name)
        preview = name == "ann-rig--abcdef0"
        keys = {name, name.replace("-", "/", 1)} if not preview else {"ann/rig"}
        full = next((key for key in self.DEMOS if key in keys or str(self.DEMOS[key][0]) == name), None)
        if full is None:
            channel.send("demo_found", {"request": values["request"], "status": 4})
            return
        number, release = self.DEMOS[full]
        owner, short = full.split("/")
        settings = {"stage": "SLEEPING", "stage_reason": "line 3 is wrong" if short == "empty" else "", "private": short == "secret",
                    "paused": short == "paused", "idle_ms": None, "custom_headers": {},
                    "embedding": {"disabled": short == "closed", "parents": ["https://example.org"] if short == "framed" else []},
                    **self.settings}
        channel.send("demo_found", {
            "request": values["request"], "status": 0, "demo_id": number, "owner": owner, "name": short,
            "release_id": 51 if preview else self.release if release is None else release, "commit": "c" * 40,
            "digest": self.digest, "settings": json.dumps(settings)})

    def store_identify(self, channel, values, _):
        """Nobody is signed in here; any answer says that the store is there."""
        channel.send("identity", {"request": values["request"], "status": 4, "account_id": 0, "name": "", "role": ""})

    TOKENS = {b"hf_eve": "eve", b"hf_ann": "ann"}

    def store_identify(self, channel, values, _):
        name = self.TOKENS.get(values["token"])
        channel.send("identity", {"request": values["request"], "status": 0 if name else 4, "account_id": 1 if name else 0,
                                  "name": name or "", "role": "read"})

    def store_store_connect(self, channel, values, fds):
        sock = socket.socket(fileno=os.dup(fds[0]))
        sock.setblocking(True)
        threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        class Server:
            rig = self
        try:
            StoreHandler(sock, ("gateway", 0), Server)
        except OSError:
            pass
        finally:
            sock.close()

    def raw(self, data, timeout=3, host="127.0.0.1"):
        """Sends bytes, returns all that comes until the server closes or nothing comes for `timeout`."""
        with socket.create_connection((host, self.port), timeout) as sock:
            sock.sendall(data if isinstance(data, bytes) else data.replace("{HOST}", f"localhost:{self.port}").encode("latin-1"))
            out = b""
            try:
                while piece := sock.recv(65536):
                    out += piece
            except OSError:
                pass
            return out

    def demo(self, label, path="/", method="GET", headers=None, body=None):
        return self.request(method, path, body, {"Host": f"{label}.localhost:{self.port}", **(headers or {})})


if __name__ == "__main__":
    import sys
    rig = HttpRig(env={"VITRINE_ACCESS_LOG": "0", **{f"VITRINE_LIMIT_{k}": "0" for k in (
        "REQUESTS_PER_SECOND", "CONNECTIONS_PER_ADDRESS", "JOINS_PER_SECOND")}})
    print(rig.port, flush=True)
    sys.stdin.read()
    rig.stop()
