"""From captures to a history: what counts as a value, and the reason where nothing does."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from monitor.records import (
    SIZED,
    CrackReading,
    Grade,
    Grading,
    Observation,
    Scale,
    ScaleOrigin,
    Status,
    shows_cracks,
)
from monitor.storage.told import GaugeOffset
from monitor.storage.views import (
    CRACK_UNITS,
    MILLIMETRE_METRICS,
    UNITS,
    CaptureView,
    CrackView,
    Exclusion,
    LocationView,
    ReadingView,
    Series,
)

#: A scale with a larger standard error than this, as a share of itself, makes mm a B, or a C.
_SCALE_B, _SCALE_C = 0.05, 0.15
_NOT_SHOWN = {"widest": "the photo does not show where this crack gapes widest"}
_GONE_DARK = "no crack found, though one was measured before: look at the photo (a crack not seen has not healed)"


def series_of(place: LocationView, captures: Sequence[CaptureView], metric: str) -> Series:
    """The history of one metric of `UNITS` in captures that were read from the database, each with its reading of the
    location's own recipe.
    """
    observations, excluded = observe(captures, metric, scaled=place.scale is not None)
    return Series(place.id, metric, UNITS[metric], place.fingerprint, observations, excluded)


def series_of_crack(
    place: LocationView,
    captures: Sequence[CaptureView],
    view: CrackView | None,
    metric: str,
    *,
    offset: GaugeOffset | None = None,
) -> Series:
    """The history of one metric of `CRACK_UNITS` of one crack, as `series_of` tells that of all together; `offset` is
    what a gauge reading adds to openings in mm.
    """
    readings = {} if view is None else {reading.capture: reading for reading in view.readings}
    observations, excluded = observe_crack(captures, readings, metric, place.scale)
    known = offset if CRACK_UNITS[metric] == "mm" else None
    if known is not None and known.offset_mm is not None:
        observations = tuple(replace(seen, value=seen.value + known.offset_mm) for seen in observations)
    crack = "" if view is None else view.crack.name
    return Series(
        place.id,
        metric,
        CRACK_UNITS[metric],
        place.fingerprint,
        observations,
        excluded,
        crack=crack,
        offset=known,
    )


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
            crack_known = crack_known or _shows_crack(capture.reading)
        if isinstance(outcome, str) or capture.time is None:
            excluded.append(Exclusion(capture.id, capture.file_name, str(outcome)))
        else:
            observations.append(Observation(capture.time.at, outcome, capture.id, grade=_grade(capture)))
    return tuple(observations), tuple(excluded)


def observe_crack(
    captures: Iterable[CaptureView], readings: Mapping[int, CrackReading], metric: str, scale: Scale | None
) -> tuple[tuple[Observation, ...], tuple[Exclusion, ...]]:
    """Split captures into observations and exclusions of one metric of one crack, `readings` by capture id.

    `metric` is one of `CRACK_UNITS`. Captures from before the crack was first seen count as far as they could be
    measured: it has an opening there, mostly near 0.
    """
    name, unit = metric.rsplit("_", 1)
    doubt = _doubt(scale) if unit == "mm" else None
    observations, excluded = [], []
    for capture in captures:
        reading = readings.get(capture.id)
        value = None if reading is None else getattr(reading, f"{name}_px")
        outcome = _usable(capture, metric, scaled=scale is not None, followed=value is not None)
        if outcome is None and reading is None:
            outcome = "this crack has not been followed through this capture yet"
        if outcome is None and value is None:
            outcome = (reading.reason if reading else None) or _NOT_SHOWN.get(name, "the opening could not be measured")
        if outcome is not None or value is None or capture.time is None:
            excluded.append(Exclusion(capture.id, capture.file_name, str(outcome)))
            continue
        factor = scale.mm_per_px if scale is not None and unit == "mm" else 1.0
        error = getattr(reading, f"{name}_error_px")
        observations.append(
            Observation(
                capture.time.at,
                float(value) * factor,
                capture.id,
                standard_error=None if error is None else float(error) * factor,
                grade=_grade(capture, doubt),
            )
        )
    return tuple(observations), tuple(excluded)


def grading_of(capture: CaptureView, scale: Scale | None) -> Grading | None:
    """How far what a capture shows may be trusted: as its photo was graded, and no better than what is known of its
    time and, where it is told in mm, of the `scale` (None: it is told in px). None where there is no grade.
    """
    known = None if capture.reading is None else capture.reading.grading
    if known is None:
        return None
    found = [(known.grade, "")] + [(known.grade, reason) for reason in known.reasons]
    if capture.time is not None and not capture.time.certain:
        found.append((Grade.C, "only the file's own time is known, until a person confirms it"))
    if (doubt := _doubt(scale)) is not None:
        found.append(doubt)
    return Grading(max(grade for grade, _ in found), tuple(reason for _, reason in found if reason))


def _doubt(scale: Scale | None) -> tuple[Grade, str] | None:
    """The best grade of what is told in mm by that scale, and why it is no better; None: nothing against it."""
    if scale is None:
        return None
    share = scale.standard_error / scale.mm_per_px
    if share > _SCALE_B:
        return Grade.C if share > _SCALE_C else Grade.B, f"its millimetres are only known to {share:.0%}"
    if scale.origin is ScaleOrigin.TYPED:
        return Grade.B, "its scale was typed, not measured in the reference"
    return None


def _shows_crack(reading: ReadingView) -> bool:
    """Whether there is one in it that nobody rejected."""
    return reading.status is Status.MEASURED and (reading.counted is None or reading.counted.crack_count > 0)


def _grade(capture: CaptureView, doubt: tuple[Grade, str] | None = None) -> Grade | None:
    """As `grading_of` tells it of a capture that counts, whose time is certain, and without the reasons: histories ask
    for thousands.
    """
    known = None if capture.reading is None else capture.reading.grading
    if known is None:
        return None
    return known.grade if doubt is None else max(known.grade, doubt[0])


def _usable(capture: CaptureView, metric: str, *, scaled: bool, followed: bool = False) -> str | None:
    """Why nothing of this capture can count, or None; one crack that is `followed` counts without the photo's sizes."""
    reading = capture.reading
    if capture.rejected_reason is not None:
        return f"rejected: {capture.rejected_reason}"
    if reading is None:
        return "not measured yet"
    if not (reading.status in SIZED or (followed and shows_cracks(reading.status, reading.grading))):
        return f"{reading.status.replace('_', ' ')}: {reading.reason}"
    if capture.time is None or not capture.time.certain:
        return "time uncertain: only the file's own time is known until a person confirms it"
    if metric in MILLIMETRE_METRICS and not scaled:
        return "no scale: the location has no millimetres per pixel yet"
    return None


def _value_or_reason(capture: CaptureView, metric: str, *, scaled: bool) -> float | str:
    reason, reading = _usable(capture, metric, scaled=scaled), capture.reading
    if reason is not None or reading is None:
        return reason or "not measured yet"
    if reading.status is Status.NO_CRACK:
        return 0.0
    value = getattr(reading.counted, metric, None)
    return f"no {metric} in this reading" if value is None else float(value)
