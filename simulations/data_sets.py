"""Data sets as they lie in folders: pictures that show a crack or none, with masks where people drew them.

Three layouts are known:

* masks:    `images/`, `masks/` (same stem, PNG) and `folds.csv` (`file`, `fold`, perhaps `source_photo`);
* paper:    that of the DIC cracks of Forest et al. 2024: `train/` with `train_GT/`, `valid/` with `valid_GT/`, `test/`
            with `test_GT/`, and folders of crack-free patches whose names begin like a fold's and have no masks;
* labels:   `positive/` and `negative/`, split by name: the first 60 % teach, then 20 % validate, the last 20 % test.
"""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from monitor.errors import MisuseError, UnknownNameError

Photo = NDArray[np.uint8]
Mask = NDArray[np.bool_]

FOLDS = ("train", "val", "test")
_LABELS = ("negative", "positive")
_DRAWN = "_GT"
_PICTURES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"}
_SHARES = {"train": (0.0, 0.6), "val": (0.6, 0.8), "test": (0.8, 1.0)}


@dataclass(frozen=True)
class Fold:
    """The pictures of one fold: `photos` uint8 (rows, cols, 3) RGB; `masks` bool (rows, cols), None where there are
    none; `cracked` bool (n,); `groups` (n,), the photo that each was cut from, and `names` (n,), its file.
    """

    photos: list[Photo]
    masks: list[Mask] | None
    cracked: NDArray[np.bool_]
    groups: NDArray[np.str_]
    names: NDArray[np.str_]
    name: str


def layout_of(folder: Path) -> str | None:
    """`masks`, `paper` or `labels`; None when the folder has none of these layouts."""
    if (folder / "folds.csv").is_file():
        return "masks"
    if (folder / f"train{_DRAWN}").is_dir():
        return "paper"
    return "labels" if any((folder / label).is_dir() for label in _LABELS) else None


def read_fold(folder: Path, fold: str) -> Fold:
    """The pictures of `fold` (train, val or test) in a data set of any known layout.

    Raises `UnknownNameError` for another fold, and `MisuseError` when the layout is none of the three, a class is
    empty, or a picture or mask cannot be used.
    """
    if fold not in FOLDS:
        raise UnknownNameError("fold", fold, FOLDS)
    readers: dict[str, Callable[[Path, str], Fold]] = {"masks": read_masked, "paper": _paper, "labels": _labelled}
    layout = layout_of(folder)
    if layout is None:
        raise MisuseError(
            f"{folder} is no data set known here: it has neither folds.csv with images and masks, nor train and "
            f"train{_DRAWN}, nor positive and negative."
        )
    return readers[layout](folder, fold)


def read_photo(path: Path, flags: int = cv2.IMREAD_COLOR) -> Photo:
    """A picture of a data set: uint8 RGB, or grey when `flags` say so; `MisuseError` when it is none."""
    picture = cv2.imread(str(path), flags)
    if picture is None:
        raise MisuseError(f"The training picture {path} cannot be read. Remove or replace it.")
    return np.asarray(picture[..., ::-1] if picture.ndim == 3 else picture, np.uint8)


def read_mask(path: Path, shape: tuple[int, ...]) -> Mask:
    """A mask of black and one other grey, of a picture of `shape` (rows, cols, ...); `MisuseError` when it is none."""
    mask = read_photo(path, cv2.IMREAD_GRAYSCALE)
    if mask.shape != shape[:2]:
        raise MisuseError(
            f"The mask {path} has {mask.shape[1]} x {mask.shape[0]} px, its picture {shape[1]} x {shape[0]}. "
            "Masks are of the same size."
        )
    greys = np.unique(mask)
    if len(greys) > 2 or (len(greys) == 2 and greys[0] > 0) or (len(greys) == 1 and greys[0] not in (0, 1, 255)):
        raise MisuseError(
            f"The mask {path} is not black and white: it has {len(greys)} greys, from {greys[0]} to {greys[-1]}. "
            "Threshold it first."
        )
    return mask > 0


