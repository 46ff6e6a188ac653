"""Fills a Struct of settings from where they were set.

msgspec does the conversion. The usual library for this, pydantic-settings, was measured and left out:
it took 12.7 MB and 0.17 s in each of the application's processes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from types import NoneType
from typing import Annotated, Any, TypeVar, get_args, get_origin

import msgspec

from todo.address_password import with_password
from todo.settings_sources import Given, SettingPath, Sources

Settings = TypeVar("Settings", bound=msgspec.Struct)


class SettingsInvalid(Exception):
    """Settings are wrong; `lines` has one sentence for each."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = list(lines)


class Reader:
    """Reads settings. What its sources cannot read, and what will not do, is noted in `wrong`."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._wrong: list[str] = []

    def read(self, kind: type[Settings]) -> Settings:
        """The settings, or SettingsInvalid with everything that is wrong with them."""
        settings = self._struct(kind, ())
        if wrong := [*self._sources.wrong, *self._wrong]:
            # A secret that cannot be read may have been looked for twice.
            raise SettingsInvalid(list(dict.fromkeys(wrong)))
        return settings

    def look_for_unknown(self, kind: type[Settings], others: Collection[str] = ()) -> None:
        """Note what is set and is no setting: in the file, and variables that are nearly one.

        `others` are variables with the prefix that are no settings. Other programs may have some, too,
        so those that are far from any setting pass.
        """
        sources = self._sources
        paths = [path for path, _ in setting_fields(kind)]
        known = [sources.variable(path) for path in paths]
        for path in _leaves(sources.table, paths):
            if path not in paths:
                place = f"{'.'.join(path)} in {sources.file}"
                self._note_unknown(place, sources.variable(path), known)
        for name in sources.environment.keys() - set(known) - set(others):
            if (meant := name.removesuffix("_FILE")) != name and meant in known:
                self._wrong.append(
                    f"{name}: there is no such setting; the file with the value is "
                    f"{sources.secrets / meant.lower()}"
                )
            elif name.startswith(sources.prefix) and get_close_matches(name, known, 1, 0.85):
                self._note_unknown(name, name, known)

    def _note_unknown(self, place: str, name: str, known: Sequence[str]) -> None:
        nearest = get_close_matches(name, known, 1, 0) or known
        self._wrong.append(f"{place}: there is no such setting; the nearest is {nearest[0]}")

    def _struct(self, kind: type[Settings], path: SettingPath) -> Settings:
        values: dict[str, Any] = {}
        for field in msgspec.structs.fields(kind):
            here = (*path, field.name)
            if is_section(field.type):
                values[field.name] = self._struct(field.type, here)
            elif (given := self._given(here, field)) is not None:
                values[field.name] = self._convert(given, field.type)
        return kind(**values)

    def _given(self, path: SettingPath, field: msgspec.structs.FieldInfo) -> Given | None:
        """What was set, an address with the password that was set beside it."""
        given = self._sources.given(path)
        name = (meta_of(field.type).extra or {}).get("password")
        password = self._sources.given((*path[:-1], name)) if name else None
        if password is None:
            return given
        place = given.place if given else self._sources.variable(path)
        address = given.value if given else field.default
        try:
            return Given(with_password(str(address), str(password.value)), place)
        except ValueError as error:
            self._wrong.append(f"{password.place}: {place} {error}")
            return None

    def _convert(self, given: Given, kind: Any) -> object:
        """The value in its type; None where it is wrong, which is then noted."""
        plain, meta = _without_none(kind), meta_of(kind)
        extra = meta.extra or {}
        try:
            value: object = msgspec.convert(
                given.value if _is_text(plain) else _unpacked(_listed(given.value, extra)),
                plain,
                strict=False,
                dec_hook=lambda cls, value: cls(value),
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


def is_section(kind: Any) -> bool:
    """Whether a field holds settings of its own."""
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def setting_fields(
    kind: type[msgspec.Struct], path: SettingPath = ()
) -> Iterator[tuple[SettingPath, msgspec.structs.FieldInfo]]:
    """Every setting, those of sections included."""
    for field in msgspec.structs.fields(kind):
        if is_section(field.type):
            yield from setting_fields(field.type, (*path, field.name))
        else:
            yield (*path, field.name), field


def meta_of(kind: Any) -> msgspec.Meta:
    """What is allowed for a setting of this type."""
    plain = _without_none(kind)
    found = [one for one in get_args(plain)[1:] if isinstance(one, msgspec.Meta)]
    return found[0] if get_origin(plain) is Annotated and found else msgspec.Meta()


def _without_none(kind: Any) -> Any:
    """The type of a value that is set, where the setting may also be left out."""
    inner = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    choices = get_args(inner)
    return next(one for one in choices if one is not NoneType) if NoneType in choices else kind


def _is_text(kind: Any) -> bool:
    return kind is str or (get_origin(kind) is Annotated and get_args(kind)[0] is str)


def _leaves(
    table: Mapping[str, Any], paths: Sequence[SettingPath], path: SettingPath = ()
) -> Iterator[SettingPath]:
    for name, value in table.items():
        here = (*path, name)
        if isinstance(value, dict) and here not in paths:
            yield from _leaves(value, paths, here)
        else:
            yield here


def _listed(value: object, extra: Mapping[str, Any]) -> object:
    """Where several words are taken, they may come with commas between them."""
    if extra.get("list") and isinstance(value, str) and not value.startswith("["):
        return [word for one in value.split(",") if (word := one.strip())]
    return value


def _unpacked(value: object) -> object:
    """Lists and objects come in JSON where only text can be given."""
    if isinstance(value, str) and value.startswith(("[", "{")):
        try:
            return msgspec.json.decode(value)
        except msgspec.DecodeError:
            return value
    return value
