"""The network policies allow what is needed, and nothing else."""

from __future__ import annotations

from itertools import product

import pytest

from .kustomize import Manifest
from .objects import OURS, QUEUE, Objects

#: Who is outside the namespace: name → labels of its namespace and of its pods.
OUTSIDERS = {
    "dns": ({"kubernetes.io/metadata.name": "kube-system"}, {"k8s-app": "kube-dns"}),
    "prometheus": ({"kubernetes.io/metadata.name": "monitoring"}, {"app": "prometheus"}),
    "the internet": ({}, {}),
    "anyone": ({"kubernetes.io/metadata.name": "default"}, {"app": "x"}),
    "the database": ({"kubernetes.io/metadata.name": "todo-db"}, {"cnpg.io/cluster": "todo-db"}),
}
HERE = {"kubernetes.io/metadata.name": "todo"}
PORTS = (53, 443, 4222, 5432, 6222, 8080, 8081, 8222, 9464)
WITH_DATABASE = (
    "todo-web",
    "todo-api",
    "save-handler",
    "mutating-handler",
    "search-handler",
    "calendar-handler",
)
PAGES = {"todo-web": 8080, "todo-api": 8081}


class Network:
    """The policies of one namespace, as Kubernetes reads them."""

    def __init__(self, objects: Objects) -> None:
        self.policies = [one["spec"] for one in objects.of("NetworkPolicy").values()]
        self.pods = {name: (HERE, one.labels) for name, one in objects.workloads.items()}
        self.ends = self.pods | OUTSIDERS

    def allows(self, source: str, target: str, port: int) -> bool:
        """Both ends must allow it; those outside allow everything."""
        out = source in OUTSIDERS or self._one_way("Egress", "egress", "to", source, target, port)
        into = target in OUTSIDERS or self._one_way(
            "Ingress", "ingress", "from", target, source, port
        )
        return out and into

    def _one_way(
        self, kind: str, rules: str, peers: str, owner: str, other: str, port: int
    ) -> bool:
        labels = self.ends[owner][1]
        mine = [
            one
            for one in self.policies
            if kind in one["policyTypes"] and _matches(one["podSelector"], labels)
        ]
        return not mine or any(
            self._rule(rule, peers, other, port) for one in mine for rule in one.get(rules, [])
        )

    def _rule(self, rule: Manifest, peers: str, other: str, port: int) -> bool:
        namespace, labels = self.ends[other]
        at_port = port in [one["port"] for one in rule["ports"]]
        return at_port and (
            peers not in rule or any(_is_peer(one, other, namespace, labels) for one in rule[peers])
        )


def _is_peer(peer: Manifest, other: str, namespace: dict[str, str], labels: dict[str, str]) -> bool:
    if "ipBlock" in peer:  # of public addresses, which nothing in the cluster has
        return other == "the internet"
    return _matches(peer.get("namespaceSelector", {"matchLabels": HERE}), namespace) and _matches(
        peer.get("podSelector", {}), labels
    )


def _matches(selector: Manifest, labels: dict[str, str]) -> bool:
    assert selector.keys() <= {"matchLabels"}
    wanted: dict[str, str] = selector.get("matchLabels", {})
    return wanted.items() <= labels.items()


def needed() -> set[tuple[str, str, int]]:
    """(who, whom, port): all that there must be."""
    found = {(name, "dns", 53) for name in (*OURS, QUEUE)}
    found |= {(name, QUEUE, 4222) for name in OURS}
    found |= {(QUEUE, QUEUE, 6222)}
    found |= {("prometheus", name, 9464) for name in OURS}
    found |= {(who, name, port) for name, port in PAGES.items() for who in OUTSIDERS}
    found |= {("webhook-handler", "the internet", 443)}
    # wherever the database is
    found |= {(name, where, 5432) for name in WITH_DATABASE for where in OUTSIDERS}
    return found


@pytest.fixture(scope="module")
def network(full: Objects) -> Network:
    """With every component."""
    return Network(full)


def test_what_is_needed_is_allowed_and_nothing_else(network: Network) -> None:
    ends = list(network.ends)
    inside = [(a, b) for a, b in product(ends, ends) if not {a, b} <= OUTSIDERS.keys()]
    allowed = {(a, b, port) for a, b in inside for port in PORTS if network.allows(a, b, port)}
    assert allowed == needed()


def test_who_has_no_policy_of_its_own_may_nothing(network: Network) -> None:
    network.ends["stranger"] = (HERE, {"app": "stranger"})
    assert not any(network.allows("stranger", QUEUE, port) for port in PORTS)
    assert not any(network.allows("anyone", "stranger", port) for port in PORTS)


def test_the_policies_name_every_port_that_there_is(full: Objects) -> None:
    ports = {port for one in full.workloads.values() for port in one.ports.values()}
    assert ports <= set(PORTS)
