"""How much the millimetres per pixel differ over a photo of a wall, told by the four corners of a printed square.

The camera is taken for a pinhole with square pixels and its axis through the middle of the photo; its focal length
need not be known. Lens distortion is ignored. A square seen at a slant is foreshortened, and its far side is shorter
than its near one. A small square shows the first but not the second, and so leaves open which side is the far one
(Collins and Bartoli 2014, doi:10.1007/s11263-014-0725-5): all slants that explain the corners are weighed by how well
they do, and not the likeliest alone taken.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.records import FloatArray

Numbers = NDArray[np.float64]
Complexes = NDArray[np.complex128]

#: The scale at the square holds for the whole photo when it differs by no more: relative, RMS over places and
#: directions. In simulated photos it is 0.02 at 2 degrees (0.04 in the furthest corner), 0.04 at 5 degrees (0.11).
MOST_VARIATION = 0.05
#: Standard error of a corner along one axis: of finding it, in px (simulated: 0.02, of 40 px markers 0.05) ...
CORNER_ERROR_PX = 0.05
#: ... and of printing it, as a share of the square's side.
PRINT_ERROR = 0.0005
#: Focal lengths weighed alike, as shares of the photo's longer side (22 to 86 mm where film is 36 mm wide).
_FOCAL_SHARES = (0.6, 0.85, 1.2, 1.7, 2.4)
#: Slants weighed, as tangents along columns and along rows: up to 54 degrees each, finest around none.
_SLANTS = 1.4 * np.sinh(np.linspace(-3, 3, 121)) / np.sinh(3)
#: What explains the corners this much worse than the best is left out.
_NEGLIGIBLE = 1e-6
#: 95 % of the squared misfits of two surplus measurements are smaller (chi squared); a larger one widens the error.
_GOOD_MISFIT = 5.99
#: 1 over the wall's distance becomes 0 at its horizon, and the scale infinite: it is bounded here.
_HORIZON = 0.05
#: The square with side 1 as complex numbers, column + i row, clockwise.
_SQUARE = np.array([-1 - 1j, 1 - 1j, 1 + 1j, -1 + 1j]) / 2
#: Places a side over which the photo is averaged.
_PLACES = 9
#: The middles of the photo's edges, as shares of half its size.
_EDGES = {"left": (-1, 0), "right": (1, 0), "top": (0, -1), "bottom": (0, 1)}


@dataclass(frozen=True)
class Perspective:
    """What a square of `side_px` (root of its area) tells about the scale over the photo.

    `mm_per_px` is the scale at the square, mean of all directions, with the `standard_error` that comes of the corners.
    `variation` is how far from it the scale is to be expected elsewhere: relative, RMS over the photo's places and
    directions. `surely_varies` is the probability that this is more than `MOST_VARIATION`. `tilt_deg` lies between
    the camera's axis and the wall's normal. `edges` are two opposite edges of the photo with the mm per px at their
    middles, the smaller first; None when it is open at which one it is smaller.
    """

    side_px: float
    mm_per_px: float
    standard_error: float
    variation: float
    surely_varies: float
    tilt_deg: float
    edges: tuple[tuple[str, float], tuple[str, float]] | None


@dataclass(frozen=True)
class _Views:
    """Ways to look at the wall a X + b Y + Z = 1 (Z along the camera's axis), all of shape (n, 1)."""

    a: Numbers
    b: Numbers
    focal_px: Numbers

    @property
    def steepness(self) -> Numbers:
        """1 over the cosine of the tilt."""
        return np.sqrt(1 + self.a**2 + self.b**2)

    def chosen(self, which: NDArray[np.bool_]) -> "_Views":
        return _Views(self.a[which], self.b[which], self.focal_px[which])

    def nearness(self, places: FloatArray) -> tuple[Numbers, Numbers, Numbers]:
        """1 / Z, and the ray's X / Z and Y / Z, at `places` (p, 2), (col, row) px from the photo's middle: (n, p)."""
        x, y = places[:, 0] / self.focal_px, places[:, 1] / self.focal_px
        return 1 + self.a * x + self.b * y, x, y

    def to_wall(self, places: FloatArray) -> Complexes:
        """Places in the wall's plane, free of perspective, as complex numbers (n, p)."""
        near, x, y = self.nearness(places)
        # The root of the plane's metric I + (a, b)(a, b)^T undoes the foreshortening along (a, b).
        along = (self.a * x + self.b * y) / (1 + self.steepness)
        return np.asarray((x + along * self.a + 1j * (y + along * self.b)) / near, dtype=np.complex128)

    def to_photo(self, wall: Complexes) -> Complexes:
        """The inverse of `to_wall`: px from the photo's middle, column + i row."""
        along = (self.a * wall.real + self.b * wall.imag) / (1 + self.steepness) / self.steepness
        x, y = wall.real - along * self.a, wall.imag - along * self.b
        return np.asarray(self.focal_px * (x + 1j * y) / (1 - self.a * x - self.b * y), dtype=np.complex128)

    def scale(self, places: FloatArray) -> tuple[Numbers, Numbers]:
        """Lengths on the wall per px, (n, p): geometric mean of the two main directions, and sum of their squares."""
        near, x, y = self.nearness(places)
        near = np.maximum(near, _HORIZON)
        mean = np.sqrt(self.steepness / near**3) / self.focal_px
        # Derivatives of the wall's point (x, y, 1) / near by x and by y.
        squares = (
            (1 - self.a * x / near) ** 2
            + (1 - self.b * y / near) ** 2
            + ((self.a * y) ** 2 + (self.b * x) ** 2 + self.a**2 + self.b**2) / near**2
        )
        return mean, squares / (near * self.focal_px) ** 2


def perspective(corners: FloatArray, shape: tuple[int, ...], side_mm: float) -> Perspective:
    """What a square with sides of `side_mm` tells about the scale over a photo of `shape` (rows, cols).

    `corners` (4, 2) are (col, row), clockwise, for example of a marker.
    """
    middle = (np.array([shape[1], shape[0]]) - 1) / 2
    side_px = _side_px(corners)
    error_px = float(np.hypot(CORNER_ERROR_PX, PRINT_ERROR * side_px))
    views, weights, side = _explain(corners - middle, max(shape[:2]), error_px)
    of_square = side_px / side  # makes lengths on the wall per px relative to the square's
    steps = (np.arange(_PLACES) + 0.5) / _PLACES * 2 - 1
    mean, squares = views.scale(np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2) * middle)
    # Mean of (s - 1)^2 over the two main directions, whose s have the product mean^2 and the sum of squares given.
    differs = of_square**2 * squares / 2 - of_square * np.sqrt(squares + 2 * mean**2) + 1
    of_view = differs.mean(axis=1)
    at_edges, _ = views.scale(np.array(list(_EDGES.values())) * middle)
    mm_per_px = side_mm / side_px
    return Perspective(
        side_px=side_px,
        mm_per_px=mm_per_px,
        standard_error=mm_per_px * error_px / (np.sqrt(2) * side_px),
        variation=float(np.sqrt(weights @ of_view)),
        surely_varies=float(weights @ (of_view > MOST_VARIATION**2)),
        tilt_deg=float(weights @ np.degrees(np.arccos(1 / views.steepness[:, 0]))),
        edges=_unlike_edges(np.log(mm_per_px * of_square * at_edges), weights),
    )


