"""A patch's crack probability depends on that patch alone."""

import numpy as np
import pytest
import torch
from tiny_networks import BATCH, SIDE_PX, random_patches, tiny_classifier
from torch import Tensor, nn

from monitor.networks.classification import crack_probability, padded
from monitor.networks.training import as_batch
from monitor.networks.weights import Classifier


class Counting(nn.Module):
    """Takes note of the batch sizes it is given."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.sizes: list[int] = []

    def forward(self, patches: Tensor) -> Tensor:
        self.sizes.append(len(patches))
        logits: Tensor = self.network(patches)
        return logits


@pytest.mark.parametrize("count", [1, 3, BATCH, BATCH + 1, 2 * BATCH + 3])
def test_neighbours_do_not_change_a_single_bit(count: int) -> None:
    classifier, patches = tiny_classifier(), random_patches(count)
    alone = [crack_probability(classifier, patch[None], BATCH) for patch in patches]
    others = random_patches(5, seed=9)
    together = crack_probability(classifier, patches, BATCH)
    after_others = crack_probability(classifier, np.concatenate([others, patches]), BATCH)[len(others) :]
    backwards = crack_probability(classifier, patches[::-1], BATCH)[::-1]
    for found in (np.concatenate(alone), after_others, backwards):
        np.testing.assert_array_equal(found, together)


def test_the_network_sees_full_batches_only() -> None:
    network = Counting(tiny_classifier().network)
    classifier = Classifier("counting", network, 1.0, 0.5, "")  # type: ignore[arg-type]
    assert len(crack_probability(classifier, random_patches(2 * BATCH + 1), BATCH)) == 2 * BATCH + 1
    assert network.sizes == [BATCH] * 3


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_logits_are_divided_by_the_temperature(temperature: float) -> None:
    classifier, patches = tiny_classifier(temperature=temperature), random_patches(BATCH)
    with torch.inference_mode():
        crack_free, crack = classifier.network(as_batch(patches)).double().numpy().T
    found = crack_probability(classifier, patches, BATCH)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, 1 / (1 + np.exp((crack_free - crack) / temperature)), rtol=1e-12)
    assert np.ptp(found) > 0.01


def test_no_patches_give_no_probabilities() -> None:
    found = crack_probability(tiny_classifier(), np.zeros((0, SIDE_PX, SIDE_PX, 3), np.uint8), BATCH)
    assert found.shape == (0,)
    assert found.dtype == np.float64


def test_padding_appends_black_patches_and_changes_no_other() -> None:
    patches = random_patches(3)
    before = patches.copy()
    filled = padded(patches, 5)
    np.testing.assert_array_equal(filled[:3], before)
    assert not filled[3:].any()
    assert filled.dtype == np.uint8
    np.testing.assert_array_equal(padded(patches, 3), patches)
    crack_probability(tiny_classifier(), patches, BATCH)
    np.testing.assert_array_equal(patches, before)
