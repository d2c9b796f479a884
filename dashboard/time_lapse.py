"""All aligned captures of a location, one after the other."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import streamlit as st
from PIL import Image, ImageDraw

from dashboard import data
from dashboard.wording import clock

_LONGEST_SIDE_PX = 800
#: Of a long history so many captures are shown, evenly spread over it, the first and the last among them.
_MOST_FRAMES = 60
_FRAME_MS, _LAST_MS = 350, 1500


@st.fragment
def time_lapse(detail: data.Detail, shown: Sequence[data.CaptureView]) -> None:
    """Of the captures `shown`; drawn only when it is asked for."""
    time_zone = detail.glance.status.location.time_zone
    frames = [
        (capture.reading.pictures["aligned"], clock(capture.time.at, time_zone))
        for capture in shown
        if capture.time is not None and capture.reading is not None and "aligned" in capture.reading.pictures
    ]
    if len(frames) < 2 or not st.toggle(f"Time-lapse of {len(frames)} captures"):
        return
    chosen = np.unique(np.linspace(0, len(frames) - 1, _MOST_FRAMES).round().astype(int))
    animation = animated(data.workspace(), tuple(frames[index] for index in chosen))
    if animation is None:
        st.info("The pictures are missing from disk.")
    else:
        st.image(animation, "Every capture laid onto the reference: what moves is the crack", width="stretch")


@st.cache_data(max_entries=4, show_spinner="Putting the pictures together")
def animated(folder: Path, frames: tuple[tuple[str, str], ...]) -> bytes | None:
    """A GIF of stored pictures, each with its words in the corner; None where fewer than two are on disk."""
    found = [(data.picture(folder, relative), told) for relative, told in frames]
    pictures = [_frame(image, told) for image, told in found if image is not None]
    if len(pictures) < 2:
        return None
    written = io.BytesIO()
    durations = [_FRAME_MS] * (len(pictures) - 1) + [_LAST_MS]
    pictures[0].save(written, "GIF", save_all=True, append_images=pictures[1:], duration=durations, loop=0)
    return written.getvalue()


def _frame(image: data.ByteArray, told: str) -> Image.Image:
    picture = Image.fromarray(image)
    picture.thumbnail((_LONGEST_SIDE_PX, _LONGEST_SIDE_PX))
    drawn = ImageDraw.Draw(picture)
    size = max(11, picture.width // 40)
    drawn.text((8, 6), told, fill="white", font_size=size, stroke_width=2, stroke_fill="black")
    return picture
