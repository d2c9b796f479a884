"""What the shipped networks have to find, whatever else they learn."""

from dataclasses import replace

import numpy as np
import pytest

from monitor.analysis import Analyser, AnalysisOptions
from monitor.networks.weights import load_classifier, load_segmenter
from simulations.scenarios import captures, scenario

PAPER = replace(scenario("paper"), shape=(480, 640))


@pytest.mark.parametrize("seed", [1, 2])
def test_a_crack_of_21_px_in_one_colour_is_a_crack_and_no_joint(seed: int) -> None:
    """The widest are the gravest; a segmenter that had been shown dark joints alone took them for such."""
    truth, photo, _ = list(captures(PAPER, seed))[-1]
    analyser = Analyser(
        load_classifier("default"), AnalysisOptions(mask="taught"), segmenter=load_segmenter("segmenter")
    )
    found = analyser.analyse(photo)
    assert found.mask is not None
    assert np.count_nonzero(found.mask) == pytest.approx(truth.area_mm2 / truth.mm_per_px**2, rel=0.25)
