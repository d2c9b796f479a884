"""Whether patches are cracked: what the classifier says, and unless it calls them clearly sound, a segmenter, too."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from monitor.networks.classification import crack_probability
from monitor.networks.segmenting import crack_pixels
from monitor.networks.weights import Classifier, Segmenter
from monitor.records import ByteArray, FloatArray

#: No segmenter counts for surer than this: it must not drown the classifier.
_SUREST = 0.997


@dataclass(frozen=True)
class SecondOpinion:
    """How a segmenter is heard beside the classifier.

    It is asked about patches that the classifier gives at least a probability of `asked_from`, or the threshold where
    that is lower. What it sees, the mean of its `surest_px` surest pixels, moves the log-odds by `weight` times its
    own, less those of `neutral`: where it sees that much, all stays as it was. Chosen by val folds, at a threshold of
    0.6.
    """

    asked_from: float = 0.35
    surest_px: int = 300
    weight: float = 0.3
    neutral: float = 0.81

    def vote(self, pixels: FloatArray) -> NDArray[np.float64]:
        """What is added to the log-odds (n,) of patches of which a segmenter sees `pixels` (n, side, side)."""
        flat = pixels.reshape(len(pixels), -1)
        count = min(self.surest_px, flat.shape[1])
        seen = np.partition(flat, flat.shape[1] - count, axis=1)[:, -count:].mean(axis=1, dtype=np.float64)
        return np.asarray(self.weight * (logit(np.clip(seen, 1 - _SUREST, _SUREST)) - logit(self.neutral)))


@dataclass(frozen=True)
class Judge:
    """A classifier with the threshold in force, and a segmenter for its second opinion (None: it judges alone)."""

    classifier: Classifier
    segmenter: Segmenter | None = None
    second_opinion: SecondOpinion = field(default_factory=SecondOpinion)

    @property
    def asked_from(self) -> float:
        """From what probability of the classifier on the segmenter is asked: about all that would count as cracked."""
        return min(self.second_opinion.asked_from, self.classifier.threshold)

    def probability(self, patches: ByteArray, batch_size: int) -> FloatArray:
        """Crack probability float64 (n,) of uint8 patches (n, side, side, 3)."""
        alone = crack_probability(self.classifier, patches, batch_size)
        segmenter = self.segmenter
        if segmenter is None:
            return alone
        return self.heard(alone, lambda asked: crack_pixels(segmenter, patches[asked], batch_size))

    def heard(self, alone: FloatArray, pixels: Callable[[NDArray[np.int64]], FloatArray]) -> FloatArray:
        """What the classifier said, (n,), with the second opinion; `pixels` are what the segmenter sees in patches
        (k, side, side) of those numbers, asked for once.
        """
        asked = np.flatnonzero(alone >= self.asked_from)
        if self.segmenter is None or len(asked) == 0:
            return alone
        told = alone.copy()
        told[asked] = expit(logit(alone[asked]) + self.second_opinion.vote(pixels(asked)))
        return told
