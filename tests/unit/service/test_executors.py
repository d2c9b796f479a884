"""The real analyser behind the worker, on small photos and weights made by hand."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from dark_classifier import save_dark_classifier
from PIL import Image
from service_examples import NOW, Workspace, encoded

from monitor.analysis import Analyser, AnalysisOptions
from monitor.errors import MisuseError, RecipeError, UnknownNameError, WeightsError
from monitor.networks.unet import Unet, UnetLayout
from monitor.networks.weights import load_classifier, load_segmenter, save_segmenter
from monitor.records import ANALYSIS_VERSION, ByteArray, Recipe, Status
from monitor.service.executors import analyser_of, build_analyser
from monitor.service.jobs import Jobs
from monitor.settings import AnalysisSettings, Settings
from monitor.storage import queries, repository
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


def analysed(analyser: Analyser) -> tuple[float, float]:
    """Area and width of a crack, as that analyser reads them."""
    severity = analyser.analyse(wall("gravel")).severity
    assert severity is not None
    return severity.area_px, severity.max_width_px


def settings_of(workspace: Workspace, **changed: object) -> Settings:
    analysis = AnalysisSettings.model_validate({"device": "cpu", "threads": 1, **changed})
    return workspace.settings.model_copy(update={"analysis": analysis})


def stored(workspace: Workspace, recipe: Recipe) -> Recipe:
    """The recipe as it comes back from the database."""
    with workspace.database.transaction() as session:
        repository.record_recipe(session, recipe, NOW)
        return queries.recipe(session, recipe.fingerprint)


@pytest.mark.parametrize(
    "changed",
    [
        {"width_method": "published"},
        {"attribution": "lrp_both_logits"},
        {"threshold_probability": 0.7},
        {"batch_size": 3},
    ],
)
def test_a_recipe_in_force_is_run_again_from_what_is_stored(
    shared_workspace: Workspace, weights: str, changed: dict[str, object]
) -> None:
    """The settings have moved on to the shipped weights and other options; the file lies where they once named it."""
    workspace = shared_workspace
    shutil.copytree(Path(weights).parent, workspace.settings.workspace / "weights")
    former = build_analyser(settings_of(workspace, weights=weights, **changed).analysis)
    again = analyser_of(stored(workspace, former.recipe), settings_of(workspace))
    assert again.recipe.fingerprint == former.recipe.fingerprint
    assert analysed(again) == analysed(former)


def test_weights_are_looked_for_beside_those_of_the_settings(workspace: Workspace, weights: str) -> None:
    former = build_analyser(AnalysisSettings(weights=weights, device="cpu"))
    other = save_dark_classifier(Path(weights).parent, "cooler", temperature=2.0)
    found = analyser_of(former.recipe, settings_of(workspace, weights=str(other)))
    assert found.recipe == former.recipe


def test_a_recipe_with_a_segmenter_gets_it_back(workspace: Workspace, weights: str) -> None:
    folder = Path(weights).parent
    save_segmenter(Unet(UnetLayout()), "marks", folder, level=0.4, story={})
    options = AnalysisOptions(mask="taught", threads=1)
    former = Analyser(load_classifier(weights), options, load_segmenter("marks", folder))
    assert analyser_of(former.recipe, settings_of(workspace, weights=weights)).recipe == former.recipe
    (folder / "marks.safetensors").unlink()
    with pytest.raises(RecipeError, match=r"marks\.safetensors is absent or unreadable"):
        analyser_of(former.recipe, settings_of(workspace, weights=weights))


def test_threads_are_those_of_the_recipe_whichever_was_built_last(weights: str) -> None:
    two, one = (build_analyser(AnalysisSettings(weights=weights, device="cpu", threads=n)) for n in (2, 1))
    for analyser, threads in ((two, 2), (one, 1), (two, 2), (one, 1)):
        analyser.analyse(wall("gravel", crack_px=0))
        assert torch.get_num_threads() == threads


def test_a_recipe_whose_weights_are_gone_or_altered_says_where_to_put_them(workspace: Workspace, weights: str) -> None:
    recipe = build_analyser(AnalysisSettings(weights=weights, device="cpu")).recipe
    with pytest.raises(RecipeError, match=r"its weights 'dark' \(sha256 .*\) are gone. Put their file .*weights"):
        analyser_of(recipe, settings_of(workspace))
    save_dark_classifier(workspace.settings.workspace / "weights", temperature=2.0).write_bytes(b"other")
    with pytest.raises(RecipeError, match="sha256 differs"):
        analyser_of(recipe, settings_of(workspace))
    shutil.rmtree(workspace.settings.workspace / "weights")
    other = save_dark_classifier(workspace.settings.workspace / "weights", temperature=2.0)
    with pytest.raises(RecipeError, match=r"gives other numbers .*it differs in temperature"):
        analyser_of(recipe, settings_of(workspace, weights=str(other)))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"attribution": "guess"}, r"cannot follow it \(Unknown attribution method 'guess'"),
        ({"thresholder": "guess"}, "cannot follow it"),
        ({"colour": "red"}, "it differs in colour"),
        ({"relevance": {"engine": "older"}}, "it differs in relevance"),
        (
            {"postprocessing": {"first_closing_px": 5}},
            r"it was made before there was 'min_area_px'.*\. Install the version",
        ),
    ],
)
def test_a_recipe_of_another_version_is_refused_in_words(
    workspace: Workspace, weights: str, options: dict[str, object], words: str
) -> None:
    recipe = build_analyser(AnalysisSettings(weights=weights, device="cpu")).recipe
    with pytest.raises(RecipeError, match=words):
        analyser_of(Recipe({**recipe.options, **options}), settings_of(workspace, weights=weights))
    with pytest.raises(RecipeError, match="it differs in analysis_version"):
        analyser_of(Recipe(recipe.options, ANALYSIS_VERSION + 1), settings_of(workspace, weights=weights))


def test_the_worker_goes_on_under_the_recipe_in_force_when_the_settings_change(
    workspace: Workspace, weights: str
) -> None:
    """Two settings in turn, nothing stood in for."""

    def tick(width_method: str) -> None:
        settings = settings_of(workspace, weights=weights, width_method=width_method)
        Jobs(workspace.database, settings, workspace.clock, "one").tick()

    def fingerprints() -> list[str]:
        return [reading.fingerprint for reading in readings(workspace)]

    reference, moved = wall("gravel"), wall("gravel", shift=3)
    workspace.take(taken(reference, 0))
    tick("edge")
    (first,) = fingerprints()
    workspace.take(taken(moved, 1))
    tick("published")
    assert fingerprints() == [first, first]
    with workspace.database.session() as session:
        (shadow,) = queries.shadows(session)
    assert (shadow.both, shadow.ready, shadow.out_of_reach) == (2, True, None)
