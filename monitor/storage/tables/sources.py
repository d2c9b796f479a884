"""What was fetched from beyond this machine."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from monitor.storage.tables.base import Base


class FetchedRow(Base):
    """A file of a source that was taken in, or refused, as it was then: it is fetched again only when it changes."""

    __tablename__ = "fetched"
    source: Mapped[str] = mapped_column(primary_key=True)
    path: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[str]
    fetched_at: Mapped[datetime]
