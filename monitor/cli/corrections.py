"""Commands by which a person corrects what was found: cracks accepted, rejected or marked, and widths by a gauge."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.output import HERE, Json, Workspace, answer, opened, table
from monitor.cli.places import Name

if TYPE_CHECKING:
    from monitor.storage.told import GaugeView

crack_app = typer.Typer(
    help="Cracks of a location, and a person's word on them, kept beside what was found.", no_args_is_help=True
)

Location = Annotated[str, typer.Argument(help="Location.")]
Crack = Annotated[str, typer.Argument(help="Name of the crack, as 'crack list' and the dashboard show it.")]
Why = Annotated[str, typer.Option(help="Why; kept with it.")]
By = Annotated[str | None, typer.Option(help="Who says so; kept with it.")]
Capture = Annotated[int | None, typer.Option(help="Capture that was looked at.")]


@crack_app.command("list")
def crack_list(location: Location, workspace: Workspace = HERE, json: Json = False) -> None:
    """The cracks of a location, with their latest opening and what people said of them."""
    from monitor.storage import queries

    with opened(workspace) as (_, database), database.session() as session:
        views = queries.cracks(session, queries.location(session, location).id)
    listed = [
        {
            "crack": view.crack.name,
            "first_capture": view.crack.first_seen,
            "stations": len(view.crack.course),
            "widest_px": next((one.widest_px for one in view.readings[::-1] if one.widest_px is not None), None),
            "correction": view.correction and view.correction.kind,
            "why": view.correction and view.correction.why,
            "by": view.correction and view.correction.recorded_by,
        }
        for view in views
    ]
    rows = [
        (
            one["crack"],
            one["stations"],
            None if one["widest_px"] is None else f"{one['widest_px']:.2f}",
            one["correction"],
            one["why"],
            one["by"],
        )
        for one in listed
    ]
    words = table(("crack", "stations", "latest opening (px)", "a person said", "why", "by"), rows)
    answer({"location": location, "cracks": listed}, json, words)


@crack_app.command("accept")
def crack_accept(
    location: Location,
    crack: Crack,
    why: Why,
    by: By = None,
    capture: Capture = None,
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """This is a crack; the last word on a crack counts."""
    _judge(location, crack, "accepted", why, by, capture, workspace, json)


@crack_app.command("reject")
def crack_reject(
    location: Location,
    crack: Crack,
    why: Why,
    by: By = None,
    capture: Capture = None,
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """This is no crack: it stays, but moves no verdict and raises no alarm from now on."""
    _judge(location, crack, "rejected", why, by, capture, workspace, json)


def _judge(
    location: str, crack: str, kind: str, why: str, by: str | None, capture: int | None, workspace: Any, json: bool
) -> None:
    from monitor.service.crack_corrections import judge_crack
    from monitor.service.scheduler import now
    from monitor.storage.told import CorrectionKind

    with opened(workspace) as (settings, database):
        followed = judge_crack(
            database, settings, location, crack, CorrectionKind(kind), why, now(), by=by, capture_id=capture
        )
    words = f"Crack {crack} of {location} is {kind}: {why}{_LATER * (not followed)}"
    answer({"location": location, "crack": crack, "correction": kind, "followed": followed}, json, words)


_LATER = " (its photos are out of reach just now; the worker takes it into account as soon as they are back)"


@crack_app.command("mark")
def crack_mark(
    location: Location,
    line: Annotated[str, typer.Option(help="Along the crack in the reference: ROW,COL,ROW,COL,... (pixels).")],
    why: Why,
    by: By = None,
    capture: Capture = None,
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Mark a crack that was missed; it is followed from then on, under a name of its own (M1, M2, ...)."""
    from monitor.service.crack_corrections import mark_crack
    from monitor.service.scheduler import now

    with opened(workspace) as (settings, database):
        crack, followed = mark_crack(database, settings, location, _points(line), why, now(), by=by, capture_id=capture)
    words = f"Marked as crack {crack} of {location}: {why}{_LATER * (not followed)}"
    answer({"location": location, "crack": crack, "correction": "marked", "followed": followed}, json, words)


def _points(text: str) -> Any:
    import numpy as np

    from monitor.errors import MisuseError

    try:
        return np.array([float(part) for part in text.split(",")]).reshape(-1, 2)
    except ValueError:
        raise MisuseError(
            f"'{text}' is no line; write rows and columns by turns, like 120,40,130,90,128,160."
        ) from None


