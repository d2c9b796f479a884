"""`train` makes a segmenter and a classifier that it teaches, and says what is missing before its first step."""

from pathlib import Path

import pytest
from command_line import crackmonitor
from training_data import write_training_data

from monitor.networks import training
from monitor.networks.training import TrainingOptions
from monitor.networks.vgg import Vgg11Layout
from monitor.networks.weights import load_segmenter, manifest
from simulations import segmenter_teaching, teaching

REFUSED = [
    (("--network", "painter"), "Unknown network 'painter'. Known: classifier, segmenter."),
    (("--network", "segmenter", "--preset", "half"), "A segmenter has no --preset."),
    (("--network", "segmenter", "--dense-by", "s"), "A segmenter has no --dense-by."),
    (("--steps", 5, "--teacher", "default"), "A classifier has no --teacher or --steps."),
    (("--preset", "tenth"), "Unknown training preset 'tenth'."),
    (("--dense-by", "nobody"), "'nobody'"),
    (("--network", "segmenter", "--teacher", "nobody"), "'nobody'"),
    (("--network", "segmenter"), "there is no folder textures or masonry_dais or uav75 to train with."),
    ((), "there is no folder textures or masonry_dais or uav75 to train with."),
]


@pytest.mark.parametrize(("words", "sentence"), REFUSED)
def test_what_cannot_be_trained_is_refused_before_anything_is_written(
    here: Path, words: tuple[object, ...], sentence: str
) -> None:
    refused = crackmonitor("train", "--data", here / "nowhere", "--out", here / "training", *words)
    assert refused.status == 2
    assert sentence in refused.sentence
    assert not (here / "training").exists()


@pytest.mark.parametrize("words", [("--steps", 0), ("--patches", 0), ("--seed", -1)])
def test_numbers_that_make_no_sense_are_misuse(here: Path, words: tuple[object, ...]) -> None:
    assert crackmonitor("train", "--data", here, "--network", "segmenter", *words).status == 2


def test_a_segmenter_is_not_taken_for_a_classifier(here: Path, weights: Path) -> None:
    refused = crackmonitor("train", "--data", here, "--dense-by", weights)
    assert refused.status == 1
    assert "architecture 'vgg11', but 'unet' is needed here" in refused.sentence


def test_the_chain_from_segmenter_to_classifier(here: Path, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segmenter_teaching, "_SIDE_PX", 32)
    monkeypatch.setattr(segmenter_teaching, "_VALIDATION_PATCHES", 4)
    monkeypatch.setattr(teaching, "_VALIDATION_PATCHES", 4)
    tiny = TrainingOptions(layout=Vgg11Layout(width=1 / 32, patch_px=32, head=8), epochs=1, batch_size=8)
    monkeypatch.setitem(training.PRESETS, "tiny", tiny)
    where = ("--data", write_training_data(here / "data"), "--out", here / "training", "--seed", 3, "--device", "cpu")

    words = ("--network", "segmenter", "--teacher", weights, "--patches", 4, "--steps", 2)
    taught = crackmonitor("train", *where, *words, "--json").result
    assert taught["weights"] == str(here / "training/weights/segmenter.safetensors")
    recipe = manifest(here / "training/weights")["segmenter"]["recipe"]
    assert (recipe["steps"], recipe["patches"], recipe["seed"]) == (2, 4, 3)
    assert load_segmenter(taught["weights"]).level == taught["level"]
    assert crackmonitor("train", *where, *words, "--json").result == taught

    words = ("--preset", "tiny", "--patches", 8, "--dense-by", taught["weights"])
    assert "default.safetensors" in crackmonitor("train", *where, *words).out
    recipe = manifest(here / "training/weights")["default"]["recipe"]
    assert (recipe["preset"], recipe["patches"], recipe["seed"], recipe["dense_by"]) == ("tiny", 8, 3, "segmenter")
