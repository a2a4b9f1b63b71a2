#!/usr/bin/env python3
"""POST /gradio_api/run of a published demo, answered by its locked worker, against nginx proxying the same request to a Unix
socket whose backend answers a constant. Same load generator, same run, rounds in turn.

Ours has everything on that production has (limits, access log, headers); of the limits only those per address are raised.
Servers share one core and the load generator has the other, as long as there are two."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "proc"))
from calls_rig import RealRig  # noqa: E402
from figures import figure, median  # noqa: E402
from product import compile_tool  # noqa: E402

ROUNDS, SECONDS = 5, 2
NGINX = """
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; {user}
worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
    uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    keepalive_requests 10000000;
    upstream backend {{ server unix:{folder}/backend.sock; keepalive 1024; keepalive_requests 10000000; }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{ proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection ""; }}
    }}
}}
"""


def pin(process, core):
    """The process, its threads and its children."""
    if os.cpu_count() < 2:
        return
    pids = [process.pid] + [int(pid) for pid in subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)],
                                                               capture_output=True, text=True).stdout.split()]
    for pid in pids:
        os.sched_setaffinity(pid, {core})


def start_nginx(folder):
    port = 20000 + os.getpid() % 20000
    backend = subprocess.Popen([compile_tool(folder, "unix_backend"), os.path.join(folder, "backend.sock")])
    conf = os.path.join(folder, "nginx.conf")
    with open(conf, "w", encoding="utf-8") as file:
        file.write(NGINX.format(folder=folder, port=port, user="user root;" if os.getuid() == 0 else ""))
    nginx = subprocess.Popen(["nginx", "-p", folder, "-c", conf], stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    pin(nginx, 0)
    pin(backend, 0)
    return port, [nginx, backend]


def load(tool, port, base, connections):
    command = [tool, str(port), base, "1", str(connections), str(SECONDS), "run"]
    row = json.loads(subprocess.run(["taskset", "-c", "1", *command] if os.cpu_count() > 1 else command, capture_output=True,
                                    text=True, check=True).stdout)
    assert row["failures"] == 0 and row["calls"] > 0, row
    return row


def main():
    if not shutil.which("nginx"):
        sys.exit("nginx is not installed: ops/packages names it for the benchmarks")
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        tool = compile_tool(folder, "calls_load")
        port, others = start_nginx(folder)
        rig = RealRig(os.path.join(HERE, "demos", "echo"), env={"VITRINE_LIMIT_CONNECTIONS_PER_ADDRESS": "5000"})
        rig.post("/gradio_api/run/echo", {"data": ["a"]})
        pin(rig.process, 0)
        pin(rig.zygote_process, 0)
        try:
            for connections in (64, 1000):
                # The first round warms up.
                rounds = [(load(tool, rig.port, rig.base, connections), load(tool, port, "/", connections))
                          for _ in range(1 + ROUNDS)][1:]
                ours, theirs = (median(row["per_second"] for row in rows) for rows in zip(*rounds))
                late, their_late = (median(row["p99_us"] for row in rows) / 1000 for rows in zip(*rounds))
                figure(f"run_vs_nginx_{connections}", ours / theirs, f"a demo's worker {ours:,.0f}/s (p99 {late:.1f} ms), nginx → Unix "
                       f"socket {theirs:,.0f}/s (p99 {their_late:.1f} ms)", "connections, requests and joins per address")
        finally:
            rig.stop()
            for process in others:
                process.terminate()


if __name__ == "__main__":
    main()
