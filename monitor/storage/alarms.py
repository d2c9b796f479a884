"""What `queries` returns of alerts: rules, changes of state, what people do about them, messages, trigger plans."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from monitor.records import (
    METRIC_NAMES,
    AlertAction,
    AlertState,
    LevelOrder,
    MessageKind,
    RuleKind,
    TriggerLevel,
    TriggerPlan,
)

#: Subjects of transitions that no rule is behind: whether captures keep coming, whether they can be used, whether the
#: worker lives, what the trigger plan asks for, and trials.
OVERDUE, CAMERA, WORKER, TRIGGER, TEST = "overdue", "camera", "worker", "trigger", "test"
#: What the subject of a crack that was not there before begins with; it is over when a person closes it.
NEW_CRACK = "new crack"

_WATCHES = MappingProxyType(
    {
        OVERDUE: "captures overdue",
        CAMERA: "camera moved or light unlike the reference's",
        WORKER: "worker silent",
        TRIGGER: "trigger plan",
        TEST: "test",
    }
)


def subject_name(subject: str) -> str:
    """What an alert is about, as people call it: `maximum width, rate` or `trigger plan, crack B`."""
    if subject.startswith(NEW_CRACK):
        return subject
    what, *rest = subject.split(" ")
    name = _WATCHES.get(what) or METRIC_NAMES.get(what, what).lower()
    kinds = [word for word in rest if word in list(RuleKind)]
    return ", ".join([name, *kinds, *(f"crack {word}" for word in rest if word not in kinds)])


@dataclass(frozen=True)
class AlertView:
    """The present state of one subject at one location (None: of the service itself), since when and why."""

    location_id: int | None
    location: str
    subject: str
    state: AlertState
    since: datetime
    why: str


@dataclass(frozen=True)
class RuleView:
    """One version of a rule; `valid_to` None while in force. It fires when so many `readings` ask for it."""

    id: int
    location_id: int
    metric: str
    kind: RuleKind
    fire: float
    clear: float
    unit: str
    readings: int
    valid_from: datetime
    valid_to: datetime | None


@dataclass(frozen=True)
class TransitionView:
    """A change of alert state; without a location it is about the service itself, on the clocks of UTC."""

    id: int
    location_id: int | None
    location: str
    site: str
    time_zone: str
    rule_id: int | None
    subject: str
    old: AlertState
    new: AlertState
    why: str
    evidence: Mapping[str, Any]
    at: datetime


@dataclass(frozen=True)
class NotificationView:
    """A transition on its way to one channel; given up when neither `sent_at` nor `next_attempt_at` is set.

    Reminders have a `number`, from 1 on.
    """

    id: int
    channel: str
    kind: MessageKind
    number: int
    transition: TransitionView
    attempts: int
    sent_at: datetime | None
    next_attempt_at: datetime | None
    last_error: str | None


@dataclass(frozen=True)
class ActionView:
    """What somebody did about an alert; `assignee` for an assignment alone."""

    kind: AlertAction
    by: str
    at: datetime
    note: str
    assignee: str | None


@dataclass(frozen=True)
class AlarmView:
    """An alert that was raised by `transition`: until when (`over_at` None: it still is), and what people did about it,
    oldest first. `unsent` counts messages that have not reached their channel yet.
    """

    transition: TransitionView
    over_at: datetime | None
    actions: tuple[ActionView, ...]
    unsent: int

    @property
    def id(self) -> int:
        """That of the transition."""
        return self.transition.id

    @property
    def acknowledged(self) -> ActionView | None:
        """Who has acknowledged it, first."""
        return self._first(AlertAction.ACKNOWLEDGED)

    @property
    def closed(self) -> ActionView | None:
        """Who closed it, with the action taken as the note."""
        return self._first(AlertAction.CLOSED)

    @property
    def assignee(self) -> str | None:
        """Whom it was assigned to last."""
        return next((action.assignee for action in reversed(self.actions) if action.assignee), None)

    @property
    def open(self) -> bool:
        """Whether it is somebody's to look at: nobody closed it, and it is still raised or was never acknowledged."""
        return self.closed is None and (self.over_at is None or self.acknowledged is None)

    def _first(self, kind: AlertAction) -> ActionView | None:
        return next((action for action in self.actions if action.kind is kind), None)


@dataclass(frozen=True)
class TriggerPlanView:
    """A version of a location's trigger plan. The shipped defaults have neither an id, nor a date, nor a name."""

    location_id: int
    plan: TriggerPlan
    id: int | None = None
    valid_from: datetime | None = None
    recorded_at: datetime | None = None
    agreed_by: str | None = None

    @property
    def is_default(self) -> bool:
        """Whether nobody has agreed to it."""
        return self.id is None


@dataclass(frozen=True)
class TriggerStandView:
    """The level of one crack (`crack` is ALL_CRACKS where none is followed), why, and by which version of the plan."""

    location_id: int
    crack: str
    level: TriggerLevel
    since: datetime
    why: str
    evidence: Mapping[str, Any]
    plan: TriggerPlanView
    newest_at: datetime | None
    judged_at: datetime

    @property
    def order(self) -> LevelOrder:
        """What the level asks for."""
        return self.plan.plan.order(self.level)

    @property
    def due_at(self) -> datetime:
        """Until when."""
        return self.since + timedelta(days=self.order.due_days)
