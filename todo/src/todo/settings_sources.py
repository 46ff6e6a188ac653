"""Where settings come from: the environment, then files of secrets, then a TOML file."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dovetail import plain_error

#: The parts of a setting's name: its section, if it has one, and its own.
SettingPath = tuple[str, ...]


@dataclass(frozen=True)
class Given:
    """A value, and how the place that it came from is called."""

    value: object = field(repr=False)
    place: str


class Sources:
    """All that was set. The environment is stronger than secrets, and those are than the file."""

    def __init__(
        self, prefix: str, environment: Mapping[str, str], secrets: Path, file: Path
    ) -> None:
        self.prefix = prefix
        self.environment = environment
        self.secrets = secrets
        self.file = file
        #: One sentence for each place that cannot be read.
        self.wrong: list[str] = []
        self.table = self._table()

    def variable(self, path: SettingPath) -> str:
        """The setting's name in the environment."""
        return self.prefix + "__".join(path).upper()

    def given(self, path: SettingPath) -> Given | None:
        """What was set; None where nothing was, or it cannot be read, which is then noted."""
        variable = self.variable(path)
        if text := self.environment.get(variable):
            return Given(text, variable)
        for name in (variable, variable.lower()):
            if _is_there(secret := self.secrets / name):
                return self._secret(variable, secret)
        value: Any = self.table
        for part in path:
            value = value.get(part) if isinstance(value, dict) else None
        if value is None:
            return None
        return Given(value, f"{variable} ({'.'.join(path)} in {self.file})")

    def _secret(self, variable: str, secret: Path) -> Given | None:
        place = f"{variable} (in {secret})"
        try:
            text = secret.read_text().rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            self.wrong.append(f"{place}: {_complaint(error)}")
            return None
        if not text.strip():
            self.wrong.append(
                f"{place}: the file is empty; write the value into it, or do without the secret"
            )
            return None
        return Given(text, place)

    def _table(self) -> Mapping[str, Any]:
        if not _is_there(self.file):
            return {}
        try:
            return tomllib.loads(self.file.read_text())
        except OSError as error:
            self.wrong.append(f"{self.file}: {_complaint(error)}")
        except UnicodeDecodeError as error:
            self.wrong.append(f"{self.file}: {_complaint(error)}")
        except tomllib.TOMLDecodeError as error:
            self.wrong.append(f"{self.file} is not valid TOML: {error}")
        return {}


def _is_there(file: Path) -> bool:
    """Whether there is anything of this name. In a folder that this user may not enter there is not."""
    try:
        file.stat()
    except OSError:
        return False
    return True


def _complaint(error: OSError | UnicodeDecodeError) -> str:
    """Why a file cannot be read, and what to do."""
    if isinstance(error, UnicodeDecodeError):
        return "the file is no text in UTF-8; write it anew"
    if isinstance(error, IsADirectoryError):
        # So does Docker where the file that it is to show in a container is missing.
        return (
            "this is a folder, not a file; where Docker made it because the file was missing on the "
            "host, remove the folder there, write the file, and create the container anew"
        )
    if isinstance(error, PermissionError):
        return (
            f"the user of this program (uid {os.getuid()}) may not read the file; allow that, "
            "with `chmod a+r` or `chown` on the host"
        )
    return f"the file cannot be read ({plain_error(error)}); mend that, or do without it"
