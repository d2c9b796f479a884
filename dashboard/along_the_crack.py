"""The stations of a crack on the photo, and what every capture shows at the chosen one."""

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from streamlit_image_coordinates import streamlit_image_coordinates

from dashboard import charts, data, station_charts, station_data
from dashboard.wording import plain

_VERMILION, _SKY = (213, 94, 0), (86, 180, 233)


@st.fragment
def along_the_crack(detail: data.Detail) -> None:
    """The section of a location's page; choosing a station draws nothing else anew."""
    if not detail.cracks:
        return
    st.subheader("Along the crack")
    names = [name for name in detail.subjects if name != data.ALL_CRACKS]
    name = st.selectbox("Crack with its stations", names, width=280) if len(names) > 1 else names[0]
    place, folder = detail.glance.status.location, data.workspace()
    try:
        kept = station_data.profiles(folder, place.id, place.fingerprint or "").get(name)
    except data.CrackmonitorError as error:
        st.warning(plain(str(error)), icon=":material/warning:")
        return
    course = next(view.crack.course for view in detail.cracks if view.crack.name == name)
    if kept is None or kept.stations.max() >= len(course):
        st.info("Nothing is kept of this crack's stations yet. The worker keeps them when it follows the next photo.")
        return
    points = course[kept.stations]
    chosen = _chosen(detail, kept, points, f"station {place.id} {name}")
    _charts(detail, kept, chosen)


def _chosen(detail: data.Detail, kept: station_data.StationProfiles, points: NDArray[np.float64], key: str) -> int:
    """The index of the station that a person chose by a click or the slider; where the crack gapes widest at first."""
    count = len(points)
    usual = np.nan_to_num(kept.opening_px).mean(axis=1)
    numbers = list(range(1, count + 1))
    st.session_state.setdefault(key, int(usual.argmax()) + 1)
    if st.session_state[key] not in numbers:  # the crack was followed anew meanwhile
        st.session_state[key] = int(usual.argmax()) + 1
    image = station_data.reference_picture(data.workspace(), detail)
    reference = next((view for view in detail.captures if view.is_reference), None)
    if image is not None and reference is not None and reference.height_px:
        factor = image.shape[0] / reference.height_px
        _click(_drawn(image, points * factor, st.session_state[key] - 1), points * factor, key)
        st.caption("The reference with the crack's stations; click one, or move the slider.")
    else:
        st.info("The reference picture is missing from disk.")
    return int(st.select_slider("Station", numbers, key=key)) - 1 if count > 1 else 0


def _click(image: data.ByteArray, points: NDArray[np.float64], key: str) -> None:
    """Take the station nearest to a new click; the component goes on answering with the last one."""
    answer = streamlit_image_coordinates(image, key=f"{key} picture", use_column_width="always")
    if answer is None or answer.get("unix_time") == st.session_state.get(f"{key} last"):
        return
    st.session_state[f"{key} last"] = answer.get("unix_time")
    at = np.array([answer["y"], answer["x"]]) * image.shape[0] / answer["height"]
    nearest = int(np.linalg.norm(points - at, axis=1).argmin()) + 1
    if nearest != st.session_state[key]:
        st.session_state[key] = nearest
        st.rerun(scope="fragment")


def _drawn(image: data.ByteArray, points: NDArray[np.float64], chosen: int) -> data.ByteArray:
    """Small rings at all stations, a large one at the chosen; rings hide nothing of the crack inside them."""
    picture = Image.fromarray(image)
    drawing = ImageDraw.Draw(picture)
    unit = max(2, max(image.shape[:2]) // 250)
    for number, (row, col) in enumerate(points):
        radius, color = (4 * unit, _VERMILION) if number == chosen else (unit, _SKY)
        box = (col - radius, row - radius, col + radius, row + radius)
        drawing.ellipse(box, outline=color, width=max(1, unit // 2) if number != chosen else unit)
    return np.asarray(picture)


def _charts(detail: data.Detail, kept: station_data.StationProfiles, chosen: int) -> None:
    place = detail.glance.status.location
    unit, factor = ("px", 1.0) if place.scale is None else ("mm", place.scale.mm_per_px)
    times = {capture.id: capture.time.at for capture in detail.captures if capture.time is not None}
    known = np.flatnonzero([int(number) in times for number in kept.captures])
    if not len(known):
        st.info("The captures that were followed here do not belong to this location any more.")
        return
    at = [times[int(number)] for number in kept.captures[known]]
    zone = place.time_zone
    profile = station_charts.profile_over_time(
        kept.grey[chosen, known], kept.offsets_px * factor, at, unit=unit, time_zone=zone
    )
    opening = station_charts.opening_over_time(
        kept.opening_px[chosen, known].astype(float) * factor, at, unit=unit, time_zone=zone
    )
    left, right = st.columns(2)
    left.plotly_chart(profile, config=charts.CONFIG, key=f"profile {place.id}")
    right.plotly_chart(opening, config=charts.CONFIG, key=f"opening {place.id}")
    st.caption(
        f"Station {chosen + 1} of {len(kept.stations)}, counted along crack {plain(kept.crack)}. One station alone is"
        " read less surely than the mean of all: the verdict goes by that."
    )
