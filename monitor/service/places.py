"""Sites and locations as a person sets them up.

A change of state that comes of it is recorded here and sent by the worker, whose environment has the channels.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from monitor.errors import MisuseError, UnknownNameError
from monitor.growth.triggers import triggers_of
from monitor.imaging.files import digest
from monitor.records import RuleKind, Scale, TriggerLevel
from monitor.service.alarming import end_alert
from monitor.service.ingest import Ingest
from monitor.service.judging import judge_location
from monitor.settings import Settings
from monitor.storage import queries, repository
from monitor.storage.database import Database
from monitor.storage.views import CRACK_UNITS, UNITS, LocationView, TriggerPlanView


def ensure_site(database: Database, name: str, time_zone: str | None, now: datetime) -> int:
    """The id of the site of that name, made (in UTC unless told otherwise) when it does not exist."""
    with database.transaction() as session:
        known = {view.name: view.id for view in queries.sites(session)}
        return (
            known[name]
            if name in known
            else repository.add_site(session, name=name, time_zone=time_zone or "UTC", now=now)
        )


def add_location(
    database: Database, settings: Settings, name: str, site_name: str, interval_days: float, now: datetime
) -> LocationView:
    """A new location with its inbox folder; the shipped trigger plan watches it until another is agreed."""
    with database.transaction() as session:
        known = {view.name: view.id for view in queries.sites(session)}
        if site_name not in known:
            raise UnknownNameError("site", site_name, known)
        repository.add_location(session, site_id=known[site_name], name=name, interval_days=interval_days, now=now)
        location = queries.location(session, name)
    (settings.inbox / name).mkdir(parents=True, exist_ok=True)
    return location


def ensure_location(database: Database, settings: Settings, name: str, site_name: str, now: datetime) -> LocationView:
    """The location of that name; made, with its site, when it does not exist (monthly captures expected)."""
    with database.session() as session:
        found = next((view for view in queries.locations(session) if view.name == name), None)
    if found is not None:
        return found
    ensure_site(database, site_name, None, now)
    return add_location(database, settings, name, site_name, 31.0, now)


def set_scale(database: Database, name: str, scale: Scale, now: datetime) -> None:
    """Give a location its scale; its history in millimetres is filled in and fitted anew."""
    with database.transaction() as session:
        repository.set_scale(session, queries.location(session, name).id, scale)
        judge_location(session, queries.location(session, name), now)


def require_new(database: Database, photo: Path) -> None:
    """Raises `MisuseError` when the photo belongs to a location already."""
    with database.session() as session:
        known = queries.capture_with(session, digest(photo))
        if known is not None and known.rejected_reason is None:
            owner = next(view.name for view in queries.locations(session) if view.id == known.location_id)
            raise MisuseError(f"{photo} belongs to the location '{owner}' already. Choose another reference photo.")


def set_reference(database: Database, settings: Settings, name: str, photo: Path, now: datetime) -> None:
    """Take a photo in and make it the location's reference.

    Raises `MisuseError` with the reason when the photo is not accepted, or captures are registered to
    another reference already.
    """
    intake = Ingest(database, settings).take([photo], name, now)
    if intake.rejected:
        raise MisuseError(f"{photo} cannot be the reference: {intake.rejected[0].reason}")
    with database.transaction() as session:
        capture = queries.capture_with(session, digest(photo))
        assert capture is not None, "the photo has just been taken in"
        repository.set_reference(session, capture.location_id, capture.id, now)


def add_rule(
    database: Database,
    name: str,
    metric: str,
    kind: RuleKind,
    fire: float,
    clear: float,
    now: datetime,
    readings: int = 1,
) -> None:
    """Put a rule in force (a new version ends the old one) and evaluate it at once."""
    units = {**UNITS, **CRACK_UNITS}
    if metric not in units:
        raise UnknownNameError("metric", metric, units)
    with database.transaction() as session:
        location = queries.location(session, name)
        repository.add_rule(
            session,
            location.id,
            metric=metric,
            kind=kind,
            fire=fire,
            clear=clear,
            unit=units[metric],
            now=now,
            readings=readings,
        )
        judge_location(session, location, now)


def agree_trigger_plan(
    database: Database,
    name: str,
    limits: Mapping[str, Any],
    orders: Mapping[TriggerLevel, Mapping[str, Any]],
    *,
    agreed_by: str,
    valid_from: datetime | None,
    now: datetime,
) -> TriggerPlanView:
    """A new version of a location's trigger plan, from `valid_from` (None: now) on.

    `limits` and `orders` hold what changes, by the names of `TriggerPlan` and `LevelOrder`; the rest is as in the
    version before. Raises `MisuseError` for limits that make no sense, or a version that begins in the past.
    """
    with database.transaction() as session:
        location = queries.location(session, name)
        repository.hold_location(session, location.id)
        before = queries.trigger_plans(session, location.id)[-1].plan
        changed: dict[str, Any] = {
            level.value: replace(before.order(level), **order) for level, order in orders.items()
        }
        plan = replace(before, **{**limits, **changed})
        triggers_of(plan)
        begins = valid_from or now
        repository.add_trigger_plan(session, location.id, plan, agreed_by=agreed_by, valid_from=begins, now=now)
        return queries.trigger_plans(session, location.id)[-1]


def retire_rule(database: Database, name: str, metric: str, kind: RuleKind, now: datetime) -> None:
    """End a rule without a successor; an alert that it raised is over with it.

    Raises `MisuseError` when no such rule is in force.
    """
    with database.transaction() as session:
        location = queries.location(session, name)
        repository.hold_location(session, location.id)
        in_force = {(view.metric, view.kind): view.id for view in queries.rules(session, location.id)}
        if (metric, kind) not in in_force:
            known = ", ".join(f"{metric} {kind}" for metric, kind in in_force) or "none"
            raise MisuseError(f"'{name}' has no {kind} rule on {metric} in force. In force: {known}.")
        repository.retire_rule(session, in_force[metric, kind], now)
        end_alert(session, location.id, metric, kind, now)
