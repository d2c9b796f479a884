"""The wall and the cracks that all captures of one series share, in canvas pixels: the photo's frame with a margin.

A crack beside the main one belongs to the wall that the main crack parts: it moves with the lip that it lies on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from monitor.errors import UnknownNameError
from simulations.cracks import Crack, crack_in
from simulations.rendering import CameraView, Halves, coverage, heights, paint, parted
from simulations.walls import Picture, Shape, Wall, wall

#: So much more of the wall than the first capture shows is there on every side.
MARGIN_PX = 80
#: What may be beside the main crack: an arm that branches off it, and a crack elsewhere.
BESIDE = ("arm", "new")


@dataclass(frozen=True)
class Stage:
    """One wall with its main `crack` and those `beside` it, by name, whose gaps show `darkness` of the wall's light.

    `halves`: how the wall parts along the main crack, None where gaps are only painted on; `heights_px` (rows, cols):
    how far the wall stands out of its plane, None where it is flat.
    """

    wall: Wall
    crack: Crack
    darkness: float
    halves: Halves | None
    beside: Mapping[str, Crack] = field(default_factory=dict)
    heights_px: Picture | None = None

    def cracked(
        self, crack: Crack, opening_px: float, seed: int, beside: Sequence[tuple[Crack, float]] = ()
    ) -> Picture:
        """The wall with the main crack gaping `opening_px` and others theirs; a gap's own grain is the same for the
        same `seed`.
        """
        image = self.wall.image
        for other, other_px in beside:
            image = self._opened(image, other, other_px, seed + 1, _halves_of(other, image))
        return self._opened(image, crack, opening_px, seed, self.halves)

    def _opened(self, image: Picture, crack: Crack, opening_px: float, seed: int, halves: Halves | None) -> Picture:
        moved = image if halves is None or self.halves is None else parted(image, halves, crack, opening_px)
        gap = coverage(crack, opening_px, self.wall.joints.shape)
        return paint(moved, gap, np.random.default_rng(seed), self.darkness)


def _halves_of(crack: Crack, image: Picture) -> Halves:
    """A crack beside the main one moves the wall near to it only."""
    return Halves.of(crack.path, (image.shape[0], image.shape[1]), yielding_px=60.0)


def make_stage(
    shape: Shape,
    rng: np.random.Generator,
    wall_kind: str,
    course_px: float,
    *,
    parts: bool = True,
    beside: Sequence[str] = (),
    relief_px: float = 0.0,
) -> Stage:
    """A wall for photos of `shape` with a crack from its top to its bottom. `beside` are some of `BESIDE`."""
    canvas = (shape[0] + 2 * MARGIN_PX, shape[1] + 2 * MARGIN_PX)
    base = wall(wall_kind, canvas, rng, course_px)
    start, end = _place(shape, 0.12, rng.uniform(0.25, 0.4)), _place(shape, 0.88, rng.uniform(0.6, 0.75))
    crack = crack_in(base, rng, start, end, joint_pull=float(rng.uniform(0.2, 1.5))).widest_first()
    halves = Halves.of(crack.path, canvas) if parts else None
    stage = Stage(base, crack, float(rng.uniform(0.05, 0.15)), halves)
    # Drawn apart, so that what lies beside a crack changes nothing about the crack itself.
    apart = np.random.default_rng(rng.bit_generator.random_raw()) if beside or relief_px else rng
    return replace(
        stage,
        beside={name: _crack_beside(stage, shape, name, apart) for name in beside},
        heights_px=heights(base.joints, relief_px, apart) if relief_px else None,
    )


def _place(shape: Shape, down: float, right: float) -> tuple[float, float]:
    """A place of the photo's frame, as shares of its sides, in canvas pixels."""
    return MARGIN_PX + down * shape[0], MARGIN_PX + right * shape[1]


def _crack_beside(stage: Stage, shape: Shape, name: str, rng: np.random.Generator) -> Crack:
    if name == "arm":
        middle = stage.crack.path[len(stage.crack.path) // 2]
        start, end = (float(middle[0]), float(middle[1])), _place(shape, 0.25, 0.9)
    elif name == "new":
        start, end = _place(shape, 0.5, rng.uniform(0.06, 0.12)), _place(shape, 0.92, rng.uniform(0.2, 0.3))
    else:
        raise UnknownNameError("crack beside the main one", name, BESIDE)
    return crack_in(stage.wall, rng, start, end, joint_pull=0.5, least_share=0.0)


def in_frame(crack: Crack) -> Crack:
    """A crack of the canvas, in the pixels of the photo's frame."""
    return replace(crack, path=crack.path - MARGIN_PX)


def shifted(view: CameraView) -> CameraView:
    """The view for canvas pixels: the photo's frame starts one margin inside the canvas."""
    shift = np.eye(3)
    shift[:2, 2] = -MARGIN_PX
    return replace(view, matrix=view.matrix @ shift)
