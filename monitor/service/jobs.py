"""What the worker does, step by step. Every step may be stopped, killed or done twice without harm.

Work to do is what our tables say: a capture without a reading under the present recipe is work, and so is one without
a reading under the recipe that its location goes by. A location keeps that until a person switches it.
"""

import logging
import math
import threading
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from monitor.errors import (
    ClusterError,
    CrackmonitorError,
    LostOriginalError,
    RecipeError,
    StorageError,
    UnreadableImageError,
)
from monitor.records import Analysis, BoolArray, ByteArray, Recipe, Status, shows_cracks
from monitor.service.alarming import watch_for_overdue, watch_worker
from monitor.service.executing import Executor, executor_of
from monitor.service.following import follow_location
from monitor.service.heartbeat import Heartbeat
from monitor.service.ingest import Ingest, Intake, Refusal, original_path, read_original
from monitor.service.judging import judge_location
from monitor.service.landmarks import learn_references
from monitor.service.leases import Leases
from monitor.service.notification import Delivery, deliver
from monitor.service.pictures import keep, keep_pictures, read_mask
from monitor.service.recipes import compare_ready
from monitor.service.routing import Routing
from monitor.service.sources import Fetching
from monitor.settings import Settings
from monitor.storage import queries, repository
from monitor.storage.database import Database
from monitor.storage.views import CaptureView

if TYPE_CHECKING:  # torch is imported when the first capture is analysed, not before
    from monitor.analysis import Analyser

log = logging.getLogger("crackmonitor.worker")

_ATTEMPTS = 3
#: Of a long backlog so many captures are analysed before locations are judged and alerts sent.
_AT_ONCE = 100
_RETRY_AFTER = timedelta(minutes=2)


@dataclass(frozen=True)
class Tick:
    """What one round of the worker did."""

    intake: Intake
    analysed: int
    judged: int
    delivery: Delivery


@dataclass
class _Progress:
    """How far the present round has come."""

    analysed: int = 0
    judged: int = 0
    delivery: Delivery = field(default_factory=lambda: Delivery(0, 0))


@dataclass(frozen=True)
class _Reference:
    """The picture a location's captures are registered to, and where its own cracks are."""

    image: ByteArray
    mask: BoolArray | None


@dataclass(frozen=True)
class _InHand:
    """A capture that is being analysed, and what is needed of it afterwards."""

    work: repository.Work
    capture: CaptureView
    image: ByteArray | None
    recipe: Recipe


