"""Settings of one workspace: `crackmonitor.toml` first, environment variables over it.

Every key can be overridden by `CRACKMONITOR_<KEY>`, nested keys with two underscores
(`CRACKMONITOR_ANALYSIS__DEVICE=cpu`). Secrets belong in the environment.
"""

import tomllib
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from monitor.errors import SettingsError

SETTINGS_FILE = "crackmonitor.toml"
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
    mask: Literal["taught", "refined", "published"] = Field(
        "taught", description="taught (a segmenter, where the explanation points), refined (dark valleys), published"
    )
    segmenter: str = Field("segmenter", description="name of a shipped segmenter, or path of a .safetensors file")
    width_method: str = Field("edge", description="edge (deterministic default) or published (seeded)")


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
    overdue_grace_days: float = Field(3.0, ge=0, description="added to a location's interval before 'overdue'")


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

    host: str = Field("127.0.0.1", description="address to bind; keep it local unless a proxy guards it")
    port: int = Field(8501, ge=1, le=65535, description="TCP port")


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
    notify: NotifySettings = Field(default_factory=NotifySettings)
    alarms: AlarmSettings = Field(default_factory=AlarmSettings)
    dashboard: DashboardSettings = Field(default_factory=DashboardSettings)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment wins over the file (which arrives as init values)."""
        return env_settings, init_settings

    @property
    def link(self) -> str:
        """The address of the pages, as messages give it, without a slash at its end."""
        return self.dashboard.url.rstrip("/") or f"http://{self.dashboard.host}:{self.dashboard.port}"

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
