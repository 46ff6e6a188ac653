"""The Redis protocol (RESP3) without any I/O: commands to bytes, bytes to answers and pushed messages.

hiredis cuts what comes into values. What one of them means depends on what the server owes us next:

    owed          reply     error       confirmation  push
    nothing       garbage   last words  -             message
    reply         answer    answer      -             message
    confirmation  garbage   answer      answer        message

The server answers commands in their order. It confirms subscriptions by what it also pushes unasked, so only
what names the command and the channel that are owed is a confirmation. After garbage, or an error that
nobody asked for, nothing that follows can be told from an answer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any, Generic, TypeVar, cast

import hiredis

from dovetail.network.protocol import ProtocolError

Token = TypeVar("Token")
Argument = str | bytes | int
#: Command and channel, as the server repeats them.
_Confirmation = tuple[bytes, bytes]

NOTHING, REPLY, CONFIRMATION = "nothing", "reply", "confirmation"
ERROR, PUSH = "error", "push"
ANSWER, MESSAGE, LAST_WORDS, GARBAGE = "answer", "message", "last words", "garbage"

#: What is owed → what came → what that is. An answer settles what was owed; the next command is owed then.
MEANINGS = {
    NOTHING: {REPLY: GARBAGE, ERROR: LAST_WORDS, PUSH: MESSAGE},
    REPLY: {REPLY: ANSWER, ERROR: ANSWER, PUSH: MESSAGE},
    CONFIRMATION: {REPLY: GARBAGE, ERROR: ANSWER, CONFIRMATION: ANSWER, PUSH: MESSAGE},
}

#: These are confirmed, once for the one channel that we name.
_CONFIRMED = {
    word: word.lower().encode()
    for kind in ("", "P", "S")
    for word in (f"{kind}SUBSCRIBE", f"{kind}UNSUBSCRIBE")
}
_INCOMPLETE = object()


class Protocol(Generic[Token]):
    """One connection's. A token is whatever the caller knows a command by."""

    def __init__(self) -> None:
        self._reader = hiredis.Reader(notEnoughData=_INCOMPLETE)
        self._unanswered: deque[tuple[Token, _Confirmation | None]] = deque()

    def command(self, token: Token, *words: Argument) -> bytes:
        """What is to be sent, in the order of these calls. Raises TypeError for other words."""
        packed: bytes = hiredis.pack_command(cast(Any, words))
        confirmed = _CONFIRMED.get(cast(str, words[0]))
        self._unanswered.append((token, (confirmed, _bytes(words[1])) if confirmed else None))
        return packed

    def receive(self, data: bytes) -> Iterator[tuple[Token | None, Any]]:
        """What came, in its order: answers with their tokens, errors among them, and messages with None.

        Raises ProtocolError, after which nothing more is to be received.
        """
        self._reader.feed(data)
        while (value := self._next()) is not _INCOMPLETE:
            owed, came = self._owed(), self._kind(value)
            meaning = MEANINGS[owed][came]
            if meaning is ANSWER:
                yield self._unanswered.popleft()[0], value
            elif meaning is MESSAGE:
                yield None, value
            else:
                raise ProtocolError(str(value) if meaning is LAST_WORDS else _GARBAGE_TEXT)

    def unanswered(self) -> Iterator[Token]:
        """The commands that get no answer any more, each once."""
        while self._unanswered:
            yield self._unanswered.popleft()[0]

    def _next(self) -> Any:
        try:
            return self._reader.gets()
        except (hiredis.ProtocolError, TypeError, MemoryError) as error:
            # TypeError: the key of a map is a list. MemoryError: the length of a list is absurd.
            raise ProtocolError(_GARBAGE_TEXT) from error

    def _owed(self) -> str:
        if not self._unanswered:
            return NOTHING
        return CONFIRMATION if self._unanswered[0][1] else REPLY

    def _kind(self, value: Any) -> str:
        if type(value) is hiredis.PushNotification:
            confirms = self._unanswered and self._unanswered[0][1] == tuple(value[:2])
            return CONFIRMATION if confirms else PUSH
        return ERROR if isinstance(value, hiredis.ReplyError) else REPLY


_GARBAGE_TEXT = "it does not speak the Redis protocol"


def _bytes(word: Argument) -> bytes:
    return word if isinstance(word, bytes) else str(word).encode()
