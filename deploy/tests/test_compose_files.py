"""The Compose files fit together, keep to themselves, and leave alone what they do not name."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from dovetail.testing.servers import ServerMissing

DEPLOY = Path(__file__).parents[1]
ADDING = ("audit", "api", "lab", "observability", "slow")
#: Each of these adds a service and nothing else.
MORE = ("search", "calendar", "webhook")
QUEUES = ("", "redis", "rabbitmq")
#: What each file changes or adds; everything else stays as it is, or its container would be made anew.
TOUCHED = {
    "audit": {"audit-handler"},
    "api": {"todo-api"},
    "lab": {"save-handler", "mutating-handler"},
    "observability": {"prometheus", "grafana"},
    "slow": {"save-handler"},
    "search": {"search-handler"},
    "calendar": {"calendar-handler"},
    "webhook": {"webhook-handler"},
}
COMPONENTS = {
    "todo-web",
    "todo-api",
    "save-handler",
    "audit-handler",
    "mutating-handler",
    "search-handler",
    "calendar-handler",
    "webhook-handler",
}


def _config(*files: str, **settings: str) -> dict[str, Any]:
    """What Compose makes of the files."""
    program = shutil.which("docker-compose")
    if program is None:
        raise ServerMissing("docker-compose is missing: apt-get install docker-compose")
    options = [part for file in files for part in ("-f", file)]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TODO_")}
    done = subprocess.run(
        [program, *options, "config"],
        cwd=DEPLOY,
        env=clean | settings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (files, done.stderr)
    found: dict[str, Any] = yaml.safe_load(done.stdout)
    for service in found["services"].values():
        # Written in two ways for the same.
        service["networks"] = list(service["networks"])
    return found


def _files(*overlays: str) -> list[str]:
    return ["docker-compose.yml", *(f"docker-compose-{name}.yml" for name in overlays if name)]


def _combinations(queue: str) -> Iterator[tuple[str, ...]]:
    """None, each, all, and all with more; on NATS all pairs: the others differ in the queue alone."""
    for count in (0, 1, len(ADDING)) if queue else (0, 1, 2, len(ADDING)):
        yield from itertools.combinations(ADDING, count)
    yield (*ADDING, *MORE)


@pytest.mark.slow  # docker-compose reads every combination
@pytest.mark.parametrize("queue", QUEUES, ids=lambda queue: queue or "nats")
def test_combinations_are_valid_and_publish_on_loopback_only(queue: str) -> None:
    for overlays in _combinations(queue):
        found = _config(*_files(queue, *overlays))
        expected = {"todo-web", "todo-db", "message-queue", "save-handler"}
        expected |= set().union(*(TOUCHED[name] for name in overlays))
        assert set(found["services"]) == expected
        for service in found["services"].values():
            assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
        assert found["secrets"]["queue-url"]["file"].endswith(f"queues/{queue or 'nats'}.url")


@pytest.mark.slow  # docker-compose reads every combination
def test_a_file_leaves_the_services_alone_that_it_does_not_name() -> None:
    alone = _config(*_files())["services"]
    for name, touched in TOUCHED.items():
        together = _config(*_files(name))["services"]
        for service in alone.keys() - touched:
            assert together[service] == alone[service], (name, service)


def test_every_component_has_few_rights_and_limits() -> None:
    services = _config(*_files("audit", "api", "lab", *MORE))["services"]
    for name in COMPONENTS:
        service = services[name]
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["mem_limit"]
        assert service["restart"] == "unless-stopped"
        assert service["depends_on"]["message-queue"] == {"condition": "service_healthy"}


def test_ports_are_published_where_they_are_asked_to_be() -> None:
    services = _config(*_files("api"), TODO_PUBLISH="0.0.0.0", TODO_API_PORT="9000")["services"]
    assert services["todo-web"]["ports"] == ["0.0.0.0:8080:8080/tcp"]
    assert services["todo-api"]["ports"] == ["0.0.0.0:9000:8081/tcp"]


def test_page_and_api_are_told_where_their_ports_are_published() -> None:
    """They refuse to start without a password where that is elsewhere."""
    for publish in ("127.0.0.1", "0.0.0.0"):
        services = _config(*_files("api"), TODO_PUBLISH=publish, TODO_PASSWORD="x")["services"]
        for name in ("todo-web", "todo-api"):
            environment = services[name]["environment"]
            assert environment["TODO_PUBLISH"] == publish
            assert environment["TODO_PASSWORD"] == "x"
            assert not environment["TODO_OPEN"]


def test_the_solution_of_the_lab_mends_both_mistakes_in_compose_alone() -> None:
    lab = _config(*_files("lab"))["services"]
    solved = _config(*_files("lab"), "lab/solution/docker-compose.yml")["services"]
    for name in lab:
        assert {**solved[name], "environment": 0} == {**lab[name], "environment": 0}, name
    for name, line in (
        ("save-handler", "ENV TODO_SAVE_HANDLER__PUBLISH_ITEM_SAVED=false"),
        ("mutating-handler", "ENV TODO_QUEUE_URL=nats://the-queue:4222"),
    ):
        variable, _, wrong = line.removeprefix("ENV ").partition("=")
        assert line in (DEPLOY / "lab" / name / "Dockerfile").read_text().splitlines()
        assert variable not in lab[name]["environment"]
        assert solved[name]["environment"][variable] != wrong
