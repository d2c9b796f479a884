"""Who may come in: accounts, their roles, passwords and logins."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from monitor.storage.access import Role
from monitor.storage.tables.base import Base


class AccountRow(Base):
    """A person who may come in. `name` is as it was written, `key` without regard to case; those who are `removed_at`
    some time stay, because what they did is kept with their name. `role` holds wherever no site says otherwise.
    """

    __tablename__ = "account"
    __table_args__ = (CheckConstraint("length(key) > 0", name="named"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    key: Mapped[str] = mapped_column(unique=True)
    role: Mapped[Role]
    added_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]
    password_set_at: Mapped[datetime | None]


class SiteRoleRow(Base):
    """The role of an account at one site, in place of its general one."""

    __tablename__ = "site_role"
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"), primary_key=True)
    role: Mapped[Role]


class PasswordRow(Base):
    """The argon2 hash of an account's password: by itself, so that no audit entry ever holds one."""

    __tablename__ = "password"
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), primary_key=True)
    hash: Mapped[str]


class LoginRow(Base):
    """A login that holds until `expires_at`. The browser keeps the token, we its sha256 alone."""

    __tablename__ = "login"
    token_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    begun_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class LoginAttemptRow(Base):
    """A password that was tried and not (yet) found right. Kept as long as it counts against further ones."""

    __tablename__ = "login_attempt"
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(index=True)
    at: Mapped[datetime] = mapped_column(index=True)
