"""Tables that spreadsheets and scripts read."""

import csv
import io
import zipfile
from datetime import UTC, datetime
from typing import Any

import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import UnknownNameError
from monitor.reports.tables import COLUMNS, harmless, write_table

ROW: dict[str, Any] = dict.fromkeys(COLUMNS) | {
    "site": '=HYPERLINK("http://example.org","open")',
    "location": "north-wall",
    "capture": 7,
    "file_name": "@SUM(A1).jpg",
    "captured_at_utc": datetime(2026, 3, 1, 9, 30, tzinfo=UTC),
    "is_reference": False,
    "change_mm": -0.25,
    "reason": "+1 <b>ä</b>",
}


def test_units_stand_in_the_names_of_all_measured_columns() -> None:
    units = ("_px", "_px2", "_mm", "_mm2", "_per_px", "_overlap", "confidence")
    assert [name for name, kind in COLUMNS.items() if kind is float and not name.endswith(units)] == []


def test_csv_cells_run_in_no_spreadsheet_and_numbers_stay_numbers() -> None:
    (row,) = csv.DictReader(io.StringIO(write_table([ROW], "csv").decode()))
    assert row["site"].startswith("'=")
    assert row["file_name"] == "'@SUM(A1).jpg"
    assert row["reason"] == "'+1 <b>ä</b>"
    assert float(row["change_mm"]) == -0.25
    assert row["captured_at_utc"] == "2026-03-01T09:30:00+00:00"
    assert row["opening_mm"] == ""


@given(st.text())
def test_no_text_begins_like_a_formula(text: str) -> None:
    made = harmless(text)
    assert not made.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert made in (text, f"'{text}")


def test_xlsx_holds_texts_and_dates_and_neither_formulas_nor_links() -> None:
    with zipfile.ZipFile(io.BytesIO(write_table([ROW], "xlsx"))) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
        strings = book.read("xl/sharedStrings.xml").decode()
    assert "<f>" not in sheet
    assert "<hyperlink" not in sheet
    assert "=HYPERLINK(" in strings
    assert "<v>-0.25</v>" in sheet


def test_parquet_keeps_kinds_and_what_is_missing() -> None:
    table = pyarrow.parquet.read_table(io.BytesIO(write_table([ROW], "parquet")))
    assert table.column_names == list(COLUMNS)
    assert table.to_pylist() == [ROW]
    assert str(table.schema.field("captured_at_utc").type) == "timestamp[us, tz=UTC]"
    assert str(table.schema.field("opening_mm").type) == "double"


def test_an_empty_table_has_its_head() -> None:
    assert write_table([], "csv").decode().strip().split(",") == list(COLUMNS)
    assert pyarrow.parquet.read_table(io.BytesIO(write_table([], "parquet"))).num_rows == 0


def test_an_unknown_format_names_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match="csv"):
        write_table([], "ods")
