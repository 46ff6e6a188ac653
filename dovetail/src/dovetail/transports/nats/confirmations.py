"""What is published to streams, and JetStream's confirmation of each message (PubAck).

Whoever else hears a subject may answer what is published there. That confirms nothing, and is ignored.
"""

from __future__ import annotations

import msgspec

from dovetail.transports.nats.headers import NO_RESPONDERS
from dovetail.transports.nats.replies import Replies

#: How a confirmation of a stream of ours begins. One that is an error begins with that.
_STORED = b'{"stream":"dovetail-'


class Refusal(msgspec.Struct):
    """The error in what JetStream answers."""

    code: int
    err_code: int = 0
    description: str = ""


class Confirmation(msgspec.Struct):
    """A PubAck; where it is no error, the message is on the store of this stream."""

    error: Refusal | None = None
    stream: str = ""


_decoder = msgspec.json.Decoder(Confirmation)


def confirmation(body: bytes) -> Confirmation | None:
    """What JetStream said; None where it was not JetStream."""
    try:
        said = _decoder.decode(body)
    except msgspec.DecodeError:
        return None
    return said if said.error is not None or said.stream else None


class Confirmations(Replies):
    """As Replies. What comes of a message is None where it is stored, and else what the server said."""

    def arrived(self, subject: bytes, reply: bytes, headers: bytes | None, payload: bytes) -> None:
        """A confirmation came, or something else."""
        asked = self._asked.pop(subject, None)
        if asked is None or asked[0].done():
            return
        if headers is None and payload.startswith(_STORED):
            asked[0].set_result(None)
        elif _is_of_server(headers, payload):
            asked[0].set_result((headers, payload))
        else:
            self._asked[subject] = asked


def _is_of_server(headers: bytes | None, payload: bytes) -> bool:
    if headers is not None:
        return headers.startswith(NO_RESPONDERS)
    return confirmation(payload) is not None
