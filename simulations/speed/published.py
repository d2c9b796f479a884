"""The paper's post-processing, step by step as the code published with it goes about it: the side that ours is timed
against.

Written anew after that code (EPFL-IMOS/crack-explanations, `eval_utils.py` and `eval_seg.py`; section 2.3 of
doi:10.1016/j.autcon.2024.105497) and for comparison alone: the same library calls in the same order on the same types,
since that is where its time goes. Three things differ: k-means takes a seed, so that a result can be repeated; rows and
columns are not crossed where a window is cut out at the border; numpy counts the samples of a profile. Needs
scikit-learn (the extra `dev`).
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.signal import medfilt2d
from skimage.measure import profile_line
from skimage.morphology import skeletonize
from sklearn.cluster import KMeans
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import MinMaxScaler

from monitor.records import BoolArray, FloatArray

Floats = NDArray[np.float64]
#: Masks travel between the published steps as numbers, not as bool.
Numbers = NDArray[Any]

_TOLERANCE = 1e-6
_COMPONENTS, _MOST_ROUNDS = 3, 1000
_FIRST_PX, _LEAST_PX, _SECOND_PX = 5, 50, 25
_HALF_WINDOW_PX = 20
#: An ellipse is fitted to no fewer points.
_LEAST_POINTS = 5


def simple(relevance: FloatArray) -> BoolArray:
    """Iterated inter-means threshold; every round picks both sides out of the map anew."""
    scaled = _scaled(relevance)
    threshold, previous = scaled.mean(), -np.inf
    below, above = scaled[scaled < threshold], scaled[scaled >= threshold]
    while abs(threshold - previous) >= _TOLERANCE:
        previous, threshold = threshold, (below.mean() + above.mean()) / 2
        below, above = scaled[scaled < threshold], scaled[scaled >= threshold]
    return _smaller_side(np.where(scaled > threshold, 1, 0))


def mixture(relevance: FloatArray, seed: int = 0) -> tuple[BoolArray, GaussianMixture, Floats]:
    """Mask of the highest of three Gaussians, the fit, and the values (n, 1) that it was fitted to."""
    smooth = _scaled(medfilt2d(relevance, kernel_size=3))
    values = smooth.reshape(-1, 1)
    fitted = GaussianMixture(_COMPONENTS, max_iter=_MOST_ROUNDS, init_params="kmeans", random_state=seed).fit(values)
    highest = fitted.predict_proba(values[values.argmax()].reshape(-1, 1)).argmax()
    probability = fitted.predict_proba(values)[:, highest]
    return _smaller_side(np.where(probability > 0.5, 1, 0).reshape(smooth.shape)), fitted, values


def postprocess(mask: BoolArray) -> BoolArray:
    """Closing, opening by area component by component, second closing."""
    closed = _closing(mask.astype(np.float64), _FIRST_PX)
    return np.asarray(_closing(_area_opening(closed), _SECOND_PX) > 0)


def severity(mask: BoolArray, seed: int = 0) -> tuple[int, float, float]:
    """Crack count, area and maximum width in px. The published code tells no length."""
    cracks = _cracks(mask)
    return len(cracks), float(mask.sum()), max((_width_px(crack, seed) for crack in cracks), default=0.0)


def width_px(mask: BoolArray, seed: int = 0) -> float:
    """Largest width over the components of at least 50 px."""
    return max((_width_px(crack, seed) for crack in _cracks(mask)), default=0.0)


def _cracks(mask: BoolArray) -> list[Numbers]:
    """Components of at least 50 px, the largest first, each as a whole picture."""
    _, label, stats, _ = cv2.connectedComponentsWithStats((mask * 255).astype(np.uint8))
    areas = stats[1:, cv2.CC_STAT_AREA]
    largest_first = np.argsort(areas)[::-1] + 1
    return [np.where(label == each, 1, 0) for each in largest_first if areas[each - 1] >= _LEAST_PX]


def _width_px(crack: Numbers, seed: int) -> float:
    """Points along the skeleton by k-means; at each, an ellipse and a profile across it (Carrasco et al. 2021,
    doi:10.3390/s21227534).
    """
    course = np.argwhere(skeletonize(crack))
    if len(course) < 2:
        return 0.0
    return max(_across_px(crack, *centre.astype(int)) for centre in _points_along(course, seed))


def _points_along(course: NDArray[np.int64], seed: int) -> Floats:
    """As many k-means centres as there can be before the two nearest of them stop moving together."""
    nearest_px, clusters = np.inf, 2
    for clusters in range(2, len(course) + 1):
        fitted = KMeans(clusters, n_init="auto", random_state=seed).fit(course)
        apart_px = euclidean_distances(fitted.cluster_centers_[np.unique(fitted.predict(course))])
        np.fill_diagonal(apart_px, np.inf)
        if apart_px.min() >= nearest_px:
            break
        nearest_px = apart_px.min()
    return np.asarray(KMeans(clusters - 1, n_init="auto", random_state=seed).fit(course).cluster_centers_)


def _across_px(crack: Numbers, row: int, col: int) -> float:
    """Samples of the first unbroken stretch of mask on the line across the ellipse around (row, col)."""
    half = _HALF_WINDOW_PX
    cut = crack[max(0, row - half) : row + half, max(0, col - half) : col + half]
    window = (cut * 255).astype(np.uint8)
    outlines, _ = cv2.findContours(window, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)
    if not outlines or len(outlines[0]) < _LEAST_POINTS:
        return 0.0
    angle = np.deg2rad(cv2.fitEllipse(outlines[0])[2])
    across = half * np.array([np.sin(angle), np.cos(angle)])
    inside = profile_line(window, half - across, half + across, mode="constant") > 0
    begins = int(np.argmax(inside))
    return float(np.argmin(np.append(inside[begins:], False))) if inside.any() else 0.0


def _area_opening(mask: Numbers) -> Numbers:
    levels = (_scaled(mask) * 255).astype(np.uint8)
    count_, label, stats, _ = cv2.connectedComponentsWithStats(levels)
    kept = np.zeros_like(label)
    for component in range(1, count_):
        if stats[component, cv2.CC_STAT_AREA] >= _LEAST_PX:
            kept[label == component] = 1
    return kept


def _closing(mask: Numbers, side_px: int) -> Numbers:
    footprint = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side_px, side_px))
    return cv2.morphologyEx(mask.astype(np.uint8) * np.uint8(255), cv2.MORPH_CLOSE, footprint) / 255


def _scaled(values: Numbers) -> Numbers:
    scaled: Numbers = MinMaxScaler().fit_transform(values.reshape(-1, 1)).reshape(values.shape)
    return scaled


def _smaller_side(mask: Numbers) -> BoolArray:
    return np.asarray((1 - mask if mask.mean() > 0.5 else mask) > 0)
