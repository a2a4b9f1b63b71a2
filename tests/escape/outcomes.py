"""Reads outcomes.txt."""
import os
from collections import namedtuple

# second, as_user: outcome without the filter; endured: outcome with it where the worker is not killed, else None; layers: pairs of
# (list of layers, outcome).
Row = namedtuple("Row", "second as_user endured control layers")


def read():
    rows = {}
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "outcomes.txt"), encoding="utf-8") as text:
        for line in text:
            if line.startswith("#") or not line.strip():
                continue
            name, second, control, *layers = line.split()
            endured = second.startswith("*")
            second, _, as_user = second.lstrip("*").partition("/")
            second = second.replace("exit-", "exit ")
            pairs = [part.rsplit(":", 1) for part in layers if part != "-"]
            rows[name] = Row(second, as_user or second, second if endured else None, control.replace("status-", "ended with "),
                             [(names.split("+"), outcome.replace("exit-", "exit ")) for names, outcome in pairs])
    return rows


OUTCOMES = read()
