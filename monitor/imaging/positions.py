"""Photos without the place they were taken at: phones write it into the file."""

import io
import math
import struct
from pathlib import Path

from PIL import ExifTags, Image
from pillow_heif import HeifImageFile

from monitor.imaging.files import read_picture

_EXIF = b"Exif\0\0"
_APP1, _START_OF_SCAN = 0xE1, 0xDA
_MOST_BYTES = 65533


def without_position(path: Path, media_type: str) -> tuple[bytes, str] | None:
    """A photo without its GPS position, and the suffix that its file name then has to have; None: it holds none.

    A JPEG keeps its pixels to the bit and the rest of its EXIF, such as the time; of any other format only the pixels
    are kept, upright, as PNG. Where it is not sure whether there is a position, the photo counts as holding one.
    """
    content = path.read_bytes()
    if not _may_hold_position(content, media_type):
        return None
    cleaned = _spliced(content) if media_type == "image/jpeg" else None
    return (_pixels(path), ".png") if cleaned is None else (cleaned, ".jpg")


def _may_hold_position(content: bytes, media_type: str) -> bool:
    if any(word in content for word in (b"GPSLatitude", b"GPSLongitude", b"GPSCoordinates")):  # XMP writes it out
        return True
    try:
        with _opened(content, media_type) as picture:
            return bool(picture.getexif().get_ifd(ExifTags.IFD.GPSInfo)) or content.count(_EXIF) > 1
    except Exception:  # a damaged EXIF block may still be read by others
        return True


def _opened(content: bytes, media_type: str) -> Image.Image:
    file = io.BytesIO(content)
    return HeifImageFile(file) if media_type == "image/heic" else Image.open(file)


def _spliced(content: bytes) -> bytes | None:
    """A JPEG with its EXIF block written anew and no XMP; None where that cannot be done for sure."""
    kept, place = [content[:2]], 2
    while place + 4 <= len(content) and content[place] == 0xFF:
        marker, length = content[place + 1], struct.unpack(">H", content[place + 2 : place + 4])[0]
        segment = content[place : place + 2 + length]
        if marker == _START_OF_SCAN:
            rest = content[place:]
            # A second picture behind the first, as some phones add, has an EXIF block of its own.
            return None if _EXIF in rest or b"ns.adobe.com/xap" in rest else b"".join([*kept, rest])
        if marker != _APP1:
            kept.append(segment)
        elif segment[4:10] == _EXIF:
            kept.append(_without_gps(segment[4:]))
        place += 2 + length
    return None


def _without_gps(block: bytes) -> bytes:
    exif = Image.Exif()
    exif.load(block)
    if ExifTags.IFD.GPSInfo in exif:
        del exif[ExifTags.IFD.GPSInfo]
    written = exif.tobytes()
    if len(written) > _MOST_BYTES:
        return b""
    return bytes([0xFF, _APP1]) + struct.pack(">H", len(written) + 2) + written


def _pixels(path: Path) -> bytes:
    written = io.BytesIO()
    Image.fromarray(read_picture(path, math.inf, math.inf).image).save(written, "PNG")
    return written.getvalue()
