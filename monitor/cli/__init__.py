"""The command `crackmonitor`. Each command imports what it needs when it is called, so that help is quick."""

from monitor.cli.main import app, main

__all__ = ["app", "main"]
