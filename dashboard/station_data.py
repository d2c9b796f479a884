"""What is kept of the light across cracks at their stations; a module that touches `monitor`."""

from collections.abc import Mapping
from pathlib import Path

import streamlit as st

from dashboard import data
from monitor.imaging.station_profiles import StationProfiles as StationProfiles
from monitor.imaging.station_profiles import read_profiles
from monitor.settings import load_settings


@st.cache_data(ttl=60, max_entries=4, show_spinner=False)
def profiles(folder: Path, location_id: int, fingerprint: str) -> Mapping[str, StationProfiles]:
    """By crack, as the worker kept them when it last followed the location; empty before that.

    Raises `CrackmonitorError` where the file is damaged.
    """
    return read_profiles(load_settings(folder).profiles_of(location_id, fingerprint))


def reference_picture(folder: Path, detail: data.Detail) -> data.ByteArray | None:
    """The picture in whose frame stations are told, made smaller; None where it is not on disk."""
    reference = next((view for view in detail.captures if view.is_reference), None)
    stored = {} if reference is None or reference.reading is None else reference.reading.pictures
    return data.picture(folder, stored.get("aligned"))
