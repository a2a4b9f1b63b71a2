"""Publishing by real git pushes to a real store: what goes live, what is refused with which words, who may."""
import base64
import json
import os
import select
import threading
import unittest
import zlib

from storebox import DEMO, StoreBox, Work, describe_plain


class PublishCase(unittest.TestCase):
    def setUp(self):
        self.describe = describe_plain
        self.box = StoreBox(describe=lambda files, model: self.describe(files, model))
        self.addCleanup(self.box.close)
        self.token = self.box.add_user("ann")

    def work(self, path="/spaces/ann/digits", **options):
        return Work(self.box, path, **{"token": self.token, **options})

    def lookup(self, name="ann/digits", by=1):
        return self.box.ask("demo_lookup", by=by, name=name)[1]

    def refused(self, work, *sentences):
        done = work.push(check=False)
        self.assertNotEqual(done.returncode, 0, done.stderr)
        for sentence in sentences:
            self.assertIn("remote: " + sentence, done.stderr)
        return done


class Going(PublishCase):
    def test_a_push_goes_live_and_everybody_is_told(self):
        work = self.work()
        commit = work.commit(DEMO)
        done = work.push()
        self.assertRegex(done.stderr, r"remote: Published in \d+ ms: http://localhost:\d+/spaces/ann/digits")
        found = self.lookup()
        self.assertEqual((found["status"], found["commit"], found["owner"], found["name"]), (0, commit, "ann", "digits"))
        self.assertEqual(json.loads(found["settings"])["stage"], "SLEEPING")
        self.box.wait(lambda: any(name == "demo_changed" and values["demo_id"] == found["demo_id"]
                                  for name, values, _ in self.box.heard))
        _, _, fds = self.box.ask("bundle_open", release_id=found["release_id"])
        with os.fdopen(fds[0], "rb") as bundle:
            contents = bundle.read()
        self.assertTrue(contents.startswith(b"VTRNBND1"))
        self.assertIn(DEMO["app.lua"].encode(), contents)

    def test_the_subdomain_and_a_preview_lead_to_it(self):
        work = self.work("/spaces/ann/My.Digits_2")
        commit = work.commit(DEMO)
        work.push()
        self.assertEqual(self.lookup("ann-my-digits-2", 0)["commit"], commit)
        self.assertEqual(self.lookup(f"ann-my-digits-2--{commit[:7]}", 0)["commit"], commit)
        self.assertEqual(self.lookup(str(self.lookup("ann-my-digits-2", 0)["demo_id"]), 2)["commit"], commit)
        work.commit({"app.lua": "return 2"})
        work.push()
        self.assertEqual(self.lookup(f"ann-my-digits-2--{commit[:7]}", 0)["status"], 6)  # not live: forbidden

    def test_a_second_push_replaces_and_a_clone_brings_it_back(self):
        work = self.work()
        work.commit(DEMO)
        work.push()
        second = work.commit({"app.lua": "return 2\n", "folder/data.bin": bytes(range(256)) * 500})
        work.push()
        self.assertEqual(self.lookup()["commit"], second)
        clone = self.work("/spaces/ann/digits.git", token="")
        clone.git("pull", "-q", clone.url, "main")
        self.assertEqual(clone.git("rev-parse", "HEAD").stdout.strip(), second)
        shallow = self.work(token="")
        shallow.git("fetch", "-q", "--depth=1", shallow.url, "main")

    def test_protocol_versions(self):
        work = self.work()
        work.commit(DEMO)
        work.push()
        for version in ("0", "1", "2"):
            out = work.git("-c", f"protocol.version={version}", "ls-remote", work.url).stdout
            self.assertIn("refs/heads/main", out, version)

    def test_a_gzip_body_is_inflated(self):
        work = self.work()
        work.commit(DEMO)
        work.push()
        body = b"0014command=ls-refs\n00010009peel\n0000"
        deflate = zlib.compressobj(wbits=31)
        packed = deflate.compress(body) + deflate.flush()
        headers = {"Content-Type": "application/x-git-upload-pack-request", "Git-Protocol": "version=2"}
        status, _, answer = self.box.http("POST", "/spaces/ann/digits/git-upload-pack", packed,
                                          {**headers, "Content-Encoding": "gzip"})
        self.assertEqual(status, 200)
        self.assertIn(b"refs/heads/main", answer)
        status, _, _ = self.box.http("POST", "/spaces/ann/digits/git-upload-pack", b"no gzip at all",
                                     {**headers, "Content-Encoding": "gzip"})
        self.assertEqual(status, 400)
        status, _, _ = self.box.http("POST", "/spaces/ann/digits/git-upload-pack", body, {**headers, "Content-Encoding": "br"})
        self.assertEqual(status, 415)

    def test_branches_and_tags_are_stored_without_publishing(self):
        work = self.work()
        work.commit(DEMO)
        done = work.push("main:refs/heads/try")
        self.assertIn("remote: Stored. Only pushes to main publish a release.", done.stderr)
        self.assertEqual(self.lookup()["status"], 4)
        work.git("tag", "v1")
        work.push("v1")
        work.push()
        self.assertEqual(self.lookup()["status"], 0)
        self.assertNotEqual(work.push(":main", check=False).returncode, 0)
        self.assertIn("only branches and tags", work.push("main:refs/odd/x", check=False).stderr)
        self.assertEqual(self.lookup()["status"], 0)

    def test_rollback_and_forward(self):
        work = self.work()
        first = work.commit(DEMO)
        work.push()
        second = work.commit({"app.lua": "return 2"})
        work.push()
        self.assertEqual(self.box.ctl("rollback", "ann/digits"), first)
        self.assertEqual(self.lookup()["commit"], first)
        self.assertEqual(self.box.ctl("rollback", "ann/digits", second[:10]), second)
        self.assertEqual(self.lookup()["commit"], second)
        self.assertNotEqual(self.box.ctl("rollback", "ann/digits", "1234567", check=False).returncode, 0)

    def test_many_files_and_a_large_one_stream_through(self):
        files = {f"data/{index:04}.txt": f"file {index}" for index in range(1500)}
        work = self.work()
        work.commit({**DEMO, **files, "large.bin": os.urandom(6 << 20)})
        work.push()
        self.assertEqual(self.lookup()["status"], 0)


