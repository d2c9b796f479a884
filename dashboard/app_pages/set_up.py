"""Set a location up: what it is, where it is, its reference photo, its scale, its thresholds; a guide for newcomers."""

from collections.abc import Sequence
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import streamlit as st

from dashboard import access_data, data, place_data
from dashboard.clicks import clicked_points
from dashboard.entrance import refused
from dashboard.glossary import as_table
from dashboard.limit_data import limit_tables
from dashboard.wording import clock, number, plain

_NEW = "A new site"
_NONE, _TYPED, _MARKER, _POINTS = "None yet (sizes in pixels)", "Typed", "From a marker", "From two points"
_SCALES = {
    _NONE: "It can be given later; pixels are kept anyway.",
    _TYPED: "Millimetres per pixel, known from elsewhere.",
    _MARKER: "The printed marker in the photo; its black square was measured.",
    _POINTS: "Click two points whose distance on the wall is known.",
}
_GUIDE = """
1. **Look for a place that can be photographed again**: the whole crack in view, and wall around it on all sides.
2. **Stick a printed marker** (ArUco or AprilTag, 10 to 20 cm) flat on the wall beside the crack, and leave it there.
   Measure its black square: that is the scale. Without one, measure the distance of two points.
3. **Add the location below** with its first photo, the *reference*: all later ones are laid onto it.
4. **Agree thresholds with an engineer** before monitoring starts. Until then the shipped defaults hold.
5. **Photograph it again** weekly to every two months and drop the photos on *Upload*. A rate takes 6 readings over 90
   days; telling the season from growth takes a year.
"""
_GOOD_PHOTO = """
* **Square-on**: face the wall, do not look up or along it.
* **The same distance and place** every time; mark where you stood.
* **The marker in view**, flat, sharp, not in the corner.
* **The same hour of the day**, because walls move with warmth, and light changes what cracks look like. No flash.
* **Sharp**: tap the crack to focus, hold still. Send the file as the camera made it; messengers make it small and take
  its time away.
"""


def show() -> None:
    """The page."""
    st.title("Set up")
    folder = data.workspace()
    if "done" in st.session_state:
        done = st.session_state.pop("done")
        st.success(done, icon=":material/check:")
        st.toast(done, icon=":material/check:")  # whoever has pressed a button at the bottom does not see the top
    glances = data.glances(folder)
    with st.expander("First time here? From nothing to a trend in five steps", expanded=not glances):
        st.markdown(_GUIDE)
    with st.expander("How to take a good photo", expanded=not glances):
        st.markdown(_GOOD_PHOTO)
    with st.expander("Glossary"):
        st.markdown(as_table())
    places = {glance.status.location.name: glance for glance in glances}
    choices = ["Add a location", *(["Thresholds", "Scale and plan"] if places else [])]
    wanted = st.segmented_control("What to set up", choices, default=choices[0])
    if wanted == "Thresholds":
        _thresholds(folder, places)
    elif wanted == "Scale and plan":
        _scale_and_plan(folder, places)
    else:
        _add(folder)


def _add(folder: Path) -> None:
    st.subheader("Add a location")
    sites = {site.name: site for site in place_data.sites(folder)}
    site, time_zone = _site(sites)
    if refused(folder, access_data.Action.SET_UP_PLACES, sites[site].id if site in sites else None):
        return
    turn = st.session_state.setdefault("added", 0)
    name = st.text_input(
        "Name of the location",
        key=f"new name {turn}",
        placeholder="north-wall",
        help="Letters, digits, - and _: its inbox folder is called the same.",
        width=420,
    )
    interval = st.number_input("Days between photos", min_value=1.0, value=31.0, step=1.0, width=200)
    photo = st.file_uploader(
        "Reference photo: the first one, that all others are compared with", key=f"new reference {turn}"
    )
    image = None
    if photo is not None:
        try:
            image = place_data.decoded(folder, photo.getvalue())
        except data.CrackmonitorError as error:
            st.warning(plain(str(error)), icon=":material/info:")
            return
    scale = _scale(image, f"new scale {turn}")
    plan = st.file_uploader("Location plan (a picture that shows where it is; for the report)", key=f"new plan {turn}")
    if st.button("Add the location", type="primary", disabled=not (site and name)):
        try:
            place_data.add_location(
                folder,
                name=name.strip(),
                site=site,
                time_zone=time_zone,
                interval_days=interval,
                reference=None if photo is None else (photo.name, photo.getvalue()),
                plan=None if plan is None else plan.getvalue(),
                scale=scale,
            )
        except data.CrackmonitorError as error:
            st.warning(plain(str(error)), icon=":material/info:")
            return
        then = "Its first photo becomes the reference."
        if photo is not None:
            then = "The worker takes its photo in; Upload shows when."
        # Empty fields for the next location: one that kept this one's points would have this one's scale.
        st.session_state["added"] = turn + 1
        st.session_state["done"] = f"{plain(name)} is set up. {then}"
        st.rerun()


