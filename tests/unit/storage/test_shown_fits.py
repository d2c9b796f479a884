"""Of all fits of a history one is shown, and where none can be, why."""

from datetime import UTC, datetime

from monitor.records import GrowthFit
from monitor.storage.shown import shown_fit
from monitor.storage.views import FitView

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def fit(method: str, n: int = 12, *, days: float | None = 400.0, why: str | None = None) -> FitView:
    made = GrowthFit("A", "widest_mm", "mm", method, n, success=why is None, message=why, span_days=days)
    return FitView(made, NOW)


def shown(*fits: FitView, metric: str = "widest_mm", crack: str = "A") -> GrowthFit | None:
    return shown_fit(fits, metric, crack)


def test_the_fit_that_knows_most_of_the_season_is_shown() -> None:
    seasonal, warm, plain, other = (fit(name) for name in ("seasonal", "temperature", "theil_sen", "least_squares"))
    assert shown(other, plain, warm, seasonal) == seasonal.fit
    assert shown(other, plain, warm, fit("seasonal", why="less than a year")) == warm.fit
    assert shown(other, plain) == plain.fit


def test_where_none_succeeded_the_simplest_says_why() -> None:
    found = shown(fit("seasonal", why="less than a year"), fit("theil_sen", 2, why="too few readings"))
    assert found is not None
    assert (found.success, found.message) == (False, "too few readings")


def test_nothing_is_shown_before_any_fit_or_of_another_history() -> None:
    assert shown() is None
    assert shown(fit("least_squares")) is None
    assert shown(fit("theil_sen"), metric="widest_px") is None
    assert shown(fit("theil_sen"), crack="B") is None


def test_a_line_through_too_few_readings_or_too_short_a_time_is_not_shown() -> None:
    few, short, neither = (shown(fit("theil_sen", n, days=days)) for n, days in ((5, 400), (12, 89), (3, None)))
    said = "a rate is shown from 6 readings over 90 days on; there are"
    assert [found and (found.success, found.message) for found in (few, short, neither)] == [
        (False, f"{said} 5 over 400"),
        (False, f"{said} 12 over 89"),
        (False, f"{said} 3 over 0"),
    ]
    enough = fit("theil_sen", 6, days=90.0)
    assert shown(enough) == enough.fit
