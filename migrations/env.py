"""Alembic's entry: runs on the connection that was handed over in `attributes`, inside its transaction."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from monitor.storage.tables import Base, UtcDateTime


def render_item(kind: str, item: Any, _: AutogenContext) -> str | Literal[False]:
    """Versions must not change when `monitor.storage` does, so our own type is written as what it is."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcDateTime) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    compare_type=True,
    render_item=render_item,
)
with context.begin_transaction():
    context.run_migrations()
