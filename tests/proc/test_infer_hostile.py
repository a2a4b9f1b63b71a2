"""Model files that mean harm. Each is pushed (tried in a throw-away process before it goes live) and, as if the trial had let it
through, called. The author reads why; and all along another owner's model, in the same backend, answers as if nothing were."""

import os
import random
import re
import struct
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import infer_harness as harness
from infer_harness import Infer, digits, member, node, onnx, read_tensors, tensors

JOB_MS = 2500
VECTOR = [("x", 1, (2,))]


def tensor_proto(name, kind, dims, raw=None, extra=b""):
    """An initialiser: dims may say more than the bytes hold."""
    return b"".join(member(1, size & (1 << 64) - 1) for size in dims) + member(2, kind) + member(8, name) + (member(9, raw) if raw is not None else b"") + extra


def attribute(name, kind, value, number):
    return member(5, member(1, name) + member(number, value) + member(20, kind))


def location(path):
    return member(14, 1) + member(13, member(1, "location") + member(2, path)) + member(13, member(1, "length") + member(2, "8"))


def with_initializer(proto):
    return onnx([node("Add", ["x", "w"], ["y"])], VECTOR, [("y", 1, (2,))], [proto])


def constant(values):
    return attribute("value", 4, member(1, len(values)) + member(2, 7) + member(9, struct.pack(f"<{len(values)}q", *values)), 5)


def loop(rounds, body):
    """A Loop whose number of rounds stands in the model: no input can spare anybody."""
    nodes = [node("Constant", [], ["rounds"], constant([rounds])), node("Squeeze", ["rounds"], ["count"]),
             node("Loop", ["count", "", "x"], ["y"], member(5, member(1, "body") + member(6, body) + member(20, 5)))]
    return onnx(nodes, VECTOR, [("y", 1, ("n",))])


def loop_body(operation):
    body = member(1, node("Identity", ["keep"], ["again"])) + member(1, operation) + member(2, "body")
    body += b"".join(member(11, harness.value_info(*each)) for each in [("i", 7, ()), ("keep", 9, ()), ("a", 1, ("n",))])
    return body + b"".join(member(12, harness.value_info(*each)) for each in [("again", 9, ()), ("b", 1, ("n",))])


def nested(depth):
    """If inside If inside If: what walks graphs recursively walks off its stack."""
    graph = member(1, node("Identity", ["x"], ["o"])) + member(2, "g") + member(12, harness.value_info("o", 1, (2,)))
    for _ in range(depth):
        branches = b"".join(member(5, member(1, name) + member(6, graph) + member(20, 5)) for name in ("then_branch", "else_branch")[:1])
        branches += member(5, member(1, "else_branch") + member(6, member(1, node("Identity", ["x"], ["o"])) + member(2, "e") +
                                                                member(12, harness.value_info("o", 1, (2,)))) + member(20, 5))
        graph = member(1, node("If", ["c"], ["o"], branches)) + member(2, "g") + member(12, harness.value_info("o", 1, (2,)))
    graph += member(11, harness.value_info("x", 1, (2,))) + member(11, harness.value_info("c", 9, ()))
    return member(1, 7) + member(8, member(2, 14)) + member(7, graph)


def sequence_input():
    kind = member(4, member(1, member(1, member(1, 1))))
    graph = member(1, node("SequenceLength", ["x"], ["y"])) + member(2, "g") + member(11, member(1, "x") + member(2, kind))
    return member(1, 7) + member(8, member(2, 14)) + member(7, graph + member(12, harness.value_info("y", 7, ())))


def many_inputs(count):
    names = [f"i{n}" for n in range(count)]
    return onnx([node("Sum", names, ["y"])], [(name, 1, (2,)) for name in names], [("y", 1, (2,))])


