"""A nearly right homography made right to hundredths of a pixel, block by block at full resolution.

Every block of the reference is compared with the same block of the warped image by least squares in
its displacement, gain, offset and light gradient (Lucas and Kanade 1981; with the reference's derivatives
throughout, as in Baker and Matthews 2004, doi:10.1023/B:VISI.0000011205.11775.fd). Unlike phase correlation
this is not drawn towards whole pixels, and it tells how well each block is known.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from monitor.records import BoolArray, ByteArray

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

_BLOCKS_PER_SIDE = 8
_SIDE_LIMITS_PX = (64, 256)
#: (blur in px, rounds): the first stage reaches a few pixels far, the second is precise.
_STAGES = ((3.0, 3), (1.0, 3))
#: A block weaker than this in any direction has no place: mean squared slope, (grey levels per px)^2.
_LEAST_TEXTURE = 0.05
#: No block counts as better known than this: lenses and walls are not exactly plane.
_FLOOR_PX = 0.05
#: Correlation from where on a block counts as showing the same surface.
_AGREES_FROM = 0.4
_LEAST_GAIN = 0.1
_LONGEST_STEP_PX = 4.0
#: Standard deviation that a step of the homography is expected to have at the edges, to damp what no block sees.
_STEP_PRIOR_PX = 1.0
_ROBUST_ROUNDS = 6
#: Less than half of the blocks must be able to win, for a crack may part the wall in two that move against each other.
_ONE_SIDE = 0.35


@dataclass(frozen=True)
class Refinement:
    """A refined homography and how well its blocks fit.

    `matrix` (3, 3) float64 maps (column, row, 1) of the image to the reference; `residual_px` is
    the RMS displacement that the better-fitting half of the agreeing blocks still shows, None when there are none (a
    crack can part a wall in two, of which only one can lie on the reference's); `agreeing` the
    share of the compared `blocks` that show the same surface, 0 when none could be compared.
    """

    matrix: Matrix
    residual_px: float | None
    agreeing: float
    blocks: int


@dataclass(frozen=True)
class _Block:
    """One square of the reference, prepared for comparison with any warped image.

    `weight` float32 (n,) over its n pixels; `design` float32 (6, n): slope along columns and rows, value, and
    light (1, column, row), all times weight; `inverse` (6, 6) of the normal equations; `light_inverse`
    (3, 3) of light's part alone.
    """

    row: int
    col: int
    side: int
    weight: NDArray[np.float32]
    design: NDArray[np.float32]
    inverse: Matrix
    light_inverse: Matrix

    @property
    def centre(self) -> tuple[float, float]:
        """(column, row) of the middle."""
        return self.col + (self.side - 1) / 2, self.row + (self.side - 1) / 2


@dataclass(frozen=True)
class _Sightings:
    """Where the blocks' content lies in the warped image: `centres` and `moves` (k, 2) as (column, row)."""

    centres: Vector
    moves: Vector
    variances: Vector
    correlations: Vector

    def agreeing(self) -> "_Sightings":
        """Only the blocks that show the same surface."""
        keep = self.correlations >= _AGREES_FROM
        return _Sightings(self.centres[keep], self.moves[keep], self.variances[keep], self.correlations[keep])


def refine(reference: ByteArray, image: ByteArray, matrix: Matrix, excluded: BoolArray) -> Refinement:
    """Refine `matrix`, right to a few pixels, between grey uint8 pictures.

    `excluded` bool, of the reference's shape, is left out (cracks: they are what moves). A block that leaves the
    image, is half excluded or has no texture is not compared. With fewer than three agreeing blocks the
    matrix stays as it was.
    """
    for blur_px, rounds in _STAGES:
        blocks = list(_blocks(reference, excluded, blur_px))
        for _ in range(rounds):
            matrix = _improved(matrix, _sightings(blocks, image, matrix, blur_px).agreeing(), reference.shape)
    seen = _sightings(blocks, image, matrix, blur_px)
    agreeing = seen.agreeing()
    known = len(agreeing.moves) > 0
    residual_px = _rms_of_better_half(agreeing.moves) if known else None
    return Refinement(matrix, residual_px, len(agreeing.moves) / max(len(seen.moves), 1), len(seen.moves))


def _rms_of_better_half(moves: Vector) -> float:
    """RMS length of the shorter half of `moves` (k, 2)."""
    squares = np.sort(np.sum(moves**2, axis=1))
    return float(np.sqrt(squares[: (len(squares) + 1) // 2].mean()))


def _blocks(reference: ByteArray, excluded: BoolArray, blur_px: float) -> Iterator[_Block]:
    """The reference's blocks that can be compared, evenly spread; in small pictures they overlap."""
    rows, cols = reference.shape
    side = min(rows, cols, int(np.clip(min(rows, cols) // _BLOCKS_PER_SIDE, *_SIDE_LIMITS_PX)))
    hann = np.hanning(side + 2)[1:-1]
    window = np.outer(hann, hann).astype(np.float32)
    for row in np.linspace(0, rows - side, _BLOCKS_PER_SIDE).round().astype(int):
        for col in np.linspace(0, cols - side, _BLOCKS_PER_SIDE).round().astype(int):
            inside = slice(row, row + side), slice(col, col + side)
            weight = window * ~excluded[inside]
            if weight.sum() >= window.sum() / 2:
                block = _block(reference[inside], weight, int(row), int(col), blur_px)
                if block is not None:
                    yield block


def _block(pixels: ByteArray, weight: NDArray[np.float32], row: int, col: int, blur_px: float) -> _Block | None:
    """`pixels` prepared for comparison, None without texture."""
    side = len(pixels)
    values = cv2.GaussianBlur(pixels.astype(np.float32), (0, 0), blur_px)
    pictures = np.ones((6, side, side), np.float32)
    cv2.Sobel(values, cv2.CV_32F, 1, 0, pictures[0], scale=1 / 8)
    cv2.Sobel(values, cv2.CV_32F, 0, 1, pictures[1], scale=1 / 8)
    np.subtract(values, values.mean(), out=pictures[2])
    pictures[4] = ramp = np.linspace(-1, 1, side, dtype=np.float32)
    pictures[5] = ramp[:, None]
    terms = pictures.reshape(6, -1)
    design = terms * weight.ravel()
    normal = (design @ terms.T).astype(np.float64)
    if np.linalg.eigvalsh(normal[:2, :2])[0] < _LEAST_TEXTURE * weight.sum():
        return None
    inverse: Matrix = np.linalg.pinv(normal, hermitian=True).astype(np.float64)
    light_inverse: Matrix = np.linalg.inv(normal[3:, 3:]).astype(np.float64)
    return _Block(row, col, side, weight.ravel(), design, inverse, light_inverse)


def _sightings(blocks: list[_Block], image: ByteArray, matrix: Matrix, blur_px: float) -> _Sightings:
    """Compare every block that lies wholly inside the image."""
    seen = []
    for block in blocks:
        pixels = _warped(block, image, matrix)
        if pixels is not None:
            values = np.asarray(cv2.GaussianBlur(pixels.astype(np.float32), (0, 0), blur_px), dtype=np.float32)
            seen.append((*block.centre, *_compare(block, values.ravel(), blur_px)))
    table = np.array(seen, dtype=np.float64).reshape(-1, 6)
    return _Sightings(table[:, :2], table[:, 2:4], table[:, 4], table[:, 5])


def _warped(block: _Block, image: ByteArray, matrix: Matrix) -> ByteArray | None:
    """The image where `matrix` puts the block, None when that is partly outside."""
    to_image = np.linalg.inv(matrix) @ np.array([[1, 0, block.col], [0, 1, block.row], [0, 0, 1]], dtype=float)
    last = block.side - 1.0
    corners = np.array([[[0, 0]], [[last, 0]], [[last, last]], [[0, last]]])
    places = cv2.perspectiveTransform(corners, to_image).reshape(-1, 2)
    if (places < 0).any() or (places > np.array(image.shape[::-1]) - 1).any():
        return None
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    size = (block.side, block.side)
    return np.asarray(cv2.warpPerspective(image, to_image, size, flags=flags, borderMode=cv2.BORDER_REPLICATE))


def _compare(block: _Block, values: NDArray[np.float32], blur_px: float) -> tuple[float, float, float, float]:
    """Column and row by which the block's content is displaced, its variance, and the correlation left."""
    right = (block.design @ values).astype(np.float64)
    fitted = block.inverse @ right
    total = float((block.weight * values) @ values)
    unexplained = max(total - float(fitted @ right), 1e-9)
    varying = max(total - float(right[3:] @ block.light_inverse @ right[3:]), 1e-9)
    gain = float(fitted[2])
    if gain < _LEAST_GAIN:
        return 0.0, 0.0, np.inf, 0.0
    move = -fitted[:2] / gain
    move *= min(1.0, _LONGEST_STEP_PX / max(float(np.hypot(*move)), 1e-9))
    # Blurred neighbours share their noise, so that many pixels count as one.
    noise = unexplained / block.weight.sum() * 4 * np.pi * blur_px**2
    variance = noise * (block.inverse[0, 0] + block.inverse[1, 1]) / gain**2
    return float(move[0]), float(move[1]), float(variance), float(np.sqrt(max(0.0, 1 - unexplained / varying)))


def _improved(matrix: Matrix, seen: _Sightings, shape: tuple[int, ...]) -> Matrix:
    """`matrix` after the small homography that explains the blocks' displacements best, outliers apart."""
    if len(seen.moves) < 3:
        return matrix
    half = max(shape) / 2
    to_unit = np.array([[1, 0, -(shape[1] - 1) / 2], [0, 1, -(shape[0] - 1) / 2], [0, 0, half]]) / half
    u, v = (seen.centres @ to_unit[:2, :2] + to_unit[:2, 2]).T
    one, zero = np.ones_like(u), np.zeros_like(u)
    along_cols = np.stack([u, v, one, zero, zero, zero, -u * u, -u * v], axis=1)
    along_rows = np.stack([zero, zero, zero, u, v, one, -u * v, -v * v], axis=1)
    design = np.concatenate([along_cols, along_rows])
    step = _robust_solution(design, seen.moves.T.ravel(), 1 / (seen.variances + _FLOOR_PX**2)) / half
    displaced = np.linalg.inv(to_unit) @ (np.eye(3) + np.append(step, 0).reshape(3, 3)) @ to_unit
    better = np.linalg.inv(displaced) @ matrix
    return np.asarray(better / better[2, 2])


def _robust_solution(design: Matrix, moves: Vector, weights: Vector) -> Vector:
    """Damped least squares (8,) with Cauchy weights; `design` and `moves` hold all columns, then all rows."""
    trust = np.ones_like(weights)
    for _ in range(_ROBUST_ROUNDS):
        both = np.tile(weights * trust, 2)
        normal = design.T @ (both[:, None] * design) + np.eye(8) / _STEP_PRIOR_PX**2
        solution = np.linalg.solve(normal, design.T @ (both * moves))
        left = np.hypot(*(moves - design @ solution).reshape(2, -1))
        spread = max(float(np.quantile(left, _ONE_SIDE)), _FLOOR_PX)
        trust = 1 / (1 + (left / (3 * spread)) ** 2)
    return np.asarray(solution)
