"""Whether what is kept is still what was taken in."""

from dataclasses import dataclass

from monitor.errors import UnreadableImageError
from monitor.imaging.files import digest
from monitor.service.ingest import original_path
from monitor.settings import Settings
from monitor.storage import queries
from monitor.storage.audit import Trail, trail
from monitor.storage.backups import damage
from monitor.storage.database import Database


@dataclass(frozen=True)
class Soundness:
    """How many originals were read, the audit trail, and what is wrong, one sentence each."""

    originals: int
    trail: Trail
    problems: list[str]


def examined(database: Database, settings: Settings) -> Soundness:
    """Read the whole database, its audit trail, and every original."""
    problems = damage(database)
    with database.session() as session:
        found = trail(session)
        problems += [] if found.problem is None else [found.problem]
        known = [view for place in queries.locations(session) for view in queries.captures(session, place.id)]
    accepted = [view for view in known if view.rejected_reason is None and view.media_type is not None]
    for view in accepted:
        path = original_path(settings.originals, view.sha256, view.media_type or "")
        try:
            if digest(path) != view.sha256:
                problems.append(f"The original {path} of {view.file_name} was altered. Put it back from a backup.")
        except UnreadableImageError as error:
            problems.append(f"The original of {view.file_name}: {error}")
    return Soundness(len(accepted), found, problems)
