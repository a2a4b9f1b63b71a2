"""Trains the digit classifier on scikit-learn's bundled data and writes onnx/model.onnx.

    OMP_NUM_THREADS=1 /usr/bin/python3 train.py        # Debian: python3-sklearn python3-torch; some minutes on one core

Every random number comes from one seed. The held-out fifth is chosen before anything else and takes no part in training; the
last epoch's weights are taken, whatever they score.
"""

import sys
import time

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import augment
from network import Digits, count_weights, scores
from prepare import SIDE, scanned

SEED = 20
EPOCHS = 50
LIKENESSES = 3      # pictures per digit and epoch
BATCH = 64
SCANNED = 0.15      # share of pictures taken from the data as they are


def split():
    """Training and held-out digits: images (8 x 8, 0..16) and classes."""
    data = load_digits()
    return train_test_split(data.images, data.target, test_size=0.2, random_state=SEED, stratify=data.target)


def as_pictures(images):
    return np.stack([scanned(image) for image in images])


def epoch_pictures(maps, plain, random):
    """The pictures of one epoch: new likenesses, now and then the scanned digit itself."""
    pictures = torch.cat([augment.likenesses(maps, random) for _ in range(LIKENESSES)])
    pictures = (pictures * 255).round() / 255
    rows = torch.arange(len(pictures)) % len(maps)
    keep = (rows < len(plain)) & (torch.rand(len(pictures), generator=random) < SCANNED)
    pictures[keep] = plain[rows[keep]]
    return pictures


def train(network, images, targets, random):
    maps, classes = augment.distance_maps(images, targets)
    plain = torch.from_numpy(as_pictures(images)).float().unsqueeze(1) / 255
    classes = classes.repeat(LIKENESSES)
    steps = EPOCHS * -(-len(classes) // BATCH)
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=4e-3, total_steps=steps)
    for epoch in range(EPOCHS):
        begun, total = time.monotonic(), 0.0
        network.train()
        pictures = epoch_pictures(maps, plain, random)
        for rows in torch.randperm(len(classes), generator=random).split(BATCH):
            loss = F.cross_entropy(network((pictures[rows] - 0.5) / 0.5), classes[rows], label_smoothing=0.05)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item() * len(rows)
        print(f"epoch {epoch + 1}/{EPOCHS}  loss {total / len(classes):.4f}  {time.monotonic() - begun:.1f} s", flush=True)


def export(network, path):
    network.eval()
    torch.onnx.export(network, torch.zeros(1, 1, SIDE, SIDE), path, opset_version=14,
                      input_names=["pixel_values"], output_names=["logits"],
                      dynamic_axes={"pixel_values": {0: "batch"}, "logits": {0: "batch"}})


def main(path="onnx/model.onnx"):
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    images, held_images, targets, held_targets = split()
    network = Digits()
    print(f"{count_weights(network)} weights, {len(images)} digits to train on, {len(held_images)} held out")
    train(network, images, targets, torch.Generator().manual_seed(SEED))
    right = scores(network, as_pictures(held_images)).argmax(1).numpy() == held_targets
    print(f"held out: {right.mean():.4f}")
    export(network, path)


if __name__ == "__main__":
    main(*sys.argv[1:])
