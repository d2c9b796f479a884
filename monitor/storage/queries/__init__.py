"""Reads. Every function takes a session of `Database.session()` and returns frozen views, never rows."""

from monitor.storage.queries.alarms import (
    alarm,
    alarms,
    assessed_at,
    newest_read,
    only_late,
    picture_of,
    trigger_plan,
    trigger_plans,
    trigger_stands,
    watched_until,
)
from monitor.storage.queries.alerting import alerts, due_notifications, rules, transitions, undelivered
from monitor.storage.queries.circumstances import event, events, temperatures
from monitor.storage.queries.filings import filings, withdrawn_why
from monitor.storage.queries.following import crack_series, cracks, following_basis, gauge_offset, unfollowed
from monitor.storage.queries.growth import fingerprints, fits, headline, headlines, observed, series, unfitted, verdicts
from monitor.storage.queries.intake import capture, capture_with, captures, pending, reference, superseded
from monitor.storage.queries.places import location, locations, sites, statuses
from monitor.storage.queries.recipes import (
    offsets,
    present_recipe,
    recipe,
    recipe_switches,
    shadow_series,
    shadows,
)
from monitor.storage.queries.site_trials import site_trials
from monitor.storage.queries.told import (
    adaptations,
    correction,
    corrections,
    corrections_in_force,
    gauges,
    patch_judgements,
    site_id,
)
from monitor.storage.queries.work import heartbeat, heartbeats, sightings

__all__ = [
    "adaptations",
    "alarm",
    "alarms",
    "alerts",
    "assessed_at",
    "capture",
    "capture_with",
    "captures",
    "correction",
    "corrections",
    "corrections_in_force",
    "crack_series",
    "cracks",
    "due_notifications",
    "event",
    "events",
    "filings",
    "fingerprints",
    "fits",
    "following_basis",
    "gauge_offset",
    "gauges",
    "headline",
    "headlines",
    "heartbeat",
    "heartbeats",
    "location",
    "locations",
    "newest_read",
    "observed",
    "offsets",
    "only_late",
    "patch_judgements",
    "pending",
    "picture_of",
    "present_recipe",
    "recipe",
    "recipe_switches",
    "reference",
    "rules",
    "series",
    "shadow_series",
    "shadows",
    "sightings",
    "site_id",
    "site_trials",
    "sites",
    "statuses",
    "superseded",
    "temperatures",
    "transitions",
    "trigger_plan",
    "trigger_plans",
    "trigger_stands",
    "undelivered",
    "unfitted",
    "unfollowed",
    "verdicts",
    "watched_until",
    "withdrawn_why",
]
