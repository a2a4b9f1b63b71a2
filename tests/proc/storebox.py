"""A store on its own: this module plays launcher, gateway and inference backend for a real vitrine-store.

The messages are read from runtime/wire/message.def, so that this file needs no change when a message gets a field. Cages are
run without walls: real git with the real hook, and instead of the worker a describe function given by the test.
"""
import array
import http.client
import json
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time

import wire

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.environ.get("VITRINE_BIN", os.path.join(ROOT, "build", "debug", "bin"))
ROLES = {"LAUNCHER": 1, "GATEWAY": 2, "STORE": 4, "ZYGOTE": 8, "WORKER": 16, "INFER": 32}
PAGES = "account api code demo demo_head error gallery layout login logs model settings".split()


def unpack(name, body):
    """A message's fields; texts are str here."""
    return {field: value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value
            for field, value in wire.unpack(name, body).items()}


class Channel:
    """One end of a framed channel; messages that nobody waits for are kept in `heard`."""

    def __init__(self, end, on_message):
        self.socket = end
        self.on_message = on_message
        self.partial = {}
        self.lock = threading.Lock()
        threading.Thread(target=self.run, daemon=True).start()

    def send(self, message, fds=(), **values):
        body = wire.pack(message, values)
        pieces = [body[at:at + 61440] for at in range(0, len(body), 61440)] or [b""]
        for index, piece in enumerate(pieces):
            more = 1 if index + 1 < len(pieces) else 0
            frame = struct.pack("<HHIQ", wire.TABLE[message][0], more, len(piece), 0) + piece
            extra = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds and index == 0 else []
            with self.lock:
                self.socket.sendmsg([frame], extra)

    def run(self):
        with self.socket:
            self.listen()

    def listen(self):
        while True:
            try:
                packet, extra, _, _ = self.socket.recvmsg(65536, socket.CMSG_SPACE(4 * 16))
            except OSError:
                return
            if not packet:
                return
            fds = [fd for level, kind, data in extra for fd in array.array("i", data[:len(data) // 4 * 4])]
            while packet:
                number, flags, length, _ = struct.unpack_from("<HHIQ", packet)
                body, packet = packet[16:16 + length], packet[16 + length:]
                body = self.partial.pop(number, b"") + body
                if flags & 1:
                    self.partial[number] = body
                    continue
                self.on_message(self, wire.NAMES[number], unpack(wire.NAMES[number], body), fds)


def read_stage(stream):
    files = {}
    while True:
        path_length, _mode, size = struct.unpack("<IIQ", stream.read(16))
        if path_length == 0:
            return files
        path = stream.read(path_length).decode()
        files[path] = stream.read(size)


def describe_plain(files, model):
    """What the describe cage does for a demo without surprises: exit status, bundle files, report."""
    title = "Untitled"
    for line in files.get("README.md", b"").decode().splitlines():
        if line.startswith("title: "):
            title = line[7:]
    manifest = {"sdk": "model" if model else "lua", "title": title, "emoji": "🔢", "card": {"colorFrom": "red", "tags": ["x"]},
                "readme_html": "<p>hello</p><script>alert(1)</script>", "models": [] if model else ["ann/net"],
                "functions": [{"id": 0, "api_name": "greet", "inputs": [1], "outputs": [2]}], "tree_digest": "00"}
    made = dict(files)
    made[".vitrine/manifest.json"] = json.dumps(manifest).encode()
    if not model:
        info = {"named_endpoints": {"/greet": {"parameters": [{"label": "Name", "parameter_name": "name", "component": "Textbox",
                "type": {"type": "string"}, "example_input": "Ada"}], "returns": [{"label": "Out", "component": "Textbox",
                "type": {"type": "string"}}]}}, "unnamed_endpoints": {}}
        made[".vitrine/config.json"] = b'{"version":"6"}'
        made[".vitrine/info.json"] = json.dumps(info).encode()
        made[".vitrine/page.html"] = b"<p>page</p>"
    return 0, made, ""


class StoreBox:
    def __init__(self, describe=describe_plain, data=None, environment=None, before_exec=None):
        self.before_exec = before_exec or (lambda: None)  # runs in the store's process, before it is one
        self.broken_cages = set()  # "git", "describe": what the launcher cannot start
        self.folder = tempfile.mkdtemp(prefix="vitrine-store-test-")
        self.data = data or os.path.join(self.folder, "data")
        self.describe = describe
        self.environment = environment or {}
        self.heard = []
        self.answers = {}
        self.condition = threading.Condition()
        self.cages = {}
        self.requests = 0
        self.before_exit = lambda: None  # called when a receive-pack has ended, before the store hears it
        self.try_model = lambda name: (0, "")
        os.makedirs(os.path.join(self.folder, "share", "kit"))
        os.makedirs(os.path.join(self.folder, "hooks"))
        os.symlink(os.path.join(BIN, "vitrine-hook"), os.path.join(self.folder, "hooks", "pre-receive"))
        os.symlink(os.path.join(ROOT, "ui-kit", "pages"), os.path.join(self.folder, "share", "pages"))
        with open(os.path.join(self.folder, "share", "kit", "manifest.json"), "w") as file:
            json.dump({"files": {name: {"name": name} for name in ("site.css", "site.js", "icon.svg")}}, file)
        os.makedirs(self.data, mode=0o700, exist_ok=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.acceptor = threading.Thread(target=self.accept, daemon=True)
        self.acceptor.start()
        self.process = None
        self.start()

    # -- the store's life --

    def start(self):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.log_path = os.path.join(self.folder, "store.log")
        log = open(self.log_path, "ab")
        keep = os.dup(theirs.fileno())

        def place():
            os.dup2(keep, 3)
            os.set_inheritable(3, True)
            self.before_exec()

        fd = keep if keep != 3 else os.dup(keep)
        self.process = subprocess.Popen([os.path.join(BIN, "vitrine-store")], preexec_fn=place, pass_fds=(3, fd), stderr=log,
                                        env={**os.environ, "VITRINE_LOG": "text", **self.environment})
        os.close(keep)
        theirs.close()
        log.close()
        self.control = Channel(ours, self.on_control)
        for key, value in {"data": self.data, "share": os.path.join(self.folder, "share"), "host": "localhost",
                           "site_url": f"http://localhost:{self.port}"}.items():
            self.control.send("launcher_config", key=key, value=value)
        self.gateway = self.connect_peer("GATEWAY")
        self.infer = self.connect_peer("INFER")
        self.ready = False
        self.control.send("launcher_start")
        self.wait(lambda: self.ready or self.process.poll() is not None)
        if not self.ready:
            raise RuntimeError(self.log())

    def connect_peer(self, role):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control.send("launcher_peer", fds=[theirs.fileno()], role=ROLES[role])
        theirs.close()
        return Channel(ours, self.on_peer)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.control.send("launcher_stop", grace_ms=1000)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.process.returncode

    def close(self):
        self.stop()
        self.listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self.acceptor.join()
        self.listener.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def wait(self, condition, seconds=10):
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(self.log())
            with self.condition:
                self.condition.wait(0.02)

    # -- the launcher's part --

    def on_control(self, channel, name, values, fds):
        if name == "child_ready":
            with self.condition:
                self.ready = True
                self.condition.notify_all()
        elif name in ("cage_git", "cage_describe") and name[5:] in self.broken_cages:
            for fd in fds:
                os.close(fd)
            self.exited(channel, values["request"], 125, reason=2)
        elif name == "cage_git":
            threading.Thread(target=self.run_git, args=(channel, values, fds), daemon=True).start()
        elif name == "cage_describe":
            threading.Thread(target=self.run_describe, args=(channel, values, fds), daemon=True).start()
        elif name == "cage_kill":
            process = self.cages.get(values["request"])
            if process:
                process.kill()
        elif name == "launcher_query":
            channel.send("launcher_status", request=values["request"], json='[{"name":"store","pid":1,"ready":true}]')

    def exited(self, channel, request, status, reason=0):
        try:
            channel.send("cage_exited", request=request, exit=status, reason=reason)
        except OSError:
            pass  # the store was killed meanwhile

    def run_git(self, channel, values, fds):
        service = "receive-pack" if values["receive"] else "upload-pack"
        command = ["git", service, "--stateless-rpc"] + (["--advertise-refs"] if values["advertise"] else [])
        config = {"core.hooksPath": os.path.join(self.folder, "hooks"), "receive.fsckObjects": "true", "gc.auto": "0",
                  "safe.directory": "*", "receive.autogc": "false", "receive.denyDeleteCurrent": "refuse"}
        environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1",
                       "GIT_PROTOCOL": values["protocol"], "VITRINE_HOOK_FD": str(fds[3]), "GIT_CONFIG_COUNT": str(len(config))}
        for index, (key, value) in enumerate(config.items()):
            environment[f"GIT_CONFIG_KEY_{index}"] = key
            environment[f"GIT_CONFIG_VALUE_{index}"] = value
        process = subprocess.Popen(command + [os.path.join(self.data, "repos", f"{values['repository_id']}.git")],
                                   stdin=fds[0], stdout=fds[1], stderr=fds[2], env=environment, pass_fds=[fds[3]])
        self.cages[values["request"]] = process
        for fd in fds:
            os.close(fd)
        status = process.wait()
        if values["receive"] and not values["advertise"]:
            self.before_exit()
        self.exited(channel, values["request"], status if status >= 0 else 256 - status)

    def run_describe(self, channel, values, fds):
        status = 1
        try:
            with os.fdopen(fds[0], "rb") as stage, os.fdopen(fds[1], "wb") as bundle, os.fdopen(fds[2], "wb") as report:
                status, files, text = self.describe(read_stage(stage), bool(values["model"]))
                if files is not None:
                    bundle.write(files if isinstance(files, bytes) else wire.bundle(files))
                report.write(text.encode())
        except (BrokenPipeError, struct.error):
            pass  # the store hung up
        self.exited(channel, values["request"], status)

    # -- gateway and inference backend --

    def on_peer(self, channel, name, values, fds):
        if name == "model_try":
            for fd in fds:
                os.close(fd)
            tried = self.try_model(values["name"])
            if tried:
                channel.send("model_tried", request=values["request"], status=tried[0], reason=tried[1])
            return
        with self.condition:
            self.heard.append((name, values, fds))
            if "request" in values:
                self.answers[values["request"]] = (name, values, fds)
            self.condition.notify_all()

    def ask(self, message, channel=None, fds=(), **values):
        """Sends a question and returns (name, values, fds) of its answer."""
        self.requests += 1
        number = self.requests
        (channel or self.gateway).send(message, fds=fds, request=number, **values)
        self.wait(lambda: number in self.answers)
        return self.answers.pop(number)

    def connect(self):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.gateway.send("store_connect", fds=[theirs.fileno()])
        theirs.close()
        return ours

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.relay, args=(client,), daemon=True).start()

    def relay(self, client):
        try:
            store = self.connect()
        except OSError:  # the store is dead
            client.close()
            return

        def copy(source, target):
            try:
                while data := source.recv(65536):
                    target.sendall(data)
            except OSError:
                pass
            try:
                target.shutdown(socket.SHUT_WR)
            except OSError:
                pass

        back = threading.Thread(target=copy, args=(store, client), daemon=True)
        back.start()
        copy(client, store)
        back.join()
        client.close()
        store.close()

    # -- HTTP and commands --

    def http(self, method, path, body=None, headers=None, admin=False):
        """(status, headers, body as bytes)"""
        connection = http.client.HTTPConnection("localhost")
        if admin:
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.connect(os.path.join(self.data, "admin.sock"))
        else:
            connection.sock = self.connect()
        connection.sock.settimeout(20)
        headers = {"Host": f"localhost:{self.port}", **(headers or {})}
        if isinstance(body, (dict, list)):
            body, headers = json.dumps(body), {"Content-Type": "application/json", **headers}
        connection.request(method, path, body=body, headers=headers)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        return answer.status, answer.headers, data

    def ctl(self, *arguments, data=None, check=True):
        done = subprocess.run([os.path.join(BIN, "vitrine-ctl"), *arguments, "--data", self.data], input=data, timeout=20,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if check and done.returncode != 0:
            raise RuntimeError(done.stderr + self.log())
        return done if not check else done.stdout.strip()

    def add_user(self, name, *options, role="write"):
        self.ctl("user", "add", name, *options)
        return self.ctl("token", "add", name, "--name", "test", "--role", role)


class Work:
    """A working copy that pushes to a StoreBox."""

    def __init__(self, box, path, user="ann", token=""):
        self.box = box
        self.folder = tempfile.mkdtemp(dir=box.folder)
        secret = f"{user}:{token}@" if token else ""
        self.url = f"http://{secret}127.0.0.1:{box.port}{path}"
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments, check=True):
        environment = {"PATH": os.environ["PATH"], "HOME": self.folder, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0",
                       "GIT_AUTHOR_NAME": "Ann", "GIT_AUTHOR_EMAIL": "ann@localhost", "GIT_COMMITTER_NAME": "Ann",
                       "GIT_COMMITTER_EMAIL": "ann@localhost", "LC_ALL": "C"}
        done = subprocess.run(["git", *arguments], cwd=self.folder, env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, errors="replace", timeout=60)
        if check and done.returncode != 0:
            raise RuntimeError(done.stderr + self.box.log())
        return done

    def write(self, files):
        for path, contents in files.items():
            full = os.path.join(self.folder, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "wb") as file:
                file.write(contents if isinstance(contents, bytes) else contents.encode())

    def commit(self, files, message="a change"):
        self.write(files)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)
        return self.git("rev-parse", "HEAD").stdout.strip()

    def push(self, *refs, check=True):
        done = self.git("push", self.url, *(refs or ("main",)), check=False)
        if check and done.returncode != 0:
            raise RuntimeError(done.stderr + self.box.log())
        return done


DEMO = {"README.md": "---\ntitle: Digits\nsdk: lua\n---\n# Digits\n", "app.lua": "return 1\n"}