class Jobs:
    """All steps of one worker on one workspace. `clock` gives the present time (aware).

    Scans of the inbox, this worker's or another's, count as several only when they are `scans_apart`.
    """

    def __init__(
        self,
        database: Database,
        settings: Settings,
        clock: Callable[[], datetime],
        worker: str,
        stop: threading.Event | None = None,
        on_analysed: Callable[[CaptureView, Analysis], None] = lambda _capture, _analysis: None,
        scans_apart: timedelta = timedelta(0),
    ) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock
        self._worker = worker
        self._stop = stop or threading.Event()
        self._on_analysed = on_analysed
        self._scans_apart = scans_apart
        self._progress = _Progress()
        self._waiting_said: set[Refusal] = set()
        self._former: dict[str, Analyser | None] = {}
        self._ahead: deque[tuple[int, str]] = deque()
        self._heartbeat = Heartbeat(settings.worker.heartbeat_url, settings.network.allow)
        self._leases = Leases(database, clock, timedelta(minutes=settings.worker.lease_minutes))

    @cached_property
    def analyser(self) -> "Analyser":
        """The networks of the present recipe, loaded once a worker."""
        from monitor.service.executors import build_analyser

        return build_analyser(self._settings.analysis)

    @cached_property
    def executor(self) -> Executor:
        """Where captures are analysed."""
        return executor_of(self._settings)

    def close(self) -> None:
        """Give back what is held elsewhere for this worker."""
        if (executor := self.__dict__.pop("executor", None)) is not None:
            executor.close()

    def former_analyser(self, recipe: Recipe) -> "Analyser":
        """Those of a recipe that a location still goes by. Raises `RecipeError` where it cannot be run any more."""
        from monitor.service.executors import analyser_of

        return analyser_of(recipe, self._settings)

    def tick(self) -> Tick:
        """One round: scan, analyse, refit and evaluate, watch for overdue captures, notify, sign of life."""
        done = self._progress = _Progress()
        trouble: dict[str, str] = {}
        try:
            self._beat()
            self.watch_worker()
            try:
                intake = self.scan()
                while self.analyse_pending(_AT_ONCE) >= _AT_ONCE:
                    self._judge_and_warn()
                learn_references(self._database, self._settings)
            finally:  # whatever stands in the way of new readings, alerts go out
                self._judge_and_warn()
        except Exception as error:
            trouble = {"error": _sentence(error)}
            self._heartbeat.tell(failed=True)
            raise
        finally:
            self._beat(**trouble)
        self._heartbeat.tell()
        return Tick(intake, done.analysed, done.judged, done.delivery)

    def _judge_and_warn(self) -> None:
        self._progress.judged += self.judge_changed()
        self.watch()
        self._progress.delivery += self.notify()

    def _beat(self, **trouble: str) -> None:
        detail = {"analysed": self._progress.analysed, "sent": self._progress.delivery.sent, **trouble}
        with self._database.transaction() as session:
            repository.beat(session, self._worker, self._clock(), detail)

    def scan(self) -> Intake:
        """Look once through the inbox and the sources."""
        intake = Ingest(self._database, self._settings).scan(self._clock(), self._stop.is_set, self._scans_apart)
        with self._leases:
            for name in self._settings.sources:
                intake += self._fetched(name)
        for refusal in intake.rejected:
            log.warning("Not taken in: %s", refusal.reason)
        for waiting in intake.waiting_reasons:
            if waiting not in self._waiting_said:
                log.warning("Not taken in yet: %s", waiting.reason)
        self._waiting_said.update(intake.waiting_reasons)
        return intake

    def _fetched(self, source: str) -> Intake:
        with self._leases.alone_at(f"source {source}", self._worker) as alone:
            if not alone:
                return Intake()
            fetching = Fetching(self._database, self._settings)
            return fetching.scan(source, self._clock(), self._stop.is_set, self._scans_apart)

    def analyse_pending(self, at_most: float = math.inf) -> int:
        """Analyse captures until none lacks a reading (see `repository.claim_next`) or asked to stop; returns how many.

        With an executor that takes several at once, the last of them may be more than `at_most` asks for.
        """
        if self._stop.is_set() or not self._choose_references():
            return 0
        with self._database.transaction() as session:
            present = repository.bring_recipe(session, self.analyser.recipe, self._clock())
        analysers = {**self._former_analysers(present), present: self.analyser}
        with self._leases:
            done = self._analyse_all(present, analysers, at_most) if self._anything_pending(analysers) else 0
        with self._database.transaction() as session:
            self._begin_series(session, present)
            compare_ready(session)
        return done

    def _analyse_all(self, present: str, analysers: "Mapping[str, Analyser]", at_most: float) -> int:
        """Keep the executor busy, as many captures in hand as it takes at once."""
        executor = self.executor  # whatever is wrong with it is no capture's fault
        at_most = max(at_most, 4 * (executor.at_once - 1))
        begun = 0
        in_hand: dict[Future[Analysis], _InHand] = {}
        while True:
            while begun < at_most and len(in_hand) < executor.at_once and not self._stop.is_set():
                work = self._claim(present, analysers)
                if work is None:
                    break
                begun += 1
                in_hand |= self._begin(work, analysers[work.fingerprint])
            if not in_hand:
                return begun
            ended, _ = wait(in_hand, return_when=FIRST_COMPLETED)
            for future in ended:
                self._end(in_hand.pop(future), future)

    def _anything_pending(self, analysers: "Mapping[str, Analyser]") -> bool:
        with self._database.session() as session:
            return any(queries.pending(session, fingerprint) for fingerprint in analysers)

    def _claim(self, present: str, analysers: "Mapping[str, Analyser]") -> repository.Work | None:
        self._choose_references()  # a location may have got its first capture meanwhile
        with self._database.transaction() as session:
            work = repository.claim_next(
                session,
                fingerprint=present,
                former=analysers.keys() - {present},
                worker=self._worker,
                now=self._clock(),
                lease=self._leases.span,
                ahead=self._ahead,
            )
        if work is not None:
            self._leases.hold(work.token)
        return work

    def _former_analysers(self, present: str) -> "dict[str, Analyser]":
        """By fingerprint, the analysers of recipes that locations go by beside the present one, built once a worker."""
        with self._database.session() as session:
            in_force = {place.in_force for place in queries.locations(session)} - {None, present}
            recipes = {name: queries.recipe(session, name) for name in sorted(filter(None, in_force))}
        for name in recipes.keys() - self._former.keys():
            self._former[name] = self._built(recipes[name])
        return {name: found for name in recipes if (found := self._former[name]) is not None}

    def _built(self, recipe: Recipe) -> "Analyser | None":
        """None where that is impossible; the reason is kept with the recipe, for whoever looks."""
        found, why = None, None
        try:
            found = self.former_analyser(recipe)
        except RecipeError as error:
            why = str(error)
            log.warning("Nothing is analysed under the recipe %s any more: %s", recipe.fingerprint, why)
        with self._database.transaction() as session:
            repository.set_out_of_reach(session, recipe.fingerprint, why)
        return found

    def _choose_references(self) -> bool:
        """Give each location its first reference: its oldest capture. False when there are no captures at all."""
        with self._database.transaction() as session:
            for location_id in queries.without_reference(session):
                self._choose_reference(session, location_id)
            return queries.any_accepted(session)

    def _choose_reference(self, session: Session, location_id: int) -> None:
        repository.hold_location(session, location_id)  # so that none of its captures is moved elsewhere meanwhile
        accepted = [view for view in queries.captures(session, location_id) if view.rejected_reason is None]
        if accepted:
            repository.set_reference(session, location_id, accepted[0].id, self._clock())

    def _begin(self, work: repository.Work, analyser: "Analyser") -> dict[Future[Analysis], _InHand]:
        """Hand a claimed capture to the executor; what is to come of it, or nothing where it has to wait."""
        with self._database.session() as session:
            capture = queries.capture(session, work.capture_id, work.fingerprint)
            reference = queries.reference(session, capture.location_id, work.fingerprint)
        if reference is None or (reference.reading is None and reference.id != capture.id):
            why = "It was moved to another location, whose reference has not been measured yet."
            self._try_later(work, why, counts=False)
            self._ended(work)
            return {}
        image, future = None, Future[Analysis]()
        try:
            if work.attempts > _ATTEMPTS:
                why = f"it was begun {_ATTEMPTS} times and never came to an end"
                future.set_result(_failed(why, analyser.recipe))
            else:
                image = read_original(self._original(capture))
                future = self.executor.submit(analyser, image, *self._reference_of(capture, reference))
        except Exception as error:  # told at its end, as if it had come up elsewhere
            future.set_exception(error)
        return {future: _InHand(work, capture, image, analyser.recipe)}

    def _end(self, in_hand: _InHand, future: Future[Analysis]) -> None:
        """Store what the analysis found; or why there is nothing, and try later or give up."""
        work, capture = in_hand.work, in_hand.capture
        pictures: dict[str, str] = {}
        try:
            analysis = future.result()
            if in_hand.image is not None:
                pictures = keep_pictures(analysis, self._settings.pictures)
                if analysis.aligned is None:
                    pictures["original"] = keep(in_hand.image, self._settings.pictures, ".jpg")
        except Exception as error:  # whatever goes wrong with one capture must not stop the others
            if isinstance(error, CrackmonitorError):
                log.error("Capture %d (%s): %s", capture.id, capture.file_name, error)
            else:
                log.exception("Capture %d (%s) could not be analysed", capture.id, capture.file_name)
            why = str(error) or type(error).__name__
            elsewhere = isinstance(
                error, ClusterError | StorageError | OSError
            )  # a full disk, say: that is not the capture's fault
            if elsewhere or (work.attempts < _ATTEMPTS and not isinstance(error, UnreadableImageError)):
                self._try_later(work, why, counts=not elsewhere)
                self._ended(work)
                return
            analysis = _failed(why, in_hand.recipe)
        with self._database.transaction() as session:
            stored = repository.record_reading(
                session,
                capture_id=capture.id,
                analysis=analysis,
                pictures=pictures,
                now=self._clock(),
                token=work.token,
            )
        if not stored:
            log.info(
                "Capture %d (%s) is no longer this worker's, its reading is not stored", capture.id, capture.file_name
            )
        self._on_analysed(capture, analysis)
        self._ended(work)

    def _ended(self, work: repository.Work) -> None:
        self._leases.let_go(work.token)
        self._progress.analysed += 1
        self._beat()

    def _try_later(self, work: repository.Work, error: str, *, counts: bool) -> None:
        with self._database.transaction() as session:
            repository.record_failure(
                session,
                capture_id=work.capture_id,
                fingerprint=work.fingerprint,
                token=work.token,
                error=error,
                retry_at=self._clock() + _RETRY_AFTER * work.attempts,
                counts=counts,
            )

    def _reference_of(self, capture: CaptureView, reference: CaptureView) -> tuple[ByteArray | None, BoolArray | None]:
        """The picture that a capture is registered to, and the cracks that it is sure of; the reference itself is
        registered to none.
        """
        if capture.id == reference.id:
            return None, None
        reading = reference.reading
        kept = None
        if reading is not None and shows_cracks(reading.status, reading.grading):
            kept = reading.pictures.get("mask")
        known = _read_reference(self._original(reference), self._settings.pictures / kept if kept else None)
        return known.image, known.mask

    def _original(self, capture: CaptureView) -> Path:
        assert capture.media_type is not None, "accepted captures have a media type"
        path = original_path(self._settings.originals, capture.sha256, capture.media_type)
        if not path.is_file():
            if not _holds_anything(self._settings.originals):  # the others are out of reach too, not lost
                raise StorageError(f"The original {path} is out of reach. Mount its folder again.")
            raise LostOriginalError(
                f"The original of {capture.file_name} is missing. Put it back as {path} (from a backup, or by taking "
                "the photo in once more), and have this capture measured again: 'crackmonitor capture remeasure'."
            )
        return path

    def _begin_series(self, session: Session, present: str) -> None:
        """Locations without a series get the present recipe's, once all their captures have been read under it; those
        whose series is being measured again get that one back.
        """
        for location in queries.locations(session):
            if location.fingerprint is not None or not queries.accepted(session, location.id):
                continue
            wanted = location.resumes or present
            if not queries.pending(session, wanted, location.id):
                repository.set_series(session, location.id, wanted)

    def judge_changed(self) -> int:
        """Follow the cracks of every location whose readings have changed, refit and evaluate it.

        Where another worker is at an older capture, or at following, it does that afterwards.
        """
        with self._leases:
            left = self._follow_changed()
        with self._database.session() as session:
            left |= queries.awaited(session, self._clock())
            changed = [place for place in queries.unfitted(session) if place.id not in left]
        for location in changed:
            with self._database.transaction() as session:
                channels = self._routing.channels_of(location)
                alarms = self._settings.alarms
                judge_location(session, location, self._clock(), channels, alarms=alarms, late_holds=True)
        return len(changed)

    def _follow_changed(self) -> set[int]:
        """Ids of the locations that were left to other workers, which are at them."""
        left: set[int] = set()
        with self._database.session() as session:
            awaited = queries.awaited(session, self._clock())
            changed = [place for place in queries.unfollowed(session) if place.id not in awaited]
        for location in changed:
            if self._stop.is_set():
                break
            try:
                with self._leases.alone_at(f"following {location.id}", self._worker) as alone:
                    if alone:
                        follow_location(self._database, self._settings, location, self._clock())
                    else:
                        left.add(location.id)
            except Exception as error:  # one location's pictures must not keep the others from being judged
                tell = log.error if isinstance(error, CrackmonitorError) else log.exception
                tell("The cracks of %s could not be followed: %s", location.name, _sentence(error))
        return left

    def watch(self) -> None:
        """Notice captures that have stopped coming."""
        grace = self._settings.worker.overdue_grace_days
        with self._database.transaction() as session:
            watch_for_overdue(session, grace, self._clock())

    def watch_worker(self) -> bool:
        """Notice that no worker gives a sign of life any more, or that one does again. True: they are silent."""
        silence = timedelta(minutes=self._settings.alarms.worker_silent_minutes)
        with self._database.transaction() as session:
            return watch_worker(session, silence, self._clock())

    def notify(self) -> Delivery:
        """Send what is due."""
        return deliver(self._database, self._routing, self._worker, self._clock)

    @cached_property
    def _routing(self) -> Routing:
        return Routing.of(self._settings)


def _failed(why: str, recipe: Recipe) -> Analysis:
    return Analysis(Status.NOT_MEASURED, f"The analysis failed: {why}", None, None, None, recipe)


def _sentence(error: Exception) -> str:
    """What a person is told of it; what unexpected errors say may hold a password."""
    if isinstance(error, CrackmonitorError):
        return str(error)
    return f"An unexpected {type(error).__name__}; the worker's log has the details."


def _holds_anything(folder: Path) -> bool:
    """False for the folder of a share that is not mounted: absent, empty or not to be read."""
    try:
        return any(folder.iterdir())
    except OSError:
        return False


@lru_cache(maxsize=2)  # a location's captures follow each other
def _read_reference(original: Path, mask: Path | None) -> _Reference:
    """Both files are named by their content, so what was read once stays true."""
    return _Reference(read_original(original), None if mask is None else read_mask(mask))
