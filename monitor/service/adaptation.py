"""The classifier adapted to one site by patches that people judged there, and the way back.

An adapted head is a recipe of its own: the site's locations go by it once all their captures have been measured under
it, and by the shipped one again as soon as that is asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from monitor.errors import LostOriginalError, MisuseError
from monitor.imaging.registration import align
from monitor.imaging.tiling import agreed, cut, tile
from monitor.networks.adaptation import Comparison, compared, enough, head_of, keep_head, refit, see, spots
from monitor.records import ByteArray, Recipe
from monitor.service.executors import build_analyser
from monitor.service.ingest import original_path, read_original
from monitor.service.recipes import Switched, switch
from monitor.settings import Settings
from monitor.storage import queries, repository
from monitor.storage.database import Database
from monitor.storage.queries.recipes import HEAD
from monitor.storage.told import PatchJudgementView
from monitor.storage.views import CaptureView, LocationView


@dataclass(frozen=True)
class SurePatch:
    """A patch of a capture and what is known of it: the crack probability, whether that calls it cracked, and what a
    person said of it (None: nothing yet).
    """

    row_px: int
    col_px: int
    side_px: int
    probability: float
    called_cracked: bool
    judged_cracked: bool | None


@dataclass(frozen=True)
class Adapted:
    """What came of adapting a site: in words, whether the head was `kept`, and the locations that go by it now."""

    told: str
    kept: bool
    comparison: Comparison
    switched: tuple[Switched, ...] = ()


def surest_patches(database: Database, settings: Settings, capture_id: int, most: int) -> list[SurePatch]:
    """The patches of a capture that look most cracked by the shipped networks: those worth judging first."""
    analyser = build_analyser(settings.analysis)
    judge = analyser.judge
    with database.session() as session:
        capture = queries.capture(session, capture_id)
        site = _site_of(session, capture)
        judged = {
            (view.row_px, view.col_px, view.side_px): view.cracked
            for view in queries.patch_judgements(session, site)
            if view.capture_id == capture_id
        }
    view = _seen(database, settings, capture_id)
    grid = tile(view.shape[:2], judge.classifier.patch_px, analyser.options.overlap_px)
    alone = judge.probability(cut(view, grid), analyser.options.batch_size)
    probability = agreed(alone, grid, np.arange(len(grid)))
    return [
        SurePatch(
            row_px=row,
            col_px=col,
            side_px=grid.patch_px,
            probability=float(probability[index]),
            called_cracked=bool(probability[index] >= analyser.threshold_probability),
            judged_cracked=judged.get((row, col, grid.patch_px)),
        )
        for index in np.argsort(-probability, kind="stable")[:most]
        for row, col in [map(int, grid.origins[index])]
    ]


def judge_patch(
    database: Database,
    settings: Settings,
    capture_id: int,
    at: tuple[int, int],
    *,
    cracked: bool,
    now: datetime,
    by: str | None = None,
) -> PatchJudgementView:
    """A person says whether the patch around that (row, col) of the reference's frame shows a crack in this capture.

    It is the patch of the grid whose middle is nearest. Raises `MisuseError` for a place outside of the frame.
    """
    analyser = build_analyser(settings.analysis)
    shape = _seen(database, settings, capture_id).shape[:2]
    if min(at) < 0 or at[0] >= shape[0] or at[1] >= shape[1]:
        raise MisuseError(f"Row {at[0]}, column {at[1]} is outside of the {shape[0]} x {shape[1]} px of the reference.")
    grid = tile(shape, analyser.judge.classifier.patch_px, analyser.options.overlap_px)
    away = np.linalg.norm(grid.origins + grid.patch_px / 2 - np.array(at), axis=1)
    row, col = map(int, grid.origins[np.argmin(away)])
    with database.transaction() as session:
        found = repository.judge_patch(session, capture_id, (row, col), grid.patch_px, cracked=cracked, now=now, by=by)
        site = _site_of(session, queries.capture(session, capture_id))
        return next(view for view in queries.patch_judgements(session, site) if view.id == found)


def adapt(database: Database, settings: Settings, site: str, now: datetime, by: str | None = None) -> Adapted:
    """Refit the classifier's head to a site; kept only if it does better on patches that it was not fitted to.

    Raises `MisuseError` with too few patches of either kind, and where a location of the site goes by a recipe that is
    not the present one.
    """
    with database.session() as session:
        site_id = queries.site_id(session, site)
        judged = queries.patch_judgements(session, site_id)
        places = [place for place in queries.locations(session) if place.site_id == site_id]
    cracked = np.array([view.cracked for view in judged], bool)
    enough(cracked)
    analyser = build_analyser(settings.analysis)
    with database.session() as session:
        for place in places:
            _require_present(session, place, analyser.recipe)
    judge = analyser.judge
    patches = _patches(database, settings, judged, judge.classifier.patch_px)
    seen = see(judge, patches, analyser.options.batch_size)
    corners = np.array([(view.row_px, view.col_px, view.side_px) for view in judged])
    found = compared(seen, cracked, spots(corners, [view.location_id for view in judged]))
    stored = head_of(judge.classifier, refit(seen, cracked)) if found.better else None
    sha256 = None if stored is None else keep_head(settings.heads, stored)
    told = _told(found, site)
    with database.transaction() as session:
        repository.add_adaptation(session, site_id, patches=len(judged), told=told, head_sha256=sha256, now=now, by=by)
        if sha256 is None:
            return Adapted(told, kept=False, comparison=found)
        adapted = Recipe({**analyser.recipe.options, HEAD: sha256})
        fingerprint = repository.record_recipe(session, adapted, now)
    following = [place.name for place in places if place.in_force not in (None, fingerprint)]
    switched = _switched(database, settings, following, fingerprint, now, by)
    return Adapted(told, kept=True, comparison=found, switched=switched)


def undo(
    database: Database, settings: Settings, site: str, now: datetime, by: str | None = None
) -> tuple[Switched, ...]:
    """The site's locations go by the shipped head again; what was measured under the adapted one stays.

    Raises `MisuseError` where no head is adapted to the site.
    """
    with database.transaction() as session:
        site_id = queries.site_id(session, site)
        if not repository.undo_adaptation(session, site_id, now=now, by=by):
            raise MisuseError(f"The classifier is not adapted to '{site}'; there is nothing to undo.")
        back: dict[str, list[str]] = {}
        for place in queries.locations(session):
            recipe = None if place.in_force is None else queries.recipe(session, place.in_force)
            if place.site_id == site_id and recipe is not None and HEAD in recipe.options:
                shipped = repository.record_recipe(session, _shipped(recipe), now)
                back.setdefault(shipped, []).append(place.name)
    return tuple(
        one for fingerprint, names in back.items() for one in _switched(database, settings, names, fingerprint, now, by)
    )


def _switched(
    database: Database, settings: Settings, names: Sequence[str], fingerprint: str, now: datetime, by: str | None
) -> tuple[Switched, ...]:
    return tuple(switch(database, settings, name, now, to=fingerprint, by=by, complete=False) for name in names)


def _shipped(recipe: Recipe) -> Recipe:
    """The recipe with the shipped head."""
    options = {name: value for name, value in recipe.options.items() if name != HEAD}
    return Recipe(options, recipe.analysis_version)


def _require_present(session: Session, place: LocationView, present: Recipe) -> None:
    if place.in_force is None:
        return
    if _shipped(queries.recipe(session, place.in_force)).fingerprint != present.fingerprint:
        raise MisuseError(
            f"'{place.name}' goes by another recipe than the settings bring, so a head fitted now would not fit it."
            f" Compare and switch first: 'crackmonitor location recipe {place.name}'."
        )


def _told(found: Comparison, site: str) -> str:
    figures = (
        f"of {found.n} patches, each judged by a head fitted without its spot, {found.adapted:.0%} are told rightly"
        f" (mean of both kinds); by the shipped head {found.shipped:.0%}"
    )
    if found.better:
        return f"The classifier is adapted to {site}: {figures}."
    return f"The shipped classifier stays at {site}, for adapting does no better: {figures}."


def _patches(
    database: Database, settings: Settings, judged: Sequence[PatchJudgementView], side_px: int
) -> NDArray[np.uint8]:
    """The judged patches as the classifier takes them, uint8 (n, side, side, 3); of larger ones, the middle."""
    views = {key: _seen(database, settings, key) for key in sorted({view.capture_id for view in judged})}
    return np.concatenate([_patch(views[view.capture_id], view, side_px) for view in judged])


def _patch(picture: ByteArray, judged: PatchJudgementView, side_px: int) -> ByteArray:
    shift = (judged.side_px - side_px) // 2
    grid = tile(picture.shape[:2], side_px)
    corner = np.array([judged.row_px + shift, judged.col_px + shift])
    inside = np.clip(corner, 0, np.maximum(np.array(grid.shape) - side_px, 0))
    return cut(picture, type(grid)(grid.shape, side_px, inside[None]))


def _seen(database: Database, settings: Settings, capture_id: int) -> ByteArray:
    """The capture in its reference's frame, uint8 (rows, cols, 3)."""
    with database.session() as session:
        capture = queries.capture(session, capture_id)
        reference = queries.reference(session, capture.location_id)
    if capture.rejected_reason is not None:
        raise MisuseError(f"Capture {capture_id} ({capture.file_name}) was rejected; it has no patches.")
    picture = _read(settings, capture)
    if capture.is_reference:
        return picture
    registration = None if capture.reading is None else capture.reading.registration
    if reference is None or registration is None or not registration.accepted:
        raise MisuseError(
            f"Capture {capture_id} ({capture.file_name}) is not laid onto its reference (yet), so nobody can say which"
            " spot a patch of it shows. Judge patches of another one."
        )
    assert reference.height_px is not None, "accepted captures have a size"
    assert reference.width_px is not None, "accepted captures have a size"
    return align(picture, registration, (reference.height_px, reference.width_px))[0]


def _read(settings: Settings, capture: CaptureView) -> ByteArray:
    assert capture.media_type is not None, "accepted captures have a media type"
    path = original_path(settings.originals, capture.sha256, capture.media_type)
    if not path.is_file():
        raise LostOriginalError(f"The original of {capture.file_name} is out of reach. Put it back as {path}.")
    return read_original(path)


def _site_of(session: Session, capture: CaptureView) -> int:
    return next(view.site_id for view in queries.locations(session) if view.id == capture.location_id)
