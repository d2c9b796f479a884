"""All locations at a glance, grouped by site, what needs attention first."""

import shlex
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import streamlit as st

from dashboard import alarm_data, data
from dashboard.verdict import verdict_lines
from dashboard.wording import ALERT_SIGNS, SIGNS, State, count, due, plain, seen, worker_notice

_URGENT = (State.ALERT, State.OVERDUE)
_ATTENTION = "Needs attention"
#: So many cards are drawn until somebody asks for more; the search looks through all.
_AT_ONCE = 40
#: So many orders are named at the top.
_TODAY = 8
_FIRST_STEPS = """\
cd {folder}
crackmonitor site add "Town hall" --time-zone Europe/Berlin
crackmonitor location add north-wall --site "Town hall" --interval-days 7
crackmonitor worker
"""


def show() -> None:
    """The page."""
    st.title("Overview")
    folder, now = data.workspace(), datetime.now(UTC)
    glances = data.glances(folder)
    if not glances:
        _first_steps(folder)
        return
    st.markdown(_headline(glances))
    worker = data.worker(folder)
    notice = worker_notice(worker.last_at, worker.silence, now)
    if notice:
        st.warning(notice, icon=":material/schedule:")
    ready = sum(glance.shadow is not None and glance.shadow.ready for glance in glances)
    if ready:
        st.info(_recipe_ready(ready), icon=":material/compare_arrows:")
    _today(folder, glances, now)
    chosen = _chosen(glances)
    if not chosen:
        st.info("No location matches. Change the search or the choice of states.")
    limit = left = st.session_state.get("cards", _AT_ONCE)
    for heading, members in _grouped(chosen).items():
        if left > 0:
            st.subheader(heading)
        for glance in members[: max(left, 0)]:
            _card(glance, now)
        left -= len(members)
    if len(chosen) > limit and st.button(f"Show {min(_AT_ONCE, len(chosen) - limit)} more of {len(chosen)}"):
        st.session_state["cards"] = limit + _AT_ONCE
        st.rerun()


def _first_steps(folder: Path) -> None:
    st.info("This workspace has no locations yet. Three commands begin the watch:", icon=":material/flag:")
    st.code(_FIRST_STEPS.format(folder=shlex.quote(str(folder))), language="bash")
    st.markdown(
        "Then copy photos into the folder `inbox/north-wall` of the workspace. The first one becomes the reference"
        " that all later ones are compared with."
    )
    st.page_link(
        "app_pages/set_up.py", label="Or set it up on a page, with a guide for newcomers", icon=":material/flag:"
    )


def _headline(glances: Sequence[data.Glance]) -> str:
    states = Counter(glance.state for glance in glances)
    urgent = sum(states[state] for state in _URGENT)
    if not urgent:
        return f"**Nothing needs attention** at {count(len(glances), 'location')}."
    parts = [f"{SIGNS[state].badge} {states[state]}" for state in State if states[state]]
    verb = "needs" if urgent == 1 else "need"
    return f"**{urgent} of {count(len(glances), 'location')} {verb} attention:** " + " · ".join(parts)


def _today(folder: Path, glances: Sequence[data.Glance], now: datetime) -> None:
    """What needs a person today: alerts that nobody has seen, and what trigger plans ask for, the most urgent first."""
    unseen = [one for one in alarm_data.inbox(folder) if one.acknowledged is None and one.over_at is None]
    orders = [glance for glance in glances if glance.stand is not None and glance.stand.level.rank > 0]
    orders.sort(key=lambda glance: (-glance.stand.level.rank, glance.stand.due_at) if glance.stand else (0, now))
    if not unseen and not orders:
        return
    st.subheader("What needs me today")
    lines = [f"- {_order(glance, now)}" for glance in orders[:_TODAY]]
    if len(orders) > _TODAY:
        lines.append(f"- and {count(len(orders) - _TODAY, 'more location')} at amber or red, below")
    st.markdown("\n".join(lines))
    if unseen:
        label = f"{count(len(unseen), 'alert')} to acknowledge, assign or close"
        st.page_link("app_pages/alarms.py", label=label, icon=":material/notifications:")


def _order(glance: data.Glance, now: datetime) -> str:
    """What the trigger plan asks for at a location, by whom and until when."""
    stand, place = glance.stand, glance.status.location
    assert stand is not None, "only locations with a level have orders"
    order = stand.order
    default = " (shipped default, agreed by nobody)" if stand.plan.is_default else ""
    until = due(stand.due_at, place.time_zone, now)
    return (
        f"{ALERT_SIGNS[stand.level.value].badge} **{plain(place.name)}**: {plain(order.action)}"
        f" By {plain(order.owner)}, {until}{default}"
    )


def _recipe_ready(locations: int) -> str:
    verb = "has" if locations == 1 else "have"
    return (
        f"{count(locations, 'location')} {verb} another recipe ready; compare and switch with"
        " `crackmonitor location recipe NAME`, or `--all`. Until then nothing that is shown changes."
    )


def _chosen(glances: Sequence[data.Glance]) -> list[data.Glance]:
    wanted = st.text_input("Search", placeholder="Location or site", icon=":material/search:", width=420)
    states = st.pills(
        "Show only", list(State), selection_mode="multi", format_func=lambda state: _option(glances, state)
    )
    words = wanted.lower().split()
    return [
        glance
        for glance in glances
        if (not states or glance.state in states)
        and all(word in f"{glance.status.location.name} {glance.status.location.site}".lower() for word in words)
    ]


def _option(glances: Sequence[data.Glance], state: State) -> str:
    sign = SIGNS[state]
    return f"{sign.shape} {sign.word} ({sum(glance.state is state for glance in glances)})"


def _grouped(glances: Sequence[data.Glance]) -> dict[str, list[data.Glance]]:
    """By heading: first what needs attention, whatever its site, then the rest by site."""
    groups: dict[str, list[data.Glance]] = {}
    urgent = [glance for glance in glances if glance.state in _URGENT]
    if urgent:
        groups[_ATTENTION] = urgent
    for glance in sorted(glances, key=lambda glance: glance.status.location.site):
        if glance.state not in _URGENT:
            groups.setdefault(plain(glance.status.location.site), []).append(glance)
    return groups


def _card(glance: data.Glance, now: datetime) -> None:
    view = glance.status.location
    label = f"{SIGNS[glance.state].badge} **{plain(view.name)}**"
    with st.container(border=True, gap=None):
        st.page_link("app_pages/location.py", label=label, query_params={"location": view.name})
        lines = [f"**{plain(alert.why)}**" for alert in glance.status.firing]
        site = f"{plain(view.site)} · " if glance.state in _URGENT else ""
        lines += [site + _capture_line(glance, now), *verdict_lines(glance)]
        if glance.measured and view.scale is None:
            lines.append("For growth in mm it needs a scale: give one on *Set up*, Scale and plan.")
        st.markdown("  \n".join(lines))


def _capture_line(glance: data.Glance, now: datetime) -> str:
    last = glance.status.last_capture
    if last is None or last.time is None:
        return "No capture yet."
    when = seen(last.time.at, glance.status.location.time_zone, now, certain=last.time.certain)
    return f"Last capture {when} · {count(glance.status.captures, 'capture')}"


show()
