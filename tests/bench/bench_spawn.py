#!/usr/bin/env python3
"""How long a locked worker takes, what it weighs, how fast it is gone; bubblewrap with Debian's lua5.4 in the same run.

"First Lua answer" is the first line that a one-line app.lua prints, under the whole lock-down, from the gateway's request
(socket pair, tensor window, control page included). "start" is a demo of 60 components without the way through HTTP: kit,
interface, digest, the first event's value. Build the driver first: cmake --build build/release --target spawn_driver."""
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "proc"))
import wire  # noqa: E402
from figures import figure  # noqa: E402
from test_worker import BIN, describe  # noqa: E402

DRIVER = os.path.join(BIN, "..", "tests", "spawn_driver")
COUNT, LIVE = int(os.environ.get("COUNT", "1000")), (1000, 4000)  # a zygote has 4,096 slots
CAGE = ["bwrap", "--unshare-all", "--die-with-parent", "--ro-bind", "/usr", "/usr", "--symlink", "usr/lib", "/lib", "--symlink",
        "usr/lib64", "/lib64", "--symlink", "usr/bin", "/bin", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--cap-drop",
        "ALL", "--new-session"]
SAY = "local sum = 0 for i = 1, 100 do sum = sum + i end print(sum)"


def speaking_bundle():
    """A release whose app.lua prints and builds nothing: no push would take it, a worker runs it up to the end of that line."""
    return wire.bundle({"app.lua": SAY.encode(), ".vitrine/manifest.json": b'{"sdk":"lua","app_file":"app.lua","seed":1,"tree_digest":"0"}'})


def drive(bundle, mode, count, data='["a"]'):
    out = subprocess.run([DRIVER, os.path.join(BIN, "vitrine-worker"), bundle, mode, str(count), data], capture_output=True, text=True,
                         timeout=600)
    if out.returncode != 0:
        sys.exit(f"{mode}: {out.stderr}")
    return [json.loads(line) for line in out.stdout.splitlines()]


def show(name, row, peer=""):
    figure(name + "_p50", row["p50_us"] / 1000, peer)
    figure(name + "_p99", row["p99_us"] / 1000, peer)


def bubblewrap(count):
    times = []
    for _ in range(count):
        before = time.perf_counter()
        subprocess.run([*CAGE, "lua5.4", "-e", SAY], check=True, stdout=subprocess.DEVNULL)
        times.append((time.perf_counter() - before) * 1e6)
    times.sort()
    return {"p50_us": statistics.median(times), "p99_us": times[int(len(times) * 0.99)]}


def four_at_once(bundle, count):
    """Four zygotes, each with a driver of its own."""
    before = time.perf_counter()
    drivers = [subprocess.Popen([DRIVER, os.path.join(BIN, "vitrine-worker"), bundle, "rate", str(count)], stdout=subprocess.DEVNULL)
               for _ in range(4)]
    for driver in drivers:
        driver.wait()
    return 4 * count / (time.perf_counter() - before)


def main():
    for needed in ("bwrap", "lua5.4"):
        if not shutil.which(needed):
            sys.exit(f"{needed} is not installed: ops/packages names it for the benchmarks")
    with tempfile.TemporaryDirectory() as folder:
        paths = {}
        for name in ("bare", "sixty"):
            code, bundle, report = describe(os.path.join(HERE, "demos", name))
            assert code == 0, report
            paths[name] = os.path.join(folder, name)
            open(paths[name], "wb").write(bundle.read())
        paths["say"] = os.path.join(folder, "say")
        open(paths["say"], "wb").write(speaking_bundle())
        peer = bubblewrap(min(COUNT, 200))
        words = f"bubblewrap + lua5.4: {peer['p50_us'] / 1000:.2f} / {peer['p99_us'] / 1000:.2f} ms"
        cold = drive(paths["say"], "cold", COUNT)[0]
        show("spawn_cold", cold, words)
        figure("spawn_vs_bubblewrap", peer["p50_us"] / cold["p50_us"])
        show("spawn_pool", drive(paths["say"], "pool", COUNT)[0])
        sixty = '["Ann",2,false]'
        show("start_cold", drive(paths["sixty"], "cold", COUNT, sixty)[0])
        show("start_pool", drive(paths["sixty"], "pool", COUNT, sixty)[0])
        figure("kill_p99", drive(paths["bare"], "kill", COUNT)[0]["p99_us"] / 1000)
        figure("spawns_one", drive(paths["say"], "rate", COUNT)[0]["per_second"])
        figure("spawns_four", four_at_once(paths["say"], COUNT))
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        for live in LIVE:
            if live + 100 > files:
                print(f"{live} live workers: not measured, this machine allows {files} descriptors")
                continue
            for name, data in (("bare", '["a"]'), ("sixty", sixty)):
                memory, cold, _ = drive(paths[name], "live", live, data)
                figure(f"memory_{name}_{live}", memory["kib"])
                if live > 1000 and name == "sixty":
                    figure("start_among_many_p99", cold["p99_us"] / 1000)
    print(f"load average while measuring: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
