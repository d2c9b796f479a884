"""What `queries` returns of tokens, by which machines come in."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class TokenScope(StrEnum):
    """What a token is for: to read a site, to push captures to it, or to read the service's own figures."""

    READ = "read"
    PUSH = "push"
    METRICS = "metrics"


@dataclass(frozen=True)
class TokenView:
    """A token by its `name`, never its secret. `site_id` and `site` are None for `METRICS`, which is about no site.

    `used_at` is known to the minute; `revoked_at` None while it opens the door.
    """

    id: int
    name: str
    scope: TokenScope
    site_id: int | None
    site: str | None
    created_at: datetime
    created_by: str
    used_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None
