"""Reports and tables to download, made when somebody asks; beside `data` a module that touches `monitor`.

What makes them is imported then: it draws with matplotlib, which no page should wait for.
"""

import io
from datetime import UTC, datetime
from pathlib import Path

from dashboard import data
from monitor.storage import queries


def pdf(folder: Path, name: str, by: str) -> bytes:
    """The report on a location, as of now."""
    from monitor.reports.contents import gather
    from monitor.reports.document import report_pdf

    with data.reading(folder) as (session, settings):
        found = gather(session, name, datetime.now(UTC))
        return report_pdf([found], pictures=settings.pictures, plans=settings.plans, prepared_by=by or None)


def table(folder: Path, name: str, kind: str) -> bytes:
    """All readings of a location as `csv`, `xlsx` or `parquet`."""
    from monitor.reports.tables import readings_table, write_table

    with data.reading(folder) as (session, _):
        return write_table(readings_table(session, [queries.location(session, name)]), kind)


def evidence(folder: Path, name: str, by: str) -> bytes:
    """The evidence pack of a location, without the originals: those are gigabytes before long."""
    from monitor.reports.contents import gather
    from monitor.reports.document import report_pdf
    from monitor.reports.evidence import write_evidence
    from monitor.reports.tables import readings_table

    written = io.BytesIO()
    with data.reading(folder) as (session, settings):
        found = gather(session, name, datetime.now(UTC))
        report = report_pdf([found], pictures=settings.pictures, plans=settings.plans, prepared_by=by or None)
        rows = readings_table(session, [found.location])
        write_evidence(written, found, report, rows, pictures=settings.pictures)
    return written.getvalue()
