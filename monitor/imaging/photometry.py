"""Light: how sharp and how well exposed a photo is, and two photos made alike."""

import cv2
import numpy as np

from monitor.errors import MisuseError
from monitor.records import BoolArray, ByteArray, FloatArray

#: Light is compared in windows of this share of the picture's longer side.
_WINDOW_SHARE = 0.1
#: Averages are taken on a picture of at most this many pixels a side; light varies slowly.
_COARSE_PX = 128
_GAIN_LIMITS = (0.5, 2.0)
_CLIPPED = (1, 254)


def grey(image: ByteArray) -> ByteArray:
    """Luma uint8 (rows, cols) of `image` uint8 (rows, cols) grey or (rows, cols, 3) RGB."""
    if image.dtype != np.uint8 or not (image.ndim == 2 or image.shape[2:] == (3,)):
        raise MisuseError(f"A picture is uint8 grey or RGB, not {image.dtype} of shape {image.shape}.")
    return image if image.ndim == 2 else np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))


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


def match_light(image: ByteArray, reference: ByteArray, valid: BoolArray) -> FloatArray:
    """`image` with a local gain and offset that give it the reference's light: float32, same shape.

    Both are uint8 (rows, cols[, 3]) in the same frame; `valid` bool (rows, cols) is where `image` has
    pixels. Mean and standard deviation are compared per channel in windows of a tenth of the longer
    side, so anything much smaller, such as a crack, is left as it is; the gain is kept within 0.5 to
    2. Values may leave 0..255; outside `valid` the image is returned unchanged.
    """
    if image.shape != reference.shape or image.shape[:2] != valid.shape:
        raise MisuseError(f"Shapes differ: image {image.shape}, reference {reference.shape}, valid {valid.shape}.")
    channels = [image[..., None], reference[..., None]] if image.ndim == 2 else [image, reference]
    matched = [
        _match_channel(channels[0][..., index], channels[1][..., index], valid) for index in range(channels[0].shape[2])
    ]
    return np.asarray(np.stack(matched, axis=-1).reshape(image.shape), dtype=np.float32)


def _match_channel(image: ByteArray, reference: ByteArray, valid: BoolArray) -> FloatArray:
    mean, spread = _local_light(image, valid)
    wanted_mean, wanted_spread = _local_light(reference, valid)
    gain = np.clip(wanted_spread / np.maximum(spread, 1e-3), *_GAIN_LIMITS)
    size = valid.shape[::-1]
    gain_here, offset_here = (cv2.resize(field, size) for field in (gain, wanted_mean - gain * mean))
    return np.where(valid, image * gain_here + offset_here, image).astype(np.float32)


def _local_light(image: ByteArray, valid: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Local mean and standard deviation over valid pixels, on a coarse grid (float32)."""
    shrink = min(1.0, _COARSE_PX / max(valid.shape))
    size = max(1, round(valid.shape[1] * shrink)), max(1, round(valid.shape[0] * shrink))
    window = _WINDOW_SHARE * max(size) / 2

    def averaged(values: FloatArray) -> FloatArray:
        coarse = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.GaussianBlur(coarse, (0, 0), window), dtype=np.float32)

    weight = valid.astype(np.float32)
    share = np.maximum(averaged(weight), 1e-6)
    mean = averaged(image * weight) / share
    square = averaged(np.square(image, dtype=np.float32) * weight) / share
    return mean, np.sqrt(np.maximum(square - mean * mean, 0))
