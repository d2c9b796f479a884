"""The tables, as SQLAlchemy sees them. `migrations/` makes them; nothing else may.

Every time is stored in UTC and comes back aware. Words from `monitor.records` are stored as their
values, guarded by CHECK constraints. Rows never leave `monitor.storage`: `queries` returns views.
"""

from monitor.storage.tables.access import AccountRow, LoginAttemptRow, LoginRow, PasswordRow, SiteRoleRow
from monitor.storage.tables.alerts import AlertActionRow, NotificationRow, TransitionRow
from monitor.storage.tables.audit import AuditEntryRow
from monitor.storage.tables.base import Base, UtcDateTime
from monitor.storage.tables.captures import CaptureRow, ReadingRow, RecipeRow
from monitor.storage.tables.circumstances import EventRow, TemperatureRow
from monitor.storage.tables.cracks import CrackReadingRow, CrackRow, FollowingRow
from monitor.storage.tables.filings import FilingRow
from monitor.storage.tables.growth import GrowthFitRow, VerdictRow
from monitor.storage.tables.places import LocationRow, RuleRow, SiteRow
from monitor.storage.tables.recipes import RecipeOffsetRow, RecipeSwitchRow
from monitor.storage.tables.site_trials import SiteTrialRow
from monitor.storage.tables.sources import FetchedRow
from monitor.storage.tables.tokens import TokenRow, TokenSecretRow
from monitor.storage.tables.told import (
    AdaptationRow,
    CorrectedSeverityRow,
    CorrectionRow,
    GaugeRow,
    PatchJudgementRow,
)
from monitor.storage.tables.triggers import TriggerPlanRow, TriggerStandRow, WatchedRow
from monitor.storage.tables.work import ClaimRow, HeartbeatRow, LeaseRow, SightingRow

__all__ = [
    "AccountRow",
    "AdaptationRow",
    "AlertActionRow",
    "AuditEntryRow",
    "Base",
    "CaptureRow",
    "ClaimRow",
    "CorrectedSeverityRow",
    "CorrectionRow",
    "CrackReadingRow",
    "CrackRow",
    "EventRow",
    "FetchedRow",
    "FilingRow",
    "FollowingRow",
    "GaugeRow",
    "GrowthFitRow",
    "HeartbeatRow",
    "LeaseRow",
    "LocationRow",
    "LoginAttemptRow",
    "LoginRow",
    "NotificationRow",
    "PasswordRow",
    "PatchJudgementRow",
    "ReadingRow",
    "RecipeOffsetRow",
    "RecipeRow",
    "RecipeSwitchRow",
    "RuleRow",
    "SightingRow",
    "SiteRoleRow",
    "SiteRow",
    "SiteTrialRow",
    "TemperatureRow",
    "TokenRow",
    "TokenSecretRow",
    "TransitionRow",
    "TriggerPlanRow",
    "TriggerStandRow",
    "UtcDateTime",
    "VerdictRow",
    "WatchedRow",
]
