"""What one object says of another is so."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from .conftest import KUBERNETES, PASSWORD
from .kustomize import Manifest
from .objects import OURS, QUEUE, Objects, Workload, texts

BOTH = ("plain", "full")
#: Components without a database.
WITHOUT_DATABASE = {"audit-handler", "webhook-handler"}
#: Components that people and programs sign in to.
SIGNED_IN_TO = {"todo-web", "todo-api"}


@pytest.fixture(params=BOTH)
def objects(request: pytest.FixtureRequest) -> Objects:
    """With every component, and with none."""
    found: Objects = request.getfixturevalue(request.param)
    return found


def test_every_workload_selects_its_own_pods_and_no_others(objects: Objects) -> None:
    for one in objects.workloads.values():
        assert list(objects.selected(one.spec["selector"]["matchLabels"])) == [one]


def test_every_service_leads_to_a_port_of_its_pods(objects: Objects) -> None:
    assert set(objects.of("Service")) == {"todo-web", "todo-api", QUEUE}
    for name, service in objects.of("Service").items():
        (workload,) = objects.selected(service["spec"]["selector"])
        assert workload.name == name
        for port in service["spec"]["ports"]:
            assert workload.ports[port["targetPort"]] == port["port"]


def test_the_ports_are_those_of_the_settings(objects: Objects) -> None:
    settings = objects.of("ConfigMap")["todo-settings"]["data"]
    for component in ("web", "api"):
        port = objects.workloads[f"todo-{component}"].ports["http"]
        assert settings[f"TODO_{component.upper()}_PORT"] == str(port)


def _references(value: Any) -> Iterator[tuple[str, str, set[str]]]:
    """(kind, name, keys) of each ConfigMap and Secret that a pod names."""
    if isinstance(value, list):
        for one in value:
            yield from _references(one)
    if not isinstance(value, dict):
        return
    for field, one in value.items():
        kind = "ConfigMap" if field.startswith("configMap") else "Secret"
        if field in ("configMap", "secret", "configMapRef", "secretRef"):
            keys = {item["key"] for item in one.get("items", [])}
            yield kind, one.get("secretName") or one["name"], keys
        elif field in ("configMapKeyRef", "secretKeyRef"):
            yield kind, one["name"], {one["key"]}
        else:
            yield from _references(one)


def test_every_setting_and_secret_that_is_named_is_there(objects: Objects) -> None:
    named = set()
    for one in objects.workloads.values():
        for kind, name, keys in _references(one.pod):
            named.add((kind, name))
            assert keys <= objects.of(kind)[name]["data"].keys()
    there = {(kind, name) for kind in ("ConfigMap", "Secret") for name in objects.of(kind)}
    assert there == named


def test_every_volume_is_there_and_mounted(objects: Objects) -> None:
    for one in objects.workloads.values():
        claims = [claim["metadata"]["name"] for claim in one.spec.get("volumeClaimTemplates", [])]
        volumes = [volume["name"] for volume in one.pod["volumes"]] + claims
        assert sorted(volumes) == sorted(mount["name"] for mount in one.container["volumeMounts"])


def _secrets(workload: Workload) -> set[str]:
    return {name for kind, name, _ in _references(workload.pod) if kind == "Secret"}


def test_who_needs_a_password_has_it_as_a_file(full: Objects) -> None:
    for name in OURS:
        workload = full.workloads[name]
        expected = {"todo-queue"} | ({"todo-database"} if name not in WITHOUT_DATABASE else set())
        expected |= {"todo-password"} if name in SIGNED_IN_TO else set()
        expected |= {"todo-webhooks"} if name == "webhook-handler" else set()
        assert _secrets(workload) == expected
        assert ("database-client" in workload.labels) == ("todo-database" in expected)
    assert _secrets(full.workloads[QUEUE]) == {"todo-queue"}
    for one in full.workloads.values():
        (mount,) = (m for m in one.container["volumeMounts"] if m["name"] == "secrets")
        assert mount["mountPath"] == "/run/secrets"
        source = one.volume("secrets")
        mode = (source.get("projected") or source["secret"])["defaultMode"]
        assert mode == 0o440, "its group, and nobody else"


def test_passwords_are_in_the_secrets_and_nowhere_else(full: Objects) -> None:
    encoded = base64.b64encode(f"{PASSWORD}\n".encode()).decode()
    for one in full.manifests:
        said = "\n".join(texts(one))
        assert PASSWORD not in said
        holds = one["kind"] == "Secret" and one["metadata"]["name"] != "todo-webhooks"
        assert (encoded in said) == holds


def test_git_takes_no_password() -> None:
    folder = KUBERNETES / "overlays" / "production" / "secrets"
    assert (folder / ".gitignore").read_text().split() == ["*", "!.gitignore"]


def _budgets(objects: Objects) -> dict[str, Manifest]:
    return objects.of("PodDisruptionBudget")


def test_no_budget_keeps_a_node_from_being_drained(objects: Objects) -> None:
    """One pod may always go; and there is one more, so that somebody is left."""
    for name, budget in _budgets(objects).items():
        (workload,) = objects.selected(budget["spec"]["selector"]["matchLabels"])
        assert workload.name == name
        assert budget["spec"]["maxUnavailable"] == 1
        assert "minAvailable" not in budget["spec"]


def test_who_is_several_has_a_budget_and_who_is_alone_has_none(objects: Objects) -> None:
    least = {name: one.replicas for name, one in objects.workloads.items()}
    for scaled in objects.of("ScaledObject").values():
        least[scaled["spec"]["scaleTargetRef"]["name"]] = scaled["spec"]["minReplicaCount"]
    assert {name for name, number in least.items() if number and number > 1} == set(
        _budgets(objects)
    )
    assert None not in least.values()
