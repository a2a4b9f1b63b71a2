"""Digits as a mouse or a finger draws them: polylines with a hand's inaccuracy, on a canvas of any size.

They are the second test of the model and never part of its training: nobody's handwriting is in them, only the shapes that
people give the ten digits. Run as a program it draws the two example pictures of the demo.
"""

import struct
import sys
import zlib

import numpy as np


def arc(cx, cy, rx, ry, start, end):
    """Points of an ellipse's arc; angles in degrees, clockwise from the right (y grows downwards)."""
    angle = np.radians(np.linspace(start, end, max(3, int(abs(end - start) / 12))))
    return [(cx + rx * np.cos(a), cy + ry * np.sin(a)) for a in angle]


# Each digit in several ways to write it; a way is a list of strokes, a stroke a list of points in a 1 x 1 box.
SHAPES = {
    0: [
        [arc(0.5, 0.5, 0.32, 0.48, -90, 270)],
        [arc(0.5, 0.5, 0.45, 0.48, -80, 285)],
        [arc(0.5, 0.5, 0.25, 0.48, -110, 235)],
    ],
    1: [
        [[(0.5, 0.0), (0.5, 1.0)]],
        [[(0.25, 0.28), (0.55, 0.0), (0.55, 1.0)]],
        [[(0.3, 0.22), (0.52, 0.0), (0.52, 1.0)], [(0.22, 1.0), (0.8, 1.0)]],
        [[(0.62, 0.0), (0.4, 1.0)]],
    ],
    2: [
        [arc(0.48, 0.28, 0.34, 0.28, -170, 20) + [(0.66, 0.52), (0.15, 1.0), (0.88, 1.0)]],
        [arc(0.5, 0.26, 0.3, 0.26, -190, 40) + [(0.2, 0.96), (0.4, 0.88), (0.6, 0.97), (0.9, 0.93)]],
        [[(0.2, 0.2), (0.4, 0.02), (0.65, 0.05), (0.78, 0.25), (0.65, 0.5), (0.4, 0.75), (0.18, 1.0), (0.85, 1.0)]],
    ],
    3: [
        [arc(0.42, 0.25, 0.34, 0.25, -150, 90) + arc(0.42, 0.74, 0.4, 0.26, -90, 150)],
        [[(0.18, 0.0), (0.8, 0.0), (0.45, 0.38)] + arc(0.42, 0.69, 0.38, 0.31, -80, 150)],
        [arc(0.45, 0.24, 0.32, 0.24, -170, 80) + [(0.36, 0.48)] + arc(0.45, 0.74, 0.36, 0.26, -85, 170)],
    ],
    4: [
        [[(0.3, 0.0), (0.12, 0.58), (0.88, 0.58)], [(0.66, 0.28), (0.66, 1.0)]],
        [[(0.7, 1.0), (0.7, 0.0), (0.08, 0.66), (0.92, 0.66)]],
        [[(0.2, 0.0), (0.2, 0.5), (0.78, 0.5)], [(0.78, 0.0), (0.78, 1.0)]],
    ],
    5: [
        [[(0.8, 0.0), (0.28, 0.0), (0.22, 0.42)] + arc(0.46, 0.68, 0.36, 0.31, -125, 140)],
        [[(0.25, 0.02), (0.22, 0.45)] + arc(0.44, 0.68, 0.36, 0.31, -120, 150), [(0.25, 0.02), (0.82, 0.0)]],
        [[(0.85, 0.0), (0.22, 0.0), (0.22, 0.42), (0.6, 0.42), (0.8, 0.6), (0.78, 0.85), (0.55, 1.0), (0.15, 0.96)]],
    ],
    6: [
        [[(0.68, 0.0), (0.4, 0.22), (0.2, 0.55)] + arc(0.48, 0.72, 0.3, 0.27, 190, -160)],
        [[(0.6, 0.0), (0.34, 0.25), (0.2, 0.6), (0.24, 0.85), (0.45, 1.0), (0.7, 0.93), (0.8, 0.75), (0.7, 0.58),
          (0.45, 0.54), (0.24, 0.7)]],
        [arc(0.62, 0.5, 0.44, 0.5, -80, -180) + arc(0.5, 0.7, 0.32, 0.3, 180, -170)],
    ],
    7: [
        [[(0.12, 0.0), (0.85, 0.0), (0.4, 1.0)]],
        [[(0.12, 0.02), (0.85, 0.0), (0.4, 1.0)], [(0.3, 0.5), (0.82, 0.5)]],
        [[(0.15, 0.14), (0.16, 0.0), (0.85, 0.0), (0.6, 0.4), (0.45, 1.0)]],
    ],
    8: [
        [arc(0.5, 0.25, 0.27, 0.25, 90, 450) + arc(0.5, 0.75, 0.34, 0.25, -90, 270)],
        [[(0.76, 0.16), (0.52, 0.0), (0.26, 0.16), (0.38, 0.4), (0.68, 0.6), (0.78, 0.82), (0.5, 1.0), (0.22, 0.82),
          (0.34, 0.6), (0.64, 0.4), (0.78, 0.14)]],
        [arc(0.5, 0.26, 0.28, 0.26, 0, 360), arc(0.5, 0.76, 0.32, 0.24, -90, 270)],
    ],
    9: [
        [arc(0.48, 0.3, 0.3, 0.29, -10, -360) + [(0.8, 0.3), (0.74, 0.7), (0.62, 1.0)]],
        [arc(0.46, 0.28, 0.3, 0.28, 0, -350) + [(0.76, 0.05), (0.76, 1.0)]],
        [arc(0.48, 0.28, 0.3, 0.28, -20, -350) + [(0.79, 0.28)] + arc(0.46, 0.68, 0.33, 0.3, -20, 130)],
    ],
}


