"""Wrong settings, told in one line each: what to set, what is wrong with it, what is allowed."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails


class SettingsInvalid(Exception):
    """Settings are wrong; `lines` has one sentence for each."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = list(lines)


class SettingsReporter:
    """Words the errors of one settings model."""

    def __init__(self, model: type[BaseModel], prefix: str, file: Path | None) -> None:
        self.model = model
        self.prefix = prefix
        self.file = file

    def of(self, error: ValidationError) -> SettingsInvalid:
        """What values are wrong."""
        return SettingsInvalid([self._line(one) for one in error.errors()])

    def of_syntax(self, text: str) -> SettingsInvalid:
        """A value that should be JSON and is not; `text` is what pydantic-settings says of it."""
        field = re.search(r'field "(\w+)"', text)
        name = self._variable([field[1]]) if field else "A setting"
        return SettingsInvalid([f"{name}: this is not valid JSON"])

    def _line(self, error: ErrorDetails) -> str:
        path = [part for part in error["loc"] if isinstance(part, str)]
        name = self._name(path)
        if error["type"] == "extra_forbidden":
            return (
                f"{name}: there is no such setting; known are {', '.join(self._known(path[:-1]))}"
            )
        field = self._field(path)
        allowed = f"allowed is {field.description}" if field and field.description else error["msg"]
        return f"{name}: {_wrong(error, field)}; {allowed}"

    def _name(self, path: list[str]) -> str:
        """The variable, and the key of the file if the value came from there."""
        variable = self._variable(path)
        given = {name.upper() for name in os.environ}
        sections = [self._variable(path[:end]) for end in range(1, len(path) + 1)]
        if self.file is None or any(name in given for name in sections):
            return variable
        return f"{variable} ({'.'.join(path)} in {self.file})"

    def _variable(self, path: Sequence[str]) -> str:
        return self.prefix + "__".join(path).upper()

    def _field(self, path: list[str]) -> FieldInfo | None:
        model: type[BaseModel] | None = self.model
        field = None
        for part in path:
            deeper = model.model_fields.get(part) if model else None
            if deeper is None:
                return field
            field = deeper
            kind = field.annotation
            model = kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None
        return field

    def _known(self, path: list[str]) -> list[str]:
        field = self._field(path) if path else None
        section = field.annotation if field else self.model
        names = (
            section.model_fields
            if isinstance(section, type) and issubclass(section, BaseModel)
            else {}
        )
        return [self._variable([*path, name]) for name in names]


def _wrong(error: ErrorDetails, field: FieldInfo | None) -> str:
    """What is wrong, without the value where that may hold a password."""
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    if field is not None and not field.repr:
        return "not a text"
    if error["type"] == "missing":
        return "missing"
    return f"{error['input']!r:.60} will not do"
