"""vitrine-infer, the real binary, between a gateway and a store played by the test."""

import fcntl
import json
import mmap
import os
import pathlib
import re
import signal
import struct
import time
import unittest

import sys
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import infer_harness as harness
from infer_harness import Infer, Peer, digits, read_tensors, tensors

PICTURE = '{"task":"image-classification","top_k":3}'


def picture(name):
    side, pixels = harness.digit_pixels(name)
    return tensors(("image", "uint8", [side, side, 1], pixels))


def add(a, b):
    return tensors(("a", "float32", [1, 2], a), ("b", "float32", [1, 2], b))


class InferCase(unittest.TestCase):
    config = {}

    def setUp(self):
        self.infer = Infer(**self.config)
        self.addCleanup(self.infer.close)
        self.infer.models = {"vitrine/digits": digits(), "ann/add": {"onnx/model.onnx": harness.model_add()},
                             "bob/add": {"onnx/model.onnx": harness.model_add()},
                             "eve/endless": {"onnx/model.onnx": harness.model_endless()},
                             "eve/hungry": {"onnx/model.onnx": harness.model_hungry()}}


class Answers(InferCase):
    def test_reads_the_drawn_digits(self):
        for name, digit in (("three.png", "3"), ("seven.png", "7")):
            status, body, _ = self.infer.call("vitrine/digits", "pipeline", PICTURE, picture(name))
            self.assertEqual(status, 0, body)
            labels = json.loads(body)
            self.assertEqual(labels[0]["label"], digit)
            self.assertGreater(labels[0]["score"], 0.8)
            self.assertEqual(len(labels), 3)
            self.assertEqual(sorted(labels, key=lambda each: -each["score"]), labels)
        self.assertEqual(self.infer.asked, ["vitrine/digits"], "the store is asked once")

    def test_describes_a_model(self):
        status, body, _ = self.infer.call("ann/add", "describe")
        self.assertEqual(status, 0, body)
        self.assertEqual(json.loads(body), {"inputs": [{"name": "a", "type": "float32", "shape": [-1, 2]},
                                                       {"name": "b", "type": "float32", "shape": [-1, 2]}],
                                            "outputs": [{"name": "sum", "type": "float32", "shape": [-1, 2]}]})

    def test_runs_any_model(self):
        status, body, answer = self.infer.call("ann/add", data=add([1, 2], [10, 20]))
        self.assertEqual((status, body), (0, ""))
        self.assertEqual(read_tensors(answer), {"sum": ([1, 2], [11, 22])})

    def test_answers_of_a_batch_go_to_their_askers(self):
        jobs = [self.infer.job("ann/add", data=add([i, i], [1, 2]), demo=i % 5 + 1) for i in range(60)]
        for i, job in enumerate(jobs):
            status, body, answer = self.infer.result(job)
            self.assertEqual(status, 0, body)
            self.assertEqual(read_tensors(answer)["sum"][1], [i + 1, i + 2])

    def test_different_rows_are_not_mixed(self):
        one = self.infer.job("ann/add", data=add([1, 1], [1, 1]))
        two = self.infer.job("ann/add", data=tensors(("a", "float32", [2, 2], [1, 2, 3, 4]), ("b", "float32", [2, 2], [1] * 4)))
        self.assertEqual(read_tensors(self.infer.result(two)[2])["sum"], ([2, 2], [2, 3, 4, 5]))
        self.assertEqual(read_tensors(self.infer.result(one)[2])["sum"], ([1, 2], [2, 2]))

    def test_every_type_goes_through(self):
        values = {"float32": [0.5, -2.0], "float64": [0.1, 1e300], "float16": [0.5, 65504.0], "int64": [-(1 << 63), (1 << 63) - 1],
                  "int32": [-(1 << 31), 5], "int16": [-5, 32767], "int8": [-128, 127], "uint64": [1 << 63, 0], "uint32": [4294967295, 0],
                  "uint16": [65535, 0], "uint8": [255, 0], "bool": [True, False], "string": ["", "grüße\0?"]}
        for kind, pair in values.items():
            self.infer.models[f"ann/{kind}"] = {"onnx/model.onnx": harness.model_same(kind)}
            status, body, answer = self.infer.call(f"ann/{kind}", data=tensors(("in", kind, [2], pair)))
            self.assertEqual((status, body), (0, ""), kind)
            self.assertEqual(read_tensors(answer), {"out": ([2], pair)})

    def test_strings_of_a_batch_are_not_mixed(self):
        cast = harness.node("Cast", ["in"], ["out"], harness.member(5, harness.member(1, "to") + harness.member(3, 1) + harness.member(20, 2)))
        self.infer.models["ann/cast"] = {"onnx/model.onnx": harness.onnx([cast], [("in", 8, ("n",))], [("out", 1, ("n",))])}
        jobs = [self.infer.job("ann/cast", data=tensors(("in", "string", [2], [f"{10 ** (i % 7)}", f"{i}.5"])), demo=i) for i in range(1, 30)]
        for i, job in enumerate(jobs, 1):
            status, body, answer = self.infer.result(job)
            self.assertEqual((status, body), (0, ""))
            self.assertEqual(read_tensors(answer), {"out": ([2], [10 ** (i % 7), i + 0.5])})

    def test_free_dimensions_take_any_size(self):
        self.infer.models["ann/free"] = {"onnx/model.onnx": harness.model_same("int64", ("rows", "columns"))}
        for rows, columns in ((1, 1), (3, 2), (2, 3), (0, 4), (1, 500)):
            count = rows * columns
            status, body, answer = self.infer.call("ann/free", data=tensors(("in", "int64", [rows, columns], list(range(count)))))
            self.assertEqual((status, read_tensors(answer)), (0, {"out": ([rows, columns], list(range(count)))}), body)


