"""The network: three small convolution blocks and one linear layer, about 20,000 weights."""

import torch
from torch import nn


def block(inside, outside):
    return nn.Sequential(
        nn.Conv2d(inside, outside, 3, padding=1, bias=False), nn.BatchNorm2d(outside), nn.ReLU(),
        nn.Conv2d(outside, outside, 3, padding=1, bias=False), nn.BatchNorm2d(outside), nn.ReLU(),
        nn.MaxPool2d(2))


class Digits(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(block(1, 12), block(12, 24), block(24, 32))
        self.drop = nn.Dropout(0.3)
        self.classes = nn.Linear(32 * 3 * 3, 10)

    def forward(self, pixels):
        # Faint lines count as much as strong ones: the picture's own darkest and lightest pixel are the measure.
        flat = pixels.flatten(1)
        low = flat.amin(1).view(-1, 1, 1, 1)
        high = flat.amax(1).view(-1, 1, 1, 1)
        features = self.features((pixels - low) / (high - low + 1e-4))
        return self.classes(self.drop(features.flatten(1)))


def count_weights(network):
    return sum(p.numel() for p in network.parameters())


def scores(network, pictures):
    """Class probabilities of uint8 pictures (n x 28 x 28), normalised as preprocessor_config.json says."""
    network.eval()
    with torch.no_grad():
        pixels = torch.as_tensor(pictures, dtype=torch.float32).unsqueeze(1) / 255
        return torch.softmax(network((pixels - 0.5) / 0.5), 1)
