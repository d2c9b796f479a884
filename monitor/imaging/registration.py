"""A capture laid onto its location's reference capture, or the reason why that cannot be trusted.

Features find the homography, blocks refine it (`subpixel`), and the aligned pictures must then agree, and
agree better than at any other shift (`agreement`). Whatever is doubtful is refused: a wrong
registration would look like movement of the wall.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from monitor.errors import MisuseError
from monitor.imaging.agreement import Agreement, compare
from monitor.imaging.photometry import grey
from monitor.imaging.subpixel import Refinement, refine
from monitor.records import BoolArray, ByteArray, Registration

Matrix = NDArray[np.float64]
Points = NDArray[np.float64]
Descriptors = NDArray[np.float32]

#: A crack's lips move too, so this much around it is left out as well.
_CRACK_MARGIN_PX = 5
_INLIER_PX = 2.0
_SAME_PLACE = "Check that the photo shows the same place as the reference"


@dataclass(frozen=True)
class RegistrationOptions:
    """At which sizes a registration is looked for, and what it must reach to be accepted."""

    search_px: int = 800  # longer side on which features are looked for
    compare_px: int = 480  # longer side on which the aligned pictures are compared
    features: int = 2500
    match_ratio: float = 0.8  # best distance over second best (Lowe 2004, doi:10.1023/B:VISI.0000029664.99615.94)
    least_inliers: int = 15
    least_spread: float = 0.15
    scale_limits: tuple[float, float] = (0.4, 2.5)
    most_perspective: float = 3.0  # largest over smallest magnification within the picture
    least_overlap: float = 0.5
    most_residual_share: float = 0.0015  # of the reference's longer side
    least_blocks: int = 6
    least_agreeing: float = 0.5  # share of the blocks
    least_correlation: float = 0.3
    most_elsewhere: float = 0.72  # best other shift over this one


DEFAULT_OPTIONS = RegistrationOptions()


@dataclass(frozen=True)
class _Found:
    """What features alone say; `matrix` None with too few of them."""

    matrix: Matrix | None
    inliers: int
    spread: float = 0.0


def register(
    reference: ByteArray,
    image: ByteArray,
    crack_mask: BoolArray | None = None,
    options: RegistrationOptions = DEFAULT_OPTIONS,
) -> Registration:
    """Find how `image` maps onto `reference`, both uint8 grey or RGB, of any two sizes.

    `crack_mask` bool, of the reference's (rows, cols), is left out with a margin: a crack moves and the wall does
    not. The same input gives the same matrix, bit for bit. Identical pictures give the identity
    with no inlier counted. Where the registration is refused, `reason` says why in a sentence for the
    photographer; `matrix` is then at most a guess, to be looked at and not to be measured with. Turned
    pictures are accepted like any other. `residual_px` is what the blocks still show.
    """
    first, second = grey(reference), grey(image)
    if crack_mask is not None and crack_mask.shape != first.shape:
        raise MisuseError(f"The crack mask is {crack_mask.shape}, the reference {first.shape}: give its own mask.")
    if np.array_equal(reference, image):
        return Registration(True, None, np.eye(3), 0.0, 0, overlap=1.0, spread=1.0, agreement=1.0)
    excluded = np.zeros(first.shape, dtype=np.bool_) if crack_mask is None else _widened(crack_mask)
    found = _by_features(first, second, ~excluded, options)
    reason = _unlikely(found, second.shape, options)
    if found.matrix is None or reason is not None:
        return Registration(False, reason, found.matrix, None, found.inliers, 0.0, found.spread, None)
    fine = refine(first, second, found.matrix, excluded)
    overlap, agreement = _compared(first, second, fine.matrix, ~excluded, options.compare_px)
    most_residual_px = options.most_residual_share * max(first.shape)
    reason = _uncovered(found, overlap, options) or _disagreeing(fine, agreement, most_residual_px, options)
    return Registration(
        accepted=reason is None,
        reason=reason,
        matrix=fine.matrix,
        residual_px=fine.residual_px,
        inliers=found.inliers,
        overlap=overlap,
        spread=found.spread,
        agreement=agreement.correlation,
    )


def align(image: ByteArray, registration: Registration, shape: tuple[int, int]) -> tuple[ByteArray, BoolArray]:
    """`image` uint8 (rows, cols[, 3]) in the reference's frame of `shape`, and bool `shape` where it has pixels.

    Interpolates cubically: linear interpolation blurs by an amount that depends on the fraction of a pixel, and
    a crack would change its apparent width with the camera's position. Outside the image it is mirrored: the
    edge of a blank would look like a crack. Raises `MisuseError` without a matrix.
    """
    if registration.matrix is None:
        raise MisuseError("A capture whose registration found no matrix cannot be aligned.")
    size = shape[1], shape[0]
    whole = np.full(image.shape[:2], 255, dtype=np.uint8)
    valid = cv2.warpPerspective(whole, registration.matrix, size, flags=cv2.INTER_LINEAR) == 255
    aligned = cv2.warpPerspective(
        image, registration.matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
    )
    return np.asarray(aligned), np.asarray(valid)


def _widened(crack_mask: BoolArray) -> BoolArray:
    side = 2 * _CRACK_MARGIN_PX + 1
    footprint = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return np.asarray(cv2.dilate(crack_mask.astype(np.uint8), footprint) > 0)


def _shrunk(image: ByteArray, longest_px: int) -> tuple[ByteArray, Matrix]:
    """`image` with its longer side at most `longest_px`, and the matrix from there back to full size."""
    share = min(1.0, longest_px / max(image.shape))
    rows, cols = (max(1, round(side * share)) for side in image.shape)
    up_row, up_col = image.shape[0] / rows, image.shape[1] / cols
    to_full = np.array([[up_col, 0, (up_col - 1) / 2], [0, up_row, (up_row - 1) / 2], [0, 0, 1]])
    return np.asarray(cv2.resize(image, (cols, rows), interpolation=cv2.INTER_AREA)), to_full


def _shrunk_mask(mask: BoolArray, shape: tuple[int, ...]) -> BoolArray:
    return np.asarray(cv2.resize(mask.astype(np.uint8), shape[::-1], interpolation=cv2.INTER_NEAREST) > 0)


def _features(image: ByteArray, wanted: BoolArray, options: RegistrationOptions) -> tuple[Points, Descriptors]:
    """SIFT keypoints (n, 2) as (column, row) of the given picture, and their descriptors (n, 128)."""
    even = cv2.createCLAHE(clipLimit=3.0, tileGridSize=(8, 8)).apply(image)
    sift = cv2.SIFT.create(options.features, contrastThreshold=0.01)  # plaster is faint
    keypoints, descriptors = sift.detectAndCompute(even, wanted.astype(np.uint8))
    points = np.array([keypoint.pt for keypoint in keypoints], dtype=np.float64).reshape(-1, 2)
    return points, np.asarray([] if descriptors is None else descriptors, dtype=np.float32).reshape(-1, 128)


@lru_cache(maxsize=8)  # captures of one location mostly come one after the other; each entry is about 2 MB
def reference_features(
    image: bytes, wanted: bytes, shape: tuple[int, ...], options: RegistrationOptions
) -> tuple[Points, Descriptors]:
    """`_features` of a picture that is likely to come again."""
    found = _features(
        np.frombuffer(image, np.uint8).reshape(shape), np.frombuffer(wanted, np.bool_).reshape(shape), options
    )
    for part in found:
        part.flags.writeable = False
    return found


def _matches(first: Descriptors, second: Descriptors, ratio: float) -> NDArray[np.int64]:
    """Pairs (n, 2) of indices whose descriptors are clearly nearer to each other than to the next best."""
    if min(len(first), len(second)) < 2:
        return np.zeros((0, 2), dtype=np.int64)
    nearest = cv2.BFMatcher(cv2.NORM_L2).knnMatch(second, first, k=2)
    clear = [best for best, following in nearest if best.distance < ratio * following.distance]
    pairs = [(match.trainIdx, match.queryIdx) for match in clear]
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def _by_features(first: ByteArray, second: ByteArray, wanted: BoolArray, options: RegistrationOptions) -> _Found:
    small_first, first_to_full = _shrunk(first, options.search_px)
    small_second, second_to_full = _shrunk(second, options.search_px)
    everything = np.ones(small_second.shape, dtype=np.bool_)
    first_points, first_descriptors = reference_features(
        small_first.tobytes(), _shrunk_mask(wanted, small_first.shape).tobytes(), small_first.shape, options
    )
    second_points, second_descriptors = _features(small_second, everything, options)
    pairs = _matches(first_descriptors, second_descriptors, options.match_ratio)
    if len(pairs) < options.least_inliers:
        return _Found(None, len(pairs))
    ends, starts = first_points[pairs[:, 0]], second_points[pairs[:, 1]]
    matrix, inlying = cv2.findHomography(starts, ends, _consensus())
    inliers = 0 if matrix is None else int(np.count_nonzero(inlying))
    if inliers < options.least_inliers:
        return _Found(None, inliers)
    hull = cv2.convexHull(ends[inlying.ravel() > 0].astype(np.float32))
    matrix = first_to_full @ matrix @ np.linalg.inv(second_to_full)
    return _Found(matrix / matrix[2, 2], inliers, cv2.contourArea(hull) / small_first.size)


def _consensus() -> cv2.UsacParams:
    """MAGSAC (Barath et al. 2020, doi:10.1109/CVPR42600.2020.00138) with a seed of its own."""
    parameters = cv2.UsacParams()
    parameters.score = cv2.SCORE_METHOD_MAGSAC
    parameters.loMethod = cv2.LOCAL_OPTIM_SIGMA
    parameters.sampler = cv2.SAMPLING_UNIFORM
    parameters.threshold = _INLIER_PX
    parameters.confidence = 0.999
    parameters.maxIterations = 5000
    parameters.randomGeneratorState = 0
    return parameters


def _unlikely(found: _Found, shape: tuple[int, ...], options: RegistrationOptions) -> str | None:
    """Why no two photos of one flat wall would be related like this, None when they might."""
    if found.matrix is None:
        return (
            f"Only {found.inliers} points of the reference were found again ({options.least_inliers} are needed). "
            f"{_SAME_PLACE}, sharp and in even light."
        )
    rows, cols = shape
    places = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0.5, 0.5]]) * [cols - 1, rows - 1]
    depth = places @ found.matrix[2, :2] + found.matrix[2, 2]
    area = np.linalg.det(found.matrix) / depth**3
    if (depth <= 0).any() or (area <= 0).any():
        return f"The photo would have to be mirrored or folded to fit. {_SAME_PLACE}."
    magnification = np.sqrt(area)
    smallest, largest = options.scale_limits
    if not smallest <= magnification[-1] <= largest:
        return (
            f"The photo would have to be enlarged {magnification[-1]:.2f} times to fit ({smallest:g} to "
            f"{largest:g} is allowed). Take it from the same distance as the reference."
        )
    if magnification.max() > options.most_perspective * magnification.min():
        return "The photo was taken at too steep an angle. Take it from the same position as the reference."
    return None


def _compared(
    first: ByteArray, second: ByteArray, matrix: Matrix, wanted: BoolArray, longest_px: int
) -> tuple[float, Agreement]:
    """Share of the reference that the image covers, and how the two agree, at reduced size."""
    small_first, first_to_full = _shrunk(first, longest_px)
    small_second, second_to_full = _shrunk(second, longest_px)
    small = np.linalg.inv(first_to_full) @ matrix @ second_to_full
    size = small_first.shape[::-1]
    aligned = cv2.warpPerspective(small_second, small, size, borderMode=cv2.BORDER_REPLICATE)
    valid = cv2.warpPerspective(np.ones_like(small_second), small, size, flags=cv2.INTER_NEAREST) > 0
    small_wanted = _shrunk_mask(wanted, small_first.shape)
    return float(valid.mean()), compare(small_first, np.asarray(aligned), small_wanted, np.asarray(valid))


def _uncovered(found: _Found, overlap: float, options: RegistrationOptions) -> str | None:
    if overlap < options.least_overlap:
        return (
            f"The photo shows only {overlap:.0%} of the reference ({options.least_overlap:.0%} is needed). "
            "Take it from the same position."
        )
    if found.spread < options.least_spread:
        return (
            f"The points found again lie bunched in {found.spread:.0%} of the reference "
            f"({options.least_spread:.0%} is needed), too little to hold the rest. Check that nothing hides the wall."
        )
    return None


def _disagreeing(
    fine: Refinement, agreement: Agreement, most_residual_px: float, options: RegistrationOptions
) -> str | None:
    """Why the aligned pictures do not show the same place beyond doubt, None when they do."""
    if fine.blocks < options.least_blocks or fine.residual_px is None:
        return f"Too little of the wall has texture enough to be compared. {_SAME_PLACE} and is sharp."
    if agreement.correlation < options.least_correlation or fine.agreeing < options.least_agreeing:
        return (
            f"After alignment the photo and the reference look different (correlation {agreement.correlation:.2f}, "
            f"{fine.agreeing:.0%} of the blocks agree). {_SAME_PLACE}."
        )
    if agreement.elsewhere > options.most_elsewhere * agreement.distinct:
        return (
            "The pattern of the wall repeats and the photo fits elsewhere about as well "
            f"({agreement.distinct:.2f} here, {agreement.elsewhere:.2f} elsewhere). Include something that does "
            "not repeat, such as a window, a corner or a marker."
        )
    if fine.residual_px > most_residual_px:
        return (
            f"Parts of the photo are still {fine.residual_px:.1f} px off the reference "
            f"({most_residual_px:.1f} px is allowed). Take it from the same position, and of one flat wall."
        )
    return None
