"""Reads an ONNX file and runs it, for the handful of operators that the digit classifier has.

It checks the published file itself rather than the network it came from, without any ONNX package. An operator or
attribute that it does not know is an error, never a guess.
"""

import struct

import numpy as np
import torch
import torch.nn.functional as F


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def fields(data):
    """The (number, value) pairs of a protocol buffer message."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = varint(data, at)
        elif wire == 2:
            size, at = varint(data, at)
            value, at = data[at:at + size], at + size
        elif wire == 5:
            value, at = data[at:at + 4], at + 4
        elif wire == 1:
            value, at = data[at:at + 8], at + 8
        else:
            raise ValueError(f"wire type {wire} at byte {at}")
        yield number, value


def every(data, number):
    return [value for n, value in fields(data) if n == number]


def first(data, number, default=None):
    return next(iter(every(data, number)), default)


def text(data, number):
    return bytes(first(data, number, b"")).decode()


def signed(value):
    return value - (1 << 64) if value >> 63 else value


def integers(data, number):
    """A repeated integer field, packed or not."""
    out = []
    for value in every(data, number):
        if isinstance(value, int):
            out.append(signed(value))
            continue
        at = 0
        while at < len(value):
            item, at = varint(value, at)
            out.append(signed(item))
    return out


def tensor(data):
    kind, raw = first(data, 2), first(data, 9)
    if raw is None or kind not in (1, 7):
        raise ValueError(f"tensor {text(data, 8)!r}: only raw float and int64 data are read here")
    flat = np.frombuffer(raw, np.float32 if kind == 1 else np.int64).copy()
    return torch.from_numpy(flat.reshape(integers(data, 1)))


def attribute(data):
    kind = first(data, 20)
    readers = {
        1: lambda: struct.unpack("<f", first(data, 2))[0],
        2: lambda: signed(first(data, 3, 0)),
        4: lambda: tensor(first(data, 5)),
        7: lambda: integers(data, 8),
    }
    if kind not in readers:
        raise ValueError(f"attribute {text(data, 1)!r} is of kind {kind}, which is not read here")
    return text(data, 1), readers[kind]()


def conv(a, x, weight, bias=None):
    top, left, bottom, right = a["pads"]
    if a.get("group", 1) != 1 or (top, left) != (bottom, right) or set(a.get("dilations", [1])) != {1}:
        raise ValueError("Conv with groups, dilations or uneven padding")
    return F.conv2d(x, weight, bias, stride=a["strides"], padding=(top, left))


def max_pool(a, x):
    if any(a.get("pads", [])) or a.get("ceil_mode", 0):
        raise ValueError("MaxPool with padding or ceil_mode")
    return F.max_pool2d(x, a["kernel_shape"], a["strides"])


def gemm(a, x, weight, bias):
    return a.get("alpha", 1.0) * x @ (weight.T if a.get("transB") else weight) + a.get("beta", 1.0) * bias


def reduce_by(function):
    return lambda a, x: function(x, dim=a["axes"], keepdim=bool(a.get("keepdims", 1)))


OPERATORS = {
    "Add": lambda a, x, y: x + y,
    "Constant": lambda a: a["value"],
    "Conv": conv,
    "Div": lambda a, x, y: x / y,
    "Flatten": lambda a, x: x.flatten(a.get("axis", 1)),
    "Gemm": gemm,
    "Identity": lambda a, x: x,
    "MaxPool": max_pool,
    "ReduceMax": reduce_by(torch.amax),
    "ReduceMin": reduce_by(torch.amin),
    "Relu": lambda a, x: torch.relu(x),
    "Reshape": lambda a, x, shape: x.reshape(shape.tolist()),
    "Sub": lambda a, x, y: x - y,
}


class Graph:
    """An ONNX file: `opset`, names of `inputs` and `outputs`, and run()."""

    def __init__(self, path):
        with open(path, "rb") as file:
            model = file.read()
        graph = first(model, 7)
        self.bytes = len(model)
        self.opset = max(first(opset, 2) for opset in every(model, 8))
        self.weights = {text(t, 8): tensor(t) for t in every(graph, 5)}
        self.inputs = [n for n in (text(v, 1) for v in every(graph, 11)) if n not in self.weights]
        self.outputs = [text(v, 1) for v in every(graph, 12)]
        self.nodes = [(text(n, 4), [bytes(v).decode() for v in every(n, 1)], text(n, 2),
                       dict(attribute(a) for a in every(n, 5))) for n in every(graph, 1)]
        unknown = {op for op, *_ in self.nodes} - set(OPERATORS)
        if unknown:
            raise ValueError(f"operators that are not run here: {sorted(unknown)}")

    def run(self, values):
        """The first output for the first input's tensor."""
        known = dict(self.weights)
        known[self.inputs[0]] = values
        with torch.no_grad():
            for op, inputs, output, attributes in self.nodes:
                known[output] = OPERATORS[op](attributes, *(known[name] for name in inputs if name))
        return known[self.outputs[0]]

    def probabilities(self, pictures, config):
        """Class probabilities of uint8 pictures (n x height x width), normalised as preprocessor_config.json says."""
        pixels = torch.as_tensor(np.asarray(pictures), dtype=torch.float32).unsqueeze(1) * config["rescale_factor"]
        return torch.softmax(self.run((pixels - config["image_mean"][0]) / config["image_std"][0]), 1)
