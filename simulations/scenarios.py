"""Named series of photographs with known truth, written as a person's camera would leave them.

Every capture is the same wall with the same crack, opened as the scenario's law says, seen from a slightly
other place in other light. The first capture is the reference: square-on, so that its scale is the truth's.
"""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial import cKDTree

from monitor.errors import MisuseError, UnknownNameError
from simulations.cracks import Crack, crack_in
from simulations.distractors import shadow, stain
from simulations.growth import (
    DILATION_WIDTH_PX,
    Law,
    accelerating,
    darkest_colour,
    paper_trajectory,
    seasonal,
    steady,
    step,
)
from simulations.rendering import CameraView, Halves, bent, coverage, paint, parted, photograph, random_view
from simulations.walls import Picture, Wall, wall

TRUTH_COLUMNS = ("file", "captured_at", "opening_mm", "area_mm2", "max_width_mm", "length_mm", "mm_per_px")
#: When a series starts unless told otherwise.
FIRST_CAPTURE = datetime(2025, 3, 3, 10, 0, tzinfo=UTC)
_MARGIN_PX = 80
_EXIF_TIME, _EXIF_OFFSET = 36867, 36881


@dataclass(frozen=True)
class Scenario:
    """What happens to a wall: `opening_mm` and `length_share` (of the crack's full course) over years.

    Under the `paper` protocol (Forest et al. 2024, section 4.4) the crack's skeleton is dilated once a capture
    instead, and painted in one colour on the same photo of a sound wall; neither camera nor light change.
    `parts`: the halves of the wall move apart as the crack opens (else the gap is only painted on). `pose` and `light`
    scale how differently captures are taken (see `random_view`); `weather` is the chance of a shadow edge or a wet
    patch in a capture, `lens` the most by which the lens shifts a corner, as a share of its distance from the middle.
    """

    name: str
    description: str
    opening_mm: Law
    length_share: Law = lambda _: 1.0
    wall_kind: str = "bonded"
    course_mm: float = 75.0
    captures: int = 15
    interval_days: float = 30.4375
    shape: tuple[int, int] = (960, 1280)
    mm_per_px: float = 0.5
    pose: float = 1.0
    light: float = 1.0
    protocol: Literal["camera", "paper"] = "camera"
    parts: bool = True
    weather: float = 0.0
    lens: float = 0.0


SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        Scenario("dormant", "an old crack that does not move", steady(2.5, 0.0)),
        Scenario("seasonal", "opens and closes by 0.3 mm through the year, no growth", seasonal(2.5, 0.3)),
        Scenario("growing", "opens by 2.4 mm a year and runs on", steady(1.5, 2.4), steady(0.7, 0.2)),
        Scenario("growing_seasonal", "1.2 mm a year with a yearly swing of 0.3 mm", seasonal(1.5, 0.3, 1.2)),
        Scenario("step", "jumps by 1.5 mm after seven months", step(1.5, 1.5, 0.58)),
        Scenario("accelerating", "0.6 mm a year, doubling every six months", accelerating(1.5, 0.6, 0.5)),
        Scenario("crack_free", "a sound wall", steady(0.0, 0.0)),
        Scenario("plaster", "grows by 1.2 mm a year in plain plaster", steady(1.0, 1.2), wall_kind="plain"),
        Scenario(
            "paper",
            "the growth protocol of Forest et al. 2024: one dilation by a 5x5 ellipse a capture",
            steady(0.43 * (1 + DILATION_WIDTH_PX), 0.43 * DILATION_WIDTH_PX * 12),
            captures=5,
            mm_per_px=0.43,
            protocol="paper",
        ),
    )
}


def scenario(name: str) -> Scenario:
    """The scenario of that name; `UnknownNameError` lists the known ones."""
    if name not in SCENARIOS:
        raise UnknownNameError("scenario", name, SCENARIOS)
    return SCENARIOS[name]


