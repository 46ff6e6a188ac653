"""Every setting of the application. Only here and in settings_monitoring is the environment read."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from dovetail import ConfigurationError, connect
from todo.allowed_hosts import check_name
from todo.settings_monitoring import (
    OTHERS,
    Host,
    Means,
    MonitoringSettings,
    Port,
    Switch,
    sources,
)
from todo.settings_reader import Reader
from todo.store import address
from todo.webhooks.settings import WebhookHandlerSettings

#: As dovetail.embedded has it, which not every component needs.
Sync = Literal["interval", "always"]
#: Stands for a file in the data folder.
DEFAULT_DATABASE = "sqlite:"
#: Begins the address of a queue of our own.
EMBEDDED = "embedded:"
#: Days that what was handled stays in the queue at most, unless it stays for ever.
MOST_DAYS = 36_500
FOREVER = "forever"
#: How `todo up` tells its children where the embedded queue is; no setting of a user's.
QUEUE_OF_UP = "_TODO_QUEUE_URL"


def _check_queue(url: str) -> None:
    if url.startswith("memory:"):
        raise ValueError("the components are processes of their own and share no memory")
    if url.startswith(EMBEDDED) and "?" in url:
        raise ValueError(
            "what may follow '?' has settings of its own here: TODO_QUEUE_PORT, "
            "TODO_QUEUE_MONITOR_PORT, TODO_QUEUE_SYNC"
        )
    try:
        connect(url, setting="it")
    except ConfigurationError as error:
        raise ValueError(str(error)) from error


def _check_database(url: str) -> None:
    if url != DEFAULT_DATABASE:
        address.parse(url)


def _check_endpoint(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
        raise ValueError("is no address of a collector")


def _check_hosts(names: tuple[str, ...]) -> None:
    for name in names:
        check_name(name)


def _check_password(text: str) -> None:
    if len(text.splitlines()) > 1:
        raise ValueError("this has several lines, which nobody could type or send")


def _check_history(text: str) -> None:
    if text != FOREVER and not (text.isascii() and text.isdigit() and 1 <= int(text) <= MOST_DAYS):
        raise ValueError(f"is neither {FOREVER} nor a number of days")


QueueUrl = Annotated[
    str,
    Meta(
        description="embedded: (the queue of `todo up`), or an address like nats://host:4222, "
        "redis://host:6379 or amqp://host:5672",
        extra={"check": _check_queue, "secret": True, "password": "queue_password"},
    ),
]
DatabaseUrl = Annotated[
    str,
    Meta(
        description=address.ALLOWED,
        extra={"check": _check_database, "secret": True, "password": "database_password"},
    ),
]
TracesEndpoint = Annotated[
    str,
    Meta(
        description="an address like http://collector:4318",
        extra={"check": _check_endpoint, "secret": True},
    ),
]
Password = Annotated[
    str,
    Meta(
        min_length=1,
        description="any text without a line break",
        extra={"check": _check_password, "secret": True},
    ),
]


class SaveHandlerSettings(Struct, frozen=True):
    """Of the save-handler."""

    publish_item_saved: Annotated[
        Switch,
        Means(
            "Whether `ItemSaved` is published for each item that was saved, and `ChangeSaved` for changes."
        ),
    ] = True
    delay: Annotated[
        float,
        Meta(ge=0, le=3600, description="seconds from 0 to 3600"),
        Means("How long each batch is held up, to see a backlog grow."),
    ] = 0.0
    batch: Annotated[
        int,
        Meta(ge=1, le=10_000, description="a number from 1 to 10000"),
        Means("Items in one transaction at most."),
    ] = 500


class Rule(Struct, frozen=True, forbid_unknown_fields=True):
    """Replace one text by another wherever it stands."""

    find: Annotated[str, Meta(min_length=1)]
    replace: str


class MutatingHandlerSettings(Struct, frozen=True):
    """Of the mutating-handler."""

    rules: Annotated[
        tuple[Rule, ...],
        Meta(description='a JSON list such as [{"find": "teh", "replace": "the"}]'),
        Means("What is replaced in the text of a saved item."),
    ] = (Rule("->", "→"),)


class CalendarSettings(Struct, frozen=True):
    """Of the calendar."""

    secret: Annotated[
        Annotated[
            str,
            Meta(
                pattern="^[A-Za-z0-9_-]{20,200}$",
                description="20 to 200 letters, digits, - and _",
                extra={"secret": True},
            ),
        ]
        | None,
        Means(
            "What makes the calendar's address unguessable; another one makes the old address lead nowhere. "
            "Unset, one is drawn and kept in the data folder; where neither queue nor database are there, it "
            "is made of `TODO_PASSWORD`."
        ),
    ] = None


class Settings(MonitoringSettings, frozen=True, kw_only=True):
    """What the user set: by `TODO_…` variables, else Docker secrets, else a TOML file.

    The addresses have their passwords in them, however those were set.
    """

    queue_url: Annotated[QueueUrl, Means("The queue that the components share.")] = EMBEDDED
    queue_password: Annotated[
        Password | None,
        Means("Of the user whom `TODO_QUEUE_URL` names without a password."),
    ] = None
    database_url: Annotated[
        DatabaseUrl, Means("The database of items; by default a file in the data folder.")
    ] = DEFAULT_DATABASE
    database_password: Annotated[
        Password | None,
        Means("Of the user whom `TODO_DATABASE_URL` names without a password."),
    ] = None
    data_dir: Annotated[
        Path,
        Meta(description="a folder"),
        Means("Where the queue and the database are, as long as they are not elsewhere."),
    ] = Path("data")
    web_host: Annotated[Host, Means("Where the pages are served.")] = "127.0.0.1"
    web_port: Annotated[Port, Means("The port of the pages.")] = 8080
    api_host: Annotated[Host, Means("Where the API is served.")] = "127.0.0.1"
    api_port: Annotated[Port, Means("The port of the API.")] = 8081
    allowed_hosts: Annotated[
        tuple[str, ...],
        Meta(
            description="names with commas between them, such as todo.example.org, *.example.org, or * "
            "for every name",
            extra={"check": _check_hosts, "list": True},
        ),
        Means(
            "The names by which page, API and metrics are asked for, besides localhost and all addresses. A "
            "request for another name is refused with 421."
        ),
    ] = ()
    password: Annotated[
        Password | None,
        Means(
            "What people sign in with on the page, and programs send to the API as a bearer token; unset, "
            "nobody is asked. It is needed where page or API can be reached from other machines."
        ),
    ] = None
    open: Annotated[
        Switch,
        Means(
            "Whether page and API may do without a password though other machines can reach them, because "
            "something in front lets in only those who may."
        ),
    ] = False
    publish: Annotated[
        Host | None,
        Means(
            "In a container, the address of the host at which its port is published. On 127.0.0.1, other "
            "machines cannot reach it."
        ),
    ] = None
    queue_port: Annotated[Port, Means("Of the queue that `todo up` starts.")] = 4222
    queue_monitor_port: Annotated[Port, Means("Of that queue's monitor.")] = 8222
    queue_sync: Annotated[
        Sync,
        Meta(description="interval or always"),
        Means(
            "When that queue has what it confirms on its disk: `interval`, within a second, so that a loss "
            "of power may take that second's messages; `always`, before it confirms, which is slower."
        ),
    ] = "interval"
    queue_open: Annotated[
        Switch,
        Means(
            "Whether that queue takes everyone who reaches its port, without the secret of the data folder; "
            "for experiments."
        ),
    ] = False
    queue_timeout: Annotated[
        float,
        Meta(ge=0.05, le=60, description="seconds from 0.05 to 60"),
        Means("How long a publisher waits for the queue's confirmation."),
    ] = 1.5
    queue_replicas: Annotated[
        int,
        Meta(ge=1, le=5, description="a number from 1 to 5"),
        Means(
            "Copies of each message in a cluster of queue servers; the same for every component."
        ),
    ] = 1
    history: Annotated[
        str,
        Meta(
            description=f"a number of days from 1 to {MOST_DAYS}, or {FOREVER}",
            max_length=10,
            extra={"check": _check_history},
        ),
        Means(
            "How long the queue keeps what was handled: so far back `todo rebuild` and new handlers can go. "
            "The same for every component; on RabbitMQ what whoever came first had."
        ),
    ] = "7"
    traces_endpoint: Annotated[
        TracesEndpoint | None,
        Means(
            "Where spans are sent, over HTTP (OTLP), to the address's `/v1/traces`; unset, there are none. "
            "It needs the packages of the extra `dovetail-todo[tracing]`."
        ),
    ] = None
    environment: Annotated[
        str,
        Meta(min_length=1, max_length=100, description="1 to 100 characters"),
        Means(
            "What this installation is called on the diagnostics page, such as Test or Production."
        ),
    ] = "Production"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Meta(description="debug, info, warning or error"),
        Means("What is less important than this is not logged."),
    ] = "info"
    log_format: Annotated[
        Literal["text", "json"],
        Meta(description="text or json"),
        Means("Lines for people, or one JSON object a line for programs."),
    ] = "text"
    save_handler: SaveHandlerSettings = SaveHandlerSettings()
    mutating_handler: MutatingHandlerSettings = MutatingHandlerSettings()
    calendar: CalendarSettings = CalendarSettings()
    webhook_handler: WebhookHandlerSettings = WebhookHandlerSettings()

    def __repr__(self) -> str:
        """Says nothing: there may be passwords in it."""
        return "Settings(…)"

    @property
    def database(self) -> str:
        """The database's address; by default a file in the data folder."""
        if self.database_url != DEFAULT_DATABASE:
            return self.database_url
        return f"sqlite:///{self.data_dir / 'todo.db'}"

    @property
    def keep(self) -> timedelta | None:
        """How long the queue keeps what was handled; None for ever."""
        return None if self.history == FOREVER else timedelta(days=int(self.history))

    @property
    def database_setting(self) -> str:
        """Which setting says where the database is."""
        return "TODO_DATA_DIR" if self.database_url == DEFAULT_DATABASE else "TODO_DATABASE_URL"

    @property
    def queue_setting(self) -> str:
        """Which setting says where the queue is."""
        return "TODO_DATA_DIR" if self.queue_url == EMBEDDED else "TODO_QUEUE_URL"


def read_settings() -> Settings:
    """Read every setting; SettingsInvalid has a line for each that is wrong."""
    reader = Reader(sources())
    reader.look_for_unknown(Settings, others=OTHERS)
    return reader.read(Settings)


def environment_for_children(queue_url: str | None) -> dict[str, str]:
    """The environment as it is, with the address of the queue that `todo up` runs, where it does."""
    return {**os.environ, **({QUEUE_OF_UP: queue_url} if queue_url else {})}


def colours_wanted() -> bool:
    """Whether nobody asked for none, in the way of no-color.org."""
    return not os.environ.get("NO_COLOR")
