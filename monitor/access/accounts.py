"""Passwords and logins of local accounts.

Hashes are argon2id with the library's parameters (RFC 9106, low memory); tokens are 32 random bytes. Tries are counted
in the database, so that no restart gives new ones.
"""

import hashlib
import logging
import secrets
from datetime import datetime, timedelta
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy.orm import Session

from monitor.errors import AccessError, MisuseError
from monitor.storage import queries, repository
from monitor.storage.access import AccountView
from monitor.storage.database import Database

#: So many tries within the window, for one name and for all together.
NAME_TRIES, ALL_TRIES, WINDOW = 5, 60, timedelta(minutes=15)
LEAST_CHARACTERS, _MOST_BYTES = 12, 1024
_WRONG = "Name or password is wrong."
_log = logging.getLogger(__name__)


@cache
def hasher() -> PasswordHasher:
    """What makes and checks hashes."""
    return PasswordHasher()


def hashed(password: str) -> str:
    """The argon2id hash of a new password. Raises `MisuseError` on one that is too short to be safe."""
    if len(password) < LEAST_CHARACTERS:
        raise MisuseError(f"The password has {len(password)} characters; it takes at least {LEAST_CHARACTERS}.")
    if len(_bytes(password)) > _MOST_BYTES:
        raise MisuseError(f"The password is longer than {_MOST_BYTES} bytes; choose a shorter one.")
    return hasher().hash(_bytes(password))


def log_in(database: Database, name: str, password: str, *, now: datetime, lasts: timedelta) -> str:
    """The token of a new login. Raises `AccessError`: wrong, or tried too often; it never says which half is wrong."""
    with database.transaction() as session:
        mine, everybody = repository.count_attempt(session, name, now=now, window=WINDOW)
    if mine > NAME_TRIES or everybody > ALL_TRIES:
        _log.warning("Login refused: too many tries (%d under this name, %d in all).", mine, everybody)
        minutes = WINDOW.total_seconds() / 60
        raise AccessError(f"Too many tries. Wait {minutes:.0f} minutes from the last one, then try again.")
    with database.session() as session:
        view = queries.account_with(session, name)
        kept = None if view is None else queries.password_hash(session, view.id)
    if not _right(kept, password) or view is None:
        raise AccessError(_WRONG)
    token = secrets.token_urlsafe(32)
    with database.transaction() as session:
        repository.forget_attempts(session, name)
        repository.begin_login(session, view.id, sha256_of(token), now=now, expires_at=now + lasts)
    return token


def log_out(database: Database, token: str) -> None:
    """End a login, if it is one."""
    with database.transaction() as session:
        repository.end_login(session, sha256_of(token))


def account_of(session: Session, token: str | None, now: datetime) -> AccountView:
    """Whose login that is. Raises `AccessError`, saying whether there was none or it has expired."""
    found = queries.login(session, sha256_of(token)) if token else None
    if found is None:
        raise AccessError("You are not logged in." if not token else "Your login has ended. Log in again.")
    if found.expires_at <= now:
        raise AccessError("Your login has expired. Log in again; nothing that was kept is lost.")
    if found.account is None:
        raise AccessError("Your account has been removed. Ask an admin if that is a mistake.")
    return found.account


def sha256_of(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(_bytes(token)).hexdigest()


def _right(kept: str | None, password: str) -> bool:
    """Whether that is the password; as slow for names that do not exist, so that it does not tell which do."""
    if len(_bytes(password)) > _MOST_BYTES:
        return False
    try:
        return hasher().verify(kept or _nobodys_hash(), _bytes(password)) and kept is not None
    except (VerifyMismatchError, InvalidHashError):
        return False


def _bytes(text: str) -> bytes:
    """Whatever was sent, it has bytes."""
    return text.encode(errors="surrogatepass")


@cache
def _nobodys_hash() -> str:
    return hasher().hash(secrets.token_urlsafe(32))
