"""How wide masks, severities and profiles make cracks of known width: the bias, by width and by the camera's blur.

Straight cracks of one width are painted on procedural walls and photographed in different light and noise. Mask and
severity are the analysis' own; the width of either is its area over its length. The profile is read at stations along
the true course, as a location's openings are.
"""

import csv
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from monitor.analysis import Analyser
from monitor.imaging.sparse_masks import SparseMask
from monitor.opening.following import follow
from monitor.opening.sightings import Sighting
from monitor.records import Severity
from monitor.severity.metrics import measure
from simulations.cracks import Crack
from simulations.rendering import CameraView, coverage, paint, photograph
from simulations.walls import wall

WIDTHS_PX = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 14.0, 20.0)
BLURS_PX = (0.5, 1.0, 2.0)
_SHAPE = (256, 256)
_KINDS = ("plain", "bonded")
#: Stations are laid by the true gap, or along its course where it is thinner than this.
_COURSE_PX = 5.0


@dataclass(frozen=True)
class WidthBias:
    """Measured minus true width in px, of `photos` of one width and blur (standard deviation): median and quartiles of
    those of which a mask was made (`masked`), a severity told (`told`) and an opening could be read (`read`); None
    where there are none.
    """

    width_px: float
    blur_px: float
    photos: int
    masked: int
    mask_low_px: float | None
    mask_px: float | None
    mask_high_px: float | None
    told: int
    told_low_px: float | None
    told_px: float | None
    told_high_px: float | None
    read: int
    profile_low_px: float | None
    profile_px: float | None
    profile_high_px: float | None


def width_biases(
    analyser: Analyser, repeats: int, seed: int, on_photo: Callable[[], None] = lambda: None
) -> list[WidthBias]:
    """The bias of every width and blur, each over so many photos; the same walls and courses for all of them."""
    found = []
    for blur_px in BLURS_PX:
        for width_px in WIDTHS_PX:
            masks, told, profiles = [], [], []
            for photo, crack in _photos(width_px, blur_px, repeats, seed):
                mask, severity = _by_analysis(analyser, photo)
                masks.append(mask)
                told.append(severity)
                profiles.append(_by_profile(photo, crack, width_px))
                on_photo()
            columns: list[float | None] = []
            for part in (masks, told, profiles):
                known = [one for one in part if one is not None]
                columns += [len(known), *_quartiles(known, width_px)]
            found.append(WidthBias(width_px, blur_px, repeats, *columns))
    return found


def _photos(width_px: float, blur_px: float, repeats: int, seed: int) -> Iterator[tuple[NDArray[np.uint8], Crack]]:
    for number in range(repeats):
        rng = np.random.default_rng([seed, number])
        shown = wall(_KINDS[number % len(_KINDS)], _SHAPE, rng)
        crack = _course(rng)
        view = CameraView(
            np.eye(3),
            gain=float(rng.uniform(0.7, 1.2)),
            gradient=(float(rng.uniform(-0.1, 0.1)), float(rng.uniform(-0.1, 0.1))),
            blur_px=blur_px,
            noise=float(rng.uniform(0.004, 0.02)),
        )
        yield photograph(paint(shown.image, coverage(crack, width_px, _SHAPE), rng), view, _SHAPE, rng), crack


def _course(rng: np.random.Generator) -> Crack:
    """A straight crack of one width across most of the picture, in any direction."""
    angle = rng.uniform(0, np.pi)
    middle = np.array(_SHAPE) / 2 + rng.uniform(-12, 12, 2)
    along = np.arange(-0.36 * min(_SHAPE), 0.36 * min(_SHAPE))
    return Crack(middle + along[:, None] * (np.sin(angle), np.cos(angle)), np.ones(len(along)))


def _by_analysis(analyser: Analyser, photo: NDArray[np.uint8]) -> tuple[float | None, float | None]:
    """Of the mask, and of the severity that is told."""
    analysis = analyser.analyse(photo)
    return _width_px(None if analysis.mask is None else measure(analysis.mask)), _width_px(analysis.severity)


def _width_px(size: Severity | None) -> float | None:
    return size.area_px / size.length_px if size is not None and size.length_px > 0 else None


def _by_profile(photo: NDArray[np.uint8], crack: Crack, width_px: float) -> float | None:
    line = coverage(crack, max(width_px, _COURSE_PX), _SHAPE) > 0.5
    readings = follow(0, [Sighting(0, SparseMask.of(line), _SHAPE, np.eye(3))], lambda _: photo).readings
    return readings[0].opening_px if readings else None


def _quartiles(measured: list[float], true_px: float) -> tuple[float | None, float | None, float | None]:
    if not measured:
        return None, None, None
    low, middle, high = (float(value) - true_px for value in np.quantile(measured, [0.25, 0.5, 0.75]))
    return low, middle, high


def write_csv(biases: list[WidthBias], path: Path) -> None:
    """One row a width and blur."""
    with path.open("w", newline="", encoding="utf-8") as lines:
        rows = csv.DictWriter(lines, [field.name for field in fields(WidthBias)], lineterminator="\n")
        rows.writeheader()
        for one in biases:
            rows.writerow({name: _rounded(value) for name, value in asdict(one).items()})


def _rounded(value: float | None) -> float | str:
    return "" if value is None else round(value, 3)


def as_table(biases: list[WidthBias]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """For the report: a row a width, with what masks, severities and profiles make of it at each blur."""
    hows = ("mask", "told", "profile")
    head = ("true width", *(f"{how}, blur {blur:g}" for how in hows for blur in BLURS_PX))
    known = {(one.width_px, one.blur_px): one for one in biases}
    rows = []
    for width in WIDTHS_PX:
        ones = [known[width, blur] for blur in BLURS_PX]
        cells = [_cell(one.mask_low_px, one.mask_px, one.mask_high_px, one.masked, one.photos) for one in ones]
        cells += [_cell(one.told_low_px, one.told_px, one.told_high_px, one.told, one.photos) for one in ones]
        cells += [_cell(one.profile_low_px, one.profile_px, one.profile_high_px, one.read, one.photos) for one in ones]
        rows.append((f"{width:g} px", *cells))
    return head, rows


def _cell(low: float | None, middle: float | None, high: float | None, count: int, photos: int) -> str:
    if middle is None or low is None or high is None:
        return "none"
    part = "" if count == photos else f", {count} of {photos}"
    return f"{middle:+.2f} ({low:+.2f} to {high:+.2f}{part})"


def as_page(biases: list[WidthBias], made: str) -> str:
    """The curve as Markdown; `made` says by which command and where."""
    head, rows = as_table(biases)
    lines = [
        "# How wide cracks are made: bias by width and blur",
        "",
        f"Made by {made}; see `simulations/width_calibration.py`.",
        "",
    ]
    lines += [
        "Measured minus true width in px: median (quartiles) over the photos; where not all gave a value, of how many.",
        "*Mask* is that of the mask's pixels, *told* the size that is stored and shown: by the light across the mask.",
        "Blur is the camera's, as a standard deviation in px. Straight cracks of one width on plain and bonded walls.",
        "",
    ]
    lines += [f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows)]
    return "\n".join([*lines, ""])
