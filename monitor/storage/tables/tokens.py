"""Tokens of the machine door."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from monitor.storage.tables.base import Base, words
from monitor.storage.tokens import TokenScope


class TokenRow(Base):
    """Leave for one machine to come in. Never deleted: a revoked one stays, with who revoked it."""

    __tablename__ = "token"
    __table_args__ = (
        CheckConstraint("(site_id IS NULL) = (scope = 'metrics')", name="of_a_site"),
        CheckConstraint("(revoked_at IS NULL) = (revoked_by IS NULL)", name="revoked_by_somebody"),
        CheckConstraint("length(name) > 0", name="named"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    site_id: Mapped[int | None] = mapped_column(ForeignKey("site.id"), index=True)
    name: Mapped[str]
    scope: Mapped[TokenScope] = mapped_column(words(TokenScope, "scope"))
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    revoked_at: Mapped[datetime | None]
    revoked_by: Mapped[str | None]


class TokenSecretRow(Base):
    """The sha256 of a token's secret, and when it last opened the door: by itself, so that no audit entry holds it."""

    __tablename__ = "token_secret"
    __table_args__ = (CheckConstraint("length(sha256) = 64", name="sha256"),)
    token_id: Mapped[int] = mapped_column(ForeignKey("token.id"), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    used_at: Mapped[datetime | None]
