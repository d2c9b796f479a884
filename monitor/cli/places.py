"""Commands about sites and locations."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli.output import HERE, Json, Workspace, answer, opened, read_photo, table

if TYPE_CHECKING:
    from monitor.records import Scale
    from monitor.settings import Settings

site_app = typer.Typer(help="Sites: a building or a bridge, with its time zone.", no_args_is_help=True)
location_app = typer.Typer(help="Locations: one place on a wall, photographed again and again.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Name; a location's name is also its inbox folder.")]
Points = Annotated[
    str | None, typer.Option(help="Two points a known distance apart in the photo: ROW,COL,ROW,COL (pixels).")
]
DistanceMm = Annotated[float | None, typer.Option(help="Distance of the two points on the wall, in mm.")]
MarkerMm = Annotated[float | None, typer.Option(help="Side of the ArUco or AprilTag marker in the photo, in mm.")]
MmPerPx = Annotated[float | None, typer.Option(help="Millimetres per pixel, typed.")]
MmPerPxError = Annotated[float | None, typer.Option(help="Standard error of --mm-per-px (2 % when left out).")]


@site_app.command("add")
def site_add(
    name: Name,
    time_zone: Annotated[str, typer.Option(help="IANA name, for example Europe/Zurich.")] = "UTC",
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Make a site."""
    from monitor.service.scheduler import now
    from monitor.storage import repository

    with opened(workspace) as (_, database), database.transaction() as session:
        repository.add_site(session, name=name, time_zone=time_zone, now=now())
    answer({"site": name, "time_zone": time_zone}, json, f"Site {name} made ({time_zone}).")


@site_app.command("list")
def site_list(workspace: Workspace = HERE, json: Json = False) -> None:
    """All sites."""
    from monitor.storage import queries

    with opened(workspace) as (_, database), database.session() as session:
        found = queries.sites(session)
    rows = [(view.name, view.time_zone, view.locations) for view in found]
    words = table(("site", "time zone", "locations"), rows)
    answer({"sites": [vars(view) for view in found]}, json, words)


