"""AugSmooth explains every augmented patch, mirrors the map back, and takes the mean."""

from typing import Any

import numpy as np
import pytest
from tiny_networks import BATCH, SIDE_PX, random_patches, tiny_classifier

from monitor.attribution.base import attribution
from monitor.attribution.smoothing import SMOOTHINGS, AugSmooth
from monitor.errors import UnknownNameError
from monitor.records import ByteArray, FloatArray


class Crooked:
    """A method whose map depends on where things are: red times row plus column."""

    def explain(self, patches: ByteArray) -> FloatArray:
        rows, cols = np.mgrid[: patches.shape[1], : patches.shape[2]]
        return (patches[..., 0] * np.float32(1) * rows + cols).astype(np.float32)

    def as_options(self) -> dict[str, Any]:
        return {"engine": "crooked"}


SIX = [(1, 1), (1, -1)]


@pytest.mark.parametrize(
    ("name", "mirrorings"), [("augsmooth_paper", SIX), ("augsmooth_published", [*SIX, (-1, 1), (-1, -1)])]
)
def test_the_mean_over_all_augmentations(name: str, mirrorings: list[tuple[int, int]]) -> None:
    patches, wanted = random_patches(2, side_px=6), np.zeros((2, 6, 6))
    for down, across in mirrorings:
        for factor in (0.9, 1.0, 1.1):
            changed = np.clip(np.round(patches[:, ::down, ::across] * factor), 0, 255).astype(np.uint8)
            wanted += Crooked().explain(changed)[:, ::down, ::across]
    count = 3 * len(mirrorings)
    assert len(SMOOTHINGS[name]) == count
    np.testing.assert_allclose(AugSmooth(Crooked(), name).explain(patches), wanted / count, rtol=1e-2, atol=1e-3)


def test_any_method_can_be_smoothed_by_its_name() -> None:
    classifier, patches = tiny_classifier(), random_patches(2)
    for method in ("lrp", "deep_lift", "raw"):
        smooth = attribution(f"{method}+augsmooth_paper", classifier, BATCH)
        plain = attribution(method, classifier, BATCH)
        assert smooth.explain(patches).shape == (2, SIDE_PX, SIDE_PX)
        assert not np.array_equal(smooth.explain(patches), plain.explain(patches))
        assert smooth.as_options() == {**plain.as_options(), "smoothing": "augsmooth_paper"}
        assert smooth.explain(random_patches(0)).shape == (0, SIDE_PX, SIDE_PX)


def test_an_unknown_smoothing_lists_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match="augsmooth_paper, augsmooth_published"):
        attribution("lrp+blur", tiny_classifier(), BATCH)
