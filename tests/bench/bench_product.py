#!/usr/bin/env python3
"""The whole product, started as `vitrine serve` starts it: how long a push takes until its release answers, and how much
memory it takes when nobody does anything.

A push is the whole `git push` command of a clean client, its own start included, on a repository that is live already, and
then calls until the new release is the one that answers. Memory is what the kernel says of each process after a warm-up (calls,
pages) and a quiet second."""
import os
import time

from figures import figure, median, percentile
from product import OWNER, RAISED_WORDS, ROOT, Product, children, memory_kib

PUSHES, WARM_UP_PUSHES, LIVE_SECONDS, CALLS = 15, 2, 5, 200
APP = """local ui = require "ui"
return ui.interface {{ fn = function(name) return "{word}, " .. name end,
  inputs = ui.textbox {{ label = "Name" }}, outputs = ui.textbox {{ label = "Greeting" }} }}
"""
GREETING = ["Ann", "English", 0]
README = "---\ntitle: Small\nemoji: 👋\n---\nSays a word.\n"


def push_times(product):
    """Seconds from the start of `git push` to the first answer of the new release; and how often the old one still answered."""
    folder = os.path.join(product.folder, "small")
    os.makedirs(folder)
    product.git(folder, "init", "-q", "-b", "main")
    times, late = [], 0
    for number in range(WARM_UP_PUSHES + PUSHES):
        word = f"Word {number}"
        for name, text in (("app.lua", APP.format(word=word)), ("README.md", README)):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(text)
        took, began = product.push_folder(folder, f"spaces/{OWNER}/small"), time.perf_counter()
        while product.run("small", ["Ann"]) != [f"{word}, Ann"]:
            late += 1
            if time.perf_counter() - began > LIVE_SECONDS:
                raise AssertionError(f"the old release still answers {LIVE_SECONDS} s after the push")
        times.append(took + time.perf_counter() - began)
    return times[WARM_UP_PUSHES:], late


def greeter_memory(product):
    """Private memory of the largest of the greeter's workers, in KiB. No other demo is there, and no pool."""
    workers = children(product.processes()["zygote"])
    if not workers:
        raise AssertionError("the greeter has no worker after its calls")
    return max(memory_kib(pid, "Private_Clean", "Private_Dirty") for pid in workers)


def warm(product):
    for _ in range(CALLS):
        product.run("greeter", GREETING, "greet")
        product.request("GET", f"/spaces/{OWNER}/greeter")
        product.request("GET", product.base("greeter") + "/")


def main():
    with Product() as product:
        times, late = push_times(product)
        slowest = percentile(times, 100) * 1000
        figure("push_live", median(times) * 1000, f"slowest of {PUSHES}: {slowest:.0f} ms; calls that the old release still answered: {late}",
               RAISED_WORDS)
    with Product({"VITRINE_LIMIT_POOL_WORKERS": "0"}) as product:
        product.push("greeter", os.path.join(ROOT, "examples", "greeter"))
        pids = product.processes()
        product.run("greeter", GREETING, "greet")
        first = greeter_memory(product)
        warm(product)
        time.sleep(1)
        figure("worker_memory", greeter_memory(product), f"after {CALLS} calls; {first} KiB after the first")
        services = {"launcher": product.process.pid, "gateway": pids["gateway"], "store": pids["store"]}
        resident = {name: memory_kib(pid, "Rss") / 1024 for name, pid in services.items()}
        shares = ", ".join(f"{name} {size:.1f}" for name, size in resident.items())
        alone = sum(memory_kib(pid, "Private_Clean", "Private_Dirty") for pid in services.values()) / 1024
        figure("idle_memory", sum(resident.values()), f"{shares}; of it private {alone:.1f} MB; with shared libraries counted each time")


if __name__ == "__main__":
    main()
