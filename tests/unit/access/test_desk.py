"""The desk: each write of a person at each site by each role, and what it leaves in the audit trail."""

import inspect
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from monitor.access.desk import NOBODYS, WRITES, Desk
from monitor.access.people import Person
from monitor.access.policy import LEAST, Role
from monitor.errors import AccessError
from monitor.records import AlertState, CaptureTime, Event, EventKind, RuleKind, Scale, ScaleOrigin, TimeSource
from monitor.storage import queries, repository
from monitor.storage.database import Database
from monitor.storage.tokens import TokenScope

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)


def test_every_write_is_somebodys() -> None:
    """A new write fails here until it stands in the policy, or among those that no person does."""
    writes = {name for name in repository.__all__ if inspect.isfunction(getattr(repository, name))}
    people = {write.__name__ for write in WRITES}
    assert people | NOBODYS == writes
    assert people & NOBODYS == set()


def test_what_is_not_in_the_policy_cannot_be_done(sites: Any) -> None:
    admin = Person("root", Role.ADMIN)
    with sites.database.transaction() as session, pytest.raises(AccessError, match="no entry in the policy"):
        Desk(session, admin, NOW).do(repository.set_series, sites.first_wall, "a" * 64)


def things_of(database: Database, wall: int) -> dict[str, int]:
    """Something of each kind that writes are about, at a wall."""
    with database.transaction() as session:
        capture = repository.add_capture(
            session, location_id=wall, sha256=f"{wall:064d}", file_name="a.jpg", media_type="image/jpeg",
            height_px=10, width_px=10, time=CaptureTime(NOW, TimeSource.FILE), now=NOW,
        ).capture_id  # fmt: skip
        event = repository.add_event(session, wall, Event(NOW, EventKind.REPAIR), now=NOW)
        rule = repository.add_rule(
            session, wall, metric="length_mm", kind=RuleKind.LEVEL, fire=2, clear=1, unit="mm", now=NOW
        )
        alert = repository.record_transition(
            session, location_id=wall, subject="overdue", old=AlertState.OK, new=AlertState.STALE, why="late",
            evidence={}, now=NOW,
        )  # fmt: skip
        repository.set_scale(session, wall, Scale(0.5, 0.01, ScaleOrigin.TYPED))
        gauge = repository.add_gauge(
            session, wall, crack="A", course=np.array([[1.0, 1.0], [9.0, 1.0]]), width_mm=1.0, standard_error_mm=0.1,
            at=NOW, now=NOW, by="Ada",
        )  # fmt: skip
        token = repository.add_token(
            session, name="phone", scope=TokenScope.READ, site_id=queries.site_of(session, "location_id", wall),
            sha256=f"{wall:064d}", by="Ada", now=NOW,
        )  # fmt: skip
    ids = {"capture_id": capture, "event_id": event, "rule_id": rule, "gauge_id": gauge, "token_id": token}
    return {**ids, "alert_id": alert}


@pytest.fixture(scope="module")
def known_at(two_sites: Any) -> dict[int, dict[str, int]]:
    """By site, the ids of something of each kind there."""
    pairs = ((two_sites.first, two_sites.first_wall), (two_sites.second, two_sites.second_wall))
    return {
        site_id: {"site_id": site_id, "location_id": wall, **things_of(two_sites.database, wall)}
        for site_id, wall in pairs
    }


def arguments(write: Callable[..., Any], known: dict[str, int]) -> dict[str, Any]:
    """Ids that exist; whatever else it takes is no matter, because the policy is asked first."""
    names = list(inspect.signature(write).parameters)[1:]
    return {name: known.get(name) for name in names}


@pytest.mark.parametrize("write", WRITES, ids=lambda write: write.__name__)
def test_every_cell_of_role_write_and_site(two_sites: Any, known_at: Any, write: Callable[..., Any]) -> None:
    sites = two_sites
    for site_id in (sites.first, sites.second):
        known = known_at[site_id]
        given = arguments(write, known)
        at_a_site = any(given.get(name) for name in known)
        for role in Role:
            here = Person("p", Role.VIEWER, {site_id: role})
            elsewhere = Person("p", Role.VIEWER, {sites.first + sites.second - site_id: role})
            everywhere = Person("p", role)
            enough = role.rank >= LEAST[WRITES[write]].rank
            plain = Role.VIEWER.rank >= LEAST[WRITES[write]].rank
            assert let(sites.database, here, write, given) is (enough if at_a_site else plain), (role, site_id)
            assert let(sites.database, elsewhere, write, given) is plain, (role, site_id)
            assert let(sites.database, everywhere, write, given) is enough, (role, site_id)


def let(database: Database, person: Person, write: Callable[..., Any], given: dict[str, Any]) -> bool:
    """Whether the desk hands it on; what the write makes of senseless arguments is undone, and none of our business."""
    try:
        with database.transaction() as session:
            Desk(session, person, NOW).do(write, **given)
            raise Undone
    except AccessError:
        return False
    except Exception:
        return True


class Undone(Exception):
    """So that no test leaves anything."""


def test_a_move_takes_the_role_at_both_sites(sites: Any) -> None:
    capture = things_of(sites.database, sites.first_wall)["capture_id"]
    half = Person("p", Role.VIEWER, {sites.first: Role.OPERATOR})
    both = Person("p", Role.VIEWER, {sites.first: Role.OPERATOR, sites.second: Role.OPERATOR})
    given = {"capture_id": capture, "location_id": sites.second_wall, "now": NOW, "why": "misfiled", "by": None}
    assert not let(sites.database, half, repository.move_capture, given)
    assert let(sites.database, both, repository.move_capture, given)


def test_the_refusal_says_where_and_what_it_takes(sites: Any) -> None:
    vic = Person("vic", Role.VIEWER)
    expected = "role viewer at Hall and may not answer alerts: that takes the role operator"
    alert = things_of(sites.database, sites.first_wall)["alert_id"]
    with sites.database.transaction() as session, pytest.raises(AccessError, match=expected):
        Desk(session, vic, NOW).do(repository.acknowledge_alert, alert, by="vic", now=NOW)


def test_who_did_it_is_the_person_whatever_name_they_write(sites: Any) -> None:
    alert = things_of(sites.database, sites.first_wall)["alert_id"]
    with sites.database.transaction() as session:
        desk = Desk(session, Person("ada", Role.ADMIN), NOW)
        desk.do(repository.acknowledge_alert, alert, by="somebody else", now=NOW)
    with sites.database.session() as session:
        (entry,) = json.loads(session.scalars(text("SELECT changes FROM audit_entry ORDER BY id DESC LIMIT 1")).one())
    assert entry["by"] == "ada"
    assert entry["values"]["by"] == "ada"
