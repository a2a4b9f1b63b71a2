"""Measures the published file: held-out digits of the data set, and digits drawn as a mouse draws them.

    OMP_NUM_THREADS=1 /usr/bin/python3 evaluate.py [onnx/model.onnx]

Ends with 1 when an aim is missed.
"""

import json
import os
import sys

import numpy as np
import torch

from graph import Graph
from prepare import prepare
from strokes import SHAPES, drawing
from train import as_pictures, split

HERE = os.path.dirname(os.path.abspath(__file__))
AIM_HELD_OUT = 0.97
AIM_DRAWN = 0.95
AIM_DRAWN_EACH = 0.9    # for every digit by itself
ATTEMPTS = 20           # per way to write a digit and pen
PENS = (3, 6, 10, 16, 24)   # pixels
SEED = 4


def drawn():
    """Prepared drawings with their digit, way of writing and pen."""
    random = np.random.default_rng(SEED)
    for digit, ways in SHAPES.items():
        for way, shape in enumerate(ways):
            for pen in PENS:
                for _ in range(ATTEMPTS):
                    canvas = int(random.integers(280, 513))
                    yield prepare(drawing(shape, random, canvas, pen)), digit, way, pen


def confusion_lines(truth, guess):
    wrong = sorted({(t, g): int(((truth == t) & (guess == g)).sum()) for t, g in zip(truth, guess) if t != g}.items(),
                   key=lambda item: -item[1])
    return [f"  {t} read as {g}: {n}" for (t, g), n in wrong[:8]]


def report_held_out(graph, config):
    _, images, _, targets = split()
    guess = graph.probabilities(as_pictures(images), config).argmax(1).numpy()
    accuracy = float((guess == targets).mean())
    print(f"held out: {accuracy:.4f} of {len(targets)}", *confusion_lines(targets, guess), sep="\n")
    return accuracy >= AIM_HELD_OUT


def report_drawn(graph, config):
    pictures, *labels = zip(*drawn())
    digit, way, pen = (np.array(column) for column in labels)
    guess = graph.probabilities(np.stack(pictures), config).argmax(1).numpy()
    right = guess == digit
    print(f"drawn: {right.mean():.4f} of {len(right)}", *confusion_lines(digit, guess), sep="\n")
    for width in PENS:
        print(f"  pen of {width} pixels: {right[pen == width].mean():.4f}")
    for d in SHAPES:
        ways = [f"{right[(digit == d) & (way == w)].mean():.2f}" for w in range(len(SHAPES[d]))]
        print(f"  {d}: {right[digit == d].mean():.4f}  by way of writing: {' '.join(ways)}")
    worst = min(right[digit == d].mean() for d in SHAPES)
    return right.mean() >= AIM_DRAWN and worst >= AIM_DRAWN_EACH


def main(path=os.path.join(HERE, "onnx", "model.onnx")):
    torch.set_num_threads(1)
    graph = Graph(path)
    with open(os.path.join(HERE, "preprocessor_config.json"), encoding="utf-8") as file:
        config = json.load(file)
    print(f"{graph.bytes} bytes, opset {graph.opset}, {graph.inputs} -> {graph.outputs}")
    return 0 if all([report_held_out(graph, config), report_drawn(graph, config)]) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
