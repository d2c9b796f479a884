"""Decoding, refusing and dating picture files, and writing them whole."""

import hashlib
import io
import os
import struct
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pillow_heif
import pytest
from numpy.typing import NDArray
from PIL import ExifTags, Image

from monitor.errors import MisuseError, UnreadableImageError
from monitor.imaging.files import Picture, capture_time, digest, read_picture, write_jpeg, write_png
from monitor.records import TimeSource

pillow_heif.register_heif_opener()

ZURICH = ZoneInfo("Europe/Zurich")
MEDIA_TYPES = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "TIFF": "image/tiff",
    "WEBP": "image/webp",
    "HEIF": "image/heic",
}
LOSSLESS = {"PNG": {}, "TIFF": {}, "WEBP": {"lossless": True}}


def scene() -> Image.Image:
    """A smooth colour ramp, 48 rows by 64 columns, that lossy formats keep within a few levels."""
    rows, cols = np.mgrid[0:48, 0:64]
    return Image.fromarray(np.stack([4 * cols, 5 * rows, 255 - 2 * cols - 2 * rows], axis=-1).astype(np.uint8))


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def stored(folder: Path, content: bytes, name: str = "photo.bin") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def read(path: Path) -> Picture:
    return read_picture(path, max_megapixels=1.0, max_file_mb=1.0)


def exif_bytes(orientation: int = 1, **details: str) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    for name, value in details.items():
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base[name]] = value
    return exif.tobytes()


def with_exif(folder: Path, kind: str, **details: str) -> Path:
    exif = Image.Exif()
    exif.load(exif_bytes(**details))
    return stored(folder, encoded(scene(), kind, exif=exif if kind == "TIFF" else exif.tobytes()))


def tiff_16_bit(values: NDArray[np.uint16], bits: int) -> bytes:
    """A minimal little-endian grey TIFF, for depths that Pillow does not write; 12 bits are packed."""
    rows, cols = values.shape
    if bits == 16:
        pixels = values.astype("<u2").tobytes()
    else:
        even, odd = values[:, ::2].astype(int), values[:, 1::2].astype(int)
        packed = np.stack([even >> 4, (even & 15) << 4 | odd >> 8, odd & 255], axis=-1)
        pixels = packed.astype(np.uint8).tobytes()
    entries = [(256, cols), (257, rows), (258, bits), (259, 1), (262, 1), (273, 8), (277, 1), (278, rows)]
    entries.append((279, len(pixels)))
    directory = struct.pack("<H", len(entries))
    directory += b"".join(struct.pack("<HHII", tag, 4 if tag in (273, 279) else 3, 1, value) for tag, value in entries)
    return b"II*\0" + struct.pack("<I", 8 + len(pixels)) + pixels + directory + bytes(4)


@pytest.mark.parametrize("kind", MEDIA_TYPES)
def test_every_format_is_recognised_by_content_under_a_wrong_name(tmp_path: Path, kind: str) -> None:
    options = {"quality": 95} if kind in {"JPEG", "HEIF", "WEBP"} else {}
    picture = read(stored(tmp_path, encoded(scene(), kind, **options), "letter.txt"))
    assert picture.media_type == MEDIA_TYPES[kind]
    assert picture.image.dtype == np.uint8
    assert picture.image.shape == (48, 64, 3)
    assert np.abs(picture.image.astype(int) - np.asarray(scene())).mean() < 3
    assert picture.exif_time is None


