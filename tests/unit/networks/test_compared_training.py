"""Explainer, oracle and autoencoder: resumable, refused when data do not fit, and learning what they are shown."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_networks import SIDE_PX, random_patches, tiny_classifier
from torch import nn

from monitor.errors import MisuseError, UnknownNameError
from monitor.networks.autoencoder import AutoencoderLayout
from monitor.networks.autoencoder_training import (
    AUTOENCODER_PRESETS,
    AutoencoderOptions,
    SoundPatches,
    train_autoencoder,
)
from monitor.networks.epochs import Epoch
from monitor.networks.explainer_training import EXPLAINER_PRESETS, DamagedPatches, ExplainerOptions, train_explainer
from monitor.networks.oracle_training import ORACLE_PRESETS, MaskedPatches, OracleOptions, dice_loss, train_oracle
from monitor.networks.training import as_batch
from monitor.networks.unet11 import Unet11Layout
from monitor.networks.vgg import Vgg11

WIDTH = 1 / 32
EXPLAINER = ExplainerOptions(layout=Unet11Layout(WIDTH), epochs=3, batch_size=4, learning_rate=1e-3)
ORACLE = OracleOptions(layout=Unet11Layout(WIDTH), patch_px=SIDE_PX, epochs=3, batch_size=4, learning_rate=1e-2)
AUTOENCODER = AutoencoderOptions(
    layout=AutoencoderLayout(WIDTH, SIDE_PX, head=16, bottleneck=8), epochs=3, batch_size=4, learning_rate=3e-3
)


def barred(count: int, seed: int = 0) -> MaskedPatches:
    """Noise with a dark bar across each patch, somewhere."""
    rng = np.random.default_rng(seed)
    images = rng.integers(120, 200, (count, SIDE_PX, SIDE_PX, 3), dtype=np.uint8)
    masks = np.zeros((count, SIDE_PX, SIDE_PX), bool)
    for patch, start in enumerate(rng.integers(2, 26, count)):
        masks[patch, start : start + 4] = True
    images[masks] //= 4
    return MaskedPatches(images, masks)


def damaged(count: int, kinds: int = 1) -> DamagedPatches:
    return DamagedPatches(barred(count).images, np.ones((count, kinds), bool))


Trained = tuple[nn.Module, list[Epoch]]
Train = Callable[..., Trained]


def explainer(checkpoint: Path, **given: Any) -> Trained:
    return train_explainer(damaged(10), damaged(5), tiny_classifier(), EXPLAINER, checkpoint, **given)


def oracle(checkpoint: Path, **given: Any) -> Trained:
    return train_oracle(barred(10), barred(5, 1), ORACLE, checkpoint, **given)


def autoencoder(checkpoint: Path, **given: Any) -> Trained:
    return train_autoencoder(
        SoundPatches(random_patches(10)), SoundPatches(random_patches(5, 1)), AUTOENCODER, checkpoint, **given
    )


class Interruption(Exception):
    """The power goes."""


def cut_at(batch: int) -> Callable[[int, int], None]:
    seen: list[int] = []

    def on_batch(done: int, _total: int) -> None:
        seen.append(done)
        if len(seen) == batch:
            raise Interruption

    return on_batch


@pytest.mark.parametrize("train", [explainer, oracle, autoencoder])
@pytest.mark.parametrize("batch", [2, 5, 9])
def test_an_interrupted_training_ends_bit_for_bit_as_an_uninterrupted_one(
    train: Train, batch: int, tmp_path: Path
) -> None:
    wanted, epochs = train(tmp_path / "whole.ckpt")
    assert [epoch.number for epoch in epochs] == [1, 2, 3]
    with pytest.raises(Interruption):
        train(tmp_path / "cut.ckpt", on_batch=cut_at(batch))
    torch.manual_seed(99)
    told: list[Epoch] = []
    found, again = train(tmp_path / "cut.ckpt", on_epoch=told.append)
    assert again == epochs
    assert told == epochs[(batch - 1) // 3 :]
    for name, value in wanted.state_dict().items():
        assert torch.equal(found.state_dict()[name], value), name
    assert not found.training
    finished, _ = train(tmp_path / "cut.ckpt", on_batch=cut_at(1))
    assert all(torch.equal(finished.state_dict()[name], value) for name, value in wanted.state_dict().items())


@pytest.mark.parametrize("train", [explainer, oracle, autoencoder])
def test_a_checkpoint_of_another_training_is_refused(train: Train, tmp_path: Path, monkeypatch: Any) -> None:
    train(tmp_path / "kept.ckpt")
    name = {explainer: "EXPLAINER", oracle: "ORACLE", autoencoder: "AUTOENCODER"}[train]
    monkeypatch.setitem(globals(), name, replace(globals()[name], seed=1))
    with pytest.raises(MisuseError, match=r"kept\.ckpt belongs to a training with other options"):
        train(tmp_path / "kept.ckpt")


def test_an_explainer_of_another_classifier_is_another_training(tmp_path: Path) -> None:
    explainer(tmp_path / "kept.ckpt")
    other = replace(tiny_classifier(), sha256="5" * 64)
    with pytest.raises(MisuseError, match="belongs to a training with other"):
        train_explainer(damaged(10), damaged(5), other, EXPLAINER, tmp_path / "kept.ckpt")


def test_training_ends_when_validation_does_not_improve(tmp_path: Path) -> None:
    options = replace(AUTOENCODER, epochs=20, patience=2, learning_rate=0.0)
    patches = SoundPatches(random_patches(4))
    _, epochs = train_autoencoder(patches, patches, options, tmp_path / "still.ckpt")
    assert len(epochs) == 3


def test_the_classifier_is_left_as_it_was(tmp_path: Path) -> None:
    classifier = tiny_classifier()
    before = {name: value.clone() for name, value in classifier.network.state_dict().items()}
    train_explainer(damaged(6), damaged(3), classifier, EXPLAINER, tmp_path / "some.ckpt")
    assert all(torch.equal(classifier.network.state_dict()[name], value) for name, value in before.items())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in classifier.network.parameters())
    assert not classifier.network.training


class _DarkGrey(Vgg11):
    """The more pixels are dark grey, but not black, the more cracked: no learnt weights at all."""

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        seen = torch.exp(-(((patches.mean(1) - 0.16) / 0.1) ** 2)).mean((1, 2)) * 40 - 2
        return torch.stack([-seen, seen], 1)


def test_a_mask_finds_what_the_classifier_goes_by(tmp_path: Path) -> None:
    network = _DarkGrey(tiny_classifier().network.layout).eval()
    classifier = replace(tiny_classifier(), network=network)
    options = replace(EXPLAINER, layout=Unet11Layout(1 / 8), epochs=20, learning_rate=3e-3, batch_size=8)
    found, _ = train_explainer(damaged(32), damaged(8), classifier, options, tmp_path / "bars.ckpt")
    seen = barred(8, 5)
    with torch.inference_mode():
        mask = torch.sigmoid(found(as_batch(seen.images)))[:, 0].numpy()
    assert mask[seen.masks].mean() > 2 * mask[~seen.masks].mean()


def test_the_oracle_learns_masks_and_turns_them_with_their_pictures(tmp_path: Path) -> None:
    options = replace(ORACLE, epochs=25, patience=25, quarter_turns=True, batch_size=8)
    found, epochs = train_oracle(barred(32), barred(8, 1), options, tmp_path / "bars.ckpt")
    seen = barred(8, 5)
    with torch.inference_mode():
        marked = (found(as_batch(seen.images))[:, 0] > 0).numpy()
    assert (marked & seen.masks).sum() * 2 / (marked.sum() + seen.masks.sum()) > 0.8
    assert epochs[-1].validation_loss < epochs[0].validation_loss


def test_the_dice_loss_against_its_definition() -> None:
    rng = np.random.default_rng(0)
    logits, crack = rng.normal(0, 2, (2, 1, 4, 5)), rng.random((2, 1, 4, 5)) < 0.3
    shared = sum(1 / (1 + np.exp(-logit)) for logit, there in zip(logits.ravel(), crack.ravel(), strict=True) if there)
    called = (1 / (1 + np.exp(-logits))).sum()
    found = dice_loss(torch.from_numpy(logits), torch.from_numpy(crack).double())
    assert found.item() == pytest.approx(1 - (2 * shared + 1) / (called + crack.sum() + 1))


def test_the_autoencoder_learns_to_rebuild_even_patches_but_not_what_it_never_saw(tmp_path: Path) -> None:
    greys = np.random.default_rng(0).integers(60, 200, (64, 1, 1, 3), dtype=np.uint8)
    sound = SoundPatches(np.tile(greys, (1, SIDE_PX, SIDE_PX, 1)))
    layout = AutoencoderLayout(1 / 8, SIDE_PX, head=16, bottleneck=8)
    options = replace(AUTOENCODER, layout=layout, epochs=25, patience=25, batch_size=8, learning_rate=1e-3)
    found, epochs = train_autoencoder(sound, sound, options, tmp_path / "even.ckpt")
    assert min(epoch.validation_loss for epoch in epochs) < 0.7 * epochs[0].validation_loss
    cracked = sound.images[:4].copy()
    cracked[:, 14:18] = 0
    with torch.inference_mode():
        error = (found(as_batch(cracked)) - as_batch(cracked)).square().mean(1).numpy()
    assert error[:, 14:18].mean() > 3 * error[:, :8].mean()


MISUSE: list[tuple[str, Callable[[Path], Trained]]] = [
    ("wanted are", lambda path: train_explainer(
        DamagedPatches(random_patches(2, side_px=64), np.ones((2, 1), bool)), damaged(2), tiny_classifier(), EXPLAINER,
        path)),
    ("show no damage", lambda path: train_explainer(
        damaged(2), DamagedPatches(random_patches(2), np.zeros((2, 1), bool)), tiny_classifier(), EXPLAINER, path)),
    ("one patch at least", lambda path: train_explainer(damaged(0), damaged(2), tiny_classifier(), EXPLAINER, path)),
    ("1 kinds of damage", lambda path: train_explainer(
        damaged(2), damaged(2), tiny_classifier(), replace(EXPLAINER, layout=Unet11Layout(WIDTH, 2)), path)),
    ("no range of shares", lambda path: train_explainer(
        damaged(2), damaged(2), tiny_classifier(), replace(EXPLAINER, least_area=0.5), path)),
    ("cannot start from", lambda path: train_explainer(
        damaged(2), damaged(2), tiny_classifier(),
        replace(EXPLAINER, layout=Unet11Layout(1 / 16), from_classifier=True), path)),
    ("nothing to learn", lambda path: train_oracle(
        barred(2), MaskedPatches(random_patches(2), np.zeros((2, 32, 32), bool)), ORACLE, path)),
    ("with masks", lambda path: train_oracle(
        MaskedPatches(random_patches(2), np.zeros((2, 31, 32), bool)), barred(2), ORACLE, path)),
    ("one mask, not with 2", lambda path: train_oracle(
        barred(2), barred(2), replace(ORACLE, layout=Unet11Layout(WIDTH, 2)), path)),
    ("multiple of 32", lambda path: train_oracle(barred(2), barred(2), replace(ORACLE, patch_px=40), path)),
    ("one at least", lambda path: train_autoencoder(
        SoundPatches(random_patches(0)), SoundPatches(random_patches(2)), AUTOENCODER, path)),
    ("wanted are", lambda path: train_autoencoder(
        SoundPatches(random_patches(2)), SoundPatches(random_patches(2, side_px=64)), AUTOENCODER, path)),
]  # fmt: skip


@pytest.mark.parametrize(("sentence", "train"), MISUSE)
def test_what_does_not_fit_is_refused_before_the_first_epoch(
    sentence: str, train: Callable[[Path], Trained], tmp_path: Path
) -> None:
    with pytest.raises(MisuseError, match=sentence):
        train(tmp_path / "never.ckpt")
    assert not list(tmp_path.iterdir())


def test_an_unknown_loss_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"'blank'\. Known: entropy, negative_class"):
        train_explainer(damaged(2), damaged(2), tiny_classifier(), replace(EXPLAINER, outside="blank"), tmp_path / "no")


def test_the_papers_hyperparameters() -> None:
    one = EXPLAINER_PRESETS["paper"]
    assert (one.layout.width, one.learning_rate, one.weight_decay, one.outside) == (1.0, 1e-5, 0, "negative_class")
    assert (one.outside_weight, one.area_weight, one.variation_weight) == (0.1, 0.1, 0.1)
    assert (one.least_area, one.most_area, one.from_classifier) == (0.001, 0.15, False)
    two = ORACLE_PRESETS["paper"]
    assert (two.layout.width, two.learning_rate, two.weight_decay, two.epochs) == (1.0, 1e-4, 0, 100)
    three = AUTOENCODER_PRESETS["paper"]
    assert (three.layout.head, three.layout.bottleneck, three.layout.width) == (128, 100, 1.0)
    for presets in (EXPLAINER_PRESETS, ORACLE_PRESETS, AUTOENCODER_PRESETS):
        assert presets["twin"].layout.width == 0.25
