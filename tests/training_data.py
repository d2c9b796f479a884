"""A handful of small photos in the layout of the real data sets that networks are trained on."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np


def write_training_data(folder: Path) -> Path:
    """Photos of 96 px whose lower half is cracked, two to a fold, and crack-free textures."""
    rng = np.random.default_rng(0)
    for index in range(6):
        _write(folder / f"textures/{index}.png", rng.integers(150, 190, (64, 64, 3), dtype=np.uint8))
    for name in ("masonry_dais", "uav75"):
        for index in range(4):
            image = rng.integers(150, 190, (96, 96, 3), dtype=np.uint8)
            mask = np.zeros((96, 96), np.uint8)
            mask[70:76] = 255
            image[mask > 0] = 10
            _write(folder / name / f"images/{index}.png", image)
            _write(folder / name / f"masks/{index}.png", mask)
        rows = ["file,fold", "0.png,train", "1.png,train", "2.png,val", "3.png,val"]
        (folder / name / "folds.csv").write_text("\n".join(rows))
    return folder


def _write(path: Path, image: np.ndarray[Any, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)
