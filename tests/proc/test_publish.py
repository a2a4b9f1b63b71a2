"""The pushing half of ops/up (ops/lib/publish.sh) against git's own server program: what it sends, what it leaves alone, and
that the token stands in no argument and no environment."""
import base64
import json
import os
import stat
import subprocess
import tempfile
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
TOKEN = "hf_" + "t" * 32
DEMOS = ("card", "digits", "greeter", "mandelbrot", "ticker")


class GitServer(BaseHTTPRequestHandler):
    """Smart HTTP over git http-backend; pushes need the token."""
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def read_body(self):
        if self.headers.get("transfer-encoding", "") != "chunked":
            return self.rfile.read(int(self.headers.get("content-length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def answer(self, status, headers, body=b""):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        body = self.read_body()
        path, _, query = self.path.partition("?")
        self.server.seen.append(self.path)
        known = "Basic " + base64.b64encode(f"vitrine:{TOKEN}".encode()).decode()
        if "git-receive-pack" in self.path and self.headers.get("authorization") != known:
            return self.answer(401, [("WWW-Authenticate", 'Basic realm="test"')])
        for mark in ("/info/refs", "/git-upload-pack", "/git-receive-pack"):
            path = path.replace(mark, ".git" + mark)
        done = subprocess.run(["git", "http-backend"], input=body, capture_output=True, env={
            **os.environ, "GIT_PROJECT_ROOT": self.server.repositories, "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": path,
            "QUERY_STRING": query, "REQUEST_METHOD": self.command, "CONTENT_TYPE": self.headers.get("content-type", ""),
            "CONTENT_LENGTH": str(len(body)), "HTTP_CONTENT_ENCODING": self.headers.get("content-encoding", ""),
            "REMOTE_USER": "vitrine"})
        head, _, rest = done.stdout.partition(b"\r\n\r\n")
        fields = [tuple(line.split(": ", 1)) for line in head.decode().split("\r\n")]
        status = next((int(value.split()[0]) for name, value in fields if name == "Status"), 200)
        self.answer(status, [field for field in fields if field[0] != "Status"], rest)

    do_POST = do_GET


class Publish(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="vitrine-publish-")
        self.addCleanup(self.folder.cleanup)
        repositories = os.path.join(self.folder.name, "repositories")
        for name in [f"spaces/vitrine/{demo}" for demo in DEMOS] + ["vitrine/digits"]:
            subprocess.run(["git", "init", "-q", "--bare", os.path.join(repositories, name + ".git")], check=True)
            subprocess.run(["git", "-C", os.path.join(repositories, name + ".git"), "config", "http.receivepack", "true"], check=True)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), GitServer)
        self.server.repositories, self.server.seen = repositories, []
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)

    def spy(self):
        """A git that writes down how it was called, then is git."""
        folder = os.path.join(self.folder.name, "spy")
        os.makedirs(folder, exist_ok=True)
        real = subprocess.run(["sh", "-c", "command -v git"], capture_output=True, text=True, check=True).stdout.strip()
        script = os.path.join(folder, "git")
        with open(script, "w") as file:
            file.write(f'#!/bin/sh\n{{ printf "%s " "$@"; echo; env; }} >>"{folder}/calls"\nexec {real} "$@"\n')
        os.chmod(script, stat.S_IRWXU)
        return folder

    def publish(self, path=None):
        port = self.server.server_address[1]
        script = f"""
            set -euo pipefail
            . {ROOT}/ops/lib/common.sh
            . {ROOT}/ops/lib/publish.sh
            account=vitrine host=demos.example port={port}
            admin() {{
                echo "$*" >>{self.folder.name}/admin
                case "$1 $2" in
                    "token add") echo "your token: {TOKEN}" ;;
                    "status --json") echo '{self.status()}' ;;
                esac
            }}
            publish_all http://demos.example:{port}
        """
        environment = {**os.environ, "PATH": (path + ":" if path else "") + os.environ["PATH"]}
        done = subprocess.run(["bash", "-s"], input=script, capture_output=True, text=True, timeout=120, env=environment)
        self.assertEqual(0, done.returncode, done.stderr)
        return done.stderr

    def status(self):
        """What "vitrine status --json" would say of these repositories."""
        rows = []
        for kind, prefix, names in (("demo", "spaces/vitrine", DEMOS), ("model", "vitrine", ["digits"])):
            for name in names:
                head = subprocess.run(["git", "-C", os.path.join(self.server.repositories, prefix, name + ".git"), "rev-parse",
                                       "--verify", "-q", "main"], capture_output=True, text=True).stdout.strip()
                rows.append({"id": f"vitrine/{name}", "kind": kind, "stage": "SLEEPING", "reason": "", "commit": head,
                             "url": f"http://x/{prefix}/{name}", "live": bool(head)})
        groups = {"demos": [row for row in rows if row["kind"] == "demo"], "models": [row for row in rows if row["kind"] == "model"]}
        return json.dumps({"version": "0", "processes": [], **groups}, separators=(",", ":"))

    def admin_calls(self):
        with open(os.path.join(self.folder.name, "admin")) as file:
            return file.read().splitlines()

    def tree(self, repository):
        return subprocess.run(["git", "-C", os.path.join(self.server.repositories, repository + ".git"), "ls-tree", "-r",
                               "--name-only", "main"], capture_output=True, text=True, check=True).stdout.split()

    def test_pushes_models_before_demos_and_only_once(self):
        first = self.publish()
        self.assertLess(first.index("publishing model digits"), first.index("publishing demo card"))
        for demo in DEMOS:
            self.assertIn(f"publishing demo {demo}", first)
        self.assertEqual("token revoke vitrine ops", self.admin_calls()[-1], "the token outlives the pushes")
        calls = len(self.admin_calls())
        self.assertNotIn("publishing", self.publish())
        self.assertEqual(["status --json"], self.admin_calls()[calls:], "a token was made although nothing is pushed")

    def test_a_demo_is_its_folder_without_the_model(self):
        self.publish()
        self.assertIn("app.lua", self.tree("spaces/vitrine/digits"))
        self.assertEqual([], [name for name in self.tree("spaces/vitrine/digits") if name.startswith("model/")])
        self.assertIn("config.json", self.tree("vitrine/digits"))

    def test_token_is_in_no_argument_and_no_environment(self):
        folder = self.spy()
        self.publish(folder)
        with open(os.path.join(folder, "calls")) as file:
            calls = file.read()
        self.assertIn("push --force", calls, "the spy saw no push")
        self.assertNotIn(TOKEN, calls)
        self.assertEqual([], [path for path in self.server.seen if TOKEN in path])

    def test_nobodys_git_settings_matter(self):
        home = os.path.join(self.folder.name, "home")
        os.makedirs(home)
        with open(os.path.join(home, ".gitconfig"), "w") as file:
            file.write("[commit]\n\tgpgsign = true\n[user]\n\tname = Somebody\n[core]\n\tautocrlf = true\n")
        self.publish()
        before = self.tree("spaces/vitrine/greeter")
        os.environ["HOME"], kept = home, os.environ["HOME"]
        self.addCleanup(os.environ.__setitem__, "HOME", kept)
        self.assertNotIn("publishing", self.publish())
        self.assertEqual(before, self.tree("spaces/vitrine/greeter"))


if __name__ == "__main__":
    unittest.main()
