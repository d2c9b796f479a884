"""Alerts as the pages show them, and what a person does about them; beside `data` the only module to touch `monitor`.

Reading functions may be ten seconds old; what a person has just done here is seen at once.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import streamlit as st

from dashboard import access_data, data
from monitor.access.desk import Desk
from monitor.settings import load_settings
from monitor.storage import queries, repository
from monitor.storage.alarms import TEST as TEST
from monitor.storage.alarms import AlarmView as AlarmView
from monitor.storage.alarms import subject_name as subject_name

_FRESH = timedelta(seconds=10)


@st.cache_data(ttl=_FRESH, show_spinner=False)
def inbox(folder: Path) -> tuple[AlarmView, ...]:
    """What nobody has seen to yet, newest first."""
    with data.reading(folder) as (session, _):
        return tuple(queries.alarms(session, open_only=True))


@st.cache_data(ttl=_FRESH, show_spinner=False)
def history(folder: Path) -> tuple[AlarmView, ...]:
    """The last two hundred alerts and tests, newest first."""
    with data.reading(folder) as (session, _):
        return tuple(queries.alarms(session))


@st.cache_data(ttl=_FRESH, show_spinner=False)
def alarm(folder: Path, alert_id: int) -> AlarmView:
    """One alert, open or not. Raises `CrackmonitorError` when there is none."""
    with data.reading(folder) as (session, _):
        return queries.alarm(session, alert_id)


@st.cache_data(ttl=_FRESH, show_spinner=False)
def picture_of(folder: Path, alert_id: int) -> str | None:
    """The picture that shows best what an alert is about, to be read by `data.picture`."""
    with data.reading(folder) as (session, _):
        return queries.picture_of(session, queries.alarm(session, alert_id).transition)


def acknowledge(folder: Path, alert_id: int, by: str) -> None:
    """Somebody has seen it."""
    _write(folder, lambda desk: desk.do(repository.acknowledge_alert, alert_id, by=by, now=desk.now))


def assign(folder: Path, alert_id: int, by: str, to: str) -> None:
    """It is for somebody to see to."""
    _write(folder, lambda desk: desk.do(repository.assign_alert, alert_id, by=by, to=to, now=desk.now))


def comment(folder: Path, alert_id: int, by: str, note: str) -> None:
    """Something worth knowing about it."""
    _write(folder, lambda desk: desk.do(repository.comment_alert, alert_id, by=by, note=note, now=desk.now))


def close(folder: Path, alert_id: int, by: str, action: str) -> None:
    """It has been dealt with."""
    _write(folder, lambda desk: desk.do(repository.close_alert, alert_id, by=by, action=action, now=desk.now))


def send_test(folder: Path, by: str) -> None:
    """Have the worker send a test to every channel."""
    _write(folder, lambda desk: desk.do(repository.add_test_alert, by=by, now=desk.now))


def _write(folder: Path, change: Callable[[Desk], Any]) -> None:
    """Make one change as of now; whatever comes of it, nothing shown is older from now on."""
    person = access_data.person(folder)
    try:
        with data.database(load_settings(folder).resolved_database_url).transaction() as session:
            change(Desk(session, person, datetime.now(UTC)))
    finally:
        for cached in (inbox, history, alarm, data.glances, data.detail):
            cached.clear()
