"""Augmentation smoothing (AugSmooth): the mean relevance of a patch, mirrored and in other light.

Section 4.2 of Forest et al. 2024 (doi:10.1016/j.autcon.2024.105497). Each augmented patch is explained, the map
mirrored back, and all are averaged.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, Protocol, TypeVar

import numpy as np

from monitor.errors import UnknownNameError
from monitor.records import ByteArray, FloatArray

Values = TypeVar("Values", ByteArray, FloatArray)


@dataclass(frozen=True)
class Augmentation:
    """Mirrored left to right, upside down, and all intensities multiplied by a factor (and clipped)."""

    left_right: bool
    upside_down: bool
    intensity: float

    def applied(self, patches: ByteArray) -> ByteArray:
        """The patches uint8 (n, side, side, 3) so changed."""
        scaled = np.clip(np.rint(patches * np.float32(self.intensity)), 0, 255).astype(np.uint8)
        return np.ascontiguousarray(self.undone(scaled))

    def undone(self, values: Values) -> Values:
        """Values (n, side, side, ...) mirrored back; mirroring is its own inverse."""
        return values[:, :: -1 if self.upside_down else 1, :: -1 if self.left_right else 1]


_INTENSITIES = (0.9, 1.0, 1.1)
#: `augsmooth_paper`: the paper speaks of 6 combinations and follows pytorch-grad-cam, whose 6 mirror left to right.
#: `augsmooth_published`: the paper's code takes both mirrorings, which makes 12.
SMOOTHINGS: dict[str, tuple[Augmentation, ...]] = {
    "augsmooth_paper": tuple(Augmentation(*each) for each in product((False, True), (False,), _INTENSITIES)),
    "augsmooth_published": tuple(Augmentation(*each) for each in product((False, True), (False, True), _INTENSITIES)),
}


class Explains(Protocol):
    """What can be smoothed: see `monitor.attribution.base.Attribution`."""

    def explain(self, patches: ByteArray) -> FloatArray:
        """Relevance float32 (n, side, side) of patches."""
        ...

    def as_options(self) -> dict[str, Any]:
        """Everything that decides the relevance."""
        ...


class AugSmooth:
    """Any attribution method, smoothed; `name` is a key of `SMOOTHINGS` (`UnknownNameError` lists them)."""

    def __init__(self, method: Explains, name: str) -> None:
        if name not in SMOOTHINGS:
            raise UnknownNameError("smoothing", name, SMOOTHINGS)
        self._method, self._name = method, name

    def explain(self, patches: ByteArray) -> FloatArray:
        """Relevance float32 (n, side, side) of uint8 RGB patches (n, side, side, 3), mean over the augmentations."""
        maps = list(self._maps(patches))
        return np.asarray(sum(maps[1:], maps[0].astype(np.float64)) / len(maps), np.float32)

    def as_options(self) -> dict[str, Any]:
        """The method's, with the smoothing's name."""
        return {**self._method.as_options(), "smoothing": self._name}

    def _maps(self, patches: ByteArray) -> Iterator[FloatArray]:
        for augmentation in SMOOTHINGS[self._name]:
            yield augmentation.undone(self._method.explain(augmentation.applied(patches)))
