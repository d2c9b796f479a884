"""Labelled patches to train a classifier on: simulated cracks, CC0 and other textures, and real photos.

A label says only whether a *patch* shows a crack. Pixel masks, where a data set has them, are used for
nothing but that question. The folds follow the data set's own split by source photo.
"""

import csv
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from monitor.errors import MisuseError
from simulations.cracks import crack_in
from simulations.distractors import distract
from simulations.rendering import coverage, paint, photograph, random_view
from simulations.walls import WALLS, Wall, wall

Patch = NDArray[np.uint8]

#: A patch counts as cracked from this many crack pixels on; fewer (but some) is left out as undecided.
CRACKED_FROM_PX = 60
#: Of the cracked patches from crack photos, so many are crack-free windows with a simulated crack.
_PAINTED_SHARE = 0.2
#: Photos are taken in at these zooms.
_LOG_ZOOM = (np.log(0.55), np.log(1.9))
#: So many windows are tried for a crack at one zoom.
_WINDOWS = 200


@dataclass(frozen=True)
class Source:
    """Real pictures of one data set: `images` uint8 RGB, `masks` bool or None (None: known crack-free)."""

    name: str
    images: list[Patch]
    masks: list[NDArray[np.bool_]] | None


def read_photo(path: Path, flags: int = cv2.IMREAD_COLOR) -> NDArray[np.uint8]:
    """A picture of a data set: uint8 RGB, or grey when `flags` say so; `MisuseError` when it is none."""
    picture = cv2.imread(str(path), flags)
    if picture is None:
        raise MisuseError(f"The training picture {path} cannot be read. Remove or replace it.")
    return np.asarray(picture[..., ::-1] if picture.ndim == 3 else picture, np.uint8)


def masked_photos(folder: Path, fold: str) -> Source:
    """A data set of `images/`, `masks/` (same stem, PNG) and `folds.csv` (`file`, `fold`)."""
    with (folder / "folds.csv").open(newline="", encoding="utf-8") as rows:
        files = sorted(row["file"] for row in csv.DictReader(rows) if row["fold"] == fold)
    if not files:
        raise MisuseError(f"{folder / 'folds.csv'} lists no picture of fold '{fold}'.")
    images = [read_photo(folder / "images" / file) for file in files]
    masks = [read_photo(folder / "masks" / f"{Path(file).stem}.png", cv2.IMREAD_GRAYSCALE) > 127 for file in files]
    return Source(folder.name, images, masks)


def textures(folder: Path, fold: str) -> Source:
    """Crack-free surfaces below `folder`; every fifth picture is kept for validation."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in {".png", ".jpg"})
    chosen = [path for index, path in enumerate(paths) if (index % 5 == 0) == (fold == "val")]
    if not chosen:
        raise MisuseError(f"There are no texture pictures below {folder}.")
    return Source(folder.name, [read_photo(path) for path in chosen], None)


def _zoomed(
    image: Patch, mask: NDArray[np.bool_] | None, side: int, zoom: float, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A random window of `side / zoom` px, resized to `side`, and the crack share of its pixels."""
    window = int(np.clip(round(side / zoom), 16, min(image.shape[:2])))
    row, col = (int(rng.integers(extent - window + 1)) for extent in image.shape[:2])
    cut = image[row : row + window, col : col + window].astype(np.float32) / 255
    method = cv2.INTER_AREA if window > side else cv2.INTER_CUBIC
    resized = np.clip(cv2.resize(cut, (side, side), interpolation=method), 0, 1)
    if mask is None:
        return resized, np.zeros((side, side), np.float32)
    crack = mask[row : row + window, col : col + window].astype(np.float32)
    return resized, cv2.resize(crack, (side, side), interpolation=method if window > side else cv2.INTER_LINEAR)


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


def _cracked(base: Wall, side: int, rng: np.random.Generator) -> NDArray[np.float32] | None:
    """The wall with one or two painted cracks, or None where too little of them fell into the picture."""
    image, total = base.image, np.zeros((side, side), np.float32)
    for _ in range(1 if rng.random() < 0.8 else 2):
        opening = float(np.exp(rng.uniform(np.log(1.3), np.log(side * 0.28))))
        crack = crack_in(base, rng, roughness=float(rng.uniform(0.05, 0.3)))
        covered = coverage(crack, opening, (side, side))
        image = paint(image, covered, rng)
        total = np.maximum(total, covered)
    return image if total.sum() >= CRACKED_FROM_PX else None


def simulated_patch(cracked: bool, side: int, rng: np.random.Generator, base: Wall | None = None) -> Patch | None:
    """One simulated patch; None when the painted crack turned out too small to call."""
    kinds = list(WALLS)
    chosen = base or wall(kinds[rng.choice(len(kinds), p=[0.5, 0.15, 0.25, 0.1])], (side, side), rng)
    before = distract(chosen.image, rng) if rng.random() < 0.5 else chosen.image
    canvas = Wall(before, chosen.joints, chosen.kind)
    image = _cracked(canvas, side, rng) if cracked else canvas.image
    if image is None:
        return None
    return _photographed(distract(image, rng, 0.2), rng)


