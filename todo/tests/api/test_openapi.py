"""The description of the API is complete and true."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.applications import Starlette

from todo.api.openapi import ITEM_PATTERN
from todo.items import InvalidItem, checked_text

from .support import serving

_SPACES = "".join(chr(code) for code in range(0x3001) if chr(code).isspace())


@given(st.text(st.sampled_from("x🦄\n" + _SPACES + "\0\u200b\ufeff"), max_size=5) | st.text())
@example("x" * 256)
@example("x" * 257)
@example(" " * 300 + "x" * 256 + " " * 300)
@example("x" + " " * 255 + "x")
@example("")
def test_the_pattern_takes_what_the_rules_take(text: str) -> None:
    try:
        checked_text(text)
    except InvalidItem:
        valid = False
    else:
        valid = True
    assert (re.search(ITEM_PATTERN.replace("$", r"\Z"), text) is not None) == valid


async def test_every_answer_is_described(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()

    assert document["openapi"].startswith("3.1")
    adding = document["paths"]["/todo"]["post"]["responses"]
    assert set(adding) == {"202", "400", "413", "415", "422", "500", "503"}
    for status, response in adding.items():
        kind = "application/json" if status == "202" else "application/problem+json"
        assert list(response["content"]) == [kind]
    assert "Retry-After" in adding["503"]["headers"]


@pytest.mark.slow
async def test_schemathesis_finds_nothing(app: Starlette, tmp_path: Path) -> None:
    async with serving(app) as address:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{address}/openapi.json"),
            *("--checks", "all", "--max-examples", "8", "--seed", "1", "--no-color"),
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
