"""A pair of photos laid onto each other: scikit-image's features and RANSAC against ours."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.feature import ORB, match_descriptors
from skimage.measure import ransac
from skimage.transform import ProjectiveTransform

from monitor.imaging.photometry import grey
from monitor.imaging.registration import reference_features, register
from monitor.records import ByteArray
from simulations.speed.options import BenchOptions
from simulations.speed.photos import Scene, scene
from simulations.speed.timing import Comparison, Curve, Result, by_turns, once, threads

_LONGEST_PX = 1000
_KEYPOINTS = 800
_TRIALS = 500
_SIZES = (1 / 12, 1 / 4, 1)


def benchmark_registration(options: BenchOptions) -> Result:
    """Corners off, in px of full size, beside the ratio; ours also refines at full size and judges the outcome."""
    count, shown, found = threads(), scene(options.megapixels, options.seed), {}

    def run(name: str, method: Callable[[ByteArray, ByteArray], NDArray[np.float64] | None]) -> None:
        found[name] = method(shown.reference, shown.capture)

    sides = {
        "theirs": lambda: run("theirs", by_orb),
        "ours": lambda: run("ours", _strangers),
    }
    seconds = by_turns(sides, options.photo_rounds)
    same = {f"corner_error_{name}_px": corners_off(found[name], shown) for name in sides}
    setting = {
        "threads": count,
        "megapixels": options.megapixels,
        "theirs_searched_px": _LONGEST_PX,
        "rounds": options.photo_rounds,
    }
    row = Comparison(
        "registration", f"registration of a {options.megapixels:g}-megapixel pair",
        f"scikit-image: ORB at {_LONGEST_PX} px and RANSAC", 1, **seconds, same=same, setting=setting,
    )  # fmt: skip
    costs, sizes = [], [share * options.megapixels for share in _SIZES]
    for share in _SIZES:
        smaller = [_shrunk(photo, share**0.5) for photo in (shown.reference, shown.capture)]
        costs.append(once(lambda pair=smaller: _strangers(*pair)))
    return Result([row], [Curve("registration", "megapixels of a pair", sizes, costs)])


def _strangers(reference: ByteArray, image: ByteArray) -> NDArray[np.float64] | None:
    """As with a reference that nothing was registered to before."""
    reference_features.cache_clear()
    return register(reference, image).matrix


def by_orb(reference: ByteArray, image: ByteArray) -> NDArray[np.float64]:
    """Homography (3, 3) from (column, row, 1) of the image to the reference."""
    share = min(1.0, _LONGEST_PX / max(reference.shape))
    keypoints, descriptors = [], []
    for photo in (reference, image):
        found = ORB(n_keypoints=_KEYPOINTS)
        found.detect_and_extract(_shrunk(grey(photo), share) / 255)
        keypoints.append(found.keypoints[:, ::-1] / share)
        descriptors.append(found.descriptors)
    pairs = match_descriptors(*descriptors, cross_check=True)
    ends = keypoints[1][pairs[:, 1]], keypoints[0][pairs[:, 0]]
    model, _ = ransac(ends, ProjectiveTransform, min_samples=4, residual_threshold=2 / share, max_trials=_TRIALS, rng=0)
    return np.asarray(model.params)


def corners_off(matrix: NDArray[np.float64] | None, shown: Scene) -> float:
    """Largest distance in px by which the corners of the capture come to lie wrongly; infinite without a matrix."""
    if matrix is None:
        return float("inf")
    rows, cols = shown.truth.shape
    corners = np.array([[[0, 0], [cols - 1, 0], [cols - 1, rows - 1], [0, rows - 1]]], np.float64)
    seen, true = (cv2.perspectiveTransform(corners, each) for each in (matrix, np.linalg.inv(shown.matrix)))
    return float(np.linalg.norm(seen - true, axis=2).max())


def _shrunk(photo: ByteArray, share: float) -> ByteArray:
    size = round(photo.shape[1] * share), round(photo.shape[0] * share)
    return np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA))
