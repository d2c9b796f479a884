"""Several kinds of damage: one map for each.

A classifier of K kinds of damage has K + 1 logits, the first for none. Seen from one kind it is a classifier of two
classes, which every attribution method explains as it is.
"""

from dataclasses import replace

import numpy as np
from torch import nn

from monitor.attribution.base import Beside, attribution
from monitor.errors import MisuseError
from monitor.networks.vgg import Vgg11
from monitor.networks.weights import Classifier
from monitor.records import ByteArray, FloatArray

#: Width of a network whose layers are replaced at once.
_LEAST = 1e-3


def for_damage(classifier: Classifier, damage: int) -> Classifier:
    """The classifier as one of damage number `damage` (1 to K) alone: its logits are those of none and of this one.

    Weights are shared; only the last layer is new. Raises `MisuseError` for a number there is not.
    """
    network = classifier.network
    if not 1 <= damage < network.layout.classes:
        raise MisuseError(
            f"There is no damage number {damage}: the classifier knows 1 to {network.layout.classes - 1}."
        )
    *layers, last = network.classifier
    assert isinstance(last, nn.Linear)
    chosen = nn.Linear(last.in_features, 2, device=last.weight.device)
    chosen.load_state_dict({name: value[[0, damage]] for name, value in last.state_dict().items()})
    view = Vgg11(replace(network.layout, classes=2, width=_LEAST))
    view.layout = replace(network.layout, classes=2)
    view.features, view.pooling, view.classifier = network.features, network.pooling, nn.Sequential(*layers, chosen)
    return replace(classifier, network=view.eval())


def class_relevance(
    name: str, classifier: Classifier, patches: ByteArray, batch_size: int, beside: Beside | None = None
) -> FloatArray:
    """Relevance float32 (n, K, side, side) of patches uint8 (n, side, side, 3), by kind of damage."""
    kinds = range(1, classifier.network.layout.classes)
    maps = [
        attribution(name, for_damage(classifier, kind), batch_size, replace(beside or Beside(), damage=kind)).explain(
            patches
        )
        for kind in kinds
    ]
    return np.asarray(np.stack(maps, axis=1), np.float32)
