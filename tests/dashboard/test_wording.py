from datetime import UTC, datetime, timedelta

import pytest

from dashboard.wording import (
    CRACK_STATES,
    SIGNS,
    VERDICTS,
    State,
    ago,
    clock,
    count,
    estimate,
    moment,
    number,
    plain,
    plus_minus,
    rate,
    seen,
    together,
    verdict,
    without_path,
    worker_notice,
)
from monitor.growth.verdicts import Outcome
from monitor.records import CrackState

NOW = datetime(2026, 5, 20, 12, 0, tzinfo=UTC)


def test_plain_disarms_markdown_html_and_line_breaks() -> None:
    assert plain("a*b*") == r"a\*b\*"
    assert plain("<b>:red[x]\n$y$") == r"\<b\>\:red\[x\] \$y\$"
    assert plain("Größe 3") == "Größe 3"


@pytest.mark.parametrize(
    ("passed", "words"),
    [
        (timedelta(seconds=30), "just now"),
        (timedelta(minutes=2), "2 minutes ago"),
        (timedelta(minutes=119), "119 minutes ago"),
        (timedelta(hours=47), "47 hours ago"),
        (timedelta(days=2), "2 days ago"),
        (timedelta(days=-1), "in the future"),
    ],
)
def test_ago_uses_the_largest_unit_that_fits_twice(passed: timedelta, words: str) -> None:
    assert ago(NOW - passed, NOW) == words


def test_times_are_on_the_clocks_of_the_site() -> None:
    assert clock(NOW, "Asia/Tokyo") == "20 May 2026, 21:00"
    assert moment(NOW, "America/New_York") == "20 May 2026, 08:00 (America/New_York)"


def test_an_uncertain_time_is_called_uncertain() -> None:
    assert seen(NOW, "UTC", NOW, certain=True) == "20 May 2026, 12:00 (UTC), just now"
    assert seen(NOW, "UTC", NOW, certain=False).endswith("just now, time uncertain")


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.4217, "0.422"), (-0.05, "−0.05"), (12345.6, "12346"), (0.0, "0"), (1e-6, "0"), (99.96, "100"), (3.0, "3")],
)
def test_number_keeps_three_digits_and_never_an_exponent(value: float, words: str) -> None:
    assert number(value) == words


@pytest.mark.parametrize(
    ("slope", "low", "high", "words"),
    [
        (0.4217, -0.1, 0.9, "+0.42 mm per year (90 % interval −0.10 to +0.90)"),
        (-0.00347, -0.335, 0.328, "0.00 mm per year (90 % interval −0.34 to +0.33)"),
        (0.7441, 0.7401, 0.7482, "+0.7441 mm per year (90 % interval +0.7401 to +0.7482)"),
        (812.3, 600.0, 1000.0, "+812 mm per year (90 % interval +600 to +1000)"),
        (2.6089, 2.6089, 2.6089, "+2.609 mm per year (90 % interval +2.609 to +2.609)"),
        (0.0, 0.0, 0.0, "0 mm per year (90 % interval 0 to 0)"),
    ],
)
def test_rate_has_the_digits_that_its_interval_can_bear(slope: float, low: float, high: float, words: str) -> None:
    assert rate(slope, low, high, unit="mm", per="year", confidence=0.9) == words


def test_a_difference_has_the_digits_that_its_interval_can_bear() -> None:
    assert estimate(0.11, 0.06, 0.16, unit="mm", confidence=0.9) == "+0.110 mm (90 % interval +0.060 to +0.160)"
    assert estimate(-12.0, -20.0, -4.0, unit="px", confidence=0.95) == "−12.0 px (95 % interval −20.0 to −4.0)"


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        (1.2389, 0.0312, "1.239 ± 0.031"),
        (1.2389, 0.31, "1.24 ± 0.31"),
        (-1.2389, 0.31, "−1.24 ± 0.31"),
        (123.4, 12.3, "123 ± 12"),
        (1234.5, 123.0, "1234 ± 123"),
        (0.0, 0.05, "0.000 ± 0.050"),
        (-0.0001, 0.05, "0.000 ± 0.050"),
        (1.5, 0.0, "1.50 ± 0.00"),
    ],
)
def test_a_size_has_the_digits_that_its_error_can_bear(value: float, error: float, words: str) -> None:
    assert plus_minus(value, error) == words


def test_errors_add_up_where_both_are_known() -> None:
    assert together(0.3, 0.4) == pytest.approx(0.5)
    assert (together(None, 0.4), together(0.3, None)) == (None, None)


def test_a_reason_is_shown_without_the_path_it_begins_with() -> None:
    assert without_path("/in/wall/a.jpg is empty.", "a.jpg") == "is empty."
    assert without_path("only 3 features agree", "a.jpg") == "only 3 features agree"


def test_states_differ_by_shape_and_word_not_only_by_color() -> None:
    assert len({sign.shape for sign in SIGNS.values()}) == len({sign.word for sign in SIGNS.values()}) == len(State)


def test_count_has_a_singular() -> None:
    assert (count(1, "reading"), count(0, "reading")) == ("1 reading", "0 readings")


def test_a_silent_worker_is_mentioned_and_a_lively_one_not() -> None:
    silence = timedelta(minutes=5)
    assert worker_notice(NOW - silence, silence, NOW) is None
    assert "10 minutes ago" in (worker_notice(NOW - 2 * silence, silence, NOW) or "")
    assert "No worker has run yet" in (worker_notice(None, silence, NOW) or "")


def test_every_state_of_a_crack_has_words() -> None:
    assert set(CRACK_STATES) == set(CrackState)
    assert len(set(CRACK_STATES.values())) == len(CrackState)


def test_every_verdict_has_a_word() -> None:
    assert set(VERDICTS) == set(Outcome)
    assert len(set(VERDICTS.values())) == len(Outcome)


@pytest.mark.parametrize(
    ("outcome", "months", "words"),
    [
        ("dormant", None, "**Dormant**."),
        ("not_enough_data", None, "**Not enough data**."),
        ("not_enough_data", 4.1, "**Not enough data**, about 5 more months needed."),
        ("not_enough_data", 0.2, "**Not enough data**, about 1 more month needed."),
        (None, None, "**No verdict yet.** The worker gives one after it has measured."),
    ],
)
def test_a_verdict_says_how_long_one_takes(outcome: str | None, months: float | None, words: str) -> None:
    assert verdict(outcome, months) == words


def test_no_verdict_at_present_promises_no_measurement() -> None:
    assert (
        verdict(None, measured=True) == "**No verdict at present.** The worker judges the readings in its next round."
    )
    assert verdict("dormant", measured=True) == "**Dormant**."
