"""The small builder does as the real one."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from dovetail.testing.servers import ServerMissing

from .kustomize import Manifest, build

#: The first of its versions that knows all that the files use. Debian's kubectl has 2.0.3.
OLDEST = (5, 0)
_HASH = re.compile(r"-[a-z0-9]{10}$")
_GENERATED = ("ConfigMap", "Secret")


def real_kustomize() -> list[str]:
    """The command that builds; ServerMissing where there is none, or only an old one."""
    kustomize, kubectl = shutil.which("kustomize"), shutil.which("kubectl")
    if kustomize and _new_enough([kustomize, "version"]):
        return [kustomize, "build"]
    if kubectl and _new_enough([kubectl, "version", "--client"]):
        return [kubectl, "kustomize"]
    raise ServerMissing(
        "kubectl 1.27 or newer (or kustomize 5) is needed: https://kubernetes.io/docs/tasks/tools"
    )


def _new_enough(command: list[str]) -> bool:
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    versions = [tuple(map(int, one)) for one in re.findall(r"\bv(\d+)\.(\d+)", said)]
    return bool(versions) and versions[-1] >= OLDEST


def without_hashes(value: Any, names: set[str]) -> Any:
    """The same with generated names as they were written."""
    if isinstance(value, dict):
        return {key: without_hashes(one, names) for key, one in value.items()}
    if isinstance(value, list):
        return [without_hashes(one, names) for one in value]
    return _HASH.sub("", value) if value in names else value


def by_name(manifests: list[Manifest]) -> dict[tuple[str, str], Manifest]:
    return {(one["kind"], one["metadata"]["name"]): one for one in manifests}


@pytest.mark.parametrize("which", ["overlay", "full_overlay"])
def test_it_builds_what_the_real_one_builds(which: str, request: pytest.FixtureRequest) -> None:
    folder: Path = request.getfixturevalue(which)
    command = [*real_kustomize(), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    real: list[Manifest] = list(yaml.safe_load_all(done.stdout))
    generated = {one["metadata"]["name"] for one in real if one["kind"] in _GENERATED}
    assert all(_HASH.search(name) for name in generated)
    assert by_name(build(folder)) == by_name(without_hashes(real, generated))


def test_what_it_does_not_know_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("kind: Kustomization\nnamePrefix: x-\n")
    with pytest.raises(AssertionError, match="namePrefix"):
        build(tmp_path)
