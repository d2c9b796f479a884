"""Light: how sharp and how well exposed a photo is, and what of it is the surface's own detail."""

import cv2
import numpy as np

from monitor.errors import MisuseError
from monitor.records import ByteArray, FloatArray

_CLIPPED = (1, 254)


def grey(image: ByteArray) -> ByteArray:
    """Luma uint8 (rows, cols) of `image` uint8 (rows, cols) grey or (rows, cols, 3) RGB."""
    if image.dtype != np.uint8 or not (image.ndim == 2 or image.shape[2:] == (3,)):
        raise MisuseError(f"A picture is uint8 grey or RGB, not {image.dtype} of shape {image.shape}.")
    return image if image.ndim == 2 else np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))


def light(image: ByteArray) -> FloatArray:
    """Light float32 (rows, cols), 0 to 255, of `image` uint8 grey or RGB, to measure cracks by: its green.

    Cameras sample green most finely, and it saturates late. Red does on a sunlit brick wall: luma then says that a
    crack's brick side has become darker beside its mortar side, which reads as a crack that opens or closes.
    """
    return grey(image if image.ndim == 2 else image[..., 1]).astype(np.float32)


def sharpness(image: ByteArray) -> float:
    """Fine contrast as a share of all contrast: the grey Laplacian's standard deviation over the grey's.

    Does not change with exposure, falls with blur and rises with noise: compare photos of one place, not of
    different walls. 0 for a uniform picture.
    """
    luma = grey(image)
    spread = float(luma.std())
    return float(cv2.Laplacian(luma, cv2.CV_32F).std()) / spread if spread > 0 else 0.0


def exposure(image: ByteArray) -> float:
    """Share of pixels, 0 to 1, whose grey value is clipped to black or white: their detail is lost."""
    luma = grey(image)
    return float(np.mean((luma <= _CLIPPED[0]) | (luma >= _CLIPPED[1])))


def detail(image: ByteArray, fine_px: float = 1.0, coarse_px: float = 12.0) -> FloatArray:
    """What a surface shows irrespective of light: float32 (rows, cols), local mean 0 and local contrast near 1.

    Keeps structure between `fine_px` and `coarse_px` (Gaussian standard deviations) and divides by its
    local strength. Flat regions stay near 0: a floor of two grey levels keeps their noise small.
    """
    luma = grey(image).astype(np.float32)
    band = cv2.GaussianBlur(luma, (0, 0), fine_px) - cv2.GaussianBlur(luma, (0, 0), coarse_px)
    strength = np.sqrt(cv2.GaussianBlur(band * band, (0, 0), 2 * coarse_px))
    return np.asarray(band / (strength + 2.0), dtype=np.float32)
