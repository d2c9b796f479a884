"""Tokens: what a machine shows at the door. The secret is told once and kept nowhere."""

import hashlib
import secrets
from datetime import datetime

from sqlalchemy.orm import Session

from monitor.errors import UnknownNameError
from monitor.storage import queries, repository
from monitor.storage.tokens import TokenScope

#: How every token begins, so that a search for lost secrets finds it.
_PREFIX = "crackmonitor_"
#: 256 bits, drawn at random: nobody guesses them, so that a plain hash of them gives nothing away either.
_BYTES = 32


def give_token(
    session: Session, *, name: str, scope: TokenScope, site: str | None, by: str, now: datetime
) -> tuple[int, str]:
    """The id of a new token, and its secret, which is never to be had again.

    Raises `UnknownNameError` for an unknown site, `MisuseError` without a name or where a site makes no sense.
    """
    site_id = None
    if site is not None:
        known = {view.name: view.id for view in queries.sites(session)}
        if site not in known:
            raise UnknownNameError("site", site, known)
        site_id = known[site]
    secret = _PREFIX + secrets.token_urlsafe(_BYTES)
    number = repository.add_token(
        session, name=name, scope=scope, site_id=site_id, sha256=sha256_of(secret), by=by, now=now
    )
    return number, secret


def sha256_of(secret: str) -> str:
    """By what a token is looked up."""
    return hashlib.sha256(secret.encode()).hexdigest()
