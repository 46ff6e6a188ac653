"""What is done to a system in use costs no item and touches no other container."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from .compose import VERSION, Compose, run
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
    texts = await compose.texts()
    assert len(texts) == len(set(texts))
    print(f"{len(load.accepted)} accepted, {len(load.refused)} refused: {set(load.refused)}")  # noqa: T201
    await until(lambda: _audited(compose, load.accepted))
    assert (
        await compose.tool("dovetail", "dead", "list", "nats://message-queue:4222", "--json") == ""
    )


@pytest.mark.timeout(240)
async def test_an_update_costs_no_item_with_both_versions_side_by_side(
    new_compose: NewCompose,
) -> None:
    """The next version is the same code under another tag: what is tested is how it is put in its place."""
    compose = await new_compose("api")
    await compose("up", "-d")
    await until(lambda: ready(compose.api_url))
    load = Load(compose.api_url)
    await load.until(CALM)
    async with _next_version() as version:
        compose.settings["TODO_VERSION"] = version
        await compose("up", "-d", "--no-deps", "save-handler")
        await load.until(CALM)
        await compose("up", "-d")
        await load.until(CALM)
        await load.stop()
        await until(lambda: _saved(compose, load.accepted))
        texts = await compose.texts()
        assert len(texts) == len(set(texts))
        await compose("down")


@asynccontextmanager
async def _next_version() -> AsyncIterator[str]:
    """Another tag for the images."""
    version = f"{VERSION}-next"
    images = [f"dovetail-todo/{name}" for name in ("web", "api", "save-handler")]
    for image in images:
        await run("docker", "tag", f"{image}:{VERSION}", f"{image}:{version}")
    try:
        yield version
    finally:
        await run("docker", "rmi", "--force", *(f"{image}:{version}" for image in images))


async def _saved(compose: Compose, accepted: list[str]) -> bool:
    return set(accepted) <= set(await compose.texts())


async def _audited(compose: Compose, accepted: list[str]) -> bool:
    lines = (await compose("logs", "--no-color", "audit-handler")).splitlines()
    said = {line.partition("+00:00: ")[2] for line in lines if "AUDIT @" in line}
    return set(accepted) <= said
