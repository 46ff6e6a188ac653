"""Builds a kustomization: just the features that deploy/kubernetes uses, and an error for any other.

The tests must run where no kustomize can be had: Debian's kubectl has one of 2019, which knows no
components. That this one does as the real one is itself a test, run wherever there is one.
Generated names get no hash at their end.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

Manifest = dict[str, Any]

_KNOWN = {
    *("apiVersion", "kind", "namespace", "resources", "components", "images", "patches"),
    *("configMapGenerator", "secretGenerator"),
}
#: Kinds that are in no namespace.
_CLUSTER_WIDE = {"Namespace"}


def build(folder: Path) -> list[Manifest]:
    """Every object that `kubectl apply -k` would send."""
    found: list[Manifest] = []
    _add(folder, found)
    return found


def _add(folder: Path, found: list[Manifest]) -> None:
    """Do what the kustomization in this folder says to what was found so far."""
    told: Manifest = yaml.safe_load((folder / "kustomization.yaml").read_text())
    assert told.keys() <= _KNOWN, f"{folder}: not known here: {told.keys() - _KNOWN}"
    own: list[Manifest] = found if told["kind"] == "Component" else []
    for name in told.get("resources", []):
        if (folder / name).is_dir():
            _add(folder / name, own)
        else:
            own += yaml.safe_load_all((folder / name).read_text())
    for one in told.get("configMapGenerator", []):
        _generate("ConfigMap", one, _config(folder, one), own)
    for one in told.get("secretGenerator", []):
        _generate("Secret", one, _secret(folder, one), own)
    for name in told.get("components") or []:
        _add(folder / name, own)
    for one in told.get("patches", []):
        _patch(own, one)
    for one in told.get("images", []):
        _rename_image(own, one)
    if namespace := told.get("namespace"):
        _move(own, namespace)
    if own is not found:
        found += own


def _config(folder: Path, told: Manifest) -> dict[str, str]:
    data: dict[str, str] = {}
    for name in told.get("envs", []):
        lines = (folder / name).read_text().splitlines()
        data |= dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    for key, file in _files(folder, told):
        data[key] = file.read_text()
    return data


def _secret(folder: Path, told: Manifest) -> dict[str, str]:
    return {key: base64.b64encode(file.read_bytes()).decode() for key, file in _files(folder, told)}


def _files(folder: Path, told: Manifest) -> Iterator[tuple[str, Path]]:
    for entry in told.get("files", []):
        key, _, name = entry.rpartition("=")
        yield key or Path(name).name, folder / name


def _generate(kind: str, told: Manifest, data: dict[str, str], into: list[Manifest]) -> None:
    if told.get("behavior") == "merge":
        (same,) = (
            one for one in into if (one["kind"], one["metadata"]["name"]) == (kind, told["name"])
        )
        same["data"] |= data
        return
    made: Manifest = {
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {"name": told["name"]},
        "data": data,
    }
    into.append(made | ({"type": "Opaque"} if kind == "Secret" else {}))


def _patch(objects: list[Manifest], told: Manifest) -> None:
    """A JSON patch (RFC 6902) on the objects that the target selects, by `remove` only."""
    target = told["target"]
    group_version = "/".join(filter(None, (target.get("group"), target.get("version"))))
    for one in objects:
        if one["apiVersion"] != group_version or one["kind"] != target["kind"]:
            continue
        if re.fullmatch(target["name"], one["metadata"]["name"]):
            for step in yaml.safe_load(told["patch"]):
                assert step["op"] == "remove", step
                *path, last = step["path"].strip("/").split("/")
                place = one
                for part in path:
                    place = place[part]
                del place[last]


def _rename_image(objects: list[Manifest], told: Manifest) -> None:
    for one in objects:
        pod = one.get("spec", {}).get("template", {}).get("spec", {})
        for container in pod.get("containers", []):
            name, _, tag = container["image"].partition(":")
            if name == told["name"]:
                container["image"] = f"{told.get('newName', name)}:{told.get('newTag', tag)}"


def _move(objects: list[Manifest], namespace: str) -> None:
    for one in objects:
        if one["kind"] == "Namespace":
            one["metadata"]["name"] = namespace
        if one["kind"] not in _CLUSTER_WIDE:
            one["metadata"]["namespace"] = namespace
