"""Labelled patches to train a classifier on: simulated cracks, CC0 and other textures, and real photos.

A label says only whether a *patch* shows a crack. Pixel masks, where a data set has them, are used for
nothing but that question. The folds follow the data set's own split by source photo.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from monitor.errors import MisuseError
from simulations.concrete import board_marked
from simulations.cracks import crack_in
from simulations.data_sets import layout_of, read_masked, read_photo
from simulations.distractors import distract, rim_shadow
from simulations.relief import Sun, lit_relief, relief
from simulations.rendering import coverage, paint, photograph, random_view, seen_from
from simulations.walls import WALLS, Picture, Wall, wall

Patch = NDArray[np.uint8]
Zooms = tuple[float, float]
Window = tuple[slice, slice]

#: The folders that networks are trained on: crack-free surfaces, and photos with masks.
SETS = ("textures", "masonry_dais", "uav75")
#: A patch counts as cracked from this many crack pixels on; fewer (but some) is left out as undecided.
CRACKED_FROM_PX = 60
#: Of the cracked patches from crack photos, so many are crack-free windows with a simulated crack.
_PAINTED_SHARE = 0.2
#: Procedural walls have a relief so often, and those with joints dark rims along them, cracked or not.
_RELIEFS, _RIM_SHADOWS = 0.6, 0.3
#: Courses of simulated brickwork are so many px high: from a whole facade to half a brick.
_COURSES_PX: Zooms = (18, 220)
#: Photos are taken in at zooms between these.
ZOOMS: Zooms = (0.6, 3.0)
#: So many windows are tried for a crack at one zoom.
_WINDOWS = 200


@dataclass(frozen=True)
class Source:
    """Real pictures of one data set: `images` uint8 RGB, `masks` bool or None (None: known crack-free)."""

    name: str
    images: list[Patch]
    masks: list[NDArray[np.bool_]] | None


def masked_photos(folder: Path, fold: str, kind: str = "masks") -> Source:
    """A data set of `images/`, masks (same stem, PNG) in the folder `kind`, and `folds.csv` (`file`, `fold`)."""
    read = read_masked(folder, fold, kind)
    return Source(folder.name, read.photos, read.masks)


def textures(folder: Path, fold: str) -> Source:
    """Crack-free surfaces below `folder`; every fifth picture is kept for validation ("train+val": all)."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in {".png", ".jpg"})
    kinds = ["val" if index % 5 == 0 else "train" for index in range(len(paths))]
    chosen = [path for path, kind in zip(paths, kinds, strict=True) if kind in fold.split("+")]
    if not chosen:
        raise MisuseError(f"There are no texture pictures below {folder}.")
    return Source(folder.name, [read_photo(path) for path in chosen], None)


def random_zoom(zooms: Zooms, rng: np.random.Generator) -> float:
    """A zoom between the two given, spread evenly over its logarithm."""
    return float(np.exp(rng.uniform(*np.log(zooms))))


def random_window(shape: tuple[int, ...], side: int, zoom: float, rng: np.random.Generator) -> Window:
    """A square window of `side / zoom` px, or as large as the picture allows, anywhere in it."""
    window = int(np.clip(round(side / zoom), 16, min(shape[:2])))
    row, col = (int(rng.integers(extent - window + 1)) for extent in shape[:2])
    return slice(row, row + window), slice(col, col + window)


def resized(cut: Patch, side: int) -> Picture:
    """A square cutting (window, window, 3) as float32 (side, side, 3) in [0, 1]."""
    method = cv2.INTER_AREA if len(cut) > side else cv2.INTER_CUBIC
    return np.clip(cv2.resize(cut.astype(np.float32) / 255, (side, side), interpolation=method), 0, 1)


def developed(image: NDArray[np.float32], rng: np.random.Generator) -> Patch:
    """A photograph's accidents: colour cast, gamma, light, blur, noise and JPEG; uint8 (side, side, 3)."""
    toned = np.clip(image, 1e-4, 1) ** rng.uniform(0.7, 1.4) * rng.uniform(0.65, 1.2)
    toned = toned * (1 + rng.normal(0, 0.06, 3))
    if rng.random() < 0.15:
        toned = np.repeat(toned.mean(axis=2, keepdims=True), 3, axis=2)
    elif rng.random() < 0.2:
        toned = toned[..., rng.permutation(3)]
    if rng.random() < 0.35:
        toned = cv2.GaussianBlur(toned, (0, 0), rng.uniform(0.3, 1.3))
    toned = toned + rng.standard_normal(toned.shape) * rng.uniform(0, 0.025)
    exposed = np.clip(np.round(toned * 255), 0, 255).astype(np.uint8)
    if rng.random() < 0.6:
        _, coded = cv2.imencode(".jpg", exposed, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(40, 96))])
        exposed = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    return np.asarray(exposed, np.uint8)


