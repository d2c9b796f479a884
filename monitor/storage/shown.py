"""Which of the stored fits of a history is shown to people."""

from collections.abc import Sequence
from dataclasses import replace

from monitor.records import RATE_NEEDS_DAYS, RATE_NEEDS_N, GrowthFit
from monitor.storage.views import FitView

#: The fit that is shown is the first of these that succeeded.
_METHODS = ("seasonal", "temperature", "theil_sen")


def shown_fit(fits: Sequence[FitView], metric: str, crack: str) -> GrowthFit | None:
    """The first method that succeeded; else the last one's failure, which has a message; None before any fit.

    A line through too few readings, or too short a time, is not shown: it would look like knowledge.
    """
    by_method = {view.fit.method: view.fit for view in fits if (view.fit.metric, view.fit.crack) == (metric, crack)}
    candidates = [by_method[method] for method in _METHODS if method in by_method]
    shown = next((fit for fit in candidates if fit.success), candidates[-1] if candidates else None)
    if shown is None or not shown.success or (shown.n >= RATE_NEEDS_N and (shown.span_days or 0) >= RATE_NEEDS_DAYS):
        return shown
    message = f"a rate is shown from {RATE_NEEDS_N} readings over {RATE_NEEDS_DAYS:.0f} days on; there are {shown.n}"
    return replace(shown, success=False, message=f"{message} over {shown.span_days or 0:.0f}")
