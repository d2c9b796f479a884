"""All readings of locations as one table, for spreadsheets and scripts: one row a capture and crack."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from monitor.errors import UnknownNameError
from monitor.records import CrackReading, Scale
from monitor.storage import queries
from monitor.storage.observing import grading_of
from monitor.storage.views import ALL_CRACKS, CaptureView, LocationView

Row = Mapping[str, Any]

#: Every column with its kind; units stand in the names.
COLUMNS: Mapping[str, type] = MappingProxyType(
    {
        "site": str, "location": str, "capture": int, "file_name": str, "sha256": str,
        "captured_at_utc": datetime, "captured_at_local": str, "time_zone": str, "time_source": str,
        "received_at_utc": datetime, "is_reference": bool, "status": str, "reason": str,
        "grade": str, "grade_reasons": str, "crack": str, "crack_state": str, "crack_rejected": bool,
        "crack_count": int, "area_px2": float, "max_width_px": float, "length_px": float,
        "area_mm2": float, "max_width_mm": float, "length_mm": float,
        "widest_px": float, "widest_error_px": float, "opening_px": float, "opening_error_px": float,
        "change_px": float, "change_error_px": float, "by_lips_px": float, "by_lips_error_px": float, "shear_px": float,
        "widest_mm": float, "widest_error_mm": float, "opening_mm": float, "opening_error_mm": float,
        "change_mm": float, "change_error_mm": float, "gauge_offset_mm": float,
        "scale_mm_per_px": float, "scale_error_mm_per_px": float,
        "registration_residual_px": float, "registration_overlap": float, "confidence": float,
        "recipe": str, "measured_at_utc": datetime,
    }
)  # fmt: skip

#: What a spreadsheet takes a cell for a formula by.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def readings_table(session: Session, places: Iterable[LocationView]) -> list[dict[str, Any]]:
    """One row of `COLUMNS` for each capture (crack `ALL_CRACKS`: what its masks say) and each crack read in it.

    Rejected files and captures without a reading have a row as well, with the reason. Openings in mm include the
    offset of the gauge reading.
    """
    return [row for place in places for row in _location_rows(session, place)]


def write_table(rows: Sequence[Row], kind: str) -> bytes:
    """The table as `csv`, `xlsx` or `parquet`. Raises `UnknownNameError` for another format.

    Texts that a spreadsheet would run as a formula come with an apostrophe before them in CSV; in XLSX every text is
    stored as text. Times are ISO 8601 in CSV, UTC in all.
    """
    if kind not in FORMATS:
        raise UnknownNameError("format", kind, FORMATS)
    return FORMATS[kind](rows)


def harmless(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def _location_rows(session: Session, place: LocationView) -> Iterable[dict[str, Any]]:
    cracks = queries.cracks(session, place.id)
    gauge = queries.gauge_offset(session, place.id)
    offset = None if gauge is None else gauge.offset_mm
    for capture in queries.captures(session, place.id):
        common = _capture_columns(place, capture)
        yield {**_EMPTY, **common, "crack": ALL_CRACKS, **_mask_columns(capture)}
        for view in cracks:
            for reading in view.readings:
                if reading.capture == capture.id:
                    found = _crack_columns(reading, place.scale, offset)
                    yield {**_EMPTY, **common, "crack_rejected": view.rejected, **found}


_EMPTY = dict.fromkeys(COLUMNS)


def _capture_columns(place: LocationView, capture: CaptureView) -> dict[str, Any]:
    reading, time, scale = capture.reading, capture.time, place.scale
    grading = grading_of(capture, scale)
    at = None if time is None else time.at
    registration = None if reading is None else reading.registration
    status = "rejected" if capture.rejected_reason is not None else "waiting" if reading is None else reading.status
    return {
        "site": place.site,
        "location": place.name,
        "capture": capture.id,
        "file_name": capture.file_name,
        "sha256": capture.sha256,
        "captured_at_utc": at,
        "captured_at_local": None if at is None else at.astimezone(ZoneInfo(place.time_zone)).isoformat(),
        "time_zone": place.time_zone,
        "time_source": None if time is None else str(time.source),
        "received_at_utc": capture.received_at,
        "is_reference": capture.is_reference,
        "status": str(status),
        "reason": capture.rejected_reason or (reading.reason if reading else None),
        "grade": None if grading is None else grading.grade.value,
        "grade_reasons": None if grading is None else "; ".join(grading.reasons),
        "scale_mm_per_px": None if scale is None else scale.mm_per_px,
        "scale_error_mm_per_px": None if scale is None else scale.standard_error,
        "registration_residual_px": None if registration is None else registration.residual_px,
        "registration_overlap": None if registration is None else registration.overlap,
        "confidence": None if reading is None else reading.confidence,
        "recipe": None if reading is None else reading.fingerprint,
        "measured_at_utc": None if reading is None else reading.measured_at,
    }


def _mask_columns(capture: CaptureView) -> dict[str, Any]:
    severity = None if capture.reading is None else capture.reading.counted
    if severity is None:
        return {}
    return {
        "crack_count": severity.crack_count,
        "area_px2": severity.area_px,
        "max_width_px": severity.max_width_px,
        "length_px": severity.length_px,
        "area_mm2": severity.area_mm2,
        "max_width_mm": severity.max_width_mm,
        "length_mm": severity.length_mm,
    }


def _crack_columns(reading: CrackReading, scale: Scale | None, offset_mm: float | None) -> dict[str, Any]:
    def in_mm(size_px: float | None, add: float = 0.0) -> float | None:
        return None if size_px is None or scale is None else size_px * scale.mm_per_px + add

    add = offset_mm or 0.0
    return {
        "crack": reading.crack,
        "crack_state": str(reading.state),
        "reason": reading.reason,
        "length_px": reading.length_px,
        "area_px2": reading.area_px,
        "widest_px": reading.widest_px,
        "widest_error_px": reading.widest_error_px,
        "opening_px": reading.opening_px,
        "opening_error_px": reading.opening_error_px,
        "change_px": reading.change_px,
        "change_error_px": reading.change_error_px,
        "by_lips_px": reading.lips_px,
        "by_lips_error_px": reading.lips_error_px,
        "shear_px": reading.shear_px,
        "widest_mm": in_mm(reading.widest_px, add),
        "widest_error_mm": in_mm(reading.widest_error_px),
        "opening_mm": in_mm(reading.opening_px, add),
        "opening_error_mm": in_mm(reading.opening_error_px),
        "change_mm": in_mm(reading.change_px),
        "change_error_mm": in_mm(reading.change_error_px),
        "gauge_offset_mm": offset_mm,
    }


def _csv(rows: Sequence[Row]) -> bytes:
    def cell(value: Any) -> Any:
        if isinstance(value, datetime):
            return value.astimezone(UTC).isoformat()
        return harmless(value) if isinstance(value, str) else value

    written = io.StringIO(newline="")
    table = csv.writer(written)
    table.writerow(COLUMNS)
    table.writerows([cell(row[name]) for name in COLUMNS] for row in rows)
    return written.getvalue().encode()


def _xlsx(rows: Sequence[Row]) -> bytes:
    import xlsxwriter

    written = io.BytesIO()
    with xlsxwriter.Workbook(written, {"in_memory": True, "remove_timezone": True}) as book:
        sheet = book.add_worksheet("readings")
        dated = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        sheet.freeze_panes(1, 0)
        for col, name in enumerate(COLUMNS):
            sheet.write_string(0, col, name)
            for index, row in enumerate(rows, 1):
                value = row[name]
                if isinstance(value, str):
                    sheet.write_string(index, col, value)  # never a formula, never a link
                elif isinstance(value, datetime):
                    sheet.write_datetime(index, col, value.astimezone(UTC), dated)
                elif value is not None:
                    sheet.write(index, col, value)
    return written.getvalue()


def _parquet(rows: Sequence[Row]) -> bytes:
    import pyarrow
    import pyarrow.parquet

    kinds = {
        str: pyarrow.string(),
        int: pyarrow.int64(),
        float: pyarrow.float64(),
        bool: pyarrow.bool_(),
        datetime: pyarrow.timestamp("us", tz="UTC"),
    }
    schema = pyarrow.schema([(name, kinds[kind]) for name, kind in COLUMNS.items()])
    written = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([dict(row) for row in rows], schema=schema), written)
    return written.getvalue()


FORMATS: Mapping[str, Callable[[Sequence[Row]], bytes]] = MappingProxyType(
    {"csv": _csv, "xlsx": _xlsx, "parquet": _parquet}
)