def dense(points, step):
    """The same line with a point at least every `step`."""
    out = [points[0]]
    for a, b in zip(points[:-1], points[1:]):
        count = max(1, int(np.ceil(np.hypot(*np.subtract(b, a)) / step)))
        out += [tuple(np.add(a, np.subtract(b, a) * (i / count))) for i in range(1, count + 1)]
    return np.array(out)


def smooth(points, times):
    """Rounds corners as a moving hand does; the ends stay."""
    for _ in range(times):
        points = np.concatenate([points[:1], (points[:-2] + 2 * points[1:-1] + points[2:]) / 4, points[-1:]])
    return points


def tremble(random, count, strength):
    """A slow random walk sideways, for `count` points."""
    knots = random.normal(0, strength, (max(2, count // 12 + 2), 2))
    place = np.linspace(0, len(knots) - 1, count)
    low = np.minimum(place.astype(int), len(knots) - 2)
    part = (place - low)[:, None]
    return knots[low] * (1 - part) + knots[low + 1] * part


def by_hand(shape, random, strength=1.0):
    """One way to write a digit, as one attempt at it: other proportions, slanted, turned, trembling."""
    angle, slant = np.radians(random.normal(0, 5 * strength)), random.normal(0, 0.1 * strength)
    squeeze = np.exp(random.normal(0, 0.15 * strength))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    frame = turn @ np.array([[squeeze, -slant], [0, 1]])
    strokes = []
    for stroke in shape:
        points = np.array(stroke) + random.normal(0, 0.012 * strength, (len(stroke), 2))
        points = smooth(dense([tuple(p) for p in points], 0.02), random.integers(0, 6))
        strokes.append((points + tremble(random, len(points), 0.014 * strength) - 0.5) @ frame.T)
    return strokes


def render(strokes, width, height, thickness):
    """Ink (0..255, high where drawn) of strokes given in pixels: round caps and joints, smooth edges."""
    y, x = np.mgrid[0:height, 0:width] + 0.5
    distance = np.full((height, width), np.inf)
    for stroke in strokes:
        for a, b in zip(stroke[:-1], stroke[1:]):
            left, top = np.floor(np.minimum(a, b) - thickness).astype(int).clip(0)
            right, bottom = np.ceil(np.maximum(a, b) + thickness).astype(int).clip(0)
            part = np.s_[top:bottom + 1, left:right + 1]
            along = b - a
            length = max(along @ along, 1e-9)
            t = np.clip(((x[part] - a[0]) * along[0] + (y[part] - a[1]) * along[1]) / length, 0, 1)
            away = np.hypot(x[part] - a[0] - t * along[0], y[part] - a[1] - t * along[1])
            distance[part] = np.minimum(distance[part], away)
    return (np.clip(thickness / 2 + 0.5 - distance, 0, 1) * 255).astype(np.uint8)


def drawing(shape, random, canvas, thickness, strength=1.0):
    """A digit somewhere on a square canvas, filling 35 to 90 % of its height."""
    strokes = by_hand(shape, random, strength)
    every = np.concatenate(strokes)
    low, high = every.min(axis=0), every.max(axis=0)
    room = canvas - thickness - 2
    scale = min(random.uniform(0.35, 0.9) * canvas / (high[1] - low[1]), room / max(high - low))
    size = (high - low) * scale
    corner = thickness / 2 + 1 + random.uniform(0, 1, 2) * np.maximum(room - size, 0)
    return render([(s - low) * scale + corner for s in strokes], canvas, canvas, thickness)


def write_png(path, gray):
    """An 8-bit grey PNG file."""
    height, width = gray.shape
    lines = b"".join(b"\0" + line.tobytes() for line in gray)

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
                   + chunk(b"IDAT", zlib.compress(lines, 9)) + chunk(b"IEND", b""))


def main(folder):
    random = np.random.default_rng(7)
    for name, digit, way in (("three", 3, 0), ("seven", 7, 1)):
        write_png(f"{folder}/{name}.png", 255 - drawing(SHAPES[digit][way], random, 280, 16))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "..")
