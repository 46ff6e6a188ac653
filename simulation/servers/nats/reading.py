"""Reading messages back from a stream."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from itertools import islice
from typing import Any

from simulation.servers.nats import errors
from simulation.servers.nats.headers import status, with_fields
from simulation.servers.nats.jetstream import JetStream
from simulation.servers.nats.store import Store, StoredMessage
from simulation.servers.nats.stream import Stream
from simulation.servers.nats.times import rfc3339

#: What all messages of one answer take together, in bytes, where nothing else is wanted.
MOST_BYTES = 64 * 1024 * 1024


def get(jetstream: JetStream, words: list[str], wanted: dict[str, Any]) -> dict[str, Any]:
    """One message, by its sequence, the next of a subject, or the last."""
    store = jetstream.stream(words[0]).current()
    message = _found(store, wanted)
    if message is None:
        raise errors.message_not_found()
    told: dict[str, Any] = {"subject": message.subject, "seq": message.sequence}
    if message.headers:
        told["hdrs"] = b64encode(message.headers).decode()
    if message.payload:
        told["data"] = b64encode(message.payload).decode()
    return {"message": {**told, "time": rfc3339(message.time)}}


def _found(store: Store, wanted: dict[str, Any]) -> StoredMessage | None:
    match wanted:
        case {"last_by_subj": str(subject), **rest} if not rest:
            sequences = [one[-1] for _, one in store.on(subject)]
            return store.messages[max(sequences)] if sequences else None
        case {"seq": int(sequence), "next_by_subj": str(subject), **rest} if not rest:
            return next(store.since(subject, sequence), None)
        case {"seq": int(sequence), **rest} if not rest:
            return store.messages.get(sequence)
        case {}:
            raise errors.bad_request()
    raise errors.not_simulated(f"reading by {wanted}")


def many(stream: Stream, wanted: dict[str, Any]) -> Iterator[tuple[bytes, bytes]]:
    """Headers and body of each message of a batch, and of its end."""
    sequence, subject = wanted.get("seq", 0), wanted.get("next_by_subj", "")
    if not subject or not wanted.get("batch"):
        yield status(400, f"not simulated: reading by {wanted}"), b""
        return
    store = stream.current()
    left, last, size = store.count(subject, sequence), 0, 0
    if not left:
        yield status(404, "Message Not Found"), b""
        return
    for message in islice(store.since(subject, sequence), wanted["batch"]):
        left -= 1
        fields = {
            "Nats-Stream": stream.name,
            "Nats-Subject": message.subject,
            "Nats-Sequence": str(message.sequence),
            "Nats-Time-Stamp": rfc3339(message.time),
            "Nats-Num-Pending": str(left),
            "Nats-Last-Sequence": str(last),
        }
        yield with_fields(message.headers, fields), message.payload
        last = message.sequence
        size += len(message.subject) + len(message.headers) + len(message.payload)
        if size >= wanted.get("max_bytes", MOST_BYTES):
            break
    yield status(204, "EOB", {"Nats-Num-Pending": left, "Nats-Last-Sequence": last}), b""
