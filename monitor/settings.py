"""Settings of one workspace: `crackmonitor.toml` first, environment variables over it.

Every key can be overridden by `CRACKMONITOR_<KEY>`, nested keys with two underscores
(`CRACKMONITOR_ANALYSIS__DEVICE=cpu`). Secrets belong in the environment, or in a file of such lines that
`CRACKMONITOR_SECRETS_FILE` names; the environment itself has the last word.
"""

import os
import tomllib
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, DotEnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from monitor.errors import SettingsError

SETTINGS_FILE = "crackmonitor.toml"
SECRETS_VARIABLE = "CRACKMONITOR_SECRETS_FILE"
_CLOCK = r"^$|^([01]\d|2[0-3]):[0-5]\d$"


class AnalysisSettings(BaseModel, extra="forbid"):
    """What decides the numbers; all of it goes into the recipe fingerprint except `device`."""

    weights: str = Field(
        "default", description="name of a shipped classifier, or path of a .safetensors file (from the workspace on)"
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="where the networks run")
    batch_size: int = Field(16, ge=1, le=1024, description="patches a batch (padded, so fixed)")
    threads: int = Field(0, ge=0, description="CPU threads of torch; 0 leaves torch's choice")
    attribution: str = Field("lrp", description="attribution method")
    thresholder: str = Field("simple", description="simple or gmm")
    threshold_probability: float | None = Field(
        None, ge=0, le=1, description="patch is a crack from here on; empty: the weights' own calibrated value"
    )
    least_confidence: float = Field(
        0.3, ge=0, le=1, description="taught masks the analysis is less sure of are not measured; 0: all are"
    )
    least_crack_confidence: float = Field(
        0.5,
        ge=0,
        le=1,
        description="cracks of a taught mask that the analysis is less sure of are left out; 0: none is",
    )
    mask: Literal["taught", "refined", "published"] = Field(
        "taught", description="taught (a segmenter, where the explanation points), refined (dark valleys), published"
    )
    segmenter: str = Field("segmenter", description="name of a shipped segmenter, or path of a .safetensors file")
    width_method: str = Field("edge", description="edge (deterministic default) or published (seeded)")
    sizes: Literal["profiles", "mask"] = Field(
        "profiles", description="area and maximum width by the light across the mask, or by the mask alone"
    )


class IngestSettings(BaseModel, extra="forbid"):
    """Rules for incoming files."""

    max_megapixels: float = Field(64.0, gt=0, description="larger pictures are rejected with a reason")
    max_file_mb: float = Field(200.0, gt=0, description="larger files are rejected with a reason")
    least_free_gb: float = Field(0.5, ge=0, description="with less free space nothing is taken in, until there is more")
    decode_seconds: float = Field(60.0, gt=0, description="pictures that take longer to decode are rejected")
    stable_scans: int = Field(2, ge=1, description="scans a file must stay unchanged before it is taken in")


class WorkerSettings(BaseModel, extra="forbid"):
    """How often the worker does what."""

    scan_seconds: float = Field(60.0, gt=0, description="inbox scan interval")
    heartbeat_url: str = Field(
        "", pattern=r"^$|^https?://\S+$", description="asked for after every round, with /fail after a failed one"
    )
    overdue_grace_days: float = Field(3.0, ge=0, description="added to a location's interval before 'overdue'")
    lease_minutes: float = Field(
        10.0, gt=0, description="a worker that gave no sign for so long has died, and others take over its work"
    )
    executor: str = Field("local", description="where captures are analysed: local (in the worker), or ray")


class ClusterSettings(BaseModel, extra="forbid"):
    """The Ray cluster that captures are analysed on, where `worker.executor` is ray."""

    address: str = Field("", description="'auto', or host:port of a running cluster; empty: this machine alone")
    analysers: int = Field(0, ge=0, description="analysers at once; 0: as many as there is room for")
    cpus: float = Field(1.0, ge=0, description="CPUs an analyser takes")
    gpus: float = Field(0.0, ge=0, description="GPUs an analyser takes; 0.25: four share one")
    attempts: int = Field(3, ge=1, description="how often a capture is begun whose analyser or machine is lost")

    @model_validator(mode="after")
    def _takes_something(self) -> Self:
        if self.cpus == self.gpus == 0:
            raise ValueError("an analyser takes some of a CPU or of a GPU")
        return self


class SourceSettings(BaseModel, extra="forbid"):
    """Where photos are fetched from beside the inbox."""

    url: str = Field(description="where they lie: s3://bucket/folder, sftp://user@host/folder, smb://, file:///folder")
    location: str = Field("", description="the location that all of them show")
    site: str = Field("", description="or the site whose locations have a folder each there, by their names")
    options: dict[str, Any] = Field(default_factory=dict, description="fsspec's options; keep secrets in variables")

    @model_validator(mode="after")
    def _is_of_one_place(self) -> Self:
        if bool(self.location) == bool(self.site):
            raise ValueError("a source names its location, or its site")
        if "::" in self.url or "://" not in self.url:
            raise ValueError("the url is no kind://place/folder")
        if ":" in self.url.split("://", 1)[1].rpartition("@")[0]:
            raise ValueError("the url holds a password; give it as the option 'password', in a variable")
        return self


