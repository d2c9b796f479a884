"""Which of many places does a photo show? It is compared with their reference captures, at reduced size.

Landmarks (local features) say which references are worth a look; the registration, with its guard against walls that
repeat, then says whether the photo can be laid onto them. One that can is likely; several cannot be told apart.
"""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from monitor.errors import UnreadableImageError
from monitor.imaging.files import write_whole
from monitor.imaging.photometry import grey
from monitor.imaging.registration import RegistrationOptions, register
from monitor.records import ByteArray, Registration

#: Longer side on which landmarks are looked for, and how many are kept.
_LANDMARK_PX, _LANDMARKS = 640, 400
#: A photo is laid onto a reference at this longer side: enough to tell whether it fits, not to measure.
_COMPARE_PX = 800
_OPTIONS = RegistrationOptions(search_px=640, features=1000, compare_px=400)
#: Best distance over second best, as in the registration.
_RATIO = 0.8
#: References with fewer landmarks found again, or less than this share of the best one's, are not looked at, nor more
#: than so many. One that shares half of its view with the photo has about half of the votes.
_LEAST_VOTES, _LEAST_SHARE, _LOOKED_AT = 8, 0.2, 3

Descriptors = NDArray[np.uint8]


@dataclass(frozen=True)
class Likeness:
    """How a photo fits one place: how many of its landmarks were found again, and how it lies on the reference."""

    key: int
    votes: int
    registration: Registration


@dataclass(frozen=True)
class Recognition:
    """What a photo may show: the places it fits, the best covered first, and those that were looked at and do not fit,
    the most alike first. One that fits is likely; where there are more, they cannot be told apart.
    """

    fitting: tuple[Likeness, ...]
    others: tuple[Likeness, ...]

    @property
    def likely(self) -> int | None:
        """The key of the only place that fits."""
        return self.fitting[0].key if len(self.fitting) == 1 else None


def landmarks(image: ByteArray) -> Descriptors:
    """What stands out in a picture, uint8 (rows, cols) or (rows, cols, 3), as SIFT descriptors uint8 (n, 128).

    n is about 400 at most, and 0 for a picture without detail.
    """
    even = cv2.createCLAHE(clipLimit=3.0, tileGridSize=(8, 8)).apply(_reduced(grey(image), _LANDMARK_PX))
    _, found = cv2.SIFT.create(_LANDMARKS, contrastThreshold=0.01).detectAndCompute(even, None)
    return np.zeros((0, 128), np.uint8) if found is None else np.asarray(found).astype(np.uint8)


def recognise(
    image: ByteArray, places: Mapping[int, Descriptors], reference: Callable[[int], ByteArray | None]
) -> Recognition:
    """Compare a photo, uint8 (rows, cols, 3), with the `landmarks` of places by their keys.

    `reference` gives a place's reference picture of any size, None where it is out of reach; it is asked for three
    places at most. The same input gives the same answer.
    """
    own = _directions(landmarks(image))
    votes = {key: _votes(own, _directions(known)) for key, known in places.items()}
    least = max(_LEAST_VOTES, _LEAST_SHARE * max(votes.values(), default=0))
    alike = sorted((key for key in votes if votes[key] >= least), key=lambda key: (-votes[key], key))
    small = _reduced(image, _COMPARE_PX)
    found = []
    for key in alike[:_LOOKED_AT]:
        known = reference(key)
        if known is not None:
            laid = register(_reduced(known, _COMPARE_PX), small, options=_OPTIONS)
            found.append(Likeness(key, votes[key], laid))
    fitting = [one for one in found if one.registration.accepted]
    fitting.sort(key=lambda one: -one.registration.overlap)
    return Recognition(tuple(fitting), tuple(one for one in found if not one.registration.accepted))


def write_landmarks(path: Path, found: Descriptors) -> None:
    """Keep landmarks in a file, whole or not at all."""
    written = io.BytesIO()
    np.save(written, found, allow_pickle=False)
    write_whole(path, written.getvalue())


def read_landmarks(path: Path) -> Descriptors:
    """Landmarks as `write_landmarks` kept them. Raises `UnreadableImageError` where the file is absent or damaged."""
    try:
        found = np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UnreadableImageError(f"{path} holds no landmarks of a reference. Delete it: it is made anew.") from error
    if found.dtype != np.uint8 or found.shape[1:] != (128,):
        raise UnreadableImageError(f"{path} holds no landmarks of a reference. Delete it: it is made anew.")
    return np.asarray(found)


def _directions(found: Descriptors) -> NDArray[np.float32]:
    """Descriptors as unit vectors (n, 128), whose products tell how alike they are."""
    vectors = found.astype(np.float32)
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1.0), np.float32)


def _votes(own: NDArray[np.float32], known: NDArray[np.float32]) -> int:
    """How many landmarks of a photo are clearly nearer to one of the place's than to any other of them, each of the
    place's counted once: a pattern that repeats would vote for itself many times.
    """
    if len(own) < 2 or len(known) < 2:
        return 0
    alike = own @ known.T
    second, best = np.partition(alike, len(known) - 2, axis=1)[:, -2:].T
    clear = (1 - best) < _RATIO**2 * (1 - second)
    return len(np.unique(alike[clear].argmax(axis=1))) if clear.any() else 0


def _reduced(image: ByteArray, longest_px: int) -> ByteArray:
    share = min(1.0, longest_px / max(image.shape[:2]))
    size = max(1, round(image.shape[1] * share)), max(1, round(image.shape[0] * share))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA)) if share < 1 else image
