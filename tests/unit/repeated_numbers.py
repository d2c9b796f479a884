"""The shipped networks' numbers of fixed photos, as a hash: `python repeated_numbers.py` prints them."""

import hashlib
from collections.abc import Sequence

import numpy as np
from golden_numbers import scene

from monitor.analysis import Analyser
from monitor.records import Analysis, to_json
from monitor.service.executors import build_analyser
from monitor.settings import AnalysisSettings


def shipped() -> Analyser:
    """The analyser that a worker on a CPU has."""
    return build_analyser(AnalysisSettings(device="cpu"))


def digest(found: Analysis) -> str:
    """Of every number and pixel that an analysis gives."""
    told = hashlib.sha256()
    for part in (found.status, found.reason, found.crack_probability, found.confidence, found.severity, found.grading):
        told.update(repr(part).encode())
    told.update(repr(to_json(found.registration)).encode())
    for pixels in (found.mask, found.relevance, found.aligned):
        told.update(b"none" if pixels is None else np.ascontiguousarray(pixels).tobytes())
    return told.hexdigest()


def digests(analyser: Analyser, order: Sequence[int] = (0, 1, 2)) -> list[str]:
    """Three photos of one wall, laid onto the first and analysed in that order; what each gives, by its number."""
    given = scene()
    photos = [given["reference"], given["capture"], np.ascontiguousarray(given["capture"][:, ::-1])]
    mask = analyser.analyse(photos[0]).mask
    found = {number: digest(analyser.analyse(photos[number], photos[0], mask)) for number in order}
    return [found[number] for number in sorted(found)]


if __name__ == "__main__":
    print("\n".join(digests(shipped())))
