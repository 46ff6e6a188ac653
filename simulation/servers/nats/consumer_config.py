"""The settings of a consumer: what is not said has a default, and what is not simulated is refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import permutations
from typing import Any

from dovetail.codec.subjects import overlap
from simulation.servers.nats import errors
from simulation.servers.nats.stream_config import Config, own_metadata
from simulation.servers.nats.subjects import is_valid, matches
from simulation.servers.nats.times import SECOND, nanoseconds, rfc3339

#: In the order in which a server tells them.
_SETTINGS = (
    "durable_name",
    "name",
    "deliver_policy",
    "opt_start_seq",
    "opt_start_time",
    "ack_policy",
    "ack_wait",
    "max_deliver",
    "filter_subject",
    "filter_subjects",
    "replay_policy",
    "max_waiting",
    "max_ack_pending",
    "inactive_threshold",
    "num_replicas",
    "mem_storage",
    "metadata",
)
_CHOICES = {
    "deliver_policy": ("all", "new", "by_start_sequence", "by_start_time"),
    "ack_policy": ("explicit", "none"),
    "replay_policy": ("instant",),
    "max_deliver": (-1, 0),
    "num_replicas": (0, 1),
}
#: What cannot be changed, and what the server calls it.
_FIXED = {
    "deliver_policy": "deliver policy",
    "mem_storage": "storage type",
    "opt_start_seq": "start sequence",
    "opt_start_time": "start time",
    "ack_policy": "ack policy",
    "max_waiting": "max waiting",
}
#: Where nothing is said.
ACK_WAIT, MAX_ACK_PENDING, MAX_WAITING = 30 * SECOND, 1000, 512


def complete(asked: Mapping[str, Any], name: str) -> Config:
    """All settings. Raises ApiError."""
    wanted = {setting: value for setting, value in asked.items() if value}
    for setting, value in wanted.items():
        if setting not in _SETTINGS or value not in _CHOICES.get(setting, (value,)):
            raise errors.not_simulated(f"a consumer with {setting}={value!r}")
    is_explicit = wanted.get("ack_policy") == "explicit"
    if bool(wanted.get("durable_name")) != is_explicit:
        raise errors.not_simulated("a durable consumer without acks, or a passing one with them")
    defaults: Config = {
        "deliver_policy": "all",
        "ack_policy": "none",
        "max_deliver": -1,
        "replay_policy": "instant",
        "max_waiting": MAX_WAITING,
        "num_replicas": 0,
        "metadata": {},
    }
    if is_explicit:
        defaults |= {"ack_wait": ACK_WAIT, "max_ack_pending": MAX_ACK_PENDING}
        wanted["name"] = name
    config = {**defaults, **wanted, "metadata": own_metadata(wanted.get("metadata"))}
    if "opt_start_time" in config:
        config["opt_start_time"] = rfc3339(nanoseconds(config["opt_start_time"]))
    _check_filters(filters(config))
    return {setting: config[setting] for setting in _SETTINGS if setting in config}


def filters(config: Mapping[str, Any]) -> list[str]:
    """The patterns that it hears; none where it hears everything."""
    if one := config.get("filter_subject"):
        return [one]
    return [*(config.get("filter_subjects") or ())]


def check_update(known: Config, wanted: Config) -> None:
    """Raise ApiError where this cannot be changed."""
    for setting, name in _FIXED.items():
        if known.get(setting) != wanted.get(setting):
            raise errors.not_updated(name)


def check_for_work_queue(config: Config, others: Iterable[Config]) -> None:
    """Raise ApiError where a work queue does not take it beside its other consumers."""
    if config["ack_policy"] == "none":
        raise errors.must_ack()
    if config["deliver_policy"] != "all":
        raise errors.must_deliver_all()
    wanted = filters(config)
    for other in others:
        if not wanted:
            raise errors.several_unfiltered()
        heard = filters(other) or [">"]
        if any(overlap(one, another) for one in wanted for another in heard):
            raise errors.filter_not_unique()


def _check_filters(wanted: list[str]) -> None:
    for one in wanted:
        if not is_valid(one):
            raise errors.invalid_stream("invalid subject")
    if any(matches(one, other) for one, other in permutations(wanted, 2)):
        raise errors.filters_overlap()
