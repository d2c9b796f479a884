"""Writes. Every function takes a session of `Database.transaction()` and, where it matters, the time.

Nothing here commits: the caller's transaction does. All of it is safe when several workers run at
once, on SQLite and on PostgreSQL.
"""

from monitor.storage.repository.access import (
    add_account,
    begin_login,
    count_attempt,
    end_login,
    end_logins,
    forget_attempts,
    remove_account,
    set_password,
    set_role,
)
from monitor.storage.repository.alarms import (
    acknowledge_alert,
    add_test_alert,
    assign_alert,
    close_alert,
    comment_alert,
    postpone_notification,
    queue_escalations,
    queue_reminders,
)
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
    record_sightings,
    reject_capture,
)
from monitor.storage.repository.circumstances import add_event, add_temperatures, clear_temperatures, withdraw_event
from monitor.storage.repository.corrections import confirm_time, measure_again, move_capture
from monitor.storage.repository.cracks import replace_cracks
from monitor.storage.repository.filings import restore_capture, withdraw_capture
from monitor.storage.repository.leases import end_lease, record_fetched, renew, take_lease
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
from monitor.storage.repository.site_trials import record_site_trials
from monitor.storage.repository.tokens import USED_WITHIN, add_token, revoke_token, use_token
from monitor.storage.repository.told import (
    add_adaptation,
    add_gauge,
    correct_crack,
    judge_patch,
    replace_corrected,
    undo_adaptation,
    use_corrections,
    withdraw_gauge,
)
from monitor.storage.repository.triggers import add_trigger_plan, replace_trigger_stands, set_watched
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
    "USED_WITHIN",
    "Stored",
    "Work",
    "acknowledge_alert",
    "add_account",
    "add_adaptation",
    "add_capture",
    "add_event",
    "add_gauge",
    "add_location",
    "add_rule",
    "add_site",
    "add_temperatures",
    "add_test_alert",
    "add_token",
    "add_trigger_plan",
    "assign_alert",
    "beat",
    "begin_login",
    "bring_recipe",
    "claim_next",
    "claim_notification",
    "clear_temperatures",
    "close_alert",
    "comment_alert",
    "confirm_time",
    "correct_crack",
    "count_attempt",
    "end_lease",
    "end_login",
    "end_logins",
    "forget_attempts",
    "forget_sighting",
    "forget_sightings_before",
    "hold_location",
    "judge_patch",
    "mark_failed",
    "mark_sent",
    "measure_again",
    "move_capture",
    "postpone_notification",
    "queue_escalations",
    "queue_notifications",
    "queue_reminders",
    "record_failure",
    "record_fetched",
    "record_reading",
    "record_recipe",
    "record_sightings",
    "record_site_trials",
    "record_transition",
    "reject_capture",
    "remove_account",
    "renew",
    "replace_corrected",
    "replace_cracks",
    "replace_fits",
    "replace_offsets",
    "replace_trigger_stands",
    "restore_capture",
    "retire_rule",
    "revoke_token",
    "set_interval",
    "set_out_of_reach",
    "set_password",
    "set_reference",
    "set_role",
    "set_scale",
    "set_series",
    "set_watched",
    "switch_recipe",
    "take_lease",
    "undo_adaptation",
    "use_corrections",
    "use_token",
    "withdraw_capture",
    "withdraw_event",
    "withdraw_gauge",
]
