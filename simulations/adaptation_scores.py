"""How well a classifier tells cracked from sound on a wall once it was adapted to it by a few judged patches.

As a person would do it: of each of so many photos of the wall the patch that looks most cracked is judged, the head is
refitted, and all photos that show none of the judged spots are classified, each as its most cracked patch says.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from monitor.imaging.photometry import grey
from monitor.imaging.tiling import cut, tile
from monitor.networks.adaptation import LEAST_OF_A_KIND, balanced, refit, see
from monitor.networks.second_opinion import Judge
from simulations.scores import OVERLAP_PX, Labelled, Photo, agreed_by_photo, brickwork

#: So many patches are judged, and so often are they drawn anew.
JUDGED, REPEATS = 20, 10
#: Photos with so many features in common, one laid onto the other, show the same spot.
_SHARED = 10
_FEATURES, _MATCH_RATIO, _OFF_PX = 300, 0.75, 3.0

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class AdaptationScore:
    """Balanced accuracy on one wall's photos, mean over `repeats` draws, before and after adapting, and its spread.

    `judged` photos of `n` gave a patch each; `left` are those that show none of their spots, mean over the repeats.
    """

    n: int
    judged: int
    repeats: int
    left: float
    shipped: float
    adapted: float
    spread: float


def evaluate_adaptation(
    judge: Judge, data: Path, final: bool, seed: int = 0, on_wall: Callable[[], None] = lambda: None
) -> dict[str, AdaptationScore]:
    """Scores by wall of `brickwork_cracks`, and `mean` over them; walls for choices, or with `final` all.

    A wall of which fewer than two repeats leave both kinds of photos has no score.
    """
    photos = brickwork(data) if final else brickwork(data, ("train", "val"))
    found = {}
    for wall in np.unique(photos.groups):
        members = np.flatnonzero(photos.groups == wall)
        part = Labelled([photos.photos[index] for index in members], photos.cracked[members], photos.groups[members])
        one = adapted_to_wall(judge, part, np.random.default_rng(seed))
        if one is not None:
            found[str(wall)] = one
        on_wall()
    names = ("left", "shipped", "adapted", "spread")
    mean = {name: float(np.mean([getattr(one, name) for one in found.values()])) for name in names}
    n, repeats = (sum(getattr(one, name) for one in found.values()) for name in ("n", "repeats"))
    return {**found, "mean": AdaptationScore(n=n, judged=JUDGED, repeats=repeats, **mean)}


def adapted_to_wall(judge: Judge, photos: Labelled, rng: np.random.Generator) -> AdaptationScore | None:
    """The score of one wall; None where too few photos are left to tell."""
    grids = [tile(photo.shape[:2], judge.classifier.patch_px, OVERLAP_PX) for photo in photos.photos]
    cuts = np.concatenate([cut(photo, grid) for photo, grid in zip(photos.photos, grids, strict=True)])
    seen = see(judge, cuts, batch_size=16)
    border = float(logit(judge.classifier.threshold))

    def photos_by(margin: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        return [logit(told) - border for told in agreed_by_photo(expit(margin + border), grids)]

    shipped = photos_by(seen.told())
    surest = np.array([told.argmax() for told in shipped]) + np.cumsum([0, *map(len, grids[:-1])])
    same = same_spots(photos.photos)
    outcomes = []
    for _ in range(REPEATS):
        judged = rng.permutation(len(grids))[:JUDGED]
        left = ~same[judged].any(axis=0)
        left[judged] = False
        if min(_kinds(photos.cracked[judged])) < LEAST_OF_A_KIND or min(_kinds(photos.cracked[left])) == 0:
            continue
        shift = refit(seen[surest[judged]], photos.cracked[judged])
        before, after = (np.array([told.max() for told in each])[left] for each in (shipped, photos_by(shift.of(seen))))
        truth = photos.cracked[left]
        outcomes.append((left.sum(), balanced(before, truth), balanced(after, truth)))
    if len(outcomes) < 2:
        return None
    left_over, before, after = np.array(outcomes, float).T
    return AdaptationScore(
        n=len(grids),
        judged=JUDGED,
        repeats=len(outcomes),
        left=float(left_over.mean()),
        shipped=float(before.mean()),
        adapted=float(after.mean()),
        spread=float(after.std(ddof=1)),
    )


def _kinds(cracked: Flags) -> tuple[int, int]:
    return int(cracked.sum()), int((~cracked).sum())


def same_spots(photos: list[Photo]) -> Flags:
    """Which photos (n, n) of a wall show the same spot: one's features lie where a turn, zoom and shift of it says."""
    finder, matcher = cv2.SIFT.create(_FEATURES), cv2.BFMatcher()
    known = [finder.detectAndCompute(grey(photo), None) for photo in photos]  # type: ignore[call-overload]
    same = np.eye(len(photos), dtype=bool)
    for one in range(len(photos)):
        for other in range(one):
            same[one, other] = same[other, one] = _shared(known[one], known[other], matcher) >= _SHARED
    return same


def _shared(one: tuple, other: tuple, matcher: cv2.BFMatcher) -> int:
    """How many features of one picture lie where those of the other say."""
    (points, described), (others, other_described) = one, other
    if described is None or other_described is None or min(len(points), len(others)) < _SHARED:
        return 0
    pairs = [pair for pair in matcher.knnMatch(described, other_described, k=2) if len(pair) == 2]
    good = [best for best, second in pairs if best.distance < _MATCH_RATIO * second.distance]
    if len(good) < _SHARED:
        return 0
    here = np.array([points[match.queryIdx].pt for match in good])
    there = np.array([others[match.trainIdx].pt for match in good])
    _, inliers = cv2.estimateAffinePartial2D(here, there, ransacReprojThreshold=_OFF_PX)
    return 0 if inliers is None else int(inliers.sum())
