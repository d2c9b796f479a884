"""The classifier's last layer refitted to one site, from a handful of patches that a person judged.

Everything before the last layer stays, so the explanation explains the refitted logit by the same rules. The fit is a
logistic regression of what the shipped head gets wrong, held close to it: with few patches it moves where the border
lies and little else.
"""

import copy
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from scipy.special import logit
from torch import nn

from monitor.errors import MisuseError, WeightsError
from monitor.networks.classification import padded
from monitor.networks.second_opinion import Judge
from monitor.networks.segmenting import crack_pixels
from monitor.networks.training import as_batch
from monitor.networks.weights import Classifier
from monitor.records import ByteArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

#: Fewer patches of either kind than this say nothing of a site.
LEAST_OF_A_KIND = 3
#: How strongly the fit is held to the shipped head: its direction (features of unit size), and where its border lies.
_HOLD, _HOLD_BORDER = 0.3, 0.1
_STEPS = 50


@dataclass(frozen=True)
class Seen:
    """What the layers before the last one see in patches: `features` float64 (n, k), and the shipped head's `margin`
    (n,), the log-odds of "cracked" over its threshold: 0 is where it changes its mind. A second opinion adds its `vote`
    (n,) where the head's margin is `asked_from` at least; without one it is None.
    """

    features: Floats
    margin: Floats
    vote: Floats | None = None
    asked_from: float = -np.inf

    def __len__(self) -> int:
        return len(self.margin)

    def __getitem__(self, chosen: "Flags | NDArray[np.int64] | slice") -> "Seen":
        vote = None if self.vote is None else self.vote[chosen]
        return replace(self, features=self.features[chosen], margin=self.margin[chosen], vote=vote)

    def told(self, shift: "Floats | float" = 0.0) -> Floats:
        """The margin (n,) with the second opinion, of a head that says `shift` more than the shipped one."""
        alone = self.margin + shift
        return alone if self.vote is None else np.where(alone >= self.asked_from, alone + self.vote, alone)


@dataclass(frozen=True)
class Shift:
    """What a refitted head adds to its margin: `weight` (k,) times the features, and `border`."""

    weight: Floats
    border: float

    def of(self, seen: Seen) -> Floats:
        """The refitted margin (n,)."""
        return seen.told(seen.features @ self.weight + self.border)


@dataclass(frozen=True)
class Comparison:
    """Balanced accuracy of both heads on the same `n` patches, each judged by a head refitted without its spot."""

    n: int
    shipped: float
    adapted: float

    @property
    def better(self) -> bool:
        """Whether the refitted head did better."""
        return self.adapted > self.shipped


def see(judge: Judge, patches: ByteArray, batch_size: int) -> Seen:
    """What classifier and segmenter see in uint8 patches (n, side, side, 3). Raises `MisuseError` for a classifier of
    more than two classes.
    """
    classifier, network = judge.classifier, judge.classifier.network
    *layers, last = network.classifier
    if not isinstance(last, nn.Linear) or last.out_features != 2:
        raise MisuseError("Only a classifier of two classes, sound and cracked, can be adapted to a site.")
    device = last.weight.device
    features = [np.zeros((0, last.in_features))]
    logits = [np.zeros((0, 2))]
    with torch.inference_mode():
        for start in range(0, len(patches), batch_size):
            chunk = patches[start : start + batch_size]
            found = network.pooling(network.features(as_batch(padded(chunk, batch_size)).to(device)))
            for layer in layers:
                found = layer(found)
            features.append(found[: len(chunk)].double().cpu().numpy())
            logits.append(last(found)[: len(chunk)].double().cpu().numpy())
    sound, cracked = np.concatenate(logits).T
    border = float(logit(classifier.threshold))
    vote = None
    if judge.segmenter is not None:
        vote = judge.second_opinion.vote(crack_pixels(judge.segmenter, patches, batch_size))
    return Seen(
        features=np.concatenate(features),
        margin=(cracked - sound) / classifier.temperature - border,
        vote=vote,
        asked_from=float(logit(judge.asked_from)) - border,
    )


def refit(seen: Seen, cracked: Flags) -> Shift:
    """The shift that fits patches (n,) of both kinds best, each kind counting as much as the other.

    It is fitted beside the votes that the shipped head asks for.
    """
    middle = seen.features.mean(axis=0)
    centred = seen.features - middle
    size = float(np.sqrt((centred**2).sum(axis=1).mean())) or 1.0
    columns = np.column_stack([centred / size, np.ones(len(seen))])
    hold = np.append(np.full(seen.features.shape[1], _HOLD), _HOLD_BORDER)
    counts = np.where(cracked, len(seen) / (2 * cracked.sum()), len(seen) / (2 * (~cracked).sum()))
    found = _newton(columns, cracked.astype(float), counts, seen.told(), hold)
    weight = found[:-1] / size
    return Shift(weight, float(found[-1] - middle @ weight))


