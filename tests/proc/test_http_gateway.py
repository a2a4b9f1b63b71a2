"""The gateway as a web server: hosts, paths, demos, pages, files, forwarding, limits, stopping. The store is played."""
import gzip
import json
import os
import re
import signal
import socket
import time
import unittest

from http_rig import HttpRig

BROWSER = {"Accept": "text/html,application/xhtml+xml"}


class Gateway(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.rig = HttpRig(env={"VITRINE_ACCESS_LOG": "1", "VITRINE_LIMIT_CONNECTIONS_PER_ADDRESS": "0"})

    @classmethod
    def tearDownClass(cls):
        cls.rig.stop()

    def setUp(self):
        self.assertIsNone(self.rig.process.poll(), "the gateway ended")


class Hosts(Gateway):
    def status(self, host):
        return self.rig.request("GET", "/healthz", None, {"Host": host})[0]

    def test_known_hosts(self):
        port = self.rig.port
        for host in (f"localhost:{port}", "localhost", f"127.0.0.1:{port}", f"[::1]:{port}", f"192.168.7.9:{port}", f"LOCALHOST:{port}"):
            self.assertEqual(self.status(host), 200, host)

    def test_unknown_hosts(self):
        for host in ("evil.example", "localhost.evil.example", "localhost:1", "localhost:", "127.0.0.1.nip.io", "a.b.localhost"):
            self.assertEqual(self.status(host), 421, host)

    def test_unknown_host_is_told_where_we_are(self):
        status, body, _ = self.rig.request("GET", "/", None, {"Host": "evil.example"})
        self.assertEqual(status, 421)
        self.assertIn(f"http://localhost:{self.rig.port}", json.loads(body)["detail"])

    def test_http_1_0_without_host(self):
        self.assertTrue(self.rig.raw("GET /healthz HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200"))


class Demos(Gateway):
    def test_page_on_both_addresses(self):
        for status, body, headers in (self.rig.demo("ann-rig"), self.rig.get("/spaces/ann/rig/-/")):
            self.assertEqual(status, 200)
            self.assertIn(b"<p>rig</p>", body)
            self.assertIn(b'id="vt-config"', body)
            self.assertEqual(headers["Content-Type"], "text/html; charset=utf-8")

    def test_label_is_not_case_sensitive(self):
        self.assertEqual(self.rig.demo("ANN-Rig")[0], 200)

    def test_page_has_the_asked_colours(self):
        self.assertIn(b'data-theme="dark"', self.rig.demo("ann-rig", "/?__theme=dark")[1])
        self.assertNotIn(b"data-theme", self.rig.demo("ann-rig", "/?__theme=%22%3E%3Cscript%3E")[1])

    def test_page_is_compressed_for_who_takes_it(self):
        plain = self.rig.demo("ann-rig")[1]
        _, body, headers = self.rig.demo("ann-rig", headers={"Accept-Encoding": "gzip, br"})
        if headers["Content-Encoding"]:
            self.assertEqual(gzip.decompress(body), plain)
        self.assertIn("Accept-Encoding", headers["Vary"])

    def test_page_is_not_sent_twice(self):
        _, _, headers = self.rig.demo("ann-rig")
        status, body, _ = self.rig.demo("ann-rig", headers={"If-None-Match": headers["ETag"]})
        self.assertEqual((status, body), (304, b""))

    def test_config_and_info(self):
        for path in ("/config", "/config/", "/gradio_api/info", "/gradio_api/info/?serialize=False", "/info"):
            status, body, headers = self.rig.demo("ann-rig", path)
            self.assertEqual(status, 200, path)
            json.loads(body)
            self.assertEqual(headers["Access-Control-Allow-Origin"], "*")

    def test_path_without_slash_is_redirected(self):
        status, _, headers = self.rig.get("/spaces/ann/rig/-")
        self.assertEqual((status, headers["Location"]), (308, "/spaces/ann/rig/-/"))

    def test_every_byte_of_the_path_address_is_sandboxed(self):
        for path in ("", "config", "nothing/here", "gradio_api/run/none", "-/kit/none.js", "%00", "a//b", "../..", "gradio_api/file=none"):
            _, _, headers = self.rig.get(f"/spaces/ann/rig/-/{path}")
            self.assertIn("sandbox allow-scripts", headers["Content-Security-Policy"], path)
            self.assertNotIn("allow-same-origin", headers["Content-Security-Policy"], path)
        for demo in ("eve/secret", "eve/paused", "eve/empty", "eve/broken", "no/body"):
            _, _, headers = self.rig.get(f"/spaces/{demo}/-/")
            self.assertIn("sandbox", headers["Content-Security-Policy"], demo)

    def test_kit_is_there_for_every_demo(self):
        lookups = len(self.rig.lookups)
        for label in ("ann-rig", "no-body"):
            self.assertIn(b"another version", self.rig.demo(label, "/-/kit/none.js")[1])
        self.assertEqual(len(self.rig.lookups), lookups)

    def test_unknown_demo(self):
        self.assertEqual(self.rig.demo("no-body")[0], 404)
        status, body, headers = self.rig.demo("no-body", headers=BROWSER)
        self.assertEqual((status, headers["Content-Type"]), (404, "text/html; charset=utf-8"))
        self.assertIn(b"There is no demo at this address", body)

    def test_private_demo_looks_as_if_it_were_not_there(self):
        private, absent = self.rig.demo("eve-secret"), self.rig.demo("no-body")
        self.assertEqual(private[:2], absent[:2])

    def test_paused_empty_and_damaged_demos_say_so(self):
        self.assertEqual(self.rig.demo("eve-paused")[0], 503)
        status, body, _ = self.rig.demo("eve-empty")
        self.assertEqual(status, 404)
        self.assertIn("line 3 is wrong", json.loads(body)["detail"])
        self.assertEqual(self.rig.demo("eve-broken")[0], 500)
        self.assertEqual(self.rig.demo("ann-rig")[0], 200)

    def test_owner_sees_a_private_demo_with_a_token(self):
        self.assertEqual(self.rig.demo("eve-secret", headers={"Authorization": "Bearer hf_eve"})[0], 200)
        for wrong in ("Bearer hf_ann", "Bearer hf_nobody", "Bearer ", "Basic hf_eve", "Bearer " + "x" * 1000):
            self.assertEqual(self.rig.demo("eve-secret", headers={"Authorization": wrong})[0], 404, wrong)
        count = sum(1 for name, _ in self.rig.store_seen if name == "identify")
        self.rig.demo("eve-secret", headers={"Authorization": "Bearer hf_eve"})
        self.assertEqual(sum(1 for name, _ in self.rig.store_seen if name == "identify"), count)
        self.rig.store.send("tokens_changed")
        time.sleep(0.1)
        self.rig.demo("eve-secret", headers={"Authorization": "Bearer hf_eve"})
        self.assertEqual(sum(1 for name, _ in self.rig.store_seen if name == "identify"), count + 1)

    def test_preview_of_another_release_is_for_the_owner(self):
        self.assertEqual(self.rig.demo("ann-rig--abcdef0")[0], 404)
        self.assertEqual(self.rig.demo("ann-rig--abcdef0", headers={"Authorization": "Bearer hf_eve"})[0], 404)
        self.assertIn(b"<p>before</p>", self.rig.demo("ann-rig--abcdef0", headers={"Authorization": "Bearer hf_ann"})[1])
        self.assertIn(b"<p>rig</p>", self.rig.demo("ann-rig")[1])

    def test_answers_are_cached_until_the_store_says_otherwise(self):
        self.rig.demo("eve-framed")
        count = len(self.rig.lookups)
        for _ in range(20):
            self.rig.demo("eve-framed")
        self.assertEqual(len(self.rig.lookups), count)
        self.rig.store.send("demo_changed", {"demo_id": 12})
        time.sleep(0.1)
        self.rig.demo("eve-framed")
        self.assertEqual(len(self.rig.lookups), count + 1)

    def test_who_may_frame(self):
        def policy(label):
            return self.rig.demo(label)[2]["Content-Security-Policy"]
        self.assertIn("frame-ancestors *", policy("ann-rig"))
        self.assertIn("https://example.org", policy("eve-framed"))
        self.assertNotIn("*", policy("eve-framed"))
        self.assertNotIn("example.org", policy("eve-closed"))
        self.assertIn("frame-ancestors 'self'", policy("eve-closed"))

    def test_any_page_may_ask(self):
        status, _, headers = self.rig.demo("ann-rig", "/gradio_api/queue/data?session_hash=x", "OPTIONS", {
            "Origin": "null", "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "content-type"})
        self.assertEqual(status, 204)
        self.assertEqual(headers["Access-Control-Allow-Origin"], "*")
        self.assertIn("content-type", headers["Access-Control-Allow-Headers"])
        self.assertIsNone(headers["Access-Control-Allow-Credentials"])

    def test_wrong_method(self):
        status, _, headers = self.rig.demo("ann-rig", "/config", "POST", body=b"{}")
        self.assertEqual(status, 405)
        self.assertIn("GET", headers["Allow"])
        self.assertEqual(self.rig.demo("ann-rig", "/gradio_api/queue/join")[0], 405)

    def test_call_through_a_worker(self):
        status, body, _ = self.rig.demo("ann-rig", "/gradio_api/run/plain", "POST", {"Content-Type": "application/json"}, b'{"data":["hi"]}')
        self.assertEqual((status, json.loads(body)["data"]), (200, ["hi"]))


class Files(Gateway):
    def get(self, path, **headers):
        return self.rig.demo("ann-files", path, headers={k.replace("_", "-"): v for k, v in headers.items()})

    def test_static_demo(self):
        self.assertEqual(self.get("/")[:2], (200, b"<h1>static</h1>"))
        self.assertEqual(self.get("/sub/")[:2], (200, b"sub"))
        self.assertEqual(self.get("/a.txt")[2]["Content-Type"], "text/plain; charset=utf-8")

    def test_folder_without_slash(self):
        status, _, headers = self.get("/sub")
        self.assertEqual((status, headers["Location"]), (308, "/sub/"))

    def test_missing_file_shows_the_authors_page(self):
        self.assertEqual(self.get("/nothing.html")[:2], (404, b"<p>not here</p>"))

    def test_hidden_and_generated_files(self):
        for path in ("/.env", "/.vitrine/manifest.json", "/%2evitrine/manifest.json", "/.git/config"):
            self.assertEqual(self.get(path)[0], 404, path)

    def test_unknown_types_are_for_saving(self):
        headers = self.get("/run.bin")[2]
        self.assertEqual(headers["Content-Type"], "application/octet-stream")
        self.assertEqual(headers["Content-Disposition"], "attachment")
        self.assertEqual(headers["X-Content-Type-Options"], "nosniff")

    def test_ranges(self):
        whole = self.get("/a.txt")[1]
        status, body, headers = self.get("/a.txt", Range="bytes=10-19")
        self.assertEqual((status, body, headers["Content-Range"]), (206, whole[10:20], f"bytes 10-19/{len(whole)}"))
        self.assertEqual(self.get("/a.txt", Range="bytes=-5")[1], whole[-5:])
        self.assertEqual(self.get("/a.txt", Range="bytes=999999-")[0], 416)
        tag = self.get("/a.txt")[2]["ETag"]
        self.assertEqual(self.get("/a.txt", If_None_Match=tag)[0], 304)
        self.assertEqual(self.get("/a.txt", Range="bytes=0-0", If_Range=tag)[0], 206)
        self.assertEqual(self.get("/a.txt", Range="bytes=0-0", If_Range='"other"')[0], 200)

    def test_head(self):
        status, body, headers = self.rig.demo("ann-files", "/a.txt", "HEAD")
        self.assertEqual((status, body, headers["Content-Length"]), (200, b"", str(256 * 40)))

    def test_traversal(self):
        for path in ("/../app.lua", "/%2e%2e/app.lua", "/sub/..%2f..%2fx", "//a.txt", "/a.txt%00", "/a%5cb"):
            self.assertIn(self.get(path)[0], (400, 404), path)

    def test_nobody_calls_a_static_demo(self):
        self.assertEqual(self.rig.demo("ann-files", "/gradio_api/queue/join", "POST", body=b"{}")[0], 405)
        self.assertEqual(self.get("/config")[0], 404)

    def test_files_of_the_repository(self):
        self.assertEqual(self.rig.demo("ann-rig", "/app.lua")[:2], (200, b"return nil"))


class Forwarding(Gateway):
    def seen(self, *arguments):
        return json.loads(self.rig.request(*arguments)[1])

    def test_request_arrives_with_what_the_store_must_know(self):
        seen = self.seen("GET", "/some/page?a=b%20c", None, {"X-Vitrine-Client": "forged", "X-Vitrine-Demo": "1", "Cookie": "c=d", "X-Own": "1"})
        self.assertEqual((seen["method"], seen["target"]), ("GET", "/some/page?a=b%20c"))
        self.assertEqual(seen["headers"]["x-vitrine-client"], "127.0.0.1")
        self.assertEqual(seen["headers"]["x-vitrine-origin"], f"http://localhost:{self.rig.port}")
        self.assertNotIn("x-vitrine-demo", seen["headers"])
        self.assertEqual((seen["headers"]["cookie"], seen["headers"]["x-own"]), ("c=d", "1"))

    def test_answer_carries_our_policy_not_the_stores(self):
        _, _, headers = self.rig.get("/page")
        self.assertEqual(headers.get_all("X-Frame-Options"), ["DENY"])
        self.assertEqual(len(headers.get_all("Content-Security-Policy")), 1)
        self.assertIn("frame-ancestors 'none'", headers["Content-Security-Policy"])
        self.assertIsNone(headers["X-Vitrine-Secret"])
        self.assertEqual(headers["Set-Cookie"], "vitrine_session=x")

    def test_files_of_strangers_are_sandboxed_on_the_site(self):
        policies = self.rig.get("/file")[2].get_all("Content-Security-Policy")
        self.assertEqual(len(policies), 1)
        self.assertTrue(policies[0].startswith("sandbox"))

    def test_bodies(self):
        self.assertEqual(self.seen("POST", "/form", b"x" * 300000)["length"], 300000)
        self.assertEqual(self.seen("POST", "/form", iter([b"a" * 1000] * 500))["length"], 500000)
        self.assertEqual(self.seen("PUT", "/form", b"")["length"], 0)

    def test_head_is_answered_without_a_body(self):
        status, body, headers = self.rig.request("HEAD", "/page")
        self.assertEqual((status, body), (200, b""))
        self.assertGreater(int(headers["Content-Length"]), 0)
        self.assertEqual(self.rig.get("/page")[0], 200)

    def test_memory_does_not_grow_with_the_body(self):
        def resident():
            with open(f"/proc/{self.rig.process.pid}/status", encoding="ascii") as file:
                return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1])
        before = resident()
        seen = self.seen("POST", "/form", iter([b"a" * 65536] * 1600))
        self.assertEqual(seen["length"], 65536 * 1600)
        self.assertLess(resident() - before, 8192)

    def test_too_large_is_refused_before_it_is_sent(self):
        out = self.rig.raw("POST /form HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 99999999999\r\n\r\n")
        self.assertTrue(out.startswith(b"HTTP/1.1 413"))

    def test_expect_continue(self):
        out = self.rig.raw("POST /form HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\nok")
        self.assertIn(b"100 Continue\r\n\r\nHTTP/1.1 200 OK", out)

    def test_uploads_of_a_demo_name_it(self):
        seen = json.loads(self.rig.request("POST", "/spaces/ann/rig/-/gradio_api/upload?upload_id=x", b"data", {"Cookie": "secret=1"})[1])
        self.assertEqual(seen["target"], "/gradio_api/upload?upload_id=x")
        self.assertEqual(seen["headers"]["x-vitrine-demo"], "7")
        self.assertEqual(seen["headers"]["x-vitrine-base"], "/spaces/ann/rig/-/")
        self.assertNotIn("cookie", seen["headers"])
        _, _, headers = self.rig.request("POST", "/spaces/ann/rig/-/gradio_api/upload", b"data")
        self.assertIn("sandbox", headers["Content-Security-Policy"])

    def test_connection_is_kept_between_requests(self):
        before = sum(1 for name, _ in self.rig.store_seen if name == "store_connect")
        for _ in range(10):
            self.rig.get("/page")
        after = sum(1 for name, _ in self.rig.store_seen if name == "store_connect")
        self.assertLessEqual(after - before, 1)

    def test_slow_requests_do_not_stop_others(self):
        self.rig.let_go.clear()
        with socket.create_connection(("127.0.0.1", self.rig.port)) as slow:
            slow.sendall(f"GET /slow HTTP/1.1\r\nHost: localhost:{self.rig.port}\r\n\r\n".encode())
            self.assertEqual(self.rig.get("/page")[0], 200)
            self.rig.let_go.set()
            self.assertIn(b"200 OK", slow.recv(65536))

    def test_store_that_breaks_off(self):
        self.assertEqual(self.rig.get("/drop")[0], 502)
        out = self.rig.raw("GET /half HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
        self.assertTrue(out.endswith(b"half"))
        self.assertEqual(self.rig.get("/page")[0], 200)

    def test_slow_reader_slows_the_store(self):
        self.rig.chunks_written = 0
        with socket.create_connection(("127.0.0.1", self.rig.port)) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            sock.sendall(f"GET /chunks HTTP/1.1\r\nHost: localhost:{self.rig.port}\r\n\r\n".encode())
            time.sleep(1)
            self.assertLess(self.rig.chunks_written, 500)
            self.rig.store_cut.clear()
        self.assertTrue(self.rig.store_cut.wait(5), "the store was not told that the client left")

    def test_slow_reader_gets_everything(self):
        with socket.create_connection(("127.0.0.1", self.rig.port)) as sock:
            sock.sendall(f"GET /chunks HTTP/1.1\r\nHost: localhost:{self.rig.port}\r\nConnection: close\r\n\r\n".encode())
            total = 0
            while piece := sock.recv(1 << 20):
                total += len(piece)
        self.assertGreater(total, 1000 * 65536)

    def test_malformed_paths_stay_outside(self):
        for path in ("/a/../b", "/%2e%2e/b", "/a%00", "/a%0d%0ab", "/a//b", "/%ff"):
            self.assertTrue(self.rig.raw(f"GET {path} HTTP/1.1\r\nHost: {{HOST}}\r\nConnection: close\r\n\r\n").startswith(b"HTTP/1.1 400"), path)


class Forgery(Gateway):
    def post(self, headers):
        return self.rig.request("POST", "/settings", b"{}", headers)[0]

    def test_another_sites_page_changes_nothing(self):
        self.assertEqual(self.post({"Sec-Fetch-Site": "cross-site"}), 403)
        self.assertEqual(self.post({"Sec-Fetch-Site": "same-site"}), 403)
        self.assertEqual(self.post({"Origin": "https://evil.example"}), 403)
        self.assertEqual(self.post({"Origin": "null"}), 403)

    def test_our_own_pages_and_programs_do(self):
        self.assertEqual(self.post({"Sec-Fetch-Site": "same-origin"}), 200)
        self.assertEqual(self.post({"Origin": f"http://localhost:{self.rig.port}"}), 200)
        self.assertEqual(self.post({}), 200)


class Log(Gateway):
    def test_one_line_for_each_request_without_secrets(self):
        self.rig.demo("ann-rig", "/config?token=secret")
        self.rig.raw(b"GET /%22%0a\x22 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        self.rig.raw(b"nonsense\r\n\r\n")
        time.sleep(1.3)
        lines = self.rig.access_lines()
        mine = [line for line in lines if line.get("path") == "/config"]
        self.assertEqual(mine[-1]["demo"], "ann/rig")
        self.assertEqual((mine[-1]["status"], mine[-1]["method"], mine[-1]["end"]), (200, "GET", "done"))
        self.assertNotIn("secret", json.dumps(lines))
        self.assertTrue(any(line["end"] == "refused" for line in lines))
        self.assertTrue(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", mine[-1]["time"]))


class Own(unittest.TestCase):
    """Gateways of their own: they are limited, stopped, or lose their store."""

    def rig(self, **arguments):
        rig = HttpRig(**arguments)
        self.addCleanup(rig.stop)
        return rig

    def test_requests_per_second(self):
        rig = self.rig(env={"VITRINE_LIMIT_REQUESTS_PER_SECOND": "20"})
        answers = [rig.get("/healthz") for _ in range(80)]
        refused = [answer for answer in answers if answer[0] == 429]
        self.assertGreater(len(refused), 10)
        self.assertEqual(refused[0][2]["Retry-After"], "1")
        time.sleep(1.1)
        self.assertEqual(rig.get("/healthz")[0], 200)

    def test_connections_per_address(self):
        rig = self.rig(env={"VITRINE_LIMIT_CONNECTIONS_PER_ADDRESS": "5"})
        time.sleep(0.1)
        kept = [socket.create_connection(("127.0.0.1", rig.port)) for _ in range(5)]
        with socket.create_connection(("127.0.0.1", rig.port)) as sixth:
            sixth.settimeout(2)
            self.assertEqual(sixth.recv(10), b"")
        for sock in kept:
            sock.close()
        time.sleep(0.1)
        self.assertEqual(rig.get("/healthz")[0], 200)

    def test_joins_are_counted_for_each_demo(self):
        rig = self.rig(env={"VITRINE_LIMIT_JOINS_PER_SECOND": "2"})
        statuses = [rig.join(1, ["x"], f"s{i}")[0] for i in range(10)]
        self.assertIn(429, statuses)
        self.assertEqual(rig.get("/spaces/ann/rig/-/config")[0], 200)

    def test_trusted_proxy(self):
        rig = self.rig(config={"trusted_proxy": "127.0.0.1", "site_url": "https://demos.example"})
        host = {"Host": "demos.example", "X-Forwarded-For": "6.6.6.6, 203.0.113.9"}
        seen = json.loads(rig.request("GET", "/page", None, host)[1])
        self.assertEqual(seen["headers"]["x-vitrine-client"], "203.0.113.9")
        self.assertEqual(seen["headers"]["x-vitrine-origin"], "https://demos.example")
        self.assertIn("max-age", rig.request("GET", "/page", None, host)[2]["Strict-Transport-Security"])

    def test_forwarded_for_of_strangers_is_ignored(self):
        rig = self.rig()
        seen = json.loads(rig.request("GET", "/page", None, {"X-Forwarded-For": "203.0.113.9"})[1])
        self.assertEqual(seen["headers"]["x-vitrine-client"], "127.0.0.1")

    def test_metrics(self):
        self.assertEqual(self.rig().get("/metrics")[0], 404)
        status, body, _ = self.rig(config={"public_metrics": "1"}).get("/metrics")
        self.assertEqual(status, 200)
        for line in body.decode().splitlines():
            self.assertRegex(line, r'^(# (HELP|TYPE) vitrine_\w+ .+|vitrine_\w+(\{[^}]*\})? [-+.\d\w]+)$')

    def test_store_comes_and_goes(self):
        rig = self.rig()
        self.assertEqual(rig.get("/readyz")[0], 200)
        rig.get("/page")
        rig.demo("ann-rig")
        rig.store.sock.shutdown(socket.SHUT_RDWR)
        rig.store.close()
        time.sleep(0.2)
        self.assertEqual(rig.get("/readyz")[0], 503)
        self.assertEqual(rig.get("/page")[0], 503)
        self.assertEqual(rig.demo("ann-files")[0], 503)
        # What is known goes on without the store.
        self.assertEqual(rig.demo("ann-rig")[0], 200)
        rig.connect("store")
        time.sleep(0.2)
        self.assertEqual(rig.get("/readyz")[0], 200)
        self.assertEqual(rig.get("/page")[0], 200)
        self.assertEqual(rig.demo("ann-files")[0], 200)

    def test_new_release_is_shown(self):
        rig = self.rig()
        self.assertIn(b"<p>rig</p>", rig.demo("ann-rig")[1])
        rig.release = 51
        rig.store.send("demo_changed", {"demo_id": 7})
        time.sleep(0.2)
        self.assertIn(b"<p>before</p>", rig.demo("ann-rig")[1])
        rig.store.send("demo_changed", {"demo_id": 7, "deleted": 1})
        time.sleep(0.2)
        rig.DEMOS = {}
        self.assertEqual(rig.demo("ann-rig")[0], 404)

    def test_graceful_stop(self):
        rig = self.rig()
        rig.let_go.clear()
        with socket.create_connection(("127.0.0.1", rig.port)) as slow:
            slow.sendall(f"GET /slow HTTP/1.1\r\nHost: localhost:{rig.port}\r\n\r\n".encode())
            time.sleep(0.3)
            rig.launcher.send("launcher_stop", {"grace_ms": 5000})
            time.sleep(0.3)
            with self.assertRaises(OSError):
                socket.create_connection(("127.0.0.1", rig.port)).recv(1)
            rig.let_go.set()
            answer = b""
            while piece := slow.recv(65536):
                answer += piece
            self.assertIn(b"Connection: close", answer)
            self.assertTrue(answer.endswith(b"slow"))
        self.assertEqual(rig.process.wait(5), 0)

    def test_end_of_the_launcher_is_the_end(self):
        rig = self.rig()
        rig.launcher.sock.shutdown(socket.SHUT_RDWR)
        rig.launcher.close()
        rig.process.wait(5)

    def test_locked_down(self):
        rig = self.rig()
        with open(f"/proc/{rig.process.pid}/status", encoding="ascii") as file:
            status = file.read()
        self.assertIn("Seccomp:\t2", status)
        self.assertIn("NoNewPrivs:\t1", status)
        self.assertRegex(status, r"CapEff:\t0+\n")


del Gateway  # only its subclasses are tests

if __name__ == "__main__":
    unittest.main()
