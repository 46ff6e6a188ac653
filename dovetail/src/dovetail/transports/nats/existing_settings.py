"""Streams and consumers that were there before: settings of an operator's own that would lose messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dovetail.errors import ConfigurationError
from dovetail.transports.nats import topology

#: What a stream must have, and what a server says where it is not set.
_STREAM = {
    "retention": "limits",
    "max_age": 0,
    "max_msgs_per_subject": -1,
    "no_ack": False,
    "sealed": False,
    "deny_purge": False,
}
#: With any of these limits the oldest messages must not make room for new ones.
_LIMITS = ("max_bytes", "max_msgs")
_CONSUMER = {"ack_policy": "explicit", "max_deliver": -1, "max_ack_pending": -1}


def check_stream(known: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """ConfigurationError where a stream would lose messages that ours would not."""
    wrong = [*_differences(known, {name: wanted.get(name, _STREAM[name]) for name in _STREAM})]
    if wanted["discard"] == "new" and any(known.get(name, -1) > 0 for name in _LIMITS):
        wrong += _differences(known, {"discard": "new"})
    if wrong:
        name = known["name"]
        raise ConfigurationError(
            f"the stream {name!r} was there with settings that lose messages: {', '.join(wrong)}; "
            f"change that (nats stream edit {name}) or remove the stream"
        )


def check_consumer(known: Mapping[str, Any], wanted: Mapping[str, Any], stream: str) -> None:
    """ConfigurationError where a consumer would skip messages that ours would not."""
    wrong = [*_differences(known, {name: wanted[name] for name in _CONSUMER})]
    if known.get("deliver_subject"):
        wrong.append("it pushes, and must be pulled from")
    of_older_versions = [topology.command_of(stream)]
    if _filters(known) not in (_filters(wanted), of_older_versions):
        wrong.append(f"filter_subjects is {_filters(known)}, not {_filters(wanted)}")
    if wrong:
        name = known["name"]
        raise ConfigurationError(
            f"the consumer {name!r} of the stream {stream!r} was there with settings that lose "
            f"messages: {', '.join(wrong)}; remove it (nats consumer rm {stream} {name}) or change that"
        )


def _differences(known: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
    defaults = {**_STREAM, **_CONSUMER}
    for name, value in wanted.items():
        if (found := known.get(name, defaults.get(name))) != value:
            yield f"{name} is {found!r}, not {value!r}"


def _filters(config: Mapping[str, Any]) -> list[str]:
    return sorted(config.get("filter_subjects") or [config.get("filter_subject") or ""])