@crack_app.command("corrections")
def crack_corrections(
    location: Location,
    use: Annotated[
        bool | None, typer.Option("--use/--ignore", help="Whether measurements go by them (they do unless told).")
    ] = None,
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Everything that people said of a location's cracks; with --ignore, numbers are as they were found."""
    from monitor.service.crack_corrections import use_corrections
    from monitor.service.scheduler import now
    from monitor.storage import queries

    with opened(workspace) as (settings, database):
        if use is not None:
            use_corrections(database, settings, location, use=use, now=now())
        with database.session() as session:
            view = queries.location(session, location)
            found = queries.corrections(session, view.id)
    told = [{name: value for name, value in vars(one).items() if name != "course"} for one in found]
    rows = [(one.id, one.crack, one.kind, one.why, one.recorded_by, f"{one.recorded_at:%Y-%m-%d}") for one in found]
    head = "Measurements go by them." if view.uses_corrections else "Measurements do not go by them."
    words = "\n".join([head, table(("id", "crack", "correction", "why", "by", "on"), rows)])
    answer({"location": location, "used": view.uses_corrections, "corrections": told}, json, words)


def location_gauge(
    name: Name,
    crack: Annotated[str | None, typer.Option(help="Crack whose width was read, where it gapes widest.")] = None,
    width_mm: Annotated[float | None, typer.Option(help="Width that the gauge showed, in mm.")] = None,
    at: Annotated[str | None, typer.Option(help="When, ISO 8601; without an offset on the site's clocks.")] = None,
    error_mm: Annotated[float, typer.Option(help="Standard error of the gauge reading, in mm.")] = 0.05,
    withdraw: Annotated[int | None, typer.Option(help="Number of a gauge reading to take back instead.")] = None,
    why: Annotated[str, typer.Option(help="Why it is withdrawn; kept with it.")] = "",
    by: By = None,
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Correct total openings by a width that a person read with a gauge; the last one counts. Without one: all."""
    from monitor.errors import MisuseError
    from monitor.service import gauges
    from monitor.service.scheduler import now
    from monitor.storage import queries

    given = [one is not None for one in (crack, width_mm, at)]
    if (any(given) and not all(given)) or (any(given) and withdraw is not None):
        raise MisuseError("A gauge reading is --crack, --width-mm and --at together; --withdraw takes one back.")
    with opened(workspace) as (_, database):
        if withdraw is not None:
            gauges.withdraw(database, name, withdraw, why, now())
        if crack is not None and width_mm is not None and at is not None:
            gauges.add(database, name, crack, width_mm, error_mm, at, now(), by)
        with database.session() as session:
            view = queries.location(session, name)
            found = queries.gauges(session, view.id, withdrawn=True)
            offset = queries.gauge_offset(session, view.id)
    rows = [
        (
            one.id,
            one.crack,
            f"{one.width_mm:.2f} ± {one.standard_error_mm:.2f}",
            f"{one.at:%Y-%m-%d %H:%M}",
            one.recorded_by,
            one.withdrawn_why,
        )
        for one in found
    ]
    lines = [table(("gauge", "crack", "width (mm)", "at (UTC)", "by", "withdrawn because"), rows)]
    lines += [] if offset is None else [gauge_words(offset)]
    answer(
        {"location": name, "gauges": [_gauge(one) for one in found], "offset": gauge_json(offset)},
        json,
        "\n".join(lines),
    )


def gauge_words(offset: Any) -> str:
    """What a gauge reading says of the openings, in a sentence."""
    if offset.offset_mm is None:
        return f"Gauge reading {offset.gauge.id} corrects nothing: {offset.message}"
    return (
        f"Total openings have {offset.offset_mm:+.2f} ± {offset.standard_error_mm:.2f} mm in them by the gauge reading"
        f" of {offset.gauge.at:%Y-%m-%d}; changes are untouched by it."
    )


def gauge_json(offset: Any) -> dict[str, Any] | None:
    """The same for a script; None without a gauge reading."""
    if offset is None:
        return None
    return {
        "gauge": _gauge(offset.gauge),
        "offset_mm": offset.offset_mm,
        "standard_error_mm": offset.standard_error_mm,
        "message": offset.message,
    }


def _gauge(view: "GaugeView") -> dict[str, Any]:
    return {name: value for name, value in vars(view).items() if name not in ("course", "location_id")}


#: Commands of the group 'location'.
COMMANDS: dict[str, Callable[..., None]] = {"gauge": location_gauge}
