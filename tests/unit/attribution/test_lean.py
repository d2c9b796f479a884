"""The lean engine: each rule by itself, pooling, and what it refuses."""

from typing import Any

import numpy as np
import plain_lrp
import pytest
import torch
from plain_lrp import PlainLayer, Values
from tiny_networks import BATCH, random_patches, tiny_classifier, tiny_network
from torch import Tensor, nn
from torch.nn import functional

from monitor.attribution import lean, lrp
from monitor.attribution.base import classify_and_explain
from monitor.attribution.lean import AlphaBeta, Box, Gamma, LeanLrp, Winners, quotient
from monitor.attribution.rules import Start, both_logits, crack_logit
from monitor.errors import MisuseError
from monitor.networks.classification import crack_probability
from monitor.networks.training import as_batch, logits_of
from monitor.networks.weights import Classifier


def close(found: Any, wanted: Any) -> None:
    """Equal but for float32: within 0.1 % of the largest value."""
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-3 * np.abs(wanted).max())


def layer_of(inputs: int, outputs: int, seed: int) -> nn.Conv2d:
    layer = nn.Conv2d(inputs, outputs, 3, padding=1)
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.from_numpy(0.3 * rng.standard_normal(parameter.shape)))
    return layer


def back_through(rule: Any, layer: nn.Conv2d, inputs: Tensor, relevance: Tensor) -> Tensor:
    """Relevance of one layer's inputs, where no pooling follows."""
    outputs = layer(inputs).relu()
    denominators = rule.denominators(inputs, outputs, lambda values: values)
    found: Tensor = rule.backward(inputs, [quotient(relevance, each) for each in denominators])
    return found


def drawn(layer: nn.Conv2d, side: int, seed: int) -> tuple[Tensor, Tensor]:
    """Inputs in [0, 1], some exactly 0 or 1, and relevance of the outputs: none where a ReLU gives nothing."""
    rng = np.random.default_rng(seed)
    inputs = torch.from_numpy(rng.uniform(-0.3, 1.3, (1, layer.in_channels, side, side)).clip(0, 1)).float()
    outputs = layer(inputs).relu()
    return inputs, outputs * torch.from_numpy(rng.standard_normal(outputs.shape)).float()


def plainly(layer: nn.Conv2d, inputs: Tensor, relevance: Tensor) -> tuple[PlainLayer, Values, Values]:
    plain = PlainLayer(layer, tuple(inputs.shape[1:]))
    return plain, inputs.double().numpy().ravel(), relevance.double().numpy().ravel()


@torch.no_grad()
@pytest.mark.parametrize("seed", range(4))
def test_the_box_rule_restated_slowly(seed: int) -> None:
    layer = layer_of(3, 5, seed)
    inputs, relevance = drawn(layer, 6, seed)
    wanted = plain_lrp.zbox(*plainly(layer, inputs, relevance), low=0, high=1).reshape(inputs.shape)
    close(back_through(Box(layer.weight, layer.bias), layer, inputs, relevance), wanted.sum(axis=1, keepdims=True))


@torch.no_grad()
@pytest.mark.parametrize("seed", range(4))
def test_the_alpha_beta_rule_restated_slowly(seed: int) -> None:
    layer = layer_of(4, 6, seed)
    inputs, relevance = drawn(layer, 6, seed)
    wanted = plain_lrp.alpha_beta(*plainly(layer, inputs, relevance), alpha=2, beta=1).reshape(inputs.shape)
    close(back_through(AlphaBeta(layer.weight, layer.bias), layer, inputs, relevance), wanted)


@torch.no_grad()
@pytest.mark.parametrize("channels", [4, lean._WIDE])
@pytest.mark.parametrize("side", [4, 6])
def test_the_gamma_rule_restated_slowly(channels: int, side: int) -> None:
    layer = layer_of(channels, channels, side)
    inputs, relevance = drawn(layer, side, channels)
    wanted = plain_lrp.gamma(*plainly(layer, inputs, relevance), strength=0.25).reshape(inputs.shape)
    close(back_through(Gamma(layer.weight, layer.bias), layer, inputs, relevance), wanted)


@pytest.mark.parametrize(("start", "put"), [(crack_logit, lambda logit: [0, logit]), (both_logits, lambda _: [1, 1])])
@pytest.mark.parametrize("seed", range(3))
def test_the_whole_is_that_of_the_rules_restated_slowly(seed: int, start: Start, put: Any) -> None:
    classifier, patches = tiny_classifier(seed), random_patches(2, seed)
    found = LeanLrp(classifier, BATCH, start).explain(patches)
    logits = logits_of(classifier.network, patches)[:, 1]
    for patch, logit, relevance in zip(as_batch(patches).double().numpy(), logits, found, strict=True):
        wanted = plain_lrp.relevance_of(classifier.network, patch, np.array(put(float(logit)), float))
        assert np.ptp(wanted) > 0
        close(relevance, wanted.mean(axis=0))


