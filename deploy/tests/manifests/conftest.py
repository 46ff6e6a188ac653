"""The production overlay, built as a user would: with passwords, and with every component."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from .kustomize import build
from .objects import Objects

#: The repository's deploy/kubernetes.
KUBERNETES = Path(__file__).parents[2] / "kubernetes"
PASSWORD = "a-made-up-password"


@pytest.fixture(scope="session")
def overlay(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the overlay with passwords."""
    copy = tmp_path_factory.mktemp("deploy") / "kubernetes"
    shutil.copytree(KUBERNETES, copy, ignore=lambda folder, _: _ignored(folder))
    production = copy / "overlays" / "production"
    for name in ("todo_password", "todo_queue_password", "todo_database_password"):
        (production / "secrets" / name).write_text(f"{PASSWORD}\n")
    targets = production / "secrets" / "todo_webhook_handler__targets"
    targets.write_text('[{"url": "https://example.org/hook"}]\n')
    return production


def _ignored(folder: str) -> list[str]:
    """A user's own passwords stay where they are."""
    here = Path(folder)
    return [one.name for one in here.iterdir()] if here.name == "secrets" else []


@pytest.fixture(scope="session")
def full_overlay(overlay: Path) -> Path:
    """The overlay beside it that has every component."""
    full = shutil.copytree(overlay, overlay.with_name("full"))
    file = full / "kustomization.yaml"
    told = yaml.safe_load(file.read_text())
    components = sorted(one.name for one in (KUBERNETES / "components").iterdir())
    told["components"] = [f"../../components/{name}" for name in components]
    files = ["todo_webhook_handler__targets=secrets/todo_webhook_handler__targets"]
    told["secretGenerator"].append({"name": "todo-webhooks", "files": files})
    file.write_text(yaml.safe_dump(told))
    return full


@pytest.fixture(scope="session")
def plain(overlay: Path) -> Objects:
    """What is deployed with the overlay as it is."""
    return Objects(build(overlay))


@pytest.fixture(scope="session")
def full(full_overlay: Path) -> Objects:
    """What is deployed with every component."""
    return Objects(build(full_overlay))
