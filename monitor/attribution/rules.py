"""What every LRP engine here takes from Forest et al. 2024: rules by layer, and where the relevance starts.

First convolution: the box rule for inputs in [0, 1]. Second and third: alpha-beta (2, 1). The rest: gamma
(0.25). Fully connected layers: epsilon. Max pooling passes relevance to the winner.
(LRP: doi:10.1371/journal.pone.0130140; rules in this order: doi:10.1016/j.autcon.2024.105497.)
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

LOW, HIGH = 0.0, 1.0
ALPHA, BETA = 2.0, 1.0
GAMMA = 0.25
#: Added to every denominator, away from zero.
STABILISER = 1e-6

#: The relevance (n, classes) put on logits (n, classes).
Start = Callable[[Tensor], Tensor]


def crack_logit(logits: Tensor) -> Tensor:
    """The crack logit itself. A start of 1 would turn the sign of all relevance where that logit is negative."""
    return logits * torch.tensor([0.0, 1.0], device=logits.device)


def both_logits(logits: Tensor) -> Tensor:
    """Ones on both logits, as the published code starts."""
    return torch.ones_like(logits)


def as_options(engine: str, start: Start) -> dict[str, Any]:
    """Engine, rules and start, for the recipe fingerprint."""
    rules = "zbox, alpha-beta(2,1) x2, gamma, epsilon"
    return {"engine": engine, "rules": rules, "gamma": GAMMA, "start": start.__name__}
