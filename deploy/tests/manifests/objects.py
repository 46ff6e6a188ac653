"""What is deployed, as tests want to look at it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from .kustomize import Manifest

#: What a user of the production overlay may add, and all that there is.
ADDED = ("mutating-handler", "search-handler", "calendar-handler", "webhook-handler")
OURS = ("todo-web", "todo-api", "save-handler", "audit-handler", *ADDED)
QUEUE = "message-queue"


@dataclass(frozen=True)
class Workload:
    """A Deployment or StatefulSet."""

    manifest: Manifest

    @property
    def name(self) -> str:
        return str(self.manifest["metadata"]["name"])

    @property
    def spec(self) -> Manifest:
        return dict(self.manifest["spec"])

    @property
    def replicas(self) -> int | None:
        """How many there are; None where something else decides."""
        return self.spec.get("replicas")

    @property
    def labels(self) -> dict[str, str]:
        """Those of its pods."""
        return dict(self.spec["template"]["metadata"]["labels"])

    @property
    def pod(self) -> Manifest:
        return dict(self.spec["template"]["spec"])

    @property
    def container(self) -> Manifest:
        """The only one."""
        (one,) = self.pod["containers"]
        return dict(one)

    @property
    def ports(self) -> dict[str, int]:
        return {one["name"]: one["containerPort"] for one in self.container["ports"]}

    def volume(self, name: str) -> Manifest:
        """The volume of this name; that of a claim as `{"claim": …}`."""
        claims = self.spec.get("volumeClaimTemplates", [])
        volumes = [one for one in self.pod["volumes"] if one["name"] == name]
        volumes += [{"claim": one["spec"]} for one in claims if one["metadata"]["name"] == name]
        (found,) = volumes
        return dict(found)


class Objects:
    """All objects of one build."""

    def __init__(self, manifests: Iterable[Manifest]) -> None:
        self.manifests = list(manifests)

    def of(self, kind: str) -> dict[str, Manifest]:
        """Those of this kind by name."""
        return {one["metadata"]["name"]: one for one in self.manifests if one["kind"] == kind}

    @property
    def workloads(self) -> dict[str, Workload]:
        """Everything that has pods, by name."""
        return {
            name: Workload(one)
            for kind in ("Deployment", "StatefulSet")
            for name, one in self.of(kind).items()
        }

    def selected(self, labels: dict[str, str]) -> Iterator[Workload]:
        """Those whose pods have all of these labels."""
        for one in self.workloads.values():
            if labels.items() <= one.labels.items():
                yield one


def texts(value: Any) -> Iterator[str]:
    """Every text in a manifest, keys too."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield str(key)
            yield from texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from texts(one)
    elif isinstance(value, str):
        yield value
