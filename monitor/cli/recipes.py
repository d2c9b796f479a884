"""Commands about the recipe that a location goes by."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.output import HERE, Json, Workspace, answer, opened, table

if TYPE_CHECKING:
    from monitor.service.recipes import Comparison, Switched
    from monitor.storage.views import RecipeSwitchView


def location_recipe(
    name: Annotated[str | None, typer.Argument(help="Location; left out with --all.")] = None,
    switch: Annotated[bool, typer.Option("--switch", help="Go by the other recipe from now on.")] = False,
    all_locations: Annotated[
        bool, typer.Option("--all", help="All locations; of those, --switch takes the ones that are ready.")
    ] = False,
    to: Annotated[
        str | None, typer.Option(help="Fingerprint of the other recipe; left out: the one that the settings bring.")
    ] = None,
    by: Annotated[str | None, typer.Option(help="Who decided to switch; kept with it.")] = None,
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Compare the recipe a location goes by with another, on the captures measured under both; or switch to that."""
    from monitor.errors import MisuseError

    if (name is None) is not all_locations:
        raise MisuseError("Name one location, or say --all.")
    if all_locations and to is not None:
        raise MisuseError("--to names the recipe for one location; --all goes by the recipe that the settings bring.")
    if by is not None and not switch:
        raise MisuseError("--by says who decided to switch: give it together with --switch.")
    if switch:
        _switch(name, to, by, workspace, json)
    else:
        _compare(name, to, workspace, json)


def _switch(name: str | None, to: str | None, by: str | None, workspace: Any, json: bool) -> None:
    from monitor.service import recipes
    from monitor.service.scheduler import now

    with opened(workspace) as (settings, database):
        if name is None:
            switched = recipes.switch_ready(database, settings, now(), by=by)
        else:
            switched = [recipes.switch(database, settings, name, now(), to=to, by=by)]
    words = "\n".join(_switched_words(one) for one in switched) or "No location has another recipe ready."
    answer({"switched": [_switched_json(one) for one in switched]}, json, words)


def _switched_words(one: "Switched") -> str:
    rest = (
        f" {one.pending} capture(s) are still to be measured under it. Until the worker has done that, the location"
        " shows no series, and its alerts stay as they are."
    )
    told = f"{one.location} goes by the recipe {one.switch.new} now (before: {one.switch.old})."
    return f"{told}{rest}" if one.pending else told


def _switched_json(one: "Switched") -> dict[str, Any]:
    return {"location": one.location, **_switch_json(one.switch), "pending": one.pending}


def _switch_json(row: "RecipeSwitchView") -> dict[str, Any]:
    return {"old": row.old, "new": row.new, "at": row.at, "by": row.by}


def _compare(name: str | None, to: str | None, workspace: Any, json: bool) -> None:
    from monitor.service.recipes import compared
    from monitor.storage import queries

    with opened(workspace) as (_, database), database.session() as session:
        places = [queries.location(session, name)] if name is not None else queries.locations(session)
        found = {place.name: (place.in_force, compared(session, place, to)) for place in places}
        switches = {place.name: queries.recipe_switches(session, place.id) for place in places}
    told = [
        {
            "location": place,
            "in_force": in_force,
            **_comparison_json(comparison),
            "switches": [_switch_json(row) for row in switches[place]],
        }
        for place, (in_force, comparison) in found.items()
    ]
    words = "\n\n".join(_comparison_words(place, *both) for place, both in found.items())
    answer(told[0] if name is not None else {"locations": told}, json, words or "There are no locations yet.")


def _comparison_json(found: "Comparison | None") -> dict[str, Any]:
    """All but the recipe in force; None where there is no other."""
    if found is None:
        names = ("other", "out_of_reach", "differences", "both", "pending", "waiting", "changed_status", "offsets")
        return dict.fromkeys(names)
    return {
        "other": found.shadow.fingerprint,
        "out_of_reach": found.shadow.out_of_reach,
        "differences": {name: {"in_force": old, "other": new} for name, (old, new) in found.differences.items()},
        "both": found.shadow.both,
        "pending": found.shadow.pending,
        "waiting": found.shadow.waiting,
        "changed_status": found.changed_status,
        "offsets": list(found.offsets),
    }


def _comparison_words(place: str, in_force: str | None, found: "Comparison | None") -> str:
    if in_force is None:
        return f"{place} has no series yet; it gets the present recipe once all its captures are measured."
    if found is None:
        return f"{place} goes by the recipe {in_force}; there is no other."
    options = [(name, old, new) for name, (old, new) in found.differences.items()]
    offsets = [_offset_row(offset) for offset in found.offsets if offset.median is not None]
    lines = [
        *found.shadow.notices,
        "",
        table(("option", "in force", "other"), options),
        "",
        f"Captures with another status under it: {found.changed_status} of {found.shadow.both}.",
    ]
    if offsets:
        return "\n".join([*lines, table(("metric", "offset", "90 % interval", "spread", "unit", "n"), offsets)])
    return "\n".join([*lines, f"No offset yet: {found.offsets[0].message}."])


def _offset_row(offset: Any) -> tuple[object, ...]:
    interval = f"{offset.low:+.3f} to {offset.high:+.3f}"
    return offset.metric, f"{offset.median:+.3f}", interval, f"{offset.spread:.3f}", offset.unit, offset.n


#: Commands of the group 'location'.
COMMANDS: dict[str, Callable[..., None]] = {"recipe": location_recipe}
