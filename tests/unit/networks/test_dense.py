"""The dense loss, told anew slowly; its heads read the classifier's features and change nothing of its answer."""

import numpy as np
import pytest
import torch
from tiny_networks import random_patches, tiny_network
from torch.nn import functional

from monitor.networks.dense import DenseHeads, dense_loss
from monitor.networks.training import as_batch


def test_the_heads_leave_the_logits_as_they_are_and_say_something_of_each_place() -> None:
    network = tiny_network(batch_norm=True)
    batch = as_batch(random_patches(3))
    logits, places = DenseHeads(network)(network, batch)
    assert torch.equal(logits, network(batch))
    assert [tuple(each.shape) for each in places] == [(3, 1, 4, 4), (3, 1, 2, 2)]


def test_gradients_reach_the_layers_before_both_heads_but_not_the_classifier() -> None:
    network = tiny_network()
    heads = DenseHeads(network)
    with torch.no_grad():
        for head in heads.heads:
            head.weight.fill_(0.1)
    _, found = heads(network, as_batch(random_patches(2)))
    dense_loss(found, torch.ones(2, 1, 4, 4), torch.tensor([1, 1])).backward()
    assert network.features[0].weight.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in network.classifier.parameters())


def test_the_loss_is_the_mean_over_patches_that_count() -> None:
    """Sound ones everywhere against nothing, cracked ones against their places, those that show none not at all."""
    rng = np.random.default_rng(0)
    fine, coarse = rng.normal(0, 2, (4, 1, 4, 4)), rng.normal(0, 2, (4, 1, 2, 2))
    places = rng.random((4, 1, 4, 4))
    places[2] *= 0.29
    labels = [1, 0, 1, 1]

    def of_place(logit: float, truth: float) -> float:
        probability = 1 / (1 + np.exp(-logit))
        return -(1 + 2 * truth) * (truth * np.log(probability) + (1 - truth) * np.log(1 - probability))

    total = 0.0
    for logits in (fine, coarse):
        side, block = logits.shape[-1], 4 // logits.shape[-1]
        means = []
        for patch in (0, 1, 3):
            losses = [
                of_place(
                    logits[patch, 0, row, col],
                    labels[patch]
                    * places[patch, 0, row * block : (row + 1) * block, col * block : (col + 1) * block].max(),
                )
                for row in range(side)
                for col in range(side)
            ]
            means.append(np.mean(losses))
        total += np.mean(means)
    found = dense_loss(
        [torch.from_numpy(fine), torch.from_numpy(coarse)], torch.from_numpy(places), torch.tensor(labels)
    )
    assert found.item() == pytest.approx(total, rel=1e-5)


def test_without_a_patch_that_counts_there_is_no_loss() -> None:
    logits = [torch.ones(2, 1, 4, 4), torch.ones(2, 1, 2, 2)]
    assert dense_loss(logits, torch.zeros(2, 1, 4, 4), torch.tensor([1, 1])).item() == 0


def test_what_the_places_of_sound_patches_say_does_not_matter() -> None:
    logits = [functional.pad(torch.ones(1, 1, 2, 2), (1, 1, 1, 1)), torch.ones(1, 1, 2, 2)]
    labels = torch.tensor([0])
    assert dense_loss(logits, torch.ones(1, 1, 4, 4), labels) == dense_loss(logits, torch.zeros(1, 1, 4, 4), labels)
