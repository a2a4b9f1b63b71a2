"""Measures the product's C code against budgets.txt. Run by itself it prints the report and the longest functions."""
import json
import os
import re
import statistics
import subprocess

from sources import ROOT, c_sources, read, tracked


def functions(names):
    """One dictionary per function: path, name, lines, parameters, static."""
    listing = subprocess.run(
        ["ctags", "-L", "-", "--output-format=json", "--fields=+nefSK", "--kinds-C=f", "--language-force=C",
         "-f", "-"], cwd=ROOT, input="\n".join(names), capture_output=True, text=True, check=True).stdout
    for line in listing.splitlines():
        tag = json.loads(line)
        if tag.get("kind") == "function" and "end" in tag:
            signature = tag.get("signature", "()")
            parameters = 0 if signature in ("()", "(void)", "( void )") else depth_zero_commas(signature[1:-1]) + 1
            yield {"path": tag["path"], "name": tag["name"], "line": tag["line"], "lines": tag["end"] - tag["line"] + 1,
                   "parameters": parameters, "static": "file" in tag}


def depth_zero_commas(text):
    depth = commas = 0
    for char in text:
        depth += (char == "(") - (char == ")")
        commas += char == "," and depth == 0
    return commas


def line_kinds(text):
    """(comment-only lines, lines with code). Strings are blanked first so that a // inside one is no comment."""
    text = re.sub(r'"(?:\\.|[^"\\\n])*"', '""', text)
    text = re.sub(r"'(?:\\.|[^'\\\n])*'", "' '", text)
    without = re.sub(r"/\*.*?\*/|//[^\n]*", lambda match: re.sub(r"[^\n]", " ", match.group()), text, flags=re.S)
    comments = code = 0
    for whole, bare in zip(text.split("\n"), without.split("\n")):
        code += bool(bare.strip())
        comments += bool(whole.strip()) and not bare.strip()
    return comments, code


def count_lines(names):
    return sum(read(name).count("\n") for name in names)


def comment_share(names):
    pairs = [line_kinds(read(name)) for name in names]
    comments, code = (sum(column) for column in zip(*pairs)) if pairs else (0, 0)
    return round(100 * comments / max(1, comments + code), 1)


def percentile(values, percent):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * percent / 100))] if values else 0


def test_files():
    return [name for name in tracked() if (name.startswith("tests/") or re.search(r"(\.test\.ts|/test_[a-z_]*\.py)$", name))
            and name.endswith((".c", ".h", ".py", ".mjs", ".js", ".ts", ".lua", ".sh"))]


def source_files():
    return [name for name in tracked() if name not in set(test_files()) and (
        name in set(c_sources()) or (name.startswith("ui-kit/") and name.endswith((".ts", ".lua", ".mjs"))))]


def measure():
    names = c_sources()
    sources, headers = [n for n in names if n.endswith(".c")], [n for n in names if n.endswith(".h")]
    found = list(functions(names))
    lengths = [row["lines"] for row in found]
    share = lambda part, whole: round(100 * part / max(1, whole), 1)
    return found, {
        "function_median": statistics.median(lengths), "function_p95": percentile(lengths, 95),
        "over_five_parameters_pct": share(sum(row["parameters"] > 5 for row in found), len(found)),
        "c_median": statistics.median(count_lines([name]) for name in sources),
        "comment_h_pct": comment_share(headers), "comment_c_pct": comment_share(sources),
        "comment_c_most_pct": comment_share(sources),
        "static_pct": share(sum(row["static"] for row in found), len(found)),
        "sandbox_lines": count_lines([name for name in names if name.startswith("sandbox/")]),
        "test_ratio_pct": round(100 * count_lines(test_files()) / max(1, count_lines(source_files()))),
    }


def budgets():
    """{measure: (limit, kind, meaning)}"""
    table = {}
    for line in read("tests/lint/budgets.txt").splitlines():
        words = line.split(None, 3)
        if len(words) == 4 and not line.startswith("#"):
            table[words[0]] = (float(words[1]), words[2], words[3])
    return table


def report():
    found, measures = measure()
    lines = [f"{len(c_sources())} C files, {count_lines(c_sources())} lines, {len(found)} functions; "
             f"{count_lines(test_files())} test lines"]
    for name, (limit, kind, meaning) in budgets().items():
        if name in measures:
            lines.append(f"  {measures[name]:8g}  {kind.replace('_', ' '):8} {limit:5g}  {meaning}")
    lines += [f"  {row['lines']:5d} lines  {row['name']} ({row['path']})"
              for row in sorted(found, key=lambda row: -row["lines"])[:8]]
    return "\n".join(lines)


if __name__ == "__main__":
    print(report())
