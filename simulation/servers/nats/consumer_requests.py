"""Requests about consumers."""

from __future__ import annotations

from typing import Any

from dovetail import clock
from simulation.servers.nats import consumer_config, errors, stream_config
from simulation.servers.nats.consumer import Consumer
from simulation.servers.nats.jetstream import JetStream
from simulation.servers.nats.paging import page
from simulation.servers.nats.stream import Stream

#: In one answer.
MOST_NAMES, MOST_CONSUMERS = 1024, 256

Answer = dict[str, Any]


def create(jetstream: JetStream, words: list[str], wanted: dict[str, Any]) -> Answer:
    """Make it, or change it; one without a name is not kept."""
    stream = jetstream.stream(words[0])
    asked, action = wanted["config"], wanted.get("action", "")
    name = words[1] if len(words) > 1 else clock.token(4)
    config = consumer_config.complete(asked, name)
    known = stream.consumers.get(name)
    if stream.config["retention"] == "workqueue":
        others = [one.config for one in stream.consumers.values() if one.name != name]
        consumer_config.check_for_work_queue(config, others)
    if known is None:
        if action == "update":
            raise errors.consumer_does_not_exist()
        return stream.consume(name, config).told()
    if known.config != config:
        if action == "create":
            raise errors.consumer_exists()
        consumer_config.check_update(known.config, config)
        known.change(config)
    return known.told()


def info(jetstream: JetStream, words: list[str], wanted: dict[str, Any]) -> Answer:
    """Settings and state."""
    return _consumer(jetstream.stream(words[0]), words[1]).told()


def names(jetstream: JetStream, words: list[str], wanted: dict[str, Any]) -> Answer:
    """What those of a stream are called."""
    stream = jetstream.stream(words[0])
    return page("consumers", sorted(stream.consumers), wanted, MOST_NAMES)


def listed(jetstream: JetStream, words: list[str], wanted: dict[str, Any]) -> Answer:
    """Those of a stream, with settings and state."""
    try:
        stream = jetstream.stream(words[0])
    except errors.ApiError as error:
        return {"error": error.fields, "total": 0, "offset": 0, "limit": 0, "consumers": []}

    def told(name: str) -> Answer:
        consumer = stream.consumers[name]
        config = stream_config.told(consumer.config, stream_config.STORED_METADATA)
        return {**consumer.told(), "config": config}

    return page("consumers", sorted(stream.consumers), wanted, MOST_CONSUMERS, told)


def delete(jetstream: JetStream, words: list[str], wanted: dict[str, Any]) -> Answer:
    """End it."""
    _consumer(jetstream.stream(words[0]), words[1]).delete()
    return {"success": True}


def _consumer(stream: Stream, name: str) -> Consumer:
    if (consumer := stream.consumers.get(name)) is None:
        raise errors.consumer_not_found()
    return consumer
