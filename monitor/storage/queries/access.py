"""Who may come in, and whose login a token is."""

import unicodedata
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import Session

from monitor.errors import MisuseError, UnknownNameError
from monitor.storage.access import AccountView, LoginView, Role
from monitor.storage.tables import (
    AccountRow,
    CaptureRow,
    EventRow,
    GaugeRow,
    LocationRow,
    LoginRow,
    PasswordRow,
    RuleRow,
    SiteRoleRow,
    SiteRow,
    TokenRow,
    TransitionRow,
)

_LONGEST_NAME = 320
_BY_LOCATION = select(LocationRow.site_id)
#: From an id, by the name it has as an argument of writes, to the site that it is about.
SITE_OF: Mapping[str, Callable[[int], Select[Any]]] = MappingProxyType(
    {
        "site_id": lambda key: select(SiteRow.id).where(SiteRow.id == key),
        "location_id": lambda key: _BY_LOCATION.where(LocationRow.id == key),
        "capture_id": lambda key: _BY_LOCATION.join(CaptureRow, _of(CaptureRow)).where(CaptureRow.id == key),
        "event_id": lambda key: _BY_LOCATION.join(EventRow, _of(EventRow)).where(EventRow.id == key),
        "gauge_id": lambda key: _BY_LOCATION.join(GaugeRow, _of(GaugeRow)).where(GaugeRow.id == key),
        "rule_id": lambda key: _BY_LOCATION.join(RuleRow, _of(RuleRow)).where(RuleRow.id == key),
        "token_id": lambda key: select(TokenRow.site_id).where(TokenRow.id == key),
        "alert_id": lambda key: (
            select(LocationRow.site_id)
            .select_from(TransitionRow)
            .outerjoin(LocationRow, _of(TransitionRow))
            .where(TransitionRow.id == key)
        ),
    }
)


def site_of(session: Session, argument: str, key: int) -> int | None:
    """The site that an id is about, by its name as an argument (see `SITE_OF`); None: it is about the service itself.

    Raises `MisuseError` where there is nothing with that id.
    """
    found = session.execute(SITE_OF[argument](key)).first()
    if found is None:
        raise MisuseError(f"There is no {argument.removesuffix('_id')} with the id {key}.")
    site_id: int | None = found[0]
    return site_id


def site_name(session: Session, site_id: int) -> str:
    """What a site is called."""
    return session.scalar(select(SiteRow.name).where(SiteRow.id == site_id)) or f"site {site_id}"


def _of(table: Any) -> ColumnElement[bool]:
    same: ColumnElement[bool] = LocationRow.id == table.location_id
    return same


def key_of(name: str) -> str:
    """A name as it is compared: neither case nor the way in which letters are encoded makes another one of it, and what
    no database would store is left out.
    """
    seen = "".join(letter for letter in name[:_LONGEST_NAME] if letter.isprintable())
    return unicodedata.normalize("NFKC", seen.strip()).casefold()


def accounts(session: Session) -> list[AccountView]:
    """All who may come in, by name."""
    rows = session.scalars(select(AccountRow).where(AccountRow.removed_at.is_(None)).order_by(AccountRow.key)).all()
    given: dict[int, dict[int, Role]] = {}
    for one in session.scalars(select(SiteRoleRow)).all():
        given.setdefault(one.account_id, {})[one.site_id] = one.role
    return [_view(row, given.get(row.id, {})) for row in rows]


def account(session: Session, name: str) -> AccountView:
    """The account of that name. Raises `UnknownNameError`, which lists the known ones."""
    found = account_with(session, name)
    if found is None:
        raise UnknownNameError("account", name, [one.name for one in accounts(session)])
    return found


def account_with(session: Session, name: str) -> AccountView | None:
    """The account of that name, None when there is none."""
    row = session.scalar(select(AccountRow).where(AccountRow.key == key_of(name), AccountRow.removed_at.is_(None)))
    return None if row is None else _view(row, _sites(session, row.id))


def any_account(session: Session) -> bool:
    """Whether there is anybody who may come in: before the first, nobody is asked."""
    return session.scalar(select(AccountRow.id).where(AccountRow.removed_at.is_(None)).limit(1)) is not None


def password_hash(session: Session, account_id: int) -> str | None:
    """The argon2 hash of an account's password, None where it has none."""
    return session.scalar(select(PasswordRow.hash).where(PasswordRow.account_id == account_id))


def login(session: Session, token_sha256: str) -> LoginView | None:
    """The login by a token; None: there never was one, or it is long over."""
    row = session.get(LoginRow, token_sha256)
    if row is None:
        return None
    owner = session.get(AccountRow, row.account_id)
    there = owner is not None and owner.removed_at is None
    view = _view(owner, _sites(session, row.account_id)) if there and owner is not None else None
    return LoginView(view, row.expires_at)


def _sites(session: Session, account_id: int) -> dict[int, Role]:
    found = session.scalars(select(SiteRoleRow).where(SiteRoleRow.account_id == account_id)).all()
    return {one.site_id: one.role for one in found}


def _view(row: AccountRow, sites: dict[int, Role]) -> AccountView:
    return AccountView(row.id, row.name, row.role, sites, row.password_set_at is not None, row.added_at)
