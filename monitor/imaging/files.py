"""Picture files: decoded by what they contain, never by what they are called, and written whole or not at all."""

import hashlib
import io
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import BITSPERSAMPLE, TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile
from pillow_heif import HeifImageFile

from monitor.errors import MisuseError, UnreadableImageError
from monitor.records import ByteArray, CaptureTime, TimeSource

ACCEPTED = "JPEG, PNG, TIFF, WebP and HEIC"

#: Decoders by media type. Their classes are called directly: `Image.open` would apply Pillow's own global
#: limit on pixels, and would try every format it knows.
_DECODERS: dict[str, Callable[[IO[bytes]], ImageFile]] = {
    "image/jpeg": JpegImageFile,
    "image/png": PngImageFile,
    "image/tiff": TiffImageFile,
    "image/webp": WebPImageFile,
    "image/heic": HeifImageFile,
}
_SIGNATURES = {
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/tiff": re.compile(rb"II[*+]\0|MM\0[*+]"),
    "image/webp": re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
    "image/heic": re.compile(rb".{4}ftyp(hei[cxms]|hev[cxms]|mif1|msf1)", re.DOTALL),
}
_SIGNATURE_BYTES = 16

#: EXIF orientation -> what brings the picture upright; anything unknown counts as 1.
_UPRIGHT: dict[int, Callable[[ByteArray], ByteArray]] = {
    1: lambda image: image,
    2: lambda image: image[:, ::-1],
    3: lambda image: image[::-1, ::-1],
    4: lambda image: image[::-1],
    5: lambda image: image.swapaxes(0, 1),
    6: lambda image: np.rot90(image, -1),
    7: lambda image: np.rot90(image, 2).swapaxes(0, 1),
    8: lambda image: np.rot90(image),
}
_MODES_8_BIT = {"1", "L", "P", "RGB", "CMYK", "YCbCr", "LAB", "HSV"}
_MODES_ALPHA = {"LA", "La", "PA", "RGBA", "RGBa"}
_EARLIEST_YEAR = 1990
#: OpenCV lays no picture onto another that has a longer side.
_LONGEST_SIDE_PX = 32_766


@dataclass(frozen=True)
class Picture:
    """A decoded photo: `image` uint8 (rows, cols, 3) RGB, upright.

    `exif_time` is the naive wall-clock time of the exposure and `exif_offset` its "+hh:mm" from UTC;
    both are None where the file does not say, or says something impossible.
    """

    image: ByteArray = field(repr=False)
    media_type: str
    exif_time: datetime | None
    exif_offset: str | None


@dataclass(frozen=True)
class PictureFile:
    """What is known of a photo once it was decoded, without its pixels; the times as in `Picture`."""

    media_type: str
    height_px: int
    width_px: int
    exif_time: datetime | None
    exif_offset: str | None


def digest(path: Path) -> str:
    """Sha256 of the file's bytes as 64 hexadecimal digits, read in pieces.

    Raises `UnreadableImageError` when the file is absent or may not be read.
    """
    with _opened(path) as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def read_picture(path: Path, max_megapixels: float, max_file_mb: float, background: str = "white") -> Picture:
    """Decode the photo at `path` to upright 8-bit RGB.

    16-bit grey is divided by 257 (12-bit by its own range) and 16-bit colour keeps its upper byte; alpha goes
    over `background`; of several frames the first counts. The limits are on 10^6 pixels and, fixed, on the longer
    side, checked from the header before anything is decoded, and on 10^6 bytes. Raises `UnreadableImageError` with a
    sentence for the person who sent the file.
    """
    with _opened(path) as handle:
        size = os.fstat(handle.fileno()).st_size
        if size == 0:
            raise UnreadableImageError(f"{path} is empty (0 bytes). Copy it again from the camera.")
        if size > max_file_mb * 1e6:
            raise UnreadableImageError(
                f"{path} has {size / 1e6:.1f} MB, more than the {max_file_mb:g} MB allowed. "
                "Save it smaller, or raise max_file_mb in the settings."
            )
        media_type = _media_type(path, handle.read(_SIGNATURE_BYTES))
        handle.seek(0)
        try:
            return _decode(handle, path, media_type, max_megapixels, background)
        except UnreadableImageError:
            raise
        except Exception as error:  # on damaged files decoders raise anything from SyntaxError to struct.error
            raise UnreadableImageError(
                f"{path} is damaged or incomplete and cannot be decoded as {media_type} "
                f"({' '.join(str(error).split())}). "
                "Copy it again from the camera."
            ) from error


def capture_time(picture: Picture | PictureFile, path: Path, zone: ZoneInfo) -> CaptureTime:
    """When the photo was taken, in UTC: EXIF with its own offset, else EXIF as the site's clock, else the file's time.

    A site time that occurs twice (clocks go back) is taken as the first of the two; one that never occurs
    (clocks go forward) is moved on by the gap, as a clock that was not put forward would have shown it.
    Raises `UnreadableImageError` when the file's modification time is needed and the file is gone.
    """
    if picture.exif_time is None:
        with _opened(path) as handle:
            modified = os.fstat(handle.fileno()).st_mtime
        return CaptureTime(datetime.fromtimestamp(modified, UTC), TimeSource.FILE)
    if picture.exif_offset is not None:
        at = datetime.fromisoformat(picture.exif_time.isoformat() + picture.exif_offset)
        return CaptureTime(at.astimezone(UTC), TimeSource.EXIF_OFFSET)
    at = picture.exif_time.replace(tzinfo=zone, fold=0)
    return CaptureTime(at.astimezone(UTC), TimeSource.EXIF_SITE_ZONE)


