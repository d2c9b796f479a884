"""How people come in: by their account's password, by OpenID Connect, or, before access is set up, as the machine's
own user.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from ipaddress import ip_address

from sqlalchemy.orm import Session

from monitor.access.accounts import account_of
from monitor.access.people import Person, machine_user, of_account
from monitor.errors import AccessError, SettingsError
from monitor.settings import Settings
from monitor.storage import queries

_LOCAL_NAME = "localhost"


class Door(StrEnum):
    """How people come in: `open` asks nobody, and is for this machine alone."""

    OPEN = "open"
    ACCOUNTS = "accounts"
    OPENID = "openid"


def door_of(session: Session, settings: Settings) -> Door:
    """How people come in: by OpenID Connect once its secrets are written, by password once there is an account."""
    if settings.secrets.is_file():
        return Door.OPENID
    return Door.ACCOUNTS if queries.any_account(session) else Door.OPEN


def whoever(
    session: Session, settings: Settings, *, token: str | None, claims: Mapping[str, object], now: datetime
) -> Person:
    """Whoever that is, as their account is now: by the `token` of a login, or by what the provider `claims`.

    Raises `AccessError`, whose sentence says what to do, when it is nobody.
    """
    door = door_of(session, settings)
    if door is Door.OPEN:
        return machine_user()
    if door is Door.ACCOUNTS:
        return of_account(account_of(session, token, now))
    return _claimed(session, claims, now, timedelta(hours=settings.dashboard.login_hours))


def _claimed(session: Session, claims: Mapping[str, object], now: datetime, lasts: timedelta) -> Person:
    email = claims.get("email")
    if not claims:
        raise AccessError("You are not logged in.")
    if not isinstance(email, str) or not email or claims.get("email_verified") is False:
        raise AccessError(
            "Your identity provider gives no confirmed e-mail address, by which people are known here. Ask whoever"
            " runs it."
        )
    begun = claims.get("iat")
    if not isinstance(begun, int | float) or now - datetime.fromtimestamp(begun, UTC) > lasts:
        raise AccessError("Your login has expired. Log in again; nothing that was kept is lost.")
    view = queries.account_with(session, email)
    if view is None:
        raise AccessError(
            f"{email} is logged in, but has no account here. Ask an admin: crackmonitor access add {email}."
        )
    return of_account(view)


def is_loopback(host: str) -> bool:
    """Whether an address to bind, or a name that a browser asks for, is of this machine alone."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == _LOCAL_NAME


def require_guarded(session: Session, settings: Settings) -> Door:
    """How people come in; raises `SettingsError` where the pages would lie open to other machines."""
    door, host = door_of(session, settings), settings.dashboard.host
    if door is Door.OPEN and not is_loopback(host):
        raise SettingsError(
            f"The pages are not served on {host}: anybody who reaches it could do everything, because access is not"
            " set up. Add the first account with 'crackmonitor access add NAME --role admin', or set"
            " 'dashboard.host' to 127.0.0.1."
        )
    return door