class NotifySettings(BaseModel, extra="forbid"):
    """Where alerts go besides the log."""

    urls: list[str] = Field(default_factory=list, description="Apprise URLs (e-mail, webhook and the rest)")
    retry_seconds: float = Field(300.0, gt=0, description="pause before an undelivered alert is tried again")
    groups: dict[str, list[str]] = Field(default_factory=dict, description="distribution groups: name -> Apprise URLs")
    routes: dict[str, list[str]] = Field(
        default_factory=dict, description="site or location -> groups that get its alerts; the others go to `urls`"
    )
    escalation: list[str] = Field(
        default_factory=list, description="groups that hear of what nobody has acknowledged for too long"
    )

    @model_validator(mode="after")
    def _groups_are_known(self) -> Self:
        named = {group for groups in (*self.routes.values(), self.escalation) for group in groups}
        if unknown := sorted(named - self.groups.keys()):
            raise ValueError(f"there is no group {', '.join(unknown)} in 'notify.groups'")
        return self


class AlarmSettings(BaseModel, extra="forbid"):
    """When people are told what, and how often again."""

    reminder_hours: float = Field(
        24.0, ge=0, description="pause between reminders of what nobody acknowledged; 0: none"
    )
    escalation_hours: float = Field(
        48.0, gt=0, description="unacknowledged for so long, it goes to `notify.escalation`"
    )
    quiet_from: str = Field(
        "", pattern=_CLOCK, description="HH:MM on the site's clocks; nothing but red is sent from then"
    )
    quiet_to: str = Field("", pattern=_CLOCK, description="until then; empty: no quiet hours")
    new_crack_captures: int = Field(2, ge=1, description="captures in a row that must show a new crack")
    unusable_captures: int = Field(2, ge=1, description="captures in a row that cannot be used before it is said")
    worker_silent_minutes: float = Field(30.0, gt=0, description="a worker's silence that is worth an alert")


class DashboardSettings(BaseModel, extra="forbid"):
    """Where the pages are served."""

    url: str = Field("", description="address people open the pages at, for links in messages; empty: host and port")

    host: str = Field("127.0.0.1", description="address to bind; any but 127.0.0.1 takes accounts, and a TLS proxy")
    port: int = Field(8501, ge=1, le=65535, description="TCP port")
    login_hours: float = Field(12.0, gt=0, le=720, description="so long a login to the pages holds")


class ApiSettings(BaseModel, extra="forbid"):
    """Where machines come in."""

    host: str = Field("127.0.0.1", description="address to bind; keep it local unless a proxy with TLS guards it")
    port: int = Field(8502, ge=1, le=65535, description="TCP port")
    watch_seconds: float = Field(60.0, gt=0, description="how often the worker's sign of life is looked for")


class NetworkSettings(BaseModel, extra="forbid"):
    """Where the service's own requests may go: anywhere outside, and inside only where this says so."""

    allow: list[str] = Field(
        default_factory=list,
        description="addresses, networks (10.0.5.0/24) or host names of the inner network that webhooks, the"
        " heartbeat and sources may reach",
    )


