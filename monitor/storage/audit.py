"""The audit trail is written by every transaction that changes what people decide, and shows where it was altered.

An entry's sha256 covers the one before, so that none can be changed, left out or put in without all later ones telling.
Only the last entries can be cut off unseen: whoever wants to notice that keeps the last sha256 elsewhere.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Dialect, event, inspect, select, text
from sqlalchemy.orm import ORMExecuteState, Session
from sqlalchemy.orm.unitofwork import UOWTransaction

from monitor.storage.tables import AuditEntryRow

#: What people say and agree, and changes of state that people are told of. What is measured can be measured again.
AUDITED = frozenset(
    {
        "account",
        "adaptation",
        "alert_action",
        "correction",
        "event",
        "filing",
        "gauge",
        "location",
        "patch_judgement",
        "recipe_switch",
        "rule",
        "site",
        "site_role",
        "token",
        "transition",
        "trigger_plan",
    }
)
_FIRST = "0" * 64
#: Held on PostgreSQL while an entry is chained to the last one; any fixed number.
_CHAIN_LOCK = 7_267_226


@dataclass(frozen=True)
class Trail:
    """How long the trail is, the sha256 of its last entry, and what is wrong with it (None: nothing)."""

    entries: int
    last: str
    problem: str | None


class AuditedSession(Session):
    """A session whose changes leave an entry when they are committed."""


@event.listens_for(AuditedSession, "after_flush")
def _after_flush(session: Session, _context: UOWTransaction) -> None:
    for verb, rows in (("insert", session.new), ("update", session.dirty), ("delete", session.deleted)):
        for row in rows:
            if row.__tablename__ in AUDITED and (verb != "update" or session.is_modified(row)):
                columns = {column.key: getattr(row, column.key) for column in inspect(row).mapper.column_attrs}
                _note(session, verb, row.__tablename__, columns)


@event.listens_for(AuditedSession, "do_orm_execute")
def _before_statement(state: ORMExecuteState) -> None:
    if not (state.is_insert or state.is_update or state.is_delete):
        return
    statement: Any = state.statement
    if statement.table.name in AUDITED:
        verb = "insert" if state.is_insert else "update" if state.is_update else "delete"
        given = state.parameters or statement.compile(dialect=_dialect(state.session)).params
        _note(state.session, verb, statement.table.name, given)


@event.listens_for(AuditedSession, "before_commit")
def _before_commit(session: Session) -> None:
    session.flush()
    noted = session.info.pop("audit", None)
    if not noted:
        return
    if _dialect(session).name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _CHAIN_LOCK})
    last = session.scalar(select(AuditEntryRow.sha256).order_by(AuditEntryRow.id.desc()).limit(1))
    at, changes = datetime.now(UTC), json.dumps(noted, default=str, sort_keys=True)
    session.add(AuditEntryRow(at=at, changes=changes, sha256=_chained(last or _FIRST, at, changes)))
    session.flush()


def trail(session: Session) -> Trail:
    """Read the whole trail and find the first entry that does not follow from the one before."""
    last, count, problem = _FIRST, 0, None
    for entry in session.scalars(select(AuditEntryRow).order_by(AuditEntryRow.id).execution_options(yield_per=1000)):
        if problem is None and entry.sha256 != _chained(last, entry.at, entry.changes):
            problem = (
                f"The audit trail was altered at its entry {entry.id} of {entry.at:%Y-%m-%d %H:%M} UTC, or right "
                "before it. Compare it with a backup."
            )
        last, count = entry.sha256, count + 1
    return Trail(count, last, problem)


def _note(session: Session, verb: str, table: str, values: Any) -> None:
    by = session.info.get("by")
    who = {} if by is None else {"by": by}
    session.info.setdefault("audit", []).append({"what": f"{verb} {table}", "values": values, **who})


def _dialect(session: Session) -> Dialect:
    return session.get_bind().dialect


def _chained(last: str, at: datetime, changes: str) -> str:
    return hashlib.sha256(f"{last}\n{at.isoformat()}\n{changes}".encode()).hexdigest()
