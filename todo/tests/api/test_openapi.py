"""The description of the API is complete and true."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.applications import Starlette

from dovetail import MessageQueue, Worker
from todo.api.field_checks import CHECKS
from todo.api.openapi import patterns
from todo.fields import checked_tag
from todo.handlers.save_handler import save_handler
from todo.items import InvalidItem
from todo.settings import SaveHandlerSettings
from todo.store import Store

from .support import serving

HOOKS = Path(__file__).with_name("schemathesis_hooks.py")
_SPACES = "".join(chr(code) for code in range(0x3001) if chr(code).isspace())
_TEXTS = (
    st.text(st.sampled_from("x🦄\n#,0a" + _SPACES + "\0\u200b\ufeff\u00ad\u0301"), max_size=5)
    | st.text()
)


def agree(pattern: str, check: Callable[[str], object], text: str) -> None:
    """The pattern takes a text exactly where the rule does."""
    try:
        check(text)
    except InvalidItem:
        valid = False
    else:
        valid = True
    assert (re.search(pattern.replace("$", r"\Z"), text) is not None) == valid


@given(_TEXTS)
@example("x" * 256)
@example("x" * 257)
@example(" " * 300 + "x" * 256 + " " * 300)
@example("x" + " " * 255 + "x")
@example("")
def test_the_pattern_of_items(text: str) -> None:
    agree(patterns.ITEM, CHECKS["item"], text)


@given(_TEXTS)
@example("x" * 50)
@example("x" * 51)
@example("a\u202eb")
@example("\u2066a")
@example("👩\u200d🚀")
@example("\ue000")
@example("\U000e0001x")
def test_the_pattern_of_tags(text: str) -> None:
    agree(patterns.TAG, checked_tag, text)


@given(st.text(st.sampled_from("0az9-A"), max_size=4))
def test_the_pattern_of_positions(text: str) -> None:
    agree(patterns.POSITION, CHECKS["position"], text)


#: The history of what was removed stays; and on a busy machine a database may not answer in time.
CONFIGURATION = f"""
hooks = "{HOOKS}"
checks.not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", "503"]
[[operations]]
include-operation-id = "getHistory"
phases.stateful.enabled = false
# What a file may be is more than a schema can say.
[[operations]]
include-operation-id = "importItems"
phases.stateful.enabled = false
checks.positive_data_acceptance.expected-statuses = [202, 400, 413, 422, 503]
checks.negative_data_rejection.expected-statuses = [202, 400, 413, 415, 422, 503]
"""


async def test_every_answer_is_described(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()

    assert document["openapi"].startswith("3.1")
    paths = document["paths"]
    adding = paths["/todo"]["post"]["responses"]
    assert set(adding) == {"201", "202", "400", "401", "413", "415", "422", "429", "500", "503"}
    changing = paths["/todo/{id}"]["patch"]["responses"]
    assert set(changing) == set(adding) - {"201"} | {"200", "404", "412"}
    for operation in (one for methods in paths.values() for one in methods.values()):
        for status, response in operation["responses"].items():
            kinds = list(response.get("content", ()))
            if status >= "400" and operation["operationId"] != "ready":
                assert kinds == ["application/problem+json"]
            else:
                assert kinds == [] if status in ("204", "304") else len(kinds) == 1
            assert status not in ("429", "503") or "Retry-After" in response["headers"]


@pytest.mark.slow  # hundreds of generated requests to each operation
@pytest.mark.timeout(300)  # on a busy machine
async def test_schemathesis_finds_nothing(
    app: Starlette, queue: MessageQueue, store: Store, tmp_path: Path
) -> None:
    async with (
        Worker(queue, [save_handler(store, SaveHandlerSettings())]),
        serving(app) as address,
    ):
        (tmp_path / "schemathesis.toml").write_text(CONFIGURATION)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{address}/openapi.json"),
            *("--checks", "all", "--max-examples", "2", "--seed", "1", "--no-color"),
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