class Settings(BaseSettings):
    """All settings of a workspace; `workspace` is the folder they were read from."""

    model_config = SettingsConfigDict(env_prefix="CRACKMONITOR_", env_nested_delimiter="__", extra="forbid")

    workspace: Path = Path()
    database_url: str = Field(
        "sqlite:///crackmonitor.db",
        description="SQLAlchemy URL; a relative SQLite path is relative to the workspace",
    )
    analysis: AnalysisSettings = Field(default_factory=AnalysisSettings)
    ingest: IngestSettings = Field(default_factory=IngestSettings)
    worker: WorkerSettings = Field(default_factory=WorkerSettings)
    cluster: ClusterSettings = Field(default_factory=ClusterSettings)
    sources: dict[str, SourceSettings] = Field(default_factory=dict, description="name -> where photos come from")
    notify: NotifySettings = Field(default_factory=NotifySettings)
    alarms: AlarmSettings = Field(default_factory=AlarmSettings)
    dashboard: DashboardSettings = Field(default_factory=DashboardSettings)
    api: ApiSettings = Field(default_factory=ApiSettings)
    network: NetworkSettings = Field(default_factory=NetworkSettings)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment wins over the file of secrets, and that over the settings file (which arrives as init values)."""
        return env_settings, *_secrets(settings_cls), init_settings

    @property
    def link(self) -> str:
        """The address of the pages, as messages give it, without a slash at its end."""
        return self.dashboard.url.rstrip("/") or f"http://{self.dashboard.host}:{self.dashboard.port}"

    @property
    def secrets(self) -> Path:
        """What OpenID Connect needs, by 'crackmonitor access setup'; readable by its owner alone."""
        return self.workspace / "secrets.toml"

    @property
    def inbox(self) -> Path:
        """One folder per location; drop photos here."""
        return self.workspace / "inbox"

    @property
    def originals(self) -> Path:
        """Accepted files under their sha256, never altered."""
        return self.workspace / "originals"

    @property
    def pictures(self) -> Path:
        """Made by the analysis: aligned captures, masks, relevance, overlays."""
        return self.workspace / "pictures"

    @property
    def plans(self) -> Path:
        """Plans that show where a location is, `NAME.jpg` each; reports print them."""
        return self.workspace / "plans"

    def landmarks_of(self, sha256: str) -> Path:
        """What a reference is recognised by, under the hash of its original; made anew when deleted."""
        return self.workspace / "landmarks" / f"{sha256}.npy"

    def profiles_of(self, location_id: int, fingerprint: str) -> Path:
        """What captures show across the cracks of a location, as followed under a recipe."""
        return self.workspace / "profiles" / f"{location_id}-{fingerprint}.npz"

    def looks_of(self, location_id: int, fingerprint: str) -> Path:
        """What each capture shows at the stations of a location's cracks under a recipe; made anew when deleted."""
        return self.workspace / "looks" / f"{location_id}-{fingerprint}"

    @property
    def heads(self) -> Path:
        """Last layers of the classifier that were adapted to a site, under their sha256."""
        return self.workspace / "heads"

    @property
    def quarantine(self) -> Path:
        """Rejected files, each with its reason beside it."""
        return self.workspace / "quarantine"

    @property
    def resolved_database_url(self) -> str:
        """`database_url` with a relative SQLite path made absolute inside the workspace."""
        prefix = "sqlite:///"
        if self.database_url.startswith(prefix) and not self.database_url.startswith(prefix + "/"):
            return prefix + str((self.workspace / self.database_url[len(prefix) :]).resolve())
        return self.database_url


def _secrets(settings: type[BaseSettings]) -> list[PydanticBaseSettingsSource]:
    """The file of secrets, where the environment names one. Raises `SettingsError` when it cannot be read."""
    name = os.environ.get(SECRETS_VARIABLE, "")
    if not name:
        return []
    try:
        Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text in UTF-8"
        raise SettingsError(
            f"The file of secrets {name}, which {SECRETS_VARIABLE} names, cannot be read: {why}. Correct the name, or"
            " let the user that this runs as read the file."
        ) from error
    return [DotEnvSettingsSource(settings, env_file=name, env_file_encoding="utf-8")]


def load_settings(workspace: Path) -> Settings:
    """Read `crackmonitor.toml` in `workspace` and the environment.

    Raises `SettingsError` when the folder is no workspace, or the file or the environment cannot be understood.
    """
    path = workspace / SETTINGS_FILE
    if not path.is_file():
        raise SettingsError(
            f"{workspace.resolve()} is not a workspace: there is no {SETTINGS_FILE}. "
            f"Make one with 'crackmonitor init {workspace}'."
        )
    try:
        values: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"The settings file {path} cannot be read: {error}. Correct that place.") from error
    return _understood(values, workspace, f"The settings in {path} (or the environment)")


def load_settings_if_any(workspace: Path) -> Settings:
    """The settings of `workspace`; where there is none, the defaults and the environment.

    Raises `SettingsError` when either cannot be understood.
    """
    if (workspace / SETTINGS_FILE).exists():
        return load_settings(workspace)
    return _understood({}, workspace, "The settings in the environment")


def _understood(values: dict[str, Any], workspace: Path, source: str) -> Settings:
    try:
        settings = Settings(**{**values, "workspace": workspace})
        analysis = settings.analysis
        paths = {name: getattr(analysis, name) for name in ("weights", "segmenter")}
        from_here = {name: str(workspace / path) for name, path in paths.items() if path.endswith(".safetensors")}
        analysis = analysis.model_copy(update=from_here)
        # No variable moves the workspace elsewhere.
        return settings.model_copy(update={"workspace": workspace, "analysis": analysis})
    except ValidationError as error:
        wrong = "; ".join(f"'{'.'.join(str(part) for part in item['loc'])}': {item['msg']}" for item in error.errors())
        raise SettingsError(f"{source} do not make sense: {wrong}.") from error
    except ValueError as error:  # a whole table in one variable, and it is no JSON
        raise SettingsError(
            f"{source} cannot be read: {error}. Set one key a variable, as in CRACKMONITOR_ANALYSIS__DEVICE=cpu."
        ) from error
