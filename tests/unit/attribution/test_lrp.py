"""zennit's LRP follows the paper's rules, explains the crack, and leaves the network as it found it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import plain_lrp
import pytest
import torch
from plain_lrp import PlainLayer
from tiny_networks import BATCH, SIDE_PX, hooks_on, random_patches, tiny_classifier, tiny_network
from torch import nn
from zennit.core import Hook

from monitor.attribution.lrp import Lrp, crack_lrp, paper_composite
from monitor.attribution.rules import both_logits
from monitor.networks.training import as_batch, logits_of
from monitor.networks.weights import Classifier


def close(found: Any, wanted: Any) -> None:
    """Equal but for float32: within 0.1 % of the largest value."""
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-3 * np.abs(wanted).max())


@pytest.mark.parametrize("seed", range(3))
def test_the_relevance_is_that_of_the_rules_restated_slowly(seed: int) -> None:
    classifier, patches = tiny_classifier(seed), random_patches(2, seed)
    found = crack_lrp(classifier, BATCH).explain(patches)
    crack_logits = logits_of(classifier.network, patches)[:, 1]
    for patch, logit, relevance in zip(as_batch(patches).double().numpy(), crack_logits, found, strict=True):
        wanted = plain_lrp.relevance_of(classifier.network, patch, np.array([0.0, float(logit)]))
        assert np.ptp(wanted) > 0
        close(relevance, wanted.mean(axis=0))


def rules_of(network: nn.Module) -> dict[str, str]:
    """Which rule the composite puts on which layer."""
    composite, context = paper_composite(network), {}  # type: ignore[arg-type, var-annotated]
    found = {}
    for name, layer in network.named_modules():
        hook = composite.module_map(context, name, layer)
        if isinstance(hook, Hook):
            found[name] = type(hook).__name__
    return found


def test_every_layer_has_the_papers_rule() -> None:
    network = tiny_network()
    rules = rules_of(network)
    by_kind = {
        kind: [rules.get(name) for name, layer in network.named_modules() if isinstance(layer, kind)]
        for kind in (nn.Conv2d, nn.Linear, nn.ReLU, nn.MaxPool2d, nn.AdaptiveAvgPool2d)
    }
    assert by_kind[nn.Conv2d] == ["ZBox", "AlphaBeta", "AlphaBeta", *["Gamma"] * 5]
    assert by_kind[nn.Linear] == ["Epsilon"] * 3
    assert by_kind[nn.ReLU] == ["Pass"] * 10
    assert by_kind[nn.MaxPool2d] == [None] * 5
    assert by_kind[nn.AdaptiveAvgPool2d] == ["Norm"]


@pytest.mark.parametrize("seed", range(4))
def test_relevance_is_conserved_where_no_bias_takes_any(seed: int) -> None:
    """The crack logit comes out again, over all pixels and the three colours.

    With these seeds; alpha-beta gives out twice what an output without negative contributions has.
    """
    classifier, patches = tiny_classifier(seed, biases=False), random_patches(3, seed)
    found = crack_lrp(classifier, BATCH).explain(patches)
    logits = logits_of(classifier.network, patches)[:, 1].numpy()
    np.testing.assert_allclose(3 * found.astype(float).sum(axis=(1, 2)), logits, rtol=1e-3)


def test_relevance_keeps_its_sign_where_the_crack_logit_is_negative() -> None:
    """A patch is cracked when its crack logit exceeds the other one, and both may be negative."""
    patches, found, logits = random_patches(3), [], []
    for bias in (-4.0, 4.0):
        classifier = tiny_classifier()
        with torch.no_grad():
            classifier.network.classifier[-1].bias[1] = bias
        logits.append(logits_of(classifier.network, patches)[:, 1])
        found.append(crack_lrp(classifier, BATCH).explain(patches))
    assert (logits[0] < 0).all()
    assert (logits[1] > 0).all()
    close(found[0], found[1])


def test_the_box_rule_conserves_despite_biases_and_gives_no_negative_share() -> None:
    rng = np.random.default_rng(0)
    layer = PlainLayer(tiny_network().features[0], (3, 8, 8))
    relevance = rng.random(layer.bias.size)
    shares = plain_lrp.zbox(layer, rng.random(3 * 8 * 8), relevance, 0, 1)
    assert shares.sum() == pytest.approx(relevance.sum(), rel=1e-4)
    assert (shares >= 0).all()


def with_head(classifier: Classifier, row: int) -> Classifier:
    """The same classifier with the weights of one logit drawn anew."""
    with torch.no_grad():
        head = classifier.network.classifier[-1]
        head.weight[row] = torch.linspace(-1, 1, head.weight.shape[1])
        head.bias[row] = 0.3
    return classifier


def test_crack_lrp_explains_the_crack_logit_alone() -> None:
    patches = random_patches(3)
    wanted = crack_lrp(tiny_classifier(), BATCH).explain(patches)
    np.testing.assert_array_equal(crack_lrp(with_head(tiny_classifier(), 0), BATCH).explain(patches), wanted)
    changed = crack_lrp(with_head(tiny_classifier(), 1), BATCH).explain(patches)
    assert np.abs(changed - wanted).max() > 0.1 * np.abs(wanted).max()


def test_both_logits_are_started_with_ones() -> None:
    classifier, patches = tiny_classifier(), random_patches(3)
    both = Lrp(classifier, BATCH, both_logits).explain(patches)
    single = [
        Lrp(classifier, BATCH, lambda logits, share=share: torch.tensor(share).expand_as(logits)).explain(patches)
        for share in ([1.0, 0.0], [0.0, 1.0])
    ]
    close(both, single[0] + single[1])
    wanted = plain_lrp.relevance_of(classifier.network, as_batch(patches)[0].double().numpy(), np.ones(2))
    close(both[0], wanted.mean(axis=0))


def test_the_fully_connected_layers_do_not_dominate_by_their_bias() -> None:
    """A patch's relevance is its own: two patches that differ in one corner differ in relevance there most."""
    patches = np.repeat(random_patches(1), 2, axis=0)
    patches[1, :8, :8] = 255 - patches[1, :8, :8]
    first, second = crack_lrp(tiny_classifier(biases=False), BATCH).explain(patches)
    changed = np.abs(first - second)
    assert changed[:8, :8].mean() > 2 * changed[16:, 16:].mean()