def _side_px(corners: FloatArray) -> float:
    col, row = corners.T
    return float(np.sqrt(abs(col @ np.roll(row, -1) - row @ np.roll(col, -1)) / 2))


def _explain(corners: FloatArray, longer_px: int, error_px: float) -> tuple[_Views, Numbers, Numbers]:
    """Views that explain the corners, px from the photo's middle, with their weights (n,), which sum to 1, and the
    length of the square's side on the wall (n, 1).

    All slants were equally likely before. Place, turn and size of the square are fitted to each.
    """
    focal_px = np.array(_FOCAL_SHARES) * longer_px
    views = _Views(*(part.reshape(-1, 1) for part in np.meshgrid(_SLANTS, _SLANTS, focal_px, indexing="ij")))
    step = np.gradient(_SLANTS)
    prior = np.repeat(np.outer(step, step).ravel(), len(focal_px))
    in_front = views.nearness(corners)[0].min(axis=1) > _HORIZON
    views, prior = views.chosen(in_front), prior[in_front]
    wall = views.to_wall(corners)
    side = wall @ _SQUARE.conj()[:, None] / np.sum(np.abs(_SQUARE) ** 2)
    fitted = views.to_photo(wall.mean(axis=1, keepdims=True) + side * _SQUARE)
    misfit = np.sum(np.abs(fitted - (corners[:, 0] + 1j * corners[:, 1])) ** 2, axis=1) / error_px**2
    misfit /= max(1.0, misfit.min() / _GOOD_MISFIT)
    weights = prior * np.exp((misfit.min() - misfit) / 2)
    kept = weights > _NEGLIGIBLE * weights.max()
    return views.chosen(kept), weights[kept] / weights[kept].sum(), np.abs(side[kept])


def _unlike_edges(logarithms: Numbers, weights: Numbers) -> tuple[tuple[str, float], tuple[str, float]] | None:
    """Of left and right, top and bottom the pair more unlike, by logarithms (n, 4) of the scale at all four edges."""
    rises = logarithms[:, 1::2] - logarithms[:, ::2]
    rise = weights @ rises
    pair = int(np.argmax(np.abs(rise)))
    if abs(rise[pair]) < 2 * np.sqrt(weights @ (rises[:, pair] - rise[pair]) ** 2):
        return None
    scales = np.exp(weights @ logarithms)
    ends = [(name, float(scale)) for name, scale in zip(_EDGES, scales, strict=True)][2 * pair : 2 * pair + 2]
    smaller, larger = sorted(ends, key=lambda end: end[1])
    return smaller, larger
