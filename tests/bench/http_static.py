#!/usr/bin/env python3
"""A demo's page and its static files from the gateway against nginx serving the same bytes, in the same run.

usage: VITRINE_BIN=<build>/bin python3 tests/bench/http_static.py [--seconds 1] [--rounds 7] [--connections 64]

Both servers write their access log into a file, buffered, and run on one core, the load generator (wrk) on another. They
take turns second by second, so that a busy machine hits both alike; each turn of one is compared with the next turn of
the other, and the median of the ratios counts. Rate limits by address are off (all load comes from one address); nothing
else is changed. The processor time for a request stands beside the rate: it remains comparable when the load generator is
the slowest of the three, and when other programs want the same core."""
import argparse
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

sys.path[:0] = [os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), folder) for folder in ("proc", "bench")]
from figures import figure  # noqa: E402
from figures import figure  # noqa: E402
from http_rig import HttpRig  # noqa: E402

NO_LIMITS = {f"VITRINE_LIMIT_{name}": "0" for name in ("REQUESTS_PER_SECOND", "CONNECTIONS_PER_ADDRESS", "JOINS_PER_SECOND")}

# Above this share of the core for others, rates say who was scheduled, not who is faster.
BUSY = 0.12
FIGURES = {"demo page": "page_vs_nginx", "index.html 4 KB": "static_vs_nginx"}

NGINX = """
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;
worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c; uwsgi_temp_path {folder}/d;
  scgi_temp_path {folder}/e; include /etc/nginx/mime.types;
  sendfile on; tcp_nopush on; keepalive_requests 1000000; open_file_cache max=100; open_file_cache_valid 60s;
  access_log {folder}/access.log combined buffer=64k flush=1s;
  server {{ listen 127.0.0.1:{port} backlog=1024; root {folder}/root; }}
}}
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def pin(pid, core):
    if os.cpu_count() > 1:
        os.sched_setaffinity(pid, {core})


class Nginx:
    def __init__(self, files):
        self.folder = tempfile.mkdtemp(prefix="vitrine-bench-")
        self.port = free_port()
        os.chmod(self.folder, 0o755)
        os.mkdir(f"{self.folder}/root")
        for name, contents in files.items():
            with open(f"{self.folder}/root/{name}", "wb") as file:
                file.write(contents)
        with open(f"{self.folder}/nginx.conf", "w", encoding="utf-8") as file:
            file.write(NGINX.format(folder=self.folder, port=self.port))
        self.process = subprocess.Popen(["nginx", "-c", f"{self.folder}/nginx.conf"], stderr=subprocess.DEVNULL)
        time.sleep(0.5)
        children = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True).stdout.split()
        self.worker = int(children[0])
        pin(self.worker, 0)

    def stop(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def busy_us(pid):
    """Processor time of a process so far."""
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
        return int(file.read().split()[0]) / 1000


def core_busy_us():
    """Time that the servers' core has worked so far, for whomever."""
    with open("/proc/stat", encoding="ascii") as file:
        fields = next(line for line in file if line.startswith("cpu0 ")).split()
    ticks = sum(int(fields[i]) for i in (1, 2, 3, 6, 7, 8))
    return ticks * 1000000 / os.sysconf("SC_CLK_TCK")


def load(url, host, connections, seconds, pid):
    """Requests per second, microseconds of the server's processor time for each, and the share of its core that somebody
    else had meanwhile."""
    before, core, clock = busy_us(pid), core_busy_us(), time.monotonic()
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "--latency", "-H", f"Host: {host}", url]
    text = subprocess.run(command, capture_output=True, text=True, preexec_fn=lambda: pin(0, os.cpu_count() - 1)).stdout
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    assert not bad, text
    used = busy_us(pid) - before
    elsewhere = (core_busy_us() - core - used) / (time.monotonic() - clock) / 1e6
    return rate, used / int(re.search(r"(\d+) requests in", text)[1]), elsewhere


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--seconds", type=int, default=1)
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--connections", type=int, default=64)
    options = options.parse_args()
    small, large = b"x" * 1024, os.urandom(100 * 1024)
    HttpRig.STATIC = {**HttpRig.STATIC, "1k.txt": small, "100k.bin": large, "index.html": b"<p>" + b"y" * 4000}
    rig = HttpRig(env={**NO_LIMITS, "VITRINE_ACCESS_LOG": "1"})
    pin(rig.process.pid, 0)
    page = rig.get("/spaces/ann/rig/-/")[1]
    nginx = Nginx({"page.html": page, "index.html": b"<p>" + b"y" * 4000, "1k.txt": small, "100k.bin": large})
    demo, static = f"ann-rig.localhost:{rig.port}", f"ann-files.localhost:{rig.port}"
    targets = [("demo page", "/", demo, "/page.html"), ("index.html 4 KB", "/", static, "/index.html"),
               ("1 KB file", "/1k.txt", static, "/1k.txt"), ("100 KB file", "/100k.bin", static, "/100k.bin")]
    rows = {}
    for _ in range(options.rounds):
        for name, path, host, other in targets:
            ours = load(f"http://127.0.0.1:{rig.port}{path}", host, options.connections, options.seconds, rig.process.pid)
            theirs = load(f"http://127.0.0.1:{nginx.port}{other}", "localhost", options.connections, options.seconds, nginx.worker)
            rows.setdefault(name, []).append((*ours[:2], *theirs[:2], ours[0] / theirs[0], theirs[1] / ours[1], max(ours[2], theirs[2])))
    print(f"{f'{options.connections} connections, 1 core':22} {'vitrine req/s':>13} {'CPU us':>7} {'nginx req/s':>12} {'CPU us':>7} {'ratio':>6} {'by CPU':>7}")
    for name, rounds in rows.items():
        ours, our_cpu, theirs, their_cpu, ratio, by_cpu, elsewhere = (statistics.median(column) for column in zip(*rounds))
        print(f"{name:22} {ours:13,.0f} {our_cpu:7.1f} {theirs:12,.0f} {their_cpu:7.1f} {ratio:6.2f} {by_cpu:7.2f}")
        if name not in FIGURES:
            continue
        busy = elsewhere > BUSY
        words = f"nginx {theirs:,.0f} requests/s with {their_cpu:.1f} us of processor time each; here {ours:,.0f} with {our_cpu:.1f} us"
        if busy:
            words += f"; by processor time, because others had {elsewhere:.0%} of the core"
        figure(FIGURES[name], by_cpu if busy else ratio, words, "requests by address")
    nginx.stop()
    rig.stop()


if __name__ == "__main__":
    main()
