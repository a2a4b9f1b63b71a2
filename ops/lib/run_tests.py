"""The driver behind ops/test: builds what the chosen suites need, runs them, counts, and closes with one line.

A suite is a function that returns rows of (status, name, detail). Statuses are passed, failed and skipped; a skip counts as
failed unless tests/unavailable.txt lists it with its reason.
"""
import fnmatch
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as xml

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
LOGS = os.path.join(ROOT, "build", "test-logs")
JOBS = str(os.cpu_count() or 2)
STARTED = time.monotonic()
MARK = "@@test "
BENCH_SECONDS = 5400  # the longest one publishes 5,000 demos


def say(words):
    print(f"[{time.monotonic() - STARTED:7.1f} s] {words}", flush=True)


def path(*parts):
    return os.path.join(ROOT, *parts)


def files(folder, pattern):
    """Paths below a folder of the repository that match, sorted; empty when the folder is not there."""
    if not os.path.isdir(path(folder)):
        return []
    return sorted(path(folder, name) for name in os.listdir(path(folder)) if fnmatch.fnmatch(name, pattern))


def run(name, command, timeout, **options):
    """Runs a command with its output in a log; returns (status, output). Status 124 is a time-out, all its children killed."""
    log = os.path.join(LOGS, re.sub(r"[^A-Za-z0-9._-]+", "-", name) + ".log")
    with open(log, "wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=ROOT,
                                   start_new_session=True, **options)
        try:
            status = process.wait(timeout)
        except subprocess.TimeoutExpired:
            status = 124
        finally:
            # Also what a finished test left behind: a session of its own makes that one group.
            try:
                os.killpg(process.pid, 9)
            except ProcessLookupError:
                pass
            process.wait()
    with open(log, errors="replace") as text:
        output = text.read()
    if status == 124:
        output += f"\nended after {timeout} s, the time allowed for it\n"
    return status, output


def tail(text, lines=40):
    return "\n".join(text.rstrip().splitlines()[-lines:])


built = {}


def build(preset, *targets):
    """Configures and builds once; returns None, or the row that says why it did not work."""
    key = (preset,) + targets
    if key not in built:
        say(f"building {preset} {' '.join(targets)}")
        began = time.monotonic()
        status, output = run(f"configure-{preset}", ["cmake", "--preset", preset], 300)
        if status == 0:
            command = ["cmake", "--build", path("build", preset), "-j", JOBS]
            if targets:
                command += ["--target", *targets]
            command += ["--", "-k", "0"]
            status, output = run(f"build-{preset}", command, 1500)
        built[key] = None if status == 0 else ("failed", f"build of {preset}", tail(output, 60))
        say(f"built {preset} in {time.monotonic() - began:.1f} s" if status == 0 else f"build of {preset} failed")
    return built[key]


def environment(preset):
    """What every test of real binaries finds: VITRINE_BIN (folder of the binaries) and VITRINE_BUILD."""
    return {**os.environ, "VITRINE_BUILD": path("build", preset), "VITRINE_BIN": path("build", preset, "bin"),
            "PYTHONDONTWRITEBYTECODE": "1", "ASAN_OPTIONS": "abort_on_error=1:detect_stack_use_after_return=1",
            "UBSAN_OPTIONS": "print_stacktrace=1"}


# --- suites -------------------------------------------------------------------------------------------------------------


def cmocka_rows(case, prefix):
    """One row per cmocka test of one binary's output; a binary that dies between two tests is a failure of its own."""
    output = "".join(case.itertext())
    name = prefix + case.get("name")
    rows = [("passed", f"{name}.{test}", "") for test in re.findall(r"^\[       OK \] (\S+)", output, re.M)]
    failed = sorted(set(re.findall(r"^\[  FAILED  \] (\w+)$", output, re.M)))
    rows += [("failed", f"{name}.{test}", tail(output)) for test in failed]
    rows += [("skipped", f"{name}.{test}", "skip()") for test in set(re.findall(r"^\[  SKIPPED \] (\w+)$", output, re.M))]
    if case.get("status") != "run" and not failed:
        rows.append(("failed", name, tail(output) or f"status {case.get('status')}"))
    if not rows:
        rows.append(("failed", name, "ran no test"))
    return rows


def unit_in(preset):
    problem = build(preset, "unit-tests")  # keeps going: what could not be built shows as not run below
    report = os.path.join(LOGS, f"unit-{preset}.xml")
    status, output = run(f"unit-{preset}", ["ctest", "--test-dir", path("build", preset), "-j", JOBS, "--output-junit", report,
                                            "--test-output-size-passed", "1000000", "--test-output-size-failed", "1000000"],
                         900, env=environment(preset))
    if not os.path.exists(report):
        return [problem or ("failed", f"ctest in {preset}", tail(output))]
    rows = [problem] if problem else []
    for case in xml.parse(report).getroot().iter("testcase"):
        rows += cmocka_rows(case, f"{preset}:")
    return rows or [("failed", f"ctest in {preset}", "no unit test is registered")]


def suite_unit(long):
    rows = unit_in("debug") + unit_in("asan")
    return rows + (unit_in("tsan") if long else [])


