"""Commands about patches that a person judges, and the classifier adapted to a site by them."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.output import HERE, Json, Workspace, answer, opened, progress, table

if TYPE_CHECKING:
    from monitor.service.recipes import Switched
    from monitor.storage.told import AdaptationView

patch_app = typer.Typer(
    help="Patches: what the classifier looks at, judged by a person to adapt it to a site.", no_args_is_help=True
)

Capture = Annotated[int, typer.Argument(help="Capture number, as 'capture list' shows it.")]
By = Annotated[str | None, typer.Option(help="Who says so; kept with it.")]
At = Annotated[str, typer.Option(help="ROW,COL in the reference: the patch around it.")]


@patch_app.command("list")
def patch_list(
    capture: Capture,
    most: Annotated[int, typer.Option(min=1, help="List so many.")] = 20,
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """The patches of a capture that look most cracked to the networks: those worth judging first."""
    from monitor.service.adaptation import surest_patches

    with opened(workspace) as (settings, database), progress("Classifying", None, json):
        found = surest_patches(database, settings, capture, most)
    verdicts = {None: None, True: "accepted", False: "rejected"}
    rows = [
        (
            f"{one.row_px + one.side_px // 2},{one.col_px + one.side_px // 2}",
            f"{one.probability:.3f}",
            "cracked" if one.called_cracked else "sound",
            verdicts[one.judged_cracked],
        )
        for one in found
    ]
    words = table(("at", "probability", "called", "judged"), rows)
    answer({"capture": capture, "patches": [vars(one) for one in found]}, json, words)


@patch_app.command("accept")
def patch_accept(capture: Capture, at: At, by: By = None, workspace: Workspace = HERE, json: Json = False) -> None:
    """This patch shows a crack."""
    _judge(capture, at, True, by, workspace, json)


@patch_app.command("reject")
def patch_reject(capture: Capture, at: At, by: By = None, workspace: Workspace = HERE, json: Json = False) -> None:
    """This patch shows none."""
    _judge(capture, at, False, by, workspace, json)


def _judge(capture: int, at: str, cracked: bool, by: str | None, workspace: Any, json: bool) -> None:
    from monitor.errors import MisuseError
    from monitor.service.adaptation import judge_patch
    from monitor.service.scheduler import now

    try:
        row, col = (int(part) for part in at.split(","))
    except ValueError:
        raise MisuseError(f"'{at}' is no place; write --at ROW,COL in pixels, like --at 120,340.") from None
    with opened(workspace) as (settings, database):
        view = judge_patch(database, settings, capture, (row, col), cracked=cracked, now=now(), by=by)
    words = (
        f"Capture {capture}, patch from row {view.row_px}, column {view.col_px} on ({view.side_px} px): "
        f"{'cracked' if cracked else 'sound'}. 'crackmonitor site adapt' makes use of it."
    )
    answer(vars(view), json, words)


def site_adapt(
    name: Annotated[str, typer.Argument(help="Site.")],
    undo: Annotated[bool, typer.Option("--undo", help="Go by the shipped classifier again.")] = False,
    history: Annotated[bool, typer.Option("--history", help="What was tried so far, and what came of it.")] = False,
    by: By = None,
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Adapt the classifier's last layer to a site by the patches judged there, if that helps on patches not used."""
    from monitor.errors import MisuseError
    from monitor.service import adaptation
    from monitor.service.scheduler import now

    if undo and history:
        raise MisuseError("--undo changes what --history only shows; give one of them.")
    if history:
        _history(name, workspace, json)
        return
    with opened(workspace) as (settings, database):
        if undo:
            switched = adaptation.undo(database, settings, name, now(), by)
            result: dict[str, Any] = {"site": name, "undone": True}
            words = f"{name} goes by the shipped classifier again."
        else:
            with progress("Adapting", None, json):
                found = adaptation.adapt(database, settings, name, now(), by)
            switched, words = found.switched, found.told
            result = {"site": name, "kept": found.kept, "told": found.told, **vars(found.comparison)}
    told = [_switched(one) for one in switched]
    answer({**result, "switched": told}, json, "\n".join([words, *(_switched_words(one) for one in switched)]))


def _switched(one: "Switched") -> dict[str, Any]:
    return {"location": one.location, "old": one.switch.old, "new": one.switch.new, "pending": one.pending}


def _switched_words(one: "Switched") -> str:
    rest = f"; {one.pending} capture(s) are still to be measured, and until then it shows no series" * (one.pending > 0)
    return f"{one.location} goes by the recipe {one.switch.new} now (before: {one.switch.old}){rest}."


def _history(name: str, workspace: Any, json: bool) -> None:
    from monitor.storage import queries

    with opened(workspace) as (_, database), database.session() as session:
        views = queries.adaptations(session, queries.site_id(session, name))
    rows = [(f"{one.made_at:%Y-%m-%d %H:%M}", one.made_by, one.patches, _outcome(one), one.told) for one in views]
    words = table(("at (UTC)", "by", "patches", "outcome", "told"), rows)
    answer({"site": name, "adaptations": [vars(one) for one in views]}, json, words)


def _outcome(view: "AdaptationView") -> str:
    if view.head_sha256 is None:
        return "not kept"
    return "in force" if view.undone_at is None else f"undone {view.undone_at:%Y-%m-%d}"


#: Commands of the group 'site'.
COMMANDS: dict[str, Callable[..., None]] = {"adapt": site_adapt}
