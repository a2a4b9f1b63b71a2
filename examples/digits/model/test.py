"""Tests of the model's folder: the published file reaches its aims, and the steps around it do what they say.

    OMP_NUM_THREADS=1 /usr/bin/python3 test.py      # Debian: python3-sklearn python3-torch
"""

import io
import json
import os
import tempfile
import unittest

import numpy as np
import torch

import augment
import evaluate
import prepare
import strokes
from graph import Graph
from network import Digits

HERE = os.path.dirname(os.path.abspath(__file__))
MODEL = os.path.join(HERE, "onnx", "model.onnx")


def read_json(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        return json.load(file)


class PublishedFile(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        torch.set_num_threads(1)
        cls.graph = Graph(MODEL)
        cls.config = read_json("preprocessor_config.json")

    def test_reaches_its_aims(self):
        self.assertEqual(evaluate.main(MODEL), 0)

    def test_is_small_and_of_the_promised_form(self):
        self.assertLess(self.graph.bytes, 500_000)
        self.assertEqual(self.graph.opset, 14)
        self.assertEqual((self.graph.inputs, self.graph.outputs), (["pixel_values"], ["logits"]))

    def test_a_batch_gives_what_its_pictures_give_alone(self):
        pictures = np.random.default_rng(1).integers(0, 256, (5, prepare.SIDE, prepare.SIDE)).astype(np.uint8)
        together = self.graph.probabilities(pictures, self.config)
        alone = torch.cat([self.graph.probabilities(p[None], self.config) for p in pictures])
        self.assertTrue(torch.allclose(together, alone, atol=1e-5))
        self.assertTrue(torch.allclose(together.sum(1), torch.ones(5), atol=1e-5))

    def test_faint_ink_reads_as_strong_ink(self):
        strong = prepare.prepare(strokes.drawing(strokes.SHAPES[5][0], np.random.default_rng(2), 300, 14))
        both = self.graph.probabilities(np.stack([strong, strong // 5]), self.config)
        self.assertEqual(both.argmax(1).tolist(), [5, 5])

    def test_an_empty_picture_gives_finite_numbers(self):
        empty = np.zeros((1, prepare.SIDE, prepare.SIDE), np.uint8)
        self.assertTrue(torch.isfinite(self.graph.probabilities(empty, self.config)).all())

    def test_configuration_fits_the_graph(self):
        config = read_json("config.json")
        self.assertEqual(self.config["size"], {"height": prepare.SIDE, "width": prepare.SIDE})
        self.assertEqual(self.config["image_mode"], "grayscale")
        self.assertEqual(config["id2label"], {str(i): str(i) for i in range(10)})
        self.assertEqual(config["label2id"], {label: int(i) for i, label in config["id2label"].items()})


class Export(unittest.TestCase):
    def test_the_graph_computes_what_the_network_computes(self):
        torch.manual_seed(3)
        network = Digits().eval()
        pixels = torch.randn(4, 1, prepare.SIDE, prepare.SIDE)
        buffer = io.BytesIO()
        torch.onnx.export(network, pixels, buffer, opset_version=14, input_names=["pixel_values"],
                          output_names=["logits"], dynamic_axes={"pixel_values": {0: "batch"}, "logits": {0: "batch"}})
        with tempfile.NamedTemporaryFile() as file:
            file.write(buffer.getvalue())
            file.flush()
            self.assertTrue(torch.allclose(Graph(file.name).run(pixels), network(pixels), atol=1e-4))


class Prepare(unittest.TestCase):
    def test_bounds(self):
        ink = np.zeros((9, 12), np.uint8)
        self.assertIsNone(prepare.bounds(ink))
        ink[2, 3] = ink[6, 10] = 41
        ink[0, 0] = 40
        self.assertEqual(prepare.bounds(ink), (3, 2, 8, 5))

    def test_crop_beyond_the_border_is_empty(self):
        ink = np.full((4, 4), 9, np.uint8)
        self.assertEqual(prepare.crop(ink, -2, -1, 4, 3).tolist(), [[0] * 4, [0, 0, 9, 9], [0, 0, 9, 9]])

    def test_shrinking_takes_means(self):
        ink = np.array([[0, 100, 50], [200, 100, 50]], np.uint8)
        self.assertEqual(prepare.resize(ink, 1, 1).tolist(), [[83]])
        self.assertTrue(np.allclose(prepare.shrink_weights(7, 3).sum(1), 1))

    def test_growing_lies_between_neighbours(self):
        grown = prepare.resize(np.array([[0, 200]], np.uint8), 4, 1)
        self.assertEqual(grown.tolist(), [[0, 50, 150, 200]])

    def test_digit_is_centred_with_a_margin(self):
        ink = np.zeros((300, 300), np.uint8)
        ink[10:210, 250:290] = 255
        x, y, width, height = prepare.bounds(prepare.prepare(ink))
        self.assertEqual((y, height), (4, 20))
        self.assertEqual((x, width), (12, 4))

    def test_nothing_drawn(self):
        self.assertIsNone(prepare.prepare(np.zeros((280, 280), np.uint8)))


class Augment(unittest.TestCase):
    def test_skeleton_of_a_bar_is_a_line_inside_it(self):
        shape = np.zeros((1, 20, 20), bool)
        shape[0, 4:16, 8:13] = True
        line = augment.skeletons(shape)
        self.assertTrue((line <= shape).all())
        self.assertGreaterEqual(line.any(axis=2).sum(), 6)
        self.assertEqual(line.sum(axis=2).max(), 1)

    def test_other_ways_of_writing(self):
        seven = np.zeros((augment.FIELD, augment.FIELD), bool)
        seven[10, 20:41] = seven[10:51, 40] = seven[30, 30:51] = True
        plain = augment.without_bar(seven)
        self.assertEqual(plain[30].sum(), 1)
        self.assertTrue(plain[10, 20] and plain[50, 40])
        one = np.zeros_like(seven)
        one[10:51, 32] = True
        self.assertGreater(augment.with_foot(one)[50].sum(), 20)
        self.assertTrue(augment.with_flag(one)[21, 20:23].any())

    def test_same_seed_same_pictures(self):
        images = np.random.default_rng(0).integers(0, 17, (3, 8, 8)).astype(float)
        maps, classes = augment.distance_maps(images, np.array([0, 4, 5]))
        self.assertEqual(classes.tolist(), [0, 4, 5])
        first, again = (augment.likenesses(maps, torch.Generator().manual_seed(8)) for _ in range(2))
        self.assertTrue(torch.equal(first, again))
        self.assertEqual(tuple(first.shape), (3, 1, prepare.SIDE, prepare.SIDE))
        self.assertTrue(((first >= 0) & (first <= 1)).all())


class Strokes(unittest.TestCase):
    def test_drawing_stays_on_the_canvas_and_has_the_pen_s_width(self):
        ink = strokes.drawing(strokes.SHAPES[1][0], np.random.default_rng(5), 300, 12, strength=0.0)
        x, y, width, height = prepare.bounds(ink, 127)
        self.assertAlmostEqual(width, 12, delta=1)
        self.assertTrue(x >= 0 and y >= 0 and x + width <= 300 and y + height <= 300)

    def test_wide_canvas_is_drawn_where_asked(self):
        ink = strokes.render([np.array([[5.0, 5.0], [45.0, 5.0]])], 50, 20, 4)
        self.assertEqual(prepare.bounds(ink, 127), (3, 3, 44, 4))


if __name__ == "__main__":
    unittest.main()