@dataclass(frozen=True)
class Painting:
    """How cracks are painted: between which widest openings (px, spread evenly over their logarithm; None: up to
    0.28 of the side) and roughnesses; how often a second one, crumbled rims beside it, and, cracked or not, a relief
    and dark rims along joints are there, and, on surfaces without joints, formwork joints and air voids; how many px
    it has to cover. In the truth cracks are at least `truth_px` wide: of a hairline hardly any pixel lies half in the
    gap, and yet it is to be seen.
    """

    opening_px: tuple[float, float | None] = (1.3, None)
    roughness: tuple[float, float] = (0.05, 0.3)
    second: float = 0.2
    crumbled: float = 0.0
    reliefs: float = _RELIEFS
    rim_shadows: float = _RIM_SHADOWS
    board_marked: float = 0.0
    least_px: float = CRACKED_FROM_PX
    truth_px: float = 0.0


#: Hairlines, which a camera shows as a faint line a pixel or two wide, beside darker joints and voids of concrete.
HAIRLINES = Painting((0.4, 2.5), (0.1, 0.5), second=0.4, reliefs=0.4, board_marked=0.8, least_px=0.0, truth_px=1.6)


def _cracked(base: Wall, painting: Painting, rng: np.random.Generator) -> tuple[Picture, Picture]:
    """The wall with one or two painted cracks, and the share of each pixel that they cover."""
    shape = base.joints.shape
    image, total = base.image, np.zeros(shape, np.float32)
    least, most = painting.opening_px[0], painting.opening_px[1] or shape[0] * 0.28
    for _ in range(1 if rng.random() < 1 - painting.second else 2):
        opening = float(np.exp(rng.uniform(np.log(least), np.log(most))))
        crack = crack_in(base, rng, roughness=float(rng.uniform(*painting.roughness)))
        covered = coverage(crack, opening, shape)
        if painting.crumbled and rng.random() < painting.crumbled:
            image = _crumbled(image, covered, rng)
        image = paint(image, covered, rng)
        total = np.maximum(total, coverage(crack, max(opening, painting.truth_px), shape))
    return image, total


def _crumbled(image: Picture, covered: Picture, rng: np.random.Generator) -> Picture:
    """The wall with a soft darker band beside the gap."""
    band = np.clip(1.5 * cv2.GaussianBlur(covered, (0, 0), rng.uniform(1, 4)), 0, 1)
    return np.asarray(image * (1 - rng.uniform(0.1, 0.4) * band[..., None]), np.float32)


def _procedural(side: int, how: Painting, rng: np.random.Generator) -> Wall:
    kinds = list(WALLS)
    kind = kinds[rng.choice(len(kinds), p=[0.5, 0.15, 0.25, 0.1])]
    flat = wall(kind, (side, side), rng, random_zoom(_COURSES_PX, rng) if kind == "bonded" else None)
    if rng.random() >= how.reliefs:
        return flat
    return replace(flat, image=lit_relief(flat.image, relief(flat.joints, rng), Sun.anywhere(rng)))


def painted_patch(
    cracked: bool, side: int, rng: np.random.Generator, base: Wall | None = None, painting: Painting | None = None
) -> tuple[Patch, Picture] | None:
    """One simulated patch and its truth: the share of each pixel (side, side) that lies in a gap. None when a crack was
    wanted and less than `painting.least_px` of it is in the picture.
    """
    how = painting or Painting()
    chosen = base or _procedural(side, how, rng)
    if how.board_marked and not chosen.joints.any() and rng.random() < how.board_marked:
        chosen = replace(chosen, image=board_marked(chosen.image, rng))
    before = distract(chosen.image, rng) if rng.random() < 0.5 else chosen.image
    if chosen.joints.any() and rng.random() < how.rim_shadows:
        before = rim_shadow(before, chosen.joints, rng)
    image, covered = before, np.zeros((side, side), np.float32)
    if cracked:
        image, covered = _cracked(Wall(before, chosen.joints, chosen.kind), how, rng)
        if covered.sum() < how.least_px:
            return None
    return retaken(distract(image, rng, 0.2), covered, rng)