def _site(sites: dict[str, place_data.SiteView]) -> tuple[str, str]:
    """The site's name and time zone, as chosen or typed."""
    chosen = st.selectbox("Site", [*sites, _NEW], width=420) if sites else _NEW
    if chosen != _NEW:
        return chosen, sites[chosen].time_zone
    name = st.text_input("Name of the site (a building, a bridge)", width=420)
    zones = sorted(available_timezones())
    zone = st.selectbox("Its time zone", zones, index=zones.index("UTC"), width=420)
    return name.strip(), zone


def _scale(image: data.ByteArray | None, key: str) -> data.Scale | None:
    """The scale asked for; None with the reason on the page where there is none."""
    kind = st.radio("Scale", list(_SCALES), captions=list(_SCALES.values()), key=key)
    if image is None and kind in (_MARKER, _POINTS):
        st.info("Choose the reference photo first.")
        return None
    try:
        scale = _scale_of(kind, image, key)
    except data.CrackmonitorError as error:
        st.warning(plain(str(error)), icon=":material/info:")
        return None
    if scale is not None:
        st.info(
            f"{number(scale.mm_per_px)} ± {number(scale.standard_error)} mm per pixel", icon=":material/straighten:"
        )
    return scale


def _scale_of(kind: str, image: data.ByteArray | None, key: str) -> data.Scale | None:
    if kind == _TYPED:
        mm_per_px = st.number_input(
            "Millimetres per pixel", min_value=0.0, value=None, format="%.4f", width=240, key=f"{key} typed"
        )
        return place_data.scale_typed(mm_per_px) if mm_per_px else None
    if kind == _MARKER and image is not None:
        side_mm = st.number_input(
            "Side of the marker's black square (mm)", min_value=0.0, value=None, width=240, key=f"{key} side"
        )
        if not side_mm:
            return None
        found = place_data.scale_from_marker(image, side_mm)
        if found.scale is None:
            st.warning(plain(found.reason or ""), icon=":material/info:")
        return found.scale
    if kind == _POINTS and image is not None:
        points = clicked_points(image, f"{key} points", most=2)
        distance_mm = st.number_input(
            "Their distance on the wall (mm)", min_value=0.0, value=None, width=240, key=f"{key} distance"
        )
        if len(points) < 2 or not distance_mm:
            return None
        # Nobody clicks better than one pixel of what the screen shows.
        click_error = max(1.0, image.shape[0] / data.reduced(image).shape[0])
        return place_data.scale_from_points(points[0], points[1], distance_mm, click_error)
    return None


def _scale_and_plan(folder: Path, places: dict[str, data.Glance]) -> None:
    name = st.selectbox("Location", list(places), index=None, placeholder="Choose a location", width=420)
    if name is None:
        return
    view = places[name].status.location
    if refused(folder, access_data.Action.SET_UP_PLACES, view.site_id):
        return
    told = "none yet" if view.scale is None else f"{number(view.scale.mm_per_px)} mm per pixel ({view.scale.origin})"
    st.markdown(f"Scale now: {plain(told)}")
    scale = _scale(place_data.reference_image(folder, view.id), f"scale of {view.id}")
    if st.button("Set the scale", type="primary", disabled=scale is None) and scale is not None:
        place_data.set_scale(folder, view.id, scale)
        st.session_state["done"] = f"{plain(name)} has its scale; the worker fits its histories anew."
        st.rerun()
    plan = st.file_uploader("Location plan (a picture that shows where it is; for the report)", key=f"plan {name}")
    if st.button("Keep the plan", disabled=plan is None) and plan is not None:
        try:
            place_data.set_plan(folder, name, plan.getvalue())
        except data.CrackmonitorError as error:
            st.warning(plain(str(error)), icon=":material/info:")
            return
        st.session_state["done"] = f"The plan of {plain(name)} is kept."
        st.rerun()


