"""Pictures for reports: small enough for paper, JPEG without any metadata."""

import io
import math
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from monitor.errors import UnreadableImageError
from monitor.imaging.files import read_picture
from monitor.imaging.overlays import OUTLINE_RGB
from monitor.records import ByteArray
from monitor.reports.contents import LocationReport
from monitor.storage.views import CaptureView, CrackView

_LONGEST_SIDE_PX = 1400
_QUALITY = 85


def plan_picture(plans: Path, name: str) -> bytes | None:
    """The location plan that is on file, None where there is none."""
    image = _read(plans / f"{name}.jpg")
    return None if image is None else _jpeg(image)


def reference_picture(report: LocationReport, pictures: Path) -> bytes | None:
    """The reference with the courses and names of the cracks drawn in; None where it is not on disk."""
    image = None if report.reference is None else _stored(report.reference, pictures, "aligned")
    if image is None:
        return None
    drawn = image.copy()
    for view in report.cracks:
        _draw_course(drawn, view)
    return _jpeg(drawn)


def latest_picture(report: LocationReport, pictures: Path) -> bytes | None:
    """The newest capture that told of its cracks, what was found in it outlined; None where it is not on disk."""
    newest = report.newest
    if newest is None or newest.is_reference:
        return None
    image = _stored(newest, pictures, "overlay")
    image = _stored(newest, pictures, "aligned") if image is None else image
    return None if image is None else _jpeg(image)


def _stored(capture: CaptureView, pictures: Path, name: str) -> ByteArray | None:
    stored = {} if capture.reading is None else capture.reading.pictures
    return _read(pictures / stored[name]) if name in stored else None


def _read(path: Path) -> ByteArray | None:
    try:
        return read_picture(path, math.inf, math.inf).image
    except UnreadableImageError:
        return None


def _draw_course(image: ByteArray, view: CrackView) -> None:
    width = 1 + max(image.shape[:2]) // 700
    points = np.rint(view.crack.course[:, ::-1]).astype(np.int32)
    cv2.polylines(image, [points], isClosed=False, color=OUTLINE_RGB, thickness=width)
    at = (int(points[0, 0]) + 4 * width, max(int(points[0, 1]), 14 * width))
    for color, thickness in (((255, 255, 255), 4 * width), ((0, 0, 0), width)):  # black on a white rim
        cv2.putText(image, view.crack.name, at, cv2.FONT_HERSHEY_SIMPLEX, 0.5 * width, color, thickness)


def _jpeg(image: ByteArray) -> bytes:
    picture = Image.fromarray(image)
    picture.thumbnail((_LONGEST_SIDE_PX, _LONGEST_SIDE_PX))
    written = io.BytesIO()
    picture.save(written, "JPEG", quality=_QUALITY)
    return written.getvalue()
