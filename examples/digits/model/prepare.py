"""The way of a picture into the model, as app.lua and the server take it.

app.lua finds the ink, cuts it out as a centred square with a margin and shrinks it to the model's size. The functions here do
the same to numpy arrays (height x width, 0..255, ink high), so that training and evaluation see what the model will see.
"""

import numpy as np

INK = 40     # of 255: fainter pixels are paper
SIDE = 28    # the model's input
GLYPH = 20   # the longer side of the digit inside it


def bounds(ink, threshold=INK):
    """x, y, width and height of the pixels above the threshold, or None."""
    rows = np.flatnonzero((ink > threshold).any(axis=1))
    columns = np.flatnonzero((ink > threshold).any(axis=0))
    if rows.size == 0:
        return None
    return columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1


def crop(ink, x, y, width, height):
    """A part of the picture; what lies outside of it is 0."""
    out = np.zeros((height, width), ink.dtype)
    top, left = max(y, 0), max(x, 0)
    bottom, right = min(y + height, ink.shape[0]), min(x + width, ink.shape[1])
    if bottom > top and right > left:
        out[top - y:bottom - y, left - x:right - x] = ink[top:bottom, left:right]
    return out


def shrink_weights(source, target):
    """A target x source matrix: each new pixel is the mean of what it covers."""
    scale = source / target
    start = np.arange(target)[:, None] * scale
    pixel = np.arange(source)[None, :]
    covered = np.minimum(start + scale, pixel + 1) - np.maximum(start, pixel)
    return np.clip(covered, 0, None) / scale


def grow_weights(source, target):
    """A target x source matrix: each new pixel lies between its two nearest."""
    place = np.clip((np.arange(target) + 0.5) * source / target - 0.5, 0, source - 1)
    low = np.floor(place).astype(int)
    high = np.minimum(low + 1, source - 1)
    weights = np.zeros((target, source))
    weights[np.arange(target), low] += 1 - (place - low)
    weights[np.arange(target), high] += place - low
    return weights


def weights(source, target):
    return shrink_weights(source, target) if target <= source else grow_weights(source, target)


def resize(ink, width, height):
    mixed = weights(ink.shape[0], height) @ ink.astype(float) @ weights(ink.shape[1], width).T
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)


def prepare(ink):
    """The model's 28 x 28 picture, or None when there is no ink."""
    found = bounds(ink)
    if found is None:
        return None
    x, y, width, height = found
    side = -(-max(width, height) * SIDE // GLYPH)
    square = crop(ink, x - (side - width) // 2, y - (side - height) // 2, side, side)
    return resize(square, SIDE, SIDE)


def scanned(image):
    """A picture of scikit-learn's data set (8 x 8, 0..16), through the same steps."""
    return prepare(np.rint(image * (255 / 16)).astype(np.uint8))
