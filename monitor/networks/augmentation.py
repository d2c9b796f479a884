"""The same patches turned and in other light, so that a network learns neither how they lie nor how they are lit."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


def turned(parts: Sequence[Tensor], rng: np.random.Generator, quarter_turns: bool) -> list[Tensor]:
    """Random flips of each patch (the augmentation of doi:10.1016/j.autcon.2024.105497), and a quarter turn or more of
    the whole batch if asked; every part (n, channels, rows, cols) alike.
    """
    for axis in (2, 3):
        flip = torch.from_numpy(rng.random(len(parts[0])) < 0.5)[:, None, None, None]
        parts = [torch.where(flip, part.flip(axis), part) for part in parts]
    turns = int(rng.integers(4)) if quarter_turns else 0
    return [torch.rot90(part, turns, (2, 3)) for part in parts]


def lit(batch: Tensor, jitter: float, rng: np.random.Generator) -> Tensor:
    """Each patch of (n, 3, rows, cols) in [0, 1] in a little other light: `jitter` is the standard deviation of its
    gain; its offset and each colour's gain vary by a third of it.
    """
    if not jitter:
        return batch
    spreads = ((1, jitter), (3, jitter / 3), (1, jitter / 3))
    gain, tint, offset = (
        torch.from_numpy(rng.normal(0, spread, (len(batch), channels, 1, 1)).astype(np.float32))
        for channels, spread in spreads
    )
    return (batch * (1 + gain) * (1 + tint) + offset).clamp_(0, 1)
