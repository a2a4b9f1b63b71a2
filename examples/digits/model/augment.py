"""Many likenesses of each training digit: turned, slanted, bent, squeezed, and written with a pen of any width.

The data set has 8 x 8 pixels per digit, scanned from one kind of pen. Enlarged and thresholded, a digit becomes a shape again; the
shape becomes two distance maps, to its edge and to its skeleton. A distance map can be warped and then inked at any
width, so a thin line of a mouse and a broad one of a finger both appear in training although neither is in the data.
"""

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage

from prepare import GLYPH, INK, SIDE

FIELD = 64          # pixels of a distance map, which has a margin of two data cells
CELLS = 12          # data cells across it
LEVELS = (0.2, 0.32, 0.45)
OFFSETS = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))    # clockwise from above
FINE = 3            # sub-pixels per pixel and direction while inking


def enlarge(image):
    """The 8 x 8 cells of ink as a smooth FIELD x FIELD picture, sharpened so that small loops stay open."""
    padded = np.pad(image / 16.0, (CELLS - 8) // 2)
    smooth = ndimage.zoom(padded, FIELD / CELLS, order=3, grid_mode=True, mode="grid-constant")
    return smooth + 0.8 * (smooth - ndimage.gaussian_filter(smooth, 1.2 * FIELD / CELLS))


def neighbours(shapes):
    """The eight neighbours of every pixel, clockwise from above."""
    p = np.pad(shapes, ((0, 0), (1, 1), (1, 1)))
    size = shapes.shape[1]
    return [p[:, 1 + dy:1 + dy + size, 1 + dx:1 + dx + size] for dy, dx in OFFSETS]


def skeletons(shapes):
    """Thins boolean shapes to lines of one pixel (Zhang and Suen's two alternating passes)."""
    shapes = shapes.copy()
    changed = True
    while changed:
        changed = False
        for first in (True, False):
            n = neighbours(shapes)
            count = np.sum(n, axis=0)
            steps = np.sum([~a & b for a, b in zip(n, n[1:] + n[:1])], axis=0)
            up, right, down, left = n[0], n[2], n[4], n[6]
            if first:
                edge = ~(up & right & down) & ~(right & down & left)
            else:
                edge = ~(up & right & left) & ~(up & down & left)
            gone = shapes & (count >= 2) & (count <= 6) & (steps == 1) & edge
            changed = changed or bool(gone.any())
            shapes &= ~gone
    return shapes


def draw_line(line, start, end):
    """A straight line between two (y, x) places."""
    line[tuple(np.linspace(a, b, 2 * FIELD).round().astype(int).clip(0, FIELD - 1) for a, b in zip(start, end))] = True


def without_bar(line):
    """A seven as it is drawn without a bar across: a level, wide top, then straight from its corner to the foot."""
    rows, columns = np.nonzero(line)
    top, height = rows.min(), np.ptp(rows)
    high = rows <= top + height // 3
    corner = columns[high][(columns[high] - rows[high]).argmax()]
    width = max(corner - columns[high].min(), 0.6 * height)
    plain = np.zeros_like(line)
    draw_line(plain, (top, corner - width), (top, corner))
    draw_line(plain, (top, corner), (rows.max(), columns[rows.argmax()]))
    return plain


def with_foot(line):
    """A one that stands on a line, as in print."""
    rows, columns = np.nonzero(line)
    foot, middle, half = rows.max(), columns[rows.argmax()], np.ptp(rows) // 3
    printed = line.copy()
    draw_line(printed, (foot, middle - half), (foot, middle + half))
    return printed


def with_flag(line):
    """A one as an upright line with a short flag that falls to the left."""
    rows, columns = np.nonzero(line)
    top, height, middle = rows.min(), np.ptp(rows), columns[rows.argmax()]
    plain = np.zeros_like(line)
    draw_line(plain, (top, middle), (rows.max(), middle))
    draw_line(plain, (top, middle), (top + 0.28 * height, middle - 0.32 * height))
    return plain


# Ways to write a digit that the data set has hardly or not at all, made from the ways that it has.
OTHER_WAYS = ((1, with_foot), (1, with_flag), (7, without_bar))
USUAL_PEN = 0.5 * FIELD / CELLS     # half the width of the data set's lines, in pixels of a map


def other_way(way, lines):
    """The distance maps of a digit in another way of writing, from its skeletons at each level."""
    distances = np.stack([ndimage.distance_transform_edt(~way(line)) for line in lines])
    return np.stack([distances, distances - USUAL_PEN])


def distance_maps(images, targets):
    """Distances to the skeleton and to the edge (negative inside) at each level, and the digits' classes.

    In pixels of the map: digit, kind, level, y, x. Other ways of writing follow after the digits themselves.
    """
    smooth = np.stack([enlarge(image) for image in images])
    peak = smooth.max(axis=(1, 2), keepdims=True)
    shapes = np.stack([smooth > level * peak for level in LEVELS], axis=1)
    lines = skeletons(shapes.reshape(-1, FIELD, FIELD)).reshape(shapes.shape)
    away = ndimage.distance_transform_edt
    maps = [np.stack([[away(~s) for s in line], [away(~s) - away(s) for s in shape]])
            for line, shape in zip(lines, shapes)]
    others = [(i, way) for digit, way in OTHER_WAYS for i in np.flatnonzero(targets == digit)]
    maps += [other_way(way, lines[i]) for i, way in others]
    classes = np.concatenate([targets, targets[[i for i, _ in others]]]).astype(np.int64)
    return torch.from_numpy(np.stack(maps).astype(np.float32)), torch.from_numpy(classes)


def hand_frames(count, random):
    """Random 2 x 2 maps from the new picture to the old: turn, slant and squeeze."""
    def normal(deviation):
        return torch.randn(count, generator=random) * deviation
    angle, slant, squeeze = normal(0.12), normal(0.16), torch.exp(normal(0.16))
    cos, sin = torch.cos(angle), torch.sin(angle)
    turn = torch.stack([cos, -sin, sin, cos], 1).view(-1, 2, 2)
    shape = torch.stack([squeeze, slant, torch.zeros(count), 1 / squeeze.sqrt()], 1).view(-1, 2, 2)
    return turn @ shape


def bent(maps, random):
    """The maps after a hand's turn, slant, squeeze and an uneven stretch."""
    count = len(maps)
    theta = torch.cat([hand_frames(count, random), torch.zeros(count, 2, 1)], 2)
    grid = F.affine_grid(theta, maps.shape, align_corners=False)
    knots = torch.randn(count, 2, 5, 5, generator=random) * 0.045
    field = F.interpolate(knots, size=maps.shape[2:], mode="bicubic", align_corners=True)
    return F.grid_sample(maps, grid + field.permute(0, 2, 3, 1), padding_mode="border", align_corners=False)


def ink_window(maps, reach, random):
    """Where prepare.py would cut: centre and half side (in -1..1) of each map's ink, a little off."""
    ink = maps[:, 0] < reach.view(-1, 1, 1)
    place = (torch.arange(FIELD) + 0.5) / FIELD * 2 - 1
    centres, sizes = [], []
    for axis in (1, 2):
        there = ink.any(dim=axis)
        low = torch.where(there, place, torch.tensor(2.0)).amin(1) - 1 / FIELD
        high = torch.where(there, place, torch.tensor(-2.0)).amax(1) + 1 / FIELD
        centres.append((low + high) / 2)
        sizes.append((high - low) / 2)
    half = torch.maximum(*sizes).clamp(0.1, 1.0) * (SIDE / GLYPH)
    half = half * torch.exp(torch.randn(len(half), generator=random) * 0.05)
    shift = torch.randn(len(half), 2, generator=random) * 0.04
    return torch.stack(centres, 1) + shift * half.view(-1, 1), half


def likenesses(maps, random):
    """One new 28 x 28 picture (0..1) per digit of `maps` (distance_maps' rows)."""
    count = len(maps)
    rows = torch.arange(count)
    kind = torch.randint(0, 2, (count,), generator=random)
    level = torch.randint(0, len(LEVELS), (count,), generator=random)
    field = bent(maps[rows, kind, level].unsqueeze(1), random)
    # The pen: half the line's width around the skeleton, or how far the edge moves outwards; in pixels of the result.
    dice = torch.rand(count, generator=random)
    pen = torch.where(kind == 0, torch.exp(dice * 2.1 - 1.0), dice * 1.6 - 0.7)
    centre, half = ink_window(field, torch.where(kind == 0, pen, torch.clamp(pen, min=0.0)), random)
    theta = torch.zeros(count, 2, 3)
    theta[:, 0, 0] = theta[:, 1, 1] = half
    theta[:, :, 2] = centre
    grid = F.affine_grid(theta, (count, 1, SIDE * FINE, SIDE * FINE), align_corners=False)
    distance = F.grid_sample(field, grid, padding_mode="border", align_corners=False)
    distance = distance * (SIDE / (FIELD * half)).view(-1, 1, 1, 1)
    ink = torch.clamp((pen.view(-1, 1, 1, 1) - distance) * FINE + 0.5, 0, 1)
    return F.avg_pool2d(ink, FINE)
