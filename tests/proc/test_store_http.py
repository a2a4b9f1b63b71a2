"""The store's site, Hub API, files, logs and administration, asked over real sockets."""
import http.client
import json
import os
import re
import socket
import stat
import time
import unittest

from storebox import DEMO, StoreBox, Work


def multipart(files, boundary="x-boundary"):
    body = b""
    for name, filename, data in files:
        body += (f"--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{filename}\"\r\n"
                 "Content-Type: text/plain\r\n\r\n").encode() + data + b"\r\n"
    return body + f"--{boundary}--\r\n".encode(), {"Content-Type": f"multipart/form-data; boundary={boundary}"}


class HttpCase(unittest.TestCase):
    environment = {}

    @classmethod
    def setUpClass(cls):
        cls.box = StoreBox(environment=cls.environment)
        cls.token = cls.box.add_user("ann")
        cls.bearer = {"Authorization": f"Bearer {cls.token}"}
        cls.work = Work(cls.box, "/spaces/ann/digits", token=cls.token)
        cls.commit = cls.work.commit({**DEMO, "lib/helper.lua": "return {}", "pic.png": b"\x89PNG\r\n\x1a\n" + bytes(100),
                                     "data.bin": bytes(100)})
        cls.work.push()
        cls.demo_id = cls.box.ask("demo_lookup", by=1, name="ann/digits")[1]["demo_id"]

    @classmethod
    def tearDownClass(cls):
        cls.box.close()

    def get(self, path, **headers):
        return self.box.http("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def sign_in(self, name="ann"):
        link = self.box.ctl("user", "link", name)
        _, headers, _ = self.get(link[link.index("/login"):])
        return headers["Set-Cookie"].split(";")[0]

    def form(self, path, body, cookie, **headers):
        return self.box.http("POST", path, body, {"Content-Type": "application/x-www-form-urlencoded", "Cookie": cookie,
                                                  "Sec-Fetch-Site": "same-origin", **headers})

    def lookup(self):
        return self.box.ask("demo_lookup", by=1, name="ann/digits")[1]


class Pages(HttpCase):
    def test_every_page_has_its_facts(self):
        cookie = self.sign_in()
        for path, words in {
            "/": ["Digits", "vt-from-red", "/spaces/ann/digits"], "/?q=digi": ["1 found"], "/?q=%25": ["Nothing found"],
            "/spaces/ann/digits": ["ann-digits.localhost", "Embed this demo", "<p>hello</p>", self.commit[:7]],
            "/spaces/ann/digits/api": ["/greet", "/spaces/ann/digits/-"], "/spaces/ann/digits/logs": ["published"],
            "/spaces/ann/digits/settings": ["Make it private", self.commit[:7]],
            "/spaces/ann/digits/tree/main": ["lib", "README.md", "a change"],
            "/spaces/ann/digits/tree/main/lib": ["helper.lua"],
            "/spaces/ann/digits/blob/main/lib/helper.lua": ["return {}"],
            "/spaces/ann/digits/blob/main/pic.png": ["/spaces/ann/digits/resolve/main/pic.png"],
            "/spaces/ann/digits/blob/main/data.bin": ["This file is no text"],
            "/settings": ["Your demos", "test"], "/login": ["User name"],
        }.items():
            status, headers, body = self.get(path, Cookie=cookie)
            self.assertEqual((status, headers["Content-Type"], headers["Cache-Control"]),
                             (200, "text/html; charset=utf-8", "no-store"), path)
            for word in words:
                self.assertIn(word, body.decode(), path)
            self.assertNotIn("{{", body.decode(), path)
            self.assertNotIn("<script>", body.decode(), path)

    def test_what_is_not_there(self):
        for path in ("/nothing", "/spaces/ann/none", "/spaces/ann/digits/blob/main/none", "/spaces/ann/digits/tree/main/none",
                     "/spaces/ann/digits/blob/main/.vitrine/manifest.json", "/spaces/ann/digits/tree/other", "/ann/none", "/-/x"):
            status, headers, body = self.get(path)
            self.assertEqual((status, headers["Content-Type"]), (404, "text/html; charset=utf-8"), path)
            self.assertIn("There is no such page", body.decode())
        self.assertEqual(self.get("/%2e%2e/x")[0], 400)
        self.assertEqual(self.box.http("POST", "/spaces/ann/digits")[0], 405)

    def test_bytes_of_a_file(self):
        status, headers, body = self.get("/spaces/ann/digits/resolve/main/pic.png", Range="bytes=0-3")
        self.assertEqual((status, body, headers["Content-Type"]), (206, b"\x89PNG", "image/png"))
        self.assertEqual(headers["X-Repo-Commit"], self.commit)
        status, headers, _ = self.get("/spaces/ann/digits/resolve/main/app.lua", If_None_Match=headers["ETag"] + "x")
        self.assertEqual((status, headers["Content-Type"]), (200, "text/plain; charset=utf-8"))
        self.assertEqual(self.get("/spaces/ann/digits/resolve/main/app.lua", If_None_Match=headers["ETag"])[0], 304)

    def test_strangers_do_not_see_the_owners_tabs(self):
        _, _, body = self.get("/spaces/ann/digits")
        self.assertNotIn("/logs", body.decode())
        status, headers, _ = self.get("/spaces/ann/digits/settings")
        self.assertEqual((status, headers["Location"]), (303, "/login?next=/spaces/ann/digits/settings"))
        self.box.ctl("user", "add", "eve")
        self.assertEqual(self.get("/spaces/ann/digits/settings", Cookie=self.sign_in("eve"))[0], 403)

    def test_head_and_theme(self):
        status, headers, body = self.box.http("HEAD", "/")
        self.assertEqual((status, body), (200, b""))
        self.assertGreater(int(headers["Content-Length"]), 500)
        self.assertIn('data-theme="dark"', self.get("/", Cookie="vitrine_theme=dark")[2].decode())
        self.assertNotIn("data-theme=", self.get("/", Cookie="vitrine_theme=%22%3E")[2].decode().split("<body")[0])


class SigningIn(HttpCase):
    def test_password(self):
        self.box.ctl("user", "add", "pia", "--password-stdin", data="correct horse\n")
        good = "username=pia&password=correct+horse&next=%2Fsettings"
        status, headers, _ = self.form("/login", good, "")
        self.assertEqual((status, headers["Location"]), (303, "/settings"))
        self.assertRegex(headers["Set-Cookie"], r"^vitrine_session=[0-9a-f]{64}; Path=/; HttpOnly; SameSite=Strict; Max-Age=\d+$")
        cookie = headers["Set-Cookie"].split(";")[0]
        self.assertIn("pia", self.get("/settings", Cookie=cookie)[2].decode())
        status, _, body = self.form("/login", "username=pia&password=wrong", "")
        self.assertEqual(status, 401)
        self.assertIn("User name or password is wrong", body.decode())
        self.assertEqual(self.form("/login", "username=nobody&password=wrong", "")[0], 401)
        status, headers, _ = self.form("/logout", "", cookie)
        self.assertEqual(status, 303)
        self.assertIn("Max-Age=0", headers["Set-Cookie"])
        self.assertEqual(self.get("/settings", Cookie=cookie)[0], 303)
        self.box.ctl("user", "password", "pia", data="another long one\n")
        self.assertEqual(self.form("/login", good, "")[0], 401)
        self.assertNotEqual(self.box.ctl("user", "password", "pia", data="short\n", check=False).returncode, 0)

    def test_only_paths_of_this_site_follow(self):
        self.box.ctl("user", "add", "quinn", "--password-stdin", data="correct horse\n")
        for target in ("https://evil.example/", "//evil.example", "/\\evil.example", "/%0d%0aX: y", ""):
            body = f"username=quinn&password=correct+horse&next={target}"
            self.assertEqual(self.form("/login", body, "")[1]["Location"], "/", target)

    def test_a_link_works_once(self):
        link = self.box.ctl("user", "link", "ann")
        path = link[link.index("/login"):]
        self.assertEqual(self.get(path)[0], 303)
        status, _, body = self.get(path)
        self.assertEqual(status, 403)
        self.assertIn("used before or is too old", body.decode())

    def test_too_many_tries(self):
        for _ in range(10):
            status, _, _ = self.form("/login", "username=ann&password=x", "", **{"x-vitrine-client": "203.0.113.9"})
            self.assertEqual(status, 401)
        self.assertEqual(self.form("/login", "username=ann&password=x", "", **{"x-vitrine-client": "203.0.113.9"})[0], 429)
        self.assertEqual(self.form("/login", "username=ann&password=x", "", **{"x-vitrine-client": "203.0.113.8"})[0], 401)

    def test_other_sites_cannot_post(self):
        cookie = self.sign_in()
        path, body = "/spaces/ann/digits/settings", "action=pause"
        form = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": cookie}
        for headers, expected in (
            ({"Sec-Fetch-Site": "cross-site"}, 403), ({"Sec-Fetch-Site": "same-site"}, 403), ({"Sec-Fetch-Site": "none"}, 403),
            ({"Origin": "http://evil.example"}, 403), ({"Origin": "null"}, 403), ({}, 403),
            ({"Origin": f"http://ann-digits.localhost:{self.box.port}"}, 403),
            ({"Origin": f"http://localhost:{self.box.port}"}, 200), ({"Sec-Fetch-Site": "same-origin"}, 200),
        ):
            self.assertEqual(self.box.http("POST", path, body, {**form, **headers})[0], expected, headers)
        status, _, _ = self.box.http("POST", "/api/spaces/ann/digits/restart", {},
                                     {"Cookie": cookie, "Sec-Fetch-Site": "cross-site"})
        self.assertEqual(status, 403)
        self.assertEqual(self.box.http("POST", "/api/spaces/ann/digits/restart", {}, {"Cookie": cookie})[0], 200)

    def test_secure_cookie_behind_tls(self):
        link = self.box.ctl("user", "link", "ann")
        _, headers, _ = self.get(link[link.index("/login"):], x_vitrine_origin="https://demos.example")
        self.assertRegex(headers["Set-Cookie"], r"^__Host-vitrine_session=.*; Secure$")


class Settings(HttpCase):
    def test_pause_resume_visibility(self):
        cookie = self.sign_in()
        path = "/spaces/ann/digits/settings"
        self.assertIn("It is paused.", self.form(path, "action=pause", cookie)[2].decode())
        self.assertEqual(json.loads(self.lookup()["settings"])["stage"], "PAUSED")
        self.form(path, "action=resume", cookie)
        self.assertEqual(json.loads(self.lookup()["settings"])["stage"], "SLEEPING")
        self.form(path, "action=visibility&private=true", cookie)
        self.assertEqual(self.get("/spaces/ann/digits")[0], 404)
        self.assertTrue(json.loads(self.lookup()["settings"])["private"])
        self.form(path, "action=visibility&private=false", cookie)
        self.assertEqual(self.get("/spaces/ann/digits")[0], 200)
        self.assertEqual(self.form(path, "action=nonsense", cookie)[0], 409)

    def test_make_an_earlier_release_live_and_delete(self):
        cookie = self.sign_in()
        work = Work(self.box, "/spaces/ann/gone", token=self.token)
        first = work.commit(DEMO)
        work.push()
        work.commit({"app.lua": "return 2"})
        work.push()
        path = "/spaces/ann/gone/settings"
        self.assertEqual(self.form(path, f"action=release&sha={first}", cookie)[0], 200)
        found = self.box.ask("demo_lookup", by=1, name="ann/gone")[1]
        self.assertEqual(found["commit"], first)
        self.assertIn("what you typed is not its name", self.form(path, "action=delete&confirm=ann/other", cookie)[2].decode())
        status, headers, _ = self.form(path, "action=delete&confirm=ann/gone", cookie)
        self.assertEqual((status, headers["Location"]), (303, "/settings"))
        self.assertEqual(self.box.ask("demo_lookup", by=1, name="ann/gone")[1]["status"], 4)
        self.box.wait(lambda: any(name == "demo_changed" and values["deleted"] and values["demo_id"] == found["demo_id"]
                                  for name, values, _ in self.box.heard))
        self.box.wait(lambda: os.listdir(os.path.join(self.box.data, "trash")) == [])
        self.assertFalse(os.path.exists(os.path.join(self.box.data, "repos", f"{found['demo_id']}.git")))
        self.assertFalse(os.path.exists(os.path.join(self.box.data, "bundles", found["digest"][:2], found["digest"])))

    def test_tokens_on_the_account_page(self):
        cookie = self.sign_in()
        _, _, body = self.form("/settings", "action=token&name=laptop&role=read", cookie)
        token = re.search(r"hf_[0-9a-f]{64}", body.decode())[0]
        identity = self.box.ask("identify", token=token)[1]
        self.assertEqual((identity["status"], identity["name"], identity["role"]), (0, "ann", "read"))
        self.assertIn("already", self.form("/settings", "action=token&name=laptop&role=read", cookie)[2].decode())
        page = self.get("/settings", Cookie=cookie)[2].decode()
        self.assertNotIn(token, page)
        number = re.search(r'laptop.*?name="id" value="(\d+)"', page, re.S)[1]
        self.form("/settings", f"action=revoke&id={number}", cookie)
        self.assertEqual(self.box.ask("identify", token=token)[1]["status"], 4)


class HubApi(HttpCase):
    def test_whoami(self):
        status, _, body = self.get("/api/whoami-v2", **self.bearer)
        who = json.loads(body)
        self.assertEqual((status, who["name"], who["type"], who["auth"]["accessToken"]["role"]), (200, "ann", "user", "write"))
        status, headers, body = self.get("/api/whoami-v2", Authorization="Bearer hf_wrong")
        self.assertEqual((status, json.loads(body)["error"]), (401, "Invalid credentials in Authorization header"))
        self.assertEqual(headers["X-Error-Message"], json.loads(body)["error"])

    def test_lists_and_details(self):
        for name in ("a1", "a2", "a3"):
            self.box.http("POST", "/api/repos/create", {"name": name, "type": "space", "sdk": "static"}, self.bearer)
        status, headers, body = self.get("/api/spaces?limit=2&author=ann")
        self.assertEqual((status, len(json.loads(body))), (200, 2))
        follow = re.search(r'<http://localhost:\d+(/api/spaces[^>]*)>; rel="next"', headers["Link"])[1]
        rest = json.loads(self.get(follow)[2])
        self.assertEqual({one["id"] for one in json.loads(body) + rest}, {"ann/a1", "ann/a2", "ann/a3", "ann/digits"})
        for full, has in (("true", True), ("True", True), ("1", True), ("false", False), ("0", False), ("", False)):
            _, headers, body = self.get(f"/api/spaces?author=ann&search=digits&full={full}")
            self.assertEqual("siblings" in json.loads(body)[0], has, full)
        follow = self.get("/api/spaces?limit=1&full=True")[1]["Link"]
        self.assertIn("&full=true", follow, "the next page is as full as this one")
        space = json.loads(self.get("/api/spaces/ann/digits/revision/main")[2])
        self.assertEqual((space["sha"], space["sdk"], space["subdomain"]), (self.commit, "lua", "ann-digits"))
        self.assertEqual(space["host"], f"http://ann-digits.localhost:{self.box.port}")
        self.assertIn("app.lua", [one["rfilename"] for one in space["siblings"]])
        self.assertNotIn(".vitrine/manifest.json", [one["rfilename"] for one in space["siblings"]])
        self.assertEqual(json.loads(self.get("/api/spaces/ann/a1/runtime")[2])["stage"], "NO_APP_FILE")
        status, headers, _ = self.get("/api/spaces/ann/none")
        self.assertEqual((status, headers["X-Error-Code"]), (404, "RepoNotFound"))
        status, headers, _ = self.get("/api/spaces/ann/digits/revision/other")
        self.assertEqual((status, headers["X-Error-Code"]), (404, "RevisionNotFound"))

    def test_create_and_delete(self):
        create = lambda body, headers: self.box.http("POST", "/api/repos/create", body, headers)
        status, _, body = create({"name": "new", "type": "space", "sdk": "gradio"}, self.bearer)
        self.assertEqual((status, json.loads(body)["url"]), (200, f"http://localhost:{self.box.port}/spaces/ann/new"))
        status, _, body = create({"name": "new", "type": "space"}, self.bearer)
        self.assertEqual((status, json.loads(body)["url"]), (409, f"http://localhost:{self.box.port}/spaces/ann/new"))
        self.assertEqual(create({"name": "ann/net"}, self.bearer)[0], 200)
        self.assertEqual(create({"name": "x", "organization": "other", "type": "space"}, self.bearer)[0], 403)
        self.assertEqual(create({"name": "x", "type": "dataset"}, self.bearer)[0], 400)
        self.assertEqual(create({"name": "-x", "type": "space"}, self.bearer)[0], 400)
        self.assertEqual(create({"name": "y" * 60, "type": "space"}, self.bearer)[0], 400)
        self.assertEqual(create({"name": "x", "type": "space"}, {})[0], 401)
        self.assertEqual(self.box.http("POST", "/api/repos/create", "[1", {**self.bearer, "Content-Type": "application/json"})[0], 400)
        reader = self.box.ctl("token", "add", "ann", "--name", "r", "--role", "read")
        self.assertEqual(create({"name": "x", "type": "space"}, {"Authorization": f"Bearer {reader}"})[0], 403)
        delete = {"name": "new", "organization": "ann", "type": "space"}
        self.assertEqual(self.box.http("DELETE", "/api/repos/delete", delete, self.bearer)[0], 200)
        self.assertEqual(self.box.http("DELETE", "/api/repos/delete", delete, self.bearer)[0], 404)

    def test_stages_as_the_gateway_tells_them(self):
        self.box.gateway.send("demo_stage", demo_id=self.demo_id, stage="RUNTIME_ERROR", reason="out of memory")
        self.lookup()
        runtime = json.loads(self.get("/api/spaces/ann/digits/runtime")[2])
        self.assertEqual((runtime["stage"], runtime["errorMessage"]), ("RUNTIME_ERROR", "out of memory"))
        self.assertIn("Stopped by an error", self.get("/spaces/ann/digits")[2].decode())
        self.box.gateway.send("demo_stage", demo_id=self.demo_id, stage="INVENTED", reason="")
        self.box.gateway.send("demo_stage", demo_id=self.demo_id, stage="RUNNING", reason="")
        self.lookup()
        self.assertEqual(json.loads(self.get("/api/spaces/ann/digits/runtime")[2])["stage"], "RUNNING")
        self.box.gateway = self.box.connect_peer("GATEWAY")
        self.lookup()
        self.assertEqual(json.loads(self.get("/api/spaces/ann/digits/runtime")[2])["stage"], "SLEEPING")

    def test_logs_are_replayed_and_followed(self):
        self.box.gateway.send("log_append", demo_id=self.demo_id, wall_ms=1700000000000, level="info", line="first \"line\"")
        self.lookup()
        self.assertEqual(self.get("/api/spaces/ann/digits/logs/run")[0], 401)
        connection = http.client.HTTPConnection("localhost")
        connection.sock = self.box.connect()
        connection.sock.settimeout(10)
        connection.request("GET", "/api/spaces/ann/digits/logs/run", headers={**self.bearer, "Host": "localhost"})
        answer = connection.getresponse()
        self.assertEqual(answer.headers["Content-Type"], "text/event-stream")
        line = answer.fp.readline() and answer.fp.readline()
        self.assertTrue(line.startswith(b"data: {"), line)
        self.assertEqual(json.loads(line[6:]), {"data": 'first "line"', "timestamp": "2023-11-14T22:13:20.000Z", "level": "info"})
        self.box.gateway.send("log_append", demo_id=self.demo_id, wall_ms=1700000001000, level="error", line="second")
        while b"second" not in (line := answer.fp.readline()):
            self.assertTrue(line)
        connection.close()

    def test_the_ring_of_lines_is_bounded(self):
        for index in range(1200):
            self.box.gateway.send("log_append", demo_id=self.demo_id, wall_ms=1700000000000 + index, level="info", line=f"n{index}")
        time.sleep(0.6)
        self.box.gateway.send("log_append", demo_id=self.demo_id, wall_ms=1800000000000, level="info", line="last")
        self.lookup()
        page = self.get("/spaces/ann/digits/logs", Cookie=self.sign_in())[2].decode()
        self.assertIn("last", page)
        self.assertNotIn(">n5<", page)


class Files(HttpCase):
    environment = {"VITRINE_LIMIT_FILE_QUOTA_BYTES": "3000000"}

    def upload(self, files, path="/gradio_api/upload", demo=None):
        body, headers = multipart(files)
        return self.box.http("POST", path, body, {**headers, "x-vitrine-demo": str(demo or self.demo_id)})

    def fetch(self, handle, demo=None, **headers):
        return self.box.http("GET", f"/gradio_api/file={handle}",
                             headers={"x-vitrine-demo": str(demo or self.demo_id), **headers})

    def test_upload_and_fetch(self):
        big = os.urandom(700000)
        status, _, body = self.upload([("files", "a b.txt", b"hello"), ("other", "", b"ignored"), ("files", "../../x.PNG", big),
                                       ("files", "", b"")])
        self.assertEqual(status, 200)
        first, second, third = json.loads(body)
        self.assertRegex(first, r"^f/[0-9a-f]{64}/a b\.txt$")
        self.assertRegex(second, r"/x\.PNG$")
        self.assertRegex(third, r"/file$")
        quoted = first.replace(" ", "%20")
        status, headers, body = self.fetch(quoted)
        self.assertEqual((status, body, headers["Content-Type"]), (200, b"hello", "text/plain; charset=utf-8"))
        self.assertEqual(headers["Content-Disposition"], "inline; filename*=UTF-8''a%20b.txt")
        status, headers, body = self.fetch(second, Range="bytes=699990-")
        self.assertEqual((status, body), (206, big[699990:]))
        self.assertEqual(self.fetch("/" + quoted)[2], b"hello")
        self.assertEqual(self.fetch(third)[2], b"")
        name, values, fds = self.box.ask("file_open", demo_id=self.demo_id, session="any", handle=second)
        self.assertEqual((name, values["size"], values["name"]), ("file_opened", 700000, "x.PNG"))
        with os.fdopen(fds[0], "rb") as file:
            self.assertEqual(file.read(), big)

    def test_what_a_browser_may_run_is_only_downloaded(self):
        for name in ("page.html", "image.svg"):
            body, headers = multipart([("files", name, b"<script>alert(1)</script>")])
            body = body.replace(b"text/plain", b"text/html")
            _, _, answer = self.box.http("POST", "/spaces/ann/digits/-/gradio_api/upload", body,
                                         {**headers, "x-vitrine-demo": str(self.demo_id)})
            _, headers, _ = self.fetch(json.loads(answer)[0])
            self.assertEqual(headers["Content-Type"], "application/octet-stream")
            self.assertTrue(headers["Content-Disposition"].startswith("attachment"))

    def test_handles_of_other_demos_and_invented_ones(self):
        work = Work(self.box, "/spaces/ann/other", token=self.token)
        work.commit(DEMO)
        work.push()
        other = self.box.ask("demo_lookup", by=1, name="ann/other")[1]["demo_id"]
        handle = json.loads(self.upload([("files", "x.txt", b"secret")])[2])[0]
        self.assertEqual(self.fetch(handle)[0], 200)
        self.assertEqual(self.fetch(handle, demo=other)[0], 403)
        self.assertEqual(self.fetch("f/" + "0" * 64 + "/x.txt")[0], 403)
        self.assertEqual(self.fetch("/etc/passwd")[0], 403)
        self.assertEqual(self.box.ask("file_open", demo_id=other, session="", handle=handle)[0], "request_failed")
        self.assertEqual(self.upload([("files", "x", b"")], demo=999)[0], 404)

    def test_malformed_and_too_much(self):
        self.assertEqual(self.box.http("POST", "/gradio_api/upload", b"x", {"x-vitrine-demo": str(self.demo_id)})[0], 400)
        body, headers = multipart([("files", "x", b"data")])
        self.assertEqual(self.box.http("POST", "/gradio_api/upload", body[:-10], {**headers, "x-vitrine-demo": str(self.demo_id)})[0], 400)
        before = len(os.listdir(os.path.join(self.box.data, "files", str(self.demo_id)))) if os.path.isdir(
            os.path.join(self.box.data, "files", str(self.demo_id))) else 0
        self.assertEqual(self.upload([("files", "x", os.urandom(3100000))])[0], 413)
        self.assertEqual(len(os.listdir(os.path.join(self.box.data, "files", str(self.demo_id)))), before)
        self.assertEqual(self.upload([("files", f"{n}", b"") for n in range(101)])[0], 413)

    def test_files_that_demos_make(self):
        self.box.requests += 1
        number = self.box.requests
        self.box.gateway.send("file_begin", request=number, demo_id=self.demo_id, session="s1", name="out.png", mime_type="image/png")
        self.box.gateway.send("file_append", request=number, bytes=b"\x89PNG")
        self.box.gateway.send("file_append", request=number, bytes=b"more")
        self.box.gateway.send("file_end", request=number, keep=1)
        self.box.wait(lambda: number in self.box.answers)
        name, values, _ = self.box.answers.pop(number)
        self.assertEqual((name, values["size"]), ("file_made", 8))
        status, headers, body = self.fetch(values["handle"])
        self.assertEqual((status, headers["Content-Type"], body), (200, "image/png", b"\x89PNGmore"))
        self.assertEqual(self.box.ask("file_open", demo_id=self.demo_id, session="s2", handle=values["handle"])[0], "request_failed")
        self.assertEqual(self.box.ask("file_open", demo_id=self.demo_id, session="s1", handle=values["handle"])[0], "file_opened")

    def test_progress(self):
        body, headers = multipart([("files", "x.txt", b"0123456789")])
        watcher = http.client.HTTPConnection("localhost")
        watcher.sock = self.box.connect()
        watcher.sock.settimeout(10)
        watcher.request("GET", "/gradio_api/upload_progress?upload_id=u1", headers={"x-vitrine-demo": str(self.demo_id)})
        time.sleep(0.2)
        self.box.http("POST", "/gradio_api/upload?upload_id=u1", body, {**headers, "x-vitrine-demo": str(self.demo_id)})
        text = watcher.getresponse().read().decode()
        self.assertIn('data: {"msg":"update","orig_name":"x.txt","chunk_size":', text)
        self.assertTrue(text.endswith('data: {"msg":"done"}\n\n'))
        watcher.close()


class Administration(HttpCase):
    def test_the_socket_is_ours_alone(self):
        mode = os.stat(os.path.join(self.box.data, "admin.sock")).st_mode
        self.assertTrue(stat.S_ISSOCK(mode))
        self.assertEqual(stat.S_IMODE(mode), 0o600)
        for name in ("vitrine.db", "repos", "bundles", "files"):
            self.assertEqual(stat.S_IMODE(os.stat(os.path.join(self.box.data, name)).st_mode) & 0o077, 0, name)

    def test_commands(self):
        status = json.loads(self.box.ctl("status", "--json"))
        self.assertEqual(status["demos"][0]["id"], "ann/digits")
        self.assertEqual(status["processes"][0]["name"], "store")
        self.assertIn("ann/digits", self.box.ctl("status"))
        self.assertIn("ann", self.box.ctl("user", "list"))
        self.assertIn("write", self.box.ctl("token", "list", "ann"))
        self.assertIn("publish", self.box.ctl("events"))
        for words, code in ((["user", "add"], 2), (["nonsense"], 2), (["user", "link", "nobody"], 1), (["token", "add", "ann", "--role", "x"], 1),
                            (["status", "--strange"], 2), (["token", "revoke", "ann", "none"], 1), (["rollback", "ann/none"], 1)):
            self.assertEqual(self.box.ctl(*words, check=False).returncode, code, words)
        self.assertEqual(self.box.ctl("user", "--help", check=False).returncode, 0)

    def test_messages_from_a_peer_that_is_out_of_its_mind(self):
        before = self.box.process.pid
        ours = self.box.gateway.socket
        ours.send(b"\xff" * 40)
        time.sleep(0.2)
        self.box.gateway = self.box.connect_peer("GATEWAY")
        self.assertEqual(self.lookup()["status"], 0)
        self.assertIsNone(self.box.process.poll())
        self.assertEqual(before, self.box.process.pid)


if __name__ == "__main__":
    unittest.main()
