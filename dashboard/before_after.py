"""The reference and a later capture in its frame: side by side, blended, with what was found in it."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from dashboard import data
from dashboard.time_lapse import time_lapse
from dashboard.wording import count, moment, plain

#: Of a long history the slider has so many stops, until somebody asks for all: more are hard to hit with a finger.
_STOPS = 100


@st.fragment
def before_after(detail: data.Detail) -> None:
    """The section of a location's page; moving its sliders draws nothing else anew."""
    st.subheader("Before and after")
    shown = [capture for capture in detail.captures if capture.reading is not None and capture.reading.pictures]
    if not shown:
        st.info("No pictures yet: the worker makes them when it measures.")
        return
    older = len(shown) - _STOPS
    if older > 0 and not st.toggle(f"All {len(shown)} captures as stops", key="all stops"):
        st.caption(f"The slider has the newest {_STOPS} captures; {count(older, 'older one')} can be had as well.")
        shown = shown[-_STOPS:]
    capture = _chosen(shown, detail.glance.status.location.time_zone)
    if _has(capture, "aligned"):
        _pair(next((view for view in detail.captures if view.is_reference), None), capture, detail)
    else:
        _refused(capture, detail)
    asked = {"location": detail.glance.status.location.name, "capture": str(capture.id)}
    time_lapse(detail, shown)
    st.page_link("app_pages/capture.py", label=f"All about capture {capture.id}", query_params=asked)


def blended(before: data.ByteArray, after: data.ByteArray, share: float) -> data.ByteArray:
    """Two uint8 pictures of one shape as one: `share` 0 is all before, 1 all after."""
    return np.rint(before * (1 - share) + after * share).astype(np.uint8)


def _chosen(shown: Sequence[data.CaptureView], time_zone: str) -> data.CaptureView:
    """The newest to begin with. A slider needs two stops."""
    if len(shown) == 1:
        return shown[0]
    by_id = {capture.id: capture for capture in shown}
    chosen = st.select_slider(
        "Capture", list(by_id), value=shown[-1].id, format_func=lambda key: _captured(by_id[key], time_zone)
    )
    return by_id[chosen]


def _pair(reference: data.CaptureView | None, capture: data.CaptureView, detail: data.Detail) -> None:
    time_zone = detail.glance.status.location.time_zone
    before = None if reference is None else _picture(reference, "aligned")
    after = _picture(capture, "aligned")
    decorated = _decorated(capture, after)
    left, right = st.columns(2)
    with left:
        _show(before, "Reference" if reference is None else f"Reference, {_captured(reference, time_zone)}")
    with right:
        _show(decorated, f"This capture, {_captured(capture, time_zone)}, in the reference's frame")
    if before is None or after is None or before.shape != after.shape or capture.is_reference:
        return
    share = st.slider("Blend from reference (0) to this capture (100)", 0, 100, 50, step=5) / 100
    _show(blended(before, after, share), "Both, one over the other: what moved looks double")


def _decorated(capture: data.CaptureView, image: data.ByteArray | None) -> data.ByteArray | None:
    """The capture's image, with what the person asks for drawn over it."""
    with st.container(horizontal=True):
        wanted = {
            "mask": st.toggle("Outline of the mask", value=True),
            "relevance": st.toggle("Relevance: what made it a crack"),
        }
    found = {name: _picture(capture, name) for name, on in wanted.items() if on}
    missing = [name for name, layer in found.items() if layer is None]
    if missing:
        st.caption(f"This capture has no stored {' and no '.join(missing)}.")
    return None if image is None else data.drawn(image, found.get("mask"), found.get("relevance"))


def _refused(capture: data.CaptureView, detail: data.Detail) -> None:
    """A capture that is not in the reference's frame, as it came."""
    assert capture.reading is not None, "only captures with a reading are chosen"
    time_zone = detail.glance.status.location.time_zone
    st.warning(f"This capture could not be compared: {plain(capture.reading.reason or 'no reason is stored')}")
    _show(_picture(capture, "original"), f"This capture as it came, {_captured(capture, time_zone)}")


def _has(capture: data.CaptureView, name: str) -> bool:
    return capture.reading is not None and name in capture.reading.pictures


def _picture(capture: data.CaptureView, name: str) -> data.ByteArray | None:
    stored = {} if capture.reading is None else capture.reading.pictures
    return data.picture(data.workspace(), stored[name]) if name in stored else None


def _show(image: data.ByteArray | None, caption: str) -> None:
    if image is None:
        st.info(f"{plain(caption)}: the picture is missing from disk.")
    else:
        st.image(image, plain(caption), width="stretch", output_format="JPEG")


def _captured(capture: data.CaptureView, time_zone: str) -> str:
    return "time unknown" if capture.time is None else moment(capture.time.at, time_zone)
