"""Training can be interrupted anywhere, stops in time, keeps the best epoch, and refuses misuse at once."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from monitor.errors import MisuseError, UnknownNameError
from monitor.networks import training
from monitor.networks.training import (
    PRESETS,
    Epoch,
    LabelledPatches,
    TrainedClassifier,
    TrainingOptions,
    balanced_accuracy,
    fitted_temperature,
    logits_of,
    preset,
    train_classifier,
)
from monitor.networks.vgg import Vgg11Layout

PLAIN = TrainingOptions(
    layout=Vgg11Layout(width=1 / 32, patch_px=32, head=8), epochs=3, batch_size=8, learning_rate=1e-3
)
EVERYTHING = replace(
    PLAIN,
    layout=replace(PLAIN.layout, batch_norm=True),
    one_cycle=True,
    label_smoothing=0.05,
    quarter_turns=True,
    weight_decay=1e-2,
)


def striped(count: int, seed: int, side_px: int = 32) -> LabelledPatches:
    """Noise, with a dark stripe across every second patch."""
    rng = np.random.default_rng(seed)
    images = rng.integers(120, 200, (count, side_px, side_px, 3), dtype=np.uint8)
    labels = np.arange(count, dtype=np.int64) % 2
    images[labels == 1, 14:18] //= 4
    return LabelledPatches(images, labels)


TRAIN, VALIDATION = striped(20, 1), striped(12, 2)


def trained(
    checkpoint: Path,
    options: TrainingOptions = PLAIN,
    on_epoch: Callable[[Epoch], None] = lambda _: None,
    on_batch: Callable[[int, int], None] = lambda _done, _total: None,
) -> TrainedClassifier:
    return train_classifier(TRAIN, VALIDATION, options, checkpoint, None, on_epoch, on_batch)


def assert_same(found: TrainedClassifier, wanted: TrainedClassifier) -> None:
    assert found.epochs == wanted.epochs
    assert found.temperature == wanted.temperature
    assert found.network.layout == wanted.network.layout
    for name, value in wanted.network.state_dict().items():
        assert torch.equal(found.network.state_dict()[name], value), name


class Interruption(Exception):
    """The power goes."""


class PowerCut:
    """Raises at the given call."""

    def __init__(self, call: int) -> None:
        self.left = call

    def __call__(self, *_: object) -> None:
        self.left -= 1
        if self.left == 0:
            raise Interruption


@pytest.mark.parametrize("options", [PLAIN, EVERYTHING], ids=["plain", "everything"])
@pytest.mark.parametrize("batch", [2, 5, 9])
def test_an_interrupted_training_ends_bit_for_bit_as_an_uninterrupted_one(
    tmp_path: Path, options: TrainingOptions, batch: int
) -> None:
    """Three batches an epoch: the cut falls into the first, the second and after the last step of the third."""
    wanted = trained(tmp_path / "whole.ckpt", options)
    with pytest.raises(Interruption):
        trained(tmp_path / "cut.ckpt", options, on_batch=PowerCut(batch))
    torch.manual_seed(99)
    assert_same(trained(tmp_path / "cut.ckpt", options), wanted)


def test_an_epoch_that_was_reported_but_not_yet_kept_is_repeated(tmp_path: Path) -> None:
    wanted = trained(tmp_path / "whole.ckpt", EVERYTHING)
    with pytest.raises(Interruption):
        trained(tmp_path / "cut.ckpt", EVERYTHING, on_epoch=PowerCut(2))
    numbers: list[int] = []
    found = trained(tmp_path / "cut.ckpt", EVERYTHING, on_epoch=lambda epoch: numbers.append(epoch.number))
    assert numbers == [2, 3]
    assert_same(found, wanted)


def test_a_finished_training_is_read_not_repeated(tmp_path: Path) -> None:
    wanted = trained(tmp_path / "done.ckpt")
    found = trained(tmp_path / "done.ckpt", on_epoch=PowerCut(1), on_batch=PowerCut(1))
    assert_same(found, wanted)


def test_the_same_seed_gives_the_same_network_and_another_seed_another(tmp_path: Path) -> None:
    first, second = trained(tmp_path / "1.ckpt"), trained(tmp_path / "2.ckpt")
    assert_same(second, first)
    other = trained(tmp_path / "3.ckpt", replace(PLAIN, seed=1))
    assert other.epochs != first.epochs


@pytest.mark.parametrize(
    "other", [replace(PLAIN, learning_rate=2e-3), replace(PLAIN, seed=5), EVERYTHING, replace(PLAIN, epochs=4)]
)
def test_a_checkpoint_of_other_options_is_refused_and_kept(tmp_path: Path, other: TrainingOptions) -> None:
    checkpoint = tmp_path / "kept.ckpt"
    trained(checkpoint)
    before = checkpoint.read_bytes()
    with pytest.raises(MisuseError, match=r"kept\.ckpt belongs to a training with other options"):
        trained(checkpoint, other, on_batch=PowerCut(1))
    assert checkpoint.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"half"])
def test_a_damaged_checkpoint_is_refused_with_a_sentence(tmp_path: Path, content: bytes) -> None:
    checkpoint = tmp_path / "damaged.ckpt"
    trained(checkpoint)
    stored = checkpoint.read_bytes()
    checkpoint.write_bytes(stored[: len(stored) // 2] if content == b"half" else content)
    with pytest.raises(MisuseError, match=r"damaged\.ckpt cannot be read"):
        trained(checkpoint, on_batch=PowerCut(1))


def without_cracks(patches: LabelledPatches) -> LabelledPatches:
    return replace(patches, labels=np.zeros_like(patches.labels))


MISUSE = [
    ("every one of the 2 classes", without_cracks),
    ("every one of the 2 classes", lambda patches: replace(patches, labels=patches.labels + 1)),
    (r"are \(16, 16, 3\), the network takes \(32, 32, 3\)", lambda _: striped(12, 3, side_px=16)),
    ("12 labels", lambda _: replace(striped(16, 3), labels=striped(12, 3).labels)),
]


def test_training_goes_on_from_a_finished_classifier(tmp_path: Path) -> None:
    before = trained(tmp_path / "before.ckpt", replace(PLAIN, seed=5))
    still = replace(PLAIN, epochs=1, learning_rate=0.0, weight_decay=0.0)
    start = before.network
    after = train_classifier(TRAIN, VALIDATION, still, tmp_path / "after.ckpt", start=start)
    for name, value in start.state_dict().items():
        assert torch.equal(after.network.state_dict()[name], value), name
    anew = train_classifier(TRAIN, VALIDATION, still, tmp_path / "anew.ckpt")
    first = next(iter(start.state_dict()))
    assert not torch.equal(anew.network.state_dict()[first], start.state_dict()[first])


def test_a_start_of_another_layout_is_refused_before_the_first_epoch(tmp_path: Path) -> None:
    start = trained(tmp_path / "before.ckpt").network
    with pytest.raises(MisuseError, match="The start is of the layout"):
        train_classifier(TRAIN, VALIDATION, EVERYTHING, tmp_path / "after.ckpt", start=start)
    assert not (tmp_path / "after.ckpt").exists()


@pytest.mark.parametrize("name", ["training", "validation"])
@pytest.mark.parametrize(("sentence", "spoiled"), MISUSE)
def test_patches_that_do_not_fit_are_refused_before_the_first_epoch(
    tmp_path: Path, name: str, sentence: str, spoiled: Callable[[LabelledPatches], LabelledPatches]
) -> None:
    pools = {"training": TRAIN, "validation": VALIDATION}
    pools[name] = spoiled(pools[name])
    checkpoint = tmp_path / "never.ckpt"
    with pytest.raises(MisuseError, match=f"The {name} patches.*{sentence}"):
        train_classifier(pools["training"], pools["validation"], PLAIN, checkpoint, on_batch=PowerCut(1))
    assert not checkpoint.exists()


def test_training_stops_when_the_validation_loss_has_not_improved_for_patience_epochs(tmp_path: Path) -> None:
    still = replace(PLAIN, learning_rate=0.0, epochs=30, patience=2)
    assert len(trained(tmp_path / "still.ckpt", still).epochs) == 1 + still.patience


def test_the_best_epoch_is_kept_not_the_last(tmp_path: Path) -> None:
    wild = replace(PLAIN, learning_rate=0.03, epochs=8, patience=8)
    found = trained(tmp_path / "wild.ckpt", wild)
    losses = [epoch.validation_loss for epoch in found.epochs]
    assert losses[-1] > min(losses)
    logits = logits_of(found.network, VALIDATION.images)
    kept = torch.nn.functional.cross_entropy(logits, torch.from_numpy(VALIDATION.labels)).item()
    assert kept == pytest.approx(min(losses), rel=1e-6)


def test_an_epoch_without_a_finite_loss_is_never_the_best(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Tensor] = []

    def diverging(*arguments: object) -> Tensor:
        seen.append(logits_of(*arguments))  # type: ignore[arg-type]
        return seen[-1] * float("nan") if len(seen) > 1 else seen[-1]

    monkeypatch.setattr(training, "logits_of", diverging)
    found = trained(tmp_path / "diverging.ckpt")
    assert len(found.epochs) == 3
    assert torch.equal(logits_of(found.network, VALIDATION.images), seen[0])


def test_a_training_that_diverged_from_the_start_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match=r"diverged.*lower learning rate"):
        trained(tmp_path / "diverged.ckpt", replace(PLAIN, learning_rate=1e30))


def test_the_stripes_are_learned_and_progress_is_told(tmp_path: Path) -> None:
    epochs: list[Epoch] = []
    batches: list[tuple[int, int]] = []
    options = replace(EVERYTHING, epochs=8, patience=8, learning_rate=1e-2)
    found = train_classifier(
        striped(96, 1),
        VALIDATION,
        options,
        tmp_path / "learned.ckpt",
        on_epoch=epochs.append,
        on_batch=lambda done, total: batches.append((done, total)),
    )
    assert epochs == found.epochs
    assert [epoch.number for epoch in epochs] == list(range(1, 9))
    assert batches == [(done, 12) for done in range(1, 13)] * 8
    assert epochs[-1].balanced_accuracy == 1
    assert epochs[-1].train_loss < epochs[0].train_loss
    assert not found.network.training
    assert not found.network.layout.batch_norm
    assert found.temperature == fitted_temperature(
        logits_of(found.network, VALIDATION.images), torch.from_numpy(VALIDATION.labels)
    )


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_the_temperature_undoes_overconfidence(temperature: float) -> None:
    """Labels are drawn with the probability that the logits state; these are then exaggerated."""
    rng = np.random.default_rng(4)
    logits = rng.normal(0, 2, (4000, 2))
    crack = 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))
    labels = torch.from_numpy((rng.random(4000) < crack).astype(np.int64))
    assert fitted_temperature(torch.from_numpy(logits * temperature), labels) == pytest.approx(temperature, rel=0.08)


def test_balanced_accuracy_weighs_both_classes_alike() -> None:
    labels = np.array([1, 0, 0, 0, 0, 0], np.int64)
    assert balanced_accuracy(np.zeros(6), labels) == 0.5
    assert balanced_accuracy(np.array([0.5, 0.4, 0.4, 0.4, 0.4, 0.6]), labels) == pytest.approx(0.9)
    assert balanced_accuracy(np.array([0.5, 0.4, 0.4, 0.4, 0.4, 0.6]), labels, 0.55) == pytest.approx(0.4)


def test_presets_are_found_by_name_and_unknown_ones_listed() -> None:
    assert preset("paper", PRESETS).layout == Vgg11Layout()
    assert all(preset(name, PRESETS) is options for name, options in PRESETS.items())
    with pytest.raises(UnknownNameError, match="half, kept, paper, quarter"):
        preset("tenth", PRESETS)


def placed(patches: LabelledPatches) -> LabelledPatches:
    """The same patches, with the places of the stripe in cracked ones and made-up ones in the others."""
    places = np.zeros((len(patches.images), 4, 4), np.uint8)
    places[:, 1:3] = 255
    return replace(patches, places=places)


DENSE = replace(EVERYTHING, light_jitter=0.1, weight_average=0.9, dense_weight=0.5)


def test_without_a_dense_weight_places_change_nothing(tmp_path: Path) -> None:
    options = replace(DENSE, dense_weight=0.0)
    wanted = trained(tmp_path / "labels.ckpt", options)
    assert_same(train_classifier(placed(TRAIN), VALIDATION, options, tmp_path / "places.ckpt"), wanted)


@pytest.mark.parametrize("batch", [2, 5])
def test_an_interrupted_dense_training_ends_bit_for_bit_as_an_uninterrupted_one(tmp_path: Path, batch: int) -> None:
    """The heads are in the checkpoint, and not in the network."""
    wanted = train_classifier(placed(TRAIN), VALIDATION, DENSE, tmp_path / "whole.ckpt")
    with pytest.raises(Interruption):
        train_classifier(placed(TRAIN), VALIDATION, DENSE, tmp_path / "cut.ckpt", on_batch=PowerCut(batch))
    torch.manual_seed(99)
    assert_same(train_classifier(placed(TRAIN), VALIDATION, DENSE, tmp_path / "cut.ckpt"), wanted)
    plain = trained(tmp_path / "plain.ckpt", replace(DENSE, dense_weight=0.0))
    assert wanted.network.state_dict().keys() == plain.network.state_dict().keys()
    name = "features.0.weight"
    assert not torch.equal(wanted.network.state_dict()[name], plain.network.state_dict()[name])


def test_places_are_turned_as_their_patches_are() -> None:
    """Each patch is bright in one block alone, which its places name: so they do after flips and turns."""
    rng = np.random.default_rng(7)
    places = np.zeros((16, 4, 4), np.uint8)
    places[np.arange(16), rng.integers(4, size=16), rng.integers(4, size=16)] = 255
    images = np.repeat(np.kron(places, np.ones((8, 8), np.uint8))[..., None], 3, axis=3)
    pairs: list[tuple[Tensor, Tensor]] = []

    class Watched(training.DenseHeads):
        def forward(self, network: training.Vgg11, patches: Tensor) -> tuple[Tensor, list[Tensor]]:
            self.patches = patches
            return super().forward(network, patches)

    options = replace(DENSE, light_jitter=0.0)
    train = LabelledPatches(images, np.arange(16, dtype=np.int64) % 2, places)
    session = training._Session(training.Vgg11(options.layout), options, train, None)
    session.heads = watched = Watched(session.network)

    def noted(found: list[Tensor], seen: Tensor, labels: Tensor) -> Tensor:
        pairs.append((watched.patches, seen))
        return found[0].sum()

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(training, "dense_loss", noted)
        for seed in range(4):
            session._loss(train, np.arange(16), np.random.default_rng(seed))
    turned_away = 0
    for patches, seen in pairs:
        assert torch.equal(torch.nn.functional.max_pool2d(patches[:, :1], 8), seen)
        turned_away += int((seen[:, 0] * 255 != torch.from_numpy(places).float()).any())
    assert turned_away


PLACES_MISUSE = [None, np.zeros((20, 8, 8), np.uint8), np.zeros((19, 4, 4), np.uint8)]


@pytest.mark.parametrize("places", PLACES_MISUSE)
def test_a_dense_loss_without_fitting_places_is_refused(tmp_path: Path, places: NDArray[np.uint8] | None) -> None:
    with pytest.raises(MisuseError, match=r"needs places of the training patches, \(20, 4, 4\)"):
        train_classifier(replace(TRAIN, places=places), VALIDATION, DENSE, tmp_path / "never.ckpt")


def test_a_checkpoint_of_other_places_is_refused(tmp_path: Path) -> None:
    train = placed(TRAIN)
    train_classifier(train, VALIDATION, DENSE, tmp_path / "kept.ckpt")
    other = replace(train, places=np.zeros_like(train.places))
    with pytest.raises(MisuseError, match="other options or patches"):
        train_classifier(other, VALIDATION, DENSE, tmp_path / "kept.ckpt", on_batch=PowerCut(1))
    train_classifier(train, VALIDATION, DENSE, tmp_path / "kept.ckpt", on_batch=PowerCut(1))


def test_the_dense_loss_makes_the_features_say_where_the_stripe_is(tmp_path: Path) -> None:
    options = replace(DENSE, epochs=8, patience=8, learning_rate=1e-2, quarter_turns=False, dense_weight=1.0)
    train = placed(striped(96, 1))
    train_classifier(train, VALIDATION, options, tmp_path / "dense.ckpt")
    session = training._Session(training.Vgg11(options.layout), options, train, None)
    session.restore(tmp_path / "dense.ckpt")
    session.network.eval()
    with torch.inference_mode():
        _, (fine, _) = session.heads(session.network, training.as_batch(train.images))  # type: ignore[misc]
    cracked = torch.sigmoid(fine[torch.from_numpy(train.labels == 1), 0])
    assert cracked[:, 1:3].mean() > 0.7
    assert torch.sigmoid(fine[torch.from_numpy(train.labels == 0)]).mean() < 0.3
    assert cracked[:, [0, 3]].mean() < cracked[:, 1:3].mean()


def test_what_is_likely_is_learnt_instead_of_labels() -> None:
    labels = np.array([0, 1, 1], np.int64)
    likely = np.array([np.nan, 0.25, np.nan], np.float32)
    patches = LabelledPatches(np.zeros((3, 32, 32, 3), np.uint8), labels, likely=likely)
    wanted = training._wanted(patches, np.array([2, 1, 0]), 0.1, 2)
    np.testing.assert_allclose(wanted, [[0.05, 0.95], [0.75, 0.25], [0.95, 0.05]], atol=1e-6)
    plain = training._wanted(replace(patches, likely=None), np.array([1]), 0.0, 2)
    np.testing.assert_allclose(plain, [[0, 1]])
