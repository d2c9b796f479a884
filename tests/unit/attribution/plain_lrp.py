"""The rules of LRP restated slowly: every layer is a plain matrix, every rule one line of linear algebra.

For a layer with outputs z = W a + b, relevance goes from outputs to inputs as
R_in = a * (V^T (R_out / (V a + c))), where a rule says which V and c to take for W and b.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from monitor.networks.vgg import Vgg11

Values = NDArray[np.float64]
_STABILISER = 1e-6


class PlainLayer:
    """A linear layer as matrix `weight` (outputs, inputs) and `bias` (outputs,)."""

    def __init__(self, layer: nn.Module, shape: tuple[int, ...]) -> None:
        """`shape` of one input without the batch axis."""
        size = int(np.prod(shape))
        with torch.no_grad():
            unit = layer(torch.eye(size).reshape(size, *shape)).double()
            still = layer(torch.zeros(1, *shape)).double()
        self.shape = tuple(unit.shape[1:])
        self.weight: Values = (unit - still).reshape(size, -1).numpy().T
        self.bias: Values = still.reshape(-1).numpy()

    def __call__(self, inputs: Values) -> Values:
        return np.asarray(self.weight @ inputs + self.bias)


def _shared(relevance: Values, denominators: Values) -> Values:
    return relevance / (denominators + _STABILISER * np.where(denominators < 0, -1, 1))


def epsilon(layer: PlainLayer, inputs: Values, relevance: Values) -> Values:
    return np.asarray(inputs * (layer.weight.T @ _shared(relevance, layer(inputs))))


def gamma(layer: PlainLayer, inputs: Values, relevance: Values, strength: float) -> Values:
    """For inputs that are not negative, and outputs that go through a ReLU: the others have no relevance."""
    weight = layer.weight + strength * layer.weight.clip(min=0)
    bias = layer.bias + strength * layer.bias.clip(min=0)
    passed = np.where(layer(inputs) > 0, relevance, 0)
    return np.asarray(inputs * (weight.T @ _shared(passed, weight @ inputs + bias)))


def alpha_beta(layer: PlainLayer, inputs: Values, relevance: Values, alpha: float, beta: float) -> Values:
    """For inputs that are not negative."""
    parts = [
        inputs * (weight.T @ _shared(relevance, weight @ inputs + bias))
        for weight, bias in (
            (layer.weight.clip(min=0), layer.bias.clip(min=0)),
            (layer.weight.clip(max=0), layer.bias.clip(max=0)),
        )
    ]
    return np.asarray(alpha * parts[0] - beta * parts[1])


def zbox(layer: PlainLayer, inputs: Values, relevance: Values, low: float, high: float) -> Values:
    """For inputs within a box: contributions are counted from its most unfavourable corner."""
    contributions = (
        layer.weight * inputs - layer.weight.clip(min=0) * low - layer.weight.clip(max=0) * high
    )  # (outputs, inputs), none negative
    return np.asarray(contributions.T @ _shared(relevance, contributions.sum(axis=1)))


def winners(inputs: Values, shape: tuple[int, ...], relevance: Values) -> tuple[Values, Values]:
    """Max pooling by 2: outputs, and the relevance of each output on the first of its largest inputs."""
    channels, rows, cols = shape
    outputs, given = np.zeros((channels, rows // 2, cols // 2)), np.zeros(shape)
    picture, wanted = inputs.reshape(shape), relevance.reshape(outputs.shape) if relevance.size else outputs
    for channel, row, col in np.ndindex(outputs.shape):
        window = picture[channel, 2 * row : 2 * row + 2, 2 * col : 2 * col + 2]
        down, across = np.unravel_index(window.argmax(), window.shape)
        outputs[channel, row, col] = window[down, across]
        given[channel, 2 * row + down, 2 * col + across] = wanted[channel, row, col]
    return outputs.ravel(), given.ravel()


def relevance_of(network: Vgg11, patch: Values, start: Values) -> Values:
    """Relevance (3, side, side) of one patch (3, side, side): zbox, alpha-beta twice, gamma, then epsilon."""
    steps: list[tuple[str, PlainLayer | tuple[int, ...], Values]] = []
    shape, values, convolutions = patch.shape, patch.ravel(), 0
    for layer in (*network.features, network.pooling, *network.classifier):
        if isinstance(layer, nn.Conv2d | nn.Linear | nn.AdaptiveAvgPool2d):
            plain = PlainLayer(layer, shape if not isinstance(layer, nn.Linear) else (values.size,))
            rule = "epsilon"
            if isinstance(layer, nn.Conv2d):
                convolutions += 1
                rule = {1: "zbox", 2: "alpha-beta", 3: "alpha-beta"}.get(convolutions, "gamma")
            steps.append((rule, plain, values))
            shape, values = plain.shape, plain(values)
        elif isinstance(layer, nn.MaxPool2d):
            steps.append(("winner", shape, values))
            values, shape = winners(values, shape, np.zeros(0))[0], (shape[0], shape[1] // 2, shape[2] // 2)
        elif isinstance(layer, nn.ReLU):
            values = values.clip(min=0)
    relevance = start
    for rule, layer, inputs in reversed(steps):
        relevance = _one_step(rule, layer, inputs, relevance)
    return relevance.reshape(patch.shape)


def _one_step(rule: str, layer: PlainLayer | tuple[int, ...], inputs: Values, relevance: Values) -> Values:
    if isinstance(layer, tuple):
        return winners(inputs, layer, relevance)[1]
    if rule == "zbox":
        return zbox(layer, inputs, relevance, 0, 1)
    if rule == "alpha-beta":
        return alpha_beta(layer, inputs, relevance, 2, 1)
    if rule == "gamma":
        return gamma(layer, inputs, relevance, 0.25)
    return epsilon(layer, inputs, relevance)
