"""How well a classifier, with its second opinion, tells cracked from sound walls, on photos it was not taught on.

A photo is judged as the service judges it: tiled, and as cracked as its most cracked patch.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from monitor.imaging.tiling import PatchGrid, agreed, cut, tile
from monitor.networks.second_opinion import Judge
from monitor.networks.training import balanced_accuracy
from simulations.patches import masked_photos, read_photo

Photo = NDArray[np.uint8]

#: Photos of `brickwork_cracks` labelled sound in which cracks were seen by eye, "clear" or "faint" ones.
HAIRLINES = Path(__file__).parent / "tables" / "brickwork_hairlines.csv"
#: Patches of a photo overlap by so much, as the analysis has it.
OVERLAP_PX = 32
#: Crops made of masked photos: side, and from how many crack pixels on one counts (as in `crops_test.csv`).
_CROP_PX, _CROP_CRACKED_PX, _CROPS_A_PHOTO = 112, 56, 6


@dataclass(frozen=True)
class Labelled:
    """Photos uint8 RGB, whether each shows a crack, the group (a wall) each belongs to, and whether it is `listed`:
    labelled sound, though it shows a crack (see `HAIRLINES`; empty where there is no such list).
    """

    photos: list[Photo]
    cracked: NDArray[np.bool_]
    groups: NDArray[np.str_]
    listed: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))


@dataclass(frozen=True)
class ClassifierScore:
    """Scores at the classifier's own threshold, but for `auc`, which needs none."""

    n: int
    auc: float
    balanced_accuracy: float
    true_positive_rate: float
    true_negative_rate: float


def photo_probability(judge: Judge, photos: Iterable[Photo], batch_size: int = 16) -> NDArray[np.float64]:
    """The highest crack probability among each photo's patches, (n,)."""
    seen = list(photos)
    grids = [tile(photo.shape[:2], judge.classifier.patch_px, OVERLAP_PX) for photo in seen]
    cuts = np.concatenate([cut(photo, grid) for photo, grid in zip(seen, grids, strict=True)])
    return np.array([each.max() for each in agreed_by_photo(judge.probability(cuts, batch_size), grids)])


def agreed_by_photo(told: NDArray[np.float64], grids: Sequence[PatchGrid]) -> list[NDArray[np.float64]]:
    """What the patches of all photos are told to be, (n,), photo by photo, once those that see the same have agreed."""
    each = np.split(told, np.cumsum([len(grid) for grid in grids])[:-1])
    return [agreed(part, grid, np.arange(len(grid))) for part, grid in zip(each, grids, strict=True)]


def score(probability: NDArray[np.float64], cracked: NDArray[np.bool_], threshold: float) -> ClassifierScore:
    """Scores of one set that has both kinds."""
    called = probability >= threshold
    return ClassifierScore(
        n=len(cracked),
        auc=area_under_curve(probability, cracked),
        balanced_accuracy=balanced_accuracy(probability, cracked.astype(np.int64), threshold),
        true_positive_rate=float(called[cracked].mean()),
        true_negative_rate=float((~called[~cracked]).mean()),
    )


def area_under_curve(probability: NDArray[np.float64], cracked: NDArray[np.bool_]) -> float:
    """Chance that a cracked photo ranks above a sound one; ties count half."""
    positives, negatives = int(cracked.sum()), int((~cracked).sum())
    rank_sum = float(rankdata(probability)[cracked].sum())
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)


def scores_by_group(judge: Judge, photos: Labelled) -> dict[str, ClassifierScore]:
    """Every group that has both kinds, and `mean`: the plain average over those groups."""
    probability, threshold = photo_probability(judge, photos.photos), judge.classifier.threshold
    found: dict[str, ClassifierScore] = {}
    for group in np.unique(photos.groups):
        members = photos.groups == group
        if 0 < photos.cracked[members].sum() < members.sum():
            found[str(group)] = score(probability[members], photos.cracked[members], threshold)
    rates = ("auc", "balanced_accuracy", "true_positive_rate", "true_negative_rate")
    mean = {name: float(np.mean([getattr(each, name) for each in found.values()])) for name in rates}
    found["mean"] = ClassifierScore(n=sum(each.n for each in found.values()), **mean)
    return found


def evaluate_judge(judge: Judge, data: Path, final: bool) -> dict[str, dict[str, ClassifierScore]]:
    """Scores by data set and wall: on folds for choices, or with `final` on the test crops and all walls."""
    crops = masonry_test_crops(data) if final else masonry_crops(data, "val", np.random.default_rng(0))
    walls = brickwork(data) if final else brickwork(data, ("train", "val"))
    sets = {"masonry_dais": crops, "brickwork_cracks": walls, "brickwork_cracks_without_listed": without_listed(walls)}
    return {name: scores_by_group(judge, photos) for name, photos in sets.items()}


def masonry_test_crops(data: Path) -> Labelled:
    """The crops of `masonry_dais/crops_test.csv` (test fold: for the final figure, once)."""
    folder = data / "masonry_dais"
    rows = _rows(folder / "crops_test.csv")
    photos = [_cropped(read_photo(folder / "images" / row["file"]), row) for row in rows]
    return Labelled(photos, np.array([row["crack"] == "1" for row in rows]), np.full(len(rows), "masonry_dais"))


def masonry_crops(data: Path, fold: str, rng: np.random.Generator) -> Labelled:
    """Crops of another fold, made to the rule of the test crops; for choices between classifiers."""
    source = masked_photos(data / "masonry_dais", fold)
    assert source.masks is not None, "masked photos have masks"
    photos, cracked = [], []
    for image, mask in zip(source.images, source.masks, strict=True):
        for _ in range(_CROPS_A_PHOTO):
            row, col = (int(rng.integers(extent - _CROP_PX + 1)) for extent in mask.shape)
            inside = slice(row, row + _CROP_PX), slice(col, col + _CROP_PX)
            pixels = int(mask[inside].sum())
            if pixels == 0 or pixels >= _CROP_CRACKED_PX:
                photos.append(image[inside])
                cracked.append(pixels > 0)
    return Labelled(photos, np.array(cracked), np.full(len(photos), "masonry_dais"))


def brickwork(data: Path, folds: tuple[str, ...] = ("train", "val", "test")) -> Labelled:
    """`brickwork_cracks` by wall. No classifier is taught on it: its licence is unknown."""
    folder = data / "brickwork_cracks"
    rows = [row for row in _rows(folder / "folds.csv") if row["fold"] in folds]
    photos = [read_photo(folder / "images" / row["file"]) for row in rows]
    cracked = np.array([row["file"].startswith("crack/") for row in rows])
    listed = np.isin([row["file"] for row in rows], [row["file"] for row in _rows(HAIRLINES)])
    return Labelled(photos, cracked, np.array([row["wall_block"] for row in rows]), listed)


def without_listed(photos: Labelled) -> Labelled:
    """The photos but for those that show cracks though they are labelled sound."""
    kept = np.flatnonzero(~photos.listed)
    return Labelled([photos.photos[index] for index in kept], photos.cracked[kept], photos.groups[kept])


def _rows(path: Path) -> list[Mapping[str, str]]:
    with path.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def _cropped(image: Photo, row: Mapping[str, str]) -> Photo:
    top, left, side = (int(row[name]) for name in ("row", "col", "side_px"))
    return image[top : top + side, left : left + side]
