"""Pictures the analysis made, on disk under the hash of their content; the database keeps the path."""

import hashlib
from pathlib import Path

import cv2
import numpy as np

from monitor.imaging.files import write_jpeg, write_png
from monitor.imaging.overlays import overlay, relevance_picture
from monitor.records import Analysis, BoolArray, ByteArray

_QUALITY = 90


def keep_pictures(analysis: Analysis, folder: Path) -> dict[str, str]:
    """Write what the analysis shows below `folder`; returns name -> path relative to it.

    Names: `aligned`, `mask`, `relevance`, `overlay`; whatever the analysis does not have is left out.
    """
    kept: dict[str, str] = {}
    if analysis.aligned is not None:
        kept["aligned"] = keep(analysis.aligned, folder, ".jpg")
    if analysis.mask is not None:
        kept["mask"] = keep(analysis.mask, folder, ".png")
    if analysis.relevance is not None:
        kept["relevance"] = keep(relevance_picture(analysis.relevance), folder, ".png")
    if analysis.aligned is not None and analysis.mask is not None:
        kept["overlay"] = keep(overlay(analysis.aligned, analysis.mask, analysis.relevance), folder, ".jpg")
    return kept


def keep(picture: ByteArray | BoolArray, folder: Path, suffix: str) -> str:
    """Write one picture under the sha256 of its pixels unless it is there already; returns the relative path."""
    head = f"{picture.shape}{picture.dtype}".encode()
    name = hashlib.sha256(head + np.ascontiguousarray(picture).tobytes()).hexdigest()
    relative = f"{name[:2]}/{name}{suffix}"
    path = folder / relative
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        if suffix == ".jpg":
            write_jpeg(path, np.asarray(picture, np.uint8), _QUALITY)
        else:
            write_png(path, picture)
    return relative


def read_mask(path: Path) -> BoolArray | None:
    """A kept mask, bool (rows, cols); None when it is not there."""
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    return None if picture is None else np.asarray(picture > 127)
