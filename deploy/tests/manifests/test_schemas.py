"""Every object is one that the API server takes: no unknown field, no value of the wrong type."""

from __future__ import annotations

import copy
from typing import Any

import jsonschema
import kubernetes_validate
import pytest

from .crds import SCHEMAS
from .kustomize import Manifest
from .objects import Objects

#: The newest that kubernetes-validate knows, and the oldest in which all that is used is on by default.
VERSIONS = ("1.37", "1.30")


def check(manifest: Manifest, version: str) -> None:
    """Raise what is wrong with it."""
    schema = SCHEMAS.get((manifest["apiVersion"], manifest["kind"]))
    if schema is not None:
        jsonschema.validate(manifest, schema)
    else:
        kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_is_valid(full: Objects, version: str) -> None:
    assert len(full.manifests) > 25
    for one in full.manifests:
        check(one, version)


def _first(manifest: Manifest, path: str) -> Any:
    place: Any = manifest
    for part in path.split("."):
        place = place[int(part) if part.isdigit() else part]
    return place


@pytest.mark.parametrize(
    ("kind", "name", "path"),
    [
        ("Deployment", "todo-web", "spec.template.spec.containers.0.readinessProbe.httpGet"),
        ("StatefulSet", "message-queue", "spec.template.spec.securityContext"),
        ("NetworkPolicy", "metrics", "spec.ingress.0"),
        ("ScaledObject", "save-handler", "spec.triggers.0.metadata"),
        ("PodMonitor", "todo", "spec.podMetricsEndpoints.0"),
    ],
)
def test_a_misspelt_field_is_found(full: Objects, kind: str, name: str, path: str) -> None:
    manifest = copy.deepcopy(full.of(kind)[name])
    _first(manifest, path)["misspelt"] = "x"
    with pytest.raises((jsonschema.ValidationError, kubernetes_validate.ValidationError)):
        check(manifest, VERSIONS[0])
