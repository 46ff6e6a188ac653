"""Static files: where they are, what a browser keeps of them, and that the scripts find all they need."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import httpx
import pytest

import todo.web
from todo.web.assets import BUNDLES, Assets
from todo.web.script_bundle import bundled, imported

WEB = Path(todo.web.__file__).parent
SCRIPTS = {path.name: path.read_text() for path in (WEB / "static" / "js").glob("*.js")}


def test_all_are_below_one_folder_named_by_their_content() -> None:
    assets = Assets()
    style, main = assets.address("style.css"), assets.address("main.js")
    folder = re.fullmatch(r"/static/[0-9a-f]{12}/", style.removesuffix("style.css"))
    assert folder is not None
    assert main == f"{folder[0]}js/main.js"


async def test_they_are_kept_for_ever_and_compressed(client: httpx.AsyncClient) -> None:
    address = Assets().address("rows.js")
    answer = await client.get(address)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["content-type"].startswith("text/javascript")
    code = [line for line in SCRIPTS["rows.js"].splitlines() if not line.lstrip().startswith("//")]
    assert [line for line in answer.text.splitlines() if line] == [line for line in code if line]
    plain = await client.get(address, headers={"Accept-Encoding": "identity"})
    assert plain.text == answer.text
    assert (await client.get("/static/000000000000/js/rows.js")).status_code == 404


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


async def test_a_page_loads_its_modules_as_one_script(client: httpx.AsyncClient) -> None:
    for name in BUNDLES:
        served = (await client.get(Assets().address(name))).text
        assert not re.search("^import", served, re.MULTILINE)
        for module in imported(name, SCRIPTS):
            assert served.count(f"const ${module.removesuffix('.js').replace('-', '_')} = (") == 1


def test_modules_are_in_the_order_in_which_a_browser_runs_them() -> None:
    modules = {
        "a.js": 'import { b as bee } from "./b.js";\nimport * as all from "./c-d.js";\nbee(all);',
        "b.js": 'import { c } from "./c-d.js";\nexport function b() {}\nb(c);',
        "c-d.js": "export const c = 1;\nexport class D {}",
    }
    assert imported("a.js", modules) == ["c-d.js", "b.js", "a.js"]
    assert bundled("a.js", modules).splitlines() == [
        "const $c_d = (() => {",
        "const c = 1;",
        "class D {}",
        "return { c, D };",
        "})();",
        "const $b = (() => {",
        "const { c } = $c_d;",
        "function b() {}",
        "b(c);",
        "return { b };",
        "})();",
        "const $a = (() => {",
        "const { b: bee } = $b;",
        "const all = $c_d;",
        "bee(all);",
        "return {  };",
        "})();",
        "export { $c_d, $b, $a };",
    ]


@pytest.mark.parametrize(
    ("modules", "error"),
    [
        ({"a.js": 'import { b } from "./b.js";', "b.js": 'import { a } from "./a.js";'}, "circle"),
        ({"a.js": 'import b from "./b.js";', "b.js": ""}, "cannot be bundled: import b from"),
        ({"a.js": "export let a = 1;"}, "cannot be bundled: export let"),
        ({"a.js": "export default 1;"}, "cannot be bundled: export default"),
    ],
)
def test_what_cannot_be_bundled_is_said(modules: dict[str, str], error: str) -> None:
    with pytest.raises(ValueError, match=error):
        bundled("a.js", modules)


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_text_has_several_lines(name: str) -> None:
    """So what looks like a comment is one, and need not be sent."""
    for line in SCRIPTS[name].splitlines():
        assert line.count("`") % 2 == 0, line
        assert not line.endswith("\\"), line
        assert not re.match(r"\s*(/\*|\*)", line), line


@pytest.mark.parametrize("name", SCRIPTS)
def test_modules_find_each_other(name: str) -> None:
    for found in re.findall(r'(?:from|import) ?\(?"(\.[^"]+)"', SCRIPTS[name]):
        assert (WEB / "static" / "js" / found).resolve().is_file(), found


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
