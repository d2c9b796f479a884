"""A B-cos network is, for every patch, one linear map of that patch, and learns like any classifier."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_networks import random_patches, tiny_bcos
from torch.nn import functional

from monitor.errors import MisuseError
from monitor.networks.bcos import BcosConvolution, BcosLayout, BcosVgg11, encoded, linear_map
from monitor.networks.classification import crack_probability
from monitor.networks.training import BCOS_PRESETS, LabelledPatches, TrainingOptions, as_batch, train_classifier


@pytest.mark.parametrize("damage", [0, 1, 2])
def test_the_linear_map_reproduces_the_logit(damage: int) -> None:
    network = tiny_bcos(classes=3).network
    batch = as_batch(random_patches(5))
    weights, inputs = linear_map(network, batch, damage)
    assert weights.shape == inputs.shape == (5, 6, 32, 32)
    logits = network(batch)[:, damage].detach()
    assert logits.std() > 0
    torch.testing.assert_close((weights * inputs).sum((1, 2, 3)), logits, rtol=1e-4, atol=1e-6)
    assert all(parameter.grad is None for parameter in network.parameters())


def test_the_map_is_not_the_gradient_of_the_network() -> None:
    network = tiny_bcos().network
    inputs = encoded(as_batch(random_patches(1))).requires_grad_()
    (gradient,) = torch.autograd.grad(network.classified(inputs)[:, 1].sum(), inputs)
    assert not torch.allclose(gradient, linear_map(network, inputs[:, :3], 1)[0])


def test_a_unit_is_the_larger_of_two_scaled_by_its_cosine() -> None:
    """Slow restatement: every place, every unit."""
    torch.manual_seed(1)
    layer, values = BcosConvolution(2, 3, 3), torch.randn(1, 2, 4, 5)
    found, padded = layer(values)[0].detach(), functional.pad(values, (1, 1, 1, 1))[0]
    vectors = layer.weight.detach().reshape(6, -1)
    for row, col in np.ndindex(4, 5):
        patch = padded[:, row : row + 3, col : col + 3].flatten()
        linear = [float(vector @ patch / vector.norm()) for vector in vectors]
        for unit in range(3):
            largest = max(linear[unit], linear[unit + 3])
            wanted = largest * abs(largest) / float(patch.norm()) * layer.gain
            assert found[unit, row, col] == pytest.approx(wanted, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize(("width", "side"), [(1 / 32, 32), (1 / 16, 64), (1 / 16, 96)])
def test_widths_and_sides(width: float, side: int) -> None:
    network = BcosVgg11(BcosLayout(width=width, patch_px=side, head=8, classes=3))
    assert network.layers[0].weight.shape == (2 * round(64 * width), 6, 3, 3)
    assert network(torch.rand(2, 3, side, side)).shape == (2, 3)
    with pytest.raises(ValueError, match="multiples of 32"):
        network(torch.rand(1, 3, side + 8, side))


def test_black_is_not_nothing() -> None:
    logits = crack_probability(tiny_bcos(), np.zeros((1, 32, 32, 3), np.uint8), 2)
    assert logits[0] != pytest.approx(0.5, abs=1e-9)


def test_it_is_trained_as_a_classifier_is(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(40, dtype=np.int64) % 2
    images = rng.integers(140, 180, (40, 32, 32, 3), dtype=np.uint8)
    images[labels == 1, 12:18] = 10
    patches = LabelledPatches(images, labels)
    layout = BcosLayout(width=1 / 32, patch_px=32, head=8)
    options = TrainingOptions(layout=layout, epochs=6, batch_size=8, learning_rate=2e-2)
    found = train_classifier(patches, patches, options, tmp_path / "bcos.ckpt")
    assert isinstance(found.network, BcosVgg11)
    assert found.epochs[-1].validation_loss < found.epochs[0].validation_loss
    assert found.epochs[-1].balanced_accuracy == 1.0


def test_the_paper_and_its_twin() -> None:
    paper, twin = BCOS_PRESETS["paper"], BCOS_PRESETS["twin"]
    assert (paper.layout, paper.learning_rate) == (BcosLayout(), 1e-5)
    assert (paper.layout.width, paper.layout.head, paper.weight_decay) == (1.0, 128, 1e-8)
    assert twin.layout == BcosLayout(width=0.25, patch_px=128)


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    patches = LabelledPatches(random_patches(4, side_px=40), np.array([0, 1, 0, 1]))
    with pytest.raises(MisuseError, match="multiple of 32"):
        train_classifier(patches, patches, TrainingOptions(layout=BcosLayout(patch_px=40)), tmp_path / "no.ckpt")
    dense = TrainingOptions(layout=BcosLayout(patch_px=32), dense_weight=0.5)
    with pytest.raises(MisuseError, match="labels alone"):
        train_classifier(patches, patches, dense, tmp_path / "no.ckpt")
    assert not list(tmp_path.iterdir())
