"""Static files: where they are, what a browser keeps of them, and that the scripts find all they need."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import httpx
import pytest

import todo.web
from todo.web.assets import Assets

WEB = Path(todo.web.__file__).parent
SCRIPTS = {path.name: path.read_text() for path in (WEB / "static" / "js").glob("*.js")}


def test_all_are_below_one_folder_named_by_their_content() -> None:
    assets = Assets()
    style, main = assets.address("style.css"), assets.address("main.js")
    folder = re.fullmatch(r"/static/[0-9a-f]{12}/", style.removesuffix("style.css"))
    assert folder is not None
    assert main == f"{folder[0]}js/main.js"
    assert main in assets.modules
    assert not [address for address in assets.modules if address.endswith("worker.js")]


async def test_they_are_kept_for_ever_and_compressed(client: httpx.AsyncClient) -> None:
    address = Assets().address("main.js")
    answer = await client.get(address)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["content-type"].startswith("text/javascript")
    served, written = answer.text.splitlines(), SCRIPTS["main.js"].splitlines()
    code = [line for line in written if not line.lstrip().startswith("//")]
    assert [line for line in served if line] == [line for line in code if line]
    assert served.index(code[-1]) == written.index(code[-1])
    plain = await client.get(address, headers={"Accept-Encoding": "identity"})
    assert plain.text == answer.text
    assert (await client.get("/static/000000000000/js/main.js")).status_code == 404


async def test_the_service_worker_is_told_what_to_keep(client: httpx.AsyncClient) -> None:
    answer = await client.get("/service-worker.js")
    assert answer.headers["cache-control"] == "no-cache"
    first, rest = answer.text.split("\n", 1)
    kept = json.loads(first.removeprefix("const KEPT = ").removesuffix(";"))
    assert rest == (WEB / "static" / "service-worker.js").read_text()
    for address in kept["files"]:
        assert (await client.get(address)).status_code == 200, address
    assert kept["offline"] in kept["files"]
    page = await client.get(kept["offline"])
    assert "The server cannot be reached" in page.text


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_text_has_several_lines(name: str) -> None:
    """So what looks like a comment is one, and need not be sent."""
    for line in SCRIPTS[name].splitlines():
        assert line.count("`") % 2 == 0, line
        assert not line.endswith("\\"), line
        assert not re.match(r"\s*(/\*|\*)", line), line


@pytest.mark.parametrize("name", SCRIPTS)
def test_modules_find_each_other(name: str) -> None:
    for imported in re.findall(r'(?:from|import) ?\(?"(\.[^"]+)"', SCRIPTS[name]):
        assert (WEB / "static" / "js" / imported).resolve().is_file(), imported


@pytest.mark.parametrize("language", ["en", "zh"])
def test_all_words_of_the_scripts_are_there(language: str) -> None:
    words = tomllib.loads((WEB / "languages" / f"{language}.toml").read_text())["script"]
    code = "".join(SCRIPTS.values())
    named = set(re.findall(r'\bt\(\s*"(\w+)"', code))
    assert named <= set(words)
    # Others are named in lists, or put together from a beginning.
    mentioned = set(re.findall(r'"(\w+)"', code))
    beginnings = tuple(re.findall(r"`(\w+_)\$\{", code))
    assert not {one for one in words if one not in mentioned and not one.startswith(beginnings)}
