"""Stand-ins for the networks whose answers can be foreseen, and walls to show them.

A wall is bright everywhere; only a crack, and what lies outside a capture, is dark.
"""

from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from monitor.networks.vgg import Vgg11Layout
from monitor.networks.weights import Classifier
from monitor.records import ByteArray, FloatArray

PATCH_PX = 64
DARK = 60


class DarkSeeker(nn.Module):
    """Calls a patch cracked when more than 1 % of it is dark; remembers how many patches it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.layout = Vgg11Layout(patch_px=PATCH_PX)
        self.nothing = nn.Parameter(torch.zeros(1))
        self.batches = 0

    def forward(self, patches: Tensor) -> Tensor:
        self.batches += 1
        dark = (patches.mean(dim=1) < DARK / 255).float().mean(dim=(1, 2))
        return torch.stack([torch.zeros_like(dark), 500 * (dark - 0.01)], dim=1) + self.nothing


def dark_seeker(sha256: str = "5" * 64, **changes: Any) -> Classifier:
    told = {"name": "dark", "network": DarkSeeker(), "temperature": 1.0, "threshold": 0.5, "sha256": sha256}
    return Classifier(**{**told, **changes})


class Darkness:
    """Relevance is darkness."""

    def explain(self, patches: ByteArray) -> FloatArray:
        return np.asarray(1 - patches.mean(axis=3) / 255, np.float32)

    def as_options(self) -> dict[str, Any]:
        return {"rules": "darkness"}


class Silence(Darkness):
    """Relevance is the same everywhere: it explains nothing."""

    def explain(self, patches: ByteArray) -> FloatArray:
        return np.zeros(patches.shape[:3], np.float32)


def darkness(_classifier: Classifier, _batch_size: int, _beside: Any = None) -> Darkness:
    return Darkness()


def silence(_classifier: Classifier, _batch_size: int, _beside: Any = None) -> Silence:
    return Silence()


def wall(shape: tuple[int, int], seed: int = 0) -> ByteArray:
    """A blotchy wall, uint8 (rows, cols, 3), nowhere darker than 110."""
    rng = np.random.default_rng(seed)
    blotches = sum(
        strength * cv2.GaussianBlur(rng.standard_normal(shape), (0, 0), blur) * blur
        for strength, blur in ((14, 1.0), (22, 3.0), (12, 9.0))
    )
    grey = np.clip(180 + blotches, 110, 250)[..., None]
    return np.asarray(np.clip(grey * [1.0, 0.9, 0.8], 0, 255), np.uint8)


def cracked(picture: ByteArray, width_px: int, first: tuple[int, int], length_px: int) -> ByteArray:
    """The picture with a dark level crack that starts at `first` (row, col) of its upper left corner."""
    marked = picture.copy()
    marked[first[0] : first[0] + width_px, first[1] : first[1] + length_px] = 25
    return marked