def suite_lua(long):
    if not os.path.exists(path("tests", "lua", "run.lua")):
        return [("failed", "tests/lua/run.lua", "is not there")]
    status, output = run("lua", ["lua5.4", path("tests", "lua", "run.lua")], 120)
    rows = [("passed", name, "") for name in re.findall(r"^ok \d+ (.*)$", output, re.M)]
    rows += [("failed", name, tail(output)) for name in re.findall(r"^not ok \d+ (.*)$", output, re.M)]
    if status != 0 and not any(row[0] == "failed" for row in rows):
        rows.append(("failed", "tests/lua/run.lua", tail(output)))
    return rows


def unittest_rows(suite, sources, timeout, preset="release", python=sys.executable):
    rows = []
    for source in sources:
        stem = os.path.splitext(os.path.basename(source))[0]
        status, output = run(f"{suite}-{stem}", [python, path("ops", "lib", "run_unittest.py"), source], timeout,
                             env=environment(preset))
        reports = [json.loads(line[len(MARK):]) for line in output.splitlines() if line.startswith(MARK)]
        rows += [(row["status"], row["name"], row["detail"]) for row in reports]
        if status not in (0, 1) or (status == 1 and not any(row["status"] == "failed" for row in reports)):
            rows.append(("failed", stem, tail(output)))
        elif not reports:
            rows.append(("failed", stem, "ran no test"))
    return rows


def suite_proc(long):
    return [row for row in [build("release")] if row] or unittest_rows("proc", files("tests/proc", "test_*.py"), 300)


def suite_escape(long):
    sources = files("tests/escape", "test_*.py") + files("tests/fault", "test_*.py")
    return [row for row in [build("release")] if row] or unittest_rows("escape", sources, 600)


def suite_lint(long):
    return [row for row in [build("release")] if row] or unittest_rows("lint", files("tests/lint", "test_*.py"), 300)


def suite_examples(long):
    """The tests that stand beside an example. They use Debian's own Python packages, so they run in Debian's Python."""
    rows = []
    for name in sorted(os.listdir(path("examples"))):
        for folder in (f"examples/{name}", f"examples/{name}/model"):
            rows += unittest_rows(f"examples-{name}", files(folder, "test*.py"), 600, python="/usr/bin/python3")
    return rows


TAP_POINT = re.compile(r"^(?P<indent> *)(?P<bad>not )?ok \d+ - (?P<title>.*?)(?: # (?P<skip>SKIP.*))?\n"
                       r"(?P<block>(?P=indent)  ---\n(?:(?P=indent)   *.*\n|\n)*?(?P=indent)  \.\.\.\n)", re.M)


def tap_rows(output):
    """Rows of node's own report (TAP): one per test; groups and files only repeat what their tests say."""
    rows = []
    for point in TAP_POINT.finditer(output):
        title, block = point["title"].replace("\\#", "#"), point["block"]
        if "type: 'suite'" in block or "failureType: 'subtestsFailed'" in block or title.endswith((".mjs", ".js")) and not point["bad"]:
            continue
        if point["skip"]:
            rows.append(("skipped", title, point["skip"][4:].strip()))
        else:
            rows.append(("failed", title, block) if point["bad"] else ("passed", title, ""))
    return rows


def node_rows(name, command, timeout, env):
    status, output = run(name, command, timeout, env=env)
    rows = tap_rows(output)
    if status != 0 and not any(row[0] == "failed" for row in rows):
        rows.append(("failed", name, tail(output)))
    return rows or [("failed", name, "ran no test")]


def suite_e2e(long):
    problem = build("release")
    if problem:
        return [problem]
    rows = []
    for source in files("tests/e2e", "*.test.mjs") or files("tests/e2e", "test_*.mjs"):
        stem = os.path.basename(source).split(".")[0]
        rows += node_rows(f"e2e-{stem}", ["node", "--test", "--test-reporter=tap", source], 420, environment("release"))
    return rows


def suite_kit(long):
    rows = []
    status, output = run("kit-install", ["bash", "-c", ". ops/lib/common.sh; npm_install ui-kit"], 300)
    if status != 0:
        return [("failed", "npm packages of ui-kit", tail(output))]
    status, output = run("kit-check", ["npm", "run", "--silent", "--prefix", "ui-kit", "check"], 300)
    rows.append(("passed" if status == 0 else "failed", "types of ui-kit", tail(output) if status else ""))
    env = {**os.environ, "NODE_OPTIONS": "--test-reporter=tap"}
    return rows + node_rows("kit-test", ["npm", "run", "--silent", "--prefix", "ui-kit", "test"], 300, env)


