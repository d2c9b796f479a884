"""Named series of photographs with known truth, written as a person's camera would leave them.

Every capture is the same wall with the same crack, opened as the scenario's law says, seen from a slightly
other place in other light. The first capture is the reference: square-on, so that its scale is the truth's.
"""

import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial import cKDTree

from monitor.errors import MisuseError, UnknownNameError
from monitor.severity.metrics import measure
from simulations.cracks import Crack, crack_in
from simulations.distractors import shadow, stain
from simulations.growth import (
    DILATION_WIDTH_PX,
    Law,
    accelerating,
    darkest_colour,
    paper_trajectory,
    seasonal,
    since,
    steady,
    step,
    stop_go,
)
from simulations.rendering import CameraView, bent, coverage, paint, photograph, random_view, with_parallax
from simulations.stages import Stage, in_frame, make_stage, shifted
from simulations.walls import Shape, wall

TRUTH_COLUMNS = ("file", "captured_at", "opening_mm", "area_mm2", "max_width_mm", "length_mm", "mm_per_px")
#: When a series starts unless told otherwise.
FIRST_CAPTURE = datetime(2025, 3, 3, 10, 0, tzinfo=UTC)
_EXIF_TIME, _EXIF_OFFSET = 36867, 36881


@dataclass(frozen=True)
class Scenario:
    """What happens to a wall: `opening_mm` over years, and how far the crack has run: from `from_share` to
    `length_share` of its full course. `beside` are further cracks, each with an opening of its own.

    Under the `paper` protocol (Forest et al. 2024, section 4.4) the crack's skeleton is dilated once a capture
    instead, and painted in one colour on the same photo of a sound wall; neither camera nor light change.
    `parts`: the halves of the wall move apart as the crack opens (else the gap is only painted on). `pose` and `light`
    scale how differently captures are taken (see `random_view`); `weather` is the chance of a shadow edge or a wet
    patch in a capture, `lens` the most by which the lens shifts a corner, as a share of its distance from the middle;
    `relief_mm` is how far the wall stands out of its plane here and there. The captures numbered in `missing` were
    never taken; those of a series that is `shuffled` come, and are named, in any order, the reference first.
    """

    name: str
    description: str
    opening_mm: Law
    length_share: Law = lambda _: 1.0
    from_share: Law = lambda _: 0.0
    beside: Mapping[str, Law] = field(default_factory=dict)
    wall_kind: str = "bonded"
    course_mm: float = 75.0
    captures: int = 15
    interval_days: float = 30.4375
    shape: Shape = (960, 1280)
    mm_per_px: float = 0.5
    pose: float = 1.0
    light: float = 1.0
    protocol: Literal["camera", "paper"] = "camera"
    parts: bool = True
    weather: float = 0.0
    lens: float = 0.0
    relief_mm: float = 0.0
    missing: tuple[int, ...] = ()
    shuffled: bool = False

    @property
    def order(self) -> list[int]:
        """The numbers of the captures that were taken, in order of time."""
        return [index for index in range(self.captures) if index not in self.missing]

    @property
    def mm_per_year(self) -> float:
        """How fast the crack opens from the first capture to the last, on average."""
        years = (self.captures - 1) * self.interval_days / 365.25
        return (self.opening_mm(years) - self.opening_mm(0.0)) / years


SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        Scenario("dormant", "an old crack that does not move", steady(2.5, 0.0)),
        Scenario("seasonal", "opens and closes by 0.3 mm through the year, no growth", seasonal(2.5, 0.3)),
        Scenario("growing", "opens by 2.4 mm a year and runs on", steady(1.5, 2.4), steady(0.7, 0.2)),
        Scenario("growing_seasonal", "1.2 mm a year with a yearly swing of 0.3 mm", seasonal(1.5, 0.3, 1.2)),
        Scenario("step", "jumps by 1.5 mm after seven months", step(1.5, 1.5, 0.58)),
        Scenario("accelerating", "0.6 mm a year, doubling every six months", accelerating(1.5, 0.6, 0.5)),
        Scenario("stop_go", "2.4 mm a year, in two bursts with rests between", stop_go(1.5, 2.4)),
        Scenario(
            "tip_growth",
            "runs on at both ends and hardly opens",
            steady(2.0, 0.1),
            steady(0.7, 0.2),
            steady(0.2, -0.15),
        ),
        Scenario(
            "branching",
            "opens by 1.2 mm a year, and an arm branches off after four months",
            steady(2.0, 1.2),
            beside={"arm": since(0.34, 1.0, 1.2)},
        ),
        Scenario(
            "new_crack",
            "an old crack that does not move, and a new one after five months",
            steady(2.5, 0.0),
            beside={"new": since(0.42, 1.0, 1.2)},
        ),
        Scenario("gaps", "1.2 mm a year; half a year without photos", steady(1.5, 1.2), missing=(4, 5, 6, 7, 8, 9)),
        Scenario("out_of_order", "1.2 mm a year; the photos come in any order", steady(1.5, 1.2), shuffled=True),
        Scenario("relief", "1.2 mm a year, in a wall that is not flat", steady(1.5, 1.2), pose=2.0, relief_mm=3.0),
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
    pixels, `beside` are the others with their openings. Area and length are those of all cracks together.
    """

    file: str
    captured_at: datetime
    opening_mm: float
    area_mm2: float
    max_width_mm: float
    length_mm: float
    mm_per_px: float
    crack: Crack | None = None
    beside: tuple[tuple[Crack, float], ...] = ()

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


def captures(
    chosen: Scenario, seed: int, start: datetime = FIRST_CAPTURE, stage: Stage | None = None
) -> Iterator[tuple[Truth, NDArray[np.uint8], CameraView]]:
    """Yield truth, photo uint8 (rows, cols, 3) and view of every capture, in order of time unless it is `shuffled`.

    `stage` is the wall to take them of, by default one made for `seed`.
    """
    rng = np.random.default_rng(seed)
    if chosen.protocol == "paper":
        yield from _dilated(chosen, rng, start)
        return
    stage = stage or _stage(chosen, rng)
    full_length = stage.crack.length_px()
    order = chosen.order
    if chosen.shuffled:
        order = [order[0], *np.random.default_rng([seed, 1]).permutation(order[1:]).tolist()]
    for place, index in enumerate(order):
        days = index * chosen.interval_days + (rng.uniform(-3, 3) if index else 0.0)
        years = days / 365.25
        opening_px = chosen.opening_mm(years) / chosen.mm_per_px
        run = (min(share(years), 1.0) * full_length for share in (chosen.length_share, chosen.from_share))
        crack = stage.crack.grown_to(*run)
        beside = tuple(
            (other, max(chosen.beside[name](years), 0.0) / chosen.mm_per_px) for name, other in stage.beside.items()
        )
        cracked = stage.cracked(crack, opening_px, seed + 1, beside)
        if index and rng.random() < chosen.weather:
            cracked = np.clip((shadow if rng.random() < 0.5 else stain)(cracked, rng), 0, 1)
        random = random_view(chosen.shape, rng, chosen.pose, chosen.light)
        view = random if index else CameraView(np.eye(3))
        if stage.heights_px is not None:
            cracked = with_parallax(cracked, stage.heights_px, view, chosen.shape)
        photo = photograph(cracked, shifted(view), chosen.shape, rng)
        if index and chosen.lens:
            photo = bent(photo, float(rng.uniform(-chosen.lens, chosen.lens)))
        captured_at = (start + timedelta(days=days)).replace(microsecond=0)
        yield _truth(chosen, crack, opening_px, captured_at, place, beside), photo, view


def _stage(chosen: Scenario, rng: np.random.Generator) -> Stage:
    return make_stage(
        chosen.shape,
        rng,
        chosen.wall_kind,
        chosen.course_mm / chosen.mm_per_px,
        parts=chosen.parts,
        beside=tuple(chosen.beside),
        relief_px=chosen.relief_mm / chosen.mm_per_px,
    )


def _dilated(
    chosen: Scenario, rng: np.random.Generator, start: datetime
) -> Iterator[tuple[Truth, NDArray[np.uint8], CameraView]]:
    """The captures of the paper's protocol. Their truth is the painted mask's, as in the paper: its area, and its
    maximum width as the service measures it in a mask. (A dilated line is wider where it bends than where it is
    straight.)
    """
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
            max_width_mm=measure(frame.mask).max_width_px * chosen.mm_per_px,
            length_mm=(crack.length_px() + width_px) * chosen.mm_per_px,
            mm_per_px=chosen.mm_per_px,
        )
        yield truth, frame.image, view


def _truth(
    chosen: Scenario,
    crack: Crack,
    opening_px: float,
    captured_at: datetime,
    place: int,
    beside: tuple[tuple[Crack, float], ...],
) -> Truth:
    scale = chosen.mm_per_px
    gaping = [(each, width) for each, width in ((crack, opening_px), *beside) if width > 0]
    return Truth(
        file=f"{chosen.name}_{place:03d}.jpg",
        captured_at=captured_at,
        opening_mm=opening_px * scale,
        area_mm2=sum(each.area_px(width) for each, width in gaping) * scale**2,
        max_width_mm=max((float(each.profile.max()) * width for each, width in gaping), default=0.0) * scale,
        length_mm=sum(each.length_px() for each, _ in gaping) * scale,
        mm_per_px=scale,
        crack=in_frame(crack),
        beside=tuple((in_frame(each), width * scale) for each, width in beside),
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
        on_capture(len(truths), len(chosen.order))
    with (out / "truth.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(TRUTH_COLUMNS)
        writer.writerows(truth.as_row() for truth in truths)
    return truths
