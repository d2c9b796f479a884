"""How times and reasons are told to whoever is elsewhere."""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from monitor.settings import Settings

#: The hidden folder of the inbox into which pushed files come, each into a folder of its own.
PARTLY = ".pushed"
_OWN_FOLDER = re.compile(re.escape(PARTLY) + r"/[0-9a-f]{32}/")


def on_clocks(at: datetime, zone: str) -> datetime:
    """A time on the clocks of a zone, as answers give it."""
    return at.astimezone(ZoneInfo(zone))


def without_place(reason: str, settings: Settings) -> str:
    """A reason without the folders of this machine: they are nobody's business out there."""
    for folder in (settings.inbox, settings.quarantine, settings.originals, settings.workspace):
        reason = reason.replace(f"{folder}/", "").replace(f"{folder.resolve()}/", "")
    return _OWN_FOLDER.sub("", reason)
