#!/usr/bin/env python3
"""Memory of one idle keep-alive connection in the gateway.

usage: VITRINE_BIN=<build>/bin python3 tests/bench/bench_idle.py [--count 10000] [--addresses 25]

Opens connections from several loopback addresses, lets each ask once for a demo's page and read its answer, and compares
the gateway's private memory before and after; some hundred were opened and closed before, so that what a first visit makes
(the composed page, say) is not counted. Production limits, but for the number of requests a second (all of them are
asked at once): 512 connections from one address are the limit, hence the addresses. At the end every connection must
still answer."""
import argparse
import os
import re
import socket
import sys

sys.path[:0] = [os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), folder) for folder in ("proc", "bench")]
from figures import figure  # noqa: E402
from http_rig import HttpRig  # noqa: E402

WARM = 500


def private(pid):
    """Bytes that belong to the process alone; what the kernel keeps for its sockets is not among them."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return int(re.search(r"Private_Dirty:\s+(\d+) kB", file.read())[1]) * 1024


def ask(sock, port):
    sock.sendall(f"GET / HTTP/1.1\r\nHost: ann-rig.localhost:{port}\r\n\r\n".encode())
    answer = b""
    while b"</html>" not in answer:
        piece = sock.recv(65536)
        assert piece, "the gateway closed a connection that it should keep"
        answer += piece
    assert answer.startswith(b"HTTP/1.1 200"), answer[:100]


def connect(rig, count, addresses):
    sockets = []
    for number in range(count):
        source = (f"127.0.0.{2 + number % addresses}", 0)
        sock = socket.create_connection(("127.0.0.1", rig.port), 10, source_address=source)
        ask(sock, rig.port)
        sockets.append(sock)
    return sockets


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--count", type=int, default=10000)
    options.add_argument("--addresses", type=int, default=25)
    options = options.parse_args()
    rig = HttpRig(env={"VITRINE_ACCESS_LOG": "0", "VITRINE_LIMIT_REQUESTS_PER_SECOND": "0"})
    for sock in connect(rig, WARM, options.addresses):
        sock.close()
    before = private(rig.process.pid)
    sockets = connect(rig, options.count, options.addresses)
    after = private(rig.process.pid)
    for sock in sockets:
        ask(sock, rig.port)
    figure("idle_connection", (after - before) / options.count, f"{options.count:,} connections from {options.addresses} addresses", "requests by address")
    for sock in sockets:
        sock.close()
    rig.stop()


if __name__ == "__main__":
    main()