class Refusing(PublishCase):
    def setUp(self):
        super().setUp()
        self.demo = self.work()
        self.live = self.demo.commit(DEMO)
        self.demo.push()

    def tearDown(self):
        self.assertEqual(self.lookup()["commit"], self.live, "the old release stays live")

    def test_an_error_of_the_script(self):
        self.describe = lambda files, model: (1, None, "log: starting\napp.lua:3: attempt to index a nil value (global 'x')\n")
        self.demo.commit({"app.lua": "x.y = 1"})
        self.refused(self.demo, "app.lua:3: attempt to index a nil value (global 'x')", "Not published; what was live before stays live.")
        settings = json.loads(self.lookup()["settings"])
        self.assertEqual((settings["stage"], settings["stage_reason"][:9]), ("SLEEPING", "app.lua:3"))
        # the next push that works clears it
        self.describe = describe_plain
        self.live = self.demo.commit({"app.lua": "return 3"})
        self.demo.push()
        self.assertEqual(json.loads(self.lookup()["settings"])["stage_reason"], "")

    def test_a_cage_that_dies_without_words(self):
        self.describe = lambda files, model: (256 + 9, None, "")
        self.demo.commit({"app.lua": "while true do end"})
        self.refused(self.demo, "app.lua: computing the page used too much memory or time and was ended")

    def test_symlinks_submodules_and_reserved_names(self):
        os.symlink("/etc/passwd", os.path.join(self.demo.folder, "link"))
        self.demo.commit({})
        self.refused(self.demo, "link: symbolic links are not supported; commit the file itself")
        os.unlink(os.path.join(self.demo.folder, "link"))
        self.demo.commit({})
        self.demo.git("update-index", "--add", "--cacheinfo", f"160000,{self.live},sub")
        self.demo.git("commit", "-q", "-m", "submodule")
        self.refused(self.demo, "sub: submodules are not supported; commit the files themselves")
        self.demo.git("rm", "-q", "--cached", "sub", check=False)
        self.demo.commit({".vitrine/manifest.json": "{}"})
        self.refused(self.demo, ".vitrine: the folder .vitrine is made by this server; rename yours")

    def test_a_pointer_of_git_lfs(self):
        self.demo.commit({"model.bin": "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"})
        self.refused(self.demo, "model.bin: this is a Git LFS pointer")

    def test_a_file_that_is_too_large(self):
        self.demo.commit({"zeros.bin": bytes((256 << 20) + 1)})
        self.refused(self.demo, "zeros.bin: the file is larger than 256 MiB; make it smaller")

    def test_bundles_that_a_broken_cage_could_send(self):
        good = describe_plain({name: text.encode() for name, text in DEMO.items()}, False)[1]
        for what, bundle in {
            "no bundle": b"garbage", "nothing": b"",
            "another file": {**good, "README.md": good["README.md"] + b" ", "extra.txt": b"x"},
            "a changed file": {**good, "app.lua": b"something else"},
            "no manifest": {name: data for name, data in good.items() if "manifest" not in name},
            "wrong types": {**good, ".vitrine/manifest.json": b'{"sdk":"lua","functions":[{"id":"x"}]}'},
            "an unknown sdk": {**good, ".vitrine/manifest.json": b'{"sdk":"model"}'},
            "no config": {name: data for name, data in good.items() if "config" not in name},
        }.items():
            with self.subTest(what):
                self.describe = lambda files, model: (0, bundle, "")
                self.demo.commit({"README.md": DEMO["README.md"] + " "})
                self.refused(self.demo, "the computed release is not usable")
                self.demo.git("reset", "-q", "--hard", self.live)

    def test_two_pushes_at_once(self):
        go, started = threading.Event(), threading.Event()

        def slow(files, model):
            started.set()
            go.wait(10)
            return describe_plain(files, model)

        self.describe = slow
        new = self.demo.commit({"app.lua": "return 'first'"})
        other = self.work()
        other.git("pull", "-q", other.url, "main")
        other.commit({"app.lua": "return 'second'"})
        first = threading.Thread(target=self.demo.push)
        first.start()
        started.wait(10)
        self.refused(other, "another push is being published right now; push again in a moment")
        go.set()
        first.join()
        self.live = new

    def test_what_cannot_run_here_is_stored_and_says_so(self):
        def foreign(files, model):
            manifest = {"sdk": "gradio", "card": {}, "config_error": "sdk: gradio cannot run here"}
            return 0, {**files, ".vitrine/manifest.json": json.dumps(manifest).encode()}, ""

        self.describe = foreign
        work = self.work("/spaces/ann/other")
        work.commit({"README.md": "---\nsdk: gradio\n---\n"})
        done = work.push()
        self.assertIn("remote: sdk: gradio cannot run here", done.stderr)
        self.assertIn("remote: Stored, but not published.", done.stderr)
        found = self.lookup("ann/other")
        self.assertEqual((found["status"], json.loads(found["settings"])["stage"]), (4, "CONFIG_ERROR"))


