"""Commands about photos and masks: analyse, register, measure, ingest, capture."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.output import HERE, Json, Seed, Workspace, answer, opened, progress, read_photo, table

if TYPE_CHECKING:
    from monitor.records import Analysis, Registration
    from monitor.storage.views import CaptureView, Exclusion, SupersededView

capture_app = typer.Typer(
    help="Captures: the photos that were taken in, and what became of them.", no_args_is_help=True
)

Number = Annotated[int, typer.Argument(help="Capture number, as 'capture list' and the dashboard show it.")]
Why = Annotated[str, typer.Option(help="The reason; it is kept.")]
By = Annotated[str | None, typer.Option(help="Who says so.")]
Photo = Annotated[Path, typer.Argument(help="Photo: JPEG, PNG, TIFF, WebP or HEIC.")]
MmPerPx = Annotated[float | None, typer.Option(help="Millimetres per pixel of the reference (or the photo).")]


def analyse(
    image: Photo,
    reference: Annotated[Path | None, typer.Option(help="Reference photo of the same place.")] = None,
    mm_per_px: MmPerPx = None,
    out: Annotated[Path | None, typer.Option(help="Folder for mask, relevance and overlay pictures.")] = None,
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Find and measure cracks in one photo. Needs no workspace (uses its settings where there is one)."""
    from monitor.errors import UnreadableImageError
    from monitor.imaging.scale import scale_typed
    from monitor.service.executors import build_analyser
    from monitor.settings import load_settings_if_any
    from monitor.severity.metrics import with_scale

    settings = load_settings_if_any(workspace)
    scale = None if mm_per_px is None else scale_typed(mm_per_px)
    analyser = build_analyser(settings.analysis)
    try:
        photo = read_photo(image, settings)
        reference_photo = None if reference is None else read_photo(reference, settings)
    except UnreadableImageError as error:
        answer(_rejected(str(error), analyser.recipe), json, f"rejected: {error}")
        return
    with progress(f"Analysing {image.name}", None, json):
        analysis = analyser.analyse(photo, reference_photo)
    severity = None if analysis.severity is None else with_scale(analysis.severity, scale)
    files = _written(analysis, out) if out else dict.fromkeys(_FILES)
    result = {
        "status": analysis.status,
        "reason": analysis.reason,
        "crack_probability": analysis.crack_probability,
        "confidence": analysis.confidence,
        "crack_confidences": analysis.crack_confidences,
        "severity": severity,
        "registration": analysis.registration,
        "recipe": _recipe(analysis.recipe),
        "files": files,
    }
    words = [f"{analysis.status}" + (f": {analysis.reason}" if analysis.reason else "")]
    if analysis.crack_probability is not None:
        words.append(f"highest crack probability of a patch: {analysis.crack_probability:.3f}")
    words += [] if analysis.confidence is None else [f"confidence in the mask: {analysis.confidence:.2f}"]
    words += [] if severity is None else [_severity_words(severity)]
    answer(result, json, "\n".join(words))


_FILES = ("mask", "relevance", "overlay")


def _recipe(recipe: Any) -> dict[str, Any]:
    return {"fingerprint": recipe.fingerprint, "analysis_version": recipe.analysis_version, **recipe.options}


def _rejected(reason: str, recipe: Any) -> dict[str, Any]:
    empty = dict.fromkeys(("crack_probability", "confidence", "crack_confidences", "severity", "registration"))
    return {
        "status": "rejected",
        "reason": reason,
        **empty,
        "recipe": _recipe(recipe),
        "files": dict.fromkeys(_FILES),
    }


def _written(analysis: "Analysis", out: Path) -> dict[str, str | None]:
    from monitor.imaging.files import write_png
    from monitor.imaging.overlays import overlay, relevance_picture

    files: dict[str, str | None] = dict.fromkeys(_FILES)
    if analysis.mask is None or analysis.relevance is None or analysis.aligned is None:
        return files
    out.mkdir(parents=True, exist_ok=True)
    pictures = {
        "mask": analysis.mask,
        "relevance": relevance_picture(analysis.relevance),
        "overlay": overlay(analysis.aligned, analysis.mask, analysis.relevance),
    }
    for name, picture in pictures.items():
        write_png(out / f"{name}.png", picture)
        files[name] = str(out / f"{name}.png")
    return files


