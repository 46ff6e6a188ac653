"""Frees the subjects of commands for events.

Older versions had a command's stream take the command's own subject. No two streams may share one: then
neither a group for a pattern that matches it, nor an event on it, found a place.
"""

from __future__ import annotations

import logging
from typing import Any

from dovetail.subjects import overlap
from dovetail.transports.nats import layout
from dovetail.transports.nats.jetstream import JetStream

log = logging.getLogger("dovetail.nats")


async def free_for_events(api: JetStream, wanted: str) -> bool:
    """Whether a stream of a command took a subject that events are wanted on; it takes it no more."""
    names = await api.listed("STREAM.NAMES", "streams")
    commands = {name: layout.command_of(str(name)) for name in names}
    freed = [
        await _free(api, str(name), command)
        for name, command in commands.items()
        if command is not None and overlap(command, wanted)
    ]
    return any(freed)


async def _free(api: JetStream, stream: str, command: str) -> bool:
    """In steps that leave a stream which works after each of them."""
    config = (await api.call(f"STREAM.INFO.{stream}"))["config"]
    if command not in config["subjects"]:
        return False
    subject = layout.command_subject(command)
    kept = [have for have in config["subjects"] if have not in (command, subject)]
    await _update(api, config, [*kept, command, subject])
    for consumer in await api.listed(f"CONSUMER.LIST.{stream}", "consumers"):
        await _hear_all(api, stream, consumer["config"])
    await _update(api, config, [*kept, subject])
    log.warning(
        "there are events on %r now, so the command of that name is sent on %r: programs that are not ours, "
        "and older versions, have to send it there",
        command,
        subject,
    )
    return True


async def _update(api: JetStream, config: dict[str, Any], subjects: list[str]) -> None:
    await api.call(f"STREAM.UPDATE.{config['name']}", {**config, "subjects": subjects})


async def _hear_all(api: JetStream, stream: str, config: dict[str, Any]) -> None:
    unfiltered = {
        name: value for name, value in config.items() if not name.startswith("filter_subject")
    }
    request = {"stream_name": stream, "config": unfiltered, "action": "update"}
    await api.call(f"CONSUMER.CREATE.{stream}.{config['name']}", request)
