"""The policy: which role an action takes at least. Pages, desk and machine door ask here; nothing else says so."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from monitor.errors import AccessError
from monitor.storage.access import Role as Role


class Action(StrEnum):
    """What is done, in the words that a refusal uses: "You may not ..."."""

    LOOK = "look at this"
    ANSWER_ALERTS = "answer alerts"
    TEST_ALARMS = "send a test alarm"
    SEND_PHOTOS = "send photos"
    FILE_CAPTURES = "move or withdraw captures"
    TELL_CIRCUMSTANCES = "record events and temperatures"
    CORRECT_CRACKS = "correct cracks"
    READ_GAUGES = "record gauge readings"
    JUDGE_PATCHES = "judge patches and adapt the classifier"
    SET_LIMITS = "agree limits"
    SET_UP_PLACES = "set up sites and locations"
    CHOOSE_RECIPES = "choose recipes"
    MANAGE_ACCESS = "give or take access"


#: The least role for each action. Whoever has it at a site may do it there.
LEAST: Mapping[Action, Role] = MappingProxyType(
    {
        Action.LOOK: Role.VIEWER,
        Action.ANSWER_ALERTS: Role.OPERATOR,
        Action.TEST_ALARMS: Role.OPERATOR,
        Action.SEND_PHOTOS: Role.OPERATOR,
        Action.FILE_CAPTURES: Role.OPERATOR,
        Action.TELL_CIRCUMSTANCES: Role.OPERATOR,
        Action.CORRECT_CRACKS: Role.ENGINEER,
        Action.READ_GAUGES: Role.ENGINEER,
        Action.JUDGE_PATCHES: Role.ENGINEER,
        Action.SET_LIMITS: Role.ENGINEER,
        Action.SET_UP_PLACES: Role.ENGINEER,
        Action.CHOOSE_RECIPES: Role.ENGINEER,
        Action.MANAGE_ACCESS: Role.ADMIN,
    }
)


def may(role: Role | None, action: Action) -> bool:
    """Whether a role is enough for an action; None, no role, is enough for nothing."""
    return role is not None and role.rank >= LEAST[action].rank


def require(role: Role | None, action: Action, *, who: str = "You", where: str = "") -> None:
    """Raise `AccessError`, saying which role it takes, unless `role` is enough for `action`."""
    if may(role, action):
        return
    least, at = LEAST[action], f" at {where}" if where else ""
    has = "no role" if role is None else f"the role {role}"
    verb = "have" if who == "You" else "has"
    raise AccessError(f"{who} {verb} {has}{at} and may not {action}: that takes the role {least}. Ask an admin for it.")
