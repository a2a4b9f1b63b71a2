"""The test driver itself: a test that failed must never be counted as anything else."""
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import textwrap
import unittest
import xml.etree.ElementTree as xml

from sources import ROOT


def load_driver():
    spec = importlib.util.spec_from_file_location("run_tests", os.path.join(ROOT, "ops", "lib", "run_tests.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


driver = load_driver()

TAP = """TAP version 13
# Subtest: plain
ok 1 - plain
  ---
  duration_ms: 1.280713
  ...
# Subtest: bad \\# hash
not ok 2 - bad \\# hash
  ---
  duration_ms: 1.411527
  failureType: 'testCodeFailure'
  error: |-
    Expected values to be strictly equal:

    1 !== 2
  stack: |-
    TestContext.<anonymous> (file:///a.test.mjs:2:55)
  ...
# Subtest: group
    # Subtest: inner
    not ok 1 - inner
      ---
      duration_ms: 0.36299
      failureType: 'testCodeFailure'
      ...
    # Subtest: left out
    ok 2 - left out # SKIP no thing
      ---
      duration_ms: 0.145106
      ...
    1..2
not ok 3 - group
  ---
  duration_ms: 1.186523
  type: 'suite'
  failureType: 'subtestsFailed'
  ...
1..3
"""


def cmocka_case(output, status="run", name="base/test_map"):
    case = xml.Element("testcase", name=name, status=status)
    xml.SubElement(case, "system-out").text = output
    return case


class Node(unittest.TestCase):
    def test_rows(self):
        rows = driver.tap_rows(TAP)
        self.assertEqual([("passed", "plain"), ("failed", "bad # hash"), ("failed", "inner"), ("skipped", "left out")],
                         [row[:2] for row in rows])
        self.assertIn("1 !== 2", rows[1][2])
        self.assertEqual("no thing", rows[3][2])


class Cmocka(unittest.TestCase):
    def statuses(self, *arguments, **options):
        return [row[:2] for row in driver.cmocka_rows(cmocka_case(*arguments, **options), "debug:")]

    def test_passing_and_failing(self):
        output = "[ RUN      ] one\n[       OK ] one\n[ RUN      ] two\n[  ERROR   ] --- 1 != 2\n[  FAILED  ] two\n"
        self.assertEqual([("passed", "debug:base/test_map.one"), ("failed", "debug:base/test_map.two")],
                         self.statuses(output, status="fail"))

    def test_a_crash_after_a_passing_test_is_a_failure(self):
        rows = self.statuses("[ RUN      ] one\n[       OK ] one\n[ RUN      ] two\nSegmentation fault\n", status="fail")
        self.assertIn(("failed", "debug:base/test_map"), rows)

    def test_silence_is_a_failure(self):
        self.assertEqual([("failed", "debug:base/test_map")], self.statuses(""))


class Judgement(unittest.TestCase):
    def test_unlisted_skip_fails(self):
        self.assertEqual("failed", driver.judge("e2e", ("skipped", "embeds", "no browser"), [])[0])

    def test_listed_skip_stays_one(self):
        listed = [("e2e:emb*", "no browser on this machine")]
        self.assertEqual("skipped", driver.judge("e2e", ("skipped", "embeds", "no browser"), listed)[0])
        self.assertEqual("failed", driver.judge("proc", ("skipped", "embeds", ""), listed)[0])

    def test_the_list_gives_reasons(self):
        for pattern, reason in driver.unavailable():
            self.assertRegex(pattern, r"^[a-z0-9]+:.+")
            self.assertGreater(len(reason.split()), 3, pattern)


class Unittest(unittest.TestCase):
    """run_unittest.py in a process of its own, on a file with one test of each kind."""
    FILE = textwrap.dedent("""
        import unittest
        class Kinds(unittest.TestCase):
            def test_good(self): pass
            def test_bad(self): self.assertEqual(1, 2)
            def test_error(self): raise OSError("gone")
            @unittest.skip("not here")
            def test_skipped(self): pass
            @unittest.expectedFailure
            def test_surprise(self): pass
            def test_parts(self):
                with self.subTest("a"): self.assertTrue(False)
        class Broken(unittest.TestCase):
            @classmethod
            def setUpClass(cls): raise OSError("no server")
            def test_never_run(self): pass
    """)

    def test_every_kind(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "test_kinds.py")
            with open(path, "w") as file:
                file.write(self.FILE)
            done = subprocess.run([sys.executable, os.path.join(ROOT, "ops", "lib", "run_unittest.py"), path],
                                  capture_output=True, text=True)
        rows = re.findall(r'"status": "(\w+)", "name": "([^"]+)"', done.stdout)
        status = {name.split(".")[-1].rstrip(")"): status for status, name in rows}
        self.assertEqual(1, done.returncode)
        self.assertEqual("passed", status["test_good"])
        self.assertEqual("skipped", status["test_skipped"])
        for name in ("test_bad", "test_error", "test_surprise", "test_parts"):
            self.assertEqual("failed", status[name], name)
        self.assertIn("failed", [status for status, name in rows if "Broken" in name])


class Benchmarks(unittest.TestCase):
    def test_programs_and_what_they_share(self):
        names = {os.path.basename(path) for path in driver.benchmarks()}
        self.assertIn("bench_calls.py", names)
        self.assertIn("bench_page.mjs", names)
        self.assertEqual(set(), names & {"figures.py", "product.py", "figures.txt", "calls_load.c", "demos"})

    def test_the_machine_is_described(self):
        self.assertRegex(driver.machine(), r"^\d+ x .+, Linux \d.*, load average \d+\.\d, ")


class Command(unittest.TestCase):
    def test_unknown_suite(self):
        with self.assertRaises(SystemExit):
            driver.chosen(["--unti"])

    def test_default_leaves_out_slow_suites(self):
        names, long = driver.chosen([])
        self.assertFalse(long)
        self.assertNotIn("bare", names)
        self.assertIn("bare", driver.chosen(["--long"])[0])

    def test_help_names_every_suite(self):
        done = subprocess.run([os.path.join(ROOT, "ops", "test"), "--help"], capture_output=True, text=True, check=True)
        for name in driver.SUITES:
            self.assertIn("--" + name, done.stdout)


if __name__ == "__main__":
    unittest.main()
