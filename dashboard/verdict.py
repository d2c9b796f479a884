"""What a location's history says about growth, in the same words on its card and on its page."""

from dashboard import data
from dashboard.wording import number, plain, rate, verdict


def verdict_lines(glance: data.Glance) -> list[str]:
    """Lines of Markdown: the verdict with its evidence, and the rate so far; none before the first capture."""
    if not glance.status.captures:
        return []
    found = glance.verdict
    if found is None:
        return [verdict(None, measured=glance.measured)]
    lines = [f"{verdict(found.outcome, found.months_needed)} {plain(found.evidence)}"]
    return lines if found.rate is None else [*lines, f"{_of(found)}: {_rate(found.rate)}"]


def _of(found: data.VerdictView) -> str:
    """Of what the rate is."""
    name = data.METRIC_NAMES[found.metric]
    return name if found.crack == data.ALL_CRACKS else f"Crack {found.crack}, {name[0].lower()}{name[1:]}"


def _rate(found: data.RateView) -> str:
    words = rate(found.rate_per_year, found.low, found.high, unit=found.unit, per="year", confidence=found.confidence)
    season = "" if found.season_adjusted else ", provisional: widened for a season that cannot be told from growth yet"
    detectable = found.smallest_detectable_per_year
    shows = (
        "" if detectable is None else f" · smallest rate that would show: {number(detectable)} {found.unit} per year"
    )
    return f"{words}{season}{shows}"