def _newton(columns: Floats, wanted: Floats, counts: Floats, offset: Floats, hold: Floats) -> Floats:
    """Penalised logistic regression beside a log-odds `offset`, by Newton's steps, halved while they overshoot."""

    def loss(at: Floats) -> float:
        odds = columns @ at + offset
        return float(counts @ (np.logaddexp(0, odds) - wanted * odds) + 0.5 * hold @ at**2)

    at = np.zeros(columns.shape[1])
    for _ in range(_STEPS):
        likely = 1 / (1 + np.exp(-np.clip(columns @ at + offset, -50, 50)))
        slope = columns.T @ (counts * (likely - wanted)) + hold * at
        bend = (columns * (counts * likely * (1 - likely))[:, None]).T @ columns + np.diag(hold)
        step = np.linalg.solve(bend, slope)
        while loss(at - step) > loss(at) and np.abs(step).max() > 1e-9:
            step = step / 2
        at = at - step
        if np.abs(step).max() < 1e-9:
            break
    return at


def compared(seen: Seen, cracked: Flags, same_spot: Flags) -> Comparison:
    """Shipped and refitted head on patches not used: for each patch, those of its spot are left out of the fit.

    `same_spot` bool (n, n). Raises `MisuseError` for fewer than `LEAST_OF_A_KIND` patches of a kind.
    """
    enough(cracked)
    shipped = seen.told()
    adapted = shipped.copy()
    for index in range(len(seen)):
        used = ~same_spot[index] & (np.arange(len(seen)) != index)
        if 0 < cracked[used].sum() < used.sum():
            adapted[index] = refit(seen[used], cracked[used]).of(seen[index : index + 1])[0]
    return Comparison(len(seen), balanced(shipped, cracked), balanced(adapted, cracked))


def enough(cracked: Flags) -> None:
    """Raise `MisuseError` where there are too few patches of either kind to adapt anything."""
    counts = int(cracked.sum()), int((~cracked).sum())
    if min(counts) < LEAST_OF_A_KIND:
        raise MisuseError(
            f"There are {counts[0]} cracked and {counts[1]} sound patches; at least {LEAST_OF_A_KIND} of either kind"
            " have to be judged before the classifier can be adapted."
        )


def balanced(margin: Floats, cracked: Flags) -> float:
    """Balanced accuracy of patches called cracked from a margin of 0 on; both kinds have to be there."""
    called = margin >= 0
    return float((called[cracked].mean() + (~called[~cracked]).mean()) / 2)


def spots(places: NDArray[np.int64], groups: Sequence[object]) -> Flags:
    """Which patches (n, n) show the same spot: those that overlap in the frame of one group.

    `places` int64 (n, 3) are the row and column of a patch's first pixel, and its side.
    """
    known = {group: index for index, group in enumerate(dict.fromkeys(groups))}
    frame = np.array([known[group] for group in groups])
    first, last = places[:, :2], places[:, :2] + places[:, 2:]
    apart = (first[:, None] >= last[None]) | (last[:, None] <= first[None])
    return np.asarray(~apart.any(axis=2) & (frame[:, None] == frame[None]))


def head_of(classifier: Classifier, shift: Shift) -> bytes:
    """The refitted last layer as a safetensors file: half of the shift on either logit."""
    last = classifier.network.classifier[-1]
    assert isinstance(last, nn.Linear)
    half = torch.from_numpy(shift.weight * classifier.temperature / 2).float()
    border = shift.border * classifier.temperature / 2
    weight, bias = last.weight.detach().cpu().float(), last.bias.detach().cpu().float()
    return save_tensors(
        {
            "weight": torch.stack([weight[0] - half, weight[1] + half]),
            "bias": torch.stack([bias[0] - border, bias[1] + border]),
        }
    )


def keep_head(folder: Path, stored: bytes) -> str:
    """Write a head into that folder under its sha256, which is returned."""
    sha256 = hashlib.sha256(stored).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{sha256}.safetensors").write_bytes(stored)
    return sha256


def with_head(classifier: Classifier, folder: Path, sha256: str) -> Classifier:
    """The classifier with the head of that sha256 in the place of its own.

    Raises `WeightsError` where the file is absent, altered, or no head of this classifier.
    """
    path = folder / f"{sha256}.safetensors"
    try:
        stored = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"The adapted head {path} is absent or unreadable ({error}). Put it back.") from error
    if hashlib.sha256(stored).hexdigest() != sha256:
        raise WeightsError(f"The adapted head {path} is not what it was (sha256 differs). Put it back.")
    network = copy.deepcopy(classifier.network)
    last = network.classifier[-1]
    try:
        last.load_state_dict(load_tensors(stored))
    except (SafetensorError, RuntimeError) as error:
        raise WeightsError(f"The adapted head {path} does not fit the classifier '{classifier.name}'.") from error
    return replace(classifier, network=network.eval(), head_sha256=sha256)
