"""Commands that put what is known on paper or into a file: report, export."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli.output import HERE, Json, Workspace, answer, opened, progress

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from monitor.settings import Settings
    from monitor.storage.views import CaptureView, LocationView

Location = Annotated[str | None, typer.Argument(help="Location; none: those of --site, or all.")]
Site = Annotated[str | None, typer.Option(help="All locations of this site.")]


def report(
    location: Location = None,
    site: Site = None,
    out: Annotated[Path | None, typer.Option(help="PDF to write; default NAME.pdf.")] = None,
    evidence: Annotated[
        Path | None, typer.Option(help="ZIP to write as well: PDF, readings, pictures, hashes of all (one location).")
    ] = None,
    originals: Annotated[bool, typer.Option("--originals", help="Put the original photos into the ZIP.")] = False,
    keep_position: Annotated[
        bool, typer.Option("--keep-position", help="Leave the GPS position in the originals.")
    ] = False,
    by: Annotated[str | None, typer.Option(help="Who prepared the report.")] = None,
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Write a report as PDF. It is no structural assessment.

    For example `crackmonitor report north-wall --out north-wall.pdf --by "A. Engineer"`.
    """
    from monitor.errors import MisuseError
    from monitor.reports.contents import gather
    from monitor.reports.document import report_pdf
    from monitor.reports.evidence import write_evidence
    from monitor.reports.tables import readings_table
    from monitor.service.scheduler import now

    if (originals or keep_position) and evidence is None:
        raise MisuseError("Originals go into an evidence pack: name it with --evidence FILE.zip.")
    with opened(workspace) as (settings, database), database.session() as session:
        places = _places(session, location, site)
        if evidence is not None and len(places) != 1:
            raise MisuseError("An evidence pack is of one location: name it.")
        made_at = now()
        with progress("Writing the report", None, json):
            reports = [gather(session, place.name, made_at) for place in places]
            pdf = report_pdf(reports, pictures=settings.pictures, plans=settings.plans, prepared_by=by)
            target = out or Path(f"{location or site or 'report'}.pdf".replace("/", "_"))
            target.write_bytes(pdf)
            missing: list[str] = []
            if evidence is not None:
                original_of = _original_of(settings) if originals else lambda _capture: None
                with evidence.open("wb") as pack:
                    missing = write_evidence(
                        pack,
                        reports[0],
                        pdf,
                        readings_table(session, places),
                        pictures=settings.pictures,
                        original_of=original_of,
                        keep_position=keep_position,
                    )
    words = [f"{target} is written: {', '.join(place.name for place in places)}."]
    words += [] if evidence is None else [f"{evidence} is written. {' '.join(missing)}".rstrip()]
    result = {"report": str(target), "locations": [place.name for place in places], "missing": missing}
    answer({**result, "evidence": None if evidence is None else str(evidence)}, json, "\n".join(words))


def export(
    location: Location = None,
    site: Site = None,
    format: Annotated[str, typer.Option(help="csv, xlsx or parquet.")] = "csv",
    out: Annotated[Path | None, typer.Option(help="File to write; default NAME.FORMAT.")] = None,
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Write all readings as a table, one row a capture and crack; units stand in the column names.

    For example `crackmonitor export north-wall --format xlsx`.
    """
    from monitor.reports.tables import readings_table, write_table

    with opened(workspace) as (_, database), database.session() as session:
        places = _places(session, location, site)
        rows = readings_table(session, places)
    content = write_table(rows, format)
    target = out or Path(f"{location or site or 'readings'}.{format}".replace("/", "_"))
    target.write_bytes(content)
    words = f"{target} is written: {len(rows)} row(s) of {len(places)} location(s)."
    answer({"file": str(target), "rows": len(rows), "locations": [place.name for place in places]}, json, words)


def _places(session: "Session", name: str | None, site: str | None) -> "list[LocationView]":
    """What was asked for, by name. Raises `MisuseError` where that is nothing, or not clear."""
    from monitor.errors import MisuseError, UnknownNameError
    from monitor.storage import queries

    if name is not None and site is not None:
        raise MisuseError("Name a location or a --site, not both.")
    if name is not None:
        return [queries.location(session, name)]
    every = sorted(queries.locations(session), key=lambda place: place.name)
    if site is not None and site not in {view.name for view in queries.sites(session)}:
        raise UnknownNameError("site", site, [view.name for view in queries.sites(session)])
    found = [place for place in every if site in (None, place.site)]
    if not found:
        raise MisuseError("There is no location to write about yet. Make one with 'crackmonitor location add'.")
    return found


def _original_of(settings: "Settings") -> "Callable[[CaptureView], Path | None]":
    from monitor.service.ingest import original_path

    def found(capture: "CaptureView") -> Path | None:
        if capture.media_type is None:
            return None
        return original_path(settings.originals, capture.sha256, capture.media_type)

    return found


COMMANDS: dict[str, Callable[..., None]] = {"report": report, "export": export}
