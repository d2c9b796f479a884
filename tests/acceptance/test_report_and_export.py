"""Reports, tables and evidence packs as a user of the command line gets them."""

import csv
import hashlib
import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from command_line import crackmonitor
from PIL import ExifTags, Image
from pypdf import PdfReader

from monitor.records import AlertState, Analysis, CaptureTime, Recipe, Severity, Status, TimeSource
from monitor.service.ingest import original_path
from monitor.settings import load_settings
from monitor.storage import queries, repository
from monitor.storage.database import Database

NOW = datetime.now(UTC).replace(microsecond=0)
RECIPE = Recipe({"weights": "made up"})


def original() -> bytes:
    """A photo that knows where it was taken."""
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (52, 31, 0)
    written = io.BytesIO()
    Image.fromarray(np.full((30, 40, 3), 150, np.uint8)).save(written, "JPEG", exif=exif)
    return written.getvalue()


@pytest.fixture
def survey(workspace: Path) -> Path:
    """`north-wall` with eight readings that grow, an alert, and one original on disk."""
    settings = load_settings(workspace)
    content = original()
    database = Database(settings.resolved_database_url)
    with database.transaction() as session:
        site = repository.add_site(session, name="Town <b>hall</b>", time_zone="Europe/Berlin", now=NOW)
        place = repository.add_location(session, site_id=site, name="north-wall", interval_days=31, now=NOW)
        fingerprint = repository.record_recipe(session, RECIPE, NOW)
        repository.set_series(session, place, fingerprint)
        for month in range(8):
            sha256 = hashlib.sha256(content if month == 0 else str(month).encode()).hexdigest()
            time = CaptureTime(NOW - timedelta(days=30 * (8 - month)), TimeSource.EXIF_OFFSET)
            capture = repository.add_capture(
                session, location_id=place, sha256=sha256, file_name=f"=photo{month}.jpg", media_type="image/jpeg",
                height_px=30, width_px=40, time=time, now=NOW,
            ).capture_id  # fmt: skip
            if month == 0:
                repository.set_reference(session, place, capture, NOW)
            width = 4.0 + 0.5 * month
            analysis = Analysis(Status.MEASURED, None, 0.9, Severity(1, 40 * width, width, 40.0), None, RECIPE)
            repository.record_reading(session, capture_id=capture, analysis=analysis, pictures={}, now=NOW)
        repository.record_transition(
            session, location_id=place, subject="max_width_px level", old=AlertState.OK, new=AlertState.FIRING,
            why="The width is 7.5 px.", evidence={}, now=NOW,
        )  # fmt: skip
        alert = queries.alarms(session)[0].id
        repository.acknowledge_alert(session, alert, by="Ada Müller", now=NOW)
    database.close()
    kept = original_path(settings.originals, hashlib.sha256(content).hexdigest(), "image/jpeg")
    kept.parent.mkdir(parents=True)
    kept.write_bytes(content)
    return workspace


def text_of(path: Path) -> str:
    return " ".join(" ".join(page.extract_text() for page in PdfReader(path).pages).split())


def test_a_report_says_what_a_survey_report_says(survey: Path, tmp_path: Path) -> None:
    out = tmp_path / "north.pdf"
    done = crackmonitor("report", "north-wall", "--out", out, "--by", "A. Šmídová", "--workspace", survey)
    assert done.status == 0, done.err
    text = text_of(out)
    for told in (
        "Town <b>hall</b>",
        "Prepared by: A. Šmídová",
        "no structural assessment",
        "No location plan is on file",
        "Datum: 4.00 px",
        "change since the datum +3.50 px",
        "Shipped defaults, agreed by nobody",
        "The width is 7.5 px.",
        "acknowledged by Ada Müller",
        f"recipe {RECIPE.fingerprint}",
        "There is no scale: sizes are in pixels",
        "Monitoring sees only movement since the reference",
    ):
        assert told in text
    assert text.count("+0.50") >= 7, "every reading has its change since the last"


def test_a_report_on_all_locations_lists_them_first(survey: Path, tmp_path: Path) -> None:
    assert crackmonitor("location", "add", "empty", "--site", "Town <b>hall</b>", "--workspace", survey).status == 0
    out = tmp_path / "all.pdf"
    done = crackmonitor("report", "--out", out, "--workspace", survey, "--json")
    assert done.result["locations"] == ["empty", "north-wall"]
    assert "There is no reading yet that counts." in text_of(out)


def test_an_evidence_pack_holds_what_its_manifest_says(survey: Path, tmp_path: Path) -> None:
    pack = tmp_path / "north.zip"
    words = ("report", "north-wall", "--out", tmp_path / "north.pdf", "--evidence", pack, "--originals")
    done = crackmonitor(*words, "--workspace", survey, "--json")
    missing = done.result["missing"]
    assert len(missing) == 7
    assert "The original of capture 2 (=photo1.jpg) is not on disk." in missing
    with zipfile.ZipFile(pack) as file:
        manifest = json.loads(file.read("manifest.json"))
        contents = {name: file.read(name) for name in file.namelist() if name != "manifest.json"}
    told = {entry["file"]: entry for entry in manifest["files"]}
    assert told.keys() == contents.keys() == {"report.pdf", "readings.csv", "originals/1.jpg"}
    for name, content in contents.items():
        assert told[name]["sha256"] == hashlib.sha256(content).hexdigest()
    assert told["originals/1.jpg"]["state"] == "position taken out"
    assert told["originals/1.jpg"]["original_sha256"] == hashlib.sha256(original()).hexdigest()
    assert not Image.open(io.BytesIO(contents["originals/1.jpg"])).getexif().get_ifd(ExifTags.IFD.GPSInfo)


def test_positions_are_kept_when_asked_for(survey: Path, tmp_path: Path) -> None:
    pack = tmp_path / "north.zip"
    words = ("report", "north-wall", "--out", tmp_path / "north.pdf", "--evidence", pack, "--originals")
    crackmonitor(*words, "--keep-position", "--workspace", survey)
    with zipfile.ZipFile(pack) as file:
        assert file.read("originals/1.jpg") == original()


@pytest.mark.parametrize("kind", ["csv", "xlsx", "parquet"])
def test_an_export_is_named_by_its_location_and_format(survey: Path, here: Path, kind: str) -> None:
    done = crackmonitor("export", "north-wall", "--format", kind, "--workspace", survey, "--json")
    assert done.result == {"file": f"north-wall.{kind}", "rows": 8, "locations": ["north-wall"]}
    assert (here / f"north-wall.{kind}").stat().st_size > 0
    if kind == "csv":
        rows = list(csv.DictReader(io.StringIO((here / "north-wall.csv").read_text())))
        assert [float(row["max_width_px"]) for row in rows] == [4.0 + 0.5 * month for month in range(8)]
        assert rows[0]["file_name"] == "'=photo0.jpg"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("export", "nowhere"), "nowhere"),
        (("export", "--format", "ods"), "csv"),
        (("report", "--site", "nowhere"), "nowhere"),
        (("report", "north-wall", "--site", "Town <b>hall</b>"), "not both"),
        (("report", "north-wall", "--originals"), "--evidence FILE.zip"),
    ],
)
def test_misuse_is_said_plainly(survey: Path, words: tuple[str, ...], told: str) -> None:
    done = crackmonitor(*words, "--workspace", survey)
    assert done.status == 2
    assert told in done.err


def test_an_empty_workspace_has_nothing_to_report(workspace: Path) -> None:
    done = crackmonitor("report", "--workspace", workspace)
    assert done.status == 2
    assert "no location" in done.err
