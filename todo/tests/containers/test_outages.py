"""What goes wrong in containers is said in one clear line, loses nothing, and heals where it can."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import httpx
import pytest

from .compose import DEPLOY, VERSION, Compose, Failed, inspect, run
from .conftest import NewCompose, ready, until
from .load import Load


async def _said(compose: Compose, service: str, text: str) -> str:
    """Wait for a line of a service with this text; all that the service has said."""

    async def found() -> bool:
        return text in await compose("logs", "--no-color", service)

    await until(found)
    return await compose("logs", "--no-color", service)


def _overlay(folder: Path, text: str) -> Path:
    file = folder / "overlay.yml"
    # Compose 1.29 takes a file without services for one of the first version.
    file.write_text(f"services:\n  save-handler:\n    labels: [overlay]\n{text}")
    return file


def _secret(folder: Path, file: Path) -> Path:
    """An overlay that puts this file in the place of the database's password, for whoever reads it."""
    return _overlay(folder, f"secrets:\n  database-password:\n    file: {file}\n")


@pytest.mark.parametrize("wrong", ["empty", "unreadable"])
async def test_a_secret_that_cannot_be_used_is_named(
    new_compose: NewCompose, tmp_path: Path, wrong: str
) -> None:
    secret = tmp_path / "password"
    secret.write_text("" if wrong == "empty" else "secret")
    secret.chmod(0o600 if wrong == "unreadable" else 0o644)
    compose = await new_compose(_secret(tmp_path, secret))
    await compose("up", "-d", "--no-deps", "save-handler")
    said = await _said(compose, "save-handler", "TODO_DATABASE_PASSWORD")
    line = next(line for line in said.splitlines() if "TODO_DATABASE_PASSWORD" in line)
    assert "/run/secrets/TODO_DATABASE_PASSWORD" in line
    assert "Traceback" not in said


async def test_a_secret_that_was_not_drawn_is_named(
    new_compose: NewCompose, tmp_path: Path
) -> None:
    compose = await new_compose(_secret(tmp_path, tmp_path / "missing"))
    with pytest.raises(Failed, match=r"missing"):
        await compose("up", "-d", "--no-deps", "save-handler")


async def test_a_wrong_password_is_said_and_mended_without_losing_anything(
    new_compose: NewCompose, tmp_path: Path
) -> None:
    compose = await new_compose("api")
    await compose("up", "-d")
    await until(lambda: ready(compose.api_url))
    await compose.sql("ALTER USER todo PASSWORD 'another'")
    await compose("restart", "save-handler")
    said = await _said(compose, "save-handler", "password authentication failed")
    assert "TODO_DATABASE_URL: the database cannot be used: password authentication failed" in said
    async with httpx.AsyncClient() as http:
        answer = await http.post(f"{compose.api_url}/todo", json={"item": "Waits"})
    assert answer.status_code == 202
    password = (DEPLOY / "secrets/database-password").read_text()
    await compose.sql(f"ALTER USER todo PASSWORD '{password}'")
    await until(lambda: _has(compose, "Waits"))  # nobody started anything


async def test_a_port_in_use_is_said_by_number(new_compose: NewCompose) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        compose = await new_compose(TODO_WEB_PORT=str(port))
        with pytest.raises(Failed, match=rf"127\.0\.0\.1:{port}.*in use"):
            await compose("up", "-d", "--no-deps", "todo-web")


@pytest.mark.timeout(240)
@pytest.mark.parametrize("service", ["message-queue", "todo-db"])
async def test_queue_or_database_may_be_away_for_long(
    new_compose: NewCompose, service: str
) -> None:
    """Half a minute here; what is tested is that nothing gives up, and that it is said, not flooded."""
    compose = await new_compose("api")
    await compose("up", "-d")
    await until(lambda: ready(compose.api_url))
    await compose("stop", service)
    async with httpx.AsyncClient(timeout=15) as http:
        answer = await http.post(f"{compose.api_url}/todo", json={"item": "Meanwhile"})
        assert answer.status_code == (503 if service == "message-queue" else 202)
        assert (await http.get(f"{compose.api_url}/ready")).status_code == 503
        assert (await http.get(f"{compose.api_url}/health")).status_code == 200
        await asyncio.sleep(30)  # the outage itself
        lines = (await compose("logs", "--no-color", "save-handler")).splitlines()
        assert len(lines) < 30, "\n".join(lines)
        await compose("start", service)
        await until(lambda: ready(compose.api_url))
        answer = await http.post(f"{compose.api_url}/todo", json={"item": "Afterwards"})
        assert answer.status_code == 202
    await until(lambda: _has(compose, "Afterwards"))
    assert await _has(compose, "Meanwhile") is (service == "todo-db")


