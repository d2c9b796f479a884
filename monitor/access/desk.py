"""The desk that every write of a person passes, on pages and through the machine door: policy first, then the write.

`WRITES` names the action that each write of `monitor.storage.repository` is. What is not in it cannot be done at the
desk; a test holds that every write either stands there or is the worker's own.
"""

import inspect
from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy.orm import Session

from monitor.access.people import Person
from monitor.access.policy import Action
from monitor.errors import AccessError
from monitor.storage import queries, repository

P = ParamSpec("P")
T = TypeVar("T")

#: What each write of a person is.
WRITES: Mapping[Callable[..., Any], Action] = MappingProxyType(
    {
        repository.acknowledge_alert: Action.ANSWER_ALERTS,
        repository.assign_alert: Action.ANSWER_ALERTS,
        repository.comment_alert: Action.ANSWER_ALERTS,
        repository.close_alert: Action.ANSWER_ALERTS,
        repository.add_test_alert: Action.TEST_ALARMS,
        repository.move_capture: Action.FILE_CAPTURES,
        repository.withdraw_capture: Action.FILE_CAPTURES,
        repository.restore_capture: Action.FILE_CAPTURES,
        repository.add_event: Action.TELL_CIRCUMSTANCES,
        repository.withdraw_event: Action.TELL_CIRCUMSTANCES,
        repository.add_temperatures: Action.TELL_CIRCUMSTANCES,
        repository.clear_temperatures: Action.TELL_CIRCUMSTANCES,
        repository.confirm_time: Action.TELL_CIRCUMSTANCES,
        repository.correct_crack: Action.CORRECT_CRACKS,
        repository.use_corrections: Action.CORRECT_CRACKS,
        repository.measure_again: Action.CORRECT_CRACKS,
        repository.add_gauge: Action.READ_GAUGES,
        repository.withdraw_gauge: Action.READ_GAUGES,
        repository.judge_patch: Action.JUDGE_PATCHES,
        repository.add_adaptation: Action.JUDGE_PATCHES,
        repository.undo_adaptation: Action.JUDGE_PATCHES,
        repository.add_rule: Action.SET_LIMITS,
        repository.retire_rule: Action.SET_LIMITS,
        repository.add_trigger_plan: Action.SET_LIMITS,
        repository.add_site: Action.SET_UP_PLACES,
        repository.add_location: Action.SET_UP_PLACES,
        repository.set_interval: Action.SET_UP_PLACES,
        repository.set_scale: Action.SET_UP_PLACES,
        repository.set_reference: Action.SET_UP_PLACES,
        repository.switch_recipe: Action.CHOOSE_RECIPES,
        repository.add_account: Action.MANAGE_ACCESS,
        repository.set_role: Action.MANAGE_ACCESS,
        repository.set_password: Action.MANAGE_ACCESS,
        repository.remove_account: Action.MANAGE_ACCESS,
        repository.add_token: Action.MANAGE_ACCESS,
        repository.revoke_token: Action.MANAGE_ACCESS,
    }
)

#: What no person does at the desk: the worker's own, and what happens by logging in.
NOBODYS = frozenset(
    {
        "add_capture",
        "beat",
        "begin_login",
        "bring_recipe",
        "claim_next",
        "claim_notification",
        "count_attempt",
        "end_login",
        "end_logins",
        "forget_attempts",
        "forget_sighting",
        "forget_sightings_before",
        "hold_location",
        "mark_failed",
        "mark_sent",
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
        "replace_corrected",
        "replace_cracks",
        "replace_fits",
        "replace_offsets",
        "replace_trigger_stands",
        "set_out_of_reach",
        "set_series",
        "set_watched",
        "use_token",
        "end_lease",
        "renew",
        "take_lease",
    }
)


class Desk:
    """Where a person's writes are handed in, within one transaction. `reading` is for questions alone."""

    def __init__(self, session: Session, person: Person, now: datetime) -> None:
        self.reading, self.person, self.now = session, person, now
        session.info["by"] = person.name

    def do(self, write: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do it, if the policy lets the person do it at every site that the arguments name.

        A `by` among the arguments becomes the person's own name where that is known. Raises `AccessError`.
        """
        action = WRITES.get(write)
        if action is None:
            raise AccessError(f"'{write.__name__}' is nothing that people do here: it has no entry in the policy.")
        given = inspect.signature(write).bind(self.reading, *args, **kwargs)
        for site_id in self._sites(given.arguments):
            self.require(action, site_id)
        if "by" in given.arguments:
            given.arguments["by"] = self.person.signs(given.arguments["by"])
        return write(*given.args, **given.kwargs)

    def require(self, action: Action, site_id: int | None = None) -> None:
        """Raise `AccessError` unless the person may do that at the site (None: where it is about no site)."""
        where = "" if site_id is None else queries.site_name(self.reading, site_id)
        self.person.require(action, site_id, where)

    def _sites(self, arguments: Mapping[str, Any]) -> set[int | None]:
        """The sites that a write is about; {None} where it is about none."""
        named = {name: key for name, key in arguments.items() if name in queries.SITE_OF and key is not None}
        return {queries.site_of(self.reading, name, key) for name, key in named.items()} or {None}