def _thresholds(folder: Path, places: dict[str, data.Glance]) -> None:
    """A new version of a trigger plan: limits, orders, the engineer, the date. Past ones are never changed."""
    name = st.selectbox("Location", list(places), index=None, placeholder="Choose a location", width=420)
    if name is None:
        return
    view = places[name].status.location
    if refused(folder, access_data.Action.SET_LIMITS, view.site_id):
        return
    before = place_data.plan_in_force(folder, view.id)
    agreed = "Now the shipped defaults hold, agreed by nobody."
    if before.valid_from is not None:
        since = clock(before.valid_from, view.time_zone)
        agreed = f"Last version: of {since}, agreed by {plain(before.agreed_by or '')}."
    st.markdown(
        f"{agreed} A new version judges what is photographed from its date on; the past stays as it was judged."
    )
    _published()
    with st.form("thresholds"):
        limits = _limits(before)
        orders = {level: _order(level, getattr(before.plan, level)) for level in ("green", "amber", "red")}
        engineer = st.text_input("Engineer who agreed to it", width=420)
        first = st.date_input("From this day on (empty: from now on)", value=None, width=240)
        if not st.form_submit_button("Put in force", type="primary"):
            return
    begins = None if first is None else datetime.combine(first, time(), ZoneInfo(view.time_zone)).astimezone(UTC)
    try:
        place_data.agree_plan(folder, view.id, limits, orders, agreed_by=engineer, valid_from=begins)
    except data.CrackmonitorError as error:
        st.warning(plain(str(error)), icon=":material/info:")
    else:
        st.session_state["done"] = f"The new thresholds of {plain(name)} are agreed by {plain(engineer)}."
        st.rerun()


def _published() -> None:
    """What codes and guides say of crack widths: to talk over with the engineer, no limits by themselves."""
    with st.expander("Published limit tables (BRE, ACI, Eurocode), with their caveats"):
        for table in limit_tables():
            columns = [name for name in table.rows[0] if any(row[name] for row in table.rows)]
            cells = [[plain(row[name] or "") for name in columns] for row in table.rows]
            lines = [f"| {' | '.join(line)} |" for line in (columns, [":--"] * len(columns), *cells)]
            st.markdown(f"**{plain(table.title)}**\n\n" + "\n".join(lines))
            st.caption(f"{plain(table.caveat)} Source: {plain(table.source)}.")


def _limits(before: place_data.TriggerPlanView) -> dict[str, Any]:
    plan = before.plan
    asked: Sequence[tuple[str, str, float | None]] = (
        ("amber_rate", "Amber above this rate (mm per year)", plan.amber_rate),
        ("red_rate", "Red above this rate (mm per year)", plan.red_rate),
        ("red_change", "Red from this change between two photos (mm)", plan.red_change),
    )
    st.caption("0: not watched. Rates count by the lower end of their 90 % interval.")
    columns = st.columns(3)
    found: dict[str, Any] = {}
    for column, (key, label, value) in zip(columns, asked, strict=True):
        found[key] = column.number_input(label, min_value=0.0, value=value or 0.0, step=0.1, key=f"limit {key}") or None
    watched = st.checkbox(
        "Amber as well when the next class of BRE Digest 251 is entered", value=plan.guide is not None
    )
    found["guide"] = (plan.guide or "bre_digest_251") if watched else None
    return found


def _order(level: str, order: place_data.LevelOrder) -> place_data.LevelOrder:
    action, owner, days = st.columns((3, 2, 1))
    return place_data.LevelOrder(
        action.text_input(f"At {level}, do", order.action, key=f"action {level}"),
        owner.text_input("By", order.owner, key=f"owner {level}"),
        days.number_input("Within days", min_value=0.0, value=float(order.due_days), step=1.0, key=f"days {level}"),
    )


show()
