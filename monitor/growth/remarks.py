"""What there is to say of one crack's width or opening beside its verdict, in sentences for a person."""

from collections.abc import Iterable, Sequence

from monitor.growth.events import ChangeKind, find_change
from monitor.growth.fits import resolution_of
from monitor.growth.limits import time_to_limit
from monitor.growth.linear import accepted
from monitor.guides import Guide, guide
from monitor.records import GrowthFit, Observation
from monitor.wording import signed

_SEASON_ADJUSTED = ("seasonal", "temperature")


def remarks(
    observations: Sequence[Observation], fits: Iterable[GrowthFit], unit: str, classes: str = "bre_digest_251"
) -> list[str]:
    """The damage class (in mm only, by the guide of that key) and when the next one is reached, and a clear break.

    `observations` are widths or openings in `unit`, `fits` theirs. What cannot be said is left out.
    """
    seen = sorted(accepted(observations), key=lambda one: (one.at, one.value))
    if not seen:
        return []
    found: list[str | None] = []
    if unit == "mm":
        book = guide(classes)
        found.append(_class(book, seen[-1]))
        adjusted = (fit for fit in fits if fit.method in _SEASON_ADJUSTED and fit.success)
        found.append(_next_class(book, seen, next(adjusted, None)))
    found.append(_break(seen, unit))
    return [sentence for sentence in found if sentence]


def _class(book: Guide, latest: Observation) -> str:
    width = max(latest.value, 0.0)
    step = book.class_of(width)
    return f"{latest.value:.2f} mm on {latest.at:%Y-%m-%d}: class '{step.name}' of {book.title}. {book.caveat}"


def _next_class(book: Guide, seen: Sequence[Observation], fit: GrowthFit | None) -> str | None:
    """When the bound of the present class is reached, if growth stays as it is and the readings support a date."""
    bound = book.class_of(max(seen[-1].value, 0.0)).up_to_mm
    if fit is None or bound == float("inf"):
        return None
    when = time_to_limit(seen, fit, bound)
    if when.at is None:
        return None
    early = "now" if when.early is None or when.early <= seen[-1].at else f"{when.early:%B %Y}"
    late = "an unknown date" if when.late is None else f"{when.late:%B %Y}"
    return (
        f"If growth stays as it is, it leaves that class at {bound:g} mm in {when.at:%B %Y}"
        f" ({when.confidence * 100:.0f} % interval {early} to {late})."
    )


def _break(seen: Sequence[Observation], unit: str) -> str | None:
    change = find_change(seen, resolution=resolution_of(unit)).change
    if change is None:
        return None
    if change.kind is ChangeKind.STEP:
        return (
            f"A step of {signed(change.size)} {unit} shows on {change.at:%Y-%m-%d}: look at the photos around that day."
        )
    return f"The rate changed by {signed(change.size)} {unit} per year about {change.at:%Y-%m-%d}."
