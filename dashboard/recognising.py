"""Photos beside the locations that they may show; a person confirms each before it is filed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from dashboard import data, place_data, recognition_data
from dashboard.wording import count, plain

_THUMBNAIL_PX = 160


def confirmed_locations(folder: Path, files: Sequence[Any], names: Sequence[str], turn: int) -> list[str | None]:
    """For every uploaded file the location that it is to be filed with, None for none; nothing is filed by itself.

    Where exactly one location fits it is proposed in the field, to be confirmed with the button that sends.
    """
    found = []
    with st.status(f"Comparing {count(len(files), 'photo')} with the references", expanded=False) as progress:
        for number, file in enumerate(files):
            progress.update(label=f"Comparing photo {number + 1} of {len(files)} with the references")
            found.append(recognition_data.proposal(folder, file.getvalue()))
        likely = sum(one.likely is not None for one in found)
        progress.update(label=f"{likely} of {count(len(files), 'photo')} recognised", state="complete")
    return [
        _asked(folder, file, one, names, f"location {turn} {number}")
        for number, (file, one) in enumerate(zip(files, found, strict=True))
    ]


def _asked(folder: Path, file: Any, found: recognition_data.Proposal, names: Sequence[str], key: str) -> str | None:
    with st.container(border=True, gap="small"):
        sign = "●" if found.likely else "◇" if found.readable else "✕"
        st.markdown(f"{sign} **{plain(file.name)}**: {plain(found.told)}")
        if not found.readable:
            return None
        st.image(_thumbnail(folder, file.getvalue()), width=_THUMBNAIL_PX, output_format="JPEG")
        fits = [name for name in found.fits if name in names]  # whoever looks may send photos to these
        options = [*fits, *(name for name in names if name not in fits)]
        index = 0 if found.likely in fits else None
        return st.selectbox(
            f"Location of {plain(file.name)}", options, index=index, placeholder="Choose one", key=key, width=420
        )


@st.cache_data(ttl=600, max_entries=64, show_spinner=False)
def _thumbnail(folder: Path, content: bytes) -> data.ByteArray:
    image = place_data.decoded(folder, content)
    step = max(1, max(image.shape[:2]) // (2 * _THUMBNAIL_PX))
    return image[::step, ::step]
