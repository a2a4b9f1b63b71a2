#!/usr/bin/env python3
"""Classifications per second: the digits example through HTTP, a demo that only asks the model, and the bare ONNX Runtime loop
on the same model, in turns in one run. The differences say where the time goes:

    bare loop     one thread, no process, message or check around the model
    model_http    + HTTP, the gateway, a locked worker, the tensor's way to the backend and back
    digits_http   + reading the uploaded picture, decoding it, finding, scaling and centring the digit in Lua

Everything shares the cores of this machine, the load generator too; only the limits per address are raised."""
import json
import os
import subprocess
import sys

from figures import figure, median
from product import BIN, HERE, OWNER, RAISED_WORDS, ROOT, Product, compile_tool

ROUNDS, SECONDS, VISITORS, BARE_CALLS = 3, 2, 16, 20000
MODEL = os.path.join(ROOT, "examples", "digits", "model")
FUNCTION = "1"  # ids count from one
BARE = os.path.join(os.path.dirname(BIN), "tests", "infer_bare")


def bare(calls=BARE_CALLS):
    done = subprocess.run([BARE, os.path.join(MODEL, "onnx", "model.onnx"), str(calls)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def load(tool, product, name, data, visitors):
    command = [tool, str(product.port), product.base(name), FUNCTION, str(visitors), str(SECONDS), "run", json.dumps(data)]
    row = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    if row["failures"] or not row["calls"]:
        raise AssertionError(f"{name}: {row}\n{product.words()}")
    return row


def picture(product):
    handle = product.upload("digits", os.path.join(ROOT, "examples", "digits", "three.png"))
    file = {"path": handle, "meta": {"_type": "gradio.FileData"}}
    return [{"background": None, "composite": file, "id": None, "layers": []}]


def main():
    if not os.path.exists(BARE):
        sys.exit(f"{BARE} is not built: cmake --build build/release --target bench-tools")
    with Product() as product:
        product.push("digits", MODEL, model=True)
        product.push("digits", os.path.join(ROOT, "examples", "digits"), ignore=("model",))
        product.push("model", os.path.join(HERE, "demos", "model"))
        drawing, tool = picture(product), compile_tool(product.folder, "calls_load")
        label = product.run("digits", drawing)[0]["label"]
        if label != "3":
            raise AssertionError(f"the drawn three was read as {label}")
        rows = {"bare": [], "model": [], "digits": [], "one": []}
        load(tool, product, "digits", drawing, VISITORS)
        bare(BARE_CALLS // 10)
        for _ in range(ROUNDS):
            rows["bare"].append(bare())
            rows["model"].append(load(tool, product, "model", ["1"], VISITORS))
            rows["digits"].append(load(tool, product, "digits", drawing, VISITORS))
            rows["one"].append(load(tool, product, "digits", drawing, 1))
        rate = {name: median(row["calls_per_second" if name == "bare" else "per_second"] for row in found) for name, found in rows.items()}
        alone = median(row["p50_us"] for row in rows["one"])
        figure("digits_http", rate["digits"], f"{VISITORS} visitors; one alone: {rate['one']:.0f}/s, p50 {alone / 1000:.2f} ms", RAISED_WORDS)
        figure("digits_vs_bare", 100 * rate["digits"] / rate["bare"], f"bare loop {rate['bare']:,.0f}/s ({1e6 / rate['bare']:.0f} us a call)")
        figure("model_http", rate["model"], f"{VISITORS} visitors, a 28 x 28 tensor each", RAISED_WORDS)
        total, model = 1e6 / rate["digits"], 1e6 / rate["model"]
        print(f"where the {total:.0f} us of one digit go, {VISITORS} at once: model and all the way to it {model:.0f} (bare loop "
              f"{1e6 / rate['bare']:.0f}; calls that wait together run as one batch), picture read, decoded and prepared {total - model:.0f}")


if __name__ == "__main__":
    main()
