import pytest

from monitor.wording import interval, signed


@pytest.mark.parametrize(
    ("value", "words"), [(0.3, "+0.30"), (-1.256, "−1.26"), (0.0, "0.00"), (-0.004, "0.00"), (0.004, "0.00")]
)
def test_a_change_has_its_sign_and_nothing_has_none(value: float, words: str) -> None:
    assert signed(value) == words


def test_an_interval_is_written_as_everywhere_else() -> None:
    assert interval(0.9, -0.001, 0.55) == "90 % interval 0.00 to +0.55"
