"""Where a photo was taken leaves with nobody who is not to know."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from monitor.imaging.positions import without_position as cleaned_file

PIXELS = np.random.default_rng(0).integers(0, 255, (24, 32, 3), dtype=np.uint8)
Cleaned = Callable[[bytes, str], tuple[bytes, str] | None]
TAKEN = "2026:03:01 09:30:00"


def photo(kind: str, *, located: bool, **options: object) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = TAKEN
    if located:
        exif.get_ifd(ExifTags.IFD.GPSInfo).update(
            {ExifTags.GPS.GPSLatitudeRef: "N", ExifTags.GPS.GPSLatitude: (52, 31, 0)}
        )
    written = io.BytesIO()
    Image.fromarray(PIXELS).save(written, kind, exif=exif, **options)
    return written.getvalue()


@pytest.fixture
def without_position(tmp_path: Path) -> Cleaned:
    """What becomes of a file of that content."""

    def found(content: bytes, media_type: str) -> tuple[bytes, str] | None:
        (tmp_path / "photo").write_bytes(content)
        return cleaned_file(tmp_path / "photo", media_type)

    return found


def read(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def test_a_jpeg_loses_its_position_and_nothing_else(without_position: Cleaned) -> None:
    located = photo("JPEG", located=True)
    assert read(located).getexif().get_ifd(ExifTags.IFD.GPSInfo), "otherwise this test shows nothing"
    found = without_position(located, "image/jpeg")
    assert found is not None
    cleaned, suffix = found
    exif = read(cleaned).getexif()
    assert suffix == ".jpg"
    assert not exif.get_ifd(ExifTags.IFD.GPSInfo)
    assert exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] == TAKEN
    assert exif[ExifTags.Base.Orientation] == 6
    assert np.array_equal(np.asarray(read(cleaned)), np.asarray(read(located)))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_photo_without_a_position_is_left_as_it_is(without_position: Cleaned, kind: str) -> None:
    assert without_position(photo(kind, located=False), f"image/{kind.lower()}") is None


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("WEBP", {"lossless": True})])
def test_of_other_formats_only_the_upright_pixels_are_kept(
    without_position: Cleaned, kind: str, options: dict[str, object]
) -> None:
    found = without_position(photo(kind, located=True, **options), f"image/{kind.lower()}")
    assert found is not None
    cleaned, suffix = found
    assert suffix == ".png"
    assert not read(cleaned).getexif()
    assert np.array_equal(np.asarray(read(cleaned)), np.rot90(PIXELS, -1))


def test_a_position_written_out_in_xmp_goes_as_well(without_position: Cleaned) -> None:
    packet = b"http://ns.adobe.com/xap/1.0/\0<x exif:GPSLatitude='52,31N'/>"
    plain = photo("JPEG", located=False)
    segment = b"\xff\xe1" + (len(packet) + 2).to_bytes(2, "big") + packet
    found = without_position(plain[:2] + segment + plain[2:], "image/jpeg")
    assert found is not None
    assert b"GPSLatitude" not in found[0]


def test_a_second_picture_behind_the_first_takes_no_position_along(without_position: Cleaned) -> None:
    found = without_position(photo("JPEG", located=False) + photo("JPEG", located=True), "image/jpeg")
    assert found is not None
    assert found[1] == ".png"
    assert np.asarray(read(found[0])).shape == (32, 24, 3)
