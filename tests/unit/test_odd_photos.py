"""Photos of odd sizes: a sliver, less than a patch, 60 megapixels. Right results, and memory that stays bounded."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from analysis_doubles import PATCH_PX, cracked, dark_seeker, wall

from monitor.analysis import Analyser, AnalysisOptions
from monitor.attribution import base
from monitor.records import Severity, Status

#: Of 60 megapixels: the photo and what is worked out of it pixel by pixel, in single precision mostly.
_MOST_BYTES_PER_PIXEL = 70

_LARGE = """
import resource
import numpy as np
from analysis_doubles import cracked, dark_seeker
from monitor.analysis import Analyser, AnalysisOptions
from monitor.attribution import base
base.ATTRIBUTIONS["darkness"] = "analysis_doubles:darkness"
options = AnalysisOptions(attribution="darkness", mask="published")
analyser = Analyser(dark_seeker(), options)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
photo = cracked(np.full((6708, 8944, 3), 180, np.uint8), 6, (5000, 6000), 400)
found = analyser.analyse(photo)
most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(found.status, found.severity.crack_count, found.severity.length_px, (most - before) * 1024 / photo[..., 0].size)
"""


@pytest.fixture
def analyser(monkeypatch: pytest.MonkeyPatch) -> Analyser:
    monkeypatch.setitem(base.ATTRIBUTIONS, "darkness", "analysis_doubles:darkness")
    return Analyser(dark_seeker(), AnalysisOptions(attribution="darkness"))


def severity_of(analyser: Analyser, photo: np.ndarray) -> Severity:
    found = analyser.analyse(photo)
    assert found.status is Status.MEASURED, found.reason
    assert found.severity is not None
    assert found.mask is not None
    assert found.mask.shape == photo.shape[:2]
    return found.severity


@pytest.mark.parametrize("upright", [False, True])
def test_a_sliver(analyser: Analyser, upright: bool) -> None:
    strip = cracked(np.tile(wall((64, 1000)), (1, 20, 1)), 6, (28, 12_000), 300)
    found = severity_of(analyser, np.ascontiguousarray(strip.swapaxes(0, 1)) if upright else strip)
    assert found.crack_count == 1
    assert found.length_px == pytest.approx(300, rel=0.1)
    assert found.max_width_px == pytest.approx(6, abs=1.5)


def test_less_than_a_patch(analyser: Analyser) -> None:
    assert PATCH_PX > 48
    found = severity_of(analyser, cracked(wall((40, 48)), 6, (16, 8), 32))
    assert found.area_px == pytest.approx(6 * 32, rel=0.3)


@pytest.mark.slow
def test_sixty_megapixels() -> None:
    tests = Path(__file__).parent
    command = [sys.executable, "-c", _LARGE]
    done = subprocess.run(command, cwd=tests, capture_output=True, text=True, timeout=500, check=True)
    status, count, length_px, bytes_per_pixel = done.stdout.split()
    assert (status, count) == (Status.MEASURED, "1")
    assert float(length_px) == pytest.approx(400, rel=0.1)
    assert float(bytes_per_pixel) < _MOST_BYTES_PER_PIXEL