def suite_fuzz(long):
    problem = build("fuzz", "fuzz-targets")
    if problem:
        return [problem]
    targets = files("build/fuzz/fuzz", "fuzz-*")
    seconds = 120 if long else max(2, 30 // max(1, len(targets)))
    rows = []
    for target in targets:
        name = os.path.basename(target)
        seeds = path("tests", "fuzz", "corpus", name[len("fuzz-"):])
        scratch = tempfile.mkdtemp(prefix="fuzz-")
        options = [f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048", f"-artifact_prefix={LOGS}/{name}-", scratch]
        status, output = run(name, [target, *options, *([seeds] if os.path.isdir(seeds) else [])], seconds + 120)
        shutil.rmtree(scratch, ignore_errors=True)
        rows.append(("passed", name, "") if status == 0 else ("failed", name, tail(output, 60)))
    return rows or [("failed", "fuzz", "there is no fuzz target")]


def benchmarks():
    """Every executable file of tests/bench; what they share and the programs they build are none."""
    return [source for source in files("tests/bench", "*") if os.path.isfile(source) and os.access(source, os.X_OK)]


def machine():
    """What the figures were measured on, and what else it was doing."""
    with open("/proc/cpuinfo") as text:
        model = re.search(r"^model name\s*: (.*)$", text.read(), re.M)
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return f"{os.cpu_count()} x {model[1] if model else os.uname().machine}, Linux {os.uname().release}, load average {load}"


def suite_bench(long):
    """Runs every benchmark on a release build and prints one table. A missed aim fails nothing; a figure without a value does."""
    problem = build("release") or build("release", "bench-tools")
    if problem:
        return [problem]
    sys.path.insert(0, path("tests", "bench"))
    import figures
    rows, measured, before = [], os.path.join(LOGS, "figures.json"), machine()
    env = {**environment("release"), "VITRINE_FIGURES": measured}
    for source in benchmarks():
        name = os.path.basename(source)
        say(name)
        status, output = run(name, [source] if not source.endswith(".py") else [sys.executable, source], BENCH_SECONDS, env=env)
        print(output.rstrip(), flush=True)
        rows.append(("passed" if status == 0 else "failed", name, tail(output) if status else ""))
    found = []
    if os.path.exists(measured):
        with open(measured) as lines:
            found = [json.loads(line) for line in lines]
    print("\n" + "\n".join(figures.lines_of(found)) + f"\n\nbefore: {before}\nafter:  {machine()}\n", flush=True)
    return rows + [("failed", name, "no benchmark measured it; tests/bench/figures.txt lists it") for name in figures.missing(found)]


def suite_bare(long):
    """The two commands in bare Debian 12 and 13, and the cross build."""
    return unittest_rows("bare", files("tests/bare", "test_*.py"), 4 * 3600)


# name: (function, in the default set)
SUITES = {
    "unit": (suite_unit, True), "lua": (suite_lua, True), "kit": (suite_kit, True), "lint": (suite_lint, True),
    "proc": (suite_proc, True), "escape": (suite_escape, True), "examples": (suite_examples, True), "e2e": (suite_e2e, True),
    "fuzz": (suite_fuzz, True), "bench": (suite_bench, False), "bare": (suite_bare, False),
}


def unavailable():
    """tests/unavailable.txt: "suite:name-pattern   reason" per line."""
    listed = []
    if os.path.exists(path("tests", "unavailable.txt")):
        with open(path("tests", "unavailable.txt")) as lines:
            for line in lines:
                words = line.split(None, 1)
                if len(words) == 2 and not line.startswith("#"):
                    listed.append((words[0], words[1].strip()))
    return listed


def judge(suite, row, listed):
    status, name, detail = row
    if status == "skipped" and not any(fnmatch.fnmatch(f"{suite}:{name}", pattern) for pattern, _ in listed):
        return "failed", name, f"skipped ({detail}), and tests/unavailable.txt does not list it"
    return row


def chosen(arguments):
    long = "--long" in arguments
    names = []
    for word in arguments:
        if word in ("--long", "--list"):
            continue
        if not word.startswith("--") or word[2:] not in SUITES:
            sys.exit(f"ops/test: unknown option {word}; see ops/test --help")
        names.append(word[2:])
    if not names:
        names = [name for name, (_, default) in SUITES.items() if default or (long and name == "bare")]
    return names, long


def main():
    names, long = chosen(sys.argv[1:])
    if "--list" in sys.argv:
        print("\n".join(SUITES))
        return 0
    shutil.rmtree(LOGS, ignore_errors=True)
    os.makedirs(LOGS)
    listed, counts, failures = unavailable(), {"passed": 0, "failed": 0, "skipped": 0}, []
    for name in names:
        say(f"{name} …")
        began = time.monotonic()
        rows = [judge(name, row, listed) for row in SUITES[name][0](long)]
        if not rows:
            rows = [("failed", name, "no test was found")]
        for status in counts:
            counts[status] += sum(1 for row in rows if row[0] == status)
        for status, title, detail in rows:
            if status == "failed":
                failures.append(f"{name}: {title}")
                print(f"\n--- FAILED {name}: {title}\n{detail}\n", flush=True)
            elif status == "skipped":
                print(f"    skipped {name}: {title}: {detail}", flush=True)
        good = sum(1 for row in rows if row[0] == "passed")
        say(f"{name}: {good} of {len(rows)} passed in {time.monotonic() - began:.1f} s")
    if failures:
        print("\nfailed:\n  " + "\n  ".join(failures))
    print(f"\n{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped", flush=True)
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
