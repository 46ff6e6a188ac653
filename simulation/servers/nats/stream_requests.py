"""Requests about streams."""

from __future__ import annotations

from typing import Any

from simulation.servers.nats import errors, stream_config
from simulation.servers.nats.jetstream import JetStream
from simulation.servers.nats.paging import page
from simulation.servers.nats.stream import Stream

#: In one answer.
MOST_NAMES, MOST_STREAMS, MOST_SUBJECTS = 1024, 256, 100_000
_PURGE = {"filter", "seq"}

Answer = dict[str, Any]


def account(jetstream: JetStream, words: list[str], wanted: dict[str, Any]) -> Answer:
    """What all streams take together; there are no limits."""
    streams = jetstream.streams.values()
    return {
        "memory": 0,
        "storage": sum(one.current().bytes for one in streams),
        "reserved_memory": 0,
        "reserved_storage": sum(max(0, one.config["max_bytes"]) for one in streams),
        "streams": len(streams),
        "consumers": sum(len(one.consumers) for one in streams),
        "limits": {
            "max_memory": -1,
            "max_storage": -1,
            "max_streams": -1,
            "max_consumers": -1,
            "max_ack_pending": -1,
            "memory_max_stream_bytes": -1,
            "storage_max_stream_bytes": -1,
            "max_bytes_required": False,
        },
        "api": {"level": 5, "total": 0, "errors": 0},
    }


def create(jetstream: JetStream, words: list[str], wanted: dict[str, Any]) -> Answer:
    """Make it; where it is there with the same settings nothing happens."""
    config = stream_config.complete(wanted, words[0])
    known = jetstream.streams.get(words[0])
    if known is not None and known.config != config:
        raise errors.stream_name_in_use()
    stream = known or jetstream.create(config)
    return {**stream.told(), "did_create": True}


def update(jetstream: JetStream, words: list[str], wanted: dict[str, Any]) -> Answer:
    """Change its settings."""
    stream = jetstream.stream(words[0])
    config = stream_config.complete(wanted, words[0])
    stream_config.check_update(stream.config, config)
    jetstream.update(stream, config)
    return stream.told()


def info(jetstream: JetStream, words: list[str], wanted: dict[str, Any]) -> Answer:
    """Settings and state, and how many messages subjects have."""
    try:
        stream = jetstream.stream(words[0])
    except errors.ApiError as error:
        return {"error": error.fields, "total": 0, "offset": 0, "limit": 0}
    told = stream.told()
    paging = {"total": 0, "offset": 0, "limit": 0}
    if (pattern := wanted.get("subjects_filter")) is not None:
        subjects = {subject: len(one) for subject, one in sorted(stream.store.on(pattern))}
        offset = wanted.get("offset", 0)
        if subjects:
            shown = [*subjects.items()][offset : offset + MOST_SUBJECTS]
            told["state"]["subjects"] = dict(shown)
            paging = {"total": len(subjects), "offset": offset, "limit": MOST_SUBJECTS}
    return {**paging, **told, "cluster": {"leader": jetstream.name}}


def names(jetstream: JetStream, words: list[str], wanted: dict[str, Any]) -> Answer:
    """What they are called."""
    return page("streams", sorted(jetstream.streams), wanted, MOST_NAMES, empty=None)


def listed(jetstream: JetStream, words: list[str], wanted: dict[str, Any]) -> Answer:
    """All of them, with settings and state."""

    def told(name: str) -> Answer:
        stream = jetstream.streams[name]
        config = stream_config.told(stream.config, stream_config.STORED_METADATA)
        return {**stream.told(), "config": config}

    return page("streams", sorted(jetstream.streams), wanted, MOST_STREAMS, told)


def purge(jetstream: JetStream, words: list[str], wanted: dict[str, Any]) -> Answer:
    """Remove messages of some subjects, before a sequence or all."""
    try:
        stream = jetstream.stream(words[0])
        if not _PURGE.issuperset(wanted):
            raise errors.not_simulated(f"purging by {wanted}")
    except errors.ApiError as error:
        return {"error": error.fields, "purged": 0}
    purged = stream.purge(wanted.get("filter", ">"), wanted.get("seq", 0))
    return {"success": True, "purged": purged}


def delete(jetstream: JetStream, words: list[str], wanted: dict[str, Any]) -> Answer:
    """End it."""
    jetstream.delete(jetstream.stream(words[0]))
    return {"success": True}


def delete_message(jetstream: JetStream, words: list[str], wanted: dict[str, Any]) -> Answer:
    """Remove one message."""
    stream, sequence = jetstream.stream(words[0]), int(wanted["seq"])
    if not stream.remove(sequence):
        raise _not_there(stream, sequence)
    return {"success": True}


def _not_there(stream: Stream, sequence: int) -> errors.ApiError:
    if sequence > stream.store.last:
        return errors.not_deleted("stream store EOF")
    if sequence < stream.store.first:
        return errors.not_deleted("no message found")
    return errors.sequence_not_found(sequence)