class Windows(InferCase):
    """Large tensors stand in the window of the worker that asks; what comes back is placed where the worker says."""
    ROWS, SIZE = 50000, 400000

    def setUp(self):
        super().setUp()
        self.fd = self.new_window(9)
        self.window = mmap.mmap(self.fd, 4 << 20)
        self.addCleanup(self.window.close)
        self.window[0:self.SIZE] = struct.pack("<100000f", *range(100000))
        self.window[self.SIZE:2 * self.SIZE] = struct.pack("<100000f", *[1] * 100000)
        self.data = tensors(("a", "float32", [self.ROWS, 2], (0, self.SIZE)), ("b", "float32", [self.ROWS, 2], (self.SIZE, self.SIZE)))

    def new_window(self, slot, seals=2 | 4):
        fd = os.memfd_create("window", os.MFD_ALLOW_SEALING)
        os.ftruncate(fd, 4 << 20)
        if seals:
            fcntl.fcntl(fd, 1033, seals)  # F_ADD_SEALS: shrink, grow
        self.addCleanup(os.close, fd)
        self.infer.gateway.send("infer_window", [fd], slot=slot)
        return fd

    def run_large(self, slot=9):
        status, body, answer = self.infer.call("ann/add", data=self.data, slot=slot)
        self.assertEqual((status, answer), (0, b""), body)
        return json.loads(body)

    def test_there_and_back(self):
        held = self.run_large()
        self.assertGreaterEqual(held["bytes"], self.SIZE)
        before = self.window[:3 << 20]
        status, body, answer = self.infer.fetch("ann/add", held, 3 << 20, 9)
        self.assertEqual(status, 0, body)
        self.assertEqual(read_tensors(answer, self.window)["sum"], ([self.ROWS, 2], list(range(1, 100001))))
        self.assertEqual(self.window[:3 << 20], before, "nothing else was touched")

    def test_an_answer_is_fetched_once_and_only_by_its_worker(self):
        self.new_window(10)
        held = self.run_large()
        self.assertIn("not kept", self.infer.fetch("ann/add", held, 0, 10)[1])
        self.assertEqual(self.infer.fetch("ann/add", held, 2 << 20, 9)[0], 0)
        self.assertIn("not kept", self.infer.fetch("ann/add", held, 2 << 20, 9)[1])

    def test_places_outside_of_the_window_are_refused(self):
        held = self.run_large()
        for offset in (4 << 20, (4 << 20) - 1000, 1 << 62, (1 << 63) - 1):
            self.assertIn("does not fit", self.infer.fetch("ann/add", held, offset, 9)[1], offset)
        self.assertIn("does not fit", self.infer.fetch("ann/add", held, 0, 9, length=1000)[1])
        for wrong in ('{"held":-1,"offset":0,"length":1}', '{"held":"x"}', "[]", "{", ""):
            self.assertNotEqual(self.infer.call("ann/add", "fetch", wrong, slot=9)[0], 0, wrong)
        self.assertEqual(self.infer.fetch("ann/add", held, 0, 9)[0], 0, "it was still kept")

    def test_what_nobody_fetches_makes_room(self):
        self.infer.models["ann/large"] = {"onnx/model.onnx": harness.model_same("uint8")}
        data = tensors(("in", "uint8", [3 << 20], (0, 3 << 20)))
        first = json.loads(self.infer.call("ann/large", data=data, slot=9)[1])
        for _ in range(22):
            last = json.loads(self.infer.call("ann/large", data=data, slot=9)[1])
        self.assertIn("not kept", self.infer.fetch("ann/large", first, 0, 9)[1])
        self.assertEqual(self.infer.fetch("ann/large", last, 0, 9)[0], 0)
        (child,) = self.infer.children()
        memory = int(re.search(r"RssAnon:\s+(\d+)", pathlib.Path(f"/proc/{child}/status").read_text())[1])
        self.assertLess(memory, 200 << 10 if not harness.SANITIZED else 800 << 10)

    def test_a_window_that_is_gone(self):
        held = self.run_large()
        self.infer.gateway.send("infer_window_gone", slot=9)
        status, body, _ = self.infer.call("ann/add", data=self.data, slot=9)
        self.assertNotEqual(status, 0)
        self.assertIn("malformed", body)
        self.new_window(9)
        self.assertIn("not kept", self.infer.fetch("ann/add", held, 0, 9)[1], "another worker has the slot now")

    def test_a_window_that_could_shrink_is_not_mapped(self):
        fd = self.new_window(11, seals=0)
        status, body, _ = self.infer.call("ann/add", data=self.data, slot=11)
        self.assertIn("malformed", body)
        os.ftruncate(fd, 0)
        self.assertEqual(self.infer.call("ann/add", data=add([1, 2], [3, 4]), slot=11)[0], 0)

    def test_an_answer_larger_than_any_window(self):
        status, body, _ = self.infer.call("ann/add", data=tensors(("a", "float32", [100000, 2], (0, 800000)), ("b", "float32", [100000, 2], (0, 800000))))
        self.assertIn("malformed", body, "a worker without a window")
        zeros = harness.node("ConstantOfShape", ["size"], ["out"])
        self.infer.models["ann/zeros"] = {"onnx/model.onnx": harness.onnx([zeros], [("size", 7, (1,))], [("out", 1, ("n",))])}
        status, body, _ = self.infer.call("ann/zeros", data=tensors(("size", "int64", [1], [2 << 20])), slot=9)
        self.assertEqual((status, body), (3, "model ann/zeros: its answer is larger than 4096 KiB"))


