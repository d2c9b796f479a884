"""What can be taken away from a location's page."""

import io
import json
import zipfile
from pathlib import Path

import pytest
from made_up_workspace import Stage, two_cracks
from pypdf import PdfReader
from test_pages import opened

from dashboard import report_data


def test_the_page_offers_report_pack_and_tables(full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(full, "location", monkeypatch, "growing")
    assert [button.label for button in app.get("download_button")] == [
        "Report (PDF)",
        "Evidence pack (ZIP)",
        "Readings (CSV)",
        "Readings (XLSX)",
        "Readings (PARQUET)",
    ]


def test_the_report_draws_every_crack_and_the_pack_holds_its_pictures(stage: Stage) -> None:
    two_cracks(stage)
    folder = stage.settings.workspace
    with zipfile.ZipFile(io.BytesIO(report_data.evidence(folder, "cracked", "Ada"))) as pack:
        names = pack.namelist()
        text = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(pack.read("report.pdf"))).pages)
        rows = pack.read("readings.csv").decode().splitlines()
        captures = json.loads(pack.read("manifest.json"))["captures"]
    assert len(captures) == 15
    assert len([name for name in names if name.startswith("pictures/")]) == 45
    assert len(rows) == 1 + 15 * 3, "the masks and two cracks of every capture"
    for told in (
        "Opening at the widest place, crack A",
        "crack B",
        "progressive",
        "dormant",
        "grade C: does not count",
        "next class of BRE Digest 251",
    ):
        assert told in text.replace("\n", " ")
    assert "\n1 day\n" in text, "what is red is due within a day"


def test_the_report_of_a_location_without_anything_says_so(full: Path) -> None:
    text = PdfReader(io.BytesIO(report_data.pdf(full, "empty", ""))).pages[0].extract_text()
    assert "There is no reference photograph yet." in text
    assert "Verdict: none yet." in text
    assert len(report_data.table(full, "empty", "csv").splitlines()) == 1
