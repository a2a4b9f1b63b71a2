#!/usr/bin/env python3
"""Thousands of published demos, hundreds of them awake: does it work, what does it weigh, how long does a wake take then?

Every demo is published by a `git push` of its own commit (one repository holds all commits, each is pushed to its own address),
spread over accounts so that the limit of repositories per account stays as it is. Awake demos have answered a call; then
others, which sleep, are woken one by one with a call through HTTP, connection made before. Weighed is the private memory of every
process of the product: services, zygote, workers, pool.

    SCALE_DEMOS=5000 SCALE_AWAKE=500 tests/bench/bench_scale.py     smaller numbers try it out quickly"""
import concurrent.futures
import http.client
import json
import os
import re
import subprocess
import time

from figures import figure, percentile
from product import RAISED_WORDS, Product, children, memory_kib

DEMOS, AWAKE = int(os.environ.get("SCALE_DEMOS", "5000")), int(os.environ.get("SCALE_AWAKE", "500"))
PER_ACCOUNT, WAKES, PAGES, PUSHERS = 500, 200, 50, 4
APP = """local ui = require "ui"
return ui.blocks(function()
  local name, word = ui.textbox { label = "Name" }, ui.dropdown { label = "Word", choices = { "Hello", "Goodbye" }, value = "Hello" }
  local out = ui.textbox { label = "Answer of demo %d" }
  ui.button { "Say" }:click { fn = function(n, w) return w .. ", " .. n end, inputs = { name, word }, outputs = out, api_name = "say" }
end)
"""


def owner(number):
    return f"owner{number // PER_ACCOUNT}"


def name(number):
    return f"{owner(number)}/demo{number}"


def commits(product, count):
    """A repository with one branch for each demo."""
    folder = os.path.join(product.folder, "all.git")
    subprocess.run(["git", "init", "-q", "--bare", folder], check=True)
    stream = []
    for number in range(count):
        files = {"README.md": f"---\ntitle: Demo {number}\nemoji: 🌱\n---\nNumber {number}.\n", "app.lua": APP % number}
        stream.append(f"commit refs/heads/d{number}\ncommitter bench <bench@example.org> {1767225600 + number} +0000\ndata 5\nbench\n")
        for path, text in files.items():
            stream.append(f"M 100644 inline {path}\ndata {len(text.encode())}\n{text}\n")
    subprocess.run(["git", "-C", folder, "fast-import", "--quiet"], input="".join(stream).encode(), check=True)
    return folder


def publish(product, folder, count):
    tokens = {}
    for number in range(0, count, PER_ACCOUNT):
        product.admin("user", "add", owner(number))
        tokens[owner(number)] = re.search(r"hf_\w+", product.admin("token", "add", owner(number), "--name", "bench", "--role", "write")).group()

    def push(number):
        who = owner(number)
        product.git(folder, "push", "-q", f"http://{who}:{tokens[who]}@localhost:{product.port}/spaces/{name(number)}", f"d{number}:main")

    with concurrent.futures.ThreadPoolExecutor(PUSHERS) as pool:
        list(pool.map(push, range(count)))


def call(product, number, connection=None):
    """Seconds that one call took on a connection that is there."""
    connection = connection or http.client.HTTPConnection("127.0.0.1", product.port, timeout=30)
    connection.connect()
    body = json.dumps({"data": ["Ann", "Hello"]})
    began = time.perf_counter()
    connection.request("POST", f"/spaces/{name(number)}/-/gradio_api/run/say", body,
                       {"Host": f"localhost:{product.port}", "Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    took = time.perf_counter() - began
    connection.close()
    if answer.status != 200 or json.loads(text)["data"] != ["Hello, Ann"]:
        raise AssertionError(f"{name(number)}: {answer.status} {text[:300]}\n{product.words()}")
    return took


def family(pid):
    return [pid] + [other for child in children(pid) for other in family(child)]


def weigh(product):
    """(private MB of everything, number of processes)"""
    pids = family(product.process.pid)
    return sum(memory_kib(pid, "Private_Clean", "Private_Dirty") for pid in pids) / 1024, len(pids)


def main():
    with Product({"VITRINE_LIMIT_WORKERS": str(max(4096, 2 * AWAKE))} if AWAKE > 2048 else {}) as product:
        before, _ = weigh(product)
        began = time.perf_counter()
        publish(product, commits(product, DEMOS), DEMOS)
        seconds = time.perf_counter() - began
        print(f"{DEMOS} demos published by {PUSHERS} authors at once in {seconds:.0f} s, {1000 * seconds / DEMOS:.0f} ms each", flush=True)
        published, _ = weigh(product)
        for number in range(AWAKE):
            call(product, number)
        total, processes = weigh(product)
        others = [AWAKE + i * (DEMOS - AWAKE) // WAKES for i in range(WAKES)] if DEMOS - AWAKE >= WAKES else list(range(AWAKE, DEMOS))
        wakes = [call(product, number) * 1000 for number in others]
        pages = []
        for i in range(PAGES):
            at = time.perf_counter()
            status, _ = product.request("GET", f"/spaces/{name(i * DEMOS // PAGES)}")
            pages.append((time.perf_counter() - at) * 1000)
            if status != 200:
                raise AssertionError(f"a demo's page: status {status}")
        state = f"{DEMOS:,} published, {AWAKE} awake"
        figure("scale_memory", total, f"{state}, {processes} processes; {before:.0f} MB when empty, {published:.0f} MB with none awake; "
               f"{1024 * (total - published) / max(1, AWAKE):.0f} KiB for each awake one", RAISED_WORDS)
        figure("scale_wake_p50", percentile(wakes, 50), f"{state}; {len(wakes)} more woken, POST run, connection made before", RAISED_WORDS)
        figure("scale_wake_p99", percentile(wakes, 99), f"slowest {max(wakes):.1f} ms; a demo's page then {percentile(pages, 50):.1f} ms", RAISED_WORDS)


if __name__ == "__main__":
    main()
