"""Each promise as a few lines: what docs/guarantees.md shows is what happens, on every queue."""

from __future__ import annotations

import re
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from dovetail.testing import Features
from dovetail.testing.conformance.names import fresh

from .script import commands_of, run
from .stage import Stage

PAGE = Path(__file__).parents[3] / "docs" / "guarantees.md"
SCENARIOS = dict(
    re.findall(r"\*\*(\d\. [^*]+)\*\*[^`]*```scenario\n(.*?)```", PAGE.read_text(), re.DOTALL)
)
FEATURES = {
    "memory": Features(),
    "nats": Features(),
    "redis": Features(),
    "rabbit": Features(deduplicates=False, limits_store=False),
}


@pytest.fixture(params=FEATURES)
def transport(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def address(request: pytest.FixtureRequest, transport: str) -> str:
    if transport == "memory":
        return f"memory://{fresh('scenario')}"
    url: str = request.getfixturevalue(f"{transport}_url")
    return url


def test_every_promise_has_one() -> None:
    assert [title[0] for title in SCENARIOS] == list("123456789")


@pytest.mark.parametrize("title", SCENARIOS)
async def test_it_happens_as_the_page_says(title: str, transport: str, address: str) -> None:
    script = SCENARIOS[title].strip()
    for feature in re.findall(r"^# needs (\w+)", script, re.MULTILINE):
        if not getattr(FEATURES[transport], feature):
            pytest.skip(f"unsupported: {feature}")
    script = re.sub("^#.*\n", "", script, flags=re.MULTILINE)
    limited = "publish until refused" in commands_of(script)
    async with AsyncExitStack() as stack:
        stage = Stage(address, stack, limited=limited)
        await stage.open()
        assert await run(script, stage) == script