GOOD = harness.model_add()
ADD = node("Add", ["x", "x"], ["y"])
# What a push must answer with words about. Each also: a call ends with words, never in silence.
REFUSED = {
    "empty": b"",
    "no graph": member(1, 7),
    "noise": random.Random(1).randbytes(100000),
    "text": b"this is a README, not a model\n" * 100,
    "a zip file": b"PK\x03\x04" + bytes(1000),
    "zeros": bytes(1 << 20),
    "a length beyond the file": member(7, b"")[:1] + harness.varint(1 << 40),
    "nested without end": b"\x3b" * 200000,
    "an unknown operator": onnx([node("NoSuchThing", ["x"], ["y"])], VECTOR, [("y", 1, (2,))]),
    "a custom operator": onnx([node("Evil", ["x"], ["y"], domain="com.evil")], VECTOR, [("y", 1, (2,))], domains=("", "com.evil")),
    "a later opset": member(1, 7) + member(8, member(2, 9999)) + member(7, member(1, ADD) + member(2, "g") + member(
        11, harness.value_info("x", 1, (2,))) + member(12, harness.value_info("y", 1, (2,)))),
    "weights in /etc/passwd": with_initializer(tensor_proto("w", 1, [2], extra=location("/etc/passwd"))),
    "weights in the parent": with_initializer(tensor_proto("w", 1, [2], extra=location("../../model.bin"))),
    "weights in /proc": with_initializer(tensor_proto("w", 1, [2], extra=location("/proc/self/mem"))),
    "weights in a device": with_initializer(tensor_proto("w", 1, [2], extra=location("/dev/zero"))),
    "an initialiser of a tebibyte": with_initializer(tensor_proto("w", 1, [1 << 38], raw=b"\0" * 8)),
    "an initialiser whose size overflows": with_initializer(tensor_proto("w", 1, [1 << 62, 8], raw=b"\0" * 8)),
    "an initialiser with a negative size": with_initializer(tensor_proto("w", 1, [-2], raw=b"\0" * 8)),
    "an initialiser with too few bytes": with_initializer(tensor_proto("w", 1, [2], raw=b"\0" * 3)),
    "an initialiser of no type": with_initializer(tensor_proto("w", 99, [2], raw=b"\0" * 8)),
    "a circle": onnx([node("Add", ["x", "b"], ["a"]), node("Add", ["a", "x"], ["b"])], VECTOR, [("b", 1, (2,))]),
    "an input that nobody gives": onnx([node("Add", ["x", "ghost"], ["y"])], VECTOR, [("y", 1, (2,))]),
    "two outputs of one name": onnx([node("Identity", ["x"], ["y"]), node("Neg", ["x"], ["y"])], VECTOR, [("y", 1, (2,))]),
    "a sequence": sequence_input(),
    "more inputs than a call has tensors": many_inputs(65),
    "a name of a kilobyte": onnx([node("Identity", ["n" * 1000], ["y"])], [("n" * 1000, 1, (2,))], [("y", 1, (2,))]),
    "a rank of 12": onnx([node("Identity", ["x"], ["y"])], [("x", 1, (1,) * 12)], [("y", 1, (1,) * 12)]),
    "an input of a tebibyte": onnx([node("Identity", ["x"], ["y"])], [("x", 1, (1 << 38,))], [("y", 1, (1 << 38,))]),
    "an input whose size overflows": onnx([node("Identity", ["x"], ["y"])], [("x", 1, (1 << 62, 1 << 62))], [("y", 1, (1 << 62, 1 << 62))]),
    "a constant of 32 GiB": onnx([node("Constant", [], ["size"], constant([1 << 33])), node("ConstantOfShape", ["size"], ["w"]),
                                  node("ReduceSum", ["w"], ["s"]), node("Add", ["x", "s"], ["y"])], VECTOR, [("y", 1, ("n",))]),
    "a tile of a tebibyte": onnx([node("Constant", [], ["times"], constant([1 << 38])), node("Tile", ["x", "times"], ["y"])], VECTOR, [("y", 1, ("n",))]),
    "doubled sixty times": loop(60, loop_body(node("Concat", ["a", "a"], ["b"], attribute("axis", 2, 0, 3)))),
    "a loop without end": loop(1 << 60, loop_body(node("Add", ["a", "a"], ["b"]))),
}


