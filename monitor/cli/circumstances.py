"""Commands about what breaks a location's history, and how warm it was there."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.output import HERE, Json, Workspace, answer, opened, table
from monitor.cli.places import Name

if TYPE_CHECKING:
    from monitor.storage.views import EventView


def location_event(
    name: Name,
    at: Annotated[str, typer.Option(help="When, ISO 8601; without an offset on the site's clocks.")],
    kind: Annotated[str, typer.Option(help="repair, repaint, new_camera or other.")],
    note: Annotated[str, typer.Option(help="What happened, in words.")] = "",
    by: Annotated[str | None, typer.Option(help="Who says so.")] = None,
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Record what breaks a location's history: rates and verdicts are made of what was captured from then on."""
    from monitor.errors import UnknownNameError
    from monitor.records import EventKind
    from monitor.service.circumstances import add_event
    from monitor.service.scheduler import now

    if kind not in list(EventKind):
        raise UnknownNameError("kind of event", kind, EventKind)
    with opened(workspace) as (_, database):
        view = add_event(database, name, at, EventKind(kind), note, now(), by)
    words = f"Event {view.id} recorded. Readings from before {view.name} stay, but do not count any more."
    answer({"location": name, **_told(view)}, json, words)


def location_events(name: Name, workspace: Workspace = HERE, json: Json = False) -> None:
    """All events of a location by time, those that were withdrawn too."""
    from monitor.storage import queries

    with opened(workspace) as (_, database), database.session() as session:
        views = queries.events(session, queries.location(session, name).id, withdrawn=True)
    found = [_told(view) for view in views]
    rows = [
        (
            one["event"],
            f"{one['at']:%Y-%m-%d %H:%M}",
            one["kind"],
            one["note"] or None,
            one["recorded_by"],
            one["withdrawn_why"],
        )
        for one in found
    ]
    words = table(("event", "at", "kind", "note", "by", "withdrawn because"), rows)
    answer({"location": name, "events": found}, json, words)


def location_withdraw_event(
    event: Annotated[int, typer.Argument(help="Event number, as 'location events' shows it.")],
    why: Annotated[str, typer.Option(help="What was wrong with it; kept with the event.")],
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Take an event back that was recorded by mistake; what was captured before it counts again."""
    from monitor.service.circumstances import withdraw_event
    from monitor.service.scheduler import now

    with opened(workspace) as (_, database):
        view = withdraw_event(database, event, why, now())
    answer(_told(view), json, f"Event {event} is withdrawn: {why}")


def _told(view: "EventView") -> dict[str, Any]:
    """What a script is told of an event; `at` on the site's clocks."""
    from zoneinfo import ZoneInfo

    return {
        "event": view.id,
        "at": view.event.at.astimezone(ZoneInfo(view.time_zone)),
        "kind": view.event.kind,
        "note": view.event.note,
        "recorded_at": view.recorded_at,
        "recorded_by": view.recorded_by,
        "withdrawn_at": view.withdrawn_at,
        "withdrawn_why": view.withdrawn_why,
    }


def location_temperature(
    name: Name,
    file: Annotated[Path | None, typer.Argument(help="CSV file with the columns 'at' and 'celsius'.")] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Forget all temperatures of the location instead.")] = False,
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Say how warm it was, so that growth can be told from what warmth does; a time given again is replaced."""
    from monitor.errors import MisuseError
    from monitor.service.circumstances import add_temperatures, clear_temperatures
    from monitor.service.scheduler import now

    if clear is (file is not None):
        raise MisuseError("Name a CSV file of temperatures, or forget those that are known with --clear.")
    with opened(workspace) as (_, database):
        if file is None:
            cleared = clear_temperatures(database, name, now())
            answer({"location": name, "cleared": cleared}, json, f"{cleared} temperature(s) of {name} forgotten.")
        else:
            taken = add_temperatures(database, name, file, now())
            words = f"{taken} temperature(s) of {name} taken over from {file}."
            answer({"location": name, "taken": taken}, json, words)


#: Commands of the group 'location'.
COMMANDS: dict[str, Callable[..., None]] = {
    "event": location_event,
    "events": location_events,
    "withdraw-event": location_withdraw_event,
    "temperature": location_temperature,
}
