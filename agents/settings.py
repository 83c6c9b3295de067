"""Settings: `overwatch.toml`, `OVERWATCH_*` variables and `.env`, validated before anything starts.

Every field says what it is for. A key that is not known is refused with the name of the nearest one that is.
"""

from __future__ import annotations

import difflib
import itertools
import math
import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from dotenv import dotenv_values
from pydantic import (
    AnyHttpUrl,
    BaseModel,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError as SourceError

from agents.facts import ActionKind, Name
from agents.foundry.settings import ModelSettings
from agents.journal_settings import JournalSettings
from agents.platforms import KINDS, DockerSettings, FrontDoorSettings, Platform, Section
from agents.policy_settings import PolicySettings
from agents.tool_settings import ToolsSettings

OWN_VARIABLES = frozenset({"OVERWATCH_HOME", "OVERWATCH_CONFIG", "OVERWATCH_MCP_CONFIG", "OVERWATCH_MCP_TOKEN"})
"""Variables with the prefix that are not settings."""
DOT_ENV = ".env"
DAY_S = 86_400.0
DEMO = "demo"
"""The name of the target that Overwatch starts itself."""


class SettingsError(ValueError):
    """The configuration can't be used; the text names the key, the value and the remedy."""


def _none_where_empty(value: object) -> object:
    """TOML has no null, so an empty string says "there is none"."""
    return None if value == "" else value


class SentrySettings(Section):
    """How targets are watched."""

    interval_s: float = Field(default=1.0, ge=0.2, le=300)
    """Seconds between two looks at a region."""
    timeout_s: float = Field(default=2.0, ge=0.1, le=30)
    """How long one probe may take before it counts as failed."""
    fall: int = Field(default=2, ge=1, le=20)
    """Bad looks in a row before a symptom counts."""
    rise: int = Field(default=3, ge=1, le=60)
    """Good looks in a row before a symptom is gone."""
    latency_factor: float = Field(default=4.0, gt=1)
    """A region is slow when its p95 is this many times its baseline and above `latency_floor_ms`."""
    latency_floor_ms: float = Field(default=500, gt=0)
    """Below this p95, in milliseconds, nothing is slow."""
    error_rate: float = Field(default=0.05, gt=0, le=1)
    """The share of failed requests above which a region errs."""
    settle_s: float = Field(default=2.0, ge=0, le=3600)
    """Seconds to wait after the last action before the outcome is judged."""
    verify_timeout_s: float = Field(default=15.0, ge=1, le=3600)
    """How long the checks of a verification may take to turn good before it has failed."""
    stable_looks: int = Field(default=3, ge=1, le=60)
    """Good looks in a row that a verification asks for."""


class RegionSettings(Section):
    """One region of a target, reached from here."""

    url: AnyHttpUrl
    """The region's own address, such as `https://east.example.org`."""
    health_path: str = Field(default="/health", pattern=r"^/")
    """Answers below 400 mean healthy; `application/health+json` is read when offered."""
    metrics_path: Annotated[str | None, BeforeValidator(_none_where_empty)] = Field(default="/metrics", pattern=r"^/")
    """Prometheus text; empty where there is none."""
    probe_path: str | None = Field(default=None, pattern=r"^/")
    """A path that users use; without it only the health path is probed."""


class ChaosSettings(Section):
    """Where faults may be injected. Only a target that declares this can be broken from the control room."""

    token: SecretStr
    """The bearer token of the target's `/admin` endpoints."""
    demo: bool = False
    """True for the target that Overwatch started itself: its chaos keys ask no question."""


class TargetSettings(Section):
    """A service to watch. Without `platform` it is watched and diagnosed, and its plans go to a person."""

    regions: Mapping[Name, RegionSettings] = Field(min_length=1)
    """The regions, by name."""
    public_url: AnyHttpUrl | None = None
    """The address that users use, whatever the region."""
    public_probe_path: str = Field(default="/", pattern=r"^/")
    """What is asked there to see what users see."""
    public_metrics_url: AnyHttpUrl | None = None
    """Prometheus text of the edge, where there is one: measures all users, not only probes."""
    platform: Platform | None = None
    """Where it runs, if Overwatch may act on it."""
    allowed_actions: frozenset[ActionKind] | None = None
    """The actions that may be proposed; null allows all that the platform can do."""
    chaos: ChaosSettings | None = None
    """Set where faults may be injected."""

    @model_validator(mode="after")
    def _regions_agree(self) -> TargetSettings:
        if self.platform is None:
            return self
        names = set(self.regions)
        tables: dict[str, Iterable[str]] = {}
        if isinstance(self.platform, DockerSettings):
            tables["platform.services"] = self.platform.services
            if self.platform.traffic is not None:
                tables["platform.traffic.servers"] = self.platform.traffic.servers
        else:
            tables["platform.container_apps"] = self.platform.container_apps
            traffic = self.platform.traffic
            if isinstance(traffic, FrontDoorSettings):
                tables["platform.traffic.origins"] = traffic.origins
            elif traffic is not None:
                tables["platform.traffic.endpoints"] = traffic.endpoints
        for where, table in tables.items():
            if set(table) != names:
                raise ValueError(f"{where} names {sorted(table)}, but the regions are {sorted(names)}: name each region once")
        return self

    @property
    def simulated(self) -> bool:
        """Whether it is a demo: what works there is simulated."""
        return self.chaos is not None and self.chaos.demo

    def actions(self) -> frozenset[ActionKind]:
        """What may be proposed for it: nothing that touches infrastructure where there is no platform."""
        if self.platform is None:
            return frozenset()
        can: set[ActionKind] = {"restart_service", "scale_service"}
        if self.platform.images:
            can |= {"deploy_container", "rollback_revision"}
        if self.platform.traffic is not None and len(self.regions) > 1:
            can |= {"failover_region", "switch_traffic"}
        return frozenset(can if self.allowed_actions is None else can & self.allowed_actions)


class ScreenSettings(Section):
    """The control room's looks and keys."""

    theme: Literal["dark", "light", "colour-blind", "terminal"] = "dark"
    """The colours; `terminal` uses the terminal's own."""
    ascii: bool = False
    """Draw with ASCII alone."""
    keys: Mapping[str, str] = Field(default_factory=dict)
    """Other keys for actions, by id, such as `"approval.approve" = "f2"`."""


class DemoSettings(Section):
    """The demo target."""

    enabled: bool | None = None
    """Start it: null starts it only where no other target is configured."""
    replicas: int = Field(default=2, ge=1, le=4)
    """Replicas of the demo app in each region."""
    rps: int = Field(default=15, ge=0, le=50)
    """User-like requests a second that the demo sends itself."""


class Settings(BaseSettings):
    """The whole configuration. Secrets belong into the environment or `.env`, not into the file."""

    model_config = SettingsConfigDict(
        env_prefix="OVERWATCH_",
        env_nested_delimiter="__",
        env_ignore_empty=True,
        env_file=DOT_ENV,
        dotenv_filtering="match_prefix",
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
    )

    targets: Annotated[Mapping[Name, TargetSettings], Field(default_factory=dict)]
    """The services to watch, by name."""
    sentry: SentrySettings = SentrySettings()
    """How targets are watched."""
    policy: PolicySettings = PolicySettings()
    """What may be done without a person."""
    model: ModelSettings = ModelSettings()
    """The model that thinks."""
    tools: ToolsSettings = ToolsSettings()
    """The MCP server, where one runs already."""
    journal: JournalSettings = JournalSettings()
    """How long the journal is kept."""
    screen: ScreenSettings = ScreenSettings()
    """Looks and keys."""
    demo: DemoSettings = DemoSettings()
    """The demo target."""

    @model_validator(mode="after")
    def _one_demo(self) -> Settings:
        if DEMO in self.targets and self.demo.enabled:
            raise ValueError(f"targets.{DEMO} has the name of the demo: give the target another, or set demo.enabled = false")
        return self

    @model_validator(mode="after")
    def _journal_reaches_back(self) -> Settings:
        days, name, seconds = self.journal.keep_days, *self.policy.longest_look_back()
        if 0 < days * DAY_S < seconds:
            raise ValueError(
                f"journal.keep_days {days} is shorter than policy.{name} ({seconds:.0f} s), and what was pruned is not counted: "
                f"keep {math.ceil(seconds / DAY_S)} days or more"
            )
        return self

    @property
    def with_demo(self) -> bool:
        """Whether the demo target is to be started."""
        return not self.targets if self.demo.enabled is None else self.demo.enabled

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is pydantic-settings'
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic-settings'
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over `.env`, which wins over the file (handed in as init values)."""
        return env_settings, dotenv_settings, init_settings


def load(config: Path | None = None, *, environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of `config`, else of `OVERWATCH_CONFIG`, else of `./overwatch.toml` where it exists.

    Raises SettingsError with the key, the value and the remedy.
    """
    env = os.environ if environ is None else environ
    path = find(config, env)
    table: dict[str, Any] = {}
    if path is not None:
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise SettingsError(f"can't read the configuration {str(path)!r}: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError(f"{str(path)!r} is not valid TOML: {error}") from error
    _refuse_unknown_variables(env)
    _refuse_unknown_variables(dotenv_values(DOT_ENV), DOT_ENV)
    try:
        return Settings(**table)
    except ValidationError as error:
        raise SettingsError(explain(error, f"{path} and the environment" if path else "the environment")) from error
    except SourceError as error:
        raise SettingsError(
            f"the environment: {error}: a table is set by its keys, such as OVERWATCH_POLICY__THRESHOLD"
        ) from error


def find(config: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The configuration file to read, if there is one. A file that was named must exist (reading it says so otherwise)."""
    if config is not None:
        return config
    if named := environ.get("OVERWATCH_CONFIG"):
        return Path(named)
    here = Path("overwatch.toml")
    return here if here.is_file() else None


def explain(error: ValidationError, where: str) -> str:
    """Everything that is wrong, on one line, with the nearest known name for an unknown key. Never prints a secret."""
    lines = []
    for problem in error.errors(include_url=False):
        full = [str(part) for part in problem["loc"]]
        location = _shown_location(full)
        key = ".".join(location)
        if problem["type"] == "extra_forbidden":
            near = difflib.get_close_matches(location[-1], _names_at(full[:-1]), n=1, cutoff=0.5)
            hint = f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(sorted(_names_at(full[:-1])))}"
            lines.append(f"{key!r} is not a setting{hint}")
        elif location[-1:] == ["[key]"]:
            lines.append(f"{location[-2]!r} can't be a name: use lower case letters, digits and dashes")
        elif problem["type"] == "missing":
            lines.append(f"{key!r} is missing: set it")
        elif problem["type"] == "union_tag_invalid":
            lines.append(f"'{key}.kind': {problem['ctx']['tag']!r} is not one of them; known: {problem['ctx']['expected_tags']}")
        elif problem["type"] == "tuple_type":
            lines.append(f'{key!r}: give a list, such as ["…"]{_shown(location, problem.get("input"))}')
        else:
            said = problem["msg"].removeprefix("Value error, ") + _shown(location, problem.get("input"))
            lines.append(f"{key!r}: {said}" if key else said)
    return f"{where}: " + "; ".join(lines)


def _shown_location(location: list[str]) -> list[str]:
    """Without the parts that name which kind of table was read, which are no keys of the file."""
    before = ["", *location]
    return [part for n, part in enumerate(location) if part not in KINDS.get(before[n], ())]


def _shown(location: list[str], value: object) -> str:
    """The value that is wrong, unless a secret may be in it."""
    secret = any(word in location[-1] for word in ("key", "token", "secret", "password")) if location else True
    if secret or not isinstance(value, int | float | str) or "@" in str(value):
        return ""
    return f", not {value!r}" if len(str(value)) <= 80 else ""


def _names_at(location: list[str]) -> list[str]:
    model: Any = Settings
    for part, following in itertools.zip_longest(location, location[1:]):
        fields = getattr(model, "model_fields", None)
        model = _inside(model if fields is None or part not in fields else fields[part].annotation, following)
    return list(getattr(model, "model_fields", {}))


def _inside(annotation: Any, kind: str | None = None) -> Any:
    """The table in an annotation; of several the one of that kind, else the first."""
    tables = [one for one in (annotation, *_arguments(annotation)) if isinstance(one, type) and issubclass(one, BaseModel)]
    of_kind = [one for one in tables if "kind" in one.model_fields and kind in get_args(one.model_fields["kind"].annotation)]
    return next(iter(of_kind or tables), annotation)


def _arguments(annotation: Any) -> list[Any]:
    out: list[Any] = []
    for argument in getattr(annotation, "__args__", ()):
        out += [argument, *_arguments(argument)]
    return out


def _refuse_unknown_variables(environ: Iterable[str], where: str = "the environment") -> None:
    known = {f"OVERWATCH_{name.upper()}" for name in Settings.model_fields}
    for name in sorted(environ):
        if not name.startswith("OVERWATCH_"):
            continue
        if name in OWN_VARIABLES:
            if where == DOT_ENV:
                raise SettingsError(f"{DOT_ENV} sets {name!r}, which is read from the environment alone: export it there")
            continue
        if name.split("__", 1)[0] not in known:
            near = difflib.get_close_matches(name.split("__", 1)[0], [*known, *OWN_VARIABLES], n=1, cutoff=0.5)
            hint = f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(sorted(known | OWN_VARIABLES))}"
            raise SettingsError(f"the variable {name!r} of {where} is not a setting{hint}")
