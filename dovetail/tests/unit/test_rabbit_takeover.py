"""What ends a take-over on RabbitMQ, and what it does not wait for, without a server."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import AsyncMock

import pytest
from pamqp import commands

from dovetail.transports.rabbitmq import limits
from dovetail.transports.rabbitmq.channel import INTERNAL_ERROR, Channel, ChannelClosed
from dovetail.transports.rabbitmq.takeover import _Emptying


def emptying(**reading: Any) -> tuple[_Emptying, Any]:
    """With the channel by which it reads."""
    channel = SimpleNamespace(error=None, **reading)
    return _Emptying(cast(Channel, None), cast(Channel, channel), "queue", ["queue"]), channel


async def test_queue_that_is_removed_meanwhile() -> None:
    """Nothing comes from it any more, and its channel goes on."""
    own, reading = emptying()
    coming = asyncio.create_task(own._more())
    await asyncio.sleep(0)
    reading.on_cancel("1")
    with pytest.raises(ChannelClosed, match="was removed"):
        async with asyncio.timeout(5):
            await coming


async def test_channel_that_ended_while_messages_were_stored() -> None:
    own, reading = emptying()
    reading.error = ChannelClosed(INTERNAL_ERROR, "no leader")
    reading.on_end()
    with pytest.raises(ChannelClosed, match="no leader"):
        async with asyncio.timeout(5):
            await own._more()


async def test_reader_on_a_node_that_is_down_is_not_waited_for_for_ever() -> None:
    """The server counts it until the node is back, and has given back what it had."""
    found = commands.Queue.DeclareOk("queue", 0, 2)
    own, _ = emptying(call=AsyncMock(return_value=found))
    assert not await own._is_over(limits.OTHERS_SECONDS - 1)
    assert await own._is_over(limits.OTHERS_SECONDS)