async def test_stopped_under_load_everything_ends_in_time_and_nothing_is_lost(
    new_compose: NewCompose,
) -> None:
    """What does not end within Compose's ten seconds is killed, which its exit code tells."""
    compose = await new_compose("api")
    await compose("up", "-d", "--scale", "save-handler=2")
    await until(lambda: ready(compose.api_url))
    load = Load(compose.api_url)
    await load.until(400)
    await compose("stop", "save-handler", "todo-api")
    await load.stop()
    every = await run(
        "docker",
        "ps",
        "--all",
        "--quiet",
        "--filter",
        f"label=com.docker.compose.project={compose.project}",
    )
    codes = {one: (await inspect("container", one))["State"]["ExitCode"] for one in every.split()}
    assert set(codes.values()) == {0}, codes
    await compose("start", "save-handler")
    await until(lambda: _saved(compose, set(load.accepted)))


@pytest.mark.timeout(240)
async def test_a_full_volume_of_the_queue_is_said_and_loses_nothing(
    new_compose: NewCompose, tmp_path: Path
) -> None:
    options = "{ type: tmpfs, device: tmpfs, o: 'size=3m' }"
    small = _overlay(tmp_path, f"volumes:\n  queue:\n    driver_opts: {options}\n")
    compose = await new_compose("api", small)
    await compose("up", "-d")
    await until(lambda: ready(compose.api_url))
    await compose("stop", "save-handler")
    await _keep(compose, "queue")
    async with httpx.AsyncClient(timeout=15) as http:
        accepted = await _fill(http, f"{compose.api_url}/todo")
        unready = await http.get(f"{compose.api_url}/ready")
    assert (unready.status_code, unready.json()["queue"]) == (503, "full")
    # Room is made by hand. Then everything goes on, without anything being started anew but the queue.
    volume = await run(
        "docker", "volume", "inspect", "--format", "{{.Mountpoint}}", f"{compose.project}_queue"
    )
    await run("mount", "-o", "remount,size=100m", volume.strip())
    await compose("restart", "message-queue")
    await compose("start", "save-handler")
    await until(lambda: ready(compose.api_url))
    await until(lambda: _saved(compose, accepted))


async def _keep(compose: Compose, volume: str) -> None:
    """Use a volume: one in memory is gone as soon as no container uses it any more."""
    options = ("--detach", "--rm")
    mount = ("--volume", f"{compose.project}_{volume}:/kept")
    sleep = (f"dovetail-todo/tools:{VERSION}", "sleep", "300")
    name = (await run("docker", "run", *options, *mount, *sleep)).strip()
    compose.others.append(name)


async def _fill(http: httpx.AsyncClient, url: str) -> set[str]:
    """Add items until the queue says that it is full; those that it accepted."""
    accepted = set()
    for number in range(20_000):
        text = f"{number} ".ljust(250, "x")
        answer = await http.post(url, json={"item": text})
        if answer.status_code == 202:
            accepted.add(text)
        elif "may be full" in answer.text:
            return accepted
    raise AssertionError("the queue was never full")


async def test_an_image_older_than_the_schema_says_so(new_compose: NewCompose) -> None:
    compose = await new_compose()
    await compose("up", "-d", "todo-web")
    await until(lambda: ready(compose.web_url))
    await compose.sql("UPDATE alembic_version SET version_num = '9999'")
    await compose("up", "-d", "save-handler")
    said = await _said(compose, "save-handler", "TODO_DATABASE_URL: the database cannot be used")
    assert "newer" in said
    assert "Traceback" not in said


async def _has(compose: Compose, text: str) -> bool:
    return await compose.sql(f"SELECT count(*) FROM todos WHERE item = '{text}'") == "1"


async def _saved(compose: Compose, accepted: set[str]) -> bool:
    texts = await compose.texts()
    assert len(texts) == len(set(texts))
    return accepted <= set(texts)
