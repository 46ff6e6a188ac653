"""Every setting of the application; the only place that reads the environment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from dovetail import ConfigurationError, connect
from todo.settings_reader import Reader, SettingsInvalid
from todo.store import address

PREFIX = "TODO_"
#: Names a TOML file with settings.
CONFIG_FILE = "TODO_CONFIG_FILE"
#: Where Docker puts secrets: one file for each, named as the variable is.
SECRETS_DIR = Path("/run/secrets")
#: Stands for a file in the data folder.
DEFAULT_DATABASE = "sqlite:"
#: Begins the address of a queue of our own.
EMBEDDED = "embedded:"


def _check_queue(url: str) -> None:
    if url.startswith("memory:"):
        raise ValueError("the components are processes of their own and share no memory")
    try:
        connect(url, setting="it")
    except ConfigurationError as error:
        raise ValueError(str(error)) from error


def _check_database(url: str) -> None:
    if url != DEFAULT_DATABASE:
        address.parse(url)


Port = Annotated[int, Meta(ge=1, le=65535, description="a port number from 1 to 65535")]
Host = Annotated[str, Meta(min_length=1, description="a name or an address of this machine")]
Switch = Annotated[bool, Meta(description="true or false")]
QueueUrl = Annotated[
    str,
    Meta(
        description="embedded: (the queue of `todo up`), or an address like nats://host:4222, "
        "redis://host:6379 or amqp://host:5672",
        extra={"check": _check_queue, "secret": True},
    ),
]
DatabaseUrl = Annotated[
    str, Meta(description=address.ALLOWED, extra={"check": _check_database, "secret": True})
]


class SaveHandlerSettings(Struct, frozen=True):
    """Of the save-handler."""

    publish_item_saved: Switch = True
    #: Seconds that each batch is held up, to see a backlog grow.
    delay: Annotated[float, Meta(ge=0, le=3600, description="seconds from 0 to 3600")] = 0.0
    #: Items in one transaction at most.
    batch: Annotated[int, Meta(ge=1, le=10_000, description="a number from 1 to 10000")] = 500


class Rule(Struct, frozen=True, forbid_unknown_fields=True):
    """Replace one text by another wherever it stands."""

    find: Annotated[str, Meta(min_length=1)]
    replace: str


class MutatingHandlerSettings(Struct, frozen=True):
    """Of the mutating-handler."""

    rules: Annotated[
        tuple[Rule, ...],
        Meta(description='a JSON list such as [{"find": "teh", "replace": "the"}]'),
    ] = (Rule("->", "→"),)


class Settings(Struct, frozen=True, kw_only=True):
    """What the user set: by `TODO_…` variables, else Docker secrets, else a TOML file."""

    queue_url: QueueUrl = EMBEDDED
    database_url: DatabaseUrl = DEFAULT_DATABASE
    data_dir: Annotated[Path, Meta(description="a folder")] = Path("data")
    web_host: Host = "127.0.0.1"
    web_port: Port = 8080
    api_host: Host = "127.0.0.1"
    api_port: Port = 8081
    queue_port: Port = 4222
    queue_monitor_port: Port = 8222
    #: Seconds that a publisher waits for the queue's confirmation.
    queue_timeout: Annotated[float, Meta(ge=0.05, le=60, description="seconds from 0.05 to 60")] = (
        1.5
    )
    #: Copies of each message in a cluster of queue servers. The same for every component.
    queue_replicas: Annotated[int, Meta(ge=1, le=5, description="a number from 1 to 5")] = 1
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Meta(description="debug, info, warning or error"),
    ] = "info"
    log_format: Annotated[Literal["text", "json"], Meta(description="text or json")] = "text"
    save_handler: SaveHandlerSettings = SaveHandlerSettings()
    mutating_handler: MutatingHandlerSettings = MutatingHandlerSettings()

    def __repr__(self) -> str:
        """Says nothing: there may be passwords in it."""
        return "Settings(…)"

    @property
    def database(self) -> str:
        """The database's address; by default a file in the data folder."""
        if self.database_url != DEFAULT_DATABASE:
            return self.database_url
        return f"sqlite:///{self.data_dir / 'todo.db'}"


def read_settings() -> Settings:
    """Read every setting; SettingsInvalid has a line for each that is wrong."""
    named = os.environ.get(CONFIG_FILE)
    file = Path(named or "todo.toml")
    if named and not file.is_file():
        raise SettingsInvalid([f"{CONFIG_FILE}: there is no file {named!r}"])
    reader = Reader(PREFIX, os.environ, SECRETS_DIR, file)
    return reader.read(Settings, others={CONFIG_FILE})


def environment_for_children(queue_url: str | None) -> dict[str, str]:
    """The environment as it is, with the queue's address where that is known."""
    return {**os.environ, **({"TODO_QUEUE_URL": queue_url} if queue_url else {})}


def colours_wanted() -> bool:
    """Whether nobody asked for none, in the way of no-color.org."""
    return not os.environ.get("NO_COLOR")
