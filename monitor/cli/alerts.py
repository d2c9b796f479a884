"""Commands about alerts: what is raised, who sees to it, and whether messages arrive."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.output import HERE, Json, Workspace, answer, opened, table

if TYPE_CHECKING:
    from monitor.storage.views import AlarmView

alert_app = typer.Typer(help="Alerts: what needs somebody, and who sees to it.", no_args_is_help=True)

Alert = Annotated[int, typer.Argument(help="Alert number, as 'alert list' and the dashboard show it.")]
By = Annotated[str, typer.Option(help="Who you are (your login name when left out).")]
Note = Annotated[str, typer.Option(help="What the others should know.")]


@alert_app.command("list")
def alert_list(
    everything: Annotated[bool, typer.Option("--all", help="Those that were seen to or are over, too.")] = False,
    location: Annotated[str | None, typer.Option(help="Only those of this location.")] = None,
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """What needs somebody, newest first."""
    from monitor.storage import queries

    with opened(workspace) as (_, database), database.session() as session:
        place = None if location is None else queries.location(session, location).id
        found = queries.alarms(session, place, open_only=not everything)
    rows = [
        (
            one.id,
            one.transition.location,
            _state(one),
            f"{one.transition.at:%Y-%m-%d %H:%M} UTC",
            one.assignee,
            one.transition.why,
        )
        for one in found
    ]
    head = ("alert", "location", "state", "since", "assigned to", "why")
    words = table(head, rows) if rows else "Nothing needs anybody."
    answer({"alerts": [_told(one) for one in found]}, json, words)


@alert_app.command("acknowledge")
def alert_acknowledge(
    alert: Alert, by: By = "", note: Note = "", workspace: Workspace = HERE, json: Json = False
) -> None:
    """Say that you have seen it: reminders stop."""
    from monitor.service.scheduler import now
    from monitor.storage import repository

    with opened(workspace) as (_, database), database.transaction() as session:
        repository.acknowledge_alert(session, alert, by=_person(by), now=now(), note=note)
    answer({"alert": alert, "acknowledged_by": _person(by)}, json, f"Alert {alert} is acknowledged.")


@alert_app.command("assign")
def alert_assign(
    alert: Alert,
    to: Annotated[str, typer.Option(help="Who is to see to it.")],
    by: By = "",
    note: Note = "",
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Say whose it is."""
    from monitor.service.scheduler import now
    from monitor.storage import repository

    with opened(workspace) as (_, database), database.transaction() as session:
        repository.assign_alert(session, alert, to=to, by=_person(by), now=now(), note=note)
    answer({"alert": alert, "assigned_to": to}, json, f"Alert {alert} is assigned to {to}.")


@alert_app.command("comment")
def alert_comment(
    alert: Alert,
    note: Annotated[str, typer.Argument(help="What the others should know.")],
    by: By = "",
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Add to what is known of it."""
    from monitor.service.scheduler import now
    from monitor.storage import repository

    with opened(workspace) as (_, database), database.transaction() as session:
        repository.comment_alert(session, alert, note=note, by=_person(by), now=now())
    answer({"alert": alert, "comment": note}, json, f"The comment is kept with alert {alert}.")


@alert_app.command("close")
def alert_close(
    alert: Alert,
    action: Annotated[str, typer.Option(help="What was done about it.")],
    by: By = "",
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Say what was done about it; it leaves the list."""
    from monitor.service.scheduler import now
    from monitor.storage import repository

    with opened(workspace) as (_, database), database.transaction() as session:
        repository.close_alert(session, alert, action=action, by=_person(by), now=now())
    answer({"alert": alert, "action": action}, json, f"Alert {alert} is closed.")


@alert_app.command("test")
def alert_test(by: By = "", workspace: Workspace = HERE, json: Json = False) -> None:
    """Send a test to every usual channel, and whatever else is due; exit status 1 if a channel does not take it."""
    from monitor.errors import DeliveryError
    from monitor.service.notification import deliver
    from monitor.service.routing import Routing
    from monitor.service.scheduler import now, worker_name
    from monitor.storage import queries, repository

    with opened(workspace) as (settings, database):
        routing = Routing.of(settings)
        with database.transaction() as session:
            number = repository.add_test_alert(session, by=_person(by), now=now())
        deliver(database, routing, worker_name(), now)
        with database.session() as session:
            late = [one for one in queries.undelivered(session) if one.transition.id == number]
    lost = {one.channel: one.last_error or "an earlier test is still on its way" for one in late}
    sent = [name for name in routing.usual if name not in lost]
    answer({"alert": number, "sent": sent, "failed": lost}, json, f"The test went out to: {', '.join(sent)}.")
    if lost:
        raise DeliveryError("Not delivered: " + " ".join(f"{name}: {why}" for name, why in lost.items()))


@alert_app.command("check")
def alert_check(workspace: Workspace = HERE, json: Json = False) -> None:
    """For cron, beside the worker: say when it gives no sign of life any more, and send what is due."""
    from monitor.service.jobs import Jobs
    from monitor.service.scheduler import now, worker_name

    with opened(workspace) as (settings, database):
        jobs = Jobs(database, settings, now, worker_name())
        silent = jobs.watch_worker()
        jobs.watch()
        delivery = jobs.notify()
    words = "No worker gives a sign of life." if silent else "The worker is alive, or none has ever run."
    answer({"worker_silent": silent, "sent": delivery.sent, "failed": delivery.failed}, json, words)


def _person(by: str) -> str:
    import getpass

    return by or getpass.getuser()


def _state(one: "AlarmView") -> str:
    if one.closed is not None:
        return "closed"
    word = "over" if one.over_at is not None else one.transition.new.value
    return f"{word}, acknowledged" if one.acknowledged is not None else word


def _told(one: "AlarmView") -> dict[str, Any]:
    """What a script is told of an alert."""
    told = one.transition
    return {
        "alert": one.id,
        "location": None if told.location_id is None else told.location,
        "subject": told.subject,
        "state": _state(one),
        "why": told.why,
        "sure": told.evidence.get("sure"),
        "since": told.at,
        "over_at": one.over_at,
        "assigned_to": one.assignee,
        "actions": [vars(action) for action in one.actions],
        "undelivered": one.unsent,
    }
