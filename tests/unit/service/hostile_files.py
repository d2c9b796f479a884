"""Files that are made to do harm, or that a failing disk or cable has made so."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image
from service_examples import NOW, encoded


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(rows: int, cols: int, *extra: bytes, pixels: bytes | None = None) -> bytes:
    """A grey PNG of that size whose pixels, unless given, are all there and 0; with `extra` chunks before them."""
    lines = bytes(rows * (cols + 1)) if pixels is None else pixels
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", cols, rows, 8, 0, 0, 0, 0))
    image = _chunk(b"IDAT", zlib.compress(lines, 9)) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + image


def _scene(seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 255, (48, 64, 3), np.uint8))


def _archive() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("../../evil.py", "raise SystemExit")
    return stream.getvalue()


def _jpeg(**options: bytes) -> bytes:
    stream = io.BytesIO()
    _scene().save(stream, "JPEG", **options)
    return stream.getvalue()


def _tiff_that_points_to_itself() -> bytes:
    entry = struct.pack("<HHII", 256, 4, 1, 64) + struct.pack("<HHII", 257, 4, 1, 64)
    return b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", 2) + entry + struct.pack("<I", 8) + bytes(64)


SCRIPT = b"<script>alert(1)</script>"
#: name -> (content, words of the refusal); None: a photo, whatever else it is.
HOSTILE: dict[str, tuple[Callable[[], bytes], str | None]] = {
    "line.png": (lambda: png(1, 100_000), "no side may be longer than 32766 px"),
    "column.png": (lambda: png(100_000, 1), "no side may be longer than 32766 px"),
    "claims much.png": (lambda: png(65_000, 65_000, pixels=b""), "4225.0 megapixels, more than the 64"),
    "empty behind.png": (lambda: png(8000, 8000, pixels=b""), "is damaged or incomplete"),
    "bomb.png": (lambda: png(9_000, 9_000), "81.0 megapixels, more than the 64"),
    "text bomb.png": (
        lambda: png(8, 8, *[_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(10**7)))] * 3),
        "is damaged or incomplete",
    ),
    "profile bomb.png": (
        lambda: png(8, 8, _chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(10**7)))),
        "is damaged or incomplete",
    ),
    "loop.tif": (_tiff_that_points_to_itself, "is damaged or incomplete"),
    "archive behind.jpg": (lambda: _jpeg() + _archive(), None),
    "page behind.png": (lambda: png(8, 8) + SCRIPT, None),
    "archive before.jpg": (lambda: _archive() + _jpeg(), "not contain a picture of an accepted format"),
    "page.jpg": (lambda: b"<html>" + SCRIPT, "not contain a picture of an accepted format"),
    "vector.png": (lambda: b'<svg xmlns="http://www.w3.org/2000/svg"/>', "not contain a picture of an accepted format"),
    "postscript.jpg": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not contain a picture"),
    "program.jpg": (lambda: b"\x7fELF" + bytes(99), "not contain a picture of an accepted format"),
    "odd exif.jpg": (lambda: _jpeg(exif=b"Exif\0\0II*\0\xff\xff\xff\xff" + b"\xff" * 60), None),
    "odd profile.jpg": (lambda: _jpeg(icc_profile=b"\xff" * 400), None),
}  # fmt: skip


def _seeds() -> list[bytes]:
    kinds = ("JPEG", "PNG", "TIFF", "WEBP", "HEIF")
    return [encoded(_scene(seed), kind, NOW) for seed, kind in enumerate(kinds)]


def mutated(count: int, seed: int = 0) -> list[bytes]:
    """So many sound photos of every format, each spoilt in one to four places."""
    rng, sound = np.random.default_rng(seed), _seeds()
    return [_spoilt(sound, rng) for _ in range(count)]


def _spoilt(sound: list[bytes], rng: np.random.Generator) -> bytes:
    content = bytearray(sound[rng.integers(len(sound))])
    for _ in range(rng.integers(1, 5)):
        # Headers decide most, so half of the places lie there.
        reach = len(content) if rng.random() < 0.5 else min(200, len(content))
        at = int(rng.integers(reach))
        kind = rng.integers(6)
        if kind == 0:
            content[at] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            content[at : at + 4] = struct.pack(">I", int(rng.choice([0, 1, 0x7FFFFFFF, 0xFFFFFFFF, 0x10000])))
        elif kind == 2:
            content[at : at + 16] = rng.bytes(16)
        elif kind == 3:
            del content[at : at + int(rng.integers(1, 64))]
        elif kind == 4:
            other = sound[rng.integers(len(sound))]
            content[at:at] = other[: int(rng.integers(1, 400))]
        else:
            del content[max(at, 20) :]
        if len(content) < 2:
            break
    return bytes(content)
