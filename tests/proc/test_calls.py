"""The call path of a real gateway: joins, streams, curl API, /run, cancelling, queues, values between calls."""
import http.client
import json
import re
import threading
import time
import unittest

from calls_rig import Rig, echo, function

PAGE = {"x-gradio-user": "app"}


def count_up(worker, stream, start):
    text = json.loads(start["data"])[0]
    for i in range(3):
        worker.partial(stream, [text + " again" * i])
    worker.done(stream, [text + " again" * 2])


def fail(worker, stream, start):
    worker.fail(stream, {"error": "Cannot divide by zero!", "duration": 10, "visible": True, "title": "Error"})


def count_visits(worker, stream, start):
    visits = json.loads(start["state"]).get("3", 0) + 1
    worker.done(stream, [f"visit {visits}", None], {"3": visits})


def read_picture(worker, stream, start):
    _, body = worker.ask("call_file_open", {"handle": json.loads(start["data"])[0]["path"]}, stream)
    opened = json.loads(body)
    pieces = [worker.ask("call_file_read", {"file": opened["file"], "offset": offset, "length": 100}, stream)[1].decode()
              for offset in (1, 2 ** 40)]
    worker.done(stream, [[opened["name"], opened["size"], opened["mime_type"], *pieces]])


class Gate:
    """A handler that waits until the test lets it go."""

    def __init__(self):
        self.open, self.entered = threading.Event(), threading.Semaphore(0)

    def __call__(self, worker, stream, start):
        worker.send("event_progress", {"progress_data": '[{"progress":0.1}]'}, stream)
        self.entered.release()
        self.open.wait(30)
        worker.done(stream, [json.loads(start["data"])[0]])


FUNCTIONS = [
    function(1, "echo"), function(2, "count"), function(3, "fail"),
    function(4, "visits", inputs=[1, 3], outputs=[2, 3], state_inputs=[1], state_outputs=[1], defaults=[None, None],
             parameter_names=["x", "s"]),
    function(5, "gate", concurrency_limit=1, max_queue=2, trigger_mode="once"),
    function(6, "secret", visibility="private"), function(7, None), function(8, "plain", queue=False),
    function(9, "greet", inputs=[1, 4], defaults=[None, "Bob"], parameter_names=["name", "other"]),
    function(11, "picture", file_inputs=[0]),
    function(10, "stop", inputs=[], outputs=[], defaults=[], parameter_names=[], cancels=[5]),
]