class Failure(Exception):
    """Something goes wrong in the middle."""


def _fail(*_: object) -> None:
    raise Failure


def fails_forward(classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classifier.network.classifier[3], "forward", _fail)


def fails_backward(classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first layer's rule comes last, after all others had their turn."""
    calls = []

    def second_time(patches: torch.Tensor) -> torch.Tensor:
        calls.append(patches)
        if len(calls) > 1:
            raise Failure
        return type(layer).forward(layer, patches)

    layer = classifier.network.features[0]
    monkeypatch.setattr(layer, "forward", second_time)


def fails_registering(classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the layers have their hook already when the next cannot be given one."""
    monkeypatch.setattr(classifier.network.classifier[1], "register_forward_pre_hook", _fail)


@pytest.mark.parametrize("failing", [fails_forward, fails_backward, fails_registering])
def test_no_hook_stays_and_nothing_changed_whatever_fails(
    failing: Callable[[Classifier, pytest.MonkeyPatch], None],
) -> None:
    classifier, patches = tiny_classifier(), random_patches(BATCH + 1)
    method, batch = crack_lrp(classifier, BATCH), as_batch(patches)
    with torch.inference_mode():
        outputs = classifier.network(batch)
    weights = {name: value.clone() for name, value in classifier.network.state_dict().items()}
    relevance = method.explain(patches)
    with pytest.MonkeyPatch.context() as broken:
        failing(classifier, broken)
        with pytest.raises(Failure):
            method.explain(patches)
        assert hooks_on(classifier.network) == 0
    with torch.inference_mode():
        assert torch.equal(classifier.network(batch), outputs)
    assert all(torch.equal(value, weights[name]) for name, value in classifier.network.state_dict().items())
    np.testing.assert_array_equal(method.explain(patches), relevance)


def test_patches_that_do_not_fit_the_network_leave_no_hook() -> None:
    classifier = tiny_classifier()
    with pytest.raises(RuntimeError):
        crack_lrp(classifier, BATCH).explain(random_patches(2, side_px=SIDE_PX // 2))
    assert hooks_on(classifier.network) == 0


def test_hooks_are_off_between_explanations() -> None:
    classifier = tiny_classifier()
    method = crack_lrp(classifier, BATCH)
    assert hooks_on(classifier.network) == 0
    method.explain(random_patches(2 * BATCH + 1))
    assert hooks_on(classifier.network) == 0
    assert all(parameter.grad is None for parameter in classifier.network.parameters())


def test_two_methods_on_one_network_do_not_disturb_each_other() -> None:
    classifier, patches = tiny_classifier(), random_patches(2)
    crack, both = crack_lrp(classifier, BATCH), Lrp(classifier, BATCH, both_logits)
    alone = crack_lrp(tiny_classifier(), BATCH).explain(patches)
    both.explain(patches)
    np.testing.assert_array_equal(crack.explain(patches), alone)