class Allowing(PublishCase):
    def test_who_may_push(self):
        bob = self.box.add_user("bob")
        root = self.box.add_user("root", "--admin")
        reader = self.box.ctl("token", "add", "ann", "--name", "reader", "--role", "read")
        self.work().commit(DEMO)

        def attempt(path, token):
            work = Work(self.box, path, token=token)
            work.commit({**DEMO, "who": token})
            return work.push(check=False).stderr

        self.assertIn("could not read Username", attempt("/spaces/ann/digits", ""))
        self.assertIn("Authentication failed", attempt("/spaces/ann/digits", "hf_" + "0" * 64))
        self.assertIn("403", attempt("/spaces/ann/digits", reader))
        self.assertIn("403", attempt("/spaces/ann/digits", bob))
        self.assertIn("not found", attempt("/spaces/nobody/digits", self.token))
        self.assertIn("main -> main", attempt("/spaces/ann/digits", self.token))
        self.assertIn("403", attempt("/spaces/ann/digits", bob))
        self.assertIn("main -> main", attempt("/spaces/bob/one", bob))
        self.assertIn("main -> main", attempt("/spaces/bob/two", root))
        status, headers, _ = self.box.http("GET", "/spaces/ann/digits/info/refs?service=git-receive-pack")
        self.assertEqual((status, headers["WWW-Authenticate"].split()[0]), (401, "Basic"))
        self.box.ctl("token", "revoke", "ann", "test")
        self.assertIn("Authentication failed", attempt("/spaces/ann/digits", self.token))
        self.box.wait(lambda: any(name == "tokens_changed" for name, _, _ in self.box.heard))

    def test_names_that_are_refused(self):
        self.work("/spaces/ann/a.b").commit(DEMO)
        first = self.work("/spaces/ann/a.b")
        first.commit(DEMO)
        first.push()
        for name, words in {"a-b": "403", "a..b": "403", "a--b": "403", "x" * 50: "403", "-x": "403"}.items():
            work = self.work(f"/spaces/ann/{name}")
            work.commit(DEMO)
            self.assertIn(words, work.push(check=False).stderr, name)
        self.assertNotEqual(self.box.ctl("user", "add", "spaces", check=False).returncode, 0)
        self.assertNotEqual(self.box.ctl("user", "add", "ann", check=False).returncode, 0)

    def test_a_private_demo_is_nobody_elses(self):
        status, _, _ = self.box.http("POST", "/api/repos/create", {"name": "secret", "type": "space", "private": True},
                                     {"Authorization": f"Bearer {self.token}"})
        self.assertEqual(status, 200)
        work = self.work("/spaces/ann/secret")
        work.commit(DEMO)
        work.push()
        stranger = self.work("/spaces/ann/secret", token="")
        self.assertIn("could not read Username", stranger.git("fetch", stranger.url, check=False).stderr)
        bob = self.work("/spaces/ann/secret", user="bob", token=self.box.add_user("bob"))
        self.assertIn("not found", bob.git("fetch", bob.url, check=False).stderr)
        self.assertIn("refs/heads/main", work.git("ls-remote", work.url).stdout)
        for path in ("/spaces/ann/secret", "/api/spaces/ann/secret", "/spaces/ann/secret/resolve/main/app.lua"):
            self.assertEqual(self.box.http("GET", path)[0], 404, path)
        self.assertNotIn(b"secret", self.box.http("GET", "/api/spaces")[2])
        self.assertIn(b"secret", self.box.http("GET", "/api/spaces", headers={"Authorization": f"Bearer {self.token}"})[2])


