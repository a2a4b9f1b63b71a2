#!/usr/bin/env python3
"""Calls of a trivial demo through a real gateway, zygote and locked worker: wake, round trip, calls per second.

Store and launcher are played (tests/proc/calls_rig.py): they have no part in a call. Raised for this: the limits per
address; the worker's idle time for the wakes. Both ends run on this machine and share its cores."""
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "proc"))
from calls_rig import RealRig  # noqa: E402


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


def percent(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] * 1000


def measure_wakes(rig, count):
    times = []
    for i in range(count):
        raw = Raw(rig, f"wake{i}")
        raw.open_stream()
        time.sleep(0.06)  # the worker of the call before has gone to sleep
        times.append(raw.call())
        raw.post.close()
        raw.stream.close()
    return times


def measure_round_trips(rig, count):
    raw = Raw(rig, "trips")
    raw.open_stream()
    raw.call()
    return [raw.call() for _ in range(count)]


def load(rig, tool, sessions, mode):
    command = [tool, str(rig.port), rig.base, "1", str(sessions), "4", mode]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main():
    demo = os.path.join(HERE, "demos", "echo")
    with tempfile.TemporaryDirectory() as folder:
        tool = os.path.join(folder, "calls_load")
        subprocess.run(["cc", "-O2", "-D_GNU_SOURCE", "-o", tool, os.path.join(HERE, "calls_load.c")], check=True)
        rig = RealRig(demo, env={"VITRINE_LIMIT_WORKER_IDLE_MS": "20"})
        wakes = measure_wakes(rig, 200)
        rig.stop()
        rig = RealRig(demo)
        trips = measure_round_trips(rig, 3000)
        print(f"wake, join → handler's value    p50 {percent(wakes, .5):6.2f} ms   p99 {percent(wakes, .99):6.2f} ms   (aim 2 / 5)")
        print(f"round trip, awake, one visitor  p50 {percent(trips, .5):6.2f} ms   p99 {percent(trips, .99):6.2f} ms   (aim 0.5)")
        for mode, sessions, aim in (("join", 1, ""), ("join", 64, "(aim 20000)"), ("run", 64, ""), ("run", 500, "")):
            row = load(rig, tool, sessions, mode)
            assert row["failures"] == 0, row
            print(f"{mode:4} {sessions:4} visitors: {row['per_second']:8.0f} calls/s   p50 {row['p50_us'] / 1000:6.2f} ms   "
                  f"p99 {row['p99_us'] / 1000:6.2f} ms   {aim}")
        rig.stop()
    print(f"load average while measuring: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
