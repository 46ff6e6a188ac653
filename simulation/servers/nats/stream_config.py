"""The settings of a stream: what is not said has a default, and what is not simulated is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dovetail.codec.subjects import overlap
from simulation.servers.nats import errors
from simulation.servers.nats.subjects import is_valid
from simulation.servers.nats.times import SECOND

Config = dict[str, Any]

#: In the order in which a server tells them.
DEFAULTS: Config = {
    "name": "",
    "subjects": [],
    "retention": "limits",
    "max_consumers": -1,
    "max_msgs": -1,
    "max_bytes": -1,
    "max_age": 0,
    "max_msgs_per_subject": -1,
    "max_msg_size": -1,
    "discard": "old",
    "storage": "file",
    "num_replicas": 1,
    "duplicate_window": 120 * SECOND,
    "compression": "none",
    "allow_direct": False,
    "mirror_direct": False,
    "sealed": False,
    "deny_delete": False,
    "deny_purge": False,
    "allow_rollup_hdrs": False,
    "consumer_limits": {},
    "allow_msg_ttl": False,
    "metadata": {},
}
#: What may be set to something else here.
_SETTINGS = {
    "name",
    "subjects",
    "retention",
    "max_msgs",
    "max_bytes",
    "max_age",
    "max_msgs_per_subject",
    "max_msg_size",
    "discard",
    "duplicate_window",
    "allow_direct",
    "metadata",
}
_CHOICES = {"retention": ("limits", "workqueue"), "discard": ("old", "new")}
#: Without a limit, where it is not positive.
_LIMITS = ("max_msgs", "max_bytes", "max_msgs_per_subject", "max_msg_size")
#: What the server itself writes into the metadata, and what it tells of a stream or consumer on top of that.
STORED_METADATA = {"_nats.req.level": "0"}
TOLD_METADATA = {"_nats.level": "5", **STORED_METADATA, "_nats.ver": "2.15.1"}


def complete(asked: Mapping[str, Any], name: str) -> Config:
    """All settings. Raises ApiError."""
    if asked.get("name") != name:
        raise errors.stream_name_differs()
    if asked.get("num_replicas", 1) > 1:
        raise errors.no_replicas()
    config = {**DEFAULTS, **asked}
    for setting, value in config.items():
        _check(setting, value)
    for limit in _LIMITS:
        if config[limit] <= 0:
            config[limit] = -1
    config["metadata"] = own_metadata(config["metadata"])
    _check_subjects(config["subjects"])
    return config


def check_update(known: Config, wanted: Config) -> None:
    """Raise ApiError where this cannot be changed."""
    if known["retention"] != wanted["retention"]:
        raise errors.invalid_stream(
            "stream configuration update can not change retention policy to/from workqueue"
        )


def own_metadata(metadata: Mapping[str, str] | None) -> dict[str, str]:
    """What a client has set."""
    return {key: text for key, text in (metadata or {}).items() if not key.startswith("_nats.")}


def told(config: Config, metadata: Mapping[str, str] = TOLD_METADATA) -> Config:
    """As the API tells it."""
    return {**config, "metadata": {**metadata, **config["metadata"]}}


def _check(setting: str, value: Any) -> None:
    if setting not in _SETTINGS and value != DEFAULTS.get(setting, value and None):
        raise errors.not_simulated(f"a stream with {setting}={value!r}")
    if value not in _CHOICES.get(setting, (value,)):
        raise errors.not_simulated(f"a stream with {setting}={value!r}")


def _check_subjects(subjects: Sequence[str]) -> None:
    if not subjects:
        raise errors.invalid_stream(
            "stream needs at least one configured subject or be a source/mirror"
        )
    for position, subject in enumerate(subjects):
        if not is_valid(subject):
            raise errors.invalid_stream("invalid subject")
        if subject == ">":
            raise errors.invalid_stream("capturing all subjects requires no-ack to be true")
        if any(overlap(subject, reserved) for reserved in ("$JS.>", "$JSC.>", "$NRG.>")):
            raise errors.invalid_stream(
                "subjects that overlap with jetstream api require no-ack to be true"
            )
        for other in subjects[position + 1 :]:
            if overlap(subject, other):
                raise errors.invalid_stream(f'subject "{subject}" overlaps with "{other}"')