def simulated_patch(cracked: bool, side: int, rng: np.random.Generator, base: Wall | None = None) -> Patch | None:
    """One simulated patch; None when the painted crack turned out too small to call."""
    painted = painted_patch(cracked, side, rng, base)
    return None if painted is None else painted[0]


def retaken(image: Picture, covered: Picture, rng: np.random.Generator) -> tuple[Patch, Picture]:
    """Now and then taken anew from a slightly other place, and what is `covered` with it, (rows, cols) or several such
    maps (rows, cols, n); painted and real patches alike, or it would tell them.
    """
    if rng.random() < 0.5:
        shape = (image.shape[0], image.shape[1])
        view = replace(random_view(shape, rng), blur_px=float(rng.uniform(0.05, 0.9)))
        image = photograph(image, view, shape, rng).astype(np.float32) / 255
        covered = seen_from(covered, view)
    return developed(image, rng), covered


def real_patch(
    source: Source, cracked: bool, side: int, rng: np.random.Generator, zooms: Zooms = ZOOMS
) -> Patch | None:
    """One patch of a real photo with the wanted label, or None when none was found.

    A crack-free window now and then gets a simulated crack, so that no surface stands for one answer; and both
    labels come at the same zooms, or small windows (which seldom hold a crack) would stand for sound walls.
    """
    zoom = random_zoom(zooms, rng)
    sound = labelled_window(source, False, side, zoom, rng)
    if sound is None:
        return None
    if source.masks is None or (cracked and rng.random() < _PAINTED_SHARE):
        surface = Wall(sound, np.zeros((side, side), bool), source.name)
        return simulated_patch(cracked, side, rng, surface)
    found = sound if not cracked else _cracked_window(source, side, zoom, rng)
    if found is None:
        return None
    return retaken(distract(found, rng, 0.2), np.zeros((side, side), np.float32), rng)[0]


def _cracked_window(source: Source, side: int, zoom: float, rng: np.random.Generator) -> Picture | None:
    for _ in range(_WINDOWS):
        found = labelled_window(source, True, side, zoom, rng)
        if found is not None:
            return found
    return None


def labelled_window(source: Source, cracked: bool, side: int, zoom: float, rng: np.random.Generator) -> Picture | None:
    """A random window of `side / zoom` px as float32 (side, side, 3), None when its label is not the wanted one."""
    index = int(rng.integers(len(source.images)))
    image = source.images[index]
    window = random_window(image.shape, side, zoom, rng)
    pixels = 0.0 if source.masks is None else _crack_px(source.masks[index][window], side)
    wanted = pixels >= CRACKED_FROM_PX if cracked else pixels == 0
    return resized(image[window], side) if wanted else None


def _crack_px(mask: NDArray[np.bool_], side: int) -> float:
    """How many crack pixels a cutting of a mask holds once it is (side, side)."""
    method = cv2.INTER_AREA if len(mask) > side else cv2.INTER_LINEAR
    return float(cv2.resize(mask.astype(np.float32), (side, side), interpolation=method).sum())


def standard_sources(
    data: Path, fold: str, shares: tuple[float, float, float, float]
) -> list[tuple[float, Source | None]]:
    """What shipped networks are trained on, with `shares`: procedural walls, and the data sets below `data` whose
    licences allow it (`SETS`); or the photos of `data` alone, where that is a data set with masks itself.

    Validation sees real surfaces only: procedural walls are learnt soon and say little about real ones. Raises
    `MisuseError` when a folder is missing.
    """
    if layout_of(data) == "masks":
        return [(1.0, masked_photos(data, fold))]
    check_folders(data)
    surfaces, *photos = SETS
    real: list[tuple[float, Source | None]] = [
        (shares[1], textures(data / surfaces, fold)),
        *((share, masked_photos(data / name, fold)) for share, name in zip(shares[2:], photos, strict=True)),
    ]
    return real if fold == "val" else [(shares[0], None), *real]


def check_folders(data: Path) -> None:
    """Raise `MisuseError` unless all of `SETS` are below `data`, or it is a data set with masks itself."""
    if layout_of(data) == "masks":
        return
    missing = [name for name in SETS if not (data / name).is_dir()]
    if missing:
        raise MisuseError(f"Below {data} there is no folder {' or '.join(missing)} to train with. Name another --data.")
