"""Photos that lie elsewhere: listed, fetched once they are whole, and taken in like any other.

A source is only read. What was dealt with is remembered by its path and version, so that listing it again fetches
nothing; a source that is out of reach, or looks empty because nothing is mounted, is told and tried again. Over the
network only what the settings leave open is reached (see `guard`), whatever a name means or a server answers.
"""

import hashlib
import importlib.util
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Any

from monitor.errors import MisuseError, StorageError, UnknownNameError
from monitor.imaging.folders import passed_over
from monitor.service.guard import Passage, through
from monitor.service.ingest import Ingest, Intake, Refusal
from monitor.settings import Settings, SourceSettings
from monitor.storage import queries, repository
from monitor.storage.database import Database

#: kind of URL -> the module that fsspec needs for it, and what installs that.
SOURCES = {
    "file": ("fsspec", "fsspec"),
    "memory": ("fsspec", "fsspec"),
    "s3": ("s3fs", "crackmonitor[sources]"),
    "sftp": ("paramiko", "crackmonitor[sources]"),
    "smb": ("smbclient", "crackmonitor[sources]"),
}
#: What fsspec would leave open: hosts that are not known are not trusted, and the guard lets nobody to an SSH agent.
_OPTIONS: dict[str, dict[str, Any]] = {"sftp": {"host_key_policy": "reject", "timeout": 30, "allow_agent": False}}
#: Where systems note when or in which version a file was written, the surest first.
_VERSIONS = ("ETag", "etag", "VersionId", "mtime", "LastModified", "last_write_time", "modified", "created")
_TIMES = ("mtime", "LastModified", "last_write_time", "modified")
#: Shorter options are no secrets, and would be found in any word.
_LEAST_SECRET = 4
#: Of a file's name so much is kept (from its end), because file systems end names at 255 bytes.
_KEPT_NAME = 60


@dataclass(frozen=True)
class Remote:
    """A file of a source: its `path` below the source's folder, its `key` there, and what tells its versions apart."""

    path: str
    key: str
    size_bytes: int
    version: str
    modified: float | None


class Source:
    """One place beyond this machine, as the settings name it; of the inner network it reaches what `allow` names.

    Raises `MisuseError` where it cannot be one.
    """

    def __init__(self, name: str, settings: SourceSettings, allow: Sequence[str] = ()) -> None:
        self.name = name
        self.settings = settings
        self._kind = settings.url.partition("://")[0]
        if self._kind not in SOURCES:
            raise UnknownNameError("kind of source", self._kind, SOURCES)
        module, package = SOURCES[self._kind]
        if importlib.util.find_spec(module) is None:
            raise MisuseError(f"The source '{name}' needs the package {module}: pip install '{package}'.")
        self._passage = Passage(allow)  # one for all connections, so that none leads further inside than the first
        self._system: Any = None
        self._root = ""

    def listed(self) -> list[Remote]:
        """All files there are now, by path; links and what copying programs have not finished are left out.

        Raises `StorageError` with a sentence where the source or its folder is out of reach.
        """
        with self._in_words("listed"):
            system, root = self._opened()
            if not system.isdir(root):
                raise FileNotFoundError(f"there is no folder {root}")
            found = system.find(root, detail=True)
        below = [(PurePosixPath(key).relative_to(root), info) for key, info in sorted(found.items())]
        return [_remote(path, info) for path, info in below if self._is_in(info, root) and not passed_over(Path(path))]

    def _is_in(self, info: dict[str, Any], root: str) -> bool:
        """False for what a link in a mounted folder takes from elsewhere on this machine."""
        if self._kind != "file":
            return not info.get("islink")
        there = Path(info["name"])
        return there.resolve() == Path(root).resolve() / there.relative_to(root)

    def fetch(self, remote: Remote, target: Path) -> bool:
        """Copy one file here, with its time. False: it is not what was listed any more, so it is not whole yet."""
        with self._in_words(f"asked for {remote.path}"):
            system, _ = self._opened()
            system.get_file(remote.key, str(target))
            now = _remote(PurePosixPath(remote.path), system.info(remote.key))
        if now.version != remote.version or target.stat().st_size != remote.size_bytes:
            return False
        if remote.modified is not None:
            os.utime(target, (remote.modified, remote.modified))
        return True

    def close(self) -> None:
        """End the connection, if there is one; fsspec leaves that of SFTP open for good."""
        for part in ("ftp", "client"):
            connection = getattr(self._system, part, None)
            if connection is not None:
                connection.close()
        self._system = None

    def _opened(self) -> tuple[Any, str]:
        """The file system, which remembers no listing, and the folder in it."""
        import fsspec

        if self._system is None:
            options = {**_OPTIONS.get(self._kind, {}), **self.settings.options}
            self._system, self._root = fsspec.core.url_to_fs(self.settings.url, skip_instance_cache=True, **options)
        self._system.invalidate_cache()
        return self._system, self._root.rstrip("/")

    @contextmanager
    def _in_words(self, what: str) -> Iterator[None]:
        """Whatever a library raises, in a sentence; none of them has an error of its own for all."""
        self._passage.refused = None
        try:
            with through(self._passage):
                yield
        except Exception as error:
            why = (self._passage.refused or " ".join(str(error).split()) or type(error).__name__).rstrip(".")
            for secret in self.settings.options.values():
                why = why.replace(secret, "***") if isinstance(secret, str) and len(secret) >= _LEAST_SECRET else why
            raise StorageError(
                f"The source '{self.name}' ({self.settings.url}) could not be {what}: {why}. It is tried again at the "
                "next round; see that it is mounted and within reach, and that its options are right."
            ) from error


