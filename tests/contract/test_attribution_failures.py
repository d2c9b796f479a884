"""Whatever fails on the way, no attribution method leaves anything on the network."""

from contextlib import suppress

import numpy as np
import pytest
import torch
from tiny_networks import BATCH, SIDE_PX, hooks_on, random_patches, tiny_beside, tiny_classifier
from torch import nn

from monitor.attribution.base import ATTRIBUTIONS, attribution

NAMES = [*sorted(ATTRIBUTIONS), "lrp+augsmooth_paper", "deep_lift+augsmooth_published"]


class Breaks(Exception):
    """What goes wrong."""


def broken(*_: object, **__: object) -> None:
    raise Breaks


def traces(network: nn.Module) -> list[set[str]]:
    """The attributes of every layer: captum keeps activations there."""
    return [set(vars(layer)) for layer in network.modules()]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("failure", ["patch", "last_layer", "gradient"])
def test_nothing_is_left_on_the_network(name: str, failure: str, monkeypatch: pytest.MonkeyPatch) -> None:
    classifier, beside, patches = tiny_classifier(), tiny_beside(), random_patches(2)
    method = attribution(name, classifier, BATCH, beside)
    wanted, before = method.explain(patches), traces(classifier.network)
    if failure == "patch":
        with pytest.raises(Exception):  # noqa: B017 - each library has its own words for five colours
            method.explain(np.zeros((1, SIDE_PX, SIDE_PX, 5), np.uint8))
    else:
        with monkeypatch.context() as patched, suppress(Breaks):
            if failure == "gradient":
                patched.setattr(torch.autograd, "grad", broken)
            else:
                patched.setattr(classifier.network.classifier[-1], "forward", broken)
            method.explain(patches)
    assert hooks_on(classifier.network) == 0
    assert traces(classifier.network) == before
    np.testing.assert_array_equal(method.explain(patches), wanted)


def test_captum_and_zennit_are_met_by_these_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("deep_lift", "integrated_gradients", "gradient_shap", "input_x_gradient", "lrp_zennit"):
        method = attribution(name, tiny_classifier(), BATCH)
        with monkeypatch.context() as patched:
            patched.setattr(torch.autograd, "grad", broken)
            with pytest.raises(Breaks):
                method.explain(random_patches(1))
