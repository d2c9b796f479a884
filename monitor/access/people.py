"""Whoever acts: a name, and the role it has at each site."""

import getpass
from collections.abc import Mapping
from dataclasses import dataclass, field

from monitor.access.policy import Action, Role, may, require
from monitor.storage.access import AccountView


@dataclass(frozen=True)
class Person:
    """Whoever acts. `role` holds wherever `sites` (site id -> role) says nothing else; `logged_in` is false for the
    machine's own user, whom nobody asked for a password.
    """

    name: str
    role: Role
    sites: Mapping[int, Role] = field(default_factory=dict)
    logged_in: bool = True

    def role_at(self, site_id: int | None) -> Role:
        """The role at a site; None: for what is about no site."""
        return self.role if site_id is None else self.sites.get(site_id, self.role)

    def may(self, action: Action, site_id: int | None = None) -> bool:
        """Whether the person may do that at that site (None: where it is about no site)."""
        return may(self.role_at(site_id), action)

    def may_somewhere(self, action: Action) -> bool:
        """Whether there is any place where the person may do that."""
        return any(may(role, action) for role in (self.role, *self.sites.values()))

    def require(self, action: Action, site_id: int | None = None, where: str = "") -> None:
        """Raise `AccessError`, which says what it takes, unless the person may do that there."""
        require(self.role_at(site_id), action, where=where)

    def signs(self, written: str | None) -> str | None:
        """The name to keep with what is done: one's own for whoever is logged in, else as written."""
        return self.name if self.logged_in else written


def of_account(view: AccountView) -> Person:
    """The person an account belongs to."""
    return Person(view.name, view.role, view.sites)


def machine_user() -> Person:
    """The user this program runs as, who may do everything: the database and all files are theirs anyway."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):
        name = "the machine's user"
    return Person(name, Role.ADMIN, logged_in=False)
