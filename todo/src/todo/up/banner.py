"""What `todo up` prints when everything runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from todo.addresses import web_address, without_secrets
from todo.components import API, COMPONENTS, SCALABLE, WEB
from todo.settings import Settings
from todo.up.plan import Plan


@dataclass(frozen=True)
class Running:
    """What was started, and how long that took."""

    plan: Plan
    settings: Settings
    #: None where the queue is not ours.
    monitor_port: int | None
    queue_url: str
    seconds: float
    #: Whether `todo scale` reaches it.
    scalable: bool
    #: Ports for metrics, by the names of the instances.
    metrics_ports: Mapping[str, int] = field(default_factory=dict)


def banner(running: Running) -> str:
    """Addresses, what could be added, and how to stop."""
    width = max(len(name) for name, _ in _places(running))
    places = "\n".join(f"  {name.ljust(width)}  {place}" for name, place in _places(running))
    return (
        f"\nThe to-do list runs, after {running.seconds:.1f} s.\n\n"
        f"{places}\n{_features(running.plan)}{_scaling(running)}\nCtrl-C stops it.\n"
    )


def _places(running: Running) -> Iterator[tuple[str, str]]:
    plan, settings = running.plan, running.settings
    if plan.has(WEB):
        yield "page", web_address(settings.web_host, settings.web_port)
    if plan.has(API):
        yield "API", web_address(settings.api_host, settings.api_port)
    if running.monitor_port is not None:
        yield "monitor", web_address("127.0.0.1", running.monitor_port)
    yield "queue", without_secrets(running.queue_url)
    if plan.queue:
        yield "data", str(Path(settings.data_dir).absolute())
    for name, port in running.metrics_ports.items():
        yield "metrics", f"{web_address(settings.metrics_host, port)}/metrics of {name}"


def _features(plan: Plan) -> str:
    absent = [name for name in COMPONENTS if not plan.has(name)]
    if not absent:
        return ""
    commands = "\n".join(f"  todo run {name}" for name in absent)
    return (
        f"\nNot running are these; add one, from another terminal, whenever you like:\n{commands}\n"
    )


def _scaling(running: Running) -> str:
    components = [one.component for one in running.plan.instances]
    handlers = [name for name in SCALABLE if name in components]
    if not running.scalable or not handlers:
        return ""
    example = f"{handlers[0]}={components.count(handlers[0]) + 2}"
    return f"\nTo have more of a handler, or fewer, while it runs:\n  todo scale {example}\n"