@pytest.mark.parametrize("kind", LOSSLESS)
def test_lossless_formats_come_back_exactly(tmp_path: Path, kind: str) -> None:
    path = stored(tmp_path, encoded(scene(), kind, **LOSSLESS[kind]))
    np.testing.assert_array_equal(read(path).image, np.asarray(scene()))


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        *(("PNG", mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA")),
        *(("TIFF", mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr")),
        *(("JPEG", mode) for mode in ("L", "RGB", "CMYK")),
        *(("WEBP", mode) for mode in ("RGB", "RGBA")),
        *(("HEIF", mode) for mode in ("L", "RGB", "RGBA")),
    ],
)
def test_every_mode_becomes_rgb(tmp_path: Path, kind: str, mode: str) -> None:
    image = scene().convert(mode)
    picture = read(stored(tmp_path, encoded(image, kind)))
    expected = np.asarray(image.convert("RGB")).astype(int)
    assert np.abs(picture.image - expected).mean() < (0.01 if kind in {"PNG", "TIFF"} else 5)


def test_lab_tiff_becomes_rgb(tmp_path: Path) -> None:
    image = Image.frombytes("LAB", (8, 8), bytes([128, 0, 0]) * 64)
    picture = read(stored(tmp_path, encoded(image, "TIFF")))
    np.testing.assert_allclose(picture.image, 119, atol=2)  # L* = 50 is sRGB 119


def test_alpha_goes_over_white(tmp_path: Path) -> None:
    layer = np.zeros((8, 8, 4), dtype=np.uint8)
    layer[:, :4, 3], layer[:, 4:, 3] = 0, 51
    picture = read(stored(tmp_path, encoded(Image.fromarray(layer), "PNG")))
    assert picture.image[0, 0].tolist() == [255, 255, 255]
    assert picture.image[0, 7].tolist() == [204, 204, 204]


def test_a_transparent_palette_entry_is_white(tmp_path: Path) -> None:
    image = Image.new("P", (8, 8), 1)
    image.putpalette([0, 0, 0, 10, 20, 30])
    assert (read(stored(tmp_path, encoded(image, "PNG", transparency=1))).image == 255).all()


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_grey_is_divided_by_257(tmp_path: Path, kind: str) -> None:
    values = (np.arange(256, dtype=np.uint16) * 257).reshape(16, 16)
    picture = read(stored(tmp_path, encoded(Image.fromarray(values), kind)))
    np.testing.assert_array_equal(picture.image[..., 1], np.arange(256).reshape(16, 16))


@pytest.mark.parametrize(("bits", "white"), [(12, 4095), (16, 65535)])
def test_deep_tiff_is_scaled_by_its_own_range(tmp_path: Path, bits: int, white: int) -> None:
    values = np.array([[0, white // 2], [white, white]], dtype=np.uint16)
    picture = read(stored(tmp_path, tiff_16_bit(values, bits)))
    assert picture.image[..., 0].tolist() == [[0, 127], [255, 255]]


def test_16_bit_colour_keeps_its_whole_range(tmp_path: Path) -> None:
    values = np.linspace(0, 65535, 256).round().astype(">u2").reshape(16, 16, 1).repeat(3, axis=2)
    lines = b"".join(b"\0" + line.tobytes() for line in values)

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 16, 16, 16, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    np.testing.assert_array_equal(read(stored(tmp_path, png)).image[..., 2].ravel(), np.arange(256))


@pytest.mark.parametrize("kind", MEDIA_TYPES)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_once(tmp_path: Path, kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif.load(exif_bytes(orientation))
    options = {"exif": exif} if kind == "TIFF" else {"exif": exif.tobytes()}
    path = stored(tmp_path, encoded(scene(), kind, **options))
    unturned = np.asarray(scene()).astype(int)
    turned = {
        1: unturned,
        2: unturned[:, ::-1],
        3: unturned[::-1, ::-1],
        4: unturned[::-1],
        5: unturned.swapaxes(0, 1),
        6: np.rot90(unturned, -1),
        7: unturned[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(unturned),
    }[orientation]
    image = read(path).image
    assert image.shape == turned.shape
    assert np.abs(image - turned).mean() < 5


def test_digest_is_sha256_of_the_bytes(tmp_path: Path) -> None:
    assert digest(stored(tmp_path, b"wall" * 100_000)) == hashlib.sha256(b"wall" * 100_000).hexdigest()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty (0 bytes)"),
        (b"this is no picture at all, only text", "does not contain a picture of an accepted format"),
        (b"GIF89a" + bytes(40), "JPEG, PNG, TIFF, WebP and HEIC"),
        (b"\xff\xd8\xff\xe0" + bytes(40), "is damaged or incomplete"),
    ],
)
def test_what_is_no_picture_is_refused_in_a_sentence(tmp_path: Path, content: bytes, words: str) -> None:
    path = stored(tmp_path, content, "wall.jpg")
    with pytest.raises(UnreadableImageError) as caught:
        read(path)
    assert words in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize("kind", MEDIA_TYPES)
@pytest.mark.parametrize("share", [0.2, 0.6, 0.9])
def test_truncated_files_are_refused(tmp_path: Path, kind: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    whole = encoded(Image.fromarray(noise), kind)
    path = stored(tmp_path, whole[: int(share * len(whole))])
    with pytest.raises(UnreadableImageError, match=r"damaged or incomplete.*Copy it again"):
        read(path)


def test_float_pixels_are_refused(tmp_path: Path) -> None:
    path = stored(tmp_path, encoded(Image.fromarray(np.ones((8, 8), dtype=np.float32)), "TIFF"))
    with pytest.raises(UnreadableImageError, match=r"no defined black and white.*8 or 16 bits"):
        read(path)


def test_megapixels_are_checked_before_decoding_and_without_a_warning(tmp_path: Path) -> None:
    """A header that claims 10 gigapixels, far beyond Pillow's own limit, with no pixels behind it."""
    small = bytearray(encoded(Image.new("L", (8, 8)), "PNG"))
    small[16:24] = struct.pack(">II", 100_000, 100_000)
    small[29:33] = struct.pack(">I", zlib.crc32(small[12:29]))
    with pytest.raises(UnreadableImageError, match=r"10000\.0 megapixels, more than the 1 allowed"):
        read(stored(tmp_path, bytes(small)))


def test_a_picture_beyond_pillows_own_limit_is_read_when_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert read(stored(tmp_path, encoded(scene(), "PNG"))).image.shape == (48, 64, 3)


def test_too_large_a_file_is_refused_with_its_size(tmp_path: Path) -> None:
    path = stored(tmp_path, bytes(1_100_000))
    with pytest.raises(UnreadableImageError, match=r"has 1\.1 MB, more than the 1 MB allowed"):
        read(path)


def test_folders_and_missing_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableImageError, match="is not a file"):
        read(tmp_path)
    with pytest.raises(UnreadableImageError, match="does not exist"):
        digest(tmp_path / "gone.jpg")


def test_a_file_without_permission_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = stored(tmp_path, b"x")
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(UnreadableImageError, match="may not be read by this account"):
        read(path)


@pytest.mark.parametrize("kind", MEDIA_TYPES)
def test_exif_time_with_offset(tmp_path: Path, kind: str) -> None:
    path = with_exif(
        tmp_path,
        kind,
        DateTimeOriginal="2024:05:01 10:11:12",
        SubsecTimeOriginal="25",
        OffsetTimeOriginal="-03:30",
    )
    taken = capture_time(read(path), path, ZURICH)
    assert taken.at == datetime(2024, 5, 1, 13, 41, 12, 250_000, tzinfo=UTC)
    assert taken.source is TimeSource.EXIF_OFFSET


@pytest.mark.parametrize(
    ("clock", "utc"),
    [
        ("2024:07:01 12:00:00", datetime(2024, 7, 1, 10, 0, tzinfo=UTC)),
        ("2024:01:01 12:00:00", datetime(2024, 1, 1, 11, 0, tzinfo=UTC)),
        ("2024:10:27 02:30:00", datetime(2024, 10, 27, 0, 30, tzinfo=UTC)),  # occurs twice: the first, summer time
        ("2024:03:31 02:30:00", datetime(2024, 3, 31, 1, 30, tzinfo=UTC)),  # never occurs: read as 03:30 summer time
    ],
)
def test_exif_time_without_offset_is_the_sites_clock(tmp_path: Path, clock: str, utc: datetime) -> None:
    path = with_exif(tmp_path, "JPEG", DateTimeOriginal=clock)
    taken = capture_time(read(path), path, ZURICH)
    assert taken.at == utc
    assert taken.at.utcoffset() == timedelta(0)
    assert taken.source is TimeSource.EXIF_SITE_ZONE


@pytest.mark.parametrize(
    "clock", ["0000:00:00 00:00:00", "1980:01:01 00:00:00", "2024:13:40 99:00:00", "yesterday", ""]
)
def test_impossible_exif_times_leave_the_files_own(tmp_path: Path, clock: str) -> None:
    path = with_exif(tmp_path, "JPEG", DateTimeOriginal=clock, OffsetTimeOriginal="+01:00")
    os.utime(path, (1_700_000_000, 1_700_000_000))
    picture = read(path)
    assert picture.exif_time is None
    assert picture.exif_offset is None
    taken = capture_time(picture, path, ZURICH)
    assert taken.at == datetime.fromtimestamp(1_700_000_000, UTC)
    assert taken.at.utcoffset() == timedelta(0)
    assert taken.source is TimeSource.FILE
    assert not taken.certain


@pytest.mark.parametrize("offset", ["   :  ", "+1:00", "+25:00", "Z"])
def test_an_impossible_offset_is_ignored(tmp_path: Path, offset: str) -> None:
    path = with_exif(tmp_path, "JPEG", DateTimeOriginal="2024:05:01 10:11:12", OffsetTimeOriginal=offset)
    assert capture_time(read(path), path, ZURICH).source is TimeSource.EXIF_SITE_ZONE


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_a_damaged_exif_block_does_not_cost_the_picture(tmp_path: Path) -> None:
    whole = exif_bytes(6, DateTimeOriginal="2024:05:01 10:11:12")
    damaged = whole[:12] + b"\xff" * (len(whole) - 12)
    picture = read(stored(tmp_path, encoded(scene(), "JPEG", exif=damaged)))
    assert picture.image.shape == (48, 64, 3)
    assert picture.exif_time is None


def test_png_of_masks_pictures_and_relevance(tmp_path: Path) -> None:
    path = tmp_path / "out.png"
    write_png(path, np.array([[True, False]]))
    assert np.asarray(Image.open(path)).tolist() == [[255, 0]]
    write_png(path, np.asarray(scene()))
    np.testing.assert_array_equal(read(path).image, np.asarray(scene()))
    write_png(path, np.array([[-1.0, 0.0, 0.002, 0.004]], dtype=np.float32))
    assert np.asarray(Image.open(path)).tolist() == [[0, 0, 128, 255]]
    write_png(path, np.zeros((2, 2), dtype=np.float32))
    assert not np.asarray(Image.open(path)).any()
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.png"]


@pytest.mark.parametrize(
    "array", [np.zeros((2, 2), dtype=np.int64), np.full((2, 2), np.nan), np.zeros((2, 2, 4), dtype=np.uint8)]
)
def test_what_is_no_picture_is_not_written(tmp_path: Path, array: NDArray[np.generic]) -> None:
    with pytest.raises(MisuseError, match="is no picture"):
        write_png(tmp_path / "out.png", array)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = stored(tmp_path, b"old", "out.png")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_png(path, np.zeros((4, 4), dtype=np.uint8))
    assert [(entry.name, entry.read_bytes()) for entry in tmp_path.iterdir()] == [("out.png", b"old")]


def test_jpeg_quality_counts(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    for quality in (30, 90):
        write_jpeg(tmp_path / f"{quality}.jpg", noise, quality)
    assert (tmp_path / "30.jpg").stat().st_size < (tmp_path / "90.jpg").stat().st_size / 2
    assert read(tmp_path / "90.jpg").image.shape == noise.shape
