"""Three layouts of data sets are read alike, and what cannot be used is said before anything is taught."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from monitor.errors import MisuseError, UnknownNameError
from simulations.data_sets import layout_of, read_fold
from simulations.teaching_data import check_data, labelled_patches, masked_patches

SIDE = 32


def write(path: Path, picture: NDArray[np.uint8]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture)
    return path


def photo(side: int = 64, level: int = 180, rows: int | None = None) -> NDArray[np.uint8]:
    return np.full((rows or side, side, 3), (level, level + 1, level + 2), np.uint8)


def drawn(side: int = 64, crack: bool = True) -> NDArray[np.uint8]:
    mask = np.zeros((side, side), np.uint8)
    mask[side // 2 : side // 2 + 4] = 255 if crack else 0
    return mask


def masks_layout(folder: Path) -> Path:
    rows = ["file,source_photo,fold"]
    for index, fold in enumerate(("train", "train", "val", "test")):
        write(folder / f"images/{index}.png", photo(level=100 + index))
        write(folder / f"masks/{index}.png", drawn())
        rows.append(f"{index}.png,wall{index // 2},{fold}")
    (folder / "folds.csv").write_text("\n".join(rows))
    return folder


def paper_layout(folder: Path) -> Path:
    for fold in ("train", "valid", "test"):
        for index in range(2):
            write(folder / fold / f"{index}.png", photo(level=100))
            write(folder / f"{fold}_GT" / f"{index}.png", drawn())
    for fold in ("train", "val", "test"):
        for index in range(3):
            write(folder / f"{fold}_negative_verified" / f"n{index}.jpg", photo(level=200))
    return folder


def labels_layout(folder: Path) -> Path:
    for label, level in (("positive", 60), ("negative", 200)):
        for index in range(5):
            write(folder / label / f"{index}.png", photo(level=level + index))
    return folder


LAYOUTS = [("masks", masks_layout), ("paper", paper_layout), ("labels", labels_layout)]


@pytest.mark.parametrize(("name", "made"), LAYOUTS)
@pytest.mark.parametrize("fold", ["train", "val", "test"])
def test_every_layout_is_read_alike(name: str, made: Callable[[Path], Path], fold: str, tmp_path: Path) -> None:
    data = made(tmp_path / "walls")
    assert layout_of(data) == name
    read = read_fold(data, fold)
    count = len(read.photos)
    assert count == {"masks": 2 if fold == "train" else 1, "paper": 5, "labels": 6 if fold == "train" else 2}[name]
    assert len(read.cracked) == len(read.groups) == len(read.names) == count
    assert read.name == "walls"
    assert all(each[0, 0, 0] == each[0, 0, 2] + 2 for each in read.photos if name != "paper")  # red, green, blue
    if read.masks is not None:
        assert [mask.dtype for mask in read.masks] == [bool] * count
        assert [bool(mask.any()) for mask in read.masks] == read.cracked.tolist()
    assert (read.masks is None) == (name == "labels")


def test_labels_come_from_the_folders(tmp_path: Path) -> None:
    read = read_fold(labels_layout(tmp_path), "train")
    assert [each[0, 0, 1] < 100 for each in read.photos] == read.cracked.tolist()
    folds = [set(read_fold(tmp_path, fold).names) for fold in ("train", "val", "test")]
    assert not set.intersection(*folds)
    assert len(set.union(*folds)) == 10


def test_the_papers_negatives_are_those_of_their_own_fold(tmp_path: Path) -> None:
    read = read_fold(paper_layout(tmp_path), "val")
    assert sorted({name.split("/")[0] for name in read.names}) == ["val_negative_verified", "valid"]
    assert read.cracked.tolist() == [name.startswith("valid") for name in read.names]


def test_the_source_photo_is_the_group(tmp_path: Path) -> None:
    assert read_fold(masks_layout(tmp_path), "train").groups.tolist() == ["wall0", "wall0"]


def no_mask(data: Path) -> None:
    (data / "train_GT" / "1.png").unlink()


BAD = [
    ("no pictures in .*positive", labels_layout, lambda data: [p.unlink() for p in (data / "positive").iterdir()]),
    ("no pictures in .*negative", labels_layout, lambda data: [p.unlink() for p in (data / "negative").iterdir()]),
    ("64 x 40 px: patches have to be square", labels_layout,
     lambda data: write(data / "positive/0.png", photo(rows=40))),
    ("too small for patches of 32 px", labels_layout, lambda data: write(data / "negative/0.png", photo(31))),
    ("cannot be read", labels_layout, lambda data: (data / "negative/0.png").write_bytes(b"no picture")),
    ("has no mask in", paper_layout, no_mask),
    ("63 x 63 px, its picture 64 x 64", paper_layout, lambda data: write(data / "train_GT/1.png", drawn(63))),
    ("no pictures in .*val_negative", paper_layout,
     lambda data: [p.unlink() for p in (data / "val_negative_verified").iterdir()]),
    ("not black and white: it has 3 greys, from 0 to 255", masks_layout,
     lambda data: write(data / "masks/0.png", np.where(drawn() > 0, np.arange(64) % 2 * 27 + 228, 0).astype(np.uint8))),
    ("32 x 32 px, its picture 64 x 64", masks_layout, lambda data: write(data / "masks/2.png", drawn(32))),
    ("masks/0.png cannot be read", masks_layout, lambda data: (data / "masks/0.png").unlink()),
    ("No mask of fold 'val' .* holds a crack", masks_layout,
     lambda data: write(data / "masks/2.png", drawn(crack=False))),
    ("No photo of fold 'val' .* has a window of 11 px without a crack", masks_layout,
     lambda data: write(data / "masks/2.png", np.where(np.arange(64)[:, None] % 8 + drawn(crack=False), 0, 255)
                        .astype(np.uint8))),
    ("10 x 10 px: too small for patches of 32 px, which need 11", masks_layout,
     lambda data: (write(data / "images/2.png", photo(10)), write(data / "masks/2.png", drawn(10)))),
    ("has no column fold", masks_layout, lambda data: (data / "folds.csv").write_text("file\n0.png\n")),
    ("lists no picture of fold 'val'", masks_layout,
     lambda data: (data / "folds.csv").write_text("file,fold\n0.png,train\n")),
]  # fmt: skip


@pytest.mark.parametrize(("sentence", "made", "spoil"), BAD)
def test_bad_input_is_named(
    sentence: str, made: Callable[[Path], Path], spoil: Callable[[Path], object], tmp_path: Path
) -> None:
    data = made(tmp_path)
    check_data(data, SIDE)
    spoil(data)
    with pytest.raises(MisuseError, match=sentence):
        check_data(data, SIDE)


def test_unknown_folds_and_folders(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"'dev'\. Known: test, train, val"):
        read_fold(tmp_path, "dev")
    with pytest.raises(MisuseError, match=r"no data set known here: it has neither folds\.csv"):
        read_fold(tmp_path, "val")
    with pytest.raises(MisuseError, match="no masks that people drew"):
        check_data(labels_layout(tmp_path), SIDE, drawn=True)


def test_whole_patches_are_scaled_and_windows_are_cut(tmp_path: Path) -> None:
    taken = labelled_patches(labels_layout(tmp_path / "a"), tmp_path / "pool", "train", 99, SIDE, lambda *_: None)
    assert taken.images.shape == (6, SIDE, SIDE, 3)
    assert sorted(taken.labels) == [0, 0, 0, 1, 1, 1]
    cut = labelled_patches(masks_layout(tmp_path / "b"), tmp_path / "pool", "train", 6, SIDE, lambda *_: None)
    assert cut.images.shape == (6, SIDE, SIDE, 3)
    assert sorted(cut.labels) == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize("made", [masks_layout, paper_layout])
def test_drawn_masks_lie_on_their_cracks(made: Callable[[Path], Path], tmp_path: Path) -> None:
    data = made(tmp_path / "walls")
    for path in [*data.rglob("images/*.png"), *data.glob("train/*.png")]:
        image = photo()
        image[32:36] = 5
        write(path, image)
    images, masks = masked_patches(data, tmp_path / "pool", "train", 5, SIDE, lambda *_: None)
    assert images.shape == (*masks.shape, 3)
    assert masks.dtype == bool
    for image, mask in zip(images, masks, strict=True):
        assert image[mask].mean() < 0.7 * image[~mask].mean()
