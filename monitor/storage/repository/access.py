"""Accounts, what they may do, and logins. Passwords arrive here as hashes, tokens as their sha256."""

from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, text
from sqlalchemy.orm import Session

from monitor.errors import MisuseError
from monitor.storage.access import Role
from monitor.storage.queries.access import account, key_of
from monitor.storage.repository.statements import existing, insert
from monitor.storage.tables import AccountRow, LoginAttemptRow, LoginRow, PasswordRow, SiteRoleRow, SiteRow

#: Held on PostgreSQL while attempts are counted, so that many at once are not all the first; any fixed number.
_ATTEMPTS_LOCK = 7_267_227


def add_account(session: Session, name: str, *, role: Role, now: datetime) -> int:
    """The id of a new account, or of one that was removed and is let in again. Raises `MisuseError` on a taken name."""
    if not name.strip():
        raise MisuseError("An account needs a name; with OpenID Connect it is the person's e-mail address.")
    row = session.scalar(select(AccountRow).where(AccountRow.key == key_of(name)))
    if row is not None and row.removed_at is None:
        raise MisuseError(f"There is an account named '{row.name}' already; change it by 'crackmonitor access role'.")
    if row is None:
        row = AccountRow(name=name.strip(), key=key_of(name), role=role, added_at=now)
        session.add(row)
    row.name, row.role, row.added_at, row.removed_at = name.strip(), role, now, None
    session.flush()
    return row.id


def set_role(session: Session, name: str, role: Role | None, *, site_id: int | None = None) -> None:
    """Give an account a role: everywhere, or at one site, where None takes it back to the general one."""
    view = account(session, name)
    if site_id is None:
        if role is None:
            raise MisuseError("Everybody has some role. To keep somebody out: crackmonitor access remove.")
        existing(session, AccountRow, view.id).role = role
        session.flush()
        return
    existing(session, SiteRow, site_id)
    row = session.get(SiteRoleRow, (view.id, site_id))
    if role is None:
        if row is not None:
            session.delete(row)
    elif row is None:
        session.add(SiteRoleRow(account_id=view.id, site_id=site_id, role=role))
    else:
        row.role = role
    session.flush()


def set_password(session: Session, name: str, password_hash: str, now: datetime) -> None:
    """Give an account its password; whoever is logged in by an older one is logged out."""
    view = account(session, name)
    row = session.get(PasswordRow, view.id)
    if row is None:
        session.add(PasswordRow(account_id=view.id, hash=password_hash))
    else:
        row.hash = password_hash
    existing(session, AccountRow, view.id).password_set_at = now
    end_logins(session, view.id)
    session.flush()


def remove_account(session: Session, name: str, now: datetime) -> None:
    """Keep somebody out from now on. The name stays with what was done under it."""
    view = account(session, name)
    row = existing(session, AccountRow, view.id)
    row.removed_at, row.password_set_at = now, None
    session.flush()
    for given in session.scalars(select(SiteRoleRow).where(SiteRoleRow.account_id == view.id)).all():
        session.delete(given)
    session.execute(delete(PasswordRow).where(PasswordRow.account_id == view.id))
    end_logins(session, view.id)


def begin_login(session: Session, account_id: int, token_sha256: str, *, now: datetime, expires_at: datetime) -> None:
    """Somebody is in, by a token of which only the sha256 is kept. Logins that are long over are forgotten."""
    session.execute(delete(LoginRow).where(LoginRow.expires_at < now - timedelta(days=1)))
    session.add(LoginRow(token_sha256=token_sha256, account_id=account_id, begun_at=now, expires_at=expires_at))
    session.flush()


def end_login(session: Session, token_sha256: str) -> None:
    """Somebody is out again."""
    session.execute(delete(LoginRow).where(LoginRow.token_sha256 == token_sha256))


def end_logins(session: Session, account_id: int) -> None:
    """All logins of one account are over."""
    session.execute(delete(LoginRow).where(LoginRow.account_id == account_id))


def count_attempt(session: Session, name: str, *, now: datetime, window: timedelta) -> tuple[int, int]:
    """Note that a password is about to be tried; how many were within `window`, this one with them: (name's, all).

    It is noted before the password is looked at, so that a hundred tries at once are a hundred tries.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ATTEMPTS_LOCK})
    session.execute(delete(LoginAttemptRow).where(LoginAttemptRow.at <= now - window))
    session.execute(insert(session, LoginAttemptRow).values(key=key_of(name), at=now))
    own = func.count().filter(LoginAttemptRow.key == key_of(name))
    mine, everybody = session.execute(select(own, func.count()).select_from(LoginAttemptRow)).one()
    return int(mine), int(everybody)


def forget_attempts(session: Session, name: str) -> None:
    """The password was right: what was tried before under this name no longer counts."""
    session.execute(delete(LoginAttemptRow).where(LoginAttemptRow.key == key_of(name)))