class Models(PublishCase):
    def test_a_model_is_tried_before_it_goes_live(self):
        work = self.work("/ann/net")
        commit = work.commit({"README.md": "# net", "onnx/model.onnx": b"weights"})
        self.box.try_model = lambda name: (2, f"{name}: onnx/model.onnx is no ONNX file")
        self.refused(work, "ann/net: onnx/model.onnx is no ONNX file")
        self.assertEqual(self.box.ask("model_open", self.box.infer, name="ann/net")[0], "model_missing")
        self.box.try_model = lambda name: (0, "")
        work.push()
        name, values, fds = self.box.ask("model_open", self.box.infer, name="ann/net")
        self.assertEqual((name, values["owner"]), ("model_opened", "ann"))
        with os.fdopen(fds[0], "rb") as bundle:
            self.assertIn(b"weights", bundle.read())
        self.assertIn(commit[:7], self.box.http("GET", "/ann/net")[2].decode())
        self.box.wait(lambda: any(name == "model_changed" and values["name"] == "ann/net" for name, values, _ in self.box.heard))

    def api(self, method, path, body, token=None):
        return self.box.http(method, path, json.dumps(body).encode(),
                             {"Authorization": f"Bearer {token or self.token}", "Content-Type": "application/json"})

    def create(self, path, kind="space", token=None, **more):
        answer = self.api("POST", "/api/repos/create", {"type": kind, "name": path.split("/")[1], **more}, token)
        self.assertEqual(answer[0], 200, answer)

    def open_for(self, path, name="ann/net"):
        """What the backend hears when the demo at `path` asks for the model: "" when it may."""
        demo = self.box.ask("demo_lookup", by=1, name=path)[1]["demo_id"] if isinstance(path, str) else path
        kind, values, fds = self.box.ask("model_open", self.box.infer, demo_id=demo, name=name)
        for fd in fds:
            os.close(fd)
        return "" if kind == "model_opened" else values["reason"]

    def test_a_private_model_opens_for_those_who_may_read_it(self):
        self.box.try_model = lambda name: (0, "")
        self.create("ann/net", "model", private=True)
        tokens = {"ann": self.token, "bob": self.box.add_user("bob"), "chief": self.box.add_user("chief", "--admin")}
        for owner, token in tokens.items():
            self.create(f"{owner}/asks", token=token)
        absent = self.open_for("ann/asks", "ann/none")
        self.assertEqual(self.open_for("ann/asks"), absent, "nothing was pushed yet")
        work = self.work("/ann/net")
        work.commit({"onnx/model.onnx": b"weights"})
        work.push()
        self.assertEqual((self.open_for("ann/asks"), self.open_for("chief/asks")), ("", ""))
        for stranger in ("bob/asks", 0, 999999, 1):  # 1: the model's own id, which is no demo's
            self.assertEqual(self.open_for(stranger), absent, stranger)
        self.assertEqual(self.open_for("bob/asks", "Ann/Net"), absent, "no hint for who may not know it")
        statuses = [self.box.ask("model_open", self.box.infer, name=name)[1]["status"] for name in ("ann/net", "ann/none")]
        self.assertEqual(statuses[0], statuses[1])

    def test_a_model_opens_under_its_own_spelling_only(self):
        self.box.try_model = lambda name: (0, "")
        work = self.work("/ann/net")
        work.commit({"onnx/model.onnx": b"weights"})
        work.push()
        self.assertEqual(self.open_for(0), "", "a public one is everybody's")
        for name in ("Ann/net", "ann/NET", "ann/net.git"):
            self.assertIn("spelled differently", self.open_for(0, name), name)

    def test_the_backend_hears_for_whom_an_answer_holds_and_that_a_model_is_gone(self):
        self.box.try_model = lambda name: (0, "")
        self.create("ann/net", "model")
        self.create("ann/hidden", "model", private=True)
        self.create("ann/asks")
        for name, shared in (("net", 1), ("hidden", 0)):
            work = self.work(f"/ann/{name}")
            work.commit({"onnx/model.onnx": b"weights"})
            work.push()
            demo = self.lookup("ann/asks")["demo_id"]
            kind, values, fds = self.box.ask("model_open", self.box.infer, demo_id=demo, name=f"ann/{name}")
            os.close(fds[0])
            self.assertEqual((kind, values["shared"]), ("model_opened", shared))
        self.box.heard.clear()
        self.assertEqual(self.api("DELETE", "/api/repos/delete", {"type": "model", "name": "hidden"})[0], 200)
        self.box.wait(lambda: any(name == "model_changed" and values["name"] == "ann/hidden"
                                  for name, values, _ in self.box.heard))
        self.assertEqual(self.open_for("ann/asks", "ann/hidden"), "there is no such model")

    def test_without_the_backend_nothing_untried_goes_live(self):
        work = self.work("/ann/net")
        work.commit({"onnx/model.onnx": b"weights"})
        self.box.try_model = lambda name: self.box.infer.socket.shutdown(2)
        try:
            self.refused(work, "the inference backend stopped while it tried the model")
        finally:
            self.box.try_model = lambda name: (0, "")
        self.refused(work, "the inference backend is not ready")
        self.box.infer = self.box.connect_peer("INFER")
        work.push()



