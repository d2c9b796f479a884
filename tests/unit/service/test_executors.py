"""The real analyser behind the worker, on small photos and weights made by hand."""

from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from dark_classifier import save_dark_classifier
from PIL import Image
from service_examples import NOW, Workspace, encoded

from monitor.errors import MisuseError, UnknownNameError, WeightsError
from monitor.records import ByteArray, Status
from monitor.service.executors import build_analyser
from monitor.service.jobs import Jobs
from monitor.settings import AnalysisSettings
from monitor.storage.views import ReadingView

SIDE = 256


def wall(texture: str, shift: int = 0, crack_px: float = 6) -> ByteArray:
    """A light wall with a dark, winding crack, seen `shift` pixels further down and right."""
    seen = getattr(skimage.data, texture)()[shift : shift + SIDE, shift : shift + SIDE] / 255
    light = np.clip(0.55 + (seen - 0.5) * 0.25, 0.45, 1.0)
    rows, cols = np.indices(light.shape)
    light[np.abs(cols + shift - 128 - 20 * np.sin((rows + shift) / 40)) < crack_px / 2] = 0.1
    return np.repeat((light * 255).astype(np.uint8)[..., None], 3, axis=2)


def taken(picture: ByteArray, days: float) -> bytes:
    return encoded(Image.fromarray(picture), taken=NOW.replace(day=1 + int(days)))


@pytest.fixture
def weights(tmp_path: Path) -> str:
    return str(save_dark_classifier(tmp_path / "weights"))


def readings(workspace: Workspace) -> list[ReadingView]:
    return [view.reading for view in workspace.captures() if view.reading is not None]


def test_a_photo_of_another_place_is_a_row_with_a_reason_and_both_pictures(workspace: Workspace, weights: str) -> None:
    workspace.settings.analysis = AnalysisSettings(weights=weights, threads=1, device="cpu")
    reference, moved, elsewhere = wall("gravel"), wall("gravel", shift=3), wall("brick")
    workspace.take(taken(reference, 0), taken(moved, 1), taken(elsewhere, 2))
    jobs = Jobs(workspace.database, workspace.settings, workspace.clock, "one")
    assert jobs.tick().analysed == 3
    first, second, third = readings(workspace)
    assert first.registration is None
    assert first.crack_probability is not None
    assert first.crack_probability > 0.9
    assert second.registration is not None
    assert second.registration.accepted, second.reason
    assert second.registration.matrix is not None
    np.testing.assert_allclose(second.registration.matrix[:2, 2], 3, atol=0.3)
    assert (third.status, third.severity) == (Status.NOT_REGISTERED, None)
    assert third.registration is not None
    assert not third.registration.accepted
    assert third.reason == third.registration.reason
    assert third.reason
    both = [third.pictures["original"], first.pictures["aligned"]]
    for name, expected in zip(both, (elsewhere, reference), strict=True):
        kept = np.asarray(Image.open(workspace.settings.pictures / name)).astype(int)
        assert np.abs(kept - expected).mean() < 8


def test_a_photo_without_crack_is_no_crack(workspace: Workspace, weights: str) -> None:
    workspace.settings.analysis = AnalysisSettings(weights=weights, threads=1, device="cpu")
    workspace.take(taken(wall("gravel", crack_px=0), 0))
    Jobs(workspace.database, workspace.settings, workspace.clock, "one").tick()
    (reading,) = readings(workspace)
    assert (reading.status, reading.reason) == (Status.NO_CRACK, None)
    assert reading.severity is not None
    assert reading.severity.crack_count == 0


def test_settings_that_decide_numbers_change_the_recipe_and_the_device_does_not(weights: str, tmp_path: Path) -> None:
    def fingerprint(**changed: object) -> str:
        settings = AnalysisSettings.model_validate({"weights": weights, "device": "cpu", "threads": 1, **changed})
        return build_analyser(settings).recipe.fingerprint

    plain = fingerprint()
    assert fingerprint(device="auto") == plain
    others = [
        fingerprint(thresholder="gmm"),
        fingerprint(batch_size=8),
        fingerprint(threshold_probability=0.7),
        fingerprint(width_method="published"),
        fingerprint(weights=str(save_dark_classifier(tmp_path / "cooler", temperature=2.0))),
    ]
    assert len({plain, *others}) == 6


def test_what_cannot_be_built_is_a_sentence(weights: str, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="nosuch"):
        build_analyser(AnalysisSettings(weights="nosuch"))
    with pytest.raises(UnknownNameError, match=r"Known: .*lrp"):
        build_analyser(AnalysisSettings(weights=weights, attribution="guess"))
    with pytest.raises(UnknownNameError, match=r"Known: .*gmm"):
        build_analyser(AnalysisSettings(weights=weights, thresholder="guess"))
    with pytest.raises(UnknownNameError, match=r"Known: .*edge"):
        build_analyser(AnalysisSettings(weights=weights, width_method="guess"))
    altered = save_dark_classifier(tmp_path / "altered")
    altered.write_bytes(altered.read_bytes() + b"0")
    with pytest.raises(WeightsError, match="sha256 differs"):
        build_analyser(AnalysisSettings(weights=str(altered)))
    altered.unlink()
    with pytest.raises(WeightsError, match="absent or unreadable"):
        build_analyser(AnalysisSettings(weights=str(altered)))
    device = "cuda" if not torch.cuda.is_available() else "mps"
    with pytest.raises(MisuseError, match="not available here"):
        build_analyser(AnalysisSettings.model_validate({"weights": weights, "device": device}))
