"""Schema versions of the database, applied by `monitor.storage.database.Database.upgrade`."""
