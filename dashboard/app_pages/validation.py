"""What growth would have been seen here? Known growth, simulated on each location's own wall."""

import streamlit as st

from dashboard import data
from dashboard.wording import moment, number, plain


def show() -> None:
    """The page."""
    st.title("Validation")
    trials = data.site_trials(data.workspace())
    st.markdown(
        "Growth that is known because it was simulated: along a location's own crack, on its own wall, photographed"
        " anew in other poses and light, and read under its own recipe. It says what would have been seen here, and"
        " after how long."
    )
    for name, found in trials.items():
        if found:
            _location(name, found)
    missing = [plain(name) for name, found in trials.items() if not found]
    if missing:
        st.caption(f"Not simulated yet: {', '.join(missing)}. Do so with `crackmonitor validate --location NAME`.")


def _location(name: str, found: tuple[data.SiteTrialView, ...]) -> None:
    st.subheader(plain(name))
    unit = found[0].trial.unit
    st.dataframe(
        [_row(view) for view in found],
        hide_index=True,
        placeholder="–",
        column_config={
            label: f"{label} ({unit} per year)" for label in ("True growth", "Measured growth", "90 % interval")
        },
    )


def _row(view: data.SiteTrialView) -> dict[str, str | int | None]:
    trial = view.trial
    interval = None
    if trial.low is not None and trial.high is not None:
        interval = f"{number(trial.low)} to {number(trial.high)}"
    return {
        "True growth": number(trial.true_per_year),
        "Measured growth": None if trial.measured_per_year is None else number(trial.measured_per_year),
        "90 % interval": interval,
        "Error of a reading (px)": None if trial.reading_error_px is None else number(trial.reading_error_px),
        "Alarm after": None if trial.alarm_after_days is None else f"{trial.alarm_after_days:.0f} days",
        "Captures": trial.captures,
        "Every": f"{number(trial.interval_days)} days",
        "Not measured because": trial.message,
        "Recipe": view.fingerprint,
        "Simulated": moment(view.simulated_at, "UTC"),
    }


show()
