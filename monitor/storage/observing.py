"""From captures to a history: what counts as a value, and the reason where nothing does."""

from collections.abc import Iterable

from monitor.records import Observation, Status
from monitor.storage.views import MILLIMETRE_METRICS, CaptureView, Exclusion

_GONE_DARK = "no crack found, though one was measured before: look at the photo (a crack not seen has not healed)"


def observe(
    captures: Iterable[CaptureView], metric: str, *, scaled: bool
) -> tuple[tuple[Observation, ...], tuple[Exclusion, ...]]:
    """Split captures, each with its reading of one recipe, into observations and exclusions.

    `captures` come by capture time: a crack that was measured once does not heal, so that a later "no crack" is
    no zero but a crack not seen. `scaled` says whether the location has a scale; without one nothing is in
    millimetres, not even 0.
    """
    observations, excluded = [], []
    crack_known = False
    for capture in captures:
        outcome = _value_or_reason(capture, metric, scaled=scaled)
        if not isinstance(outcome, str) and capture.reading is not None:
            if crack_known and capture.reading.status is Status.NO_CRACK:
                outcome = _GONE_DARK
            crack_known = crack_known or capture.reading.status is Status.MEASURED
        if isinstance(outcome, str) or capture.time is None:
            excluded.append(Exclusion(capture.id, capture.file_name, str(outcome)))
        else:
            observations.append(Observation(capture.time.at, outcome, capture.id))
    return tuple(observations), tuple(excluded)


def _value_or_reason(capture: CaptureView, metric: str, *, scaled: bool) -> float | str:
    reading = capture.reading
    if capture.rejected_reason is not None:
        return f"rejected: {capture.rejected_reason}"
    if reading is None:
        return "not measured yet"
    if reading.status not in (Status.MEASURED, Status.NO_CRACK):
        return f"{reading.status.replace('_', ' ')}: {reading.reason}"
    if capture.time is None or not capture.time.certain:
        return "time uncertain: only the file's own time is known until a person confirms it"
    if metric in MILLIMETRE_METRICS and not scaled:
        return "no scale: the location has no millimetres per pixel yet"
    if reading.status is Status.NO_CRACK:
        return 0.0
    value = getattr(reading.severity, metric, None)
    return f"no {metric} in this reading" if value is None else float(value)
