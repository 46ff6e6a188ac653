"""Where a component tells how it is. Apart from the other settings, so that `todo health` is quick."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from todo.settings_reader import Reader, SettingsInvalid
from todo.settings_sources import Sources

PREFIX = "TODO_"
#: Names a TOML file with settings.
CONFIG_FILE = "TODO_CONFIG_FILE"
#: The file that is read where none is named.
DEFAULT_FILE = "todo.toml"
#: Names the folder with secrets: one file for each, named as the variable is.
SECRETS_DIR = "TODO_SECRETS_DIR"
#: Where Docker puts them.
DEFAULT_SECRETS_DIR = "/run/secrets"

Port = Annotated[int, Meta(ge=1, le=65535, description="a port number from 1 to 65535")]
Switch = Annotated[bool, Meta(description="true or false")]
Host = Annotated[str, Meta(min_length=1, description="a name or an address of this machine")]


class Means(str):
    """What a setting is for, in words for its user."""

    __slots__ = ()


#: What is set beside the settings: where else to find some.
OTHERS = {
    CONFIG_FILE: Means(
        f"A TOML file with settings. Where none is named, `{DEFAULT_FILE}` in the folder that the program "
        "was started in is read, if it is there."
    ),
    SECRETS_DIR: Means(
        f"The folder with secrets, one file for each; `{DEFAULT_SECRETS_DIR}` where none is named, as "
        "Docker has it."
    ),
}


class MonitoringSettings(Struct, frozen=True, kw_only=True):
    """Of the address at which a component tells how it is."""

    metrics_port: Annotated[
        Port | None,
        Means(
            "Where each component serves `/metrics`, `/health` and `/ready`; unset, it does not. Of "
            "`todo up` each component takes the next free port, counted from this one, and keeps it; what "
            "is added with `todo run` needs another."
        ),
    ] = None
    metrics_host: Annotated[Host, Means("Of which address of the machine.")] = "127.0.0.1"


def sources() -> Sources:
    """All that the user has set. Raises SettingsInvalid."""
    named = os.environ.get(CONFIG_FILE)
    file = Path(named or DEFAULT_FILE)
    if named and not file.exists():
        raise SettingsInvalid([f"{CONFIG_FILE}: there is no file {named!r}"])
    secrets = Path(os.environ.get(SECRETS_DIR) or DEFAULT_SECRETS_DIR)
    return Sources(PREFIX, os.environ, secrets, file)


def read_monitoring_settings() -> MonitoringSettings:
    """These alone; SettingsInvalid has a line for each that is wrong."""
    return Reader(sources()).read(MonitoringSettings)
