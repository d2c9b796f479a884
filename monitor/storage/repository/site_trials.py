"""What simulated growth on a location's own wall gave, kept with the location."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy.orm import Session

from monitor.records import SiteTrial
from monitor.storage.tables import SiteTrialRow


def record_site_trials(
    session: Session, *, location_id: int, fingerprint: str, seed: int, trials: Sequence[SiteTrial], now: datetime
) -> None:
    """Keep the series simulated at one go; earlier ones stay."""
    made = {"location_id": location_id, "fingerprint": fingerprint, "seed": seed, "simulated_at": now}
    session.add_all(SiteTrialRow(**made, **asdict(trial)) for trial in trials)
