"""Masks whose width and length are known: a bar of width w covers the pixel centres within w/2 of its axis."""

import numpy as np

SIDE_PX = 256
CENTRE = SIDE_PX // 2


def frame(angle_deg, offset=(0.0, 0.0), shape=(SIDE_PX, SIDE_PX)):
    """Distance along and across an axis through the centre (shifted by `offset`), for every pixel centre."""
    rows, cols = np.mgrid[: shape[0], : shape[1]].astype(float)
    rows -= shape[0] // 2 + offset[0]
    cols -= shape[1] // 2 + offset[1]
    angle = np.deg2rad(angle_deg)
    return rows * np.sin(angle) + cols * np.cos(angle), rows * np.cos(angle) - cols * np.sin(angle)


def bar(width_px, length_px, angle_deg=0.0, offset=(0.0, 0.0), ends="flat"):
    along, across = frame(angle_deg, offset)
    if ends == "flat":
        return (np.abs(across) <= width_px / 2) & (np.abs(along) <= length_px / 2)
    beyond = along - np.clip(along, -length_px / 2, length_px / 2)
    return np.hypot(beyond, across) <= width_px / 2


def half_bar(width_px, length_px, angle_deg, offset=(0.0, 0.0)):
    """A bar that starts at the centre."""
    along, across = frame(angle_deg, offset)
    return (np.abs(across) <= width_px / 2) & (along >= 0) & (along <= length_px)


def arc(width_px, radius_px, from_deg, to_deg, offset=(0.0, 0.0)):
    along, across = frame(0.0, offset)
    bearing = np.rad2deg(np.arctan2(across, along))
    inside = (bearing - from_deg) % 360 <= to_deg - from_deg
    return (np.abs(np.hypot(along, across) - radius_px) <= width_px / 2) & inside


def disc(diameter_px, offset=(0.0, 0.0)):
    return np.hypot(*frame(0.0, offset)) <= diameter_px / 2


def tapered(width_px, length_px, angle_deg, offset=(0.0, 0.0)):
    """`width_px` wide at the centre, pointed at both ends."""
    along, across = frame(angle_deg, offset)
    return np.abs(across) <= width_px / 2 * np.maximum(1 - np.abs(along) / (length_px / 2), 0)
