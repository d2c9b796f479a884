"""The paper's post-processing, step by step as its published code goes about it: the side that ours is timed against.

Written from its description (section 2.3 of doi:10.1016/j.autcon.2024.105497) and for comparison alone: every step
takes whole arrays, once an iteration or a component, as the published code does. Needs scikit-learn (the extra `dev`).
"""

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter
from skimage.measure import profile_line
from skimage.morphology import skeletonize
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture

from monitor.records import BoolArray, FloatArray

Floats = NDArray[np.float64]

_TOLERANCE = 1e-6
_COMPONENTS = 3
_FIRST_PX, _LEAST_PX, _SECOND_PX = 5, 50, 25
_WINDOW_PX = 40
_PIXELS_PER_POINT = 20
#: scikit-learn's own choice up to its version 1.3.
_STARTS = 10
#: An ellipse is fitted to no fewer points.
_LEAST_POINTS = 5


def simple(relevance: FloatArray) -> BoolArray:
    """Iterated inter-means threshold; every step goes over all pixels."""
    scaled = _scaled(relevance.astype(np.float64))
    threshold, moved = float(scaled.mean()), np.inf
    while moved > _TOLERANCE:
        above = scaled > threshold
        previous, threshold = threshold, float(scaled[above].mean() + scaled[~above].mean()) / 2
        moved = abs(threshold - previous)
    return _smaller_side(scaled > threshold)


def mixture(relevance: FloatArray, seed: int = 0) -> tuple[BoolArray, GaussianMixture, Floats]:
    """Mask of the highest of three Gaussians, the fit, and the values (n, 1) that it was fitted to."""
    smooth = _scaled(median_filter(relevance.astype(np.float64), 3))
    values = smooth.reshape(-1, 1)
    fitted = GaussianMixture(_COMPONENTS, random_state=seed).fit(values)
    highest = int(fitted.predict(values[[values.argmax()]])[0])
    probability = fitted.predict_proba(values)[:, highest].reshape(smooth.shape)
    return _smaller_side(probability > 0.5), fitted, values


def postprocess(mask: BoolArray) -> BoolArray:
    """Closing, opening by area component by component, second closing."""
    closed = _closing(mask, _FIRST_PX)
    count, label = cv2.connectedComponents(closed.astype(np.uint8), connectivity=8)
    kept = np.zeros_like(mask)
    for component in range(1, count):
        pixels = label == component
        if pixels.sum() >= _LEAST_PX:
            kept |= pixels
    return _closing(kept, _SECOND_PX)


def severity(mask: BoolArray, seed: int = 0) -> tuple[int, float, float, float]:
    """Crack count, area, maximum width and length in px: components of 50 px and more, and their skeleton's pixels."""
    count, label = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    large = sum(int((label == component).sum() >= _LEAST_PX) for component in range(1, count))
    return large, float(mask.sum()), width_px(mask, seed), float(skeletonize(mask).sum())


def width_px(mask: BoolArray, seed: int = 0) -> float:
    """Largest width: per component k-means points along the skeleton, an ellipse around each, a profile across it."""
    count, label = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    widths = [0.0]
    for component in range(1, count):
        pixels = label == component
        course = np.argwhere(skeletonize(pixels))
        if len(course) == 0:
            continue
        points = KMeans(max(1, len(course) // _PIXELS_PER_POINT), n_init=_STARTS, random_state=seed).fit(course)
        widths += [_across(pixels, course, centre) for centre in points.cluster_centers_]
    return max(widths)


def _across(pixels: BoolArray, course: NDArray[np.int64], centre: Floats) -> float:
    """Unbroken length of mask through the skeleton pixel next to `centre`, across the ellipse there."""
    row, col = course[np.argmin(((course - centre) ** 2).sum(axis=1))]
    window = np.pad(pixels, _WINDOW_PX // 2)[row : row + _WINDOW_PX, col : col + _WINDOW_PX]
    inside = np.argwhere(window)[:, ::-1].astype(np.float32)
    if len(inside) < _LEAST_POINTS:
        return 1.0
    _, (first, second), degrees = cv2.fitEllipse(inside)
    angle = np.deg2rad(degrees + (90 if second < first else 0))
    reach = _WINDOW_PX / 2 * np.array([np.sin(angle), np.cos(angle)])
    middle = np.full(2, _WINDOW_PX / 2)
    profile = profile_line(window.astype(np.float64), middle - reach, middle + reach, order=0, mode="constant") > 0
    half = len(profile) // 2
    sides = (profile[half:], profile[half::-1])
    return float(sum(int(np.argmin(np.append(side, False))) for side in sides) - 1)


def _closing(mask: BoolArray, side_px: int) -> BoolArray:
    footprint = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side_px, side_px))
    padded = np.pad(mask.astype(np.uint8), side_px)
    closed = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, footprint)
    return np.asarray(closed[side_px:-side_px, side_px:-side_px] > 0)


def _scaled(values: Floats) -> Floats:
    low, high = values.min(), values.max()
    return np.asarray((values - low) / (high - low))


def _smaller_side(mask: BoolArray) -> BoolArray:
    return ~mask if 2 * np.count_nonzero(mask) > mask.size else mask
