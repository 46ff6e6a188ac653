"""The NATS client protocol without any I/O: bytes in, frames out, and how to write what is sent.

Follows the client protocol of nats.io, with headers and no-responders. Its states are TRANSITIONS. What comes
is parsed in one pass over each chunk; nearly all of it are messages, which go straight to the callback of
their subscription.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import Any, Protocol

import msgspec

from dovetail.network.protocol import ProtocolError
from dovetail.transports.nats.limits import HEADROOM_BYTES, MAX_LINE_BYTES, MAX_MESSAGE_BYTES


class State(Enum):
    """Of one connection."""

    #: The server has said nothing yet.
    GREETING = auto()
    #: We send PING right after CONNECT: until its PONG we may have been refused.
    SIGNING_IN = auto()
    OPEN = auto()
    #: What came is not this protocol.
    BROKEN = auto()


class Frame(Enum):
    """What the server sends."""

    INFO = b"INFO"
    PING = b"PING"
    PONG = b"PONG"
    OK = b"+OK"
    ERROR = b"-ERR"
    MESSAGE = b"MSG"
    MESSAGE_WITH_HEADERS = b"HMSG"


#: What may come in each state, and which state follows. All else is a ProtocolError.
TRANSITIONS: dict[State, dict[Frame, State]] = {
    State.GREETING: {Frame.INFO: State.SIGNING_IN},
    State.SIGNING_IN: {
        Frame.INFO: State.SIGNING_IN,
        Frame.PING: State.SIGNING_IN,
        Frame.OK: State.SIGNING_IN,
        Frame.ERROR: State.SIGNING_IN,
        Frame.PONG: State.OPEN,
    },
    State.OPEN: dict.fromkeys(Frame, State.OPEN),
    State.BROKEN: {},
}

#: Takes subject, reply subject (may be empty), header block or None, payload.
OnMessage = Callable[[bytes, bytes, bytes | None, bytes], None]

_FRAMES = {frame.value: frame for frame in Frame}
#: In each state, how messages that may come begin, and the words on their line if there is no reply subject.
_LEAST_WORDS = {
    state: {
        frame.value: least
        for frame, least in ((Frame.MESSAGE, 4), (Frame.MESSAGE_WITH_HEADERS, 5))
        if frame in following
    }
    for state, following in TRANSITIONS.items()
}
_NO_OR_YES = (0, 1)
_GREETING = b"INFO "
_CR = ord("\r")


class ServerInfo(msgspec.Struct):
    """What the server says of itself when a connection begins."""

    version: str = ""
    max_payload: int = 1_048_576
    tls_required: bool = False
    tls_available: bool = False
    nonce: str | None = None
    server_name: str = ""
    #: The name of the cluster that the server belongs to; empty for one alone.
    cluster: str = ""

    @property
    def offers_tls(self) -> bool:
        """Whether the connection may go on over TLS."""
        return self.tls_required or self.tls_available

    @property
    def largest_body(self) -> int:
        """What we publish at most, in bytes."""
        return max(self.max_payload - HEADROOM_BYTES, self.max_payload // 2)

    @property
    def version_numbers(self) -> tuple[int, ...]:
        """The version, to compare."""
        return tuple(
            int(word) for word in self.version.split("-")[0].split(".") if word.isdecimal()
        )


class Receiver(Protocol):
    """Takes what is not a message."""

    def on_info(self, info: ServerInfo) -> None:
        """The server says what it is."""

    def on_ping(self) -> None:
        """It wants a PONG."""

    def on_pong(self) -> None:
        """It has seen all that was sent before a PING."""

    def on_error(self, text: str) -> None:
        """It complains; it closes the connection after some errors."""


class Parser:
    """Parses what one connection brings. `callbacks` has those of its subscriptions, by their sids."""

    def __init__(self, receiver: Receiver) -> None:
        self._enter(State.GREETING)
        self.callbacks: dict[bytes, OnMessage] = {}
        self._receiver = receiver
        #: The beginning of a frame that is not complete, its size, and how much must be there to go on.
        self._chunks: list[bytes] = []
        self._kept = 0
        self._wanted = 0

    @property
    def greeted_only(self) -> bool:
        """Whether nothing came after the greeting that would be taken for what comes over TLS."""
        return self.state is State.SIGNING_IN and not self._kept

    def _enter(self, state: State) -> None:
        self.state = state
        # Kept beside it: to look it up for each chunk is a call of Enum's own hash.
        self._least_words = _LEAST_WORDS[state]

    def feed(self, data: bytes) -> None:
        """Hand over each complete frame. Raises ProtocolError."""
        if self._kept:
            self._chunks.append(data)
            self._kept += len(data)
            if self._kept < self._wanted:
                return
            data = b"".join(self._chunks)
            self._chunks.clear()
            self._kept = 0
        try:
            done = self._parse(data)
        except ProtocolError:
            self._enter(State.BROKEN)
            raise
        if done < len(data):
            self._chunks.append(data[done:])
            self._kept = len(data) - done

    def _parse(self, data: bytes) -> int:
        """Hand over each complete frame; returns how many bytes they took. All that comes passes here."""
        position, size, find = 0, len(data), data.find
        callbacks, least_words = self.callbacks, self._least_words
        while True:
            line_end = find(b"\r\n", position)
            if line_end < 0:
                if position < size:
                    self._keep_line(data, position)
                return position
            words = data[position:line_end].split(b" ")
            least = least_words.get(words[0])
            if least is None:
                self._control(words[0], data[position:line_end])
                least_words = self._least_words
                position = line_end + 2
                continue
            start, has_reply = line_end + 2, len(words) - least
            try:
                stop = start + int(words[-1])
                body = start if least == 4 else start + int(words[-2])
            except (ValueError, IndexError) as error:
                raise ProtocolError("the size of a message is no number") from error
            if not start <= body <= stop or has_reply not in _NO_OR_YES:
                raise ProtocolError("the line of a message makes no sense")
            if stop + 2 > size:
                self._keep_message(stop + 2 - position)
                return position
            if data[stop] != _CR:
                raise ProtocolError("a message is longer than it says")
            position = stop + 2
            if (callback := callbacks.get(words[2])) is not None:
                headers = None if least == 4 else data[start:body]
                callback(words[1], words[3] if has_reply else b"", headers, data[body:stop])

    def _keep_message(self, size: int) -> None:
        if size > MAX_MESSAGE_BYTES:
            raise ProtocolError("a message is too large")
        self._wanted = size

    def _keep_line(self, data: bytes, position: int) -> None:
        """The end of the line has yet to come."""
        begins = _GREETING[: len(data) - position]
        if self.state is State.BROKEN or len(data) - position > MAX_LINE_BYTES:
            raise ProtocolError("a line does not end")
        if self.state is State.GREETING and not data.startswith(begins):
            raise ProtocolError("it does not begin with INFO")
        self._wanted = 0

    def _control(self, verb: bytes, line: bytes) -> None:
        frame = _FRAMES.get(verb)
        following = TRANSITIONS[self.state].get(frame) if frame else None
        if following is None:
            raise ProtocolError(f"{verb[:20]!r} came while {self.state.name}")
        self._enter(following)
        match frame:
            case Frame.INFO:
                self._receiver.on_info(_server_info(line))
            case Frame.PING:
                self._receiver.on_ping()
            case Frame.PONG:
                self._receiver.on_pong()
            case Frame.ERROR:
                text = line[len(Frame.ERROR.value) :].strip(b"' ")
                self._receiver.on_error(text.decode(errors="replace"))


def _server_info(line: bytes) -> ServerInfo:
    try:
        return msgspec.json.decode(line[len(_GREETING) :], type=ServerInfo)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolError(f"its greeting makes no sense: {error}") from error


# What is sent

PING = b"PING\r\n"
PONG = b"PONG\r\n"


def connect(fields: Mapping[str, Any]) -> bytes:
    """Sign in."""
    return b"CONNECT %s\r\n" % msgspec.json.encode(fields)


def pub(subject: bytes, payload: bytes, reply: bytes = b"") -> bytes:
    """Publish."""
    return b"PUB %s %s %d\r\n%s\r\n" % (subject, reply, len(payload), payload)


def hpub(subject: bytes, headers: bytes, payload: bytes, reply: bytes = b"") -> bytes:
    """Publish with a header block."""
    size = len(headers)
    return b"HPUB %s %s %d %d\r\n%s%s\r\n" % (
        subject,
        reply,
        size,
        size + len(payload),
        headers,
        payload,
    )


def sub(subject: bytes, sid: bytes, queue: bytes = b"") -> bytes:
    """Subscribe; only one subscription of each queue group is sent a message."""
    return b"SUB %s %s %s\r\n" % (subject, queue, sid)


def unsub(sid: bytes) -> bytes:
    """End a subscription."""
    return b"UNSUB %s\r\n" % sid
