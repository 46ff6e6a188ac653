"""The messages on the control socket: one Request, then Answers up to Done or Refused, each on a line."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from todo.components import MOST_OF_ONE

#: Goes up when one side would no longer understand the other. `version` in a request and the whole of
#: Refused never change, so that a stranger is told what is the matter.
VERSION = 1
#: Bytes of a line at most, either way: a list of all that can run takes a quarter.
LINE_LIMIT = 262_144

Count = Annotated[int, Meta(ge=0, le=MOST_OF_ONE)]


class Versioned(Struct):
    """As much of a request as every version understands."""

    version: int


class Request(Struct):
    """Run so many of each; nothing named: list what runs."""

    version: int
    scale: dict[str, Count] = {}


class Accepted(Struct, tag="accepted"):
    """The request is understood. `waits`: another one is at work, and has to be done before."""

    waits: bool = False


class Changed(Struct, tag="changed"):
    """A component runs in the number that was asked for; names of instances."""

    component: str
    running: list[str]
    started: list[str]
    ended: list[str]

    @property
    def text(self) -> str:
        """What runs now, and what was done for it."""
        done = [
            f"{what} {', '.join(names)}"
            for what, names in (("started", self.started), ("ended", self.ended))
            if names
        ]
        return f"{self.component}: {len(self.running)} running ({'; '.join(done) or 'as before'})"


class InstanceState(Struct):
    """A process that is kept running. `pid` and `seconds` are None while it waits to be started again."""

    name: str
    pid: int | None
    #: Since it was started, or started again.
    seconds: float | None
    restarts: int
    #: It drains.
    ending: bool = False


class Listed(Struct, tag="listed"):
    """What runs, and the process that runs it."""

    pid: int
    instances: list[InstanceState]


class Refused(Struct, tag="refused"):
    """It cannot be done, or not to its end; the text says why. The last answer."""

    text: str


class Done(Struct, tag="done"):
    """All is done. The last answer."""


Answer = Accepted | Changed | Listed | Refused | Done

_requests = msgspec.json.Decoder(Request)
_versions = msgspec.json.Decoder(Versioned)
_answers: msgspec.json.Decoder[Answer] = msgspec.json.Decoder(Answer)


class NotUnderstood(Exception):
    """A line that makes no sense here; the text says why."""


def encode(message: Request | Answer) -> bytes:
    """A message as a line."""
    return msgspec.json.encode(message) + b"\n"


def read_request(line: bytes) -> Request:
    """The request in a line. Raises NotUnderstood."""
    try:
        version = _versions.decode(line).version
        if version != VERSION:
            raise NotUnderstood(
                f"the running `todo up` is of another version (it speaks {VERSION}, this command "
                f"{version}): stop it and start it again"
            )
        return _requests.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NotUnderstood(f"that is no request: {error}") from error


def read_answer(line: bytes) -> Answer:
    """The answer in a line. Raises NotUnderstood."""
    try:
        return _answers.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NotUnderstood(
            f"the running `todo up` is of another version: stop it and start it again ({error})"
        ) from error
