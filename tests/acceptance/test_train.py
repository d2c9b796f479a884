"""`train` makes a segmenter and a classifier that it teaches, and says what is missing before its first step."""

from pathlib import Path

import pytest
from command_line import crackmonitor
from training_data import write_training_data

from monitor.networks import training
from monitor.networks.autoencoder import AutoencoderLayout
from monitor.networks.autoencoder_training import AUTOENCODER_PRESETS, AutoencoderOptions
from monitor.networks.bcos import BcosLayout
from monitor.networks.explainer_training import EXPLAINER_PRESETS, ExplainerOptions
from monitor.networks.oracle_training import ORACLE_PRESETS, OracleOptions
from monitor.networks.training import TrainingOptions
from monitor.networks.unet11 import Unet11Layout
from monitor.networks.vgg import Vgg11Layout
from monitor.networks.weights import load_segmenter, manifest
from simulations import lessons, segmenter_teaching, teaching

REFUSED = [
    (
        ("--network", "painter"),
        "Unknown network 'painter'. Known: autoencoder, bcos, classifier, explainer, oracle, segmenter.",
    ),
    (("--network", "segmenter", "--preset", "half"), "A segmenter has no --preset."),
    (("--network", "segmenter", "--dense-by", "s"), "A segmenter has no --dense-by."),
    (("--steps", 5, "--teacher", "default"), "A classifier has no --teacher or --steps."),
    (("--with-val",), "name its --start"),
    (("--network", "segmenter", "--with-val"), "A segmenter has no --with-val."),
    (("--preset", "tenth"), "Unknown training preset 'tenth'."),
    (("--network", "bcos", "--preset", "half"), "Unknown training preset 'half'. Known: paper, twin."),
    (("--network", "autoencoder", "--start", "default"), "An autoencoder has no --start."),
    (("--network", "oracle", "--entropy", "--teacher", "x"), "An oracle has no --entropy or --teacher."),
    (("--network", "explainer", "--teacher", "nobody"), "'nobody'"),
    (("--network", "explainer"), "there is no folder textures or masonry_dais or uav75 to train with."),
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
    first = crackmonitor("train", *where, *words, "--json").result

    last = ("--preset", "tiny", "--patches", 8, "--with-val", "--start", first["weights"], "--name", "last")
    taught = crackmonitor(
        "train", *where, *last, "--dense-by", here / "training/weights/segmenter.safetensors", "--json"
    )
    entry = manifest(here / "training/weights")["last"]
    assert (taught.result["threshold"], taught.result["temperature"]) == (first["threshold"], first["temperature"])
    assert entry["recipe"]["fold"] == "train+val"
    assert entry["scores"] == {"epochs": 1}, "what taught it cannot score it"
    assert any("train and val folds" in each["name"] for each in entry["data"])


def test_every_compared_network_is_trained_from_photos_with_masks(
    here: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teaching, "_VALIDATION_PATCHES", 4)
    monkeypatch.setattr(lessons, "_VALIDATION_PATCHES", 4)
    few = {"epochs": 1, "batch_size": 4}
    bcos = TrainingOptions(layout=BcosLayout(width=1 / 32, patch_px=32, head=8), **few)
    monkeypatch.setitem(training.BCOS_PRESETS, "twin", bcos)
    monkeypatch.setitem(EXPLAINER_PRESETS, "twin", ExplainerOptions(layout=Unet11Layout(1 / 32), **few))
    monkeypatch.setitem(ORACLE_PRESETS, "twin", OracleOptions(layout=Unet11Layout(1 / 32), patch_px=32, **few))
    layout = AutoencoderLayout(1 / 32, 32, head=8, bottleneck=4)
    monkeypatch.setitem(AUTOENCODER_PRESETS, "twin", AutoencoderOptions(layout=layout, **few))
    data = write_training_data(here / "data") / "masonry_dais"
    where = ("--data", data, "--out", here / "training", "--device", "cpu", "--patches", 6)

    for network, words, architecture in (
        ("bcos", (), "bcos_vgg11"),
        ("explainer", ("--teacher", weights, "--entropy"), "unet11_explainer"),
        ("oracle", ("--epochs", 2), "unet11_oracle"),
        ("autoencoder", ("--seed", 3), "autoencoder"),
    ):
        taught = crackmonitor("train", "--network", network, *where, *words, "--json").result
        entry = manifest(here / "training/weights")[network]
        assert taught["weights"] == str(here / f"training/weights/{network}.safetensors")
        assert entry["architecture"] == architecture
        assert entry["data"] == [
            {"name": "masonry_dais", "licence": "not known here", "source": "the user's own data set"}
        ]
        assert (entry["recipe"]["preset"], entry["recipe"]["patches"]) == ("twin", 6)
        assert entry["scores"] == taught["scores"]
        assert crackmonitor("train", "--network", network, *where, *words, "--json").result == taught
    entries = manifest(here / "training/weights")
    assert (entries["explainer"]["explains"], entries["explainer"]["recipe"]["outside"]) == ("dark", "entropy")
    assert (entries["oracle"]["recipe"]["epochs"], entries["autoencoder"]["recipe"]["seed"]) == (2, 3)


def test_bad_data_are_named_before_anything_is_written(here: Path) -> None:
    data = write_training_data(here / "data") / "masonry_dais"
    (data / "masks/0.png").unlink()
    refused = crackmonitor("train", "--network", "oracle", "--data", data, "--out", here / "training")
    assert refused.status == 2
    assert "masks/0.png cannot be read" in refused.sentence
    for label in ("positive", "negative"):
        (here / "labels" / label).mkdir(parents=True)
    words = ("--network", "bcos", "--data", here / "labels", "--out", here / "training")
    assert "There are no pictures in" in crackmonitor("train", *words).sentence
    assert "taken as they are. Leave --patches out." in crackmonitor("train", *words, "--patches", 5).sentence
    assert not (here / "training").exists()
