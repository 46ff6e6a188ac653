"""The overlay with Prometheus and Grafana: what it names is there, and it opens no more than it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

DEPLOY = Path(__file__).parents[1]
OVERLAY: dict[str, Any] = yaml.safe_load((DEPLOY / "docker-compose-observability.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = OVERLAY["services"]


def test_there_are_two() -> None:
    assert list(SERVICES) == ["prometheus", "grafana"]


@pytest.mark.parametrize("name", SERVICES)
def test_service_is_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["restart"] == "unless-stopped"
    assert {"mem_limit", "cpus", "pids_limit", "healthcheck"} <= service.keys()
    assert re.fullmatch(r"[a-z/]+:v?\d+\.\d+\.\d+", service["image"])


@pytest.mark.parametrize("name", SERVICES)
def test_service_is_published_where_the_user_says(name: str) -> None:
    (port,) = SERVICES[name]["ports"]
    assert port.startswith(f"${{TODO_PUBLISH:-127.0.0.1}}:${{TODO_{name.upper()}_PORT:-")


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_mounted_is_there_or_a_volume(name: str) -> None:
    for source, target, *mode in (one.split(":") for one in SERVICES[name]["volumes"]):
        if source.startswith("./"):
            assert (DEPLOY / source).is_dir()
            assert mode == ["ro"]
        else:
            assert source in OVERLAY["volumes"]
            assert target.startswith("/")
