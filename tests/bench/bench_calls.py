#!/usr/bin/env python3
"""Calls of a trivial demo through a real gateway, zygote and locked worker: wake, round trip, calls per second.

Store and launcher are played (tests/proc/calls_rig.py): they have no part in a call. Raised for this: the limits per
address; the worker's idle time for the wakes. Both ends run on this machine and share its cores."""
import json
import os
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "proc"))
from calls_rig import RealRig  # noqa: E402
from figures import figure, median, percentile  # noqa: E402
from product import children, compile_tool  # noqa: E402

ROUNDS, SECONDS, WAKES, TRIPS = 3, 3, 330, 3000
RAISED = "requests, joins and connections per address"


class Raw:
    """A client as thin as Python allows: one connection for joins, one for the stream."""

    def __init__(self, rig, session):
        self.rig, self.session = rig, session
        self.post, self.stream = self.dial(), self.dial()

    def dial(self):
        sock = socket.create_connection(("127.0.0.1", self.rig.port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def open_stream(self):
        self.stream.sendall(f"GET {self.rig.base}/gradio_api/queue/data?session_hash={self.session} HTTP/1.1\r\n"
                            f"Host: localhost:{self.rig.port}\r\n\r\n".encode())

    def call(self):
        """Seconds from the join to the message with the handler's value."""
        body = json.dumps({"data": ["a"], "fn_index": 1, "session_hash": self.session})
        request = (f"POST {self.rig.base}/gradio_api/queue/join HTTP/1.1\r\nHost: localhost:{self.rig.port}\r\n"
                   f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}").encode()
        began, seen = time.perf_counter(), b""
        self.post.sendall(request)
        while b"process_completed" not in seen:
            seen += self.stream.recv(65536)
        took = time.perf_counter() - began
        self.post.recv(65536)
        assert b'"data":["a"]' in seen, seen
        return took


def wait_asleep(rig, count):
    """Until the gateway has said that the demo sleeps, and the zygote's processes are as many as before the first call."""
    until = time.monotonic() + 5

    def asleep():
        stages = [values["stage"] for name, values in list(rig.store_seen) if name == "demo_stage"]
        return (not stages or stages[-1] == b"SLEEPING") and len(children(rig.zygote_process.pid)) == count
    while not asleep():
        if time.monotonic() > until:
            raise AssertionError("the worker does not go to sleep")
        time.sleep(0.005)


def measure_wakes(rig, count):
    time.sleep(0.5)  # the pool fills up
    times, before = [], len(children(rig.zygote_process.pid))
    for i in range(count):
        raw = Raw(rig, f"wake{i}")
        raw.open_stream()
        wait_asleep(rig, before)
        times.append(raw.call())
        raw.post.close()
        raw.stream.close()
    return times[count // 10:]  # the first ones warm up


def measure_round_trips(rig, count):
    raw = Raw(rig, "trips")
    raw.open_stream()
    raw.call()
    return [raw.call() for _ in range(count)]


def load(rig, tool, sessions, mode):
    command = [tool, str(rig.port), rig.base, "1", str(sessions), str(SECONDS), mode]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    row = json.loads(done.stdout)
    assert row["failures"] == 0, row
    return row


def tell_times(name, times):
    """Median and 99th percentile under the figure's name, in milliseconds."""
    for percent in (50, 99):
        figure(f"{name}_p{percent}", percentile(times, percent) * 1000, f"{len(times)} of them", RAISED)


def tell_rate(name, rig, tool, sessions, mode):
    load(rig, tool, sessions, mode)  # warms up
    rows = [load(rig, tool, sessions, mode) for _ in range(ROUNDS)]
    late = median(row["p99_us"] for row in rows) / 1000
    figure(name, median(row["per_second"] for row in rows), f"p99 {late:.1f} ms; rounds "
           + ", ".join(f"{row['per_second']:,.0f}" for row in rows), RAISED)


def main():
    demo = os.path.join(HERE, "demos", "echo")
    with tempfile.TemporaryDirectory() as folder:
        tool = compile_tool(folder, "calls_load")
        rig = RealRig(demo, env={"VITRINE_LIMIT_WORKER_IDLE_MS": "20"})
        tell_times("wake", measure_wakes(rig, WAKES))
        rig.stop()
        rig = RealRig(demo, env={"VITRINE_LIMIT_CONNECTIONS_PER_ADDRESS": "0"})
        tell_times("round_trip", measure_round_trips(rig, TRIPS))
        tell_rate("join_64", rig, tool, 64, "join")
        tell_rate("run_500", rig, tool, 500, "run")
        rig.stop()


if __name__ == "__main__":
    main()
