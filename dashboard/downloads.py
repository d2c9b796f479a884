"""The report and the tables of a location, to take away."""

from functools import partial
from pathlib import Path

import streamlit as st

from dashboard import report_data


@st.fragment
def downloads(folder: Path, name: str) -> None:
    """The section of a location's page; each file is made when its button is pressed."""
    st.subheader("Report and tables")
    by = st.text_input("Prepared by", key="prepared by", placeholder="Stands in the report", width=420)
    pdf, pack = partial(report_data.pdf, folder, name, by), partial(report_data.evidence, folder, name, by)
    with st.container(horizontal=True):
        _button("Report (PDF)", pdf, f"{name}.pdf", "application/pdf", kind="primary")
        _button("Evidence pack (ZIP)", pack, f"{name}-evidence.zip", "application/zip")
        for kind in ("csv", "xlsx", "parquet"):
            table = partial(report_data.table, folder, name, kind)
            _button(f"Readings ({kind.upper()})", table, f"{name}.{kind}", "application/octet-stream")
    st.caption(
        "The evidence pack holds the report, the readings, what was found in every photo, and the sha256 of every file."
        f" With the original photos: `crackmonitor report {name} --evidence FILE.zip --originals`."
    )


def _button(label: str, make: partial[bytes], file_name: str, mime: str, kind: str = "secondary") -> None:
    st.download_button(label, make, file_name, mime, type=kind, on_click="ignore", icon=":material/download:")  # type: ignore[call-overload]