@location_app.command("add")
def location_add(
    name: Name,
    site: Annotated[str, typer.Option(help="Site it belongs to.")],
    interval_days: Annotated[float, typer.Option(help="Expected days between captures.")] = 31.0,
    reference: Annotated[Path | None, typer.Option(help="Photo that all others are registered to.")] = None,
    mm_per_px: MmPerPx = None,
    mm_per_px_error: MmPerPxError = None,
    points: Points = None,
    distance_mm: DistanceMm = None,
    marker_mm: MarkerMm = None,
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Make a location. The scale (and its points or marker) are those of the reference photo.

    Where its marker gives no scale, the location is made without one, and the exit status is 2.
    """
    from monitor.errors import MisuseError
    from monitor.service import places
    from monitor.service.scheduler import now

    with opened(workspace) as (settings, database):
        scale, no_scale = _scale(settings, reference, mm_per_px, mm_per_px_error, points, distance_mm, marker_mm)
        if reference is not None:
            # Or else the location would be made, and only then its reference refused.
            read_photo(reference, settings)
            places.require_new(database, reference)
        view = places.add_location(database, settings, name, site, interval_days, now())
        if reference is not None:
            places.set_reference(database, settings, name, reference, now())
        if scale is not None:
            places.set_scale(database, name, scale, now())
    if no_scale is not None:
        raise MisuseError(
            f"{no_scale} Location {name} is made without a scale and measures in pixels; "
            "give it one with 'crackmonitor location scale'."
        )
    words = f"Location {name} made. Drop photos into {settings.inbox / name}."
    answer({"location": name, "site": view.site, "inbox": str(settings.inbox / name), "scale": scale}, json, words)


@location_app.command("list")
def location_list(workspace: Workspace = HERE, json: Json = False) -> None:
    """All locations with their state."""
    from monitor.storage import queries

    with opened(workspace) as (_, database), database.session() as session:
        found = queries.statuses(session)
    rows = [
        (
            status.location.name,
            status.location.site,
            status.captures,
            status.last_capture.time.at.date() if status.last_capture and status.last_capture.time else None,
            ", ".join(alert.subject for alert in status.firing) or ("ok" if status.last_read else "no reading yet"),
        )
        for status in found
    ]
    result = {
        "locations": [
            {
                "name": name,
                "site": site,
                "captures": count,
                "last_capture": str(last) if last else None,
                "alerts": state,
            }
            for name, site, count, last, state in rows
        ]
    }
    answer(result, json, table(("location", "site", "captures", "last capture", "alerts"), rows))


@location_app.command("scale")
def location_scale(
    name: Name,
    photo: Annotated[Path | None, typer.Option(help="The reference photo, to look for the marker in.")] = None,
    mm_per_px: MmPerPx = None,
    mm_per_px_error: MmPerPxError = None,
    points: Points = None,
    distance_mm: DistanceMm = None,
    marker_mm: MarkerMm = None,
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Say how many millimetres a pixel of the reference is: typed, from two points, or from a marker."""
    from monitor.errors import MisuseError
    from monitor.service import places
    from monitor.service.scheduler import now

    with opened(workspace) as (settings, database):
        scale, no_scale = _scale(settings, photo, mm_per_px, mm_per_px_error, points, distance_mm, marker_mm)
        if scale is None:
            nothing_asked = "Give --mm-per-px, or --points with --distance-mm, or --photo with --marker-mm."
            raise MisuseError(no_scale or nothing_asked)
        places.set_scale(database, name, scale, now())
    words = f"{scale.mm_per_px:.4f} ± {scale.standard_error:.4f} mm per pixel ({scale.origin})."
    answer(vars(scale), json, words)


def _scale(
    settings: "Settings",
    photo: Path | None,
    mm_per_px: float | None,
    mm_per_px_error: float | None,
    points: str | None,
    distance_mm: float | None,
    marker_mm: float | None,
) -> "tuple[Scale | None, str | None]":
    """The scale asked for, or why the photo's marker gives none; neither when none was asked for."""
    from monitor.errors import MisuseError
    from monitor.imaging.scale import scale_from_marker, scale_from_points, scale_typed

    if sum(given is not None for given in (mm_per_px, points, marker_mm)) > 1:
        raise MisuseError("Give one origin of the scale: --mm-per-px, --points or --marker-mm.")
    if mm_per_px is not None:
        return scale_typed(mm_per_px, mm_per_px_error), None
    if points is not None:
        if distance_mm is None:
            raise MisuseError("Two points need their distance on the wall: --distance-mm.")
        return scale_from_points(*_parsed(points), distance_mm), None
    if marker_mm is None:
        return None, None
    if photo is None:
        raise MisuseError("A marker is looked for in a photo: name the reference photo.")
    found = scale_from_marker(read_photo(photo, settings), marker_mm)
    return found.scale, None if found.reason is None else f"No scale from {photo}: {found.reason}"


def _parsed(points: str) -> tuple[tuple[float, float], tuple[float, float]]:
    from monitor.errors import MisuseError

    try:
        first_row, first_col, second_row, second_col = (float(part) for part in points.split(","))
    except ValueError:
        raise MisuseError(f"'{points}' are not two points; write ROW,COL,ROW,COL, for example 10,20,10,520.") from None
    return (first_row, first_col), (second_row, second_col)


@location_app.command("reference")
def location_reference(
    name: Name,
    photo: Annotated[Path, typer.Argument(help="Photo to register all others to.")],
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Choose the reference photo (possible until another capture has been registered)."""
    from monitor.service import places
    from monitor.service.scheduler import now

    with opened(workspace) as (settings, database):
        places.set_reference(database, settings, name, photo, now())
    answer({"location": name, "reference": str(photo)}, json, f"{photo} is now the reference of {name}.")


@location_app.command("interval")
def location_interval(
    name: Name,
    days: Annotated[float, typer.Option(help="Expected days between captures, from now on.")],
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Change how often a capture is expected; the worker's next round says whether one is overdue."""
    from monitor.storage import queries, repository

    with opened(workspace) as (_, database), database.transaction() as session:
        repository.set_interval(session, queries.location(session, name).id, days)
    answer({"location": name, "interval_days": days}, json, f"{name} expects a capture every {days:g} days.")


@location_app.command("rule")
def location_rule(
    name: Name,
    metric: Annotated[str, typer.Option(help="For example max_width_mm, area_mm2, length_mm (or _px).")],
    kind: Annotated[str, typer.Option(help="level (latest value), rate (per year) or change (between two captures).")],
    fire: Annotated[float | None, typer.Option(help="Fires from here on.")] = None,
    clear: Annotated[float | None, typer.Option(help="Clears below this (90 % of --fire when left out).")] = None,
    readings: Annotated[
        int, typer.Option(min=1, help="Readings that must ask for it; one more in a row clears it.")
    ] = 1,
    retire: Annotated[bool, typer.Option("--retire", help="End the rule instead, and an alert it raised.")] = False,
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Set a threshold; it replaces an earlier one of the same metric and kind from now on. Or end it with --retire."""
    from monitor.errors import MisuseError, UnknownNameError
    from monitor.records import RuleKind
    from monitor.service import places
    from monitor.service.scheduler import now

    if kind not in list(RuleKind):
        raise UnknownNameError("kind of rule", kind, RuleKind)
    result: dict[str, object] = {"location": name, "metric": metric, "kind": kind}
    if retire:
        if fire is not None or clear is not None:
            raise MisuseError("Give either --retire, or --fire for a new version of the rule.")
        with opened(workspace) as (_, database):
            places.retire_rule(database, name, metric, RuleKind(kind), now())
        answer({**result, "retired": True}, json, f"{name}: {metric} {kind} is no longer watched.")
        return
    if fire is None:
        raise MisuseError("Say from where the rule fires, --fire VALUE, or end it with --retire.")
    below = 0.9 * fire if clear is None else clear
    with opened(workspace) as (_, database):
        places.add_rule(database, name, metric, RuleKind(kind), fire, below, now(), readings)
    words = f"{name}: {metric} {kind} fires at {fire:g} and clears below {below:g}."
    answer({**result, "fire": fire, "clear": below, "readings": readings}, json, words)


@location_app.command("confirm-time")
def location_confirm_time(
    capture: Annotated[int, typer.Argument(help="Capture number, as 'growth' and the dashboard show it.")],
    at: Annotated[str, typer.Argument(help="ISO 8601 with offset, for example 2026-03-01T10:00:00+01:00.")],
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Confirm or correct when a photo was taken (messenger apps strip that from photos)."""
    from datetime import datetime

    from monitor.errors import MisuseError
    from monitor.service.corrections import confirm_time
    from monitor.service.scheduler import now

    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        raise MisuseError(f"'{at}' is no time; write one like 2026-03-01T10:00:00+01:00.") from None
    if moment.tzinfo is None:
        raise MisuseError(f"'{at}' lacks its offset from UTC; write one like 2026-03-01T10:00:00+01:00.")
    with opened(workspace) as (_, database):
        confirm_time(database, capture, moment, now())
    answer({"capture": capture, "captured_at": moment}, json, f"Capture {capture} was taken at {moment.isoformat()}.")
