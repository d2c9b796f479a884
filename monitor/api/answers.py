"""What the machine door answers, as its OpenAPI description says it. Times are on the site's clocks, with their offset.

Units stand in the names, except where a field `unit` stands beside.
"""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class Outcome(StrEnum):
    """What became of a file; the words of `crackmonitor ingest`."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    WAITING = "waiting"
    REJECTED = "rejected"


class Answer(BaseModel):
    """An answer in full: every field is there, null where nothing is known."""

    model_config = ConfigDict(frozen=True)


class Refusal(Answer):
    """Why something was not done, in a sentence."""

    detail: str = Field(examples=["There is no location of that name at Town hall. Known there: north-wall."])


class PushAnswer(Answer):
    """What became of a pushed file."""

    outcome: Outcome
    location: str = Field(examples=["north-wall"])
    sha256: str = Field(examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"])
    capture: int | None = Field(description="its number, once it was taken in", examples=[17])
    reason: str | None = Field(description="why it waits or was rejected", examples=[None])


class CaptureAnswer(PushAnswer):
    """A capture and what was found in it."""

    captured_at: datetime | None = Field(examples=["2026-03-01T10:00:00+01:00"])
    time_source: str | None = Field(examples=["exif_offset"])
    received_at: datetime | None
    status: str | None = Field(description="of its reading under the recipe in force; null: not measured yet")
    status_reason: str | None
    grade: str | None = Field(description="how far the reading may be trusted: A, B or C", examples=["A"])
    grade_reasons: list[str]
    recipe: str | None = Field(examples=["8f14e45fceea167a"])


class SiteAnswer(Answer):
    """The site that the token is for."""

    name: str = Field(examples=["Town hall"])
    time_zone: str = Field(examples=["Europe/Berlin"])
    locations: int = Field(examples=[3])


class RateAnswer(Answer):
    """A growth rate with its interval, in `unit` per year."""

    rate_per_year: float = Field(examples=[1.95])
    low_per_year: float = Field(examples=[1.85])
    high_per_year: float = Field(examples=[2.05])
    confidence: float = Field(examples=[0.9])
    unit: str = Field(examples=["mm"])
    season_adjusted: bool = Field(description="false: provisional, widened by what a season could feign")
    smallest_detectable_per_year: float | None


class VerdictAnswer(Answer):
    """What one history says about growth, and why."""

    location: str
    crack: str = Field(description="'all': all cracks together, by their masks", examples=["A"])
    metric: str = Field(examples=["widest_mm"])
    outcome: str = Field(examples=["progressive"])
    evidence: str
    rate: RateAnswer | None
    months_needed: float | None
    remarks: list[str]
    judged_at: datetime


class LocationAnswer(Answer):
    """A location at a glance."""

    name: str = Field(examples=["north-wall"])
    site: str = Field(examples=["Town hall"])
    time_zone: str = Field(examples=["Europe/Berlin"])
    interval_days: float
    scale_mm_per_px: float | None
    scale_error_mm_per_px: float | None
    recipe: str | None = Field(description="fingerprint of the recipe in force")
    captures: int = Field(description="accepted ones")
    last_captured_at: datetime | None
    overdue: bool
    level: str | None = Field(description="by the trigger plan: green, amber or red", examples=["green"])
    raised: list[str] = Field(description="subjects of the alerts that are raised now")
    verdict: VerdictAnswer | None = Field(description="that on its gravest crack")


class SeriesName(Answer):
    """A crack and a metric that have a history at a location."""

    crack: str = Field(examples=["A"])
    metric: str = Field(examples=["widest_mm"])
    unit: str = Field(examples=["mm"])


class Reading(Answer):
    """One value of a series, in the series' unit."""

    capture: int | None
    captured_at: datetime
    value: float
    standard_error: float | None
    grade: str | None = Field(description="C moves no verdict and raises no alarm", examples=["A"])


class LeftOut(Answer):
    """A capture that gives no value, and why."""

    capture: int
    reason: str


class SeriesAnswer(SeriesName):
    """One metric's history of one crack, under one recipe, by capture time."""

    location: str
    recipe: str | None
    gauge_offset_mm: float | None = Field(description="what a gauge reading adds; it is in the values")
    readings: list[Reading]
    left_out: list[LeftOut]


class FitAnswer(Answer):
    """A straight line through one history; rates in `unit` per year."""

    crack: str
    metric: str
    unit: str
    recipe: str | None
    method: str = Field(examples=["theil_sen"])
    readings: int
    success: bool
    message: str | None
    rate_per_year: float | None
    low_per_year: float | None
    high_per_year: float | None
    confidence: float
    value_at_origin: float | None
    origin_at: datetime | None
    span_days: float | None
    smallest_detectable_per_year: float | None
    correlation: float | None
    fitted_at: datetime


class AlertAnswer(Answer):
    """An alert, and what people did about it."""

    alert: int
    location: str | None = Field(description="null: the service itself")
    subject: str
    name: str = Field(examples=["trigger plan, crack A"])
    state: str = Field(examples=["amber"])
    why: str
    sure: str | None
    raised_at: datetime
    over_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    assigned_to: str | None
    closed_at: datetime | None
    closed_by: str | None
    action: str | None
