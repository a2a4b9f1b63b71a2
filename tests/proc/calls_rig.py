"""A real vitrine-gateway between a launcher, a store, a zygote and workers that are played here, one thread each.

The worker is a table of Python functions: function id → generator or function over (worker, stream, start). So every
answer, crash and broken rule of a worker can be made on purpose."""
import fcntl
import http.client
import itertools
import json
import os
import socket
import struct
import subprocess
import tempfile
import threading
import time

import wire

BIN = os.environ.get("VITRINE_BIN", "/nonexistent")
RELEASES = 1000  # ids of releases that one demo of a rig may have
CREDIT, CREDIT_FRAME = 256 << 10, 64  # bounds.h
ROLES = {"launcher": 1, "gateway": 2, "store": 4, "zygote": 8, "worker": 16, "infer": 32}


def manifest(functions, **more):
    return json.dumps({"sdk": "lua", "title": "Rig", "emoji": "", "card": {}, "readme_html": "", "functions": functions,
                       "models": [], "seed": 1, "disable_embedding": False, "limits": {}, **more}).encode()


def function(number, name=None, **more):
    return {"id": number, "api_name": name, "visibility": "public", "inputs": [1], "outputs": [2], "state_inputs": [],
            "state_outputs": [], "file_inputs": [], "queue": True, "concurrency_limit": None, "concurrency_id": None,
            "trigger_mode": "multiple", "defaults": [None], "parameter_names": ["x"], "max_queue": None, "cancels": [],
            **more}


def config_of(functions):
    components = sorted({c for f in functions for c in f["inputs"] + f["outputs"]})
    state = {f["inputs"][p] for f in functions for p in f["state_inputs"]}
    return {"version": "6.25.0", "protocol": "sse_v3", "api_prefix": "/gradio_api", "root": "", "app_id": 1,
            "components": [{"id": c, "type": "state" if c in state else "textbox", "props": {"name": "textbox", "label": f"c{c}"},
                            "skip_api": c in state} for c in components],
            "dependencies": [{"id": f["id"], "api_name": f["api_name"], "inputs": f["inputs"], "outputs": f["outputs"],
                              "queue": f["queue"], "api_visibility": f["visibility"], "targets": [[1, "submit"]]}
                             for f in functions]}


def info_of(functions):
    def entry(f, key):
        return [{"label": f"c{c}", "parameter_name": f["parameter_names"][i] if key == "inputs" else f"c{c}",
                 "parameter_has_default": False, "parameter_default": None, "type": {"type": "string"},
                 "python_type": {"type": "str", "description": ""}, "component": "Textbox", "example_input": "a"}
                for i, c in enumerate(f[key]) if i not in f["state_" + key]]
    return {"named_endpoints": {"/" + f["api_name"]: {"parameters": entry(f, "inputs"), "returns": entry(f, "outputs"),
                                                      "api_visibility": f["visibility"]} for f in functions if f["api_name"]},
            "unnamed_endpoints": {}}


class Worker:
    """Plays one process: answers calls with the rig's handlers."""

    def __init__(self, rig, slot, sock, window, page):
        self.rig, self.slot, self.channel, self.window, self.page = rig, slot, wire.Channel(sock), window, page
        self.lock, self.seen, self.answers = threading.Lock(), [], {}
        self.calls = itertools.count(1)
        self.dead = False
        self.credit, self.credited = {}, threading.Condition()
        threading.Thread(target=self.run, daemon=True).start()

    def send(self, name, values=None, stream=0):
        with self.lock:
            try:
                self.channel.send(name, values, stream)
            except OSError:
                pass

    def done(self, stream, data, state=None):
        self.send("event_done", {"data": json.dumps(data), "state": json.dumps(state or {})}, stream)

    def partial(self, stream, data):
        """A partial result, once the stream has credit for it. False: none came for ten seconds."""
        text = json.dumps(data)
        with self.credited:
            if not self.credited.wait_for(lambda: self.credit.get(stream, CREDIT) > 0, 10):
                return False
            self.credit[stream] = self.credit.get(stream, CREDIT) - len(text.encode()) - CREDIT_FRAME
        self.send("event_partial", {"data": text}, stream)
        return True

    def fail(self, stream, error, validation=""):
        self.send("event_failed", {"error": json.dumps(error), "validation": validation, "state": "{}"}, stream)

    def ask(self, name, values, stream):
        """One asynchronous call of a handler; blocks until its answer: (status, body)."""
        number = next(self.calls)
        event = threading.Event()
        self.answers[number] = [event, None]
        self.send(name, {"call": number, **values}, stream)
        event.wait(10)
        return self.answers[number][1]

    def run(self):
        while (message := self.channel.receive()) is not None:
            name, stream, values, _ = message
            self.seen.append((name, stream, values))
            if name == "worker_begin":
                self.rig.on_begin(self, values)
            elif name == "event_start":
                handler = self.rig.handlers[values["function"]]
                threading.Thread(target=handler, args=(self, stream, values), daemon=True).start()
            elif name == "worker_credit":
                with self.credited:
                    self.credit[stream] = self.credit.get(stream, CREDIT) + values["bytes"]
                    self.credited.notify_all()
            elif name == "call_answer" and values["call"] in self.answers:
                self.answers[values["call"]][1] = (values["status"], values["body"])
                self.answers[values["call"]][0].set()

    def crash(self, exit_status):
        """Ends like a process that died: the socket closes, then the zygote reports it."""
        self.dead = True
        self.channel.sock.shutdown(socket.SHUT_RDWR)
        self.channel.close()
        self.rig.zygote.send("zygote_exited", {"slot": self.slot, "exit": exit_status})


