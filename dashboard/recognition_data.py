"""Which location does an uploaded photo show? A module that touches `monitor`; nothing is filed here."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from dashboard import data, place_data
from dashboard.wording import count
from monitor.errors import UnreadableImageError
from monitor.imaging.recognition import Descriptors, Likeness, Recognition, read_landmarks, recognise
from monitor.settings import load_settings
from monitor.storage import queries
from monitor.storage.views import CaptureView


@dataclass(frozen=True)
class Proposal:
    """What a photo may show: the names of the locations that it `fits`, the best covered first, and the same in a
    sentence, with how sure that is. `readable` is False for a file that is no photo the worker would take in.
    """

    fits: tuple[str, ...]
    told: str
    readable: bool = True

    @property
    def likely(self) -> str | None:
        """The only location that it fits."""
        return self.fits[0] if len(self.fits) == 1 else None


@dataclass(frozen=True)
class _Known:
    """The references that can be recognised, by location id, and how many cannot yet."""

    names: Mapping[int, str]
    references: Mapping[int, CaptureView]
    descriptors: Mapping[int, Descriptors]

    @property
    def unknown(self) -> int:
        return len(self.names) - len(self.descriptors)


@st.cache_data(ttl=600, max_entries=64, show_spinner=False)
def proposal(folder: Path, content: bytes) -> Proposal:
    """What an uploaded file may show. Never raises for what is in the file."""
    try:
        image = place_data.decoded(folder, content)
    except UnreadableImageError as error:
        return Proposal((), str(error), readable=False)
    known = _known(folder)
    if not known.descriptors:
        return Proposal((), "No reference can be recognised yet: the worker looks at them first. Choose the location.")
    found = recognise(image, known.descriptors, lambda key: _reference(folder, known.references[key]))
    names = tuple(known.names[one.key] for one in found.fitting)
    return Proposal(names, f"{_told(found, known)}{_left_out(known)}")


def _told(found: Recognition, known: _Known) -> str:
    if len(found.fitting) == 1:
        (one,) = found.fitting
        return f"Very likely {_likeness(one, known)}. It fits no other location."
    if found.fitting:
        fitting = ", ".join(_likeness(one, known) for one in found.fitting)
        return (
            f"It fits {count(len(found.fitting), 'location')}, which show the same stretch of wall, so it cannot be"
            f" told which is meant: {fitting}. Choose one."
        )
    if found.others:
        nearest = found.others[0]
        return (
            f"Not recognised. It resembles {known.names[nearest.key]} most, but cannot be laid onto its reference:"
            f" {nearest.registration.reason}"
        )
    return f"Not recognised: it resembles none of {count(len(known.descriptors), 'reference')}."


def _likeness(one: Likeness, known: _Known) -> str:
    return (
        f"{known.names[one.key]} ({one.votes} details of its reference found again,"
        f" {one.registration.overlap:.0%} of it in view)"
    )


def _left_out(known: _Known) -> str:
    if not known.unknown:
        return ""
    return (
        f" {count(known.unknown, 'location')} could not be compared: without a reference, or the worker has not looked"
        " at it yet."
    )


def _known(folder: Path) -> _Known:
    with data.reading(folder) as (session, settings):
        names = {place.id: place.name for place in queries.locations(session)}
        references = {key: view for key in names if (view := queries.reference(session, key)) is not None}
    kept = {key: settings.landmarks_of(view.sha256) for key, view in references.items()}
    return _Known(names, references, {key: _landmarks(path) for key, path in kept.items() if path.exists()})


@st.cache_resource(max_entries=2000, show_spinner=False)
def _landmarks(path: Path) -> Descriptors:
    """They are named by what they were made of, so what was read once stays true."""
    return read_landmarks(path)


def _reference(folder: Path, reference: CaptureView) -> data.ByteArray | None:
    stored = {} if reference.reading is None else reference.reading.pictures
    aligned = data.picture(folder, stored.get("aligned"))
    if aligned is not None:
        return aligned
    paths = place_data.original_files(load_settings(folder), reference.sha256)
    return next((data.picture_at(path) for path in paths), None)
