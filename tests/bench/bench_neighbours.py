#!/usr/bin/env python3
"""Noisy neighbours: 20 demos that burn processor, memory, logs, events and model calls, four of each kind, and one honest demo.
The honest demo's round trips are measured with its neighbours asleep, then with them at work. Aim: p99 within three times the
quiet one. Gateway, zygote and workers are the real ones; their visitors are a process of their own, which shares the machine."""
import http.client
import json
import os
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "escape")]

NEIGHBOURS = 20
APP = """local ui, ai = require "ui", require "ai"
local kinds = {
  cpu = function() while true do end end,
  heap = function() local t = {} for i = 1, 1e9 do t[i] = { i } end end,
  logs = function() while true do print(("x"):rep(2000)) end end,
  events = function(n) return n end,
  models = function() for _ = 1, 1000 do pcall(function() ai.model("somebody/model"):run({}) end) end return "done" end,
}
return ui.blocks(function()
  local a, b = ui.textbox { label = "a" }, ui.textbox { label = "b" }
  ui.button { "Go" }:click { fn = function(kind) return kinds[kind](kind) end, inputs = a, outputs = b, api_name = "go" }
end)
"""
KINDS = ("cpu", "heap", "logs", "events", "models")


def burn(port, demo, kind, stop):
    """One visitor of one neighbour: calls again and again, whatever comes back."""
    body = json.dumps({"data": [kind]})
    while not stop.is_set():
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            while not stop.is_set():
                connection.request("POST", f"/spaces/ann/{demo}/-/gradio_api/run/go", body,
                                   {"Host": f"localhost:{port}", "Content-Type": "application/json"})
                connection.getresponse().read()
                if kind == "events":
                    time.sleep(0.002)  # 500 a second at most: the visitor is not what is measured
        except (OSError, http.client.HTTPException):
            time.sleep(0.01)


def burn_all(port, names):
    stop = threading.Event()
    for number, name in enumerate(names):
        threading.Thread(target=burn, args=(port, name, KINDS[number % len(KINDS)], stop), daemon=True).start()
    sys.stdin.read()  # until the other end closes it
    os._exit(0)


def percent(times, share):
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]


def measure(town, seconds):
    times, until = [], time.monotonic() + seconds
    while time.monotonic() < until:
        times.append(town.honest())
        time.sleep(0.002)
    return times


class Noise:
    """The neighbours at work, while the body runs."""

    def __init__(self, town):
        names = [town.name_of(number) for number in range(town.neighbours)]
        self.process = subprocess.Popen([sys.executable, os.path.abspath(__file__), "--burn", str(town.port), *names], stdin=subprocess.PIPE)

    def __enter__(self):
        time.sleep(2)
        return self

    def __exit__(self, *exception):
        self.process.stdin.close()
        self.process.wait(10)


def main():
    from block import Town
    from figures import figure
    seconds = float(os.environ.get("VITRINE_BENCH_SECONDS", "10"))
    town = Town(NEIGHBOURS, APP)
    measure(town, 1)
    quiet = measure(town, seconds)
    with Noise(town):
        noisy = measure(town, seconds)
        workers = len(town.children())
    town.stop()
    for name, times in (("quiet", quiet), ("20 noisy neighbours", noisy)):
        print(f"honest demo, {name:20} p50 {percent(times, .5):6.2f} ms   p99 {percent(times, .99):6.2f} ms   ({len(times)} calls)")
    figure("neighbours_p99_ratio", percent(noisy, .99) / percent(quiet, .99), f"quiet {percent(quiet, .99):.1f} ms", f"{workers} workers")
    figure("neighbours_p50", percent(noisy, .5), f"quiet {percent(quiet, .5):.2f} ms", f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--burn"]:
        burn_all(int(sys.argv[2]), sys.argv[3:])
    main()
