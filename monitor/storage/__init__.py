"""Memory: tables, the database, writes (`repository`) and reads (`queries`)."""
