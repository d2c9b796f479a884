"""Reads. Every function takes a session of `Database.session()` and returns frozen views, never rows."""

from monitor.storage.queries.alerting import alerts, due_notifications, rules, transitions, undelivered
from monitor.storage.queries.circumstances import event, events, temperatures
from monitor.storage.queries.following import crack_series, cracks, following_basis, unfollowed
from monitor.storage.queries.growth import fingerprints, fits, headline, series, unfitted, verdicts
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
from monitor.storage.queries.work import heartbeat, heartbeats, sightings

__all__ = [
    "alerts",
    "capture",
    "capture_with",
    "captures",
    "crack_series",
    "cracks",
    "due_notifications",
    "event",
    "events",
    "fingerprints",
    "fits",
    "following_basis",
    "headline",
    "heartbeat",
    "heartbeats",
    "location",
    "locations",
    "offsets",
    "pending",
    "present_recipe",
    "recipe",
    "recipe_switches",
    "reference",
    "rules",
    "series",
    "shadow_series",
    "shadows",
    "sightings",
    "sites",
    "statuses",
    "superseded",
    "temperatures",
    "transitions",
    "undelivered",
    "unfitted",
    "unfollowed",
    "verdicts",
]
