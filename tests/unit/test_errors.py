"""The tree of errors is the one drawn at the top of its file, and messages are sentences."""

import re
from inspect import getmembers, isclass

import pytest

from monitor import errors
from monitor.errors import CrackmonitorError, DeliveryError, MisuseError, UnknownNameError

ERRORS = [kind for _, kind in getmembers(errors, isclass) if issubclass(kind, Exception)]


def test_the_tree_is_drawn_as_it_is() -> None:
    drawn: dict[str, str] = {}
    branch: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"^ {4}([│├└─ ]*)(\w+Error)\b", line)
        if found:
            depth = len(found[1]) // 4
            branch[depth:] = [found[2]]
            drawn[found[2]] = branch[depth - 1] if depth else "Exception"
    assert drawn == {kind.__name__: kind.__bases__[0].__name__ for kind in ERRORS}


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_every_error_is_one_a_person_can_act_on(kind: type[Exception]) -> None:
    assert issubclass(kind, CrackmonitorError)
    assert kind.__doc__


def test_an_unknown_name_lists_the_known_ones_in_order() -> None:
    error = UnknownNameError("thresholder", "otsu", {"simple": 1, "gmm": 2})
    assert str(error) == "Unknown thresholder 'otsu'. Known: gmm, simple."
    assert (error.name, error.known) == ("otsu", ("gmm", "simple"))
    assert isinstance(error, MisuseError)
    assert str(UnknownNameError("site", "x", [])) == "Unknown site 'x'. Known: none yet."


def test_a_delivery_error_says_whether_a_retry_helps() -> None:
    assert not DeliveryError("the server is busy").permanent
    assert DeliveryError("no such address", permanent=True).permanent
