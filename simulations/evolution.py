"""Real crack evolution, painted on crack-free walls and photographed again: does the pipeline see it grow?

The maps are those of four stone walls under rising load (epfl_rs_crackmaps, EESD, EPFL, MIT licence); between the two
states of each pair area and length grow.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from monitor.analysis import Analyser
from monitor.records import Analysis
from simulations.patches import read_photo
from simulations.rendering import CameraView, paint, photograph, random_view
from simulations.validation.figures import Figure, number
from simulations.validation.trials import known_cracks
from simulations.walls import wall

#: Wall, and the drift (%) of the earlier and the later state: each pair grows.
PAIRS = (
    ("RS1", "neg_drift_0.26", "neg_drift_0.33"),
    ("RS1", "pos_drift_0.37", "pos_drift_0.48"),
    ("RS2", "neg_drift_0.17", "neg_drift_0.26"),
    ("RS2", "pos_drift_0.12", "pos_drift_0.32"),
    ("RS3", "neg_drift_0.08", "neg_drift_0.13"),
    ("RS3", "pos_drift_0.16", "pos_drift_0.56"),
    ("RS4", "pos_drift_0.24", "pos_drift_0.38"),
    ("RS4", "pos_drift_0.38", "pos_drift_0.44"),
)
#: Maps are made smaller by this, so that a wall is a photo of some 7 megapixels.
_SHRINK = 0.5
#: Whose photo of the later state does not show all of the earlier crack is told so, and takes another one: this many.
_MOST_PHOTOS = 3


@dataclass(frozen=True)
class Evolution:
    """True and measured size of the cracks in both states of one pair, area in px and length in px; the true length is
    not known from a map without judgement, so that only its sign counts. None: not measured, in none of the `photos`
    that were taken of the later state.
    """

    wall: str
    true_area_px: tuple[float, float]
    area_px: tuple[float | None, float | None]
    length_px: tuple[float | None, float | None]
    photos: int

    def grows(self, sizes: tuple[float | None, float | None]) -> bool:
        """Whether the later of two measured sizes is the larger; what was not measured does not count as growth."""
        before, after = sizes
        return before is not None and after is not None and after > before


def evolutions(
    data: Path, analyser: Analyser, seed: int, on_pair: Callable[[int, int], None] = lambda _done, _total: None
) -> list[Evolution]:
    """Every pair, on a wall of its own; `data` holds `epfl_rs_crackmaps`."""
    found = []
    for index, (name, before, after) in enumerate(PAIRS):
        folder = data / "epfl_rs_crackmaps" / "series" / name
        maps = [_coverage(folder / f"{state}.png") for state in (before, after)]
        found.append(_evolution(name, maps, analyser, np.random.default_rng([seed, index])))
        on_pair(index + 1, len(PAIRS))
    return found


def grown(found: Sequence[Evolution]) -> dict[str, Figure]:
    """Of how many pairs the pipeline saw area and length grow."""
    return {
        "evolution_area_grows": number([pair.grows(pair.area_px) for pair in found]),
        "evolution_length_grows": number([pair.grows(pair.length_px) for pair in found]),
        "evolution_photographed_again": number([pair.photos > 1 for pair in found]),
    }


def _coverage(path: Path) -> NDArray[np.float32]:
    crack = (read_photo(path, cv2.IMREAD_GRAYSCALE) > 127).astype(np.float32)
    return np.asarray(cv2.resize(crack, None, fx=_SHRINK, fy=_SHRINK, interpolation=cv2.INTER_AREA), np.float32)


def _evolution(name: str, maps: list[NDArray[np.float32]], analyser: Analyser, rng: np.random.Generator) -> Evolution:
    shape = maps[0].shape[0], maps[0].shape[1]
    base = wall("rubble", shape, rng, 180.0)
    darkness = float(rng.uniform(0.05, 0.15))
    grain = int(rng.integers(2**31))
    shown = [paint(base.image, covered, np.random.default_rng(grain), darkness) for covered in maps]
    reference = photograph(shown[0], CameraView(np.eye(3)), shape, rng)
    first = analyser.analyse(reference)
    photos, second = 0, None
    while photos < _MOST_PHOTOS and (second is None or second.severity is None):
        repeat = photograph(shown[1], random_view(shape, rng), shape, rng)
        second = analyser.analyse(repeat, reference, known_cracks(first))
        photos += 1
    assert second is not None, "one photo is taken at least"
    return Evolution(
        wall=name,
        true_area_px=(float(maps[0].sum()), float(maps[1].sum())),
        area_px=(_size(first, "area_px"), _size(second, "area_px")),
        length_px=(_size(first, "length_px"), _size(second, "length_px")),
        photos=photos,
    )


def _size(analysis: Analysis, name: str) -> float | None:
    return None if analysis.severity is None else float(getattr(analysis.severity, name))