class Slow(unittest.TestCase):
    def test_a_push_that_takes_long_says_in_the_log_what_it_waits_for(self):
        release = threading.Event()

        def describe(files, model):
            release.wait(10)
            return describe_plain(files, model)

        box = StoreBox(describe=describe, environment={"VITRINE_LIMIT_GIT_SLOW_MS": "200"})
        self.addCleanup(box.close)
        work = Work(box, "/spaces/ann/digits", token=box.add_user("ann"))
        work.commit(DEMO)
        pusher = threading.Thread(target=work.push)
        pusher.start()
        line = ("git receive-pack of ann/digits still runs: client there, body complete (0 bytes wait for git), cage running, "
                "git's output read (0 bytes held), publishing waits for describing")
        box.wait(lambda: line in box.log())
        release.set()
        pusher.join()
        self.assertEqual(box.log().count("still runs"), 1)


class Crowd(unittest.TestCase):
    def test_who_has_begun_a_push_may_finish_it_when_nobody_may_begin(self):
        box = StoreBox()
        self.addCleanup(box.close)
        token = box.add_user("ann")
        Work(box, "/spaces/ann/digits", token=token).commit(DEMO)
        basic = base64.b64encode(f"ann:{token}".encode()).decode()
        refs = "/spaces/ann/digits/info/refs?service=git-receive-pack"

        def begin():
            status, _, body = box.http("GET", refs, headers={"Authorization": f"Basic {basic}"})
            return status, body

        self.assertEqual(begin()[0], 200)
        senders = []
        for _ in range(20):  # each has a git that waits for its pack
            sender = box.connect()
            self.addCleanup(sender.close)
            sender.sendall(f"POST /spaces/ann/digits/git-receive-pack HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {basic}\r\n"
                           "Content-Type: application/x-git-receive-pack-request\r\nContent-Length: 1000\r\n\r\n".encode())
            senders.append(sender)
        box.wait(lambda: begin()[0] == 503)
        self.assertIn(b"busy with other pushes", begin()[1])
        readable, _, _ = select.select(senders, [], [], 1)
        self.assertEqual(readable, [], "a push under way was refused")
        for sender in senders:
            sender.close()
        box.wait(lambda: begin()[0] == 200)


if __name__ == "__main__":
    unittest.main()
