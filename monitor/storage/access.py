"""What `queries` returns of the people who may come in."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Role(StrEnum):
    """What somebody may do, each including those before it."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ENGINEER = "engineer"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        """How much it allows: 0 for the least."""
        return list(Role).index(self)


@dataclass(frozen=True)
class AccountView:
    """A person who may come in: the role that holds wherever `sites` (site id -> role) says nothing else."""

    id: int
    name: str
    role: Role
    sites: Mapping[int, Role]
    has_password: bool
    added_at: datetime

    def role_at(self, site_id: int | None) -> Role:
        """The role at a site; None: what is about no site."""
        return self.role if site_id is None else self.sites.get(site_id, self.role)


@dataclass(frozen=True)
class LoginView:
    """A login, until when it holds, and whose it is (None: the account has been removed since)."""

    account: AccountView | None
    expires_at: datetime
