"""What clients send: bytes in, commands out. Follows the client protocol of nats.io."""

from __future__ import annotations

import json
from typing import Any, Protocol

#: The longest line of a command, in bytes.
MAX_LINE_BYTES = 4096


class Violation(Exception):
    """What the server complains of before it closes the connection."""


class Commands(Protocol):
    """Takes what a client sends."""

    def on_connect(self, fields: dict[str, Any]) -> None:
        """It says who it is."""

    def on_ping(self) -> None:
        """It wants a PONG."""

    def on_pong(self) -> None:
        """It has seen a PING."""

    def on_subscribe(self, subject: str, queue: str, sid: bytes) -> None:
        """It wants what comes on a subject; of what comes to a queue group one member gets each."""

    def on_unsubscribe(self, sid: bytes) -> None:
        """It wants no more of that."""

    def on_publish(self, subject: str, reply: str, headers: bytes, payload: bytes) -> None:
        """A message; no headers are empty."""


def text(word: bytes) -> str:
    """A subject as text; clients may use any bytes."""
    return word.decode("utf-8", "surrogateescape")


class Parser:
    """Parses what one connection brings."""

    def __init__(self, commands: Commands, max_payload: int) -> None:
        self._commands = commands
        self._max_payload = max_payload
        self._kept = b""
        #: So many bytes must be there until it is worth to look again.
        self._wanted = 0

    def feed(self, data: bytes) -> None:
        """Hand over each complete command. Raises Violation."""
        if self._kept:
            data = self._kept + data
        position = 0
        if len(data) >= self._wanted:
            self._wanted = 0
            while (following := self._next(data, position)) is not None:
                position = following
        self._kept = data[position:]

    def _next(self, data: bytes, position: int) -> int | None:
        """Where the next command ends; None where it is not complete."""
        end = data.find(b"\r\n", position, position + MAX_LINE_BYTES)
        if end < 0:
            if len(data) - position >= MAX_LINE_BYTES:
                raise Violation("Maximum Control Line Exceeded")
            return None
        words = data[position:end].split()
        verb = words[0].upper() if words else b""
        if verb in (b"PUB", b"HPUB"):
            return self._publish(data, position, end + 2, words)
        self._control(verb, words, data[position:end])
        return end + 2

    def _publish(self, data: bytes, begin: int, start: int, words: list[bytes]) -> int | None:
        with_headers = words[0].upper() == b"HPUB"
        least = 4 if with_headers else 3
        if not least <= len(words) <= least + 1:
            raise Violation("Unknown Protocol Operation")
        stop = start + int(words[-1])
        body = start + int(words[-2]) if with_headers else start
        if not start <= body <= stop:
            raise Violation("Unknown Protocol Operation")
        if stop - start > self._max_payload:
            raise Violation("Maximum Payload Violation")
        if len(data) < stop + 2:
            self._wanted = stop + 2 - begin
            return None
        if data[stop : stop + 2] != b"\r\n":
            raise Violation("Unknown Protocol Operation")
        reply = text(words[2]) if len(words) > least else ""
        self._commands.on_publish(text(words[1]), reply, data[start:body], data[body:stop])
        return stop + 2

    def _control(self, verb: bytes, words: list[bytes], line: bytes) -> None:
        commands = self._commands
        match verb, len(words):
            case b"PING", 1:
                commands.on_ping()
            case b"PONG", 1:
                commands.on_pong()
            case b"SUB", 3 | 4:
                queue = text(words[2]) if len(words) == 4 else ""
                commands.on_subscribe(text(words[1]), queue, words[-1])
            case b"UNSUB", 2:
                commands.on_unsubscribe(words[1])
            case b"UNSUB", 3:
                raise Violation("not simulated: UNSUB with a number of messages")
            case b"CONNECT", _:
                commands.on_connect(json.loads(line[len(b"CONNECT ") :]))
            case _:
                raise Violation("Unknown Protocol Operation")
