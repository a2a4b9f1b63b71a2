"""Who may do what: every route of the store asked as a stranger, with a read token, with somebody else's write token, as the
owner and as an administrator; what signing in promises; and that no secret is ever written down."""
import base64
import http.client
import json
import os
import re
import sqlite3
import threading
import time
import unittest

from storebox import DEMO, ROOT, StoreBox, Work
from test_store_http import HttpCase, multipart

ROLES = ("nobody", "reader", "other", "owner", "admin")
FORM = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
PACK = {"Content-Type": "application/x-git-upload-pack-request"}
ANY, READ, WRITE = (200,) * 5, (404, 200, 404, 200, 200), (404, 403, 404, 200, 200)
OPEN_WRITE = (401, 403, 403, 200, 200)

# (method, pattern) → (path of a public demo, body, statuses for it, statuses for a private one or None when there is no such
# thing). {d} is the repository's path, {n} owner/name. The order of statuses is that of ROLES.
SITE = {
    ("GET", "/"): ("/", None, ANY, None),
    ("GET", "/spaces"): ("/spaces", None, ANY, None),
    ("GET", "/login"): ("/login", None, ANY, None),
    ("POST", "/login"): ("/login", "username=x&password=y", (401,) * 5, None),
    ("GET", "/login/link"): ("/login/link?token=x", None, (403,) * 5, None),
    ("POST", "/logout"): ("/logout", "", (303,) * 5, None),
    ("GET", "/settings"): ("/settings", None, (303, 200, 200, 200, 200), None),
    ("POST", "/settings"): ("/settings", "action=token&name=t&role=write", (303, 403, 403, 403, 403), None),
    ("GET", "/api/whoami-v2"): ("/api/whoami-v2", None, (401, 200, 200, 200, 200), None),
    ("GET", "/api/spaces"): ("/api/spaces", None, ANY, None),
    ("GET", "/api/models"): ("/api/models", None, ANY, None),
    ("POST", "/api/repos/create"): ("/api/repos/create", {"name": "digits", "organization": "ann", "type": "space"},
                                    (401, 403, 403, 409, 409), None),
    ("DELETE", "/api/repos/delete"): ("/api/repos/delete", {"name": "gone", "organization": "ann", "type": "space"},
                                      (401, 403, 404, 404, 404), None),
    ("GET", "/api/spaces/:o/:n"): ("/api/spaces/{n}", None, ANY, READ),
    ("GET", "/api/spaces/:o/:n/revision/*"): ("/api/spaces/{n}/revision/main", None, ANY, READ),
    ("GET", "/api/spaces/:o/:n/runtime"): ("/api/spaces/{n}/runtime", None, ANY, READ),
    ("POST", "/api/spaces/:o/:n/pause"): ("/api/spaces/{n}/pause", {}, OPEN_WRITE, WRITE),
    ("POST", "/api/spaces/:o/:n/restart"): ("/api/spaces/{n}/restart", {}, OPEN_WRITE, WRITE),
    ("GET", "/api/spaces/:o/:n/logs/*"): ("/api/spaces/{n}/logs/run", None, OPEN_WRITE, WRITE),
    ("GET", "/api/models/:o/:n"): ("/api/models/ann/net", None, ANY, None),
    ("GET", "/api/models/:o/:n/revision/*"): ("/api/models/ann/net/revision/main", None, ANY, None),
    ("GET", "/spaces/:o/:n"): ("{d}", None, ANY, READ),
    ("GET", "/spaces/:o/:n/tree/*"): ("{d}/tree/main", None, ANY, READ),
    ("GET", "/spaces/:o/:n/blob/*"): ("{d}/blob/main/app.lua", None, ANY, READ),
    ("GET", "/spaces/:o/:n/resolve/*"): ("{d}/resolve/main/app.lua", None, ANY, READ),
    ("GET", "/spaces/:o/:n/raw/*"): ("{d}/raw/main/app.lua", None, ANY, READ),
    ("GET", "/spaces/:o/:n/api"): ("{d}/api", None, ANY, READ),
    ("GET", "/spaces/:o/:n/logs"): ("{d}/logs", None, (303, 403, 403, 200, 200), (303, 403, 404, 200, 200)),
    ("GET", "/spaces/:o/:n/settings"): ("{d}/settings", None, (303, 403, 403, 200, 200), (303, 403, 404, 200, 200)),
    ("POST", "/spaces/:o/:n/settings"): ("{d}/settings", "action=resume", OPEN_WRITE, WRITE),
    ("GET", "/spaces/:o/:n/info/refs"): ("{d}/info/refs?service=git-upload-pack", None, ANY, (401, 200, 404, 200, 200)),
    ("POST", "/spaces/:o/:n/git-upload-pack"): ("{d}/git-upload-pack", "0000", ANY, (401, 200, 404, 200, 200)),
    ("POST", "/spaces/:o/:n/git-receive-pack"): ("{d}/git-receive-pack", "0000", (401, 403, 403, 200, 200), (401, 403, 403, 200, 200)),
}
MODEL = {
    ("GET", "/:o/:n"): ("/ann/net", None, ANY, None),
    ("GET", "/:o/:n/tree/*"): ("/ann/net/tree/main", None, ANY, None),
    ("GET", "/:o/:n/blob/*"): ("/ann/net/blob/main/config.json", None, ANY, None),
    ("GET", "/:o/:n/resolve/*"): ("/ann/net/resolve/main/config.json", None, ANY, None),
    ("GET", "/:o/:n/raw/*"): ("/ann/net/raw/main/config.json", None, ANY, None),
    ("GET", "/:o/:n/info/refs"): ("/ann/net/info/refs?service=git-receive-pack", None, (401, 403, 403, 200, 200), None),
    ("POST", "/:o/:n/git-upload-pack"): ("/ann/net/git-upload-pack", "0000", ANY, None),
    ("POST", "/:o/:n/git-receive-pack"): ("/ann/net/git-receive-pack", "0000", (401, 403, 403, 200, 200), None),
}


