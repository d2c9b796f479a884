"""Databases to test on."""

from databases import database, database_url, postgresql_url

__all__ = ["database", "database_url", "postgresql_url"]
