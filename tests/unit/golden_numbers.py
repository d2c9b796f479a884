"""Numbers that a fixed photo gives, to notice when they change. Remake the stored ones with

    python tests/unit/golden_numbers.py

which writes `tests/golden/analysis.json`. It refuses other numbers under the same `ANALYSIS_VERSION`, because
histories measured before and after would be joined as if nothing had happened (--unreleased: nobody has any yet).
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

TESTS = Path(__file__).resolve().parent.parent
STORED = TESTS / "golden" / "analysis.json"
SHAPE = (240, 320)
_CANVAS = (320, 400)
#: Share and absolute value by which a number may differ between machines: their last digits do.
_TOLERANCES = {"registration": (0.0, 0.01), "relevance": (1e-3, 0.0)}
_TOLERANCE = (1e-3, 1e-4)

Numbers = dict[str, dict[str, float]]
Floats = NDArray[np.float64]
Matrix = NDArray[np.float64]


def _blobs(rng: np.random.Generator) -> Floats:
    """A wall of light and dark blobs, around 0."""
    canvas, (rows, cols) = np.zeros(_CANVAS), np.mgrid[: _CANVAS[0], : _CANVAS[1]].astype(float)
    for _ in range(500):
        row, col, size = rng.uniform(0, _CANVAS[0]), rng.uniform(0, _CANVAS[1]), rng.uniform(1.5, 7)
        top, left = max(int(row - 3 * size), 0), max(int(col - 3 * size), 0)
        part = slice(top, int(row + 3 * size) + 1), slice(left, int(col + 3 * size) + 1)
        distance = (rows[part] - row) ** 2 + (cols[part] - col) ** 2
        canvas[part] += rng.uniform(-32, 32) * np.exp(-distance / (2 * size**2))
    return canvas


def _from_course() -> Floats:
    """Distance of every canvas pixel from the crack's course, in px."""
    rows, cols = np.mgrid[: _CANVAS[0], : _CANVAS[1]].astype(float)
    slope = 0.25 + 14 / 30 * np.cos(cols / 30)
    return np.abs(rows - 120 - 0.25 * cols - 14 * np.sin(cols / 30)) / np.hypot(1, slope)


def _strokes() -> list[tuple[slice, slice, float]]:
    """A ladder of short upright cracks from faint to strong, where thresholds have something to decide."""
    return [(slice(242, 268), slice(50 + 24 * step, 53 + 24 * step), 0.12 + 0.05 * step) for step in range(12)]


def _wall(blobs: Floats, width_px: float) -> Floats:
    """The blobs with a crack across the middle columns and the strokes below it."""
    cols = np.arange(_CANVAS[1])
    width = width_px * np.clip(np.minimum(cols - 90, 320 - cols) / 40, 0, 1)
    inside = np.clip(width / 2 + 0.5 - _from_course(), 0, 1) * np.clip(width, 0, 1)
    light = (165 + blobs) * (1 - inside) + 35 * inside
    for rows, columns, depth in _strokes():
        light[rows, columns] *= 1 - depth
    return light


def _relevance_of_capture(rng: np.random.Generator) -> Floats:
    """High and ragged along the crack, weaker from stroke to stroke, and specks of which some are too small to stay."""
    rows, cols = np.mgrid[: _CANVAS[0], : _CANVAS[1]].astype(float)
    relevance = np.exp(-((_from_course() / 6) ** 2)) * (0.6 + 0.4 * np.sin(cols / 17))
    for step, (along, across, _) in enumerate(reversed(_strokes())):
        near = np.exp(-(((cols - across.start - 1) / 4) ** 2)) * (np.abs(rows - along.start - 13) < 15)
        relevance += (0.3 + 0.05 * step) * near
    relevance *= rng.uniform(0.55, 1, _CANVAS)
    for size, (height, width) in enumerate([(3, 9), (6, 7), (7, 7), (5, 10), (5, 11), (7, 8), (9, 9), (10, 12)]):
        relevance[60 : 60 + height, 60 + 30 * size : 60 + 30 * size + width] = 0.7
    return relevance + 0.05 * rng.random(_CANVAS)


