"""Points that a person clicks on a picture."""

from typing import Any

import numpy as np
import streamlit as st
from streamlit_image_coordinates import streamlit_image_coordinates

from dashboard import data

Point = tuple[float, float]
_VERMILION = (213, 94, 0)


def clicked_points(image: data.ByteArray, key: str, *, most: int | None = None) -> list[Point]:
    """The points (row, col) of `image`, uint8 (rows, cols, 3) in full size, clicked so far; at most the `most` last.

    What is shown is smaller, so that a click is as exact as a pixel of the screen.
    """
    points: list[Point] = st.session_state.setdefault(f"{key} points", [])
    shown = data.reduced(image)
    factor = image.shape[0] / shown.shape[0]
    answer = streamlit_image_coordinates(_marked(shown, points, factor), key=key, use_column_width="always")
    _take(answer, points, image.shape[0], key, most)
    if points:
        told = " · ".join(f"row {row:.0f}, column {col:.0f}" for row, col in points)
        st.caption(f"Clicked: {told}")
        if st.button("Forget the points", key=f"{key} forget"):
            points.clear()
            st.rerun()
    return points


def _take(answer: dict[str, Any] | None, points: list[Point], rows: int, key: str, most: int | None) -> None:
    """Keep a click that is new; the component goes on answering with the last one."""
    if answer is None or answer.get("unix_time") == st.session_state.get(f"{key} last"):
        return
    st.session_state[f"{key} last"] = answer.get("unix_time")
    factor = rows / answer["height"]
    points.append((answer["y"] * factor, answer["x"] * factor))
    if most is not None:
        del points[:-most]
    st.rerun()


def _marked(shown: data.ByteArray, points: list[Point], factor: float) -> data.ByteArray:
    """A cross at every point, white with a coloured heart so that it shows on any wall."""
    marked = shown.copy()
    arm = max(6, max(shown.shape[:2]) // 80)
    for row, col in points:
        at = np.rint([row / factor, col / factor]).astype(int)
        for reach, half, color in ((arm, 2, (255, 255, 255)), (arm - 1, 0, _VERMILION)):
            for high, wide in ((reach, half), (half, reach)):
                top, left = np.maximum(at - (high, wide), 0)
                marked[top : at[0] + high + 1, left : at[1] + wide + 1] = color
    return marked
