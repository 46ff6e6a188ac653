"""Every setting of the application; the only place that reads the environment."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    NestedSecretsSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from dovetail import ConfigurationError, connect
from todo.settings_errors import SettingsInvalid, SettingsReporter
from todo.store import address

PREFIX = "TODO_"
#: Names a TOML file with settings.
CONFIG_FILE = "TODO_CONFIG_FILE"
#: Where Docker puts secrets: one file for each, named as the variable is.
SECRETS_DIR = Path("/run/secrets")
#: Stands for a file in the data folder.
DEFAULT_DATABASE = "sqlite:"

Port = Annotated[int, Field(ge=1, le=65535, description="a port number from 1 to 65535")]
Host = Annotated[str, Field(min_length=1, description="a name or an address of this machine")]


def _queue_address(url: str) -> str:
    if url.startswith("memory:"):
        raise ValueError(
            "the components are processes of their own and cannot share a queue in memory"
        )
    try:
        connect(url, setting="it")
    except ConfigurationError as error:
        raise ValueError(str(error)) from None
    return url


def _database_address(url: str) -> str:
    if url != DEFAULT_DATABASE:
        address.parse(url)
    return url


def _from_json(value: object) -> object:
    return json.loads(value) if isinstance(value, str) else value


class Section(BaseModel):
    """The settings of one component."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SaveHandlerSettings(Section):
    """Of the save-handler."""

    publish_item_saved: bool = Field(default=True, description="true or false")
    #: Seconds that each batch is held up, to see a backlog grow.
    delay: float = Field(default=0, ge=0, le=3600, description="seconds from 0 to 3600")
    #: Items in one transaction at most.
    batch: int = Field(default=500, ge=1, le=10_000, description="a number from 1 to 10000")


class Rule(Section):
    """Replace one text by another wherever it stands."""

    find: str = Field(min_length=1, description="text to look for")
    replace: str = Field(description="text to put in its place")


class MutatingHandlerSettings(Section):
    """Of the mutating-handler."""

    rules: Annotated[tuple[Rule, ...], NoDecode, BeforeValidator(_from_json)] = Field(
        default=(Rule(find="->", replace="→"),),
        description='a JSON list such as [{"find": "teh", "replace": "the"}]',
    )


class Settings(BaseSettings):
    """What the user set, by `TODO_…` variables, Docker secrets and a TOML file, in this order."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        validate_default=False,
    )

    queue_url: Annotated[str, AfterValidator(_queue_address)] = Field(
        default="embedded:",
        repr=False,
        description="embedded: for the queue of `todo up`, or nats://host:4222",
    )
    database_url: Annotated[str, AfterValidator(_database_address)] = Field(
        default=DEFAULT_DATABASE, repr=False, description=address.ALLOWED
    )
    data_dir: Path = Field(default=Path("data"), description="a folder")
    web_host: Host = "127.0.0.1"
    web_port: Port = 8080
    api_host: Host = "127.0.0.1"
    api_port: Port = 8081
    queue_port: Port = 4222
    queue_monitor_port: Port = 8222
    #: Seconds that a publisher waits for the queue's confirmation.
    queue_timeout: float = Field(default=1.5, gt=0, le=60, description="seconds above 0, up to 60")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="debug, info, warning or error"
    )
    log_format: Literal["text", "json"] = Field(default="text", description="text or json")
    save_handler: SaveHandlerSettings = SaveHandlerSettings()
    mutating_handler: MutatingHandlerSettings = MutatingHandlerSettings()

    @property
    def database(self) -> str:
        """The database's address; by default a file in the data folder."""
        if self.database_url != DEFAULT_DATABASE:
            return self.database_url
        return f"sqlite:///{self.data_dir / 'todo.db'}"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The sources, strongest first. There is no .env file: it would hide what a process runs with."""
        sources = [init_settings, env_settings]
        if SECRETS_DIR.is_dir():
            sources.append(
                NestedSecretsSettingsSource(file_secret_settings, secrets_dir=SECRETS_DIR)
            )
        if (file := config_file()) is not None:
            sources.append(TomlConfigSettingsSource(settings_cls, toml_file=file))
        return tuple(sources)


def config_file() -> Path | None:
    """The TOML file that is to be read, or None."""
    if named := os.environ.get(CONFIG_FILE):
        return Path(named)
    file = Path("todo.toml")
    return file if file.is_file() else None


def read_settings() -> Settings:
    """Read every setting; SettingsInvalid has a line for each that is wrong."""
    file = config_file()
    reporter = SettingsReporter(Settings, PREFIX, file)
    if file is not None and not file.is_file():
        raise SettingsInvalid([f"{CONFIG_FILE}: there is no file {str(file)!r}"])
    try:
        return Settings()
    except ValidationError as error:
        raise reporter.of(error) from None
    except SettingsError as error:
        raise reporter.of_syntax(str(error)) from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsInvalid([f"{file} is not valid TOML: {error}"]) from None
