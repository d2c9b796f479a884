"""The command about a location's trigger plan."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.output import HERE, Json, Workspace, answer, opened, table
from monitor.cli.places import Name

if TYPE_CHECKING:
    from monitor.storage.views import TriggerPlanView

Limit = Annotated[str | None, typer.Option(help="In mm per year (--red-change: mm); 'none' watches it no more.")]
Action = Annotated[str | None, typer.Option(help="What is to be done then.")]
Owner = Annotated[str | None, typer.Option(help="Who sees to it.")]
Due = Annotated[float | None, typer.Option(min=0, help="Within how many days.")]


def location_trigger_plan(
    name: Name,
    amber_rate: Limit = None,
    red_rate: Limit = None,
    red_change: Limit = None,
    guide: Annotated[str | None, typer.Option(help="Guide whose next damage class is amber, or 'none'.")] = None,
    green_action: Action = None,
    green_owner: Owner = None,
    green_due_days: Due = None,
    amber_action: Action = None,
    amber_owner: Owner = None,
    amber_due_days: Due = None,
    red_action: Action = None,
    red_owner: Owner = None,
    red_due_days: Due = None,
    agreed_by: Annotated[str, typer.Option(help="The engineer who agreed to it.")] = "",
    valid_from: Annotated[
        str | None, typer.Option("--from", help="When it begins, ISO 8601 on the site's clocks; now when left out.")
    ] = None,
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Agree a new version of what green, amber and red mean and ask for; without any change, show all versions.

    What is not given stays as it was. No version is ever changed: captures are judged by the one valid when they were
    taken, by the shipped defaults before the first.
    """
    from monitor.errors import MisuseError
    from monitor.records import TriggerLevel
    from monitor.service.circumstances import time_written
    from monitor.service.places import agree_trigger_plan
    from monitor.service.scheduler import now
    from monitor.storage import queries

    given = {"amber_rate": amber_rate, "red_rate": red_rate, "red_change": red_change}
    limits: dict[str, Any] = {key: _limit(key, text) for key, text in given.items() if text is not None}
    if guide is not None:
        limits["guide"] = None if guide == "none" else guide
    asked = {
        TriggerLevel.GREEN: (green_action, green_owner, green_due_days),
        TriggerLevel.AMBER: (amber_action, amber_owner, amber_due_days),
        TriggerLevel.RED: (red_action, red_owner, red_due_days),
    }
    orders = {level: _order(*parts) for level, parts in asked.items() if any(part is not None for part in parts)}
    with opened(workspace) as (_, database):
        with database.session() as session:
            place = queries.location(session, name)
        if limits or orders:
            begins = None if valid_from is None else time_written(valid_from, place.time_zone)
            agree_trigger_plan(database, name, limits, orders, agreed_by=agreed_by, valid_from=begins, now=now())
        elif agreed_by or valid_from:
            raise MisuseError(
                "Nothing of the trigger plan is changed. Say what is agreed, for example --amber-rate 0.3."
            )
        with database.session() as session:
            versions = queries.trigger_plans(session, place.id)
    answer({"location": name, "versions": [_told(view) for view in versions]}, json, _words(versions))


def _limit(name: str, text: str) -> float | None:
    from monitor.errors import MisuseError

    try:
        return None if text == "none" else float(text)
    except ValueError:
        raise MisuseError(f"--{name.replace('_', '-')} '{text}' is no number; write one like 0.5, or 'none'.") from None


def _order(action: str | None, owner: str | None, due_days: float | None) -> dict[str, Any]:
    parts = {"action": action, "owner": owner, "due_days": due_days}
    return {name: part for name, part in parts.items() if part is not None}


def _told(view: "TriggerPlanView") -> dict[str, Any]:
    """What a script is told of a version."""
    return {
        "default": view.is_default,
        "valid_from": view.valid_from,
        "recorded_at": view.recorded_at,
        "agreed_by": view.agreed_by,
        **vars(view.plan),
    }


def _words(versions: "list[TriggerPlanView]") -> str:
    """The newest version in full, and the dates of all."""
    from monitor.records import TriggerLevel

    newest = versions[-1]
    plan = newest.plan
    guide = f", or next class of {plan.guide}" if plan.guide else ""
    limits = {
        TriggerLevel.GREEN: "otherwise",
        TriggerLevel.AMBER: f"rate above {_shown(plan.amber_rate)} mm/year{guide}",
        TriggerLevel.RED: f"rate above {_shown(plan.red_rate)} mm/year, or change of {_shown(plan.red_change)} mm",
    }
    rows = [
        (level.value, when, order.action, order.owner, f"{order.due_days:g} days")
        for level, when in limits.items()
        for order in (plan.order(level),)
    ]
    dates = [
        (
            "shipped defaults, agreed by nobody"
            if view.valid_from is None
            else f"from {view.valid_from:%Y-%m-%d %H:%M} UTC, agreed by {view.agreed_by}"
        )
        for view in versions
    ]
    return "\n".join([table(("level", "when", "to do", "by", "within"), rows), "", "Versions: " + "; ".join(dates)])


def _shown(limit: float | None) -> str:
    return "(not watched)" if limit is None else f"{limit:g}"


#: Commands of the group 'location'.
COMMANDS: dict[str, Callable[..., None]] = {"trigger-plan": location_trigger_plan}
