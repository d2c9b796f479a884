"""The whole chain on a handful of small photos: segmenter in two rounds, then a classifier that it shows the cracks."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from dark_classifier import save_dark_classifier
from numpy.typing import NDArray
from training_data import write_training_data

from monitor.errors import MisuseError, UnknownNameError
from monitor.networks import training
from monitor.networks.segmenter_training import SegmenterOptions
from monitor.networks.training import (
    LabelledPatches,
    TrainedClassifier,
    TrainingOptions,
    logits_of,
    train_classifier,
)
from monitor.networks.unet import Unet, UnetLayout
from monitor.networks.vgg import Vgg11Layout
from monitor.networks.weights import load_classifier, load_segmenter, manifest, save_segmenter
from simulations import segmenter_teaching, segmenting, teaching
from simulations.courses import teach
from simulations.patch_pools import PatchPool
from simulations.segmenter_teaching import teach_segmenter
from simulations.teaching import teach_classifier
from simulations.teaching_data import labelled_patches

# Networks as small as these lose more time to waiting for each other's threads than they gain.
torch.set_num_threads(1)

SIDE = 32
OPTIONS = SegmenterOptions(layout=UnetLayout(width=4, batch_norm=True), steps=3, batch_size=4)
TINY = TrainingOptions(layout=Vgg11Layout(width=1 / 32, patch_px=SIDE, head=8), epochs=1, batch_size=8)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_training_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def dark(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_dark_classifier(tmp_path_factory.mktemp("teacher"))


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segmenter_teaching, "_SIDE_PX", SIDE)
    monkeypatch.setattr(segmenter_teaching, "_VALIDATION_PATCHES", 6)
    monkeypatch.setattr(teaching, "_VALIDATION_PATCHES", 8)
    monkeypatch.setitem(training.PRESETS, "tiny", TINY)


def taught(data: Path, out: Path, teacher: Path, name: str = "segmenter") -> dict[str, Any]:
    return teach_segmenter(data, out, name, str(teacher), 8, OPTIONS, "cpu", quiet=True)


@pytest.fixture(scope="module")
def finished(data: Path, dark: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("out")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(segmenter_teaching, "_SIDE_PX", SIDE)
        patched.setattr(segmenter_teaching, "_VALIDATION_PATCHES", 6)
        return out, taught(data, out, dark)


def test_the_manifest_tells_how_the_segmenter_was_taught(finished: tuple[Path, dict[str, Any]], dark: Path) -> None:
    out, found = finished
    segmenter = load_segmenter(found["weights"])
    assert segmenter.level == found["level"]
    assert not segmenter.network.layout.batch_norm
    entry, first = manifest(out / "weights")["segmenter"], manifest(out / "rounds")["segmenter-1"]
    assert first["recipe"]["teacher_sha256"] == load_classifier(str(dark)).sha256
    assert entry["recipe"]["explained_by_sha256"] == load_classifier(str(dark)).sha256
    assert entry["recipe"]["teacher_sha256"] == first["sha256"]
    assert (entry["recipe"]["steps"], entry["recipe"]["patches"], entry["recipe"]["layout"]["width"]) == (3, 8, 4)
    assert first["recipe"]["photos"] == {"masonry_dais": 1.0}
    assert set(entry["recipe"]["photos"]) == {"masonry_dais", "uav75"}
    assert "only said whether a crop shows a crack" in entry["truth"]
    assert all("licence" in each for each in entry["data"])
    assert entry["scores"] == found["scores"]
    assert 0 <= entry["scores"]["simulated_dice"] <= 1


def test_the_first_round_believes_the_explanation(finished: tuple[Path, dict[str, Any]], dark: Path) -> None:
    folder = finished[0] / "masks" / f"masonry_dais_{load_classifier(str(dark)).sha256[:12]}"
    for path in sorted(folder.iterdir()):
        mask = np.load(path)["mask"]
        rows = np.flatnonzero((mask == 255).mean(axis=1) > 0.5)
        assert 68 <= rows.min() <= rows.max() <= 77


def test_a_finished_teaching_is_read_not_repeated(
    finished: tuple[Path, dict[str, Any]], data: Path, dark: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, found = finished
    for name in ("standard_sources", "taught_window", "_whole"):
        monkeypatch.setattr(segmenting, name, None)
    before = Path(found["weights"]).read_bytes()
    assert taught(data, out, dark) == found
    assert Path(found["weights"]).read_bytes() == before


def test_a_classifier_is_shown_where_cracks_are(
    finished: tuple[Path, dict[str, Any]], data: Path, tmp_path: Path
) -> None:
    segmenter = load_segmenter(finished[1]["weights"])
    found = teach_classifier(data, tmp_path, "tiny", "dense", 8, 0, "cpu", quiet=True, dense_by=finished[1]["weights"])
    entry = manifest(tmp_path / "weights")["dense"]
    assert entry["recipe"]["dense_weight"] == 0.5
    assert (entry["recipe"]["dense_by"], entry["recipe"]["dense_by_sha256"]) == ("segmenter", segmenter.sha256)
    assert [path.name for path in (tmp_path / "twins").rglob("*.npz") if path.parent.parent.name == "twins"] == [
        "masonry_dais.npz"
    ]
    (places,) = (tmp_path / "places").rglob("*.npz")
    assert np.load(places)["places"].shape == (8, 4, 4)
    plain = teach_classifier(data, tmp_path, "tiny", "plain", 8, 0, "cpu", quiet=True)
    assert manifest(tmp_path / "weights")["plain"]["recipe"]["dense_weight"] == 0
    assert "dense_by" not in manifest(tmp_path / "weights")["plain"]["recipe"]
    networks = [load_classifier(each["weights"]).network.state_dict() for each in (found, plain)]
    assert networks[0].keys() == networks[1].keys()
    assert not torch.equal(*(network["features.0.weight"] for network in networks))


def test_a_segmenter_goes_on_from_a_finished_one(
    finished: tuple[Path, dict[str, Any]], data: Path, tmp_path: Path
) -> None:
    before = load_segmenter(finished[1]["weights"])
    options = replace(OPTIONS, layout=UnetLayout())
    found = teach_segmenter(
        data, tmp_path, "more", "default", 8, options, "cpu", quiet=True, start=finished[1]["weights"]
    )
    entry = manifest(tmp_path / "weights")["more"]["recipe"]
    second = manifest(tmp_path / "rounds")["more-further-2"]
    first = manifest(tmp_path / "rounds")["more-further-1"]["recipe"]
    assert (first["start_sha256"], first["teacher_sha256"]) == (before.sha256, before.sha256)
    assert (entry["start_sha256"], entry["teacher_sha256"]) == (second["sha256"], second["sha256"])
    assert {each["kept_to_sha256"] for each in (first, second["recipe"], entry)} == {before.sha256}
    gains = [each["masks"]["uav75"]["gain"] for each in (first, second["recipe"], entry)]
    assert gains == [0, 2.5, 2.0]
    assert "further rounds" in manifest(tmp_path / "weights")["more"]["truth"]
    assert "explained_by" not in entry
    assert (entry["layout"]["width"], entry["learning_rate"]) == (4, OPTIONS.learning_rate / 2)
    after = load_segmenter(found["weights"]).network.state_dict()
    moved = max(float((value - after[name]).abs().max()) for name, value in before.network.state_dict().items())
    assert 0 < moved < 0.1


def test_a_classifier_is_widened_and_goes_on(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = teach_classifier(data, tmp_path, "tiny", "first", 8, 0, "cpu", quiet=True)
    monkeypatch.setitem(training.PRESETS, "widened", replace(TINY, layout=replace(TINY.layout, width=1 / 16)))
    found = teach_classifier(data, tmp_path, "widened", "wide", 8, 0, "cpu", quiet=True, start=first["weights"])
    assert load_classifier(found["weights"]).network.layout.width == 1 / 16
    assert manifest(tmp_path / "weights")["wide"]["recipe"]["start"] == "first"
    for name in ("tuned", "widened", "kept"):
        with pytest.raises(MisuseError, match=f"'{name}' goes on with a finished classifier: name its --start"):
            teach_classifier(data, tmp_path, name, "none", 8, 0, "cpu", quiet=True)


def test_a_classifier_stays_with_what_it_said_but_for_hairlines(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = teach_classifier(data, tmp_path, "tiny", "first", 40, 0, "cpu", quiet=True)
    given: list[tuple[LabelledPatches, NDArray[np.str_]]] = []
    drawn: list[PatchPool] = []

    def noted_pool(*how: Any) -> PatchPool:
        drawn.append(labelled_patches(*how))
        return drawn[-1]

    def noted(train: LabelledPatches, *how: Any) -> TrainedClassifier:
        given.append((train, drawn[-1].names))
        return train_classifier(train, *how)

    monkeypatch.setitem(training.PRESETS, "kept", TINY)
    monkeypatch.setattr(teaching, "labelled_patches", noted_pool)
    monkeypatch.setattr(teaching, "train_classifier", noted)
    teach_classifier(data, tmp_path, "kept", "more", 40, 0, "cpu", quiet=True, start=first["weights"])
    ((train, names),) = given
    labels = np.isin(names, ("hairlines", "uav75"))
    assert {"hairlines", "uav75", "masonry_dais"} <= set(names)
    assert train.likely is not None
    np.testing.assert_array_equal(np.isnan(train.likely), labels)
    said = torch.softmax(logits_of(load_classifier(first["weights"]).network, train.images), 1)[:, 1].numpy()
    np.testing.assert_allclose(train.likely[~labels], said[~labels], atol=1e-6)


def test_the_mean_of_two_classifiers_is_calibrated_anew(data: Path, tmp_path: Path) -> None:
    one, other = (
        teach_classifier(data, tmp_path, "tiny", name, 8, seed, "cpu", quiet=True)["weights"]
        for name, seed in (("one", 0), ("other", 1))
    )
    found = teach("classifier", data, tmp_path, "both", 0, "cpu", True, {"start": one, "mean_with": other})
    networks = [load_classifier(each).network.state_dict() for each in (one, other, found["weights"])]
    for key, value in networks[2].items():
        torch.testing.assert_close(value, (networks[0][key] + networks[1][key]) / 2, atol=1e-3, rtol=1e-3)
    entry = manifest(tmp_path / "weights")["both"]
    assert entry["recipe"]["means_of"] == ["one", "other"]
    assert entry["temperature"] == found["temperature"]
    assert 0 < found["threshold"] < 1
    for others in ({"mean_with": other}, {"start": one, "mean_with": other, "epochs": 1}):
        with pytest.raises(MisuseError, match="takes the mean with a --start"):
            teach("classifier", data, tmp_path, "none", 0, "cpu", True, others)
    with pytest.raises(MisuseError, match="Only classifiers of one layout have a mean"):
        teach("classifier", data, tmp_path, "none", 0, "cpu", True, {"start": one, "mean_with": "default"})


def test_hairlines_are_not_taught_from_data_that_has_none(data: Path, tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match=r"would learn nothing from .*masonry_dais"):
        teach_classifier(data / "masonry_dais", tmp_path, "kept", "more", 8, 0, "cpu", quiet=True, start="default")
    assert not list(tmp_path.iterdir())


def test_what_is_missing_is_said_before_anything_is_drawn(data: Path, dark: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(MisuseError, match="no folder textures or masonry_dais or uav75 to train with"):
        taught(tmp_path, out, dark)
    with pytest.raises(MisuseError, match="no folder textures"):
        teach_classifier(tmp_path, out, "tiny", "default", 8, 0, "cpu", quiet=True)
    with pytest.raises(UnknownNameError, match="nobody"):
        taught(data, out, Path("nobody"))
    with pytest.raises(UnknownNameError, match="nobody"):
        teach_classifier(data, out, "tiny", "default", 8, 0, "cpu", quiet=True, dense_by="nobody")
    assert not out.exists()


def test_a_network_does_not_take_the_name_of_one_of_another_kind(data: Path, dark: Path, tmp_path: Path) -> None:
    save_dark_classifier(tmp_path / "weights", "mine")
    save_segmenter(Unet(UnetLayout(width=1)), "yours", tmp_path / "weights", 0.5, {})
    with pytest.raises(MisuseError, match="'mine' are of the architecture 'vgg11'"):
        taught(data, tmp_path, dark, "mine")
    with pytest.raises(MisuseError, match="'yours' are of the architecture 'unet'"):
        teach_classifier(data, tmp_path, "tiny", "yours", 8, 0, "cpu", quiet=True)