class Fetching:
    """Brings the photos of all sources into one workspace."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._ingest = Ingest(database, settings)

    def scan(
        self,
        name: str,
        now: datetime,
        stopped: Callable[[], bool] = lambda: False,
        apart: timedelta = timedelta(0),
    ) -> Intake:
        """Look once through the source of that name; a file is fetched when it was the same for `stable_scans` scans.

        What cannot be done now is among `waiting_reasons`, and is tried again by the next scan.
        """
        intake, source = Intake(), None
        try:
            source = Source(name, self._settings.sources[name], self._settings.network.allow)
            with self._database.session() as session:
                known = queries.fetched(session, name)
                sites = {place.name: place.site for place in queries.locations(session)}
            listed = source.listed()
            if known and not listed:
                raise StorageError(
                    f"The source '{name}' ({source.settings.url}) is empty, and {len(known)} file(s) came from there. "
                    "Nothing is mounted there, perhaps: mount it again."
                )
            for remote in listed:
                if stopped():
                    break
                if known.get(remote.path) != remote.version:
                    self._consider(source, remote, sites, now, apart, intake)
        except (StorageError, MisuseError) as error:
            intake.waiting_reasons.append(Refusal(name if source is None else source.settings.url, str(error)))
        finally:
            if source is not None:
                source.close()
        return intake

    def _consider(
        self, source: Source, remote: Remote, sites: dict[str, str], now: datetime, apart: timedelta, intake: Intake
    ) -> None:
        url = f"{source.settings.url.rstrip('/')}/{remote.path}"
        location = source.settings.location or PurePosixPath(remote.path).parts[0]
        wanted = source.settings.site or sites.get(location)
        if sites.get(location) != wanted or wanted is None or remote.path == location:
            why = (
                f"{url} waits: there is no location '{location}'{f' at {wanted}' if wanted else ''}. Add it, or rename"
            )
            intake.waiting.append(url)
            intake.waiting_reasons.append(Refusal(url, f"{why} the folder after the location that it shows."))
        elif not self._is_stable(url, remote, now, apart):
            intake.waiting.append(url)
        elif remote.size_bytes > self._settings.ingest.max_file_mb * 1e6:
            self._done(source, remote, now)
            limit = f"the {self._settings.ingest.max_file_mb:g} MB that max_file_mb in the settings allows"
            intake.rejected.append(Refusal(url, f"{url} is larger than {limit}, and is not fetched."))
        else:
            self._bring(source, remote, url, location, now, intake)

    def _is_stable(self, url: str, remote: Remote, now: datetime, apart: timedelta) -> bool:
        version = int.from_bytes(hashlib.sha256(remote.version.encode()).digest()[:7])
        with self._database.transaction() as session:
            scans = repository.record_sightings(session, {url: (remote.size_bytes, version)}, now=now, apart=apart)
        return scans[url] >= self._settings.ingest.stable_scans

    def _bring(self, source: Source, remote: Remote, url: str, location: str, now: datetime, intake: Intake) -> None:
        """Fetch one file into a folder of its own and take it in from there."""
        try:
            self._ensure_room(remote)
            folder = self._settings.workspace / "fetching" / source.name
            shutil.rmtree(folder, ignore_errors=True)  # what a killed worker left
            folder.mkdir(parents=True)
            path = folder / _plain(PurePosixPath(remote.path).name)
            whole = source.fetch(remote, path)
            taken, kept = self._ingest.take_one(path, location, now) if whole else (Intake(), False)
            shutil.rmtree(folder)
        except (OSError, StorageError) as error:
            intake.waiting.append(url)
            intake.waiting_reasons.append(Refusal(url, str(error)))
            return
        refusals = [Refusal(url, refusal.reason.replace(str(path), url)) for refusal in taken.rejected]
        if not kept:
            intake.waiting.append(url)
            intake.waiting_reasons += refusals
            return
        intake.rejected += refusals
        intake.accepted += [url for _ in taken.accepted]
        intake.duplicates += [url for _ in taken.duplicates]
        self._done(source, remote, now)

    def _ensure_room(self, remote: Remote) -> None:
        """For the copy that is fetched and the original; otherwise it stays where it is."""
        left_gb = (shutil.disk_usage(self._settings.originals).free - 2 * remote.size_bytes) / 1e9
        if left_gb < self._settings.ingest.least_free_gb:
            raise OSError(f"{remote.path} is not fetched: it would leave {max(left_gb, 0):.1f} GB of disk space free.")

    def _done(self, source: Source, remote: Remote, now: datetime) -> None:
        url = f"{source.settings.url.rstrip('/')}/{remote.path}"
        with self._database.transaction() as session:
            repository.record_fetched(session, source.name, remote.path, remote.version, now)
            repository.forget_sighting(session, url)


def _remote(path: PurePosixPath, info: dict[str, Any]) -> Remote:
    told = next((f"{name} {_plain_time(info[name])}" for name in _VERSIONS if info.get(name) is not None), "")
    modified = next((_plain_time(info[name]) for name in _TIMES if info.get(name) is not None), None)
    size = int(info.get("size") or 0)
    return Remote(str(path), info["name"], size, f"{size} {told}", None if modified is None else float(modified))


def _plain_time(told: Any) -> Any:
    """Some file systems tell a time in one way when they list and in another when they are asked for one file."""
    return told.timestamp() if isinstance(told, datetime) else told


def _plain(name: str) -> str:
    """A name that any file system takes."""
    return "".join(letter if letter.isprintable() and letter not in '\\:*?"<>|' else "_" for letter in name)[
        -_KEPT_NAME:
    ]
