"""The lean engine gives zennit's relevance.

LRP divides by numbers near zero: another order of summation alone moves single pixels. So maps are compared as a
whole, by Pearson's correlation and the relative L2 distance.
"""

import numpy as np
import pytest
import torch
from tiny_networks import hooks_on
from torch import nn

from monitor.attribution.lean import LeanLrp
from monitor.attribution.lrp import Lrp
from monitor.attribution.rules import Start, both_logits, crack_logit
from monitor.networks.training import logits_of
from monitor.networks.vgg import Vgg11, Vgg11Layout, folded
from monitor.networks.weights import Classifier, load_classifier
from monitor.records import ByteArray, FloatArray

PEARSON, DISTANCE = 0.9999, 1e-2


def random_classifier(width: float, patch_px: int, seed: int = 0) -> Classifier:
    """A network as training leaves it: batch norms with statistics of their own, folded into He-scaled weights."""
    network = Vgg11(Vgg11Layout(width=width, patch_px=patch_px, batch_norm=True)).eval()
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if value.ndim > 1:
                value.copy_(torch.from_numpy(np.sqrt(2 / value[0].numel()) * rng.standard_normal(value.shape)))
            elif name.endswith("running_var") or (name.startswith("features") and name.endswith("weight")):
                value.copy_(torch.from_numpy(rng.uniform(0.5, 1.5, value.shape)))
            elif value.ndim == 1:
                value.copy_(torch.from_numpy(0.1 * rng.standard_normal(value.shape)))
    return Classifier("random", folded(network), 1.0, 0.5, "0" * 64)


def patches_of_all_kinds(side_px: int) -> ByteArray:
    """Noise, a wall with a crack, the same overexposed and underexposed (half of it 0 or 255), black, white."""
    rng = np.random.default_rng(side_px)
    noise = rng.integers(0, 256, (side_px, side_px, 3))
    rows, cols = np.mgrid[:side_px, :side_px]
    wall = 150 + 8 * rng.standard_normal((side_px, side_px, 3)) + 20 * np.sin(cols / 9)[..., None]
    wall[np.abs(rows - side_px / 2 - 6 * np.sin(cols / 15)) < 2] -= 110
    flat = [np.full_like(noise, level) for level in (0, 255)]
    kinds = [noise, wall, wall + 105, wall - 150, *flat]
    return np.stack(kinds).clip(0, 255).astype(np.uint8)


def with_bias(classifier: Classifier, logit: int, bias: float) -> Classifier:
    head = classifier.network.classifier[-1]
    assert isinstance(head, nn.Linear)
    with torch.no_grad():
        head.bias[logit] = bias
    return classifier


def assert_same(found: FloatArray, wanted: FloatArray) -> None:
    for one, other in zip(found.astype(float), wanted.astype(float), strict=True):
        assert np.ptp(other) > 0
        assert np.corrcoef(one.ravel(), other.ravel())[0, 1] >= PEARSON
        assert np.linalg.norm(one - other) <= DISTANCE * np.linalg.norm(other)


@pytest.mark.parametrize("start", [crack_logit, both_logits])
@pytest.mark.parametrize(
    ("width", "patch_px", "seed"),
    [(0.125, 64, 0), (0.125, 128, 1), (0.125, 256, 2), (0.25, 64, 3), (0.25, 128, 4), (0.5, 64, 5), (0.5, 128, 6)],
)
def test_random_networks(width: float, patch_px: int, seed: int, start: Start) -> None:
    classifier, patches = random_classifier(width, patch_px, seed), patches_of_all_kinds(patch_px)
    assert_same(LeanLrp(classifier, 4, start).explain(patches), Lrp(classifier, 2, start).explain(patches))


@pytest.mark.parametrize("start", [crack_logit, both_logits])
def test_the_shipped_network(start: Start) -> None:
    classifier = load_classifier("default")
    patches = patches_of_all_kinds(classifier.patch_px)
    assert_same(LeanLrp(classifier, 4, start).explain(patches), Lrp(classifier, 2, start).explain(patches))


@pytest.mark.parametrize("bias", [-50.0, 50.0])
def test_a_crack_logit_of_either_sign(bias: float) -> None:
    classifier = with_bias(random_classifier(0.125, 64), 1, bias)
    patches = patches_of_all_kinds(64)
    assert (np.sign(logits_of(classifier.network, patches)[:, 1].numpy()) == np.sign(bias)).all()
    assert_same(LeanLrp(classifier, 4, crack_logit).explain(patches), Lrp(classifier, 2, crack_logit).explain(patches))


@pytest.mark.parametrize("side_px", [96, 128, 160])
def test_patches_of_another_size_than_the_networks_own(side_px: int) -> None:
    """Their features are averaged: evenly, or in parts that overlap."""
    classifier, patches = random_classifier(0.125, 64), patches_of_all_kinds(side_px)
    assert_same(LeanLrp(classifier, 4, crack_logit).explain(patches), Lrp(classifier, 2, crack_logit).explain(patches))


@pytest.mark.parametrize("patch_px", [70, 100])
def test_sides_that_pooling_does_not_halve_evenly(patch_px: int) -> None:
    classifier, patches = random_classifier(0.25, patch_px), patches_of_all_kinds(patch_px)
    assert_same(LeanLrp(classifier, 4, crack_logit).explain(patches), Lrp(classifier, 2, crack_logit).explain(patches))


@pytest.mark.parametrize("batch_size", [1, 2, 3, 16])
def test_neighbours_do_not_change_a_single_bit_in_a_wide_network(batch_size: int) -> None:
    """Wide enough for Winograd convolutions."""
    method, patches = LeanLrp(random_classifier(0.25, 64), batch_size, crack_logit), patches_of_all_kinds(64)[:5]
    together = method.explain(patches)
    np.testing.assert_array_equal(np.concatenate([method.explain(patch[None]) for patch in patches]), together)
    np.testing.assert_array_equal(method.explain(patches[::-1].copy())[::-1], together)
    np.testing.assert_array_equal(method.explain(patches[1:]), together[1:])


def test_the_network_keeps_its_weights_and_gets_no_hooks() -> None:
    classifier, patches = load_classifier("default"), patches_of_all_kinds(128)
    before = {name: value.clone() for name, value in classifier.network.state_dict().items()}
    with pytest.MonkeyPatch.context() as patched:
        for kind in ("register_forward_hook", "register_forward_pre_hook", "register_full_backward_hook"):
            patched.setattr(nn.Module, kind, None)
        LeanLrp(classifier, 4, crack_logit).explain(patches)
    assert hooks_on(classifier.network) == 0
    assert all(torch.equal(value, before[name]) for name, value in classifier.network.state_dict().items())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in classifier.network.parameters())