def write_png(path: Path, array: NDArray[Any]) -> None:
    """Write `array` as PNG, whole or not at all.

    bool (rows, cols) becomes 0/255; uint8 (rows, cols) or (rows, cols, 3) is kept; floats (rows, cols) are
    relevance: its largest value becomes 255, zero and below 0. Raises `MisuseError` for anything else.
    """
    _write(path, _as_bytes(array), "PNG")


def write_jpeg(path: Path, image: ByteArray, quality: int) -> None:
    """Write uint8 (rows, cols) or (rows, cols, 3) RGB as JPEG of `quality` 1..95, whole or not at all."""
    _write(path, _as_bytes(image), "JPEG", quality=quality)


def _opened(path: Path) -> io.BufferedReader:
    try:
        if path.exists() and not path.is_file():
            raise UnreadableImageError(f"{path} is not a file. Name a picture file ({ACCEPTED}).")
        return path.open("rb")
    except FileNotFoundError as error:
        raise UnreadableImageError(f"{path} does not exist. Check the name, or copy the file again.") from error
    except PermissionError as error:
        raise UnreadableImageError(
            f"{path} may not be read by this account. Give it permission to read the file."
        ) from error
    except OSError as error:
        raise UnreadableImageError(
            f"{path} cannot be opened ({error.strerror}). Check the disk or share that it lies on."
        ) from error


def _media_type(path: Path, head: bytes) -> str:
    for media_type, signature in _SIGNATURES.items():
        if signature.match(head):
            return media_type
    raise UnreadableImageError(
        f"{path} does not contain a picture of an accepted format, whatever its name says. Send one of {ACCEPTED}."
    )


def _decode(handle: IO[bytes], path: Path, media_type: str, max_megapixels: float, background: str) -> Picture:
    with _DECODERS[media_type](handle) as picture:
        megapixels = picture.width * picture.height / 1e6
        if megapixels > max_megapixels:
            raise UnreadableImageError(
                f"{path} has {megapixels:.1f} megapixels, more than the {max_megapixels:g} allowed. "
                "Save it smaller, or raise max_megapixels in the settings."
            )
        if max(picture.size) > _LONGEST_SIDE_PX:
            raise UnreadableImageError(
                f"{path} is {picture.width} x {picture.height} px; no side may be longer than {_LONGEST_SIDE_PX} px. "
                "Cut it, or save it smaller."
            )
        time, offset = _exposure_time(picture)
        picture.load()  # also turns TIFF and HEIC upright, which then say so
        upright = _UPRIGHT.get(_orientation(picture), _UPRIGHT[1])
        image = np.ascontiguousarray(upright(_rgb(picture, path, media_type, background)))
    return Picture(image, media_type, time, offset)


def _rgb(picture: ImageFile, path: Path, media_type: str, background: str) -> ByteArray:
    # Before Pillow 11 a 16-bit grey PNG came as mode "I".
    if picture.mode.startswith("I;16") or (picture.mode == "I" and media_type == "image/png"):
        bits = picture.tag_v2[BITSPERSAMPLE][0] if isinstance(picture, TiffImageFile) else 16
        grey = np.asarray(picture, dtype=np.float32) * (255 / (2**bits - 1))
        return np.repeat(np.rint(grey).astype(np.uint8)[..., None], 3, axis=2)
    if picture.mode in _MODES_ALPHA or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        return np.asarray(Image.alpha_composite(Image.new("RGBA", layer.size, background), layer).convert("RGB"))
    if picture.mode in _MODES_8_BIT:
        return np.asarray(picture.convert("RGB"))
    raise UnreadableImageError(
        f"{path} stores its pixels as '{picture.mode}' numbers, which have no defined black and white. "
        "Save it with 8 or 16 bits per channel."
    )


def _orientation(picture: ImageFile) -> int:
    try:
        return int(picture.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # a damaged EXIF block says nothing; the pixels may still be sound
        return 1


def _exposure_time(picture: ImageFile) -> tuple[datetime | None, str | None]:
    try:
        details = picture.getexif().get_ifd(ExifTags.IFD.Exif)
        seconds = str(details[ExifTags.Base.DateTimeOriginal]).strip("\0 ")
        fraction = re.sub(r"\D", "", str(details.get(ExifTags.Base.SubsecTimeOriginal, "")))
        # Which zone this clock showed is decided later, in capture_time.
        time = datetime.strptime(f"{seconds}.{fraction[:6] or 0}", "%Y:%m:%d %H:%M:%S.%f")  # noqa: DTZ007
    except Exception:  # absent, nonsense such as 0000:00:00, or a damaged EXIF block
        return None, None
    if time.year < _EARLIEST_YEAR:
        return None, None
    offset = str(details.get(ExifTags.Base.OffsetTimeOriginal, "")).strip("\0 ")
    return time, offset if re.fullmatch(r"[+-]([01]\d|2[0-3]):[0-5]\d", offset) else None


def _as_bytes(array: NDArray[Any]) -> ByteArray:
    if array.dtype == np.bool_ and array.ndim == 2:
        return np.where(array, 255, 0).astype(np.uint8)
    if array.dtype == np.uint8 and (array.ndim == 2 or array.shape[2:] == (3,)):
        return array
    if array.dtype.kind == "f" and array.ndim == 2 and np.isfinite(array).all():
        positive = np.maximum(array, 0).astype(np.float64)
        scaled = positive / (positive.max(initial=0) or 1.0) * 255
        return np.asarray(np.rint(scaled), dtype=np.uint8)
    raise MisuseError(
        f"An array of {array.dtype} with shape {array.shape} is no picture: "
        "give a bool mask, uint8 grey or RGB, or finite relevance."
    )


def _write(path: Path, pixels: ByteArray, kind: str, **options: int) -> None:
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, kind, **options)
    write_whole(path, encoded.getvalue())


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{uuid4().hex}.part")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
