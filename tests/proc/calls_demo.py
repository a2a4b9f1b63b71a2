"""A demo whose worker is played here, for clients of other languages: prints its address as JSON, serves until stdin ends."""
import json
import os
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from calls_rig import Rig, function  # noqa: E402

FRAMES = [
    ["a", {"list": [1, 2, 3], "text": "héllo"}, None],
    ["ab 🎈", {"list": [1, 2, 3, 4], "text": "héllo 🎈"}, [1]],
    ["ab 🎈🎈", {"list": [1], "text": "héllo 🎈!", "new": {"deep": [None, True]}}, [1, {"k": "v"}]],
    ["x", {"text": "other", "new": {"deep": [None, False, "z"]}}, {"now": "object"}],
    ["x", None, "string"],
]


def values(start):
    return json.loads(start["data"])


def greet(worker, stream, start):
    name, greeting = values(start)
    worker.done(stream, [f"{greeting} {name}"])


def frames(worker, stream, start):
    for frame in FRAMES:
        worker.partial(stream, frame)
        time.sleep(0.005)
    worker.done(stream, FRAMES[-1])


def tell(worker, stream, start):
    worker.send("event_log", {"log": json.dumps({"log": "look", "level": "warning", "title": "T", "duration": 3, "visible": True})}, stream)
    worker.send("event_progress", {"progress_data": json.dumps([{"index": None, "length": None, "unit": "s", "progress": 0.5, "desc": "half"}])}, stream)
    worker.done(stream, ["told"])


def break_off(worker, stream, start):
    worker.partial(stream, ["first"])
    worker.fail(stream, {"error": "broke off", "duration": None, "visible": True, "title": "Oh"})


def count(worker, stream, start):
    number = json.loads(start["state"]).get("9", 0) + 1
    worker.done(stream, [number, None], {"9": number})


def wait(worker, stream, start):
    for i in range(200):
        worker.partial(stream, [f"{i}"])
        time.sleep(0.05)
    worker.done(stream, ["end"])


def fail_with(error):
    return lambda worker, stream, start: worker.fail(stream, {"error": error, "duration": 10, "visible": True, "title": "Error"})


def invalid(worker, stream, start):
    worker.fail(stream, {"error": "too short", "duration": 10, "visible": True, "title": "Check the input"},
                json.dumps([{"__type__": "validate", "is_valid": False, "message": "too short", "parameter_name": "x"}]))


def update(worker, stream, start):
    worker.done(stream, [{"__type__": "update", "visible": False, "value": "plain"}])


HANDLERS = [
    (function(1, "greet", inputs=[1, 2], defaults=[None, '"Hello"'], parameter_names=["name", "greeting"]), greet),
    (function(2, "frames", outputs=[2, 3, 4]), frames), (function(3, "tell"), tell), (function(4, "break_off"), break_off),
    (function(5, "count", inputs=[1, 9], outputs=[2, 9], state_inputs=[1], state_outputs=[1], defaults=[None, None],
              parameter_names=["x", "s"]), count),
    (function(6, "wait"), wait), (function(7, "fail"), fail_with("Cannot divide by zero!")), (function(8, "silent"), fail_with(None)),
    (function(9, "plain", queue=False), lambda w, s, start: w.done(s, values(start))),
    (function(10, "plain_fail", queue=False), fail_with("plain failure")), (function(11, "invalid"), invalid),
    (function(12, "narrow", concurrency_limit=1, max_queue=5), wait), (function(13, "secret", visibility="private"), greet),
    (function(14, "update"), update), (function(15, "echo"), lambda w, s, start: w.done(s, values(start))),
    (function(16, "crash"), lambda w, s, start: (w.send("event_progress", {"progress_data": "[]"}, s), time.sleep(0.05), w.crash(256 + 11))),
]

if __name__ == "__main__":
    for row, _ in HANDLERS:
        row["defaults"] = [json.loads(value) if isinstance(value, str) else value for value in row["defaults"]]
        if row["api_name"] != "narrow":
            row["max_queue"] = None
    rig = Rig([row for row, _ in HANDLERS], {row["id"]: handler for row, handler in HANDLERS})
    print(json.dumps({"url": f"http://localhost:{rig.port}{rig.base}", "frames": FRAMES}), flush=True)
    threading.Thread(target=lambda: (sys.stdin.read(), rig.stop(), os._exit(0)), daemon=True).start()
    rig.process.wait()
    os._exit(1)
