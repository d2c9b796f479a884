"""How the pages change what is stored: in one transaction, and seen at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import streamlit as st
from sqlalchemy.orm import Session

from dashboard import data
from monitor.settings import Settings, load_settings


@contextmanager
def changing(folder: Path) -> Iterator[tuple[Session, Settings, datetime]]:
    """A transaction for what a person changes now; whatever comes of it, nothing shown is older from now on."""
    settings = load_settings(folder)
    try:
        with data.database(settings.resolved_database_url).transaction() as session:
            yield session, settings, datetime.now(UTC)
    finally:
        st.cache_data.clear()
