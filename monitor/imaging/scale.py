"""Millimetres per pixel, each with its standard error and where it came from."""

import math
from dataclasses import dataclass

from monitor.errors import MisuseError
from monitor.imaging.markers import find_markers
from monitor.imaging.perspective import MOST_VARIATION, Perspective, perspective
from monitor.records import ByteArray, Scale, ScaleOrigin

#: Relative standard error of a typed scale whose author gave none: a tape read once.
TYPED_RELATIVE_ERROR = 0.02
#: An angle found with at least this probability is stated as a fact.
_SURE = 0.9
_SMALLEST_SIDE_PX = 40.0


@dataclass(frozen=True)
class MarkerScale:
    """Outcome of looking for a marker: a scale, or the reason why there is none."""

    scale: Scale | None
    reason: str | None


def scale_typed(mm_per_px: float, standard_error: float | None = None) -> Scale:
    """A scale that a person states, in mm per pixel; without a standard error 2 % of it is assumed.

    Raises `MisuseError` unless the scale is positive and the error not negative.
    """
    error = TYPED_RELATIVE_ERROR * mm_per_px if standard_error is None else standard_error
    if not (0 < mm_per_px < math.inf and 0 <= error < math.inf):
        raise MisuseError(f"A scale of {mm_per_px} ± {error} mm per pixel makes no sense: give positive numbers.")
    return Scale(mm_per_px, error, ScaleOrigin.TYPED)


def scale_from_points(
    first: tuple[float, float], second: tuple[float, float], distance_mm: float, click_error_px: float = 1.0
) -> Scale:
    """The scale from two (row, col) points a known `distance_mm` apart, on a wall photographed square on.

    Two points cannot show an angle: seen at one, the scale holds between them only, and along their line.
    `click_error_px` is the standard error of either click along the line between them. Raises
    `MisuseError` when the points are closer than ten click errors or the distance is not positive.
    """
    distance_px = math.dist(first, second)
    if not 0 < distance_mm < math.inf:
        raise MisuseError(f"A distance of {distance_mm} mm makes no sense: give the distance on the wall.")
    if not distance_px > 10 * click_error_px:
        raise MisuseError(
            f"The two points are only {distance_px:.1f} px apart, too close for clicks that are off by "
            f"{click_error_px:g} px. Choose points further apart."
        )
    mm_per_px = distance_mm / distance_px
    error = mm_per_px * math.sqrt(2) * click_error_px / distance_px
    return Scale(mm_per_px, error, ScaleOrigin.TWO_POINTS)


def scale_from_marker(image: ByteArray, side_mm: float) -> MarkerScale:
    """The scale from one ArUco or AprilTag 36h11 marker in `image` uint8 (rows, cols[, 3]), the whole photo.

    `side_mm` is the outer side of the marker's black square, flat on the wall. mm per pixel is that at the marker; its
    standard error joins the error of the corners with how far the scale is to be expected from it elsewhere in
    the photo, seen at an angle (see `perspective`). Where that is more than `MOST_VARIATION`, or no, several or
    a tiny marker is found, there is a reason instead of a scale.
    """
    if not 0 < side_mm < math.inf:
        raise MisuseError(f"A marker side of {side_mm} mm makes no sense: measure its black square.")
    found = find_markers(image)
    if len(found) != 1:
        how_many = "No marker was" if not found else f"{len(found)} markers were"
        return MarkerScale(None, f"{how_many} found. Leave exactly one flat, sharp and wholly in the picture.")
    seen = perspective(found[0], image.shape[:2], side_mm)
    if seen.side_px < _SMALLEST_SIDE_PX:
        return MarkerScale(None, f"The marker is only {seen.side_px:.0f} px wide. Go closer or print it larger.")
    if seen.variation > MOST_VARIATION:
        return MarkerScale(None, _at_an_angle(seen) if seen.surely_varies > _SURE else _not_square_on(seen))
    error = math.hypot(seen.standard_error, seen.variation * seen.mm_per_px)
    return MarkerScale(Scale(seen.mm_per_px, error, ScaleOrigin.MARKER), None)


def _at_an_angle(seen: Perspective) -> str:
    where = ""
    if seen.edges is not None:
        (less, smaller), (more, larger) = seen.edges
        where = f": 1 px is {smaller:.3g} mm at the {less} of the photo and {larger:.3g} mm at the {more}"
    return (
        f"The wall is seen at about {seen.tilt_deg:.0f} degrees{where}. No one scale holds for such a photo. "
        "Photograph the wall square on, with the marker near the middle."
    )


def _not_square_on(seen: Perspective) -> str:
    # What is wholly open has no meaningful figure.
    off = f"{100 * seen.variation:.1f} %" if seen.variation < 0.5 else "more than half"
    return (
        f"The marker is {seen.side_px:.0f} px wide and does not show that the wall is seen square on: it could be at "
        f"{seen.tilt_deg:.0f} degrees, and millimetres {off} off elsewhere in the photo, where "
        f"{100 * MOST_VARIATION:.0f} % is allowed. Photograph the wall square on, with a larger marker near the middle."
    )
