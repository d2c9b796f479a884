"""One capture: the photo, what made it a crack, the figures, how far they may be trusted; and a person's word on it."""

from collections.abc import Callable, Mapping
from pathlib import Path

import streamlit as st

from dashboard import access_data, capture_data, data
from dashboard.capture_data import CorrectionKind
from dashboard.clicks import clicked_points
from dashboard.entrance import asked_name, refused
from dashboard.wording import CRACK_STATES, STATUSES, clock, moment, number, plain, plus_minus, together, without_path

_KINDS = {
    CorrectionKind.ACCEPTED: "● accepted",
    CorrectionKind.REJECTED: "✕ rejected",
    CorrectionKind.MARKED: "◆ marked",
}
#: Where the time of a photo is known from.
_SOURCES = {
    "person": "a person",
    "exif_offset": "the camera",
    "exif_site_zone": "the camera, on the site's clocks",
    "file": "the file alone",
}


def show() -> None:
    """The page."""
    st.title("Capture")
    folder = data.workspace()
    if "done" in st.session_state:
        st.toast(st.session_state.pop("done"), icon=":material/check:")
    detail, number_ = _chosen(folder)
    if detail is None or number_ is None:
        return
    seen = capture_data.shown(folder, number_)
    _facts(seen.capture, detail)
    _pictures(folder, seen.capture)
    _cracks(seen, detail)
    _corrections(folder, seen, detail)


def _chosen(folder: Path) -> tuple[data.Detail | None, int | None]:
    """The location and the number of its capture, from the address or as chosen; the newest to begin with."""
    names = list(data.names(folder))
    if not names:
        st.info("This workspace has no locations yet.")
        st.page_link("app_pages/set_up.py", label="Set up the first location", icon=":material/flag:")
        return None, None
    asked = st.query_params.get("location")
    name = st.selectbox(
        "Location", names, index=names.index(asked) if asked in names else None, placeholder="Choose one", width=420
    )
    if name is None:
        return None, None
    st.query_params["location"] = name
    detail = data.detail(folder, name)
    captures = {view.id: view for view in reversed(detail.captures)}
    if not captures:
        st.info("No photo has arrived here yet.")
        return detail, None
    wanted = st.query_params.get("capture", "")
    known = list(captures)
    index = known.index(int(wanted)) if wanted.isdecimal() and int(wanted) in captures else 0
    zone = detail.glance.status.location.time_zone
    chosen = st.selectbox("Photo", known, index=index, format_func=lambda key: _label(captures[key], zone), width=600)
    st.query_params["capture"] = str(chosen)
    return detail, chosen


def _label(capture: data.CaptureView, time_zone: str) -> str:
    when = "time unknown" if capture.time is None else clock(capture.time.at, time_zone)
    return f"{capture.id} · {when} · {capture.file_name}"


def _facts(capture: data.CaptureView, detail: data.Detail) -> None:
    place, reading = detail.glance.status.location, capture.reading
    if capture.rejected_reason is not None:
        st.warning(f"Not taken in: {plain(without_path(capture.rejected_reason, capture.file_name))}")
        return
    when = "unknown" if capture.time is None else moment(capture.time.at, place.time_zone)
    source = "" if capture.time is None else f", from {_SOURCES[capture.time.source]}"
    facts = {"Captured": f"{when}{source}", "Arrived": moment(capture.received_at, place.time_zone)}
    status = STATUSES["waiting" if reading is None else reading.status]
    facts["Status"] = status + (", reference" if capture.is_reference else "")
    grading = data.grading_of(capture, place.scale)
    if grading is not None:
        reasons = f": {plain('; '.join(grading.reasons))}" if grading.reasons else ""
        facts["Grade"] = f"**{grading.grade}**{reasons}"
    if reading is not None:
        if reading.reason:
            facts["Reason"] = plain(reading.reason)
        if reading.crack_probability is not None:
            facts["Highest crack probability of a patch"] = number(reading.crack_probability)
        if reading.confidence is not None:
            facts["Confidence in the mask"] = number(reading.confidence)
        facts |= _registered(reading) | _sizes(reading)
        facts["Recipe"] = reading.fingerprint
    rows = "\n".join(f"| {name} | {value} |" for name, value in facts.items())
    st.markdown(f"| Capture {capture.id} | {plain(capture.file_name)} |\n|:--|:--|\n{rows}")


def _registered(reading: data.ReadingView) -> dict[str, str]:
    found = reading.registration
    if found is None or found.residual_px is None:
        return {}
    told = f"within {number(found.residual_px)} px, {found.overlap:.0%} of the reference in view"
    return {"Laid onto the reference": told}


def _sizes(reading: data.ReadingView) -> dict[str, str]:
    sizes = reading.counted
    if sizes is None:
        return {}
    told = {"Cracks": str(sizes.crack_count)}
    for name, px, mm, unit in (
        ("Maximum width", sizes.max_width_px, sizes.max_width_mm, ""),
        ("Length", sizes.length_px, sizes.length_mm, ""),
        ("Area", sizes.area_px, sizes.area_mm2, "²"),
    ):
        in_mm = "" if mm is None else f"{number(mm)} mm{unit} · "
        told[f"{name}, by the mask"] = f"{in_mm}{number(px)} px{unit}"
    if reading.corrected is not None:
        told["Corrected"] = "without the cracks that people rejected"
    return told


