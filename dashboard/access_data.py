"""Whoever looks at the pages, and what they may do; a module that touches `monitor`."""

from datetime import UTC, datetime
from pathlib import Path

import streamlit as st

from dashboard import data
from monitor.access.accounts import log_out as end_login
from monitor.access.entry import Door as Door
from monitor.access.entry import door_of, whoever
from monitor.access.gate import COOKIE
from monitor.access.people import Person as Person
from monitor.access.policy import LEAST, Role
from monitor.access.policy import Action as Action
from monitor.errors import AccessError as AccessError
from monitor.settings import load_settings


def door(folder: Path) -> Door:
    """How people come in here."""
    with data.reading(folder) as (session, settings):
        return door_of(session, settings)


def person(folder: Path) -> Person:
    """Whoever looks at the page, as their account is now. Raises `AccessError`, saying why, when it is nobody."""
    with data.reading(folder) as (session, settings):
        return whoever(session, settings, token=_token(), claims=_claims(), now=datetime.now(UTC))


def may(folder: Path, action: Action, site_id: int | None = None) -> bool:
    """Whether whoever looks at the page may do that there."""
    try:
        return person(folder).may(action, site_id)
    except AccessError:
        return False


def least(action: Action) -> Role:
    """The least role it takes."""
    return LEAST[action]


def _token() -> str | None:
    token = st.context.cookies.get(COOKIE)
    return token if isinstance(token, str) else None


def _claims() -> dict[str, object]:
    """What the provider said of whoever is logged in by OpenID Connect; empty for anybody else."""
    told = dict(st.user)
    return told if told.get("is_logged_in") else {}


def log_out(folder: Path) -> None:
    """End the login of whoever looks at the page; with OpenID Connect, Streamlit's."""
    if door(folder) is Door.OPENID:
        st.logout()
    elif (token := _token()) is not None:
        end_login(data.database(load_settings(folder).resolved_database_url), token)
