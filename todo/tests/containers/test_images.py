"""What the images are: small, one for all, and with few rights."""

from __future__ import annotations

import pytest

from todo.components import SCALABLE

from .compose import VERSION, Failed, inspect, run
from .conftest import NewCompose

NAMES = ("web", "api", *SCALABLE, "tools")
IMAGES = [f"dovetail-todo/{name}:{VERSION}" for name in NAMES]
BASE = "python:3.11-slim-bookworm"
#: Bytes.
MOST_OVER_BASE = 90 * 1000**2


@pytest.mark.usefixtures("engine")
async def test_they_share_all_layers_and_are_small() -> None:
    found = [await inspect("image", image) for image in IMAGES]
    assert len({tuple(image["RootFS"]["Layers"]) for image in found}) == 1
    over = found[0]["Size"] - (await inspect("image", BASE))["Size"]
    print(f"{over / 1000**2:.1f} MB over {BASE}")  # noqa: T201
    assert over < MOST_OVER_BASE


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("name", NAMES)
async def test_each_says_what_it_is_and_is_not_root(name: str) -> None:
    config = (await inspect("image", f"dovetail-todo/{name}:{VERSION}"))["Config"]
    assert config["User"] == "10001:10001"
    assert config["StopSignal"] == "SIGTERM"
    labels = config["Labels"]
    assert labels["org.opencontainers.image.title"].removeprefix("todo-") == name
    for label in ("description", "version", "revision", "licenses", "vendor"):
        assert labels[f"org.opencontainers.image.{label}"]
    if name == "tools":
        assert "Healthcheck" not in config
        assert config["Cmd"][0] == "dovetail"
    else:
        assert config["Healthcheck"]["Test"] == ["CMD", "todo", "health"]
        assert config["Cmd"] == ["todo", "run", name]


@pytest.mark.usefixtures("engine")
async def test_nothing_that_builds_is_in_them() -> None:
    left = "import glob, shutil; print([*map(shutil.which, ('gcc', 'strip')), *glob.glob('/source/*')])"
    assert await run("docker", "run", "--rm", IMAGES[0], "python", "-c", left) == "[None, None]\n"
    with pytest.raises(Failed, match="No module named pip"):
        await run("docker", "run", "--rm", IMAGES[0], "python", "-m", "pip")


@pytest.mark.usefixtures("engine")
async def test_the_tools_work_where_nothing_can_be_written() -> None:
    command = ("docker", "run", "--rm", "--read-only", "--cap-drop", "ALL", "--network", "none")
    assert "publish" in await run(*command, IMAGES[-1])


async def test_a_container_has_no_rights_that_it_does_not_need(new_compose: NewCompose) -> None:
    compose = await new_compose("api", "audit")
    await compose("up", "-d")
    for service in ("todo-web", "todo-api", "save-handler", "audit-handler"):
        (name,) = await compose.containers(service)
        container = await inspect("container", name)
        host = container["HostConfig"]
        assert host["ReadonlyRootfs"]
        assert host["CapDrop"] == ["ALL"]
        assert not host["CapAdd"]
        assert host["SecurityOpt"] == ["no-new-privileges:true"]
        assert host["Memory"]
        assert host["PidsLimit"]
        assert host["RestartPolicy"]["Name"] == "unless-stopped"
        bound = [one["HostIp"] for port in (host["PortBindings"] or {}).values() for one in port]
        assert set(bound) <= {"127.0.0.1"}
        written = await run("docker", "diff", name)
        assert not [
            line for line in written.splitlines() if "/run/secrets" not in line and line != "C /run"
        ]
