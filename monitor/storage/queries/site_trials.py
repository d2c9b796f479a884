"""What simulated growth on a location's own wall gave."""

from dataclasses import fields

from sqlalchemy import select
from sqlalchemy.orm import Session

from monitor.records import SiteTrial
from monitor.storage.tables import SiteTrialRow
from monitor.storage.views import SiteTrialView


def site_trials(session: Session, location_id: int) -> list[SiteTrialView]:
    """All series simulated on that location's wall, newest first, those made at one go by their true growth."""
    found = session.scalars(
        select(SiteTrialRow)
        .filter_by(location_id=location_id)
        .order_by(SiteTrialRow.simulated_at.desc(), SiteTrialRow.true_per_year, SiteTrialRow.id)
    )
    names = [field.name for field in fields(SiteTrial)]
    return [
        SiteTrialView(
            SiteTrial(**{name: getattr(row, name) for name in names}), row.fingerprint, row.seed, row.simulated_at
        )
        for row in found
    ]
