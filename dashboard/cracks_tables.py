"""The cracks of a location: what the last reading says of each, and what has moved since the reference."""

import streamlit as st

from dashboard import data
from dashboard.wording import CRACK_STATES, VERDICTS, number, plus_minus, together

_IN_UNITS = ("Widest", "Mean opening", "Longer by", "Change", "By the lips", "Shear")
Row = dict[str, str | None]


def cracks_tables(detail: data.Detail) -> None:
    """The section of a location's page: two tables, because one is wider than a screen."""
    if not detail.cracks:
        return
    st.subheader("Cracks")
    scale = detail.glance.status.location.scale
    unit, factor = ("px", 1.0) if scale is None else ("mm", scale.mm_per_px)
    _table([_size_row(view, detail, factor) for view in detail.cracks], unit)
    st.caption(
        "Widest: the opening where the crack gapes widest. Longer by: at the upper and the lower tip (left and right"
        " for a crack that lies); a dash where the photo does not show the tip."
    )
    _table([_movement_row(view, factor) for view in detail.cracks], unit)
    st.caption(
        "Change: of the mean opening since the reference, read from the dark gap; by the lips: the same from the wall's"
        " texture on both sides. Where the two disagree, look at the photos. Monitoring sees only movement since the"
        " reference was taken."
    )


def _table(rows: list[Row], unit: str) -> None:
    labels = {name: f"{name} ({unit})" for name in _IN_UNITS if name in rows[0]}
    pinned = {"Crack": st.column_config.TextColumn(pinned=True)}  # seen beside what a phone has to scroll to
    st.dataframe(rows, hide_index=True, placeholder="–", column_config={**labels, **pinned})


def _size_row(view: data.CrackView, detail: data.Detail, factor: float) -> Row:
    shown, last, verdict = _shown(view), view.readings[-1], detail.verdict(view.crack.name)
    return {
        "Crack": view.crack.name,
        "Verdict": None if verdict is None else VERDICTS[verdict.outcome],
        "Widest": _size(shown.widest_px, together(shown.widest_error_px, shown.shared_error_px), factor),
        "Mean opening": _size(shown.opening_px, together(shown.opening_error_px, shown.shared_error_px), factor),
        "Longer by": _longer(last, factor),
        "Last seen as": CRACK_STATES[last.state],
    }


def _movement_row(view: data.CrackView, factor: float) -> Row:
    shown = _shown(view)
    return {
        "Crack": view.crack.name,
        "Change": _size(shown.change_px, shown.change_error_px, factor),
        "By the lips": _size(shown.lips_px, shown.lips_error_px, factor),
        "Both agree": None if shown.agree is None else ("yes" if shown.agree else "no"),
        "Shear": _size(shown.shear_px, shown.lips_error_px, factor),
    }


def _shown(view: data.CrackView) -> data.CrackReading:
    """The last reading with an opening; where there is none, the last."""
    return next((read for read in reversed(view.readings) if read.opening_px is not None), view.readings[-1])


def _size(size: float | None, error: float | None, factor: float) -> str | None:
    return None if size is None or error is None else plus_minus(size * factor, error * factor)


def _longer(reading: data.CrackReading, factor: float) -> str | None:
    """How much longer the crack has grown at its two tips; None where neither is shown."""
    tips = (reading.first_tip_px, reading.second_tip_px)
    if tips == (None, None):
        return None
    return " / ".join("–" if tip is None else number(tip * factor) for tip in tips)
