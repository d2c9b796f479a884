"""Writes. Every function takes a session of `Database.transaction()` and, where it matters, the time.

Nothing here commits: the caller's transaction does. All of it is safe when several workers run at
once, on SQLite and on PostgreSQL.
"""

from monitor.storage.repository.alerts import (
    add_rule,
    claim_notification,
    mark_failed,
    mark_sent,
    queue_notifications,
    record_transition,
    retire_rule,
)
from monitor.storage.repository.captures import (
    Stored,
    add_capture,
    forget_sighting,
    forget_sightings_before,
    record_sighting,
    reject_capture,
)
from monitor.storage.repository.circumstances import add_event, add_temperatures, clear_temperatures, withdraw_event
from monitor.storage.repository.corrections import confirm_time, measure_again, move_capture
from monitor.storage.repository.cracks import replace_cracks
from monitor.storage.repository.places import (
    add_location,
    add_site,
    hold_location,
    set_interval,
    set_reference,
    set_scale,
    set_series,
)
from monitor.storage.repository.recipes import bring_recipe, replace_offsets, set_out_of_reach, switch_recipe
from monitor.storage.repository.work import (
    Work,
    beat,
    claim_next,
    record_failure,
    record_reading,
    record_recipe,
    replace_fits,
)

__all__ = [
    "Stored",
    "Work",
    "add_capture",
    "add_event",
    "add_location",
    "add_rule",
    "add_site",
    "add_temperatures",
    "beat",
    "bring_recipe",
    "claim_next",
    "claim_notification",
    "clear_temperatures",
    "confirm_time",
    "forget_sighting",
    "forget_sightings_before",
    "hold_location",
    "mark_failed",
    "mark_sent",
    "measure_again",
    "move_capture",
    "queue_notifications",
    "record_failure",
    "record_reading",
    "record_recipe",
    "record_sighting",
    "record_transition",
    "reject_capture",
    "replace_cracks",
    "replace_fits",
    "replace_offsets",
    "retire_rule",
    "set_interval",
    "set_out_of_reach",
    "set_reference",
    "set_scale",
    "set_series",
    "switch_recipe",
    "withdraw_event",
]
