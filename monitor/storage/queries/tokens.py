"""Tokens of the machine door."""

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from monitor.storage.tables import SiteRow, TokenRow, TokenSecretRow
from monitor.storage.tokens import TokenView

_Tokens = Select[TokenRow, TokenSecretRow, SiteRow | None]


def tokens(session: Session) -> list[TokenView]:
    """All tokens ever given, revoked ones too, oldest first."""
    return _views(session, _tokens().order_by(TokenRow.id))


def token_with(session: Session, sha256: str) -> TokenView | None:
    """The token whose secret has that sha256, revoked or not; None where there is none."""
    found = _views(session, _tokens().where(TokenSecretRow.sha256 == sha256))
    return found[0] if found else None


def _tokens() -> "_Tokens":
    return (
        select(TokenRow, TokenSecretRow, SiteRow)
        .join(TokenSecretRow, TokenSecretRow.token_id == TokenRow.id)
        .outerjoin(SiteRow, SiteRow.id == TokenRow.site_id)
    )


def _views(session: Session, statement: "_Tokens") -> list[TokenView]:
    return [
        TokenView(
            id=row.id,
            name=row.name,
            scope=row.scope,
            site_id=row.site_id,
            site=None if site is None else site.name,
            created_at=row.created_at,
            created_by=row.created_by,
            used_at=secret.used_at,
            revoked_at=row.revoked_at,
            revoked_by=row.revoked_by,
        )
        for row, secret, site in session.execute(statement)
    ]
