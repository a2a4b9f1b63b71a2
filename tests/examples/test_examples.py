"""Each example is publishable as it stands: what a push would check, and what its card must say."""
import os
import subprocess
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.environ.get("VITRINE_BIN", os.path.join(ROOT, "build/release/bin"))
EXAMPLES = os.path.join(ROOT, "examples")
SDK = {"card": "static", "digits": "lua", "greeter": "lua", "mandelbrot": "lua", "ticker": "lua"}


class Examples(unittest.TestCase):
    def test_there_are_exactly_these(self):
        self.assertEqual(sorted(SDK), sorted(os.listdir(EXAMPLES)))


def add(name, sdk):
    def test(self):
        result = subprocess.run([os.path.join(BIN, "vitrine"), "check", os.path.join(EXAMPLES, name)],
                                capture_output=True, text=True, timeout=30)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertIn(f"(sdk: {sdk})", result.stdout)
        self.assertNotIn("warning:", result.stdout)
        with open(os.path.join(EXAMPLES, name, "README.md"), encoding="utf-8") as card:
            text = card.read()
        for key in ("title:", "emoji:", "short_description:", "license:"):
            self.assertIn("\n" + key, text)
    setattr(Examples, "test_" + name, test)


for each in SDK.items():
    add(*each)

if __name__ == "__main__":
    unittest.main()
