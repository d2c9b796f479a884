"""Two recipes on the same captures: by how much one reads more than the other, and how evenly."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from monitor.records import Offset

#: Of fewer differences, not even the smallest and the largest bound the median at 90 %.
COMPARISON_N = 5
#: The median absolute deviation of a normal distribution is this share of its standard deviation.
_NORMAL_MAD = float(stats.norm.ppf(0.75))


def compare(old: Sequence[float], new: Sequence[float], *, metric: str, unit: str, confidence: float = 0.9) -> Offset:
    """The median of new minus old, both of the same captures in the same order and in `unit`.

    Its interval lies between two of the ordered differences (sign test), so that it holds whatever they are
    distributed like: at least at `confidence`, wider than needed for few. The spread is the median absolute deviation
    over 0.6745, which a few wild readings leave alone. Refused, with a message, below `COMPARISON_N` captures, or
    where more are needed for that confidence.
    """
    differences = np.sort(np.asarray(new, dtype=float) - np.asarray(old, dtype=float))
    n = len(differences)
    needed = max(COMPARISON_N, int(np.ceil(1 - np.log2(1 - confidence))))
    if n < needed:
        message = f"an offset is told from {needed} captures on that are measured under both recipes; there are {n}"
        return Offset(metric, unit, n, confidence, message=message)
    median = float(np.median(differences))
    bound = int(stats.binom.ppf((1 - confidence) / 2, n, 0.5))  # the how-manieth from either end
    return Offset(
        metric=metric,
        unit=unit,
        n=n,
        confidence=confidence,
        median=median,
        low=float(differences[bound - 1]),
        high=float(differences[n - bound]),
        spread=float(np.median(np.abs(differences - median))) / _NORMAL_MAD,
    )
