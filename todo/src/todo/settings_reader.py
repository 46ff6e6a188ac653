"""Fills a Struct of settings from the environment, from secrets and from a TOML file.

msgspec does the conversion. The usual library for this, pydantic-settings, was measured and left out:
it took 12.7 MB and 0.17 s in each of the application's processes.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_origin

import msgspec

Settings = TypeVar("Settings", bound=msgspec.Struct)
_Path = tuple[str, ...]


class SettingsInvalid(Exception):
    """Settings are wrong; `lines` has one sentence for each."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = list(lines)


@dataclass(frozen=True)
class Given:
    """A value, and how the place that it came from is called."""

    value: object
    place: str


class Reader:
    """Reads settings. The environment is stronger than secrets, and those are than the file."""

    def __init__(
        self, prefix: str, environment: Mapping[str, str], secrets: Path, file: Path
    ) -> None:
        self.prefix = prefix
        self.environment = environment
        self.secrets = secrets
        self.file = file
        self._wrong: list[str] = []

    def read(self, kind: type[Settings], others: Collection[str] = ()) -> Settings:
        """The settings, or SettingsInvalid with everything that is wrong with them.

        `others` are variables with the prefix that are no settings.
        """
        table = self._table()
        paths = list(_paths(kind))
        self._look_for_unknown(paths, table, others)
        settings = self._struct(kind, (), table)
        if self._wrong:
            raise SettingsInvalid(self._wrong)
        return settings

    def _struct(self, kind: type[Settings], path: _Path, table: Mapping[str, Any]) -> Settings:
        values: dict[str, Any] = {}
        for field in msgspec.structs.fields(kind):
            here = (*path, field.name)
            if _is_section(field.type):
                values[field.name] = self._struct(field.type, here, table)
            elif (given := self._given(here, table)) is not None:
                values[field.name] = self._convert(given, field.type)
        return kind(**values)

    def _given(self, path: _Path, table: Mapping[str, Any]) -> Given | None:
        variable = self._variable(path)
        if text := self.environment.get(variable):
            return Given(text, variable)
        for name in (variable, variable.lower()):
            if (secret := self.secrets / name).is_file():
                return Given(secret.read_text().strip(), f"{variable} (in {secret})")
        value: Any = table
        for part in path:
            value = value.get(part) if isinstance(value, dict) else None
        if value is None:
            return None
        return Given(value, f"{variable} ({'.'.join(path)} in {self.file})")

    def _convert(self, given: Given, kind: Any) -> object:
        """The value in its type; None where it is wrong, which is then noted."""
        meta = _meta(kind)
        extra = meta.extra or {}
        try:
            value: object = msgspec.convert(
                _unpacked(given.value), kind, strict=False, dec_hook=lambda cls, value: cls(value)
            )
            if check := extra.get("check"):
                check(value)
        except (ValueError, TypeError) as error:
            reason = (
                "this will not do" if extra.get("secret") else f"{given.value!r:.80} will not do"
            )
            if isinstance(error, msgspec.ValidationError) and "$[" in str(error):
                reason += f": {error}"  # which element of a list it is
            elif not isinstance(error, msgspec.ValidationError | TypeError):
                reason = str(error)
            self._wrong.append(f"{given.place}: {reason}; allowed is {meta.description}")
            return None
        return value

    def _table(self) -> Mapping[str, Any]:
        try:
            return tomllib.loads(self.file.read_text()) if self.file.is_file() else {}
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsInvalid([f"{self.file} is not valid TOML: {error}"]) from None

    def _variable(self, path: _Path) -> str:
        return self.prefix + "__".join(path).upper()

    def _look_for_unknown(
        self, paths: Sequence[_Path], table: Mapping[str, Any], others: Collection[str]
    ) -> None:
        """Note what is set and is no setting: in the file, and variables that are nearly one.

        Other programs have variables with the prefix, too, so those that are far from any pass.
        """
        known = [self._variable(path) for path in paths]
        for path in _leaves(table, paths):
            if path not in paths:
                self._note_unknown(f"{'.'.join(path)} in {self.file}", self._variable(path), known)
        for name in self.environment.keys() - set(known) - set(others):
            if name.startswith(self.prefix) and get_close_matches(name, known, 1, 0.85):
                self._note_unknown(name, name, known)

    def _note_unknown(self, place: str, name: str, known: Sequence[str]) -> None:
        nearest = get_close_matches(name, known, 1, 0) or known
        self._wrong.append(f"{place}: there is no such setting; the nearest is {nearest[0]}")


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _paths(kind: type[msgspec.Struct], path: _Path = ()) -> Iterator[_Path]:
    for field in msgspec.structs.fields(kind):
        if _is_section(field.type):
            yield from _paths(field.type, (*path, field.name))
        else:
            yield (*path, field.name)


def _leaves(table: Mapping[str, Any], paths: Sequence[_Path], path: _Path = ()) -> Iterator[_Path]:
    for name, value in table.items():
        here = (*path, name)
        if isinstance(value, dict) and here not in paths:
            yield from _leaves(value, paths, here)
        else:
            yield here


def _meta(kind: Any) -> msgspec.Meta:
    found = [one for one in get_args(kind)[1:] if isinstance(one, msgspec.Meta)]
    return found[0] if get_origin(kind) is Annotated and found else msgspec.Meta()


def _unpacked(value: object) -> object:
    """Lists and objects come in JSON where only text can be given."""
    if isinstance(value, str) and value.startswith(("[", "{")):
        try:
            return msgspec.json.decode(value)
        except msgspec.DecodeError:
            return value
    return value
