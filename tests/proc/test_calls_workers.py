"""What happens when workers die, hang, lie or rest; and what their handlers ask for: timers, files, models, the log."""
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
import unittest

from calls_rig import Rig, echo, function


def say(text):
    return lambda worker, stream, start: worker.done(stream, [text])


class Workers(unittest.TestCase):
    functions = [function(1, "one"), function(2, "two", concurrency_limit=1), function(3, "file", file_inputs=[0])]
    config = {}

    def setUp(self):
        self.handlers = {1: echo, 2: echo, 3: echo}
        self.rig = Rig(self.functions, self.handlers, self.config)
        self.addCleanup(self.rig.stop)

    def run_function(self, name, data, expected=200):
        status, body, _ = self.rig.post(f"/gradio_api/run/{name}", {"data": data, "session_hash": "s"})
        self.assertEqual(status, expected, body)
        return json.loads(body)

    def run_later(self, name, data):
        answers = []
        thread = threading.Thread(target=lambda: answers.append(self.rig.post(f"/gradio_api/run/{name}", {"data": data})))
        thread.start()
        return thread, answers

    def wait_for(self, condition, seconds=5):
        deadline = time.time() + seconds
        while time.time() < deadline:
            if condition():
                return
            time.sleep(0.01)
        self.fail("it did not happen")

    def stages(self):
        return [values["stage"].decode() for name, values in self.rig.store_seen if name == "demo_stage"]

    # ---- life ----

    def test_a_page_view_starts_no_process(self):
        for path in ("/config", "/gradio_api/info", "/gradio_api/queue/status", "/gradio_api/app_id"):
            self.assertEqual(self.rig.get(self.rig.base + path)[0], 200)
        self.assertEqual(self.rig.workers, [])

    def test_one_process_serves_all(self):
        for i in range(5):
            self.assertEqual(self.run_function("one", [f"{i}"])["data"], [f"{i}"])
        self.assertEqual(len(self.rig.workers), 1)
        self.assertEqual(self.stages(), ["RUNNING"])
        self.assertEqual([name for name, _, _ in self.rig.workers[0].seen][:2], ["worker_begin", "event_start"])

    def test_memory_is_sealed(self):
        import fcntl
        self.run_function("one", ["a"])
        worker = self.rig.workers[0]
        self.assertEqual(os.fstat(worker.window).st_size, 16 << 20)
        self.assertEqual(os.fstat(worker.page).st_size, 4096)
        for fd in (worker.window, worker.page):
            self.assertEqual(fcntl.fcntl(fd, fcntl.F_GET_SEALS), fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)

    def test_a_new_release_drains_the_old_process(self):
        release = threading.Event()
        self.handlers[1] = lambda worker, stream, start: (release.wait(5), worker.done(stream, ["old"]))
        thread, answers = self.run_later("one", ["x"])
        self.wait_for(lambda: self.rig.workers and len(self.rig.workers[0].seen) > 1)
        self.handlers[1] = say("new")
        self.rig.release = 2
        self.rig.publish(self.functions)
        self.rig.store.send("demo_changed", {"demo_id": 7})
        self.wait_for(lambda: self.run_function("one", ["x"])["data"] == ["new"])
        release.set()
        thread.join(5)
        self.assertEqual(json.loads(answers[0][1])["data"], ["old"])
        self.wait_for(lambda: self.rig.workers[0].slot in self.rig.kills)

    # ---- death ----

    def test_what_had_begun_fails_and_the_rest_runs_again(self):
        first = threading.Event()

        def begin_and_crash(worker, stream, start):
            worker.send("event_progress", {"progress_data": "[]"}, stream)
            first.wait(5)
            time.sleep(0.05)
            self.handlers[1] = self.handlers[2] = say("fresh")
            worker.crash(256 + 11)

        self.handlers[1] = begin_and_crash
        self.handlers[2] = lambda worker, stream, start: first.set()  # it has not begun, as far as anybody knows
        one, answers_one = self.run_later("one", ["x"])
        self.wait_for(lambda: self.rig.workers)
        time.sleep(0.1)
        two, answers_two = self.run_later("two", ["y"])
        one.join(5)
        two.join(5)
        self.assertEqual(answers_one[0][0], 500)
        self.assertEqual(json.loads(answers_one[0][1])["error"], "This demo stopped: it crashed.")
        self.assertEqual((answers_two[0][0], json.loads(answers_two[0][1])["data"]), (200, ["fresh"]))
        self.assertEqual(len(self.rig.workers), 2)

    def test_reasons(self):
        for status, words in ((86, "memory"), (256 + 31, "sandbox"), (256 + 11, "crashed"), (512 + 9, "step 9")):
            with self.subTest(status=status):
                def end(worker, stream, start, status=status):
                    worker.send("event_progress", {"progress_data": "[]"}, stream)
                    time.sleep(0.02)
                    worker.crash(status)
                self.handlers[1] = end
                self.assertIn(words, self.run_function("one", ["x"], 500)["error"])

    def test_a_process_that_always_dies_is_given_up(self):
        self.handlers[1] = lambda worker, stream, start: worker.crash(256 + 9)
        self.assertIn("This demo stopped", self.run_function("one", ["x"], 500)["error"])
        self.assertEqual(len(self.rig.workers), 3)

    def test_app_that_cannot_start(self):
        self.rig.on_begin = lambda worker, values: worker.send("worker_failed", {"reason": "app.lua:3: no such model"})
        self.assertIn("could not start", self.run_function("one", ["x"], 500)["error"])
        self.wait_for(self.stages)
        reasons = [values["reason"] for name, values in self.rig.store_seen if name == "demo_stage"]
        self.assertEqual(reasons[-1], b"app.lua:3: no such model")
        self.assertEqual(self.stages()[-1], "RUNTIME_ERROR")

    def test_app_that_built_something_else(self):
        self.rig.on_begin = lambda worker, values: worker.send("worker_ready", {"tree_digest": "other"})
        self.assertIn("could not start", self.run_function("one", ["x"], 500)["error"])

    def test_the_zygote_restarts(self):
        self.run_function("one", ["a"])
        self.rig.zygote.sock.shutdown(2)
        self.rig.zygote.close()
        self.rig.connect("zygote")
        self.assertEqual(self.run_function("one", ["b"])["data"], ["b"])
        self.assertEqual(len(self.rig.workers), 2)

    # ---- enemies ----

    def test_broken_rules_end_the_process(self):
        breaks = {
            "data is no array": lambda w, s: w.send("event_done", {"data": "{}", "state": ""}, s),
            "more than one line": lambda w, s: w.send("event_done", {"data": "[1,\n2]", "state": ""}, s),
            "no JSON": lambda w, s: w.send("event_partial", {"data": "[1"}, s),
            "error without words": lambda w, s: w.send("event_failed", {"error": "{}", "validation": "", "state": ""}, s),
            "state of others": lambda w, s: w.send("event_done", {"data": "[]", "state": '{"99":1}'}, s),
            "a call of the future": lambda w, s: w.send("event_done", {"data": "[]", "state": ""}, s + 1000),
            "ready twice": lambda w, s: w.send("worker_ready", {"tree_digest": "t"}, 0),
            "a message of others": lambda w, s: w.send("zygote_kill", {"slot": 1}, 0),
            "log that is no text": lambda w, s: w.send("worker_log", {"level": "info", "line": b"\xff\xfe"}, 0),
            "half a frame": lambda w, s: w.channel.sock.send(b"\x01\x02\x03"),
        }
        for name, act in breaks.items():
            with self.subTest(name):
                def misbehave(worker, stream, start, act=act):
                    worker.send("event_progress", {"progress_data": "[]"}, stream)
                    time.sleep(0.02)
                    act(worker, stream)
                self.handlers[1] = misbehave
                self.assertIn("rules of its sandbox", self.run_function("one", ["x"], 500)["error"])
                self.wait_for(lambda: self.rig.workers[-1].slot in self.rig.kills)

    @staticmethod
    def read_all(reply):
        try:
            while reply.read1(1 << 20):
                pass
        except http.client.HTTPException:
            pass  # the gateway ended

    def healthz_times(self):
        times = []
        for _ in range(60):
            began = time.time()
            self.rig.get("/healthz")
            times.append(time.time() - began)
            time.sleep(0.01)
        return sorted(times)

    def test_a_flood_slows_nobody_else(self):
        """A visitor who reads as fast as a demo writes: credit comes back, but no faster than the demo's share."""
        stop, sent = threading.Event(), []
        self.addCleanup(stop.set)

        def flood(worker, stream, start):
            while not stop.is_set() and worker.partial(stream, ["x" * (200 << 10) + str(len(sent))]):
                sent.append(1)
        self.handlers[1] = flood
        self.rig.join(1, ["x"], "flood")
        stream = self.rig.stream("flood")
        threading.Thread(target=self.read_all, args=(stream.reply,), daemon=True).start()
        self.assertLess(self.healthz_times()[30], 0.05)
        self.assertGreater(len(sent), 10)

    def test_who_ignores_credit_is_ended(self):
        def flood(worker, stream, start):
            for _ in range(20):
                worker.send("event_partial", {"data": json.dumps(["x" * (1 << 20)])}, stream)
        self.handlers[1] = flood
        self.rig.join(1, ["x"], "flood")  # nobody reads
        self.wait_for(lambda: self.rig.kills)
        self.assertIn("rules of its sandbox", self.rig.stream("flood").until("process_completed")[-1]["output"]["error"])

    def test_a_slow_visitor_stops_the_demo(self):
        """The stream is open and not read: output ends at a bounded amount, the sibling goes on, and so does the slow one
        once its visitor reads."""
        sent, done = [], threading.Event()

        def talk(worker, stream, start):
            for number in range(1000):
                if not worker.partial(stream, [f"{number:08}" + "x" * 20000]):
                    return
                sent.append(number)
            done.set()
            worker.done(stream, ["end"])
        self.handlers[1] = talk
        self.rig.join(1, ["x"], "slow")
        stream = self.rig.stream("slow")
        self.wait_for(lambda: len(sent) > 10)
        seen = -1
        while seen != len(sent):
            seen = len(sent)
            time.sleep(0.4)
        # kernel buffers, 256 KiB at the server's end, 256 KiB of the session, 256 KiB of credit
        self.assertLess(len(sent) * 20000, 12 << 20)
        self.assertFalse(done.is_set())
        self.handlers[2] = echo
        self.assertEqual(self.run_function("two", ["sibling"])["data"], ["sibling"])
        self.assertEqual(stream.until("process_completed")[-1]["output"]["data"], ["end"])
        self.assertTrue(done.is_set())

    def test_a_slow_reader_of_the_curl_api_stops_the_demo(self):
        sent = []

        def talk(worker, stream, start):
            for number in range(2000):
                if not worker.partial(stream, [f"{number:08}" + "x" * 20000]):
                    return
                sent.append(number)
            worker.done(stream, ["end"])
        gate = threading.Event()
        self.handlers[1] = lambda worker, stream, start: (gate.wait(5), talk(worker, stream, start))
        _, body, _ = self.rig.post("/gradio_api/call/one", {"data": ["x"]})
        connection = http.client.HTTPConnection("127.0.0.1", self.rig.port, timeout=20)
        connection.request("GET", f"{self.rig.base}/gradio_api/call/one/{json.loads(body)['event_id']}",
                           headers={"Host": f"localhost:{self.rig.port}"})
        reply = connection.getresponse()
        gate.set()
        self.wait_for(lambda: len(sent) > 10)
        seen = -1
        while seen != len(sent):
            seen = len(sent)
            time.sleep(0.4)
        self.assertLess(len(sent) * 20000, 12 << 20)
        self.assertIn(b'event: complete\ndata: ["end"]', reply.read())
        connection.close()

    def test_a_large_answer_arrives_whole(self):
        text = "0123456789abcdef" * (6 << 16)
        self.handlers[1] = say(text)
        self.assertEqual(self.run_function("one", ["x"])["data"], [text])

    def test_a_hanging_handler_is_killed(self):
        burner = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        self.addCleanup(burner.kill)

        def hang(worker, stream, start):
            time.sleep(0.05)  # behind the zygote's own word about the process
            self.rig.zygote.send("zygote_spawned", {"slot": worker.slot, "pid": burner.pid})
            os.pwrite(worker.page, stream.to_bytes(8, "little") + (1).to_bytes(8, "little"), 0)

        self.handlers[1] = hang
        began = time.time()
        self.assertIn("without a pause", self.run_function("one", ["x"], 500)["error"])
        self.assertGreater(time.time() - began, 0.9)
        self.wait_for(lambda: self.rig.workers[0].slot in self.rig.kills)
        self.handlers[1] = echo
        self.assertEqual(self.run_function("one", ["y"])["data"], ["y"])

    # ---- what handlers ask for ----

    def test_timers(self):
        def sleep(worker, stream, start):
            began = time.time()
            worker.ask("call_sleep", {"delay_ms": 80}, stream)
            worker.done(stream, [time.time() - began])
        self.handlers[1] = sleep
        self.assertTrue(0.07 < self.run_function("one", ["x"])["data"][0] < 0.5)

    def test_reading_an_upload(self):
        handle = "/f/" + "a" * 64 + "/note.txt"
        self.rig.files[handle.encode()] = b"hello file"

        def read(worker, stream, start):
            value = json.loads(start["data"])[0]
            status, body = worker.ask("call_file_open", {"handle": value["path"]}, stream)
            opened = json.loads(body)
            _, piece = worker.ask("call_file_read", {"file": opened["file"], "offset": 6, "length": 100}, stream)
            worker.done(stream, [[value["orig_name"], opened["size"], opened["name"], piece.decode()]])
        self.handlers[3] = read
        value = {"path": handle, "orig_name": "/home/ann/no?te.txt", "meta": {"_type": "gradio.FileData"}}
        self.assertEqual(self.run_function("file", [value])["data"], [["note.txt", 10, "note.txt", "file"]])

    def test_files_are_checked(self):
        for value, words in (({"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}, "Upload it again, to this demo"),
                             ({"path": "https://x/y", "meta": {"_type": "gradio.FileData"}}, "send the file itself"),
                             ({}, "upload failed")):
            status, body, _ = self.rig.post("/gradio_api/run/file", {"data": [value]})
            self.assertEqual(status, 422, body)
            self.assertEqual(json.loads(body)["detail"][0]["parameter_name"], "x")
            self.assertIn(words, body.decode())

    def test_making_a_file(self):
        def make(worker, stream, start):
            _, body = worker.ask("call_file_make", {"name": "made é.txt", "mime_type": "text/plain"}, stream)
            number = json.loads(body)["file"]
            worker.ask("call_file_append", {"file": number, "bytes": b"abc"}, stream)
            worker.ask("call_file_append", {"file": number, "bytes": b"def"}, stream)
            _, body = worker.ask("call_file_finish", {"file": number}, stream)
            worker.done(stream, [json.loads(body)])
        self.handlers[1] = make
        made = self.run_function("one", ["x"])["data"][0]
        self.assertEqual(self.rig.files[made["path"].encode()], b"abcdef")
        self.assertEqual((made["size"], made["orig_name"], made["meta"]), (6, "made é.txt", {"_type": "gradio.FileData"}))
        self.assertEqual(made["url"], f"http://localhost:{self.rig.port}{self.rig.base}/gradio_api/file="
                         + made["path"].replace(" ", "%20").replace("é", "%C3%A9"))

    def test_models(self):
        def run(worker, stream, start):
            status, body = worker.ask("call_model", {"model": "ann/m", "op": "run", "arguments": "{}", "tensors": b"\1\2"}, stream)
            worker.done(stream, [status, body.decode()])
        self.handlers[1] = run
        self.assertEqual(self.run_function("one", ["x"])["data"], [0, "{}"])
        name, job = next(row for row in self.rig.jobs if row[0] == "infer_job")
        self.assertEqual((name, job["demo_id"], job["model"], job["tensors"]), ("infer_job", 7, b"ann/m", b"\1\2"))
        self.assertIn("infer_window", [name for name, _ in self.rig.jobs])

    def test_cancelling_reaches_the_model(self):
        def run(worker, stream, start):
            worker.ask("call_model", {"model": "ann/m", "op": "wait", "arguments": "{}", "tensors": b""}, stream)
        self.handlers[1] = run
        _, body = self.rig.join(1, ["x"], "s")
        self.wait_for(lambda: any(name == "infer_job" for name, _ in self.rig.jobs))
        self.rig.post("/gradio_api/cancel", {"event_id": body["event_id"], "session_hash": "s"})
        self.wait_for(lambda: any(name == "infer_cancel" for name, _ in self.rig.jobs))

    def test_leaving_reaches_the_model(self):
        """The client of /run leaves, or a page closes its stream and does not come back: the model is told at once, or after
        the grace that a reload may take; a sibling in the same process goes on."""
        gate = threading.Event()
        self.addCleanup(gate.set)
        self.handlers[1] = lambda worker, stream, start: worker.ask(
            "call_model", {"model": json.loads(start["data"])[0], "op": "wait", "arguments": "{}", "tensors": b""}, stream)
        self.handlers[2] = lambda worker, stream, start: (worker.partial(stream, ["b"]), gate.wait(30), worker.done(stream, ["went on"]))
        self.rig.join(2, ["x"], "sibling")
        sibling = self.rig.stream("sibling")
        body = json.dumps({"data": ["run"]}).encode()
        client = socket.create_connection(("127.0.0.1", self.rig.port))
        client.sendall(f"POST {self.rig.base}/gradio_api/run/one HTTP/1.1\r\nHost: localhost:{self.rig.port}\r\n"
                       f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        self.rig.join(1, ["page"], "s")
        stream = self.rig.stream("s")
        self.wait_for(lambda: len([name for name, _ in self.rig.jobs if name == "infer_job"]) == 2)
        jobs = {values["model"]: values["job"] for name, values in self.rig.jobs if name == "infer_job"}
        client.close()
        self.wait_for(lambda: ("infer_cancel", {"job": jobs[b"run"]}) in self.rig.jobs)
        left = time.time()
        stream.close()
        self.wait_for(lambda: ("infer_cancel", {"job": jobs[b"page"]}) in self.rig.jobs, 20)
        self.assertGreater(time.time() - left, 10)
        gate.set()
        self.assertEqual(sibling.until("process_completed")[-1]["output"]["data"], ["went on"])
        self.assertEqual(len(self.rig.workers), 1)

    def test_the_inference_backend_restarts(self):
        def run(worker, stream, start):
            worker.done(stream, list(worker.ask("call_model", {"model": "m", "op": "wait", "arguments": "", "tensors": b""}, stream))[:1])
        self.handlers[1] = run
        thread, answers = self.run_later("one", ["x"])
        self.wait_for(lambda: any(name == "infer_job" for name, _ in self.rig.jobs))
        self.rig.infer.sock.shutdown(2)
        self.rig.infer.close()
        self.rig.connect("infer")
        thread.join(5)
        self.assertGreater(json.loads(answers[0][1])["data"][0], 0)
        self.wait_for(lambda: any(name == "infer_window" for name, _ in self.rig.jobs))

    def test_the_log(self):
        def log(worker, stream, start):
            for i in range(300):
                worker.send("worker_log", {"level": "info", "line": f"line {i}"})
            worker.done(stream, [""])
        self.handlers[1] = log
        self.run_function("one", ["x"])
        self.wait_for(lambda: any(b"dropped" in v["line"] for n, v in self.rig.store_seen if n == "log_append"))
        lines = [v["line"] for n, v in self.rig.store_seen if n == "log_append"]
        self.assertEqual(lines[0], b"line 0")
        self.assertLessEqual(len(lines), 402)


class Limits(unittest.TestCase):
    """What a call, a demo, an operator may ask for; every limit answers a sentence and frees what the call held."""

    def start(self, functions, handlers, env=None, **manifest):
        class Limited(Rig):
            def publish(self, functions, **more):
                super().publish(functions, **manifest)
        rig = Limited(functions, handlers, env=env)
        self.addCleanup(rig.stop)
        return rig

    def fails(self, rig, name, words):
        began = time.time()
        status, body, _ = rig.post(f"/gradio_api/run/{name}", {"data": ["x"]})
        self.assertEqual(status, 500, body)
        self.assertIn(words, json.loads(body)["error"])
        return time.time() - began

    def test_a_call_that_only_waits(self):
        asked = []

        def wait(worker, stream, start):
            worker.partial(stream, ["begun"])
            asked.append(worker.ask("call_model", {"model": "ann/m", "op": "wait", "arguments": "{}", "tensors": b""}, stream))
        rig = self.start([function(1, "wait", time_limit=0.3), function(2, "echo")], {1: wait, 2: echo})
        took = self.fails(rig, "wait", "longer than the 300 ms that this function may take")
        self.assertTrue(0.25 < took < 2, took)
        deadline = time.time() + 5
        while time.time() < deadline and not (any(name == "infer_cancel" for name, _ in rig.jobs)
                                              and any(name == "event_cancel" for name, _, _ in rig.workers[0].seen)):
            time.sleep(0.01)
        self.assertIn("infer_cancel", [name for name, _ in rig.jobs])  # its model call is given up with it
        self.assertIn("event_cancel", [name for name, _, _ in rig.workers[0].seen])
        self.assertEqual(rig.post("/gradio_api/run/echo", {"data": ["y"]})[0], 200)
        self.assertEqual(len(rig.workers), 1)  # nobody was killed for it
        lines = [values["line"] for name, values in rig.store_seen if name == "log_append"]
        self.assertTrue(any(b"longer than the 300 ms" in line for line in lines), lines)

    def test_the_author_lowers(self):
        hold = threading.Event()
        self.addCleanup(hold.set)
        rig = self.start([function(1, "wait", time_limit=60)], {1: lambda w, s, start: (w.partial(s, ["b"]), hold.wait(10))},
                         card={"limits": {"event_ms": "250", "heap_bytes": "16777216", "slice_ms": "200", "queue": "1"}},
                         limits={"slice_ms": 500})
        self.fails(rig, "wait", "longer than the 250 ms")
        begin = rig.workers[0].seen[0][2]
        self.assertEqual(json.loads(begin["limits"]), {"slice_ms": 200, "heap_bytes": 16 << 20})

    def test_the_author_cannot_raise_and_the_operator_can(self):
        hold = threading.Event()
        self.addCleanup(hold.set)
        wait = lambda w, s, start: (w.partial(s, ["b"]), hold.wait(10))  # noqa: E731
        rig = self.start([function(1, "wait", time_limit=60)], {1: wait}, {"VITRINE_LIMIT_WORKER_EVENT_MS": "300"},
                         card={"limits": {"event_ms": "99999999", "slice_ms": "99999"}})
        self.fails(rig, "wait", "longer than the 300 ms")
        self.assertEqual(json.loads(rig.workers[0].seen[0][2]["limits"])["slice_ms"], 1000)
        rig = self.start([function(1, "wait")], {1: wait}, {"VITRINE_LIMIT_WORKER_SLICE_MS": "3000"})
        rig.join(1, ["x"])
        stream = rig.stream()
        stream.until("process_generating")
        self.assertEqual(json.loads(rig.workers[0].seen[0][2]["limits"])["slice_ms"], 3000)

    def test_the_queue_of_a_demo(self):
        hold = threading.Event()
        self.addCleanup(hold.set)
        rig = self.start([function(1, "one", concurrency_limit=1)],
                         {1: lambda w, s, start: (w.partial(s, ["b"]), hold.wait(10), w.done(s, ["x"]))}, limits={"queue": 2})
        for _ in range(3):
            self.assertEqual(rig.join(1, ["x"])[0], 200)
            time.sleep(0.1)
        status, body = rig.join(1, ["x"])
        self.assertEqual((status, body["detail"]), (503, "Queue is full. Max size is 2 and size is 2."))

    def test_processor_time_of_a_call(self):
        burner = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        self.addCleanup(burner.kill)
        stop = threading.Event()
        self.addCleanup(stop.set)

        def burn(worker, stream, start):
            time.sleep(0.05)
            rig.zygote.send("zygote_spawned", {"slot": worker.slot, "pid": burner.pid})
            slices = 0
            while not stop.wait(0.25):  # pauses now and then, as a well-behaved handler does
                slices += 1
                os.pwrite(worker.page, stream.to_bytes(8, "little") + slices.to_bytes(8, "little"), 0)
        rig = self.start([function(1, "burn"), function(2, "echo")], {1: burn, 2: echo},
                         {"VITRINE_LIMIT_WORKER_EVENT_CPU_MS": "400"})
        self.fails(rig, "burn", "used up the 400 ms of processor time")
        stop.set()
        os.pwrite(rig.workers[0].page, bytes(16), 0)
        self.assertEqual(rig.post("/gradio_api/run/echo", {"data": ["y"]})[0], 200)


class Stop(unittest.TestCase):
    """An orderly stop: running calls get their time, then words; new ones a clear refusal."""

    def test_stop(self):
        done = threading.Event()

        def wait(worker, stream, start):
            worker.partial(stream, ["begun"])
            done.wait(5)
            worker.done(stream, ["finished"])
        rig = Rig([function(1, "one"), function(2, "never")], {1: wait, 2: lambda w, s, start: w.partial(s, ["begun"])})
        self.addCleanup(rig.stop)
        for number, session in ((1, "a"), (2, "b")):
            self.assertEqual(rig.join(number, ["x"], session)[0], 200)
        first, second = rig.stream("a"), rig.stream("b")
        first.until("process_generating")
        second.until("process_generating")
        rig.launcher.send("launcher_stop", {"grace_ms": 1500})
        time.sleep(0.2)
        done.set()
        self.assertTrue(first.until("process_completed")[-1]["success"])
        self.assertEqual(next(first)["msg"], "close_stream")
        last = second.until("process_completed")[-1]
        self.assertEqual((last["success"], last["output"]["error"]), (False, "This server restarts. Try again in a moment."))
        self.assertEqual(next(second)["msg"], "close_stream")


class Rest(unittest.TestCase):
    """Idle workers go to sleep, and wake for the next call."""

    def test_sleep_and_wake(self):
        rig = Rig([function(1, "one")], {1: echo}, {"VITRINE_LIMIT_WORKER_IDLE_MS": "300", "worker_idle_ms": "300"},
                  {"VITRINE_LIMIT_WORKER_IDLE_MS": "300"})
        self.addCleanup(rig.stop)
        for _ in range(2):
            self.assertEqual(rig.post("/gradio_api/run/one", {"data": ["a"]})[0], 200)
            time.sleep(0.6)
        self.assertEqual(len(rig.workers), 2)
        self.assertEqual(len(rig.kills), 2)
        stages = [values["stage"] for name, values in rig.store_seen if name == "demo_stage"]
        self.assertEqual(stages, [b"RUNNING", b"SLEEPING"] * 2)

    def test_memory_pressure(self):
        """With less free than the operator wants, idle workers sleep long before their time, the longest idle first;
        those at work stay."""
        hold = threading.Event()
        self.addCleanup(hold.set)
        rig = Rig([function(1, "one"), function(2, "wait")],
                  {1: echo, 2: lambda w, s, start: (w.partial(s, ["b"]), hold.wait(20), w.done(s, ["held"]))},
                  env={"VITRINE_LIMIT_MEMORY_FREE_BYTES": str(1 << 50)}, demos=6)
        self.addCleanup(rig.stop)
        for number in range(4):
            self.assertEqual(rig.post("/gradio_api/run/one", {"data": ["a"]}, demo=number)[0], 200)
        busy = threading.Thread(target=lambda: self.assertEqual(rig.post("/gradio_api/run/wait", {"data": ["a"]}, demo=5)[0], 200))
        busy.start()
        deadline = time.time() + 8
        while time.time() < deadline and len(rig.kills) < 4:
            time.sleep(0.05)
        self.assertEqual(rig.kills, [worker.slot for worker in rig.workers[:4]])  # in the order of their last use
        hold.set()
        busy.join(5)

    def test_no_pressure_no_eviction(self):
        rig = Rig([function(1, "one")], {1: echo}, env={"VITRINE_LIMIT_MEMORY_FREE_BYTES": "1"})
        self.addCleanup(rig.stop)
        rig.post("/gradio_api/run/one", {"data": ["a"]})
        time.sleep(1.6)
        self.assertEqual(rig.kills, [])


if __name__ == "__main__":
    unittest.main()
