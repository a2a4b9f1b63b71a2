"""The table of the benchmarks: what is printed is what was measured, and every figure has a program that measures it."""
import importlib.util
import os
import re
import tempfile
import unittest
from unittest import mock

from sources import ROOT, read, tracked

BENCH = os.path.join(ROOT, "tests", "bench")


def load_figures():
    spec = importlib.util.spec_from_file_location("figures", os.path.join(BENCH, "figures.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


figures = load_figures()


class Table(unittest.TestCase):
    def test_rows(self):
        rows = figures.table()
        self.assertEqual(("<=", 2.0, "ms"), rows["wake_p50"][:3])
        self.assertEqual(("", None), rows["digits_http"][:2])
        for name, (comparison, aim, unit, meaning) in rows.items():
            with self.subTest(name):
                self.assertIn(comparison, ("", *figures.VERDICTS))
                self.assertEqual(bool(comparison), aim is not None)
                self.assertRegex(unit, r"^[A-Za-z/%]+$")
                self.assertGreater(len(meaning.split()), 2)

    def test_every_figure_is_measured_somewhere(self):
        sources = "\n".join(read(name) for name in tracked() if re.match(r"tests/bench/[a-z_]+\.(py|mjs)$", name))
        for name in figures.table():
            stem = name.split("_")[0] + "_"  # names are partly put together: f"{name}_p99"
            self.assertTrue(re.search(rf"[\"'`}}]{stem}", sources), f"{name}: no benchmark tells it")

    def test_verdicts(self):
        most, least = ("<=", 2.0, "ms", ""), (">=", 1.5, "x", "")
        self.assertEqual(["met", "met", "MISSED"], [figures.verdict(most, value) for value in (1.9, 2.0, 2.1)])
        self.assertEqual(["MISSED", "met", "met"], [figures.verdict(least, value) for value in (1.4, 1.5, 9)])
        self.assertEqual("reported", figures.verdict(("", None, "ms", ""), 1))

    def test_numbers(self):
        self.assertEqual(["0.21", "21.2", "212", "21,234"], [figures.number(value) for value in (0.2123, 21.23, 212.3, 21234)])

    def test_lines_tell_every_figure_once(self):
        rows = [{"figure": "wake_p50", "value": 9, "peer": "first", "raised": ""},
                {"figure": "wake_p50", "value": 1, "peer": "second", "raised": "joins"},
                {"figure": "nobody", "value": 1, "peer": "", "raised": ""}]
        lines = figures.lines_of(rows)
        wake = [line for line in lines if line.startswith("wake_p50 ")]
        self.assertEqual(1, len(wake))
        self.assertRegex(wake[0], r"1\.00 ms +<= 2 +met .*second; raised: joins$")
        self.assertEqual("nobody: not in tests/bench/figures.txt", lines[-1])
        self.assertEqual(len(figures.table()) - 1, sum("NOT RUN" in line for line in lines))
        self.assertNotIn("wake_p50", figures.missing(rows))
        self.assertIn("wake_p99", figures.missing(rows))

    def test_a_figure_is_written_down(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "rows")
            with mock.patch.dict(os.environ, {"VITRINE_FIGURES": path}), mock.patch("builtins.print") as said:
                figures.figure("wake_p50", 3.25, "somebody 9 ms")
            self.assertIn("aim <= 2: MISSED; somebody 9 ms", said.call_args[0][0])
            with open(path, encoding="utf-8") as file:
                self.assertIn('"value": 3.25', file.read())
        with self.assertRaises(KeyError):
            figures.figure("not_in_the_table", 1)

    def test_percentile(self):
        values = list(range(1, 101))
        self.assertEqual((51, 100, 100), (figures.percentile(values, 50), figures.percentile(values, 99), figures.percentile(values, 100)))
        self.assertEqual(7, figures.percentile([7], 99))


if __name__ == "__main__":
    unittest.main()
