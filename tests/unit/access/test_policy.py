"""The policy by itself: every role against every action."""

import pytest

from monitor.access.people import Person, machine_user
from monitor.access.policy import LEAST, Action, Role, may, require
from monitor.errors import AccessError

#: Written out by hand, so that a slip in the policy does not pass unseen.
LETS = {
    Role.VIEWER: {Action.LOOK},
    Role.OPERATOR: {Action.ANSWER_ALERTS, Action.TEST_ALARMS, Action.SEND_PHOTOS, Action.FILE_CAPTURES}
    | {Action.TELL_CIRCUMSTANCES},
    Role.ENGINEER: {Action.CORRECT_CRACKS, Action.READ_GAUGES, Action.JUDGE_PATCHES, Action.SET_LIMITS}
    | {Action.SET_UP_PLACES, Action.CHOOSE_RECIPES},
    Role.ADMIN: {Action.MANAGE_ACCESS},
}


@pytest.mark.parametrize("role", [None, *Role])
@pytest.mark.parametrize("action", Action)
def test_every_cell_of_role_and_action(role: Role | None, action: Action) -> None:
    ranks = list(Role)[: 0 if role is None else role.rank + 1]
    expected = any(action in LETS[lower] for lower in ranks)
    assert may(role, action) is expected
    if expected:
        require(role, action)
        return
    with pytest.raises(AccessError, match=f"takes the role {LEAST[action]}"):
        require(role, action, where="Hall")


def test_every_action_has_its_role() -> None:
    assert set(LEAST) == set(Action)


def test_a_role_at_a_site_takes_the_place_of_the_general_one() -> None:
    ada = Person("ada", Role.ENGINEER, {1: Role.VIEWER, 2: Role.ADMIN})
    assert [ada.may(Action.SET_LIMITS, site) for site in (None, 1, 2, 3)] == [True, False, True, True]
    assert [ada.may(Action.MANAGE_ACCESS, site) for site in (None, 1, 2, 3)] == [False, False, True, False]
    assert ada.may_somewhere(Action.MANAGE_ACCESS)
    assert not Person("vic", Role.VIEWER).may_somewhere(Action.ANSWER_ALERTS)


def test_the_machines_user_may_everything_and_signs_as_written() -> None:
    user = machine_user()
    assert all(user.may(action, 7) for action in Action)
    assert user.signs("Ada") == "Ada"
    assert Person("ada", Role.VIEWER).signs("somebody else") == "ada"