def _pictures(folder: Path, capture: data.CaptureView) -> None:
    st.subheader("Pictures")
    stored: Mapping[str, str] = {} if capture.reading is None else capture.reading.pictures
    aligned = data.picture(folder, stored.get("aligned"))
    mask, relevance = data.picture(folder, stored.get("mask")), data.picture(folder, stored.get("relevance"))
    original = capture_data.original(folder, capture.sha256)
    if original is None:
        original = data.picture(folder, stored.get("original"))
    shown = {"Photo as it came": original}
    if aligned is not None:
        shown |= {
            "In the reference's frame": aligned,
            "Relevance: what made it a crack": None if relevance is None else data.drawn(aligned, None, relevance),
            "Mask: what was found": None if mask is None else data.drawn(aligned, mask, None),
        }
    there = {caption: image for caption, image in shown.items() if image is not None}
    for caption, tab in zip(there, st.tabs(list(there)) if there else (), strict=True):
        tab.image(there[caption], caption, width="stretch", output_format="JPEG")
    missing = [caption for caption in shown if caption not in there]
    if missing:
        st.caption(f"Not on disk: {'; '.join(missing)}.")


def _cracks(seen: capture_data.Shown, detail: data.Detail) -> None:
    st.subheader("Cracks in it")
    if not seen.readings:
        st.markdown("No crack is followed through this photo (yet).")
        return
    scale = detail.glance.status.location.scale
    unit, factor = ("px", 1.0) if scale is None else ("mm", scale.mm_per_px)

    def value(size: float | None, error: float | None) -> str | None:
        return None if size is None or error is None else plus_minus(size * factor, error * factor)

    rows = [
        {
            "Crack": reading.crack,
            "Here": CRACK_STATES[reading.state],
            f"Widest ({unit})": value(reading.widest_px, together(reading.widest_error_px, reading.shared_error_px)),
            f"Change ({unit})": value(reading.change_px, reading.change_error_px),
            f"By the lips ({unit})": value(reading.lips_px, reading.lips_error_px),
            "Both agree": None if reading.agree is None else "yes" if reading.agree else "no",
            "Why not": reading.reason,
        }
        for reading in seen.readings
    ]
    st.dataframe(rows, hide_index=True, placeholder="–")


def _corrections(folder: Path, seen: capture_data.Shown, detail: data.Detail) -> None:
    """What a person says is kept beside what was found, is about the place, and the last word counts."""
    st.subheader("Put a crack right")
    if seen.capture.rejected_reason is not None or seen.frame_px is None:
        st.markdown("There is nothing to put right in a photo that was not taken in.")
        return
    place = detail.glance.status.location
    if not refused(folder, access_data.Action.CORRECT_CRACKS, place.site_id):
        _ask(folder, seen)
    for told in reversed(seen.corrections):
        who, at = plain(told.recorded_by or "somebody"), clock(told.recorded_at, place.time_zone)
        st.caption(f"{at}: crack {told.crack} {_KINDS[told.kind]} by {who}: {plain(told.why)}")


def _ask(folder: Path, seen: capture_data.Shown) -> None:
    names = [view.crack.name for view in seen.cracks]
    ways = [*(["Accept a crack", "Reject a crack"] if names else []), "Mark one that was missed"]
    way = st.segmented_control("What you see", ways, default=ways[0])
    if way is None:
        return
    turn = st.session_state.setdefault("recorded", 0)  # empty fields afterwards, so that nothing is recorded twice
    points = _drawn(folder, seen, f"mark {seen.capture.id} {turn}") if way == ways[-1] else []
    crack = st.selectbox("Crack", names, width=200) if way != ways[-1] else None
    why = st.text_input("Why", key=f"why {turn}", placeholder="Kept with your word", width=600)
    by = asked_name(folder, access_data.Action.CORRECT_CRACKS)
    ready = bool(why.strip()) and (crack is not None or len(points) > 1)
    if st.button("Record it", type="primary", disabled=not ready):
        kind = CorrectionKind.REJECTED if way == "Reject a crack" else CorrectionKind.ACCEPTED
        if crack is None:
            _do(lambda: capture_data.mark(folder, seen, list(points), why, by))
        else:
            _do(lambda: capture_data.judge(folder, seen, crack, kind, why, by))


def _drawn(folder: Path, seen: capture_data.Shown, key: str) -> list[tuple[float, float]]:
    """Clicked points in the reference's frame."""
    assert seen.frame_px is not None, "asked for before"
    stored: Mapping[str, str] = {} if seen.capture.reading is None else seen.capture.reading.pictures
    image = data.picture(folder, stored.get("aligned"))
    if image is None:
        st.info("This photo is not laid onto the reference; choose one that is, to mark a crack in it.")
        return []
    st.caption("Click along the crack, from one end to the other.")
    rows, cols = (full / size for full, size in zip(seen.frame_px, image.shape[:2], strict=True))
    return [(row * rows, col * cols) for row, col in clicked_points(image, key)]


def _do(act: Callable[[], None]) -> None:
    try:
        act()
    except data.CrackmonitorError as error:
        st.warning(plain(str(error)), icon=":material/info:")
    else:
        st.session_state["recorded"] += 1
        st.session_state["done"] = "Kept. The worker follows the cracks anew."
        st.rerun()


show()
