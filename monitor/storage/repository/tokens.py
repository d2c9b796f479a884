"""Tokens of the machine door: given, used, revoked."""

from datetime import datetime, timedelta

from sqlalchemy import or_, update
from sqlalchemy.orm import Session

from monitor.errors import MisuseError
from monitor.storage.repository.statements import existing
from monitor.storage.tables import SiteRow, TokenRow, TokenSecretRow
from monitor.storage.tokens import TokenScope

#: The last use is written this often at most, so that reading a series a hundred times is not a hundred writes.
USED_WITHIN = timedelta(minutes=1)


def add_token(
    session: Session, *, name: str, scope: TokenScope, site_id: int | None, sha256: str, by: str, now: datetime
) -> int:
    """The new token's id; `sha256` is of its secret, which is nowhere kept.

    Raises `MisuseError` without a name, for an unknown site, or where a site is missing or makes no sense.
    """
    if not name.strip() or not by.strip():
        raise MisuseError("A token needs the name of the machine that will use it, and of who gives it.")
    if (site_id is None) != (scope is TokenScope.METRICS):
        raise MisuseError("Tokens to read or push are for one site; a token for metrics is for none.")
    if site_id is not None:
        existing(session, SiteRow, site_id)
    row = TokenRow(site_id=site_id, name=name.strip(), scope=scope, created_at=now, created_by=by.strip())
    session.add(row)
    session.flush()
    session.add(TokenSecretRow(token_id=row.id, sha256=sha256))
    session.flush()
    return row.id


def revoke_token(session: Session, token_id: int, *, by: str, now: datetime) -> None:
    """The token opens nothing any more. Raises `MisuseError` where there is none, or it was revoked before."""
    row = existing(session, TokenRow, token_id, held=True)
    if row.revoked_at is not None:
        raise MisuseError(f"Token {token_id} ({row.name}) was revoked by {row.revoked_by} already.")
    row.revoked_at, row.revoked_by = now, by.strip() or "a person"
    session.flush()


def use_token(session: Session, token_id: int, now: datetime) -> None:
    """Keep that the token was used just now, to the minute."""
    stale = or_(TokenSecretRow.used_at.is_(None), TokenSecretRow.used_at < now - USED_WITHIN)
    session.execute(
        update(TokenSecretRow).where(TokenSecretRow.token_id == token_id, stale).values(used_at=now),
        execution_options={"synchronize_session": False},
    )
