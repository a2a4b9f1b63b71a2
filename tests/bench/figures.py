"""How a benchmark tells what it measured. The names, units and aims stand in figures.txt, once.

    from figures import figure
    figure("wake_p50", 1.7, "bubblewrap 4.9 ms", "joins per second")

prints a line for whoever runs the benchmark by itself, and adds a row to the file that VITRINE_FIGURES names, from which
`ops/test --bench` makes its one table. A benchmark in another language adds the same JSON line there. Nothing here judges
more than "met" or "missed": no benchmark fails because a machine was slow."""
import json
import os
import statistics

FOLDER = os.path.dirname(os.path.abspath(__file__))
VERDICTS = {"<=": lambda value, aim: value <= aim, ">=": lambda value, aim: value >= aim}


def table():
    """{id: (comparison or "", aim or None, unit, meaning)} in the order of figures.txt."""
    rows = {}
    with open(os.path.join(FOLDER, "figures.txt"), encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("#") or not line.strip():
                continue
            if line.split()[1] == "-":
                name, _, unit, meaning = line.split(None, 3)
                rows[name] = ("", None, unit, meaning.strip())
            else:
                name, comparison, aim, unit, meaning = line.split(None, 4)
                rows[name] = (comparison, float(aim), unit, meaning.strip())
    return rows


def number(value):
    """Three digits that matter, thousands apart."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def verdict(row, value):
    comparison, aim, _, _ = row
    if not comparison:
        return "reported"
    return "met" if VERDICTS[comparison](value, aim) else "MISSED"


def figure(name, value, peer="", raised=""):
    """One measured value. `peer`: what it was compared with, measured in the same run; `raised`: limits that are not the defaults."""
    row = table()[name]
    aim = f", aim {row[0]} {row[1]:g}: {verdict(row, value)}" if row[0] else ""
    print(f"{name}: {number(value)} {row[2]}{aim}{'; ' + peer if peer else ''}", flush=True)
    if os.environ.get("VITRINE_FIGURES"):
        with open(os.environ["VITRINE_FIGURES"], "a", encoding="utf-8") as out:
            out.write(json.dumps({"figure": name, "value": value, "peer": peer, "raised": raised}) + "\n")


def percentile(values, percent):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * percent / 100))]


def median(values):
    return statistics.median(values)


def lines_of(rows):
    """The table as text: `rows` are the dictionaries that figure() wrote, at most one per name (the last one counts)."""
    measured, out = {row["figure"]: row for row in rows}, []
    unknown = [name for name in measured if name not in table()]
    out.append(f"{'figure':<20} {'measured':>18}  {'aim':<12} {'verdict':<9} what; peers in the same run; limits raised for it")
    for name, row in table().items():
        aim = f"{row[0]} {row[1]:,g}" if row[0] else "report"
        if name not in measured:
            out.append(f"{name:<20} {'-':>18}  {aim:<12} {'NOT RUN':<9} {row[3]}")
            continue
        value = measured[name]["value"]
        more = "".join(f"; {words}" for words in (measured[name]["peer"], measured[name]["raised"] and
                                                  "raised: " + measured[name]["raised"]) if words)
        out.append(f"{name:<20} {number(value) + ' ' + row[2]:>18}  {aim:<12} {verdict(row, value):<9} {row[3]}{more}")
    out += [f"{name}: not in tests/bench/figures.txt" for name in unknown]
    return out


def missing(rows):
    """Names of the table that no benchmark measured."""
    return [name for name in table() if name not in {row["figure"] for row in rows}]