class Refusals(InferCase):
    def refused(self, *arguments, **named):
        status, body, _ = self.infer.call(*arguments, **named)
        self.assertNotEqual(status, 0)
        return body

    def test_says_which_input_is_wrong(self):
        wrong = [
            (tensors(("a", "float32", [1, 3], [1, 2, 3]), ("b", "float32", [1, 2], [1, 2])),
             'model ann/add: the model\'s input "a" has the shape [any, 2], but the tensor\'s is [1, 3]'),
            (tensors(("a", "int64", [1, 2], [1, 2]), ("b", "float32", [1, 2], [1, 2])),
             'model ann/add: the model\'s input "a" takes float32, not int64'),
            (tensors(("a", "float32", [1, 2], [1, 2])), 'model ann/add: the model\'s input "b" is missing'),
            (tensors(("c", "float32", [1, 2], [1, 2])), 'model ann/add: the model has no input "c"; it has "a", "b"'),
            (b"\xff\xff\xff\xff", "model ann/add: the tensors of this call are malformed or too large"),
        ]
        for data, sentence in wrong:
            self.assertEqual(self.refused("ann/add", data=data), sentence)

    def test_a_model_that_is_not_there(self):
        self.assertEqual(self.refused("ann/none"), "model ann/none: there is no such model")
        self.infer.models["ann/none"] = self.infer.models["ann/add"]
        self.assertEqual(self.infer.call("ann/none", data=add([1, 2], [3, 4]))[0], 0, "it is asked for again")

    def test_names_and_operations(self):
        self.assertIn("owner/name", self.refused("../etc"))
        self.assertIn("describe, run, fetch or pipeline", self.refused("ann/add", "try"))
        self.assertIn("image-classification", self.refused("vitrine/digits", "pipeline", '{"task":"other"}', picture("three.png")))
        self.assertIn("preprocessor_config.json", self.refused("ann/add", "pipeline", PICTURE, picture("three.png")))
        self.assertIn("top_k", self.refused("vitrine/digits", "pipeline", '{"task":"image-classification","top_k":0}', b""))

    def test_files_that_are_no_models(self):
        good = harness.model_add()
        custom = harness.onnx([harness.node("Evil", ["a"], ["b"], domain="com.evil")], [("a", 1, (1,))], [("b", 1, (1,))], domains=("", "com.evil"))
        outside = harness.member(1, 2) + harness.member(2, 1) + harness.member(8, "w") + harness.member(14, 1) + harness.member(
            13, harness.member(1, "location") + harness.member(2, "/etc/passwd"))
        external = harness.onnx([harness.node("Add", ["a", "w"], ["b"])], [("a", 1, (2,))], [("b", 1, (2,))], [outside])
        for name, content in (("empty", b""), ("noise", os.urandom(5000)), ("cut", good[:len(good) // 2]), ("custom", custom), ("external", external)):
            self.infer.models[f"ann/{name}"] = {"onnx/model.onnx": content}
            self.assertIn("onnx/model.onnx", self.refused(f"ann/{name}"), name)
        self.assertEqual(self.infer.call("ann/add", data=add([1, 2], [3, 4]))[0], 0, "the owner's other model lives on")

    def test_a_damaged_bundle(self):
        self.infer.models["ann/add"] = {"README.md": b"nothing"}
        self.assertIn("no onnx/model.onnx", self.refused("ann/add"))

    def test_one_demo_cannot_fill_the_queue(self):
        jobs = [self.infer.job("late/model", demo=1) for _ in range(70)]
        self.infer.gateway.socket.settimeout(5)
        refused = [self.infer.gateway.receive()[1] for _ in range(6)]
        self.assertEqual([each["job"] for each in refused], jobs[64:])
        self.assertIn(b"too many model calls of this demo", refused[0]["body"])
        other = self.infer.job("late/model", demo=2)
        self.assertIn("no such model", self.infer.result(other)[1])


class Crashes(InferCase):
    config = {"limit_infer_job_ms": 1500}

    def endless(self, demo=1):
        return self.infer.job("eve/endless", data=tensors(("rounds", "int64", [], [1 << 60]), ("start", "float32", [1], [1])), demo=demo)

    def wait_children(self, count):
        deadline = time.monotonic() + 10
        while len(self.infer.children()) != count and time.monotonic() < deadline:
            time.sleep(0.02)
        self.assertEqual(len(self.infer.children()), count)

    def test_a_killed_child_fails_its_calls_and_comes_back(self):
        job = self.endless()
        time.sleep(0.2)
        self.infer.serve_store()
        self.wait_children(1)
        time.sleep(0.3)
        os.kill(self.infer.children()[0], signal.SIGKILL)
        status, body, _ = self.infer.result(job)
        self.assertNotEqual(status, 0)
        self.assertTrue(body.startswith("the model eve/endless was ended by the system"), body)
        status, body, answer = self.infer.call("eve/endless", data=tensors(("rounds", "int64", [], [3]), ("start", "float32", [1], [1])))
        self.assertEqual((status, read_tensors(answer)["end"][1]), (0, [8]), body)

    def test_a_segfault_is_named(self):
        job = self.endless()
        time.sleep(0.2)
        self.infer.serve_store()
        self.wait_children(1)
        time.sleep(0.3)
        os.kill(self.infer.children()[0], signal.SIGSEGV)
        self.assertIn("crashed (signal 11)", self.infer.result(job)[1])

    def test_an_endless_model_is_stopped_and_hurts_no_other_owner(self):
        job = self.endless()
        started = time.monotonic()
        status, body, answer = self.infer.call("ann/add", data=add([1, 2], [3, 4]))
        self.assertEqual(status, 0, body)
        self.assertLess(time.monotonic() - started, 1.4, "it did not wait for the endless one")
        self.assertIn("took too long", self.infer.result(job)[1])

    def test_a_hungry_model_gets_words(self):
        status, body, _ = self.infer.call("eve/hungry", data=tensors(("size", "int64", [1], [4 << 30])))
        self.assertNotEqual(status, 0)
        self.assertIn("eve/hungry", body)
        self.assertEqual(self.infer.call("ann/add", data=add([1, 2], [3, 4]))[0], 0)

    def test_a_child_has_nothing_but_its_channel(self):
        self.assertEqual(self.infer.call("ann/add", data=add([1, 2], [3, 4]))[0], 0)
        (child,) = self.infer.children()
        status = pathlib.Path(f"/proc/{child}/status").read_text()
        self.assertIn("NoNewPrivs:\t1", status)
        self.assertIn("Seccomp:\t2", status)
        self.assertIn("CapEff:\t0000000000000000", status)
        try:
            targets = [os.readlink(f"/proc/{child}/fd/{fd}") for fd in os.listdir(f"/proc/{child}/fd")]
        except PermissionError:
            self.skipTest("this user may not look into the child")
        self.assertEqual(sorted(set(targets) - {"/dev/null"})[0].split(":")[0], "socket")
        self.assertEqual(len([each for each in targets if each != "/dev/null"]), 1, targets)

    def test_waiting_calls_are_dropped_by_cancel(self):
        first = self.endless(demo=1)
        self.infer.serve_store(0.3)
        second = self.infer.job("eve/hungry", data=tensors(("size", "int64", [1], [3])), demo=1)
        third = self.infer.job("eve/hungry", data=tensors(("size", "int64", [1], [5])), demo=1)
        self.infer.gateway.send("infer_cancel", job=second)
        self.assertEqual(self.infer.result(second, 1)[:2], (9, "the call was cancelled"), "at once, not when the endless one ends")
        self.assertIn("took too long", self.infer.result(first)[1])
        status, body, answer = self.infer.result(third)
        self.assertEqual(status, 0, body)

    def test_demos_take_turns(self):
        job = self.endless(demo=9)
        self.infer.serve_store(0.3)
        crowd = [self.infer.job("eve/hungry", "describe", demo=1) for _ in range(60)]
        late = self.infer.job("eve/hungry", "describe", demo=2)
        self.infer.result(job)
        order = []
        while late not in order:
            self.infer.serve_store()
            try:
                order.append(self.infer.gateway.receive(0.05)[1]["job"])
            except TimeoutError:
                continue
        self.assertLess(len(order), 40, "one demo's crowd does not stand before another's only call")
        self.assertEqual(len(crowd), 60)


class Cancels(InferCase):
    """What runs is reached too: the child answers the next call long before the cancelled one would have been done."""

    def setUp(self):
        super().setUp()
        self.infer.models["ann/chain"] = {"onnx/model.onnx": harness.model_chain(4000, 256)}
        self.infer.models["ann/slow"] = {"onnx/model.onnx": harness.model_slow(1000, 256)}
        self.matrix = [0.0] * (256 * 256)
        fd = os.memfd_create("window", os.MFD_ALLOW_SEALING)
        os.ftruncate(fd, 4 << 20)
        fcntl.fcntl(fd, 1033, 2 | 4)
        self.addCleanup(os.close, fd)
        self.infer.gateway.send("infer_window", [fd], slot=3)

    def chain(self, demo=1):
        """Seconds of work: 4,000 products of matrices."""
        size = 4 * 256 * 256
        return self.infer.job("ann/chain", data=tensors(("x", "float32", [256, 256], (0, size)), ("w", "float32", [256, 256], (size, size))), demo=demo, slot=3)

    def slow(self, value, demo=1, rows=1):
        return self.infer.job("ann/slow", data=tensors(("x", "float32", [rows, 256], [value] * 256 * rows)), demo=demo)

    def memory(self, child):
        return int(re.search(r"RssAnon:\s+(\d+)", pathlib.Path(f"/proc/{child}/status").read_text())[1])

    def running(self):
        """A chain that computes, and its process."""
        job = self.chain()
        self.infer.serve_store(0.5)
        time.sleep(0.4)
        (child,) = self.infer.children()
        return job, child

    def test_a_run_in_progress_stops(self):
        self.assertEqual(self.infer.call("ann/add", data=add([1, 2], [3, 4]))[0], 0)
        job, child = self.running()
        before = time.monotonic()
        self.infer.gateway.send("infer_cancel", job=job)
        self.assertEqual(self.infer.result(job)[:2], (9, "the call was cancelled"))
        self.assertLess(time.monotonic() - before, 0.1 * harness.SLOWNESS)
        status, body, answer = self.infer.call("ann/add", data=add([1, 2], [3, 4]))
        self.assertEqual((status, read_tensors(answer)["sum"][1]), (0, [4, 6]), body)
        self.assertLess(time.monotonic() - before, 0.1 * harness.SLOWNESS, "the owner's next call did not wait for the rest of the run")
        self.assertEqual(self.infer.children(), [child], "its process lives on, models loaded")

    def test_memory_is_given_back(self):
        self.assertEqual(self.infer.call("ann/add", data=add([1, 2], [3, 4]))[0], 0)
        measured = []
        for _ in range(6):
            job, child = self.running()
            self.infer.gateway.send("infer_cancel", job=job)
            self.infer.result(job)
            self.assertEqual(self.infer.call("ann/add", data=add([1, 2], [3, 4]))[0], 0)
            measured.append(self.memory(child))
        self.assertLess(measured[-1] - measured[1], 2048, f"KiB after each cancelled run: {measured}")

    def test_siblings_of_a_batch_go_on(self):
        for _ in range(3):
            self.infer.result(self.slow(0))  # so that it is known to be quick, and the five run together
        blocker, _ = self.running()
        jobs = [self.slow(i, demo=i, rows=32) for i in range(1, 6)]
        self.infer.gateway.send("infer_cancel", job=blocker)
        time.sleep(0.1)
        self.infer.gateway.send("infer_cancel", job=jobs[2])
        for i, job in enumerate(jobs, 1):
            status, body, answer = self.infer.result(job)
            if job == jobs[2]:
                self.assertEqual((status, body), (9, "the call was cancelled"))
            else:
                self.assertEqual((status, read_tensors(answer)["y"][1][:2]), (0, [i, i]), body)

    def test_each_call_has_exactly_one_answer(self):
        jobs = [self.slow(i, demo=i % 3) for i in range(24)]
        self.infer.serve_store(0.5)
        for i, job in enumerate(jobs):
            if i % 3 != 0:
                self.infer.gateway.send("infer_cancel", job=job)
                self.infer.gateway.send("infer_cancel", job=job)
        answered = []
        while len(answered) < len(jobs):
            name, values = self.infer.gateway.receive()
            answered.append(values["job"])
        self.assertEqual(sorted(answered), jobs)
        with self.assertRaises(TimeoutError):
            self.infer.gateway.receive(0.5)

    def test_cancels_of_what_is_over_or_unknown_change_nothing(self):
        job = self.infer.job("ann/add", data=add([1, 2], [3, 4]))
        self.assertEqual(self.infer.result(job)[0], 0)
        for number in (job, job + 1, 0, 1 << 63):
            self.infer.gateway.send("infer_cancel", job=number)
        self.assertEqual(self.infer.call("ann/add", data=add([1, 2], [3, 4]))[0], 0)

    def test_the_gateways_death_stops_what_it_asked_for(self):
        _, child = self.running()
        self.infer.gateway.close()
        self.infer.gateway = Peer()
        self.infer.hand_over("gateway", self.infer.gateway)
        self.infer.next_job, self.infer.results = 0, {}
        before = time.monotonic()
        self.assertEqual(self.infer.call("ann/add", data=add([1, 2], [3, 4]))[0], 0)
        self.assertLess(time.monotonic() - before, 0.5 * harness.SLOWNESS)
        self.assertEqual(self.infer.children(), [child])


class Patience(InferCase):
    """A model that takes too long costs its own callers, and neither its process nor what is loaded there."""
    config = {"limit_infer_job_ms": 800}

    def test_the_process_lives_on(self):
        self.assertEqual(self.infer.call("eve/hungry", "describe")[0], 0)
        (child,) = self.infer.children()
        job = self.infer.job("eve/endless", data=tensors(("rounds", "int64", [], [1 << 60]), ("start", "float32", [1], [1])))
        self.assertEqual(self.infer.result(job)[:2], (10, "model eve/endless: it took too long and was stopped"))
        self.assertEqual(self.infer.call("eve/hungry", "describe")[0], 0)
        self.assertEqual(self.infer.children(), [child])


class OrdinaryUser(unittest.TestCase):
    """Started by somebody without any right of the administrator."""

    def test_the_same_locks_and_answers(self):
        infer = Infer(ordinary=True, limit_infer_job_ms=1500)
        self.addCleanup(infer.close)
        infer.models = {"ann/add": {"onnx/model.onnx": harness.model_add()}, "eve/endless": {"onnx/model.onnx": harness.model_endless()}}
        self.assertEqual(infer.call("ann/add", data=add([1, 2], [3, 4]))[0], 0)
        (child,) = infer.children()
        status = dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{child}/status").read_text().splitlines() if ":\t" in line)
        self.assertNotIn("0", status["Uid"].split())
        self.assertEqual([status[name].strip() for name in ("Seccomp", "NoNewPrivs", "CapEff", "CapPrm")], ["2", "1", "0" * 16, "0" * 16])
        job = infer.job("eve/endless", data=tensors(("rounds", "int64", [], [1 << 60]), ("start", "float32", [1], [1])))
        self.assertIn("took too long", infer.result(job)[1])
        self.assertEqual(infer.trial({"onnx/model.onnx": harness.model_add()}), (0, ""))
        self.assertNotEqual(infer.trial({"onnx/model.onnx": b"no"})[0], 0)


class Fairness(InferCase):
    """One demo asks for more than there is; the calls of another wait for a turn, not for the crowd."""

    def setUp(self):
        super().setUp()
        # a model that takes no batches: 32 calls given at once would be 32 runs before anybody else's
        names = ["x"] + [f"t{i}" for i in range(400)] + ["y"]
        nodes = [harness.node("MatMul", [names[i], "w"], [names[i + 1]]) for i in range(len(names) - 1)]
        self.infer.models["ann/one"] = {"onnx/model.onnx": harness.onnx(nodes, [("x", 1, (64, 96)), ("w", 1, (96, 96))], [("y", 1, (64, 96))])}
        fd = os.memfd_create("window", os.MFD_ALLOW_SEALING)
        os.ftruncate(fd, 1 << 20)
        fcntl.fcntl(fd, 1033, 2 | 4)
        self.addCleanup(os.close, fd)
        self.infer.gateway.send("infer_window", [fd], slot=3)

    def ask(self, demo):
        x, w = 4 * 64 * 96, 4 * 96 * 96
        return self.infer.job("ann/one", data=tensors(("x", "float32", [64, 96], (0, x)), ("w", "float32", [96, 96], (x + 64, w))), demo=demo, slot=3)

    def timed(self, demo):
        before = time.monotonic()
        self.assertEqual(self.infer.result(self.ask(demo))[0], 0)
        return time.monotonic() - before

    def test_a_flood_of_one_demo_does_not_stand_before_another(self):
        for _ in range(4):
            alone = self.timed(2)
        crowd, waits = [self.ask(1) for _ in range(60)], []
        for _ in range(5):
            waits.append(self.timed(2))
            answered = sum(job in self.infer.results for job in crowd)
            crowd += [self.ask(1) for _ in range(60 - len(crowd) + answered)]  # it never gets less
        whole = alone * 60
        self.assertLess(sorted(waits)[2], max(whole / 3, 0.1), f"alone {alone:.3f} s, in the crowd {waits}")


class Changes(InferCase):
    config = {"limit_infer_idle_ms": 400}

    def test_a_new_release_is_used(self):
        self.assertEqual(self.infer.call("ann/add", data=add([1, 2], [3, 4]))[0], 0)
        self.infer.models["ann/add"] = {"onnx/model.onnx": harness.model_add((1, 3))}
        self.infer.digests["ann/add"] = "second"
        self.infer.store.send("model_changed", name="ann/add")
        time.sleep(0.1)
        self.assertIn("[1, 3]", self.infer.call("ann/add", data=add([1, 2], [3, 4]))[1])
        self.assertEqual(self.infer.asked, ["ann/add"] * 2)

    def test_idle_models_are_unloaded(self):
        self.assertEqual(self.infer.call("ann/add", data=add([1, 2], [3, 4]))[0], 0)
        self.assertEqual(len(self.infer.children()), 1)
        deadline = time.monotonic() + 10
        while self.infer.children() and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertEqual(self.infer.children(), [])
        self.assertEqual(self.infer.call("ann/add", data=add([1, 2], [3, 4]))[0], 0)

    def test_a_new_gateway_starts_afresh(self):
        self.assertEqual(self.infer.call("ann/add", data=add([1, 2], [3, 4]))[0], 0)
        old = self.infer.gateway
        self.infer.gateway = Peer()
        self.infer.hand_over("gateway", self.infer.gateway)
        old.close()
        self.infer.next_job, self.infer.results = 0, {}
        self.assertEqual(self.infer.call("ann/add", data=add([1, 2], [3, 4]))[0], 0)

    def test_a_new_store_is_asked_again(self):
        job = self.infer.job("ann/add", data=add([1, 2], [3, 4]))
        self.infer.store.receive()
        old = self.infer.store
        self.infer.store = Peer()
        self.infer.hand_over("store", self.infer.store)
        old.close()
        self.assertEqual(self.infer.result(job)[0], 0)

    def test_stops_when_told(self):
        self.infer.control.send("launcher_stop", grace_ms=1000)
        self.assertEqual(self.infer.process.wait(5), 0)


class PrivateModels(InferCase):
    """Demos 1 and 2 may use ann/add, the others may not know that it exists."""

    def setUp(self):
        super().setUp()
        self.infer.readers["ann/add"] = [1, 2]

    def ask(self, demo, **named):
        return self.infer.job("ann/add", data=add([1, 2], [3, 4]), demo=demo, **named)

    def status(self, demo):
        return self.infer.result(self.ask(demo))[0]

    def refused(self, job):
        self.assertEqual(self.infer.result(job)[:2], (4, "model ann/add: there is no such model"))

    def new_store(self):
        old, self.infer.store = self.infer.store, Peer()
        self.infer.hand_over("store", self.infer.store)
        old.close()

    def test_loaded_for_its_owner_it_is_not_there_for_a_stranger(self):
        self.assertEqual(self.status(1), 0)
        for op in ("run", "describe", "pipeline", "fetch"):
            self.refused(self.ask(3, op=op))
        self.assertEqual(self.status(1), 0)
        self.assertEqual(self.infer.asked_for, [1, 3, 3, 3, 3], "a refusal is asked for again, a permission is not")

    def test_each_demo_is_asked_for_once_and_the_model_is_loaded_once(self):
        self.assertEqual([self.status(demo) for demo in (1, 2, 1, 2)], [0, 0, 0, 0])
        self.assertEqual(self.infer.asked_for, [1, 2])
        self.assertEqual(len(self.infer.children()), 1)

    def test_a_stranger_who_comes_first_spoils_nothing(self):
        strange, own, late = self.ask(3), self.ask(1), self.ask(3)
        self.refused(strange)
        self.assertEqual(self.infer.result(own)[0], 0)
        self.refused(late)
        self.assertEqual(self.infer.asked_for, [3, 1])

    def test_who_waits_beside_the_owner_is_not_let_in_with_him(self):
        own, strange, other = self.ask(1), self.ask(3), self.ask(2)
        self.assertEqual(self.infer.result(own)[0], 0)
        self.refused(strange)
        self.assertEqual(self.infer.result(other)[0], 0)
        self.assertEqual(self.infer.asked_for, [1, 3, 2])

    def test_who_waits_is_not_in_the_way_of_who_was_let_in(self):
        self.assertEqual(self.status(1), 0)
        strange = self.ask(3)
        self.assertEqual(self.infer.store.receive()[1]["demo_id"], 3)  # and is not answered
        self.assertEqual(self.status(1), 0)
        self.infer.gateway.send("infer_cancel", job=strange)
        self.assertIn("cancelled", self.infer.result(strange)[1])

    def test_made_private_it_is_closed_at_once(self):
        del self.infer.readers["ann/add"]
        self.assertEqual((self.status(1), self.status(3)), (0, 0))
        self.assertEqual(self.infer.asked_for, [1], "a public one is asked for once")
        self.infer.readers["ann/add"] = [1, 2]
        self.infer.store.send("model_changed", name="ann/add")
        time.sleep(0.1)
        self.refused(self.ask(3))
        self.assertEqual(self.status(1), 0)

    def test_a_change_while_somebody_waits_asks_anew(self):
        self.assertEqual(self.status(1), 0)
        job = self.ask(3)
        _, question = self.infer.store.receive()
        self.infer.store.send("model_changed", name="ann/add")
        self.infer.answer_store(question["request"], "ann/add", 1)  # what was true before the change
        self.refused(job)
        self.assertEqual(self.status(1), 0)

    def test_a_new_store_is_asked_who_may(self):
        self.assertEqual((self.status(1), self.status(2)), (0, 0))
        (child,) = self.infer.children()
        self.infer.readers["ann/add"] = [1]
        self.new_store()
        self.refused(self.ask(2))
        self.assertEqual(self.status(1), 0)
        self.assertEqual(self.infer.children(), [child])

    def test_a_release_made_while_the_store_was_away_is_seen(self):
        self.assertEqual(self.status(1), 0)
        self.infer.models["ann/add"] = {"onnx/model.onnx": harness.model_add((1, 3))}
        self.infer.digests["ann/add"] = "second"
        self.new_store()
        self.assertIn("[1, 3]", self.infer.result(self.ask(1))[1])


class Trials(InferCase):
    config = {"limit_infer_job_ms": 1500}

    def test_good_models_pass(self):
        self.assertEqual(self.infer.trial(digits()), (0, ""))
        self.assertEqual(self.infer.trial({"onnx/model.onnx": harness.model_add()}), (0, ""))

    def test_bad_ones_are_told_why(self):
        cases = [({"onnx/model.onnx": b"no"}, "onnx/model.onnx"), ({"README.md": b""}, "no onnx/model.onnx"),
                 (digits(files={"preprocessor_config.json": b"{"}), "preprocessor_config.json"),
                 (digits(files={"preprocessor_config.json": b'{"size":{"height":30,"width":30},"do_normalize":false,"image_mode":"L"}'}), "shape")]
        for files, word in cases:
            status, reason = self.infer.trial(files)
            self.assertNotEqual(status, 0)
            self.assertIn(word, reason)

    def test_the_process_is_thrown_away(self):
        self.infer.trial(digits())
        deadline = time.monotonic() + 5
        while self.infer.children() and time.monotonic() < deadline:
            time.sleep(0.02)
        self.assertEqual(self.infer.children(), [])


if __name__ == "__main__":
    unittest.main()