def routes_of(table):
    """(method, pattern) of one table of store/route.c."""
    with open(os.path.join(ROOT, "store", "route.c"), encoding="utf-8") as file:
        source = file.read()
    rows = re.search(rf"struct route {table}\[\] = {{(.*?)}};", source, re.S)[1]
    return {(method, pattern) for methods, pattern in re.findall(r'{([A-Z| ]+), "([^"]+)"', rows)
            for method in methods.split(" | ")}


class AccessCase(HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        box = cls.box
        cls.tokens = {"owner": cls.token, "reader": box.ctl("token", "add", "ann", "--name", "reader", "--role", "read"),
                      "other": box.add_user("bob"), "admin": box.add_user("root", "--admin")}
        box.http("POST", "/api/repos/create", {"name": "hidden", "type": "space", "private": True}, cls.bearer)
        for path in ("/spaces/ann/hidden", "/ann/net"):
            work = Work(box, path, token=cls.token)
            work.commit({**DEMO, "config.json": "{}", "onnx/model.onnx": "x"})
            work.push()

    def ask(self, role, method, path, body, extra=()):
        """The status alone: event streams do not end."""
        headers = {"Host": f"localhost:{self.box.port}", **dict(extra)}
        if role != "nobody":
            headers["Authorization"] = f"Bearer {self.tokens[role]}"
        if isinstance(body, dict):
            body = json.dumps(body)
            headers["Content-Type"] = "application/json"
        elif body is not None:
            headers.update(FORM)
        if "git-upload-pack" in path and body:
            headers.update(PACK)
        connection = http.client.HTTPConnection("localhost")
        connection.sock = self.box.connect()
        connection.sock.settimeout(20)
        connection.request(method, path, body=body, headers=headers)
        status = connection.getresponse().status
        connection.close()
        return status


class Routes(AccessCase):
    def check(self, table):
        for (method, pattern), (path, body, public, private) in table.items():
            for name, expected in (("digits", public), ("hidden", private)):
                if expected is None:
                    continue
                address = path.format(d=f"/spaces/ann/{name}", n=f"ann/{name}")
                found = tuple(self.ask(role, method, address, body) for role in ROLES)
                with self.subTest(f"{method} {address}"):
                    self.assertEqual(dict(zip(ROLES, found)), dict(zip(ROLES, expected)))

    def test_every_route_is_in_the_tables(self):
        self.assertEqual(routes_of("site_routes"), set(SITE))
        self.assertEqual(routes_of("model_routes"), set(MODEL))

    def test_the_site(self):
        self.check(SITE)

    def test_models(self):
        self.check(MODEL)

    def test_a_demos_routes_need_the_gateways_word(self):
        """Without it, a path of a demo is nothing; with it, no credential is asked, the handle alone decides."""
        self.assertEqual(routes_of("demo_routes"), {("POST", "/gradio_api/upload"), ("POST", "/upload"),
                                                    ("GET", "/gradio_api/upload_progress")})
        body, headers = multipart([("files", "x.txt", b"x")])
        for method, path in routes_of("demo_routes"):
            self.assertIn(self.box.http(method, path, body, headers)[0], (404, 405), path)
            self.assertIn(self.box.http(method, path, body, {**headers, "x-vitrine-demo": "0"})[0], (403, 404), path)

    def test_administration_is_not_on_the_site(self):
        for method, path in routes_of("admin_routes"):
            for role in ROLES:
                self.assertIn(self.ask(role, method, path, {} if method == "POST" else None), (404, 405), path)

    def test_a_push_that_only_claims_to_be_somebody(self):
        """The user name beside a token is decoration; a cookie is no credential for git; a token in the address is nothing."""
        cookie = self.sign_in()
        path = "/spaces/ann/digits/info/refs?service=git-receive-pack"
        self.assertEqual(self.get(path, Cookie=cookie)[0], 401)
        self.assertEqual(self.get(f"{path}&token={self.token}")[0], 401)
        work = Work(self.box, "/spaces/ann/digits", user="ann", token=self.tokens["other"])
        work.commit(DEMO)
        self.assertIn("You may only push to repositories of your own", work.push(check=False).stderr)

    def test_a_push_does_not_tell_which_private_demos_there_are(self):
        def answer(name):
            token = base64.b64encode(f"x:{self.tokens['other']}".encode()).decode()
            status, _, body = self.get(f"/spaces/ann/{name}/info/refs?service=git-receive-pack", Authorization=f"Basic {token}")
            return status, body
        self.box.http("POST", "/api/repos/create", {"type": "space", "name": "hidden", "private": True},
                      {"Authorization": f"Bearer {self.token}"})
        self.assertEqual(answer("hidden"), answer("never-was"))
        self.assertEqual(answer("hidden")[0], 403)

    def test_gets_change_nothing(self):
        rows = "SELECT (SELECT count(*) FROM repositories), (SELECT count(*) FROM tokens), (SELECT group_concat(paused) FROM repositories)"
        with sqlite3.connect(os.path.join(self.box.data, "vitrine.db")) as database:
            before = database.execute(rows).fetchone()
            for path in ("/api/repos/create", "/api/repos/delete", "/api/spaces/ann/digits/pause", "/logout"):
                self.assertEqual(self.ask("owner", "GET", path, None), 405, path)
            self.assertEqual(self.ask("owner", "GET", "/settings?action=token&name=t&role=write", None), 200)
            self.assertEqual(database.execute(rows).fetchone(), before)


class Sessions(AccessCase):
    def cookie_of(self, headers):
        return headers["Set-Cookie"].split(";")[0]

    def test_a_planted_cookie_is_not_taken_over(self):
        planted = "vitrine_session=" + "ab" * 32
        link = self.box.ctl("user", "link", "ann")
        _, headers, _ = self.get(link[link.index("/login"):], Cookie=planted)
        self.assertNotEqual(self.cookie_of(headers), planted)
        self.assertEqual(self.get("/settings", Cookie=planted)[0], 303)
        self.assertEqual(self.get("/settings", Cookie=self.cookie_of(headers))[0], 200)

    def test_signing_in_again_ends_the_session_before(self):
        first = self.sign_in()
        link = self.box.ctl("user", "link", "bob")
        _, headers, _ = self.get(link[link.index("/login"):], Cookie=first)
        self.assertEqual(self.get("/settings", Cookie=first)[0], 303)
        self.assertIn("bob", self.get("/settings", Cookie=self.cookie_of(headers))[2].decode())

    def test_a_new_password_ends_all_sessions(self):
        one, two = self.sign_in(), self.sign_in()
        self.assertEqual(self.get("/settings", Cookie=two)[0], 200)
        self.box.ctl("user", "password", "ann", data="a better password\n")
        self.assertEqual([self.get("/settings", Cookie=cookie)[0] for cookie in (one, two)], [303, 303])

    def test_a_link_that_expired(self):
        link = self.box.ctl("user", "link", "ann")
        with sqlite3.connect(os.path.join(self.box.data, "vitrine.db")) as database:
            (left,) = database.execute("SELECT max(expires_ms) FROM signin_links").fetchone()
            self.assertLessEqual(left - time.time() * 1000, 15 * 60 * 1000)
            database.execute("UPDATE signin_links SET expires_ms = ?", (int(time.time() * 1000) - 1,))
        self.assertEqual(self.get(link[link.index("/login"):])[0], 403)

    def test_a_session_that_expired(self):
        cookie = self.sign_in()
        with sqlite3.connect(os.path.join(self.box.data, "vitrine.db")) as database:
            database.execute("UPDATE site_sessions SET expires_ms = 1")
        self.assertEqual(self.get("/settings", Cookie=cookie)[0], 303)

    def test_many_tries_at_once_are_counted_before_they_fail(self):
        statuses = []

        def attempt():
            statuses.append(self.form("/login", "username=ann&password=x", "", **{"x-vitrine-client": "203.0.113.77"})[0])

        threads = [threading.Thread(target=attempt) for _ in range(30)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual((statuses.count(401), statuses.count(429)), (10, 20), statuses)

    def test_right_ones_are_not_held_against_anybody(self):
        self.box.ctl("user", "add", "vera", "--password-stdin", data="correct horse\n")
        for _ in range(12):
            status, _, _ = self.form("/login", "username=vera&password=correct+horse", "", **{"x-vitrine-client": "203.0.113.78"})
            self.assertEqual(status, 303)

    def test_passwords_are_kept_as_argon2id(self):
        self.box.ctl("user", "add", "walt", "--password-stdin", data="correct horse\n")
        with sqlite3.connect(os.path.join(self.box.data, "vitrine.db")) as database:
            (kept,) = database.execute("SELECT password FROM accounts WHERE name = 'walt'").fetchone()
        self.assertRegex(kept, r"^\$argon2id\$v=19\$m=65536,t=2,p=1\$")

    def test_tokens_make_no_tokens(self):
        """A read token that could post the form would make itself a write token."""
        for role in ("reader", "owner", "admin"):
            self.assertEqual(self.ask(role, "POST", "/settings", "action=token&name=more&role=write"), 403, role)
        with sqlite3.connect(os.path.join(self.box.data, "vitrine.db")) as database:
            self.assertEqual(database.execute("SELECT count(*) FROM tokens WHERE name = 'more'").fetchone(), (0,))


class FileCase(AccessCase):
    def fetch(self, path, **headers):
        return self.box.http("GET", path, headers={"x-vitrine-demo": str(self.demo_id), **headers})

    def upload(self, name, data, kind="text/plain"):
        body, headers = multipart([("files", name, data)])
        return self.box.http("POST", "/gradio_api/upload", body.replace(b"text/plain", kind.encode()),
                             {**headers, "x-vitrine-demo": str(self.demo_id)})

    def folder(self):
        path = os.path.join(self.box.data, "files", str(self.demo_id))
        return sorted(os.listdir(path)) if os.path.isdir(path) else []


class UserFiles(FileCase):
    """What went wrong with files in a widely used program of this kind, tried here one by one."""

    def test_paths_that_were_not_issued(self):
        for path in ("/etc/passwd", "../../../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd", "//etc/passwd",
                     "f/../../vitrine.db", "f/" + "0" * 64, "f/" + "0" * 63 + "/x", "f/" + "g" * 64 + "/x", "vitrine.db", "",
                     "C:/Windows/x", "file:///etc/passwd", "x.txt::$DATA", "f/" + "0" * 64 + "/../../../vitrine.db"):
            status, headers, body = self.fetch(f"/gradio_api/file={path}")
            self.assertIn(status, (400, 403, 404), path)
            self.assertNotIn(b"root:", body)
            self.assertNotIn(b"SQLite", body)

    def test_addresses_are_neither_fetched_nor_followed(self):
        for path in ("http://127.0.0.1:1/", "https://example.org/x", "//example.org/", "http:%2f%2fexample.org"):
            status, headers, _ = self.fetch(f"/gradio_api/file={path}")
            self.assertIn(status, (400, 403, 404), path)
            self.assertNotIn("Location", headers)

    def test_a_name_never_becomes_a_path(self):
        for name in ("../../x", "/etc/cron.d/x", "..\\..\\x", "a/b", "nul\0l", "\u202etxt.exe", "x" * 4000, "-rf", ".htaccess", "con"):
            before = self.folder()
            status, _, body = self.upload(name, b"data")
            self.assertEqual(status, 200, name)
            (handle,) = json.loads(body)
            self.assertRegex(handle, r"^f/[0-9a-f]{64}/[^/\\\x00-\x1f]{1,200}$")
            (made,) = set(self.folder()) - set(before)
            self.assertRegex(made, r"^[0-9a-f]{64}$")
            self.assertNotIn(handle.split("/")[1], made, "the secret is not the file's name")

    def test_what_can_run_in_a_browser_is_only_downloaded(self):
        for name, kind in (("a.html", "text/html"), ("a.svg", "image/svg+xml"), ("a.js", "text/javascript"), ("a.xhtml", "application/xhtml+xml"),
                           ("a.xml", "text/xml"), ("a.png", "text/html"), ("a.html", "image/png; x=\r\nX: y"), ("a.pdf", "application/pdf"),
                           ("a.swf", "application/x-shockwave-flash"), ("a", "")):
            status, _, body = self.upload(name, b"<script>alert(1)</script>", kind)
            self.assertEqual(status, 200, name)
            _, headers, _ = self.fetch("/gradio_api/file=" + json.loads(body)[0])
            if headers["Content-Type"] != "image/png":  # a picture that is none: nosniff, so a browser shows nothing
                self.assertEqual(headers["Content-Type"], "application/octet-stream", (name, kind))
                self.assertTrue(headers["Content-Disposition"].startswith("attachment"), (name, kind))
            self.assertNotIn("X", headers)

    def test_a_multipart_body_that_never_ends_its_head(self):
        for body in (b"--x\r\n" + b"A" * 200000, b"--x\r\nContent-Disposition: form-data; name=\"files\"; filename=\"" + b"a" * 100000,
                     b"\r\n" * 100000, b"--" + b"x" * 100000):
            started = time.monotonic()
            status, _, _ = self.box.http("POST", "/gradio_api/upload", body, {
                "Content-Type": "multipart/form-data; boundary=x", "x-vitrine-demo": str(self.demo_id)})
            self.assertIn(status, (400, 413))
            self.assertLess(time.monotonic() - started, 5)


class Quota(FileCase):
    environment = {"VITRINE_LIMIT_FILE_QUOTA_BYTES": "2000000", "VITRINE_LIMIT_FILE_TTL_MS": "1500"}

    def setUp(self):
        work = Work(self.box, f"/spaces/ann/{self._testMethodName.replace('_', '-')[:40]}", token=self.token)
        work.commit(DEMO)
        work.push()
        self.demo_id = self.box.ask("demo_lookup", by=1, name=work.url.split("/spaces/")[1])[1]["demo_id"]

    def test_a_file_is_there_for_its_time(self):
        handle = json.loads(self.upload("x.txt", b"data")[2])[0]
        self.assertEqual(self.fetch(f"/gradio_api/file={handle}")[2], b"data")
        time.sleep(1.6)
        self.assertEqual(self.fetch(f"/gradio_api/file={handle}")[0], 403)
        self.assertEqual(self.box.ask("file_open", demo_id=self.demo_id, session="", handle=handle)[0], "request_failed")

    def test_uploads_at_once_share_the_quota(self):
        """Each alone would fit; together they would be three times the quota."""
        body, headers = multipart([("files", "x.bin", os.urandom(900000))])
        statuses = []

        def slowly():
            connection = http.client.HTTPConnection("localhost")
            connection.sock = self.box.connect()
            connection.sock.settimeout(20)
            connection.putrequest("POST", "/gradio_api/upload")
            for name, value in {**headers, "x-vitrine-demo": str(self.demo_id), "Content-Length": str(len(body))}.items():
                connection.putheader(name, value)
            connection.endheaders()
            try:
                connection.send(body[:800000])
                time.sleep(0.3)
                connection.send(body[800000:])
            except OSError:
                pass  # answered and closed before it was all sent
            statuses.append(connection.getresponse().status)
            connection.close()

        threads = [threading.Thread(target=slowly) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        kept = sum(os.path.getsize(os.path.join(self.box.data, "files", str(self.demo_id), name)) for name in self.folder())
        self.assertLessEqual(kept, 2000000)
        self.assertGreaterEqual(statuses.count(413), 4, statuses)
        self.assertEqual(statuses.count(200) + statuses.count(413), 6)

    def test_empty_files_are_not_free(self):
        made = 0
        while made < 600:
            body, headers = multipart([("files", "x", b"")] * 100)
            if self.box.http("POST", "/gradio_api/upload", body, {**headers, "x-vitrine-demo": str(self.demo_id)})[0] != 200:
                break
            made += 100
        self.assertLess(made, 600)


class Secrets(AccessCase):
    def test_nothing_secret_is_written_down(self):
        password, link = "a very secret passphrase", self.box.ctl("user", "link", "ann")
        self.box.ctl("user", "add", "zoe", "--password-stdin", data=password + "\n")
        cookie = self.sign_in()
        self.form("/login", f"username=zoe&password={password.replace(' ', '+')}", "")
        self.form("/login", "username=zoe&password=wrong+secret+phrase", "")
        self.get("/settings", Cookie=cookie)
        page = self.form("/settings", "action=token&name=fresh&role=write", cookie)[2].decode()
        fresh = re.search(r"hf_[0-9a-f]{64}", page)[0]
        work = Work(self.box, "/spaces/ann/digits", token="hf_" + "1" * 64)
        work.commit(DEMO)
        work.push(check=False)
        body, headers = multipart([("files", "x.txt", b"x")])
        handle = json.loads(self.box.http("POST", "/gradio_api/upload", body, {**headers, "x-vitrine-demo": str(self.demo_id)})[2])[0]
        secrets = [*self.tokens.values(), fresh, "1" * 64, password, "wrong secret phrase", cookie.split("=")[1], link.split("=")[1],
                   handle.split("/")[1]]
        self.box.stop()
        places = {"the log": self.box.log()}
        for folder, _, names in os.walk(self.box.data):
            for name in set(names) - {"admin.sock"}:
                with open(os.path.join(folder, name), "rb") as file:
                    places[os.path.join(folder, name)] = file.read().decode("latin-1")
        self.assertTrue(any(path.endswith("vitrine.db") for path in places))
        for place, text in places.items():
            for secret in secrets:
                self.assertNotIn(secret, text, place)
        self.box.start()

    def test_nothing_secret_stands_in_a_process_list(self):
        for name in ("cmdline", "environ"):
            with open(f"/proc/{self.box.process.pid}/{name}", "rb") as file:
                text = file.read().decode("latin-1")
            for token in self.tokens.values():
                self.assertNotIn(token, text)


if __name__ == "__main__":
    unittest.main()
