"""Redis or RabbitMQ in the place of NATS, by one more file."""

from __future__ import annotations

import httpx
import pytest

from .compose import Compose
from .conftest import NewCompose, ready, until

ITEMS = [f"item {number}" for number in range(50)]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("queue", ["redis", "rabbitmq"])
async def test_the_list_works_on_another_queue(new_compose: NewCompose, queue: str) -> None:
    """The order of the overlays is free, and what waits survives a restart of the queue."""
    compose = await new_compose(queue, "api", "audit")
    await compose("up", "-d")
    await until(lambda: ready(compose.api_url))
    await compose("stop", "save-handler")
    async with httpx.AsyncClient(timeout=15) as http:
        for text in ITEMS:
            answer = await http.post(f"{compose.api_url}/todo", json={"item": text})
            assert answer.status_code == 202, answer.text
    await compose("restart", "message-queue")
    assert await compose.sql("SELECT count(*) FROM todos") == "0"
    await compose("up", "-d", "--scale", "save-handler=3")
    await until(lambda: _saved(compose))
    logs = await compose("logs", "--no-color", "todo-api")
    assert (
        f"connected to the queue at {'amqp' if queue == 'rabbitmq' else queue}://message-queue"
        in logs
    )


async def _saved(compose: Compose) -> bool:
    return sorted(await compose.texts()) == sorted(ITEMS)
