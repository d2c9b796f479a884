"""Evidence packs: a report with all it rests on, in one ZIP with the hash of every file."""

import hashlib
import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from monitor.imaging.positions import without_position
from monitor.reports.contents import LocationReport
from monitor.reports.tables import Row, write_table
from monitor.storage.views import CaptureView

MANIFEST = "manifest.json"
_SHOWN = ("aligned", "mask", "relevance", "overlay", "original")


@dataclass
class _Pack:
    """A ZIP that is being written, and what it holds so far."""

    file: zipfile.ZipFile
    at: datetime
    entries: list[dict[str, str | int | None]] = field(default_factory=list)

    def add(self, name: str, content: bytes, **about: str | int | None) -> None:
        info = zipfile.ZipInfo(name, self.at.astimezone(UTC).timetuple()[:6])
        info.compress_type = zipfile.ZIP_DEFLATED if name.endswith((".csv", ".json", ".txt")) else zipfile.ZIP_STORED
        self.file.writestr(info, content)
        found: dict[str, str | int | None] = {
            "file": name,
            "sha256": hashlib.sha256(content).hexdigest(),
            "bytes": len(content),
        }
        self.entries.append({**found, **about})


def write_evidence(
    target: IO[bytes],
    report: LocationReport,
    pdf: bytes,
    rows: Sequence[Row],
    *,
    pictures: Path,
    original_of: Callable[[CaptureView], Path | None] = lambda _capture: None,
    keep_position: bool = False,
) -> list[str]:
    """Write the pack; returns what should have been in it but is not on disk, in sentences.

    It holds `report.pdf`, `readings.csv`, what the analysis drew of every capture, the originals that `original_of`
    finds, and `manifest.json` with the sha256 of every file and of every original as it was taken in. Positions are
    taken out of originals unless they are to be kept, and the manifest says of which.
    """
    missing: list[str] = []
    with zipfile.ZipFile(target, "w") as file:
        pack = _Pack(file, report.made_at)
        pack.add("report.pdf", pdf)
        pack.add("readings.csv", write_table(rows, "csv"))
        for capture in report.captures:
            if capture.rejected_reason is None:
                missing += _add_pictures(pack, capture, pictures)
                original = original_of(capture)
                if original is not None:
                    missing += _add_original(pack, capture, original, keep_position)
        manifest = {
            "location": report.location.name,
            "site": report.location.site,
            "made_at": report.made_at.isoformat(),
            "recipe": report.location.fingerprint,
            "files": pack.entries,
            "captures": [_about(capture) for capture in report.captures],
            "missing": missing,
        }
        pack.add(MANIFEST, json.dumps(manifest, indent=1, ensure_ascii=False).encode())
    return missing


def _add_pictures(pack: _Pack, capture: CaptureView, pictures: Path) -> Iterator[str]:
    stored = {} if capture.reading is None else capture.reading.pictures
    for name in (name for name in _SHOWN if name in stored):
        path = pictures / stored[name]
        if path.is_file():
            pack.add(f"pictures/{capture.id}_{name}{path.suffix}", path.read_bytes(), capture=capture.id)
        else:
            yield f"The picture '{name}' of capture {capture.id} is not on disk."


def _add_original(pack: _Pack, capture: CaptureView, path: Path, keep_position: bool) -> Iterator[str]:
    if not path.is_file():
        yield f"The original of capture {capture.id} ({capture.file_name}) is not on disk."
        return
    cleaned = None if keep_position else without_position(path, capture.media_type or "")
    content, suffix = (path.read_bytes(), path.suffix) if cleaned is None else cleaned
    state = "as taken in" if cleaned is None else "position taken out"
    name = f"originals/{capture.id}{suffix}"
    pack.add(name, content, capture=capture.id, original_sha256=capture.sha256, state=state)


def _about(capture: CaptureView) -> dict[str, str | int | None]:
    return {
        "capture": capture.id,
        "file_name": capture.file_name,
        "original_sha256": capture.sha256,
        "captured_at": None if capture.time is None else capture.time.at.isoformat(),
        "rejected_reason": capture.rejected_reason,
    }
