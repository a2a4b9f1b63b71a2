#!/usr/bin/env python3
"""A demo's page and its static files from the gateway against nginx serving the same bytes, in the same run.

usage: VITRINE_BIN=<build>/bin python3 tests/bench/http_static.py [--seconds 3] [--rounds 3]

Both servers write their access log (buffered) and run on one core, the load generator (wrk) on another. Targets take turns;
the median of the rounds counts. Rate limits by address are off (all load comes from one address); nothing else is changed.
Also prints the memory of an idle keep-alive connection."""
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

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "proc"))
from figures import figure  # noqa: E402
from http_rig import HttpRig  # noqa: E402

NO_LIMITS = {f"VITRINE_LIMIT_{name}": "0" for name in ("REQUESTS_PER_SECOND", "CONNECTIONS_PER_ADDRESS", "JOINS_PER_SECOND")}

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


def load(url, host, connections, seconds, pid):
    """Requests per second, and microseconds of the server's processor time for each."""
    before = busy_us(pid)
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "--latency", "-H", f"Host: {host}", url]
    text = subprocess.run(command, capture_output=True, text=True, preexec_fn=lambda: pin(0, os.cpu_count() - 1)).stdout
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    assert not bad, text
    return rate, (busy_us(pid) - before) / int(re.search(r"(\d+) requests in", text)[1])


def resident(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return int(re.search(r"Private_Dirty:\s+(\d+) kB", file.read())[1]) * 1024


def memory_per_connection(rig, count=5000):
    sockets = []
    request = f"GET /healthz HTTP/1.1\r\nHost: localhost:{rig.port}\r\n\r\n".encode()
    rig.get("/healthz")
    before = resident(rig.process.pid)
    for _ in range(count):
        sock = socket.create_connection(("127.0.0.1", rig.port))
        sock.sendall(request)
        sock.recv(4096)
        sockets.append(sock)
    after = resident(rig.process.pid)
    for sock in sockets:
        sock.close()
    return (after - before) / count


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--seconds", type=int, default=3)
    options.add_argument("--rounds", type=int, default=3)
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
            ours = load(f"http://127.0.0.1:{rig.port}{path}", host, 64, options.seconds, rig.process.pid)
            theirs = load(f"http://127.0.0.1:{nginx.port}{other}", "localhost", 64, options.seconds, nginx.worker)
            rows.setdefault(name, []).append((*ours, *theirs))
    print(f"{'64 connections, 1 core':22} {'vitrine req/s':>13} {'CPU us':>7} {'nginx req/s':>12} {'CPU us':>7} {'ratio':>6} {'by CPU':>7}")
    for name, rounds in rows.items():
        ours, our_cpu, theirs, their_cpu = (statistics.median(column) for column in zip(*rounds))
        print(f"{name:22} {ours:13,.0f} {our_cpu:7.1f} {theirs:12,.0f} {their_cpu:7.1f} {ours / theirs:6.2f} {their_cpu / our_cpu:7.2f}")
    raised = "requests, connections and joins per address"
    for target, name in (("demo page", "page_vs_nginx"), ("index.html 4 KB", "static_vs_nginx")):
        ours, our_cpu, theirs, their_cpu = (statistics.median(column) for column in zip(*rows[target]))
        figure(name, ours / theirs, f"{ours:,.0f}/s against {theirs:,.0f}/s, one core each way; by processor time {their_cpu / our_cpu:.2f} x",
               raised)
    figure("idle_connection", memory_per_connection(rig), "5,000 connections, each after one answer", raised)
    nginx.stop()
    rig.stop()


if __name__ == "__main__":
    main()
