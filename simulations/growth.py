"""Growth over time: laws in millimetres, and the growth protocol of the seed paper in pixels."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.morphology import skeletonize

from monitor.errors import UnknownNameError

Law = Callable[[float], float]


def steady(start: float, per_year: float) -> Law:
    """A straight line through `start` at time 0."""
    return lambda years: start + per_year * years


def seasonal(start: float, amplitude: float, per_year: float = 0.0) -> Law:
    """A yearly sine of `amplitude` on top of a straight line."""
    return lambda years: start + per_year * years + amplitude * float(np.sin(2 * np.pi * years))


def step(start: float, jump: float, at_years: float) -> Law:
    """Nothing, then a jump."""
    return lambda years: start + (jump if years >= at_years else 0.0)


def since(at_years: float, start: float, per_year: float) -> Law:
    """Closed until `at_years`; from then on a straight line through `start`."""
    return lambda years: start + per_year * (years - at_years) if years >= at_years else 0.0


def stop_go(start: float, per_year: float, period_years: float = 0.5) -> Law:
    """`per_year` on average, all of it in the first half of each period; still in the second."""

    def law(years: float) -> float:
        whole, part = divmod(years, period_years)
        return start + per_year * (whole * period_years + min(2 * part, period_years))

    return law


def accelerating(start: float, per_year: float, doubling_years: float) -> Law:
    """A rate that doubles every `doubling_years`."""
    scale = per_year * doubling_years / np.log(2)
    return lambda years: start + scale * (2 ** (years / doubling_years) - 1)


@dataclass(frozen=True)
class PaperFrame:
    """One step of the paper's artificial growth: uint8 `image` (rows, cols, 3) and its true bool `mask`."""

    image: NDArray[np.uint8]
    mask: NDArray[np.bool_]


def _ellipse(side: int) -> NDArray[np.uint8]:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)).astype(np.uint8)


#: footprint of one growth step: `published` is the code's 5x5 ellipse, `paper` the text's radius 5
FOOTPRINTS: dict[str, int] = {"published": 5, "paper": 11}
#: By so much one `published` dilation widens a crack.
DILATION_WIDTH_PX = 4.0


def paper_trajectory(
    background: NDArray[np.uint8],
    crack_mask: NDArray[np.bool_],
    crack_colour: NDArray[np.uint8],
    footprint: str = "published",
    steps: int = 6,
) -> Iterator[PaperFrame]:
    """Grow a mask's skeleton by one dilation a step and paint it on a crack-free picture.

    Forest et al. 2024, section 4.4 (doi:10.1016/j.autcon.2024.105497). `background` (rows, cols, 3) and
    `crack_mask` (rows, cols) have the same size; `crack_colour` (3,) is the darkest colour of the positive
    picture. The published code makes 6 frames and scores the first 5.
    """
    if footprint not in FOOTPRINTS:
        raise UnknownNameError("growth footprint", footprint, FOOTPRINTS)
    grown = skeletonize(crack_mask).astype(np.uint8)
    for _ in range(steps):
        grown = cv2.dilate(grown, _ellipse(FOOTPRINTS[footprint]))
        mask = grown.astype(bool)
        image = background.copy()
        image[mask] = crack_colour
        yield PaperFrame(image, mask)


def darkest_colour(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The colour (3,) of the darkest pixel of a picture (rows, cols, 3)."""
    return np.asarray(image.reshape(-1, 3)[image.sum(axis=2, dtype=int).argmin()], np.uint8)
