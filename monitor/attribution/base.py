"""One protocol for all attribution methods, and the table that names them."""

from collections.abc import Callable
from importlib import import_module
from typing import Any, Protocol

import numpy as np

from monitor.errors import UnknownNameError
from monitor.networks.classification import padded
from monitor.networks.weights import Classifier
from monitor.records import ByteArray, FloatArray


class Attribution(Protocol):
    """Explains why patches are called cracked."""

    def explain(self, patches: ByteArray) -> FloatArray:
        """Relevance float32 (n, side, side) of uint8 RGB patches (n, side, side, 3), one value for all colours."""
        ...

    def as_options(self) -> dict[str, Any]:
        """Everything that decides the relevance, for the recipe fingerprint."""
        ...


#: key -> module:factory; a factory takes (classifier, batch_size) and returns an `Attribution`.
ATTRIBUTIONS: dict[str, str] = {
    "lrp": "monitor.attribution.lean:crack_lrp",
    "lrp_both_logits": "monitor.attribution.lean:both_logits_lrp",
    "lrp_zennit": "monitor.attribution.lrp:crack_lrp",
}


def attribution(name: str, classifier: Classifier, batch_size: int) -> Attribution:
    """The attribution method of that name for a classifier; `UnknownNameError` lists the known ones."""
    if name not in ATTRIBUTIONS:
        raise UnknownNameError("attribution method", name, ATTRIBUTIONS)
    module, factory = ATTRIBUTIONS[name].split(":")
    method: Attribution = getattr(import_module(module), factory)(classifier, batch_size)
    return method


def in_batches(explain: Callable[[ByteArray], FloatArray], patches: ByteArray, batch_size: int) -> FloatArray:
    """Relevance of any number of patches by a method that takes batches of one size alone; the last is padded."""
    chunks = [patches[first : first + batch_size] for first in range(0, len(patches), batch_size)]
    found = [explain(padded(chunk, batch_size))[: len(chunk)] for chunk in chunks]
    return np.concatenate([np.zeros((0, *patches.shape[1:3]), np.float32), *found])