def _severity_words(severity: Any) -> str:
    def both(px: float, unit: str, mm: float | None, mm_unit: str) -> str:
        return f"{px:.1f} {unit}" + ("" if mm is None else f" = {mm:.2f} {mm_unit}")

    return (
        f"{severity.crack_count} crack(s), "
        f"area {both(severity.area_px, 'px²', severity.area_mm2, 'mm²')}, "
        f"maximum width {both(severity.max_width_px, 'px', severity.max_width_mm, 'mm')}, "
        f"length {both(severity.length_px, 'px', severity.length_mm, 'mm')}"
        + (" (for millimetres give --mm-per-px)" if severity.max_width_mm is None else "")
    )


def register(
    reference: Annotated[Path, typer.Argument(help="Reference photo.")],
    image: Photo,
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Find how a photo maps onto its reference, or say why it does not."""
    from monitor.errors import UnreadableImageError
    from monitor.imaging.registration import register as find_registration
    from monitor.settings import load_settings_if_any

    settings = load_settings_if_any(workspace)
    try:
        found = find_registration(read_photo(reference, settings), read_photo(image, settings))
    except UnreadableImageError as error:
        found = _not_registered(str(error))
    words = (
        f"accepted: residual {found.residual_px:.3f} px, {found.inliers} inliers, overlap {found.overlap:.0%}"
        if found.accepted
        else f"refused: {found.reason}"
    )
    answer(vars(found), json, words)


def _not_registered(reason: str) -> "Registration":
    from monitor.records import Registration

    return Registration(False, reason, None, None, 0, 0.0, 0.0, None)


def measure(
    mask: Annotated[Path, typer.Argument(help="Mask picture: white (or 1) is crack.")],
    mm_per_px: MmPerPx = None,
    width_method: Annotated[str, typer.Option(help="edge (default) or published (seeded).")] = "edge",
    seed: Seed = 0,
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Crack count, area, maximum width and length of a mask."""
    import numpy as np

    from monitor.imaging.scale import scale_typed
    from monitor.settings import load_settings_if_any
    from monitor.severity.metrics import measure as measure_mask
    from monitor.severity.metrics import with_scale

    levels = read_photo(mask, load_settings_if_any(workspace), background="black").max(axis=2)
    severity = measure_mask(
        levels > _level_below_crack(np.unique(levels).tolist(), mask), width_method, np.random.default_rng(seed)
    )
    severity = with_scale(severity, None if mm_per_px is None else scale_typed(mm_per_px))
    answer(vars(severity), json, _severity_words(severity))


def _level_below_crack(levels: list[int], path: Path) -> int:
    """The grey level above which a mask picture is crack: of two levels the higher is, JPEG blurs 0 and 255."""
    from monitor.errors import MisuseError

    if len(levels) <= 2:
        return levels[0] if len(levels) == 2 else 0
    if levels[-1] > 127:
        return 127
    raise MisuseError(
        f"{path} is no mask: it has {len(levels)} grey levels, none above 127. Save it with two: 0, and 255 for crack."
    )


def ingest(
    paths: Annotated[list[Path] | None, typer.Argument(help="Photos or folders; none: scan the inbox once.")] = None,
    location: Annotated[str | None, typer.Option(help="Location the photos belong to.")] = None,
    create: Annotated[bool, typer.Option("--create", help="Make the location when it does not exist.")] = False,
    site: Annotated[str, typer.Option(help="Site of a location made by --create.")] = "default",
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Take photos into the workspace. The worker analyses them ('crackmonitor worker --once')."""
    from monitor.errors import MisuseError
    from monitor.service.ingest import Ingest
    from monitor.service.places import ensure_location
    from monitor.service.scheduler import now

    if paths and location is None:
        raise MisuseError("Say where the photos belong: --location NAME.")
    if not paths and (location is not None or create):
        raise MisuseError("Name the photos: crackmonitor ingest PHOTO... --location NAME. (Without any: the inbox.)")
    with opened(workspace) as (settings, database):
        if location is not None and create:
            ensure_location(database, settings, location, site, now())
        ingesting = Ingest(database, settings)
        with progress("Taking photos in", None, json) as bar:
            if paths and location:
                intake = ingesting.take(paths, location, now(), bar.reached)
            else:
                intake = ingesting.scan(now())
    lines = [
        f"{len(intake.accepted)} accepted, {len(intake.duplicates)} duplicate(s), "
        f"{len(intake.waiting)} waiting, {len(intake.rejected)} rejected"
    ]
    lines += [f"  {refusal.file}: {refusal.reason}" for refusal in intake.rejected]
    lines += [f"  {waiting.reason}" for waiting in intake.waiting_reasons]
    answer(intake.as_json(), json, "\n".join(lines))


@capture_app.command("list")
def capture_list(
    location: Annotated[str, typer.Option(help="Location whose captures are listed.")],
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """All captures of a location by capture time, each with what became of it and why."""
    from monitor.service.judging import history
    from monitor.storage import queries

    with opened(workspace) as (_, database), database.session() as session:
        view = queries.location(session, location)
        captures = queries.captures(session, view.id)
        excluded = {left.capture_id: left for left in history(session, view).excluded}
        superseded = queries.superseded(session, view.id)
    listed = [_listed(capture, excluded.get(capture.id), superseded) for capture in captures]
    rows = [
        (
            one["capture"],
            capture.time and f"{capture.time.at:%Y-%m-%d %H:%M} UTC",
            one["status"],
            one["file"],
            one["reason"],
        )
        for one, capture in zip(listed, captures, strict=True)
    ]
    words = table(("capture", "captured", "status", "file", "reason"), rows)
    answer({"location": location, "captures": listed}, json, words)


def _listed(
    capture: "CaptureView", exclusion: "Exclusion | None", superseded: "list[SupersededView]"
) -> dict[str, Any]:
    """What a script is told; `reason` says why the capture has no number, or why its number does not count."""
    reading = capture.reading
    status = "waiting" if reading is None else reading.status.value
    reason = (reading.reason if reading else None) or (exclusion.reason if exclusion and reading else None)
    if capture.rejected_reason is not None:
        status, reason = "rejected", capture.rejected_reason
    return {
        "capture": capture.id,
        "file": capture.file_name,
        "sha256": capture.sha256,
        "captured_at": capture.time and capture.time.at,
        "reference": capture.is_reference,
        "status": status,
        "reason": reason,
        "severity": reading and reading.severity,
        "superseded": [
            {
                "fingerprint": former.reading.fingerprint,
                "status": former.reading.status,
                "reason": former.reading.reason,
                "severity": former.reading.severity,
                "measured_at": former.reading.measured_at,
                "superseded_at": former.at,
                "why": former.why,
            }
            for former in superseded
            if former.capture_id == capture.id
        ],
    }


@capture_app.command("move")
def capture_move(
    capture: Number,
    location: Annotated[str, typer.Option(help="Location it belongs to.")],
    why: Why = "",
    by: By = None,
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Put a misfiled photo where it belongs; the worker measures it anew against the reference there."""
    from monitor.service.corrections import move_capture
    from monitor.service.scheduler import now

    with opened(workspace) as (_, database):
        moved = move_capture(database, capture, location, now(), why=why, by=by)
    words = f"Capture {capture} ({moved.file_name}) belongs to {location} now; the worker measures it there."
    answer({"capture": capture, "location": location}, json, words)


@capture_app.command("withdraw")
def capture_withdraw(capture: Number, why: Why, by: By = None, workspace: Workspace = HERE, json: Json = False) -> None:
    """Let a photo that should never have arrived count no longer; it and the reason are kept."""
    from monitor.service.corrections import withdraw_capture
    from monitor.service.scheduler import now

    with opened(workspace) as (_, database):
        withdraw_capture(database, capture, why, now(), by=by)
    answer({"capture": capture, "why": why}, json, f"Capture {capture} counts no longer.")


@capture_app.command("restore")
def capture_restore(capture: Number, why: Why, by: By = None, workspace: Workspace = HERE, json: Json = False) -> None:
    """Take a withdrawn photo back; the worker measures it anew."""
    from monitor.service.corrections import restore_capture
    from monitor.service.scheduler import now

    with opened(workspace) as (_, database):
        restore_capture(database, capture, why, now(), by=by)
    answer({"capture": capture, "why": why}, json, f"Capture {capture} counts again once it has been measured.")


@capture_app.command("remeasure")
def capture_remeasure(capture: Number, workspace: Workspace = HERE, json: Json = False) -> None:
    """Have the worker measure a capture that gave no sizes once more, for example when its lost original is back.

    What was found before stays in the database, superseded. With a reference, all captures of its location are
    measured again, because its cracks decide how they are laid onto it.
    """
    from monitor.service.corrections import measure_again
    from monitor.service.scheduler import now

    with opened(workspace) as (settings, database):
        withdrawn = measure_again(database, settings, capture, now())
    words = (
        f"The worker measures {len(withdrawn)} capture(s) again." if withdrawn else f"Capture {capture} waits already."
    )
    answer({"captures": withdrawn}, json, words)


COMMANDS: dict[str, Callable[..., None]] = {
    "analyse": analyse,
    "register": register,
    "measure": measure,
    "ingest": ingest,
}
