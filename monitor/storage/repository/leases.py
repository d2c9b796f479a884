"""What workers hold of the work they share: renewed while they live, taken over by others when they do not; and what
they have fetched.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from monitor.storage.repository.statements import insert
from monitor.storage.tables import ClaimRow, FetchedRow, LeaseRow


def take_lease(session: Session, name: str, *, worker: str, now: datetime, lease: timedelta) -> str | None:
    """Be the only one at what is called `name` until `now + lease`; the token to renew and end that with.

    None: another worker is at it. A lease that ran out is taken over.
    """
    held = {"token": uuid4().hex, "held_by": worker, "held_until": now + lease}
    new = insert(session, LeaseRow).values(name=name, **held)
    free = new.on_conflict_do_update(index_elements=["name"], set_=held, where=LeaseRow.held_until <= now)
    token: str | None = session.scalar(free.returning(LeaseRow.token))
    return token


def end_lease(session: Session, token: str) -> None:
    """Others may have it; nothing happens where another has taken it over."""
    session.execute(delete(LeaseRow).where(LeaseRow.token == token))


def renew(session: Session, tokens: Collection[str], until: datetime) -> set[str]:
    """Hold claims and leases until that time; returns the tokens that still stand, the others are lost for good.

    One that ran out and that nobody has taken over stands.
    """
    claims = update(ClaimRow).where(ClaimRow.token.in_(tokens)).values(claimed_until=until).returning(ClaimRow.token)
    leases = update(LeaseRow).where(LeaseRow.token.in_(tokens)).values(held_until=until).returning(LeaseRow.token)
    standing = (session.scalars(one, execution_options={"synchronize_session": False}) for one in (claims, leases))
    return {token for found in standing for token in found if token is not None}


def record_fetched(session: Session, source: str, path: str, version: str, now: datetime) -> None:
    """That version of a source's file is dealt with for good."""
    seen = {"version": version, "fetched_at": now}
    new = insert(session, FetchedRow).values(source=source, path=path, **seen)
    session.execute(new.on_conflict_do_update(index_elements=["source", "path"], set_=seen))
