"""HTTP/1.1 as bytes against a real gateway: what is answered, how often, and whether the connection goes on.

Every case that could be read in two ways must be refused, and nothing behind it may be answered: the smuggled request in
these cases asks for /smuggled, which the played store would gladly echo."""
import json
import re
import socket
import threading
import time
import unittest

from http_rig import HttpRig

UNLIMITED = {f"VITRINE_LIMIT_{name}": "0" for name in ("REQUESTS_PER_SECOND", "CONNECTIONS_PER_ADDRESS", "JOINS_PER_SECOND")}
HOST = "Host: localhost\r\n"
SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"


def statuses(answer):
    return [int(number) for number in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]


class Wire(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.rig = HttpRig(env={"VITRINE_ACCESS_LOG": "0", **UNLIMITED})

    @classmethod
    def tearDownClass(cls):
        cls.rig.stop()

    def setUp(self):
        self.assertIsNone(self.rig.process.poll(), "the gateway ended")

    def talk(self, *parts, wait=0.4, pause=0.01):
        """Sends the parts apart from each other: (statuses, closed by the server, all bytes)."""
        answer, closed = b"", False
        with socket.create_connection(("127.0.0.1", self.rig.port), 5) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for number, part in enumerate(parts):
                if number:
                    time.sleep(pause)
                try:
                    sock.sendall(part if isinstance(part, bytes) else part.encode("latin-1"))
                except OSError:
                    break
            sock.settimeout(wait)
            try:
                while piece := sock.recv(65536):
                    answer += piece
                closed = True
            except TimeoutError:
                pass
            except OSError:
                closed = True
        return statuses(answer), closed, answer

    def refused(self, request, *allowed):
        """One answer, it is a refusal, and the connection ends: nothing behind it was read as a request."""
        got, closed, answer = self.talk(request)
        self.assertEqual(len(got), 1, (request[:300], got))
        self.assertIn(got[0], allowed or (400,), request[:300])
        self.assertTrue(closed, request[:300])
        self.assertIn(b"\r\nConnection: close\r\n", answer)
        self.assertNotIn(b"smuggled", answer)

    def accepted(self, request, *wanted):
        got, _, answer = self.talk(request)
        self.assertEqual(got, list(wanted), request[:300])
        return answer


def post(fields, body="", path="/form", version="HTTP/1.1"):
    return f"POST {path} {version}\r\n{HOST}{fields}\r\n{body}"


class Framing(Wire):
    def test_two_framings(self):
        for fields in ("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
                       "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", "transfer-encoding: CHUNKED\r\ncontent-length: 4\r\n"):
            self.refused(post(fields, "0\r\n\r\n" + SMUGGLED))

    def test_lengths(self):
        for value in ("5, 5", "5,6", "+5", "-5", "0x5", "5 5", "5;", "\"5\"", "5.0", "1e1", "05", "00", "", " ", "٥".encode().decode("latin-1"), "5\v",
                      "9" * 19, "9" * 30, "18446744073709551621", "4294967301x", "five", "5_0", "0b101"):
            self.refused(post(f"Content-Length: {value}\r\n", "hello" + SMUGGLED))
        for second in ("5", "6", "+5", "5 "):
            self.refused(post(f"Content-Length: 5\r\nContent-Length: {second}\r\n", "hello" + SMUGGLED))
        for name in ("Content-Length ", "Content-Length\t", " Content-Length", "Content Length", "Content-Length\0", "Content-Length\x0b"):
            self.refused(post(f"{name}: 5\r\n", "hello" + SMUGGLED))

    def test_blanks_around_a_length_are_allowed(self):
        for value in ("5", " 5", "\t5 \t", "   5   "):
            self.accepted(post(f"Content-Length:{value}\r\n", "hello"), 200)

    def test_transfer_codings(self):
        values = ["chunked, chunked", "chunked,", ",chunked", "identity", "identity, chunked", "chunked, identity", "gzip", "gzip, chunked",
                  "xchunked", "chunkedx", "chunke", "chunked;q=1", "chunked; a=b", "\"chunked\"", "'chunked'", "(chunked)", "chunked chunked", "chunk ed",
                  "", ",", "\\chunked", "chunked\\", "chun\0ked", "chunked\0", "\x0bchunked", "chunked\x0c", "\xa0chunked", "\x85chunked", "chunked\x7f",
                  "chunked\r", "\rchunked", "chunked\n", "\r\n chunked", "chunked\r\n x"]
        for value in values:
            self.refused(post(f"Transfer-Encoding: {value}\r\nX-After: 1\r\n", "0\r\n\r\n" + SMUGGLED))
            self.refused(post(f"Transfer-Encoding: {value}\r\nContent-Length: 5\r\n", "0\r\n\r\n" + SMUGGLED))
        for name in ("Transfer-Encoding ", "Transfer-Encoding\t", " Transfer-Encoding", "\tTransfer-Encoding", "Transfer Encoding", "Transfer-Encoding\0",
                     "Transfer-Encoding\x01", "Transfer-\r\nEncoding", "X: y\nTransfer-Encoding", "X: y\rTransfer-Encoding", "Transf\xe9r-Encoding"):
            self.refused(post(f"{name}: chunked\r\nContent-Length: {5 + len(SMUGGLED)}\r\n", "0\r\n\r\n" + SMUGGLED))
        self.refused(post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n" + SMUGGLED))
        self.refused(post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n" + SMUGGLED))
        self.refused(post("Transfer-Encoding: chunked\r\n", "0\r\n\r\n" + SMUGGLED, version="HTTP/1.0"))

    def test_names_that_only_look_like_framing_mean_nothing(self):
        for name in ("Transfer_Encoding", "X-Transfer-Encoding", "Transfer-Encoding-X", "TransferEncoding", "Content_Length"):
            self.accepted(post(f"{name}: chunked\r\nContent-Length: 5\r\n", "hello"), 200)

    def test_chunks(self):
        good = {"5\r\nhello\r\n0\r\n\r\n": 5, "05\r\nhello\r\n000\r\n\r\n": 5, "5;a\r\nhello\r\n0\r\n\r\n": 5, "5;a=b;c=\"d e\\\"\"\r\nhello\r\n0;x\r\n\r\n": 5,
                "A\r\n0123456789\r\n0\r\n\r\n": 10, "a\r\n0123456789\r\n0\r\nX: y\r\n\r\n": 10, "1\r\nx\r\n1\r\ny\r\n0\r\nA: b\r\nC:\r\n\r\n": 2}
        for body, length in good.items():
            answer = self.accepted(post("Transfer-Encoding: chunked\r\n", body), 200)
            self.assertIn(b'"length": %d' % length, answer)
        bad = ["0x5\r\nhello\r\n", "+5\r\nhello\r\n", "-5\r\nhello\r\n", " 5\r\nhello\r\n", "5 \r\nhello\r\n", "5\t\r\nhello\r\n", "5 ;a\r\nhello\r\n", "5;\r\nhello\r\n",
               "5; a\r\nhello\r\n", "5;a=\r\nhello\r\n", "5;a=\"b\r\nhello\r\n", "5;a\nb\r\nhello\r\n", "5;a\rb\r\nhello\r\n", "5;\0\r\nhello\r\n", "5;a=b c\r\nhello\r\n",
               "5\nhello\r\n", "5\rhello\r\n", "5\r\nhello\n0\r\n\r\n", "5\r\nhello0\r\n\r\n", "5\r\nhello!\r\n0\r\n\r\n", "6\r\nhello\r\n0\r\n\r\n", "g\r\nhello\r\n", "\r\n5\r\nhello\r\n",
               "5,5\r\nhello\r\n", "5.0\r\nhello\r\n", "5_0\r\n", "\"5\"\r\nhello\r\n", "10000000000000005\r\nhello\r\n", "fffffffffffffffff\r\nhello\r\n", "ffffffffffffffff\r\nhello\r\n",
               "0" * 17 + "5\r\nhello\r\n", "5;" + "e" * 300 + "\r\nhello\r\n", "5\r\nhello\r\n0\r\nX : y\r\n\r\n", "5\r\nhello\r\n0\r\n X: y\r\n\r\n",
               "5\r\nhello\r\n0\r\nX: y\r\n z\r\n\r\n", "5\r\nhello\r\n0\r\nX\r\n\r\n", "5\r\nhello\r\n0\r\n: y\r\n\r\n", "5\r\nhello\r\n0\r\nX: \0\r\n\r\n",
               "5\r\nhello\r\n0\r\nX: y\n\r\n", "5\r\nhello\r\n0\n\r\n", "5\r\nhello\r\n0\r\n\n", "5\r\nhello\r\n0\r\n\rGET", "5\r\nhello\r\n0\r\nX: " + "y" * 5000 + "\r\n\r\n"]
        for body in bad:
            self.refused(post("Transfer-Encoding: chunked\r\n", body + SMUGGLED))

    def test_trailers_are_no_headers(self):
        trailers = "Content-Length: 100\r\nTransfer-Encoding: gzip\r\nHost: evil.example\r\nX-Vitrine-Client: 6.6.6.6\r\nConnection: close\r\n"
        answer = self.accepted(post("Transfer-Encoding: chunked\r\nTrailer: Host\r\n", "2\r\nok\r\n0\r\n" + trailers + "\r\n") + SMUGGLED, 200, 200)
        self.assertNotIn(b"6.6.6.6", answer)
        self.assertNotIn(b"evil", answer)

    def test_bodies_where_nobody_expects_them(self):
        for method in ("GET", "DELETE", "OPTIONS", "HEAD"):
            got, _, _ = self.talk(f"{method} /form HTTP/1.1\r\n{HOST}Content-Length: {len(SMUGGLED)}\r\n\r\n{SMUGGLED}")
            self.assertEqual(got, [200], method)
            got, _, _ = self.talk(f"{method} /form HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n{len(SMUGGLED):x}\r\n{SMUGGLED}\r\n0\r\n\r\n")
            self.assertEqual(got, [200], method)
        # Answered without looking at the body, which is still not a request.
        got, _, _ = self.talk(f"GET /healthz HTTP/1.1\r\n{HOST}Content-Length: {len(SMUGGLED)}\r\n\r\n{SMUGGLED}GET /healthz HTTP/1.1\r\n{HOST}\r\n")
        self.assertEqual(got, [200, 200])

    def test_pipeline_ends_with_the_first_refusal(self):
        good = f"GET /form HTTP/1.1\r\n{HOST}\r\n"
        for bad in ("GET /form HTTP/1.1\r\n\r\n", post("Content-Length: x\r\n"), "\0\r\n\r\n", f"GET /a#b HTTP/1.1\r\n{HOST}\r\n"):
            got, closed, answer = self.talk(good + good + bad + SMUGGLED * 3)
            self.assertEqual(got, [200, 200, 400])
            self.assertTrue(closed)
            self.assertNotIn(b"smuggled", answer)

    def test_answers_come_in_order(self):
        got, _, answer = self.talk("".join(f"GET /form/{i} HTTP/1.1\r\n{HOST}\r\n" for i in range(50)))
        self.assertEqual(got, [200] * 50)
        self.assertEqual([int(n) for n in re.findall(rb'"target": "/form/(\d+)"', answer)], list(range(50)))

    def test_however_the_bytes_are_cut(self):
        cases = [f"GET /form HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n",
                 post("Transfer-Encoding: chunked\r\nConnection: close\r\n", "5;a=\"b\"\r\nhello\r\n1\r\n!\r\n0\r\nX: y\r\n\r\n"),
                 post("Content-Length: 5\r\n", "hello") + f"GET /form HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n",
                 post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello!"), post("Transfer-Encoding: chunked\r\n", "5\r\nhello!\r\n0\r\n\r\n")]
        for case in cases:
            whole = self.talk(case)[0]
            for cut in range(1, len(case), 5):
                self.assertEqual(self.talk(case[:cut], case[cut:], pause=0.002)[0], whole, (case, cut))
            self.assertEqual(self.talk(*case, pause=0.0005)[0], whole)


class Lines(Wire):
    def test_request_lines(self):
        for line in ("GET  / HTTP/1.1", "GET /  HTTP/1.1", "GET / HTTP/1.1 ", " GET / HTTP/1.1", "GET\t/ HTTP/1.1", "GET / HTTP/1.1\t", "GET /\tHTTP/1.1", "GET /", "GET", "/",
                     "GET / HTTP/1", "GET / HTTP/1.1.1", "GET / http/1.1", "GET / HTTPS/1.1", "GET / HTTP/x.1", "GET / HTTP /1.1", "GET / HTTP/11", "G\0T / HTTP/1.1", "G(T / HTTP/1.1",
                     "GET / x HTTP/1.1", "GET /\0 HTTP/1.1", "GET /\x01 HTTP/1.1", "GET /\x7f HTTP/1.1", "GET /\xe9 HTTP/1.1", "GET /\" HTTP/1.1", "GET /<x> HTTP/1.1", "GET /#a HTTP/1.1",
                     "GET a HTTP/1.1", "GET localhost:80 HTTP/1.1", "GET * HTTP/1.1", "POST * HTTP/1.1", "GET ? HTTP/1.1", "GET ../x HTTP/1.1", "GET ftp://localhost/ HTTP/1.1",
                     "GET http:/// HTTP/1.1", "GET http:// HTTP/1.1", "GET http:/localhost/ HTTP/1.1", "GET http://u:p@localhost/ HTTP/1.1", "GET http://localhost:x/ HTTP/1.1"):
            self.refused(f"{line}\r\n{HOST}\r\n" + SMUGGLED)

    def test_versions_and_methods(self):
        for line, status in (("GET / HTTP/2.0", 505), ("GET / HTTP/0.9", 505), ("GET / HTTP/3.7", 505), ("PRI * HTTP/2.0", 505), ("BREW / HTTP/1.1", 501), ("get / HTTP/1.1", 501),
                             ("TRACE / HTTP/1.1", 501), ("CONNECT localhost:80 HTTP/1.1", 501), ("CONNECT / HTTP/1.1", 501), ("GETS / HTTP/1.1", 501)):
            self.refused(f"{line}\r\n{HOST}\r\n" + SMUGGLED, status)
        self.accepted(f"GET /form HTTP/1.7\r\n{HOST}\r\n", 200)

    def test_line_ends(self):
        for request in ("GET / HTTP/1.1\nHost: localhost\n\n", "GET / HTTP/1.1\r\nHost: localhost\n\r\n", "GET / HTTP/1.1\nHost: localhost\r\n\r\n", "GET / HTTP/1.1\r\nHost: localhost\r\n\n",
                        "GET / HTTP/1.1\rHost: localhost\r\r", "GET / HTTP/1.1\r\nHost: localhost\rX: y\r\n\r\n", "GET / HTTP/1.1\r\nHost: localhost\r\n\rX: y\r\n\r\n",
                        "GET / HTTP/1.1\r\r\nHost: localhost\r\n\r\n", "GET / HTTP/1.1\r\nHost: localhost\r\r\n\r\n", "\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "\r\n" * 3 + SMUGGLED):
            self.refused(request + SMUGGLED)

    def test_an_empty_line_before_a_request_is_skipped(self):
        self.accepted("\r\n" + post("Content-Length: 5\r\n", "hello") + "\r\n" + post("Content-Length: 2\r\n", "hi"), 200, 200)

    def test_fields(self):
        for field in ("X : y", "X\t: y", " X: y", "\tX: y", "X: y\r\n z", "X: y\r\n\tz", ": y", "X", "X y", "X(: y", "X\0: y", "\x80: y", "X: \0", "X: a\x01b", "X: a\x7fb", "X: a\rb", "X: a\nb",
                      "X@Y: z", "X,Y: z", "\"X\": y", "X/Y: z", "{X}: y"):
            self.refused(f"GET /form HTTP/1.1\r\n{HOST}{field}\r\n\r\n" + SMUGGLED)
            self.refused(f"GET /form HTTP/1.1\r\n{field}\r\n{HOST}\r\n" + SMUGGLED)
        for field in ("X:y", "X:", "X:   ", "X: a\tb", "X: \xe9\xff", "!#$%&'*+-.^_`|~09aZ: y", "X: :y:"):
            self.accepted(f"GET /form HTTP/1.1\r\n{HOST}{field}\r\n\r\n", 200)

    def test_limits(self):
        self.accepted(f"GET /{'a' * 8000} HTTP/1.1\r\n{HOST}\r\n", 200)
        self.refused(f"GET /{'a' * 8200} HTTP/1.1\r\n{HOST}\r\n", 414)
        self.refused(f"GET /{'a' * 100000}", 414)
        self.accepted(f"GET /healthz HTTP/1.1\r\n{HOST}" + "".join(f"X-{i}: y\r\n" for i in range(99)) + "\r\n", 200)
        self.refused(f"GET /form HTTP/1.1\r\n{HOST}" + "".join(f"X-{i}: y\r\n" for i in range(100)) + "\r\n", 431)
        self.refused(f"GET /form HTTP/1.1\r\n{HOST}X: {'y' * 8192}\r\n\r\n", 431)
        self.refused(f"GET /form HTTP/1.1\r\n{HOST}X: {'y' * 100000}", 431)
        self.refused(f"GET /form HTTP/1.1\r\n{HOST}" + "".join(f"X-{i}: {'y' * 8000}\r\n" for i in range(5)) + "\r\n", 431)
        self.refused(post("Content-Length: 109951162777600\r\n", "x"), 413)

    def test_other_protocols_are_told_at_once(self):
        for noise in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100), b"\0\0\0\x0c\0\0\0\0", b"SSH-2.0-x\r\n", b"\x80\x2e\x01\x03\x01"):
            self.refused(noise)


class Names(Wire):
    def test_hosts(self):
        for host in ("", " ", "a b", "a,b", "localhost, localhost", "localhost@evil", "evil@localhost", "localhost/x", "localhost?x", "localhost#x", "localhost\\x", "localhost%00", "[::1",
                     "::1", "[::1]x", "[g]", "[]", "localhost:x", "localhost:-1", "localhost:65536", "localhost:1:2", "\xe9", "localhost\0", "localhost\x0b", "<b>", "http://localhost"):
            self.refused(f"GET /form HTTP/1.1\r\nHost: {host}\r\n\r\n" + SMUGGLED)
        for lines in ("", "Host: localhost\r\nHost: localhost\r\n", "Host: localhost\r\nhost: evil\r\n", "X: y\r\n", "Host : localhost\r\n", " Host: localhost\r\n"):
            self.refused(f"GET /form HTTP/1.1\r\n{lines}\r\n" + SMUGGLED)
        for host in ("evil.example", "localhost.evil.example", "evil.localhost.example", "127.0.0.1.nip.io", "..", "-", "a" * 300, "localhost.", "_"):
            self.assertEqual(self.talk(f"GET /form HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")[0], [421], host)

    def test_absolute_targets(self):
        origin = f"localhost:{self.rig.port}"
        for target, path in ((f"http://{origin}/form?a=b", "/form?a=b"), (f"HTTP://LOCALHOST:{self.rig.port}/form", "/form"), (f"http://{origin}", "/"), (f"http://{origin}?x", "/?x")):
            answer = self.accepted(f"GET {target} HTTP/1.1\r\nHost: {origin}\r\n\r\n", 200)
            self.assertIn(f'"target": "{path}"'.encode(), answer)
        for target in ("http://evil.example/", f"http://{origin}1/", "http://localhost/"):
            self.refused(f"GET {target} HTTP/1.1\r\nHost: {origin}\r\n\r\n" + SMUGGLED)
        self.refused(f"GET http://{origin}/ HTTP/1.1\r\n\r\n")
        self.assertEqual(self.talk("GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")[0], [421])

    def test_paths(self):
        for path in ("/..", "/../x", "/a/../b", "/./a", "/a/.", "/a/..", "/%2e%2e/x", "/%2E./x", "/a/%2e", "//a", "/a//b", "/a%2fb/../c", "/%00", "/a%00b", "/a%0ab", "/a%0d%0aX: y", "/a%7f",
                     "/%c0%af", "/%c0%ae%c0%ae/", "/%e0%80%af", "/%f0%80%80%af", "/%ff", "/%ed%a0%80", "/%", "/%2", "/%zz", "/%u0041", "/a\\b", "/a%5cb", "/..\\x"):
            for start in ("", "/spaces/ann/files/-"):
                got, _, answer = self.talk(f"GET {start}{path} HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n")
                self.assertEqual(got, [400], start + path)
                self.assertNotIn(b"\r\nX: y", answer)
            got = self.talk(f"GET {path} HTTP/1.1\r\nHost: ann-files.localhost\r\nConnection: close\r\n\r\n")[0]
            self.assertEqual(got, [400], path)
        # Decoded once: what is still encoded then is a name like any other.
        for path in ("/%252e%252e/app.lua", "/%252fapp.lua", "/..;/app.lua", "/....//app.lua".replace("//", "/")):
            self.assertEqual(self.talk(f"GET {path} HTTP/1.1\r\nHost: ann-files.localhost\r\nConnection: close\r\n\r\n")[0], [404], path)

    def test_redirects_stay_here(self):
        for path in ("/sub", "/spaces/ann/rig/-", "/spaces/ann/files/-/sub"):
            host = "ann-files.localhost" if path == "/sub" else "localhost"
            got, _, answer = self.talk(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
            self.assertEqual(got, [308], path)
            self.assertRegex(answer, rb"\r\nLocation: /[^/\\]")


class Methods(Wire):
    def test_options_of_the_server(self):
        for host in ("localhost", "ann-rig.localhost", "no-body.localhost"):
            answer = self.accepted(f"OPTIONS * HTTP/1.1\r\nHost: {host}\r\n\r\n", 204)
            self.assertIn(b"\r\nAllow: GET, HEAD, POST", answer)
            self.assertNotIn(b"Content-Length", answer)

    def test_upgrades_are_ignored(self):
        for upgrade in ("websocket", "h2c", "HTTP/2.0, SHTTP/1.3", "TLS/1.0"):
            answer = self.accepted(f"GET /form HTTP/1.1\r\n{HOST}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: {upgrade}\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
                                   f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", 200)
            seen = json.loads(answer[answer.index(b"\r\n\r\n"):])
            self.assertNotIn("upgrade", seen["headers"])
            self.assertNotIn("http2-settings", seen["headers"])

    def test_fields_of_this_connection_stay_here(self):
        answer = self.accepted(f"GET /form HTTP/1.1\r\n{HOST}Connection: X-Mine, keep-alive\r\nX-Mine: 1\r\nX-Other: 2\r\nKeep-Alive: timeout=5\r\nTE: trailers\r\nProxy-Connection: keep-alive\r\n\r\n", 200)
        headers = json.loads(answer[answer.index(b"\r\n\r\n"):])["headers"]
        self.assertEqual(headers["x-other"], "2")
        for name in ("x-mine", "keep-alive", "te", "proxy-connection"):
            self.assertNotIn(name, headers)

    def test_nobody_takes_our_words_away(self):
        answer = self.accepted(f"GET /form HTTP/1.1\r\n{HOST}Connection: X-Vitrine-Client, X-Vitrine-Origin, Host\r\n\r\n", 200)
        headers = json.loads(answer[answer.index(b"\r\n\r\n"):])["headers"]
        self.assertEqual(headers["x-vitrine-client"], "127.0.0.1")
        self.assertEqual(headers["host"], "localhost")

    def test_head_has_the_lengths_of_get(self):
        for host, path in (("localhost", "/healthz"), ("ann-rig.localhost", "/"), ("ann-rig.localhost", "/config"), ("ann-files.localhost", "/a.txt"), ("ann-files.localhost", "/none")):
            lengths = []
            for method in ("GET", "HEAD"):
                _, _, answer = self.talk(f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
                head, _, body = answer.partition(b"\r\n\r\n")
                lengths.append(re.search(rb"Content-Length: (\d+)", head)[1])
                self.assertEqual(len(body), int(lengths[0]) if method == "GET" else 0, path)
            self.assertEqual(lengths[0], lengths[1], path)

    def test_expectations(self):
        got, _, _ = self.talk(post("Content-Length: 5\r\nExpect: 100-continue\r\n"), "hello", pause=0.1)
        self.assertEqual(got, [100, 200])
        got, closed, _ = self.talk(post("Content-Length: 99999999999\r\nExpect: 100-continue\r\n"))
        self.assertEqual((got, closed), ([413], True))
        self.refused(post("Content-Length: 5\r\nExpect: 200-ok\r\n", "hello"), 417)
        self.assertEqual(self.talk(post("Content-Length: 5\r\nExpect: 100-continue\r\n", "hello", version="HTTP/1.0"))[0], [200])

    def test_old_clients(self):
        got, closed, _ = self.talk(f"GET /form HTTP/1.0\r\n\r\n{SMUGGLED}")
        self.assertEqual((got, closed), ([200], True))
        got, closed, answer = self.talk("GET /form HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" * 2)
        self.assertEqual((got, closed), ([200, 200], False))
        self.assertIn(b"Connection: keep-alive\r\n", answer)
        got, closed, answer = self.talk("GET /half HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        self.assertTrue(closed)
        self.assertNotIn(b"chunked", answer)

    def test_compressed_bodies_are_for_git(self):
        fields = "Content-Length: 5\r\nContent-Encoding: gzip\r\n"
        answer = self.accepted(post(fields, "hello"), 415)
        self.assertIn(b"Accept-Encoding: identity", answer)
        self.accepted(post(fields, "hello", "/spaces/ann/rig/-/gradio_api/queue/join"), 415)
        self.accepted(post(fields.replace("gzip", "identity"), "hello"), 200)
        for service in ("git-receive-pack", "git-upload-pack"):
            self.accepted(post(fields, "hello", f"/spaces/ann/rig.git/{service}"), 200)


class Conditions(Wire):
    def ask(self, *fields, path="/a.txt"):
        lines = "".join(field + "\r\n" for field in fields)
        _, _, answer = self.talk(f"GET {path} HTTP/1.1\r\nHost: ann-files.localhost\r\nConnection: close\r\n{lines}\r\n")
        head, _, body = answer.partition(b"\r\n\r\n")
        return statuses(head)[0], head.decode("latin-1"), body

    def test_conditions(self):
        tag = re.search(r"ETag: (\S+)", self.ask()[1])[1]
        for fields, status in ((("If-None-Match: " + tag,), 304), (("If-None-Match: W/" + tag,), 304), (('If-None-Match: "a", ' + tag,), 304), (("If-None-Match: *",), 304),
                               (('If-None-Match: "other"',), 200), (("If-Match: " + tag,), 200), (("If-Match: *",), 200), (('If-Match: "other"',), 412), (("If-Match: W/" + tag,), 412),
                               (("If-None-Match: " + tag, "Range: bytes=0-1"), 304), (("If-Match: " + tag, "Range: bytes=0-1"), 206), (("If-Range: " + tag, "Range: bytes=0-1"), 206),
                               (('If-Range: "other"', "Range: bytes=0-1"), 200), (("If-Modified-Since: Mon, 23 Nov 2026 12:00:00 GMT",), 200)):
            got, head, body = self.ask(*fields)
            self.assertEqual(got, status, fields)
            self.assertIn("ETag: " + tag, head)
            self.assertEqual(len(body), {200: 10240, 206: 2}.get(status, 0), fields)

    def test_ranges(self):
        for value, status, length in (("bytes=0-0", 206, 1), ("bytes=0-", 206, 10240), ("bytes=-1", 206, 1), ("bytes=-99999", 206, 10240), ("bytes=10239-99999", 206, 1), ("bytes=10240-", 416, 0),
                                      ("bytes=-0", 416, 0), ("bytes=5-4", 200, 10240), ("bytes=a-b", 200, 10240), ("bytes=0-1,3-4", 200, 10240), ("bytes=", 200, 10240), ("lines=0-1", 200, 10240),
                                      ("bytes=18446744073709551616-", 200, 10240), ("bytes=0-18446744073709551616", 200, 10240), ("bytes=+1-2", 200, 10240)):
            got, head, body = self.ask("Range: " + value)
            self.assertEqual((got, len(body)), (status, length), value)
            self.assertEqual("Content-Range" in head, status != 200, value)


class Slow(unittest.TestCase):
    """Production times: all clients at once, so that the test takes as long as the slowest of them."""

    def setUp(self):
        self.rig = HttpRig(env={"VITRINE_ACCESS_LOG": "0", **UNLIMITED})
        self.addCleanup(self.rig.stop)

    def drip(self, name, start, piece, results, pause=1.0):
        """Sends a piece now and then until the server answers or closes; notes when and what."""
        begin, answer = time.monotonic(), b""
        with socket.create_connection(("127.0.0.1", self.rig.port)) as sock:
            sock.sendall(start.encode())
            sock.settimeout(pause)
            while time.monotonic() - begin < 30:
                try:
                    data = sock.recv(65536)
                    answer += data
                    if not data:
                        break
                except TimeoutError:
                    try:
                        sock.sendall(piece.encode())
                    except OSError:
                        break
                except OSError:
                    break
        results[name] = (time.monotonic() - begin, statuses(answer))

    def test_time_is_a_total_not_a_pause(self):
        results = {}
        head = f"POST /form HTTP/1.1\r\nHost: localhost:{self.rig.port}\r\n"
        cases = {"silent": ("", ""), "head": ("GET / HTTP/1.1\r\n", "X: y\r\n"), "line": ("GET /", "a"), "body": (head + "Content-Length: 100000\r\n\r\n", "x"),
                 "chunks": (head + "Transfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n")}
        threads = [threading.Thread(target=self.drip, args=(name, *case, results)) for name, case in cases.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for name, (seconds, got) in results.items():
            self.assertTrue(8 < seconds < 16, (name, seconds))
            self.assertEqual(got, [] if name == "silent" else [408], name)
        self.assertEqual(self.rig.get("/healthz")[0], 200)


del Wire  # only its subclasses are tests

if __name__ == "__main__":
    unittest.main()
