"""One protocol for all attribution methods, and the table that names them."""

from importlib import import_module
from typing import Any, Protocol

from monitor.errors import UnknownNameError
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
    "lrp": "monitor.attribution.lrp:crack_lrp",
    "lrp_both_logits": "monitor.attribution.lrp:both_logits_lrp",
}


def attribution(name: str, classifier: Classifier, batch_size: int) -> Attribution:
    """The attribution method of that name for a classifier; `UnknownNameError` lists the known ones."""
    if name not in ATTRIBUTIONS:
        raise UnknownNameError("attribution method", name, ATTRIBUTIONS)
    module, factory = ATTRIBUTIONS[name].split(":")
    method: Attribution = getattr(import_module(module), factory)(classifier, batch_size)
    return method
