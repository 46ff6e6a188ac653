"""The words of the pages, in the language of the browser."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import todo.web
from todo.web.language import language, language_for

FOLDER = Path(todo.web.__file__).parent
CODES = sorted(path.stem for path in (FOLDER / "languages").glob("*.toml"))


@pytest.mark.parametrize(
    ("accepted", "code"),
    [
        ("", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("fr, zh;q=0.5, en;q=0.7", "en"),
        ("fr, de", "en"),
        ("zh-Hans-CN", "zh"),
        ("en;q=0, zh;q=0.1", "zh"),
        ("zh;q=high, ;;,,", "en"),
    ],
)
def test_the_best_that_is_here(accepted: str, code: str) -> None:
    assert language_for(accepted).code == code


@pytest.mark.parametrize("code", CODES)
def test_every_language_says_all_and_puts_the_same_into_it(code: str) -> None:
    here, default = language(code), language("en")
    for mine, its in ((here.page, default.page), (here.script, default.script)):
        assert mine.keys() == its.keys()
        for key in its:
            assert _places(mine[key]) == _places(its[key]), key


def _places(text: str | dict[str, str]) -> set[str]:
    forms = [text] if isinstance(text, str) else list(text.values())
    return {name for form in forms for name in re.findall(r"\{(\w+)\}", form)}


def test_every_key_that_a_template_uses_is_there() -> None:
    for path in (FOLDER / "templates").glob("*.html"):
        for key in re.findall(r"\bt\('(\w+)'[,)]", path.read_text(encoding="utf-8")):
            assert key in language("en").page, f"{path.name}: {key}"


def test_one_and_several_and_values_that_look_like_places() -> None:
    assert language("en").text("left", n=1) == "1 item left"
    assert language("en").text("left", n=1234) == "1,234 items left"
    assert language("zh").text("left", n=1) == "还剩 1 项"
    assert language("en").text("said_added", item="{n} {item}") == "Added “{n} {item}”"


def test_sentences_of_the_rules() -> None:
    said = "That is 257 characters long; 256 is the most."

    assert language("en").sentence(said) == said
    assert language("zh").sentence(said).startswith("有 257 个字符")
    assert language("zh").sentence("Nobody has said this.") == "Nobody has said this."


def _sentences(path: Path) -> Iterator[str]:
    """What the rules in this file say, with a number for what is put into it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "InvalidItem":
            said = node.args[0]
            parts = said.values if isinstance(said, ast.JoinedStr) else [said]
            yield "".join(str(one.value) if isinstance(one, ast.Constant) else "7" for one in parts)


@pytest.mark.parametrize(
    "file", ["fields.py", "positions.py", "web/new_item_page.py", "web/move_position.py"]
)
def test_every_sentence_of_the_rules_is_translated(file: str) -> None:
    found = list(_sentences(FOLDER.parent / file))

    assert found
    for said in found:
        assert language("zh").sentence(said) != said


async def test_a_page_in_chinese(client: httpx.AsyncClient) -> None:
    response = await client.get("/", headers={"Accept-Language": "zh-CN"})

    assert '<html lang="zh-CN">' in response.text
    assert "要做什么" in response.text
    refused = await client.post("/new", data={"item": ""}, headers={"Accept-Language": "zh"})
    assert "请输入要做的事。" in refused.text