def _photo(canvas: Floats, to_canvas: Matrix, gain: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    rows, cols = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(float)
    places = np.tensordot(to_canvas, np.stack([cols, rows, np.ones(SHAPE)]), 1)
    seen = map_coordinates(canvas, places[1::-1] / places[2], order=1, mode="mirror")
    light = gain * (1 + 0.1 * (cols / SHAPE[1] - 0.5))
    tinted = (seen * light)[..., None] * [1.0, 0.93, 0.85] + rng.integers(-3, 4, (*SHAPE, 3))
    return np.clip(np.round(tinted), 0, 255).astype(np.uint8)


def _shift(rows: float, cols: float) -> Matrix:
    return np.array([[1.0, 0, cols], [0, 1.0, rows], [0, 0, 1.0]])


def scene() -> dict[str, Any]:
    """A reference, a capture of the same wall with the crack opened, and a relevance of that capture's crack."""
    rng = np.random.default_rng(20250303)
    blobs = _blobs(rng)
    to_reference = _shift(40, 40)
    turn, zoom = np.deg2rad(1.3), 1.02
    turned = np.array(
        [[zoom * np.cos(turn), -np.sin(turn), 7.3], [np.sin(turn), zoom * np.cos(turn), -4.6], [1e-5, -2e-5, 1]]
    )
    relevance = _relevance_of_capture(rng)
    return {
        "reference": _photo(_wall(blobs, 4.0), to_reference, 1.0, rng),
        "capture": _photo(_wall(blobs, 7.0), to_reference @ turned, 0.92, rng),
        "to_reference": turned,
        "relevance": relevance[40 : 40 + SHAPE[0], 40 : 40 + SHAPE[1]].astype(np.float32),
    }


def drawn_mask() -> NDArray[np.bool_]:
    """A nearly level crack 6 px wide that widens to 31 px, with a branch, and a component of 90 px."""
    rows, cols = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(float)
    half = 3 + 12.5 * np.clip((cols - 200) / 60, 0, 1)
    mask = (np.abs(rows - 90 - cols / 12) <= half) & (cols >= 20) & (cols <= 290)
    mask |= (np.abs(cols - 100 - (rows - 95) / 3) <= 2.5) & (rows >= 95) & (rows <= 190)
    mask[210:215, 40:58] = True
    return np.asarray(mask)


def numbers() -> Numbers:
    """Everything that is compared, by part of the analysis."""
    from monitor.imaging.photometry import grey
    from monitor.imaging.registration import align, register

    given = scene()
    registration = register(given["reference"], given["capture"])
    assert registration.matrix is not None, registration.reason
    aligned, seen = align(given["capture"], registration, SHAPE)
    light = (grey(aligned) / np.float32(255)).astype(np.float32)
    return {
        "picture": {name: float(given[name].mean()) for name in ("reference", "capture", "relevance")},
        "registration": _registration(registration, given["to_reference"]),
        "agreement": {"overlap": registration.overlap, "correlation": float(registration.agreement or 0)},
        "alignment": {"seen": float(seen.mean()), "mean": float(aligned[seen].mean())},
        "photometry": _photometry(given["reference"], aligned),
        **_segmentation(light, given["relevance"]),
        "relevance": _relevance(given["capture"]),
        "whole": _whole(given["capture"], given["reference"]),
        "opening": _opening(given),
    }


def _registration(found: Any, true: Matrix) -> dict[str, float]:
    """Where the reference's corners are found, as pixels away from where they are."""
    corners = np.array([[[0.0, 0]], [[1, 0]], [[1, 1]], [[0, 1]]]) * [SHAPE[1] - 1, SHAPE[0] - 1]
    away = (cv2.perspectiveTransform(corners, found.matrix) - cv2.perspectiveTransform(corners, true)).ravel()
    return {
        **{f"corner_{index}_px": float(value) for index, value in enumerate(away)},
        "residual_px": found.residual_px,
    }


def _photometry(reference: Any, aligned: Any) -> dict[str, float]:
    from monitor.imaging.photometry import detail, exposure, sharpness

    return {
        "sharpness": sharpness(reference),
        "exposure": exposure(aligned),
        "detail": float(detail(reference).std()),
    }


def _segmentation(light: Any, relevance: Any) -> Numbers:
    from monitor.imaging.tiling import cut, merge, tile
    from monitor.records import Scale, ScaleOrigin, to_json
    from monitor.segmentation.morphology import postprocess, stages
    from monitor.segmentation.refinement import refine, valley_evidence
    from monitor.segmentation.thresholds import gmm, simple
    from monitor.severity.metrics import measure, with_scale

    grid = tile(SHAPE, 96, 24)
    parts = cut(np.repeat((relevance * 150).astype(np.uint8)[..., None], 3, axis=2), grid)[..., 0]
    kept = np.arange(0, len(grid), 2)
    merged = merge(parts[kept].astype(np.float32), grid, kept)
    thresholded = simple(relevance)
    assert thresholded.threshold is not None
    candidates = postprocess(thresholded.mask)
    mask = refine(light, relevance, thresholded.mask)
    scale = Scale(0.25, 0.001, ScaleOrigin.TYPED)
    severities = {
        name: to_json(with_scale(measure(found, method, np.random.default_rng(0)), scale))
        for name, found, method in (
            ("severity_edge", mask, "edge"),
            ("severity_published", mask, "published"),
            ("severity_unrefined", candidates, "edge"),
            ("drawn_edge", drawn_mask(), "edge"),
            ("drawn_published", drawn_mask(), "published"),
        )
    }
    return {
        "tiling": {"mean": float(merged.mean()), "spread": float(merged.std())},
        "thresholds": {"simple": thresholded.threshold, "gmm_px": float(gmm(relevance).mask.sum())},
        "morphology": {name: float(found.sum()) for name, found in stages(thresholded.mask)},
        "refinement": {"mask_px": float(mask.sum()), "evidence": float(valley_evidence(light, (1.0, 4.0))[0].sum())},
        **severities,
    }


#: What these say is that of a network taught with one classifier alone: there is none for the tiny one.
_WITH_NETWORKS_OF_THEIR_OWN = {"nn_explainer", "bcos"}


def _relevance(capture: Any) -> dict[str, float]:
    """What a tiny network of fixed weights says: the rules of its explanation, not its opinion, are of interest."""
    from tiny_networks import BATCH, SIDE_PX, tiny_classifier

    from monitor.attribution.base import ATTRIBUTIONS, attribution
    from monitor.imaging.tiling import cut, tile
    from monitor.networks.classification import crack_probability

    classifier = tiny_classifier(temperature=1.4)
    patches = cut(capture, tile(SHAPE, SIDE_PX))[:BATCH]
    found = {f"probability_{index}": value for index, value in enumerate(crack_probability(classifier, patches, BATCH))}
    for name in sorted(ATTRIBUTIONS.keys() - _WITH_NETWORKS_OF_THEIR_OWN):
        relevance = attribution(name, classifier, BATCH).explain(patches)
        found[f"{name}_highest"], found[f"{name}_spread"] = relevance.max(), relevance.std()
    return {name: float(value) for name, value in found.items()}


def _whole(capture: Any, reference: Any) -> dict[str, float]:
    """The analysis as it is put together, with a stand-in for the networks: relevance is darkness."""
    from analysis_doubles import dark_seeker

    from monitor.analysis import Analyser, AnalysisOptions
    from monitor.attribution.base import ATTRIBUTIONS
    from monitor.records import to_json

    with patch.dict(ATTRIBUTIONS, darkness="analysis_doubles:darkness"):
        analyser = Analyser(dark_seeker(), AnalysisOptions(attribution="darkness"))
    found = analyser.analyse(capture, reference)
    assert found.severity is not None, found.reason
    assert found.relevance is not None
    sizes = {name: value for name, value in to_json(found.severity).items() if value is not None}
    return {**sizes, "relevance": float(found.relevance.mean()), "probability": float(found.crack_probability or 0)}


def _opening(given: dict[str, Any]) -> dict[str, float]:
    """The crack, followed from the reference to the capture at its true place: what opens by 3 px."""
    from monitor.imaging.sparse_masks import SparseMask
    from monitor.opening.following import follow
    from monitor.opening.sightings import Sighting

    cols = np.arange(_CANVAS[1])
    inside = (_from_course() <= 2.5) & (cols > 100) & (cols < 310)
    mask = inside[40 : 40 + SHAPE[0], 40 : 40 + SHAPE[1]]
    sparse = SparseMask.of(mask)
    sightings = [Sighting(0, sparse, SHAPE, np.eye(3)), Sighting(1, sparse, SHAPE, given["to_reference"])]
    found = follow(0, sightings, lambda key: given["capture" if key else "reference"])
    names = ("opening_px", "widest_px", "shared_error_px")
    return {
        f"{name}_{reading.capture}": float(getattr(reading, name))
        for reading in found.readings
        for name in names
        if getattr(reading, name) is not None
    }


def changes(found: Numbers, stored: Numbers) -> list[str]:
    """A line for every number that differs by more than machines do, or that only one side has."""
    lines = []
    for part in sorted(found.keys() | stored.keys()):
        share, least = _TOLERANCES.get(part, _TOLERANCE)
        before, now = stored.get(part, {}), found.get(part, {})
        for name in sorted(before.keys() | now.keys()):
            was, is_ = before.get(name), now.get(name)
            if was is None or is_ is None or not abs(is_ - was) <= max(least, share * abs(was)):
                lines.append(f"{part}.{name}: {was} -> {is_}")
    return lines


def load() -> Mapping[str, Any]:
    """The stored numbers with the version they are of."""
    stored: Mapping[str, Any] = json.loads(STORED.read_text(encoding="utf-8"))
    return stored


def main(arguments: list[str]) -> int:
    """Remake the stored numbers."""
    from monitor.records import ANALYSIS_VERSION

    found, stored = numbers(), load() if STORED.exists() else {"analysis_version": 0, "numbers": {}}
    lines = changes(found, stored["numbers"])
    if not lines and stored["analysis_version"] == ANALYSIS_VERSION:
        print("No number changed: the stored ones stay, or machines' last digits would add up.")
        return 0
    print("\n".join(lines) if lines else "No number changed.")
    if lines and stored["analysis_version"] == ANALYSIS_VERSION and "--unreleased" not in arguments:
        print("Other numbers need another ANALYSIS_VERSION (monitor/records.py): raise it first.", file=sys.stderr)
        return 1
    STORED.parent.mkdir(exist_ok=True)
    content = {"analysis_version": ANALYSIS_VERSION, "numbers": found}
    STORED.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(TESTS))
    sys.exit(main(sys.argv[1:]))