@dataclass(frozen=True)
class Truth:
    """What one simulated capture really shows, from geometry. Times are UTC; `crack` lies in the first capture's
    pixels.
    """

    file: str
    captured_at: datetime
    opening_mm: float
    area_mm2: float
    max_width_mm: float
    length_mm: float
    mm_per_px: float
    crack: Crack | None = None

    def opening_px_at(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """True opening (n,) where the crack passes nearest to `points` (n, 2) of the reference's frame, (row, col).

        0 without a crack; raises `MisuseError` under the `paper` protocol, whose truth is a mask.
        """
        if self.crack is None:
            raise MisuseError("The paper's protocol knows its cracks as masks only, not where they gape how far.")
        _, nearest = cKDTree(self.crack.path).query(points)
        return np.asarray(self.crack.profile[nearest] * self.opening_mm / self.mm_per_px)

    def as_row(self) -> list[str]:
        """The values in the order of `TRUTH_COLUMNS`."""
        numbers = (self.opening_mm, self.area_mm2, self.max_width_mm, self.length_mm, self.mm_per_px)
        return [self.file, self.captured_at.isoformat(), *(f"{value:.5f}" for value in numbers)]


@dataclass(frozen=True)
class _Stage:
    """The wall and crack that all captures of one series share, in canvas pixels."""

    wall: Wall
    crack: Crack
    darkness: float
    halves: Halves | None

    def cracked(self, crack: Crack, opening_px: float, seed: int) -> Picture:
        """The wall with the crack gaping `opening_px`; the gap's own grain is the same for the same `seed`."""
        image = self.wall.image if self.halves is None else parted(self.wall.image, self.halves, crack, opening_px)
        gap = coverage(crack, opening_px, self.wall.joints.shape)
        return paint(image, gap, np.random.default_rng(seed), self.darkness)


def _stage(chosen: Scenario, rng: np.random.Generator) -> _Stage:
    canvas = (chosen.shape[0] + 2 * _MARGIN_PX, chosen.shape[1] + 2 * _MARGIN_PX)
    base = wall(chosen.wall_kind, canvas, rng, chosen.course_mm / chosen.mm_per_px)
    start = (_MARGIN_PX + 0.12 * chosen.shape[0], _MARGIN_PX + chosen.shape[1] * rng.uniform(0.25, 0.4))
    end = (_MARGIN_PX + 0.88 * chosen.shape[0], _MARGIN_PX + chosen.shape[1] * rng.uniform(0.6, 0.75))
    crack = crack_in(base, rng, start, end, joint_pull=float(rng.uniform(0.2, 1.5))).widest_first()
    halves = Halves.of(crack.path, canvas) if chosen.parts else None
    return _Stage(base, crack, float(rng.uniform(0.05, 0.15)), halves)


def _shifted(view: CameraView) -> CameraView:
    """The view for canvas pixels: the photo's frame starts one margin inside the canvas."""
    shift = np.eye(3)
    shift[:2, 2] = -_MARGIN_PX
    return replace(view, matrix=view.matrix @ shift)


def captures(
    chosen: Scenario, seed: int, start: datetime = FIRST_CAPTURE
) -> Iterator[tuple[Truth, NDArray[np.uint8], CameraView]]:
    """Yield truth, photo uint8 (rows, cols, 3) and view of every capture, in order of time."""
    rng = np.random.default_rng(seed)
    if chosen.protocol == "paper":
        yield from _dilated(chosen, rng, start)
        return
    stage = _stage(chosen, rng)
    full_length = stage.crack.length_px()
    for index in range(chosen.captures):
        days = index * chosen.interval_days + (rng.uniform(-3, 3) if index else 0.0)
        years = days / 365.25
        opening_px = chosen.opening_mm(years) / chosen.mm_per_px
        crack = stage.crack.grown_to(min(chosen.length_share(years), 1.0) * full_length)
        cracked = stage.cracked(crack, opening_px, seed + 1)
        if index and rng.random() < chosen.weather:
            cracked = np.clip((shadow if rng.random() < 0.5 else stain)(cracked, rng), 0, 1)
        random = random_view(chosen.shape, rng, chosen.pose, chosen.light)
        view = random if index else CameraView(np.eye(3))
        photo = photograph(cracked, _shifted(view), chosen.shape, rng)
        if index and chosen.lens:
            photo = bent(photo, float(rng.uniform(-chosen.lens, chosen.lens)))
        captured_at = (start + timedelta(days=days)).replace(microsecond=0)
        yield _truth(chosen, crack, opening_px, captured_at, index), photo, view


def _dilated(
    chosen: Scenario, rng: np.random.Generator, start: datetime
) -> Iterator[tuple[Truth, NDArray[np.uint8], CameraView]]:
    """The captures of the paper's protocol. Their truth is the painted mask's, as in the paper."""
    base = wall(chosen.wall_kind, chosen.shape, rng, chosen.course_mm / chosen.mm_per_px)
    view = CameraView(np.eye(3))
    sound = photograph(base.image, view, chosen.shape, rng)
    rows, cols = chosen.shape
    crack = crack_in(base, rng, (0.12 * rows, 0.3 * cols), (0.88 * rows, 0.7 * cols))
    gap = coverage(crack, 3.0, chosen.shape)
    cracked = photograph(paint(base.image, gap, rng), view, chosen.shape, rng)
    frames = paper_trajectory(sound, gap > 0.5, darkest_colour(cracked), steps=chosen.captures)
    for index, frame in enumerate(frames):
        width_px = 1.0 + DILATION_WIDTH_PX * (index + 1)
        truth = Truth(
            file=f"{chosen.name}_{index:03d}.jpg",
            captured_at=(start + timedelta(days=index * chosen.interval_days)).replace(microsecond=0),
            opening_mm=width_px * chosen.mm_per_px,
            area_mm2=float(frame.mask.sum()) * chosen.mm_per_px**2,
            max_width_mm=width_px * chosen.mm_per_px,
            length_mm=(crack.length_px() + width_px) * chosen.mm_per_px,
            mm_per_px=chosen.mm_per_px,
        )
        yield truth, frame.image, view


def _truth(chosen: Scenario, crack: Crack, opening_px: float, captured_at: datetime, index: int) -> Truth:
    scale, there = chosen.mm_per_px, opening_px > 0
    return Truth(
        file=f"{chosen.name}_{index:03d}.jpg",
        captured_at=captured_at,
        opening_mm=opening_px * scale,
        area_mm2=crack.area_px(opening_px) * scale**2,
        max_width_mm=float(crack.profile.max()) * opening_px * scale if there else 0.0,
        length_mm=crack.length_px() * scale if there else 0.0,
        mm_per_px=scale,
        crack=replace(crack, path=crack.path - _MARGIN_PX),
    )


def save_photo(path: Path, photo: NDArray[np.uint8], captured_at: datetime, quality: int) -> None:
    """Write a JPEG with its capture time and offset in EXIF, as a phone does."""
    exif = Image.Exif()
    details = exif.get_ifd(0x8769)
    details[_EXIF_TIME] = captured_at.strftime("%Y:%m:%d %H:%M:%S")
    details[_EXIF_OFFSET] = captured_at.strftime("%z")[:3] + ":" + captured_at.strftime("%z")[3:]
    Image.fromarray(photo).save(path, quality=quality, exif=exif)


def write_series(
    chosen: Scenario,
    seed: int,
    out: Path,
    on_capture: Callable[[int, int], None] = lambda _done, _total: None,
    start: datetime = FIRST_CAPTURE,
) -> list[Truth]:
    """Write all captures of a scenario and `truth.csv` into `out`; returns the truths.

    Raises `MisuseError` when `out` already holds a series.
    """
    if (out / "truth.csv").exists():
        raise MisuseError(f"{out} already holds a simulated series. Choose another folder.")
    out.mkdir(parents=True, exist_ok=True)
    truths = []
    for truth, photo, view in captures(chosen, seed, start):
        save_photo(out / truth.file, photo, truth.captured_at, view.jpeg_quality)
        truths.append(truth)
        on_capture(len(truths), chosen.captures)
    with (out / "truth.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(TRUTH_COLUMNS)
        writer.writerows(truth.as_row() for truth in truths)
    return truths