def test_denominators_are_kept_from_zero_on_their_own_side() -> None:
    found = quotient(torch.ones(4), torch.tensor([0.0, 1e-6, -1e-6, -2.0]))
    torch.testing.assert_close(found, torch.tensor([1e6, 5e5, -5e5, -0.5]), rtol=1e-5, atol=0)


@pytest.mark.parametrize("size", [(4, 6), (5, 7), (2, 3)])
def test_winners_are_those_of_torch_also_among_equals(size: tuple[int, int]) -> None:
    """Whole numbers from 0 to 2: most windows have several largest values."""
    rng = np.random.default_rng(0)
    inputs = torch.from_numpy(rng.integers(0, 3, (2, 5, *size))).float().requires_grad_()
    outputs, indices = functional.max_pool2d(inputs, 2, return_indices=True)
    wanted = torch.from_numpy(rng.standard_normal(outputs.shape)).float()
    outputs.backward(wanted)
    winners = Winners(indices, inputs.shape[2:])
    assert torch.equal(winners.taken(inputs.detach()), outputs.detach())
    assert inputs.grad is not None
    assert torch.equal(winners.returned(wanted), inputs.grad)


def test_the_way_forward_is_the_networks_own() -> None:
    classifier, patches = tiny_classifier(), random_patches(BATCH)
    with torch.inference_mode():
        found = LeanLrp(classifier, BATCH, crack_logit).forward(as_batch(patches)).connected[-1]
    torch.testing.assert_close(found, logits_of(classifier.network, patches))


def test_a_network_with_batch_norm_is_refused() -> None:
    classifier = Classifier("unfolded", tiny_network(batch_norm=True), 1.0, 0.5, "")
    with pytest.raises(MisuseError, match="fold it into them first"):
        LeanLrp(classifier, BATCH, crack_logit)


def test_the_engines_do_not_share_a_fingerprint() -> None:
    classifier = tiny_classifier()
    mine, zennits = lean.crack_lrp(classifier, BATCH).as_options(), lrp.crack_lrp(classifier, BATCH).as_options()
    assert {name for name in mine if mine[name] != zennits[name]} == {"engine"}


@pytest.mark.parametrize("positives", [0, 1, 3, 7])
def test_what_goes_on_from_the_classification_is_what_starts_anew(positives: int) -> None:
    classifier, patches = tiny_classifier(), random_patches(2 * BATCH + 3)
    method = lean.crack_lrp(classifier, BATCH)
    wanted = crack_probability(classifier, patches, BATCH)
    threshold = float(np.sort(wanted)[-positives] - 1e-6) if positives else 1.1
    probability, relevance = method.classify_and_explain(patches, threshold)
    np.testing.assert_allclose(probability, wanted, atol=1e-5)
    cracked = patches[wanted >= threshold]
    assert len(relevance) == len(cracked) == positives
    scale = np.abs(method.explain(patches)).max()
    np.testing.assert_allclose(relevance, method.explain(cracked), atol=1e-3 * scale)


def test_what_a_judge_changes_is_explained_as_it_says() -> None:
    """Some that the classifier alone would call sound are explained, too, and in the order of the patches."""
    classifier, patches = tiny_classifier(), random_patches(2 * BATCH + 3)
    method, alone = lean.crack_lrp(classifier, BATCH), crack_probability(classifier, patches, BATCH)
    threshold = float(np.sort(alone)[len(alone) // 2 - 1 : len(alone) // 2 + 1].mean())  # between two of them
    probability, relevance = classify_and_explain(method, classifier, patches, BATCH, threshold, np.flip)
    np.testing.assert_allclose(probability, alone[::-1], atol=1e-5)
    changed = patches[alone[::-1] >= threshold]
    assert 0 < len(changed) < len(patches)
    np.testing.assert_allclose(relevance, method.explain(changed), atol=1e-3 * np.abs(relevance).max())


def test_a_patch_gives_the_same_whatever_came_with_it() -> None:
    method, patches = lean.crack_lrp(tiny_classifier(), BATCH), random_patches(BATCH + 2)
    probability, relevance = method.classify_and_explain(patches, 0.0)
    for turned in (patches[::-1], np.concatenate([random_patches(3, seed=9), patches])):
        again, explained = method.classify_and_explain(turned, 0.0)
        kept = slice(None, None, -1) if len(turned) == len(patches) else slice(3, None)
        assert np.array_equal(again[kept], probability)
        assert np.array_equal(explained[kept], relevance)
