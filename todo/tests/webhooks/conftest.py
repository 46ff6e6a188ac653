"""A receiver of webhooks, and a queue in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from dovetail import MessageQueue, connect, new_id

from .receiver import Receiver, receiving


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


@pytest_asyncio.fixture
async def queue() -> AsyncIterator[MessageQueue]:
    async with connect(f"memory://{new_id()}") as queue:
        yield queue
