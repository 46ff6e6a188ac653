"""The application understands what it is given there, and finds the queue and the groups that there are."""

from __future__ import annotations

import base64
import os
import re
from pathlib import Path
from typing import cast

import pytest

from dovetail.transports.nats.address import parse_address
from todo.exposure import check_exposed
from todo.handlers.save_handler import save_handler
from todo.settings import SaveHandlerSettings, Settings, read_settings
from todo.store import Store

from .conftest import PASSWORD
from .objects import QUEUE, Objects


@pytest.fixture
def found(full: Objects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings as a component reads them in its container."""
    for name in [one for one in os.environ if one.startswith("TODO_")]:
        monkeypatch.delenv(name)
    for name, value in full.of("ConfigMap")["todo-settings"]["data"].items():
        monkeypatch.setenv(name, value)
    for secret in full.of("Secret").values():
        for name, value in secret["data"].items():
            (tmp_path / name).write_bytes(base64.b64decode(value))
    monkeypatch.setenv("TODO_SECRETS_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return read_settings()


def test_the_pages_can_be_reached_from_outside_their_pod(found: Settings) -> None:
    assert found.web_host == found.api_host == "0.0.0.0"
    assert found.password == PASSWORD
    assert not found.open
    check_exposed(found, ("web", "api"))


def test_the_queue_is_that_of_the_stateful_set(found: Settings, full: Objects) -> None:
    queue = full.workloads[QUEUE]
    assert found.queue_replicas == queue.replicas == 3
    assert queue.spec["podManagementPolicy"] == "Parallel"
    service = full.of("Service")[queue.spec["serviceName"]]["spec"]
    assert service["clusterIP"] == "None"
    assert service["publishNotReadyAddresses"]
    pods = [f"{QUEUE}-{number}.{queue.spec['serviceName']}" for number in range(3)]
    assert parse_address(found.queue_url, "").hosts == tuple((pod, 4222) for pod in pods)
    (routes,) = (one["value"] for one in queue.container["env"] if one["name"] == "ROUTE_HOSTS")
    assert routes.split() == [f"{pod}:6222" for pod in pods]


def test_publishers_outwait_an_election(found: Settings) -> None:
    assert found.queue_timeout >= 10


def test_the_store_fits_its_volume(full: Objects) -> None:
    (claim,) = full.workloads[QUEUE].spec["volumeClaimTemplates"]
    (volume,) = re.findall(r"^(\d+)Gi$", claim["spec"]["resources"]["requests"]["storage"])
    config = full.of("ConfigMap")[QUEUE]["data"]["nats.conf"]
    (store,) = re.findall(r"max_file_store: (\d+)GB", config)
    assert int(store) * 10**9 <= 0.9 * int(volume) * 2**30
    assert "sync_interval: always" in config


def test_keda_asks_for_the_backlog_of_the_group_that_it_scales(full: Objects) -> None:
    (scaled,) = full.of("ScaledObject").values()
    assert scaled["spec"]["scaleTargetRef"]["name"] == "save-handler"
    (trigger,) = scaled["spec"]["triggers"]
    group = save_handler(cast(Store, None), SaveHandlerSettings())
    assert trigger["metadata"]["query"] == (
        f'sum(max by (subject) (dovetail_group_waiting{{group="{group.name}"}}))'
    )


def test_its_password_is_not_in_the_address(found: Settings, full: Objects) -> None:
    for value in full.of("ConfigMap")["todo-settings"]["data"].values():
        assert PASSWORD not in value
    assert "@" in found.queue_url
