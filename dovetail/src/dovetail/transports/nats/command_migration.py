"""Streams of commands that older versions made: frees their subjects for events.

Such a stream takes the command's own subject, and no two streams may share one. So there could be no events
on that subject, nor a group for a pattern that matches it.
"""

from __future__ import annotations

import logging

from dovetail.codec.subjects import overlap
from dovetail.transports.nats import topology
from dovetail.transports.nats.jetstream import JetStream

log = logging.getLogger("dovetail.nats")


async def free_for_events(api: JetStream, wanted: str) -> bool:
    """Whether a stream of a command took a subject that events are wanted on; it takes it no more."""
    freed = [
        await _free(api, stream, command)
        for stream in await api.listed("STREAM.NAMES", "streams")
        if (command := topology.command_of(stream)) is not None and overlap(command, wanted)
    ]
    return any(freed)


async def _free(api: JetStream, stream: str, command: str) -> bool:
    """In steps that leave a stream which works after each of them."""
    config = await api.config(stream)
    if command not in config["subjects"]:
        return False
    subject = topology.command_subject(command)
    kept = [have for have in config["subjects"] if have not in (command, subject)]
    await api.update(config, subjects=[*kept, command, subject])
    for consumer in await api.consumers(stream):
        # A work queue takes one consumer that hears everything.
        unfiltered = {
            name: value
            for name, value in consumer["config"].items()
            if not name.startswith("filter_subject")
        }
        await api.make_consumer(stream, unfiltered, "update")
    await api.update(config, subjects=[*kept, subject])
    log.warning(
        "there are events on %r now, so the command of that name is sent on %r: programs that are not ours, "
        "and older versions, have to send it there",
        command,
        subject,
    )
    return True
