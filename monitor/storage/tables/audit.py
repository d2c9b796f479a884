"""The audit trail: what was changed in what people decide and rely on."""

from datetime import datetime

from sqlalchemy import CheckConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from monitor.storage.tables.base import Base


class AuditEntryRow(Base):
    """What one transaction changed, as JSON text, chained to the entry before by its sha256. Triggers of the database
    refuse to change or delete an entry.
    """

    __tablename__ = "audit_entry"
    __table_args__ = (CheckConstraint("length(sha256) = 64", name="sha256"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    changes: Mapped[str]
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