class Calls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.gate = Gate()
        handlers = {1: echo, 2: count_up, 3: fail, 4: count_visits, 5: lambda *a: cls.gate(*a), 6: echo, 7: echo, 8: echo,
                    9: lambda w, s, start: w.done(s, [" and ".join(json.loads(start["data"]))]),
                    10: lambda w, s, start: w.done(s, []), 11: read_picture}
        cls.rig = Rig(FUNCTIONS, handlers)

    @classmethod
    def tearDownClass(cls):
        cls.rig.stop()

    def setUp(self):
        type(self).gate = Gate()
        self.session = self.id().rsplit(".", 1)[1][:100]

    def call(self, number, data, **more):
        """Joins, reads the stream until the answer: (status, all messages, the last one)."""
        status, body = self.rig.join(number, data, self.session, **more)
        self.assertEqual(status, 200, body)
        self.assertRegex(body["event_id"], "^[0-9a-f]{32}$")
        stream = self.rig.stream(self.session)
        messages = stream.until("process_completed", body["event_id"])
        stream.close()
        return messages, messages[-1]

    # ---- the stream ----

    def test_plain_call(self):
        messages, last = self.call(1, ["Bob"])
        self.assertEqual([m["msg"] for m in messages if m["msg"] != "estimation"], ["process_starts", "process_completed"])
        self.assertEqual(last["output"]["data"], ["Bob"])
        self.assertTrue(last["success"])
        self.assertFalse(last["output"]["is_generating"])
        self.assertIsNone(last["title"])

    def test_the_event_id_is_the_first_key(self):
        _, body, _ = self.rig.post("/gradio_api/queue/join", {"data": ["a"], "fn_index": 1, "session_hash": self.session})
        self.assertTrue(body.startswith(b'{"event_id":"'))

    def test_bare_alias(self):
        status, body, _ = self.rig.post("/queue/join", {"data": ["a"], "fn_index": 1, "session_hash": self.session})
        self.assertEqual(status, 200, body)

    def test_generator_sends_edits(self):
        messages, last = self.call(2, ["x"])
        frames = [m["output"]["data"] for m in messages if m["msg"] == "process_generating"]
        self.assertEqual(frames, [["x"], [[["append", [], " again"]]], [[["append", [], " again"]]]])
        self.assertEqual(last["output"]["data"], ["x again again"])

    def test_failure_has_its_words(self):
        _, last = self.call(3, ["x"])
        self.assertEqual((last["success"], last["title"]), (False, "Error"))
        self.assertEqual(last["output"]["error"], "Cannot divide by zero!")

    def test_closing_handshake(self):
        _, body = self.rig.join(1, ["a"], self.session)
        stream = self.rig.stream(self.session)
        stream.until("process_completed")
        began = time.time()
        self.assertEqual(stream.until("close_stream")[-1], {"msg": "close_stream", "event_id": None})
        self.assertGreater(time.time() - began, 0.3)
        held = []
        thread = threading.Thread(target=lambda: held.append((self.rig.join(1, ["b"], self.session), time.time())))
        thread.start()
        time.sleep(0.3)
        self.assertEqual(held, [])  # answered only when this stream is gone
        left = time.time()
        stream.close()
        thread.join(5)
        self.assertLess(held[0][1] - left, 0.2)
        again = self.rig.stream(self.session)
        self.assertEqual(again.until("process_completed")[-1]["output"]["data"], ["b"])
        again.close()

    def test_a_call_within_the_linger_keeps_the_stream(self):
        self.rig.join(1, ["a"], self.session)
        stream = self.rig.stream(self.session)
        for i in range(5):
            stream.until("process_completed")
            time.sleep(0.1)
            self.rig.join(1, [f"{i}"], self.session)
        stream.until("process_completed")
        stream.until("close_stream")
        stream.close()

    def test_the_newest_stream_wins(self):
        self.rig.join(5, ["a"], self.session)
        first = self.rig.stream(self.session)
        self.gate.entered.acquire(timeout=5)
        second = self.rig.stream(self.session)
        self.assertEqual(list(first)[-1]["msg"], "close_stream")
        self.gate.open.set()
        self.assertTrue(second.until("process_completed")[-1]["success"])
        second.close()

    def test_many_at_once(self):
        ids = [self.rig.join(1, [f"{i}"], self.session)[1]["event_id"] for i in range(20)]
        stream, answers = self.rig.stream(self.session), {}
        while len(answers) < 20:
            message = next(stream)
            if message["msg"] == "process_completed":
                answers[message["event_id"]] = message["output"]["data"]
        self.assertEqual([answers[i] for i in ids], [[f"{i}"] for i in range(20)])
        stream.close()

    def test_heartbeats(self):
        self.rig.join(5, ["a"], self.session)
        stream, began = self.rig.stream(self.session), time.time()
        self.assertEqual(stream.until("heartbeat")[-1], {"msg": "heartbeat"})
        self.assertLess(time.time() - began, 16)
        self.gate.open.set()
        self.assertTrue(stream.until("process_completed")[-1]["success"])
        stream.close()

    # ---- one reply ----

    def test_run(self):
        status, body, _ = self.rig.post("/gradio_api/run/plain", {"data": ["x"], "session_hash": "z"})
        reply = json.loads(body)
        self.assertEqual((status, reply["data"], reply["is_generating"]), (200, ["x"], False))
        status, body, _ = self.rig.post("/gradio_api/api/echo/", {"data": ["y"]})
        self.assertEqual((status, json.loads(body)["data"]), (200, ["y"]))

    def test_run_prefers_the_number(self):
        status, body, _ = self.rig.post("/gradio_api/run/predict", {"data": ["x"], "fn_index": 7})
        self.assertEqual((status, json.loads(body)["data"]), (200, ["x"]))

    def test_run_failure(self):
        status, body, _ = self.rig.post("/gradio_api/run/fail", {"data": ["x"]})
        self.assertEqual((status, json.loads(body)["error"]), (500, "Cannot divide by zero!"))

    # ---- the curl API ----

    def curl(self, path):
        status, body, headers = self.rig.get(self.rig.base + path)
        return status, body.decode()

    def test_curl(self):
        _, body, _ = self.rig.post("/gradio_api/call/count", {"data": ["x"]})
        event = json.loads(body)["event_id"]
        expected = ('event: generating\ndata: ["x"]\n\nevent: generating\ndata: ["x again"]\n\n'
                    'event: generating\ndata: ["x again again"]\n\nevent: complete\ndata: ["x again again"]\n\n')
        self.assertEqual(self.curl(f"/gradio_api/call/count/{event}"), (200, expected))
        self.assertEqual(self.curl(f"/call/count/{event}"), (200, expected))  # again, and at the bare base

    def test_curl_failure_and_unknown(self):
        _, body, _ = self.rig.post("/gradio_api/call/fail", {"data": ["x"]})
        _, text = self.curl(f"/gradio_api/call/fail/{json.loads(body)['event_id']}")
        self.assertIn('event: error\ndata: {"error": "Cannot divide by zero!"', text)
        status, text = self.curl("/gradio_api/call/fail/00112233445566778899aabbccddeeff")
        self.assertEqual(status, 404)
        self.assertTrue(text.startswith('event: error\ndata: "'))

    def test_curl_named_values(self):
        for values, expected in (({"name": "Ann", "other": "Eve"}, "Ann and Eve"), ({"name": "Ann"}, "Ann and Bob")):
            status, body, _ = self.rig.post("/gradio_api/call/v2/greet", values)
            self.assertEqual(status, 200, body)
            _, text = self.curl(f"/gradio_api/call/v2/greet/{json.loads(body)['event_id']}")
            self.assertEqual(text, f'event: complete\ndata: ["{expected}"]\n\n')
        status, body, _ = self.rig.post("/gradio_api/call/v2/greet", {})
        self.assertEqual((status, json.loads(body)["detail"][0]["parameter_name"]), (422, "name"))

    def test_a_page_that_left_can_fetch_its_answer(self):
        _, body = self.rig.join(1, ["kept"], self.session)
        time.sleep(0.2)
        self.assertEqual(self.curl(f"/gradio_api/call/echo/{body['event_id']}"), (200, 'event: complete\ndata: ["kept"]\n\n'))

    # ---- cancelling ----

    def test_cancel_leaves_the_sibling_alone(self):
        _, gated = self.rig.join(5, ["a"], self.session)
        stream = self.rig.stream(self.session)
        self.gate.entered.acquire(timeout=5)
        _, sibling = self.rig.join(2, ["x"], self.session)
        for _ in range(2):
            status, body, _ = self.rig.post("/gradio_api/cancel", {"event_id": gated["event_id"], "session_hash": self.session,
                                                                   "fn_index": 5})
            self.assertEqual((status, body), (200, b'{"success":true}'))
        self.assertEqual(self.rig.post("/gradio_api/reset", {"event_id": gated["event_id"]})[1], b'{"success":true}')
        last = {m["event_id"]: m for m in stream.until("process_completed") + stream.until("process_completed")
                if m["msg"] == "process_completed"}
        self.assertEqual(last[gated["event_id"]], {
            "msg": "process_completed", "event_id": gated["event_id"], "success": False, "title": "Cancelled",
            "output": {"error": "Cancelled", "title": "Cancelled", "visible": False, "duration": None}})
        self.assertTrue(last[sibling["event_id"]]["success"])
        self.assertIn("event_cancel", [name for name, _, _ in self.rig.workers[-1].seen])
        self.gate.open.set()
        stream.close()

    def test_nobody_cancels_for_others(self):
        _, gated = self.rig.join(5, ["a"], self.session)
        stream = self.rig.stream(self.session)
        self.gate.entered.acquire(timeout=5)
        self.rig.post("/gradio_api/cancel", {"event_id": gated["event_id"], "session_hash": "somebody"})
        self.gate.open.set()
        self.assertTrue(stream.until("process_completed")[-1]["success"])
        stream.close()

    def test_a_function_cancels_others(self):
        _, gated = self.rig.join(5, ["a"], self.session)
        stream = self.rig.stream(self.session)
        self.gate.entered.acquire(timeout=5)
        self.rig.join(10, [], self.session)
        self.assertEqual(stream.until("process_completed", gated["event_id"])[-1]["title"], "Cancelled")
        self.gate.open.set()
        stream.close()

    def test_leaving_run_cancels(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.rig.port)
        connection.request("POST", self.rig.base + "/gradio_api/run/gate", json.dumps({"data": ["x"]}),
                           {"Host": f"localhost:{self.rig.port}"})
        self.gate.entered.acquire(timeout=5)
        before = len([1 for name, _, _ in self.rig.workers[-1].seen if name == "event_cancel"])
        connection.close()
        deadline = time.time() + 3
        while time.time() < deadline and len([1 for n, _, _ in self.rig.workers[-1].seen if n == "event_cancel"]) == before:
            time.sleep(0.02)
        self.assertEqual(len([1 for n, _, _ in self.rig.workers[-1].seen if n == "event_cancel"]), before + 1)
        self.gate.open.set()

    # ---- the queue ----

    def test_queue_ranks_and_its_end(self):
        stream = None
        ids = [self.rig.join(5, [f"{i}"], self.session)[1]["event_id"] for i in range(3)]
        status, body = self.rig.join(5, ["too many"], self.session)
        self.assertEqual((status, body["detail"]), (503, "Queue is full. Max size is 2 and size is 2."))
        _, text, _ = self.rig.get(self.rig.base + "/gradio_api/queue/status")
        self.assertEqual(json.loads(text)["queue_size"], 2)
        stream = self.rig.stream(self.session)
        self.gate.open.set()
        messages = stream.until("process_completed", ids[2])
        ranks = {m["event_id"]: (m["rank"], m["queue_size"]) for m in reversed(messages) if m["msg"] == "estimation"}
        self.assertEqual(ranks[ids[1]], (0, 1))
        self.assertEqual(ranks[ids[2]], (1, 2))
        starts = [m["event_id"] for m in messages if m["msg"] == "process_starts"]
        self.assertEqual(starts, ids)
        stream.close()

    def test_a_page_that_repeats_itself(self):
        _, first = self.rig.join(5, ["a"], self.session, headers=PAGE)
        _, second = self.rig.join(5, ["b"], self.session, headers=PAGE)
        self.assertEqual(first, second)
        _, client = self.rig.join(5, ["c"], self.session)
        self.assertNotEqual(first, client)
        self.gate.open.set()
        stream = self.rig.stream(self.session)
        stream.until("process_completed", client["event_id"])
        stream.close()

    # ---- values between calls ----

    def test_values_between_calls(self):
        self.assertEqual(self.call(4, ["a", None])[1]["output"]["data"], ["visit 1", None])
        self.assertEqual(self.call(4, ["a"])[1]["output"]["data"], ["visit 2", None])
        status, body, _ = self.rig.post("/gradio_api/run/visits", {"data": ["a"], "session_hash": self.session})
        self.assertEqual(json.loads(body)["data"][0], "visit 3")
        status, body, _ = self.rig.post("/gradio_api/run/visits", {"data": ["a"]})
        self.assertEqual(json.loads(body)["data"][0], "visit 1")
        time.sleep(1.3)
        self.assertEqual(json.loads(self.rig.states[self.session.encode()]), {"3": 3})

    def test_values_come_from_the_store(self):
        self.rig.states[self.session.encode()] = b'{"3":41}'
        self.assertEqual(self.call(4, ["a"])[1]["output"]["data"][0], "visit 42")

    # ---- what is refused ----

    def test_refusals(self):
        join = "/gradio_api/queue/join"
        cases = [
            (join, b"no json", 400, "JSON object"), (join, {"data": ["a"], "fn_index": 1}, 400, "session_hash"),
            (join, {"data": ["a"], "fn_index": 99, "session_hash": "s"}, 404, "no function"),
            (join, {"data": ["a"], "session_hash": "s"}, 404, "no function"),
            (join, {"data": ["a"], "fn_index": 1, "session_hash": "../s"}, 400, "session_hash"),
            (join, {"data": ["a"], "fn_index": 6, "session_hash": "s"}, 403, "private"),
            ("/gradio_api/run/nothing", {"data": []}, 404, "no function"),
            ("/gradio_api/call/secret", {"data": ["a"]}, 403, "private"),
        ]
        for path, body, expected, words in cases:
            with self.subTest(path=path, body=body):
                status, text, _ = self.rig.post(path, body)
                self.assertEqual(status, expected, text)
                self.assertIn(words, json.loads(text)["detail"])
        status, text, _ = self.rig.post(join, {"data": ["a", "b"], "fn_index": 1, "session_hash": "s"})
        self.assertEqual((status, json.loads(text)["detail"][0]["is_valid"]), (422, False))
        self.assertEqual(self.rig.get(self.rig.base + "/gradio_api/queue/data")[0], 400)
        self.assertEqual(self.rig.post(join, b"x" * (2 << 20))[0], 413)

    def test_a_page_may_call_private_functions(self):
        """What the page has and API clients never see is needed: a header anybody can write is not enough."""
        html = self.rig.get(self.rig.base + "/")[1].decode()
        key = re.search('id="vt-config" data-page="([0-9a-f]+)"', html)[1]
        body = {"data": ["a"], "fn_index": 6, "session_hash": self.session}
        for headers, page, expected in ((PAGE, {}, 403), (PAGE, {"page": ""}, 403), (PAGE, {"page": "0" * 31}, 403),
                                        (PAGE, {"page": 7}, 403), (PAGE, {"page": key}, 200)):
            with self.subTest(page=page):
                status, reply, _ = self.rig.post("/gradio_api/queue/join", {**body, **page}, headers)
                self.assertEqual(status, expected, reply)
        for path in ("/gradio_api/run/secret", "/gradio_api/call/secret", "/gradio_api/call/v2/secret"):
            status, reply, _ = self.rig.post(path, {"data": ["a"], "x": "a"}, PAGE)
            self.assertIn(status, (403, 422), reply)
        for path in ("/config", "/gradio_api/info"):
            self.assertNotIn(key, str(self.rig.get(self.rig.base + path)[1:]))

    # ---- files of the repository ----

    def test_an_example_s_file(self):
        """FileData that names a file of the repository is an input like an upload, and can be fetched."""
        status, body, headers = self.rig.get(self.rig.base + "/gradio_api/file=release/pictures/thr%C3%A9e.png")
        self.assertEqual((status, body, headers["Content-Type"]), (200, b"PNG!", "image/png"))
        self.assertEqual(self.rig.get(self.rig.base + "/file=release/pictures/thr%C3%A9e.png")[0], 200)
        value = {"path": "release/pictures/thrée.png", "meta": {"_type": "gradio.FileData"}}
        _, last = self.call(11, [value])
        self.assertEqual(last["output"]["data"], [["thrée.png", 4, "image/png", "NG!", ""]])

    def test_what_of_the_repository_is_hidden(self):
        for name in ("none.png", ".vitrine/manifest.json", "../app.lua", "", "pictures", ".git/config"):
            with self.subTest(name=name):
                self.assertIn(self.rig.get(self.rig.base + "/gradio_api/file=release/" + name)[0], (400, 404))
                value = {"path": "release/" + name, "meta": {"_type": "gradio.FileData"}}
                status, reply, _ = self.rig.post("/gradio_api/run/picture", {"data": [value]})
                self.assertEqual(status, 422, reply)
                self.assertIn("no file of this name", json.loads(reply)["detail"][0]["message"])

    # ---- small ones ----

    def test_small_routes(self):
        self.assertEqual(json.loads(self.rig.get(self.rig.base + "/gradio_api/app_id")[1]), {"app_id": 1})
        connection = http.client.HTTPConnection("127.0.0.1", self.rig.port, timeout=5)
        connection.request("GET", self.rig.base + "/gradio_api/heartbeat/abc", headers={"Host": f"localhost:{self.rig.port}"})
        reply = connection.getresponse()
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.read(13), b"data: ALIVE\n\n")
        connection.close()

    def test_any_page_may_call(self):
        status, _, headers = self.rig.post("/gradio_api/run/echo", {"data": ["x"]}, {"Origin": "https://elsewhere.example"})
        self.assertEqual((status, headers["Access-Control-Allow-Origin"]), (200, "*"))
        status, _, headers = self.rig.request("OPTIONS", self.rig.base + "/gradio_api/queue/join", None, {
            "Origin": "null", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,x-gradio-user"})
        self.assertIn(status, (200, 204))
        self.assertEqual(headers["Access-Control-Allow-Origin"], "*")
        self.assertIn("x-gradio-user", headers["Access-Control-Allow-Headers"].lower())


class PythonClient(unittest.TestCase):
    """The exact requests of gradio_client 2.6, read back as strictly as it reads: every request on its own connection, frames
    split at empty lines, each one must begin with "data:" and carry an event_id unless it is a heartbeat."""

    HEADERS = {"user-agent": "gradio_client/2.6.0; python/3.11.2", "accept": "*/*", "accept-encoding": "gzip, deflate",
               "connection": "keep-alive"}
    SESSION = "2b1d0c3e-7c7f-4d8c-9d07-5d7c3e0f7a11"

    def setUp(self):
        self.rig = Rig(FUNCTIONS, {1: echo, 2: count_up, 3: fail, 4: count_visits, 5: Gate()})
        self.addCleanup(self.rig.stop)

    def read_stream(self, pending):
        """The messages of all pending events, as the client's one reader thread sorts them."""
        connection = http.client.HTTPConnection("127.0.0.1", self.rig.port, timeout=10)
        connection.request("GET", f"{self.rig.base}/gradio_api/queue/data?session_hash={self.SESSION}", headers=self.HEADERS)
        reply, messages, rest = connection.getresponse(), {}, b""
        self.assertEqual(reply.status, 200)
        while pending:
            rest += reply.read1(65536)
            *frames, rest = rest.split(b"\n\n")
            for frame in frames:
                self.assertTrue(frame.startswith(b"data:"), frame)
                message = json.loads(frame[5:])
                if message["msg"] in ("heartbeat", "close_stream"):
                    continue
                messages.setdefault(message["event_id"], []).append(message)
                if message["msg"] == "process_completed":
                    pending.remove(message["event_id"])
        connection.close()
        return messages

    def send(self, path, body):
        text = json.dumps(body).encode()
        status, reply, _ = self.rig.request("POST", f"{self.rig.base}/gradio_api/{path}", text,
                                            {**self.HEADERS, "content-type": "application/json"})
        return status, json.loads(reply)

    def join(self, number, data):
        status, reply = self.send("queue/join", {"data": data, "fn_index": number, "session_hash": self.SESSION})
        self.assertEqual(status, 200, reply)
        return reply["event_id"]

    def test_connecting(self):
        status, body, _ = self.rig.get(self.rig.base + "/config", self.HEADERS)
        config = json.loads(body)
        self.assertEqual((status, config["protocol"], config["api_prefix"]), (200, "sse_v3", "/gradio_api"))
        self.assertEqual(self.rig.get(self.rig.base + "/gradio_api/info?serialize=False", self.HEADERS)[0], 200)

    def test_several_jobs_share_one_stream(self):
        events = [self.join(1, ["a"]), self.join(2, ["b"]), self.join(3, ["c"])]
        messages = self.read_stream(set(events))
        outcomes = [messages[event][-1]["success"] for event in events]
        self.assertEqual(outcomes, [True, True, False])
        for message in messages[events[1]][1:-1]:
            self.assertEqual((message["msg"], message["success"]), ("process_generating", True))

    def test_cancel_and_reset(self):
        event = self.join(5, ["x"])
        self.assertEqual(self.send("cancel", {"event_id": event, "session_hash": self.SESSION, "fn_index": 5}), (200, {"success": True}))
        self.assertEqual(self.send("reset", {"event_id": event}), (200, {"success": True}))
        last = self.read_stream({event})[event][-1]
        self.assertEqual((last["success"], last["output"]["error"]), (False, "Cancelled"))

    def test_wrong_values_are_a_list_of_objects(self):
        status, body = self.send("queue/join", {"data": ["a", "b", "c"], "fn_index": 1, "session_hash": self.SESSION})
        self.assertEqual(status, 422)
        self.assertEqual({type(problem) for problem in body["detail"]}, {dict})

    def test_a_full_queue(self):
        for _ in range(3):
            self.join(5, ["x"])
        status, body = self.send("queue/join", {"data": ["x"], "fn_index": 5, "session_hash": self.SESSION})
        self.assertEqual((status, body["detail"]), (503, "Queue is full. Max size is 2 and size is 2."))


if __name__ == "__main__":
    unittest.main()
