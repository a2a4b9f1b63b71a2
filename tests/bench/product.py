"""The whole product for a benchmark: `vitrine serve` of the release build on fresh data, published to by real pushes."""
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BIN = os.environ.get("VITRINE_BIN", os.path.join(ROOT, "build", "release", "bin"))
VITRINE = os.path.join(BIN, "vitrine")
READY_SECONDS = 30
OWNER = "vitrine"
# All load comes from one address, so the limits per address are off; nothing else differs from what ops/up starts.
RAISED = {f"VITRINE_LIMIT_{name}": "0" for name in ("REQUESTS_PER_SECOND", "CONNECTIONS_PER_ADDRESS", "JOINS_PER_SECOND",
                                                   "PUSHES_PER_MINUTE", "UPLOADS_PER_MINUTE")}
RAISED_WORDS = "requests, connections, joins, pushes and uploads per address"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


class Product:
    def __init__(self, env=None):
        # Below /var/tmp and open to all: started as root, the services run as an account of their own.
        self.folder = tempfile.mkdtemp(prefix="vitrine-bench-", dir="/var/tmp")
        os.chmod(self.folder, 0o755)
        self.data, self.port = os.path.join(self.folder, "data"), free_port()
        self.log = open(os.path.join(self.folder, "log"), "wb")
        self.process = subprocess.Popen([VITRINE, "serve", "--data", self.data, "--port", str(self.port)], stdout=self.log,
                                        stderr=self.log, stdin=subprocess.DEVNULL, env={**os.environ, **RAISED, **(env or {})})
        try:
            self.wait_ready()
            self.admin("user", "add", OWNER, "--admin")
            self.token = re.search(r"hf_\w+", self.admin("token", "add", OWNER, "--name", "bench", "--role", "write")).group()
        except BaseException:
            self.stop()
            raise

    def wait_ready(self):
        until = time.monotonic() + READY_SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            try:
                if self.request("GET", "/readyz")[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.02)
        raise RuntimeError("the product was not ready:\n" + self.words())

    def words(self):
        with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as log:
            return log.read()[-1500:]

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def admin(self, *words):
        done = subprocess.run([VITRINE, *words, "--data", self.data], capture_output=True, text=True, timeout=30)
        if done.returncode:
            raise RuntimeError(done.stderr + self.words())
        return done.stdout

    def processes(self):
        """{name: pid}"""
        return {row["name"]: row["pid"] for row in json.loads(self.admin("status", "--json"))["processes"]}

    def request(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(method, path, body, {"Host": f"localhost:{self.port}", **(headers or {})})
        reply = connection.getresponse()
        answer = reply.status, reply.read()
        connection.close()
        return answer

    def base(self, name):
        return f"/spaces/{OWNER}/{name}/-"

    def run(self, name, data, api="predict"):
        """The data that a demo's function answers with."""
        status, body = self.request("POST", f"{self.base(name)}/gradio_api/run/{api}", json.dumps({"data": data}),
                                    {"Content-Type": "application/json"})
        if status != 200:
            raise RuntimeError(f"{name}: status {status}: {body[:500]}\n{self.words()}")
        return json.loads(body)["data"]

    def upload(self, name, path):
        """The handle of an uploaded file."""
        border = uuid.uuid4().hex
        with open(path, "rb") as file:
            part = (f'--{border}\r\nContent-Disposition: form-data; name="files"; filename="{os.path.basename(path)}"\r\n'
                    "Content-Type: application/octet-stream\r\n\r\n").encode() + file.read() + f"\r\n--{border}--\r\n".encode()
        status, body = self.request("POST", f"{self.base(name)}/gradio_api/upload", part,
                                    {"Content-Type": f"multipart/form-data; boundary={border}"})
        if status != 200:
            raise RuntimeError(f"upload: status {status}: {body[:500]}")
        return json.loads(body)[0]

    def git(self, folder, *words):
        done = subprocess.run(["git", "-C", folder, "-c", "user.name=bench", "-c", "user.email=bench@example.org", *words],
                              capture_output=True, text=True, timeout=120, env={**os.environ, "GIT_TERMINAL_PROMPT": "0",
                                                                               "GIT_CONFIG_GLOBAL": "/dev/null"})
        if done.returncode:
            raise RuntimeError(f"git {words[0]}: {done.stderr}\n{self.words()}")

    def push(self, name, source, model=False, ignore=()):
        """Publishes a copy of a folder; answers the seconds that `git push` took."""
        folder = os.path.join(self.folder, ("model-" if model else "demo-") + name)
        shutil.copytree(source, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", *ignore))
        if not os.path.isdir(os.path.join(folder, ".git")):
            self.git(folder, "init", "-q", "-b", "main")
        return self.push_folder(folder, f"{'' if model else 'spaces/'}{OWNER}/{name}")

    def push_folder(self, folder, address):
        self.git(folder, "add", "-A")
        self.git(folder, "commit", "-q", "-m", "bench")
        began = time.perf_counter()
        self.git(folder, "push", "-q", f"http://{OWNER}:{self.token}@localhost:{self.port}/{address}", "main")
        return time.perf_counter() - began


def memory_kib(pid, *kinds):
    """Sum of the named lines of smaps_rollup."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        lines = file.read()
    return sum(int(re.search(rf"^{kind}:\s+(\d+) kB", lines, re.M)[1]) for kind in kinds)


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(word) for word in file.read().split()]


def compile_tool(folder, name):
    """Builds one of the small C programs beside this file."""
    out = os.path.join(folder, name)
    subprocess.run(["cc", "-O2", "-D_GNU_SOURCE", "-o", out, os.path.join(HERE, name + ".c")], check=True)
    return out