class Rig:
    """Starts everything. `functions`: manifest rows; `handlers`: function id → callable(worker, stream, start)."""

    def __init__(self, functions, handlers, config=None, env=None, demos=1):
        self.functions, self.handlers = functions, handlers
        self.demos = demos  # ann/rig and ann/rig1 … ann/rig<n-1>, all of the same contents
        self.workers, self.kills, self.store_seen = [], [], []
        self.states, self.files = {}, {}
        self.release, self.release_bytes = 1, {}
        self.digest = "0" * 64
        self.publish(functions)
        self.start(config or {}, env or {})

    def on_begin(self, worker, values):
        worker.send("worker_ready", {"tree_digest": "t"})


    def publish(self, functions, **more):
        self.functions = functions
        page = b"<p>rig</p>"
        self.release_bytes[self.release] = wire.bundle({
            ".vitrine/manifest.json": manifest(functions, tree_digest="t", **more),
            ".vitrine/config.json": json.dumps(config_of(functions)).encode(),
            ".vitrine/info.json": json.dumps(info_of(functions)).encode(), ".vitrine/page.html": page,
            "app.lua": b"return nil", "pictures/thrée.png": b"PNG!"})

    # ---- the launcher ----

    def start(self, config, env):
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        ours, theirs = wire.pair()
        self.log = tempfile.TemporaryFile()  # the gateway's log, for whoever wants to look
        self.process = run_with_fds([os.path.join(BIN, "vitrine-gateway")], [theirs], stdout=self.log, stderr=self.log,
                                    env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0", "VITRINE_LIMIT_REQUESTS_PER_SECOND": "1000000",
                                         "VITRINE_LIMIT_JOINS_PER_SECOND": "1000000", **env})
        theirs.close()
        self.launcher = wire.Channel(ours)
        settings = {"host": "localhost", "port": str(self.port), **config}
        for key, value in settings.items():
            self.launcher.send("launcher_config", {"key": key, "value": str(value)})
        self.peers = {}
        for role in ("store", "zygote", "infer"):
            self.connect(role)
        self.launcher.send("launcher_listener", {"name": "http"}, fds=[listener.fileno()])
        self.launcher.send("launcher_start")
        listener.close()
        threading.Thread(target=self.run_launcher, daemon=True).start()
        self.await_ready()

    def connect(self, role):
        ours, theirs = wire.pair()
        self.launcher.send("launcher_peer", {"role": ROLES[role]}, fds=[theirs.fileno()])
        theirs.close()
        if role == "zygote" and self.real_zygote(ours):
            return
        channel = wire.Channel(ours)
        setattr(self, role, channel)
        threading.Thread(target=getattr(self, "run_" + role), args=(channel,), daemon=True).start()

    def real_zygote(self, end):
        """RealRig starts one there; here it is played by run_zygote()."""
        return False

    def run_launcher(self):
        while self.launcher.receive() is not None:
            pass

    def await_ready(self):
        deadline, answer = time.time() + 30, None
        while time.time() < deadline and self.process.poll() is None:
            try:
                answer = self.get("/spaces/ann/rig/-/config")[0]
                if answer == 200:
                    return
            except OSError as error:
                answer = error
            time.sleep(0.05)
        self.log.seek(0)
        raise AssertionError(f"the gateway does not serve: status {self.process.poll()}, last answer {answer}; is it built from this "
                             f"tree's message.def? Its log:\n{self.log.read().decode(errors='replace')}")

    def stop(self):
        """Ends it as the launcher would; what a sanitizer found, or a crash, is an error here."""
        status = self.process.poll()
        if status is None:
            try:
                self.launcher.send("launcher_stop", {"grace_ms": 200})
            except OSError:
                pass  # it is on its way out already
            try:
                status = self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                status = self.process.wait()
        self.log.seek(0)
        log = self.log.read().decode(errors="replace")
        for channel in (self.launcher, self.store, self.zygote, self.infer):
            channel.close()
        if status != 0 or "ERROR: AddressSanitizer" in log or "runtime error:" in log:
            raise AssertionError(f"the gateway ended with status {status}:\n{log[-6000:]}")

    # ---- the store ----

    def run_store(self, channel):
        while (message := channel.receive()) is not None:
            name, _, values, fds = message
            self.store_seen.append((name, values))
            handler = getattr(self, "store_" + name, None)
            if handler:
                handler(channel, values, fds)
            for fd in fds:
                os.close(fd)

    @staticmethod
    def name_of(number):
        return f"rig{number}" if number else "rig"

    @staticmethod
    def number_of(name):
        """Of "ann/rig3", "ann-rig3", or demo id 10: 3."""
        if name.isdigit():
            return int(name) - 7
        if name[:7] not in ("ann/rig", "ann-rig"):
            return None
        return int(name[7:] or 0) if (name[7:] or "0").isdigit() else None

    def store_demo_lookup(self, channel, values, _):
        number = self.number_of(values["name"].decode())
        known = number is not None and number < self.demos
        settings = {"stage": "SLEEPING", "stage_reason": "", "private": False, "paused": False, "idle_ms": None,
                    "embedding": {"disabled": False, "parents": []}, "custom_headers": {}}
        channel.send("demo_found", {"request": values["request"], "status": 0 if known else 4, "demo_id": 7 + (number or 0), "owner": "ann",
                                    "name": self.name_of(number or 0), "release_id": self.release + (number or 0) * RELEASES, "commit": "c" * 40, "digest": self.digest,
                                    "settings": json.dumps(settings)})

    def store_bundle_open(self, channel, values, _):
        with tempfile.TemporaryFile() as file:
            file.write(self.release_bytes[values["release_id"] % RELEASES])
            file.flush()
            with open(f"/proc/self/fd/{file.fileno()}", "rb") as reader:
                channel.send("bundle_opened", {"request": values["request"], "release_id": values["release_id"]},
                             fds=[reader.fileno()])

    def store_state_load(self, channel, values, _):
        channel.send("state_loaded", {"request": values["request"], "state": self.states.get(values["session"], b"")})

    def store_state_save(self, channel, values, _):
        self.states[values["session"]] = values["state"]

    def store_file_open(self, channel, values, _):
        contents = self.files.get(values["handle"])
        if contents is None:
            channel.send("request_failed", {"request": values["request"], "status": 4, "reason": "no such file"})
            return
        with tempfile.TemporaryFile() as file:
            file.write(contents)
            file.flush()
            channel.send("file_opened", {"request": values["request"], "size": len(contents), "mime_type": "text/plain",
                                         "name": "note.txt"}, fds=[file.fileno()])

    def store_file_begin(self, channel, values, _):
        self.files[values["request"]] = b""

    def store_file_append(self, channel, values, _):
        self.files[values["request"]] += values["bytes"]

    def store_file_end(self, channel, values, _):
        contents = self.files.pop(values["request"], b"")
        if values["keep"]:
            handle = f"/f/{len(self.files):064x}/made é.txt".encode()
            self.files[handle] = contents
            channel.send("file_made", {"request": values["request"], "handle": handle, "size": len(contents)})

    # ---- the zygote ----

    def run_zygote(self, channel):
        while (message := channel.receive()) is not None:
            name, _, values, fds = message
            if name == "zygote_spawn":
                bundle, sock, window, page = fds
                os.close(bundle)
                worker = Worker(self, values["slot"], socket.socket(fileno=sock), window, page)
                self.workers.append(worker)
                self.tell(channel, "zygote_spawned", {"slot": values["slot"], "pid": 0})
            elif name == "zygote_kill":
                self.kills.append(values["slot"])
                if not any(worker.dead for worker in self.workers if worker.slot == values["slot"]):
                    self.tell(channel, "zygote_exited", {"slot": values["slot"], "exit": 256 + 9})

    def tell(self, channel, name, values, fds=()):
        try:
            channel.send(name, values, fds=fds)
        except OSError:
            pass  # the gateway has ended

    # ---- inference ----

    def run_infer(self, channel):
        self.jobs = []
        while (message := channel.receive()) is not None:
            name, _, values, fds = message
            for fd in fds:
                os.close(fd)
            self.jobs.append((name, values))
            if name == "infer_job" and values["op"] == b"run":
                self.tell(channel, "infer_result", {"job": values["job"], "status": 0, "body": b"{}", "tensors": values["tensors"]})

    # ---- clients ----

    base = "/spaces/ann/rig/-"

    def request(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request(method, path, body, {"Host": f"localhost:{self.port}", **(headers or {})})
        reply = connection.getresponse()
        data = reply.read()
        connection.close()
        return reply.status, data, reply.headers

    def get(self, path, headers=None):
        return self.request("GET", path, None, headers)

    def post(self, path, body, headers=None, demo=0):
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.request("POST", f"/spaces/ann/{self.name_of(demo)}/-" + path, text, {"Content-Type": "application/json", **(headers or {})})

    def join(self, function, data, session="s", headers=None):
        status, body, _ = self.post("/gradio_api/queue/join", {"data": data, "fn_index": function, "session_hash": session},
                                    headers)
        return status, json.loads(body)

    def stream(self, session="s"):
        return Stream(self, session)


def describe(folder):
    """The bundle that the real describe program makes of a demo's folder."""
    stage = b""
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            relative = os.path.relpath(path, folder).encode()
            with open(path, "rb") as file:
                contents = file.read()
            stage += struct.pack("<IIQ", len(relative), 0o100644, len(contents)) + relative + contents
    stage += struct.pack("<IIQ", 0, 0, 0)
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as report:
        source.write(stage)
        source.seek(0)
        run_with_fds([os.path.join(BIN, "vitrine-worker"), "describe"], [source, out, report]).wait()
        report.seek(0)
        out.seek(0)
        contents = out.read()
        assert contents.startswith(b"VTRNBND1"), report.read().decode()
        return contents


def run_with_fds(command, files, **more):
    """Starts a program that finds these files (or sockets) as descriptors 3, 4, …"""
    numbers = [os.dup(file.fileno()) for file in files]

    def place():
        high = [fcntl.fcntl(number, fcntl.F_DUPFD, 100) for number in numbers]
        for target, number in enumerate(high, 3):
            os.dup2(number, target)
        os.closerange(3 + len(high), 1024)

    process = subprocess.Popen(command, preexec_fn=place, close_fds=False, **more)
    for number in numbers:
        os.close(number)
    return process


class RealRig(Rig):
    """The same with the real zygote and workers, for one demo's folder."""

    def __init__(self, folder, config=None, env=None, demos=1):
        self.folder = folder
        super().__init__([], {}, config, env, demos)

    def publish(self, functions, **more):
        self.release_bytes[self.release] = describe(self.folder)

    def real_zygote(self, end):
        ours, theirs = wire.pair()
        self.zygote_process = run_with_fds([os.path.join(BIN, "vitrine-worker"), "zygote"], [theirs])
        theirs.close()
        self.zygote = wire.Channel(ours)
        self.zygote.send("launcher_config", {"key": "worker-uid-base", "value": "1000000"})
        self.zygote.send("launcher_peer", {"role": ROLES["gateway"]}, fds=[end.fileno()])
        end.close()
        self.zygote.send("launcher_start")
        assert self.zygote.receive()[0] == "child_ready"
        return True

    def stop(self):
        super().stop()
        self.zygote_process.kill()
        self.zygote_process.wait()


class Stream:
    """The stream of a session: iterate over messages."""

    def __init__(self, rig, session):
        self.connection = http.client.HTTPConnection("127.0.0.1", rig.port, timeout=20)
        self.connection.request("GET", f"{rig.base}/gradio_api/queue/data?session_hash={session}",
                                headers={"Host": f"localhost:{rig.port}"})
        self.reply = self.connection.getresponse()
        assert self.reply.status == 200, self.reply.status
        assert self.reply.headers["Content-Type"] == "text/event-stream; charset=utf-8"

    def __iter__(self):
        return self

    def __next__(self):
        line = self.reply.readline()
        if not line:
            raise StopIteration
        assert line.startswith(b"data: ") and line.endswith(b"\n"), line
        assert self.reply.readline() == b"\n"
        return json.loads(line[6:])

    def until(self, name, event_id=None):
        """All messages up to the first of that name."""
        messages = []
        for message in self:
            messages.append(message)
            if message["msg"] == name and (event_id is None or message.get("event_id") == event_id):
                return messages
        raise AssertionError(f"the stream ended before {name}: {messages}")

    def close(self):
        self.reply.close()
        self.connection.close()


def echo(worker, stream, start):
    worker.done(stream, [json.loads(start["data"])[0]])
