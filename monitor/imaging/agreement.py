"""Do two aligned pictures show the same place, and could they be aligned just as well some other way?

A brick bond repeats itself, so pictures one brick apart correlate well. What tells them apart is
the detail that does not repeat: correlated with part of its spectrum flattened, a true alignment stands
out from every other shift, while a repeated pattern answers alike at each of its periods.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from monitor.imaging.photometry import detail
from monitor.records import BoolArray, ByteArray, FloatArray

#: Share of the smaller usable area that a shift must leave in common to be looked at.
_LEAST_COMMON = 0.3
#: Shifts below this share of the longer side belong to the peak itself.
_PEAK_SHARE = 0.03
_SPECTRUM_BLUR = 2.0


@dataclass(frozen=True)
class Agreement:
    """How alike two aligned pictures are.

    `correlation` of their detail, -1..1; `distinct` and `elsewhere` the correlation of their detail that does not
    repeat, as they lie and at the best other shift. All 0 where nothing can be compared.
    """

    correlation: float
    distinct: float
    elsewhere: float


def compare(reference: ByteArray, aligned: ByteArray, wanted: BoolArray, valid: BoolArray) -> Agreement:
    """Compare grey uint8 pictures (rows, cols) of one frame, light removed.

    `wanted` bool (rows, cols) is the part of the reference that counts, `valid` where `aligned` has pixels.
    Costs eight Fourier transforms of twice the size: give pictures of some hundred pixels a side.
    """
    both = wanted & valid
    first, second = detail(reference) * wanted, detail(aligned) * both
    size = tuple(cv2.getOptimalDFTSize(2 * side) for side in reference.shape)
    flat_first, flat_second = _flattened(first, second, size)
    surface = _correlation_surface(flat_first * wanted, flat_second * both, wanted, both, size)
    rows, cols = (np.abs(np.fft.fftfreq(side, 1 / side)) for side in size)
    nearby = np.hypot(rows[:, None], cols[None, :]) < max(8.0, _PEAK_SHARE * max(reference.shape))
    elsewhere = float(np.where(nearby, 0.0, surface).max())
    return Agreement(_correlation(first[both], second[both]), float(surface[0, 0]), elsewhere)


def _correlation(first: FloatArray, second: FloatArray) -> float:
    """Normalised correlation of two samples whose mean is already 0; 0 where either is flat."""
    energy = float(np.sqrt(np.sum(first * first) * np.sum(second * second)))
    return float(np.sum(first * second)) / energy if energy > 0 else 0.0


def _flattened(first: FloatArray, second: FloatArray, size: tuple[int, ...]) -> tuple[FloatArray, FloatArray]:
    """Both pictures with the square root of their common amplitude spectrum divided out.

    A repeating pattern holds its energy in few frequencies, so this weakens it against everything else; a
    full division would raise sensor noise as much.
    """
    spectra = [np.fft.rfft2(picture, size) for picture in (first, second)]
    power = np.asarray(cv2.GaussianBlur(np.sum(np.abs(spectra) ** 2, axis=0), (0, 0), _SPECTRUM_BLUR))
    gain = (power + 0.01 * power.mean() + np.finfo(float).tiny) ** -0.25
    rows, cols = first.shape
    flat = [np.fft.irfft2(spectrum * gain, size)[:rows, :cols] for spectrum in spectra]
    return flat[0], flat[1]


def _correlation_surface(
    first: FloatArray, second: FloatArray, first_mask: BoolArray, second_mask: BoolArray, size: tuple[int, ...]
) -> NDArray[np.float64]:
    """Normalised correlation at every shift, [0, 0] being none; 0 where too little is in common.

    Each shift is normalised by the energy of the part in common (Padfield 2012, doi:10.1109/TIP.2011.2181402).
    """

    def correlated(left: FloatArray | BoolArray, right: FloatArray | BoolArray) -> NDArray[np.float64]:
        return np.asarray(np.fft.irfft2(np.fft.rfft2(right, size) * np.conj(np.fft.rfft2(left, size)), size))

    common = correlated(first_mask, second_mask)
    energy = correlated(first * first, second_mask) * correlated(first_mask, second * second)
    enough = common > max(_LEAST_COMMON * min(first_mask.sum(), second_mask.sum()), 1.0)
    scores = correlated(first, second) / np.sqrt(np.maximum(energy, np.finfo(float).tiny))
    floor = 1e-6 * energy.max()
    return np.where(enough & (energy > floor), scores, 0.0)
