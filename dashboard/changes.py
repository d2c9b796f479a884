"""How the pages change what is stored: in one transaction, at the desk that asks the policy first, and seen at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import streamlit as st

from dashboard import access_data, data
from monitor.access.desk import Desk
from monitor.access.policy import Action
from monitor.settings import Settings, load_settings
from monitor.storage import queries


@contextmanager
def changing(folder: Path) -> Iterator[tuple[Desk, Settings, datetime]]:
    """A transaction for what whoever looks at the page changes now: `desk.do(write, ...)` does it, if they may.

    Whatever comes of it, nothing shown is older from now on. Raises `AccessError` where nobody is logged in.
    """
    settings, person = load_settings(folder), access_data.person(folder)
    try:
        with data.database(settings.resolved_database_url).transaction() as session:
            now = datetime.now(UTC)
            yield Desk(session, person, now), settings, now
    finally:
        st.cache_data.clear()
        data.detail.clear()


def require(folder: Path, action: Action, location: str) -> None:
    """Raise `AccessError` unless whoever looks at the page may do that at the location: before a file is written."""
    person = access_data.person(folder)
    with data.reading(folder) as (session, _):
        place = queries.location(session, location)
    person.require(action, place.site_id, place.site)