class Hostile(unittest.TestCase):
    def setUp(self):
        self.infer = Infer(limit_infer_job_ms=JOB_MS)
        self.addCleanup(self.infer.close)
        self.infer.models["bob/add"] = {"onnx/model.onnx": GOOD}
        self.assertEqual(self.neighbour()[0], 0)

    def neighbour(self):
        return self.infer.call("bob/add", data=tensors(("a", "float32", [1, 2], [1, 2]), ("b", "float32", [1, 2], [3, 4])))

    def assert_neighbour_answers(self, why):
        before = time.monotonic()
        status, body, answer = self.neighbour()
        self.assertEqual((status, read_tensors(answer)["sum"][1] if answer else None), (0, [4, 6]), f"{why}: {body}")
        self.assertLess(time.monotonic() - before, 1.5 * harness.SLOWNESS, why)

    def push(self, name, files):
        """A push whose verdict is not waited for: the other owner's model answers meanwhile."""
        fd = harness.bundle_fd(files)
        self.infer.store.send("model_try", [fd], request=77, name="eve/pushed")
        os.close(fd)
        for _ in range(3):
            before = time.monotonic()
            status, body, _ = self.neighbour_only()
            self.assertEqual(status, 0, f"{name}: {body}")
            self.assertLess(time.monotonic() - before, 1.5 * harness.SLOWNESS, name)
        kind, values = self.infer.store.receive(JOB_MS / 1000 + 15)
        self.assertEqual(kind, "model_tried")
        return values["status"], values["reason"].decode()

    def neighbour_only(self):
        """As neighbour(), leaving the store's messages alone."""
        job = self.infer.job("bob/add", data=tensors(("a", "float32", [1, 2], [1, 2]), ("b", "float32", [1, 2], [3, 4])))
        name, values = self.infer.gateway.receive()
        self.assertEqual((name, values["job"]), ("infer_result", job))
        return values["status"], values["body"].decode(), values["tensors"]

    def call(self, name, content):
        model = "eve/" + re.sub("[^a-z0-9]+", "-", name.lower())
        self.infer.models[model] = {"onnx/model.onnx": content}
        job = self.infer.job(model, data=tensors(("x", "float32", [2], [1, 2])))
        self.infer.serve_store(0.05)
        self.assert_neighbour_answers(name)
        return model, self.infer.result(job, JOB_MS / 1000 + 15)

    def assert_words(self, name, reason):
        self.assertGreater(len(reason), 20, name)
        self.assertLess(len(reason), 1200, name)
        self.assertTrue(reason.isprintable(), f"{name}: {reason!r}")

    def test_pushes_are_refused_with_words(self):
        for name, content in REFUSED.items():
            with self.subTest(name):
                status, reason = self.push(name, {"onnx/model.onnx": content})
                self.assertNotEqual(status, 0, name)
                self.assert_words(name, reason)
                self.assertRegex(reason, "model", name)

    def test_calls_end_with_words(self):
        for name, content in REFUSED.items():
            with self.subTest(name):
                model, (status, body, _) = self.call(name, content)
                self.assertNotEqual(status, 0, name)
                self.assertIn(model, body)
                self.assert_words(name, body)
        self.assertIsNone(self.infer.process.poll())

    def test_a_model_cut_anywhere(self):
        whole = digits()["onnx/model.onnx"]
        for cut in [1, 2, 10, 50] + [len(whole) * part // 12 for part in range(1, 12)] + [len(whole) - 1]:
            status, reason = self.push(f"cut at {cut}", digits(files={"onnx/model.onnx": whole[:cut]}))
            self.assertNotEqual(status, 0, cut)
            self.assert_words(cut, reason)

    def test_a_model_with_flipped_bits_is_a_model_or_refused(self):
        whole, dice = digits()["onnx/model.onnx"], random.Random(7)
        for round_number in range(25):
            changed = bytearray(whole)
            for _ in range(dice.choice((1, 5, 40))):
                changed[dice.randrange(len(changed) if round_number % 2 else 4000)] ^= 1 << dice.randrange(8)
            status, reason = self.push("flipped", digits(files={"onnx/model.onnx": bytes(changed)}))
            if status != 0:
                self.assert_words(round_number, reason)

    def test_graphs_nested_deeply(self):
        for depth in (20, 200, 2000):
            with self.subTest(depth):
                status, reason = self.push("nested", {"onnx/model.onnx": nested(depth)})
                if depth > 100:
                    self.assertNotEqual(status, 0)
                if status != 0:
                    self.assert_words(depth, reason)

    def test_a_long_graph_is_fine(self):
        names = ["x"] + [f"t{i}" for i in range(5000 // harness.SLOWNESS)] + ["y"]
        nodes = [node("Neg", [names[i]], [names[i + 1]]) for i in range(len(names) - 1)]
        self.assertEqual(self.push("long", {"onnx/model.onnx": onnx(nodes, VECTOR, [("y", 1, (2,))])})[0], 0)

    def test_weights_in_the_repository_are_refused_too(self):
        """Models are one file here; the words must say what to do, not only what failed."""
        content = with_initializer(tensor_proto("w", 1, [2], extra=location("weights.bin")))
        status, reason = self.push("external", {"onnx/model.onnx": content, "onnx/weights.bin": bytes(8), "weights.bin": bytes(8)})
        self.assertNotEqual(status, 0)
        self.assertIn("weights.bin", reason)
        self.assertIn("one file", reason)

    def test_preprocessors(self):
        base = b'{"size":{"height":28,"width":28},"do_normalize":false,"image_mode":"L"%s}'
        for name, text in {"not JSON": b"{" * 1000, "a list": b"[]", "too large": b'{"size":{"height":99999999,"width":1}}',
                           "negative": b'{"size":{"height":-1,"width":1}}', "deep": b"[" * 100000 + b"]" * 100000,
                           "no number": b'{"size":{"height":28,"width":28},"image_mean":["a"],"image_std":[1],"image_mode":"L"}',
                           "divides by zero": b'{"size":{"height":28,"width":28},"image_mean":[0],"image_std":[0],"image_mode":"L"}'}.items():
            with self.subTest(name):
                status, reason = self.push(name, digits(files={"preprocessor_config.json": text}))
                self.assertNotEqual(status, 0)
                self.assertIn("preprocessor_config.json", reason)
        labels = b'{"id2label":{"0":"a","99999":"z","-1":"b","100000":"c","18446744073709551616":"d","x":"e","1":5}}'
        self.assertEqual(self.push("labels", digits(files={"config.json": labels, "preprocessor_config.json": base % b""}))[0], 0)

    def test_nothing_is_left_behind(self):
        for name in ("noise", "doubled sixty times", "a loop without end"):
            self.push(name, {"onnx/model.onnx": REFUSED[name]})
        deadline = time.monotonic() + 5
        while len(self.infer.children()) > 1 and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertEqual(len(self.infer.children()), 1, "bob's process and no other")
        self.assertLess(len(os.listdir(f"/proc/{self.infer.process.pid}/fd")), 40)


if __name__ == "__main__":
    unittest.main()
