"""usage: run_unittest.py FILE     runs one unittest file and prints one line of JSON per test after a mark of its own

The driver (run_tests.py) reads those lines: status, name, seconds, and the reason or the traceback.
"""
import importlib.util
import json
import os
import sys
import time
import unittest

MARK = "@@test "


class Reporter(unittest.TestResult):
    def startTest(self, test):
        super().startTest(test)
        self.began, self.status, self.detail = time.monotonic(), "passed", ""

    def stopTest(self, test):
        super().stopTest(test)
        self.report(test, self.status, self.detail)

    def report(self, test, status, detail):
        name = test.id() if hasattr(test, "id") else str(test)
        row = {"status": status, "name": name, "detail": detail, "seconds": round(time.monotonic() - self.began, 3)}
        print(MARK + json.dumps(row), flush=True)

    def failed(self, test, error):
        text = self._exc_info_to_string(error, test)
        if not isinstance(test, unittest.TestCase):  # setUpClass and setUpModule are no tests of their own
            self.began = time.monotonic()
            self.report(test, "failed", text)
        else:
            self.status, self.detail = "failed", text

    def addError(self, test, err):
        super().addError(test, err)
        self.failed(test, err)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.failed(test, err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err:
            self.failed(test, err)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        if not isinstance(test, unittest.TestCase):
            self.began = time.monotonic()
            self.report(test, "skipped", reason)
        else:
            self.status, self.detail = "skipped", reason

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.status, self.detail = "failed", "passed although it was expected to fail"


def main():
    path = os.path.abspath(sys.argv[1])
    sys.path.insert(0, os.path.dirname(path))
    name = os.path.splitext(os.path.basename(path))[0]
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    result = Reporter()
    unittest.defaultTestLoader.loadTestsFromModule(module).run(result)
    sys.exit(0 if result.wasSuccessful() else 1)


main()
