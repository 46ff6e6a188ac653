"""What is done to a system in use costs no item and touches no other container."""

from __future__ import annotations

import pytest

from .compose import Compose, run
from .conftest import NewCompose, ready, until
from .load import Load

#: Items that are accepted between two things that happen.
CALM = 400


@pytest.mark.timeout(400)
async def test_every_accepted_item_is_a_row_once_whatever_is_done_meanwhile(
    new_compose: NewCompose,
) -> None:
    compose = await new_compose("api")
    await compose("up", "-d")
    await until(lambda: ready(compose.api_url))
    before = await compose.containers()
    load = Load(compose.api_url)
    await load.until(CALM)

    await compose("up", "-d", "--scale", "save-handler=3")
    await load.until(CALM)
    compose.overlays.append("audit")
    await compose("up", "-d", "--scale", "save-handler=3")
    await load.until(CALM)
    await compose("restart", "message-queue")
    await load.until(CALM)
    await compose("restart", "todo-db")
    await load.until(CALM)
    await run(
        "docker", "kill", "--signal", "KILL", next(iter(await compose.containers("save-handler")))
    )
    await load.until(CALM)
    await compose("up", "-d", "--scale", "save-handler=3")
    await load.until(CALM)
    await load.stop()

    assert len(await compose.containers("save-handler")) == 3
    assert before.items() <= (await compose.containers()).items(), "a container was replaced"
    await until(lambda: _saved(compose, load.accepted))
    texts = (await compose.sql("SELECT item FROM todos")).splitlines()
    assert len(texts) == len(set(texts))
    print(f"{len(load.accepted)} accepted, {len(load.refused)} refused: {set(load.refused)}")  # noqa: T201
    await until(lambda: _audited(compose, load.accepted))
    assert (
        await compose.tool("dovetail", "dead", "list", "nats://message-queue:4222", "--json") == ""
    )


async def _saved(compose: Compose, accepted: list[str]) -> bool:
    return set(accepted) <= set((await compose.sql("SELECT item FROM todos")).splitlines())


async def _audited(compose: Compose, accepted: list[str]) -> bool:
    lines = (await compose("logs", "--no-color", "audit-handler")).splitlines()
    said = {line.partition("+00:00: ")[2] for line in lines if "AUDIT @" in line}
    return set(accepted) <= said
