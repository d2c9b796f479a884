"""Locations as a person sets them up on the pages; a module that touches `monitor`."""

import math
import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import streamlit as st

from dashboard import data, intake_data
from dashboard.changes import changing, require
from monitor.access.policy import Action
from monitor.errors import MisuseError, UnreadableImageError
from monitor.imaging.files import read_picture, write_jpeg
from monitor.imaging.scale import MarkerScale as MarkerScale
from monitor.imaging.scale import scale_from_marker as scale_from_marker
from monitor.imaging.scale import scale_from_points as scale_from_points
from monitor.imaging.scale import scale_typed as scale_typed
from monitor.records import LevelOrder as LevelOrder
from monitor.records import Scale, TriggerPlan
from monitor.settings import Settings, load_settings
from monitor.storage import queries, repository
from monitor.storage.views import SiteView as SiteView
from monitor.storage.views import TriggerPlanView as TriggerPlanView

_PLAN_QUALITY = 90


@st.cache_data(ttl=10, show_spinner=False)
def sites(folder: Path) -> tuple[SiteView, ...]:
    """All sites, by name."""
    with data.reading(folder) as (session, _):
        return tuple(queries.sites(session))


@st.cache_data(ttl=10, show_spinner=False)
def plan_in_force(folder: Path, location_id: int) -> TriggerPlanView:
    """The last version of a location's trigger plan; the shipped defaults where none was agreed."""
    with data.reading(folder) as (session, _):
        return queries.trigger_plans(session, location_id)[-1]


@st.cache_data(max_entries=4, show_spinner=False)
def decoded(folder: Path, content: bytes) -> data.ByteArray:
    """A photo that is being shown to us, upright, uint8 (rows, cols, 3), in its full size.

    Raises `CrackmonitorError` with the reason where it is none that the worker would take in.
    """
    limits = load_settings(folder).ingest
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "photo"
        path.write_bytes(content)
        try:
            return read_picture(path, limits.max_megapixels, limits.max_file_mb).image
        except UnreadableImageError as error:
            raise UnreadableImageError(str(error).replace(str(path), "This file")) from None


def add_location(
    folder: Path,
    *,
    name: str,
    site: str,
    time_zone: str,
    interval_days: float,
    reference: tuple[str, bytes] | None,
    plan: bytes | None,
    scale: Scale | None,
) -> None:
    """Make a location, with its site where that is new.

    `reference` is a file's name and content: it goes to the inbox, and becomes the reference because it is the first.
    Raises `CrackmonitorError` before anything is made where it cannot be.
    """
    for content in (plan, None if reference is None else reference[1]):
        if content is not None:
            decoded(folder, content)
    with changing(folder) as (desk, settings, now):
        known = {view.name: view.id for view in queries.sites(desk.reading)}
        site_id = known.get(site) or desk.do(repository.add_site, name=site, time_zone=time_zone, now=now)
        place = desk.do(repository.add_location, site_id=site_id, name=name, interval_days=interval_days, now=now)
        if scale is not None:
            desk.do(repository.set_scale, place, scale)
    (settings.inbox / name).mkdir(parents=True, exist_ok=True)
    if plan is not None:
        set_plan(folder, name, plan)
    if reference is not None:
        sent = intake_data.send(folder, name, *reference)
        st.session_state["sent"] = [sent, *st.session_state.get("sent", [])]


def set_plan(folder: Path, name: str, content: bytes) -> None:
    """Keep a picture that shows where the location is, without whatever else was in its file."""
    require(folder, Action.SET_UP_PLACES, name)
    image, plans = decoded(folder, content), load_settings(folder).plans
    plans.mkdir(exist_ok=True)
    write_jpeg(plans / f"{name}.jpg", image, _PLAN_QUALITY)


def set_scale(folder: Path, location_id: int, scale: Scale) -> None:
    """Give a location its scale; the worker fits its histories anew."""
    with changing(folder) as (desk, _, _now):
        desk.do(repository.set_scale, location_id, scale)


def agree_plan(
    folder: Path,
    location_id: int,
    limits: Mapping[str, Any],
    orders: Mapping[str, LevelOrder],
    *,
    agreed_by: str,
    valid_from: datetime | None,
) -> None:
    """A new version of a location's trigger plan, from `valid_from` (None: now) on; see `TriggerPlan` for its parts."""
    plan = TriggerPlan(**limits, **orders)
    if plan.amber_rate is not None and plan.red_rate is not None and plan.red_rate <= plan.amber_rate:
        raise MisuseError(f"Red from {plan.red_rate:g} mm per year must lie above amber, {plan.amber_rate:g}.")
    with changing(folder) as (desk, _, now):
        begins = valid_from or now
        desk.do(repository.add_trigger_plan, location_id, plan, agreed_by=agreed_by, valid_from=begins, now=now)


@st.cache_data(ttl=60, max_entries=4, show_spinner=False)
def reference_image(folder: Path, location_id: int) -> data.ByteArray | None:
    """The reference in full size, in whose pixels the scale is told; None where there is none, or it is not on disk."""
    with data.reading(folder) as (session, settings):
        reference = queries.reference(session, location_id)
    if reference is None:
        return None
    stored = {} if reference.reading is None else reference.reading.pictures
    paths = [settings.pictures / stored["aligned"]] if "aligned" in stored else []
    for path in (*paths, *original_files(settings, reference.sha256)):
        try:
            return read_picture(path, math.inf, math.inf).image
        except UnreadableImageError:
            continue
    return None


def original_files(settings: Settings, sha256: str) -> list[Path]:
    """The kept original with that hash, whatever its format; empty where it is lost."""
    return sorted((settings.originals / sha256[:2]).glob(f"{sha256}.*"))