def pictures_in(folder: Path) -> list[Path]:
    """All picture files of a folder, sorted by name; `MisuseError` when there is none."""
    found = sorted(path for path in folder.glob("*") if path.suffix.lower() in _PICTURES)
    if not found:
        raise MisuseError(f"There are no pictures in {folder}. Put some there, or name another --data.")
    return found


def masked_files(folder: Path, fold: str) -> list[tuple[str, str]]:
    """(file, source photo) of a fold by `folds.csv`, or of several joined by "+"; `MisuseError` when it lists none."""
    with (folder / "folds.csv").open(newline="", encoding="utf-8") as rows:
        read = csv.DictReader(rows)
        missing = {"file", "fold"} - set(read.fieldnames or ())
        if missing:
            raise MisuseError(f"{folder / 'folds.csv'} has no column {' or '.join(sorted(missing))}.")
        files = sorted(
            (row["file"], row.get("source_photo") or Path(row["file"]).stem)
            for row in read
            if row["fold"] in fold.split("+")
        )
    if not files:
        raise MisuseError(f"{folder / 'folds.csv'} lists no picture of fold '{fold}'.")
    return files


def read_masked(folder: Path, fold: str, kind: str = "masks") -> Fold:
    """A fold of the layout `masks`, with those in the folder `kind`."""
    files, groups = zip(*masked_files(folder, fold), strict=True)
    photos = [read_photo(folder / "images" / file) for file in files]
    drawn = [folder / kind / f"{Path(file).stem}.png" for file in files]
    masks = [read_mask(path, photo.shape) for path, photo in zip(drawn, photos, strict=True)]
    return _fold(photos, masks, [mask.any() for mask in masks], groups, files, folder)


def _paper(folder: Path, fold: str) -> Fold:
    parts = sorted(path for path in folder.iterdir() if path.is_dir() and path.name.startswith(fold))
    paths: list[Path] = []
    photos: list[Photo] = []
    masks: list[Mask] = []
    for part in parts:
        if part.name.endswith(_DRAWN):
            continue
        drawn = part.with_name(part.name + _DRAWN)
        for path in pictures_in(part):
            photo = read_photo(path)
            photos.append(photo)
            paths.append(path)
            masks.append(
                read_mask(_drawn_for(path, drawn), photo.shape) if drawn.is_dir() else np.zeros(photo.shape[:2], bool)
            )
    cracked = [bool(mask.any()) for mask in masks]
    if len(set(cracked)) < 2:
        missing = "crack-free" if all(cracked) and cracked else "cracked"
        raise MisuseError(f"In {folder} there are no {missing} pictures of fold '{fold}'.")
    return _fold(photos, masks, cracked, [p.stem for p in paths], [f"{p.parent.name}/{p.name}" for p in paths], folder)


def _drawn_for(path: Path, folder: Path) -> Path:
    """The mask of a picture: the file of the same stem, whatever its kind."""
    found = sorted(folder.glob(f"{path.stem}.*"))
    if not found:
        raise MisuseError(f"The picture {path} has no mask in {folder}.")
    return found[0]


def _labelled(folder: Path, fold: str) -> Fold:
    paths: list[Path] = []
    cracked: list[bool] = []
    for label in _LABELS:
        found = pictures_in(folder / label)
        first, last = (round(share * len(found)) for share in _SHARES[fold])
        if first == last:
            raise MisuseError(f"{folder / label} has {len(found)} pictures: too few for a fold '{fold}' of its own.")
        paths += found[first:last]
        cracked += [label == "positive"] * (last - first)
    photos = [read_photo(path) for path in paths]
    return _fold(photos, None, cracked, [p.stem for p in paths], [f"{p.parent.name}/{p.name}" for p in paths], folder)


def _fold(
    photos: list[Photo],
    masks: list[Mask] | None,
    cracked: Sequence[bool | np.bool_],
    groups: Sequence[str],
    names: Sequence[str],
    folder: Path,
) -> Fold:
    return Fold(photos, masks, np.array(cracked, bool), np.array(groups), np.array(names), folder.name)
