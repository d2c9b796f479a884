"""How often tests that try to break a promise do so: some times in `make test`, often in `make soak`."""

import os

SOAKING = os.environ.get("CRACKMONITOR_TEST_SOAK") == "1"


def times(small: int, full: int) -> int:
    """The count of the present edition."""
    return full if SOAKING else small