def _photographed(image: NDArray[np.float32], rng: np.random.Generator) -> Patch:
    """Now and then taken anew from a slightly other place; painted and real patches alike, or it would tell them."""
    if rng.random() < 0.5:
        shape = (image.shape[0], image.shape[1])
        view = replace(random_view(shape, rng), blur_px=float(rng.uniform(0.05, 0.9)))
        image = photograph(image, view, shape, rng).astype(np.float32) / 255
    return developed(image, rng)


def real_patch(source: Source, cracked: bool, side: int, rng: np.random.Generator) -> Patch | None:
    """One patch of a real photo with the wanted label, or None when none was found.

    A crack-free window now and then gets a simulated crack, so that no surface stands for one answer; and both
    labels come at the same zooms, or small windows (which seldom hold a crack) would stand for sound walls.
    """
    window = _window(source, False, side, float(np.exp(rng.uniform(*_LOG_ZOOM))), rng)
    if window is None:
        return None
    if source.masks is None or (cracked and rng.random() < _PAINTED_SHARE):
        surface = Wall(window.image, np.zeros((side, side), bool), source.name)
        return simulated_patch(cracked, side, rng, surface)
    if not cracked:
        return _photographed(distract(window.image, rng, 0.2), rng)
    for _ in range(_WINDOWS):
        found = _window(source, True, side, window.zoom, rng)
        if found is not None:
            return _photographed(distract(found.image, rng, 0.2), rng)
    return None


@dataclass(frozen=True)
class _Window:
    image: NDArray[np.float32]
    zoom: float


def _window(source: Source, cracked: bool, side: int, zoom: float, rng: np.random.Generator) -> _Window | None:
    """A random window at that zoom, None when its label is not the wanted one."""
    index = int(rng.integers(len(source.images)))
    mask = None if source.masks is None else source.masks[index]
    image, crack = _zoomed(source.images[index], mask, side, zoom, rng)
    pixels = float(crack.sum())
    wanted = pixels >= CRACKED_FROM_PX if cracked else pixels == 0
    return _Window(image, zoom) if wanted else None


def patches(
    sources: list[tuple[float, Source | None]], count: int, side: int, rng: np.random.Generator
) -> Iterator[tuple[Patch, bool, str]]:
    """Yield `count` patches (side, side, 3) with label and source name, half of them cracked.

    `sources` are (weight, source) pairs; None stands for fully simulated patches. A source whose window
    does not have the wanted label is asked again: were another one asked instead, the surfaces of the crack
    photos would come to mean "cracked".
    """
    weights = np.array([weight for weight, _ in sources])
    for index in range(count):
        cracked, patch = index % 2 == 0, None
        source = sources[int(rng.choice(len(sources), p=weights / weights.sum()))][1]
        while patch is None:
            patch = simulated_patch(cracked, side, rng) if source is None else real_patch(source, cracked, side, rng)
        turned = np.rot90(patch, int(rng.integers(4)))
        yield (
            np.ascontiguousarray(turned[::-1] if rng.random() < 0.5 else turned),
            cracked,
            ("simulated" if source is None else source.name),
        )


@dataclass(frozen=True)
class PatchPool:
    """A drawn pool: `images` uint8 (n, side, side, 3), `labels` int64 (n,), `names` (n,) of the sources."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    names: NDArray[np.str_]


def standard_sources(data: Path, fold: str) -> list[tuple[float, Source | None]]:
    """What shipped classifiers are trained on: the data sets below `data` whose licences allow it.

    Validation sees real surfaces only: procedural walls are learnt soon and say little about real ones.
    """
    real: list[tuple[float, Source | None]] = [
        (0.30, textures(data / "textures", fold)),
        (0.35, masked_photos(data / "masonry_dais", fold)),
        (0.05, masked_photos(data / "uav75", fold)),
    ]
    return real if fold == "val" else [(0.30, None), *real]


def _shard(path: Path, data: Path, fold: str, count: int, side: int, seed: int) -> Path:
    """Draw one shard of a pool into `path` unless it is there already."""
    if not path.exists():
        cv2.setNumThreads(1)
        drawn = list(patches(standard_sources(data, fold), count, side, np.random.default_rng(seed)))
        temporary = path.with_suffix(".part.npz")
        np.savez(
            temporary,
            images=np.stack([patch for patch, _, _ in drawn]),
            labels=np.array([int(cracked) for _, cracked, _ in drawn], np.int64),
            names=np.array([name for _, _, name in drawn]),
        )
        temporary.replace(path)
    return path


def draw_pool(
    folder: Path,
    data: Path,
    fold: str,
    count: int,
    side: int,
    seed: int,
    on_shard: Callable[[int, int], None] = lambda _done, _total: None,
    workers: int = 2,
) -> PatchPool:
    """Draw `count` patches of one fold, in shards kept in `folder`, so that an interruption costs one shard."""
    folder.mkdir(parents=True, exist_ok=True)
    shard = 1000
    jobs = [
        (
            folder / f"{fold}_{side}_{seed}_{index:03d}.npz",
            data,
            fold,
            min(shard, count - start),
            side,
            seed + index,
        )
        for index, start in enumerate(range(0, count, shard))
    ]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        paths = []
        for path in pool.map(_shard, *zip(*jobs, strict=True)):
            paths.append(path)
            on_shard(len(paths), len(jobs))
    parts = [np.load(path) for path in paths]
    return PatchPool(*(np.concatenate([part[key] for part in parts]) for key in ("images", "labels", "names")))
