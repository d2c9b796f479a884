"""How far a reading may be trusted, from what is known of its photo: grade A, B or C, with reasons for a person.

Grades say how like the reference a capture was taken, not how large its crack is. C readings are kept and shown,
but neither move a verdict nor raise an alarm.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from monitor.imaging.photometry import exposure, grey, sharpness
from monitor.records import BoolArray, ByteArray, Grade, Grading, Registration

#: Sharpness is compared after shrinking to this longer side: sensor noise of large photos is no detail.
_COMPARED_PX = 1600
_DETAIL_PX = 12.0


@dataclass(frozen=True)
class GradeLimits:
    """From where on a reading is only B, and from where on C; each pair is (B, C).

    `residual_px` that the registration leaves; `overlap` with the reference; `agreement`, the correlation of the two
    pictures; `sharpness`, the capture's as a share of the reference's; `clipped`, the share of pixels that are
    black or white beyond what the reference has; `margin` of the crack probability over its threshold (B only).
    """

    residual_px: tuple[float, float] = (1.0, 2.0)
    overlap: tuple[float, float] = (0.85, 0.7)
    agreement: tuple[float, float] = (0.55, 0.4)
    sharpness: tuple[float, float] = (0.55, 0.3)
    clipped: tuple[float, float] = (0.05, 0.2)
    margin: float = 0.05


DEFAULT_LIMITS = GradeLimits()


def graded(
    reference: ByteArray,
    aligned: ByteArray,
    seen: BoolArray,
    registration: Registration,
    margin: float | None = None,
    limits: GradeLimits = DEFAULT_LIMITS,
) -> Grading:
    """The grade of a capture that was laid onto its reference.

    `reference` and `aligned` are uint8 (rows, cols, 3) in one frame, `seen` bool (rows, cols) is where the capture
    has pixels; `margin` is how far the crack probability lies above the threshold, None without a crack.
    """
    light, known = grey(aligned), grey(reference)
    share = _sharpness(light, seen) / max(_sharpness(known, seen), 1e-9)
    clipped = exposure(light[seen][None]) - exposure(known[seen][None]) if seen.any() else 0.0
    found = [
        _over(registration.residual_px, limits.residual_px, "its best part is {:.1f} px off the reference"),
        _under(registration.overlap, limits.overlap, "it shows only {:.0%} of the reference"),
        _under(registration.agreement, limits.agreement, "its light is unlike the reference's (agreement {:.2f})"),
        _under(share, limits.sharpness, "it is blurred: {:.0%} of the reference's detail is left"),
        _over(clipped, limits.clipped, "{:.0%} more of it than of the reference is black or glaring"),
    ]
    if margin is not None and margin < limits.margin:
        found.append((Grade.B, "the crack is only just told from a sound wall"))
    reasons = [(grade, text) for grade, text in found if grade is not Grade.A]
    worst = max((grade for grade, _ in reasons), default=Grade.A)
    return Grading(worst, tuple(text for _, text in reasons))


def _sharpness(light: ByteArray, seen: BoolArray) -> float:
    filled = np.where(seen, light, np.uint8(128))
    shrink = min(1.0, _COMPARED_PX / max(filled.shape))
    size = max(1, round(filled.shape[1] * shrink)), max(1, round(filled.shape[0] * shrink))
    small = cv2.resize(filled, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    # Shadows and gradients are contrast, too, but none that blur takes away.
    flat = small - cv2.GaussianBlur(small, (0, 0), _DETAIL_PX) + 128
    return sharpness(np.clip(np.rint(flat), 0, 255).astype(np.uint8))


def _over(value: float | None, limits: tuple[float, float], text: str) -> tuple[Grade, str]:
    if value is None or value <= limits[0]:
        return Grade.A, ""
    return Grade.C if value > limits[1] else Grade.B, text.format(value)


def _under(value: float | None, limits: tuple[float, float], text: str) -> tuple[Grade, str]:
    if value is None or value >= limits[0]:
        return Grade.A, ""
    return Grade.C if value < limits[1] else Grade.B, text.format(value)
