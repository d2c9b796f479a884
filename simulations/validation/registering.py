"""Registration alone: how far corners are off, and whether photos of different walls are told apart."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from monitor.imaging.registration import register
from simulations.patches import read_photo
from simulations.scenarios import captures, scenario
from simulations.validation.figures import Figure, number, quantile, share, statistic
from simulations.validation.plan import KINDS, Plan, realistic
from simulations.validation.running import Running

Matrix = NDArray[np.float64]


def registration_figures(plan: Plan, seed: int, running: Running) -> dict[str, Figure]:
    """Corner errors of simulated pairs, and how many pairs of different walls are taken for one."""
    pairs = running.each("pairs", partial(_corner_error_px, plan, seed), plan.pairs)
    errors = [error for error in pairs if error is not None]
    return {
        "registration_corner_px_median": statistic([[error] for error in errors], np.median),
        "registration_corner_px_p95": statistic([[error] for error in errors], quantile(0.95)),
        "registration_pairs_accepted": Figure(len(errors), plan.pairs),
        "unrelated_accepted": number(
            running.each("unrelated", partial(_unrelated_accepted, plan, seed), plan.unrelated)
        ),
    }


def _corner_error_px(plan: Plan, seed: int, index: int) -> float | None:
    """The largest error of the reference's four corners (px); None where the pair was not accepted.

    Flat, still walls and a straight lens: only of these one homography is the whole truth.
    """
    still = replace(realistic(plan), captures=2, lens=0.0, relief_mm=0.0, opening_mm=lambda _: 2.0)
    chosen = replace(still, wall_kind=KINDS[index % len(KINDS)])
    (_, reference, _), (_, photo, view) = captures(chosen, 20_000_000 + seed * 10_000 + index)
    found = register(reference, photo)
    return corner_error_px(found.matrix, view.matrix, plan.shape) if found.matrix is not None else None


def corner_error_px(to_reference: Matrix, to_photo: Matrix, shape: tuple[int, int]) -> float:
    """The largest distance, at the four corners of a reference of `shape`, between where `to_photo` and back by
    `to_reference` (both (3, 3), of (column, row, 1)) lead and where they should.
    """
    corners = np.array([[[0, 0]], [[1, 0]], [[1, 1]], [[0, 1]]]) * [shape[1] - 1.0, shape[0] - 1.0]
    back = cv2.perspectiveTransform(cv2.perspectiveTransform(corners, to_photo), to_reference)
    return float(np.linalg.norm(back - corners, axis=2).max())


def _unrelated_accepted(plan: Plan, seed: int, index: int) -> bool:
    """Whether photos of two different walls are taken for one; every second pair is of the same kind of wall."""
    pair = []
    for side in (0, 1):
        kind = KINDS[(index + side * (index % 2)) % len(KINDS)]
        chosen = replace(scenario("crack_free"), captures=1, shape=plan.shape, wall_kind=kind, parts=False)
        pair.append(next(iter(captures(chosen, 10_000_000 + seed * 10_000 + 2 * index + side)))[1])
    return register(*pair).accepted


#: Photos of flat scenes with a homography given by others, which itself is good to about a pixel.
PLANAR_PAIRS = ("LePoint1", "LePoint2", "adam", "boat", "graf")


def planar_figures(data: Path) -> dict[str, Figure]:
    """Registration of the five pairs in `data`/planar_pairs: how many are accepted, and how far the points that came
    with them are off the given homography where they are (px, in the first photo; median over a pair's points).

    These are photos from viewpoints far apart, up to 50 degrees: most are no repeats of one pose.
    """
    off = [
        error for name in PLANAR_PAIRS if (error := _planar_error_px(data / "planar_pairs" / "pairs", name)) is not None
    ]
    return {
        "planar_pairs_accepted": share([True] * len(off) + [False] * (len(PLANAR_PAIRS) - len(off))),
        "planar_pairs_within_2_px": share([error <= 2 for error in off]),
        "planar_pairs_px_worst": Figure(max(off, default=None), len(off)),
    }


def _planar_error_px(folder: Path, name: str) -> float | None:
    first, second = (read_photo(folder / f"{name}_{side}.png", cv2.IMREAD_COLOR) for side in "AB")
    found = register(np.asarray(first, np.uint8), np.asarray(second, np.uint8))
    if not found.accepted or found.matrix is None:
        return None
    given = np.loadtxt(folder / f"{name}_H_AtoB.txt")
    points = np.loadtxt(folder / f"{name}_vpts.txt")[:, None, :2]
    back = cv2.perspectiveTransform(cv2.perspectiveTransform(points, given), found.matrix)
    return float(np.median(np.linalg.norm(back - points, axis=2)))
