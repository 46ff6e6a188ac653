"""The settings of the webhook-handler, and what an address must be like."""

from __future__ import annotations

import base64
import re
from ipaddress import ip_address
from typing import Annotated, Literal
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from todo.settings_monitoring import Means, Switch
from todo.webhooks.public import is_public

#: How the setting is called that lists them.
TARGETS = "TODO_WEBHOOK_HANDLER__TARGETS"
#: And the one that allows private addresses.
PRIVATE = "TODO_WEBHOOK_HANDLER__PRIVATE_ADDRESSES"

_NAME = re.compile("[a-z0-9][a-z0-9-]{0,39}")
_SUBJECT = re.compile(r"events(\.[A-Za-z0-9_-]+)+")
_PATTERN = re.compile(r"events(\.([A-Za-z0-9_-]+|\*))*(\.>)?")
#: As Standard Webhooks has them; what follows is Base64.
_SECRET_PREFIX = "whsec_"
#: Bytes of a secret at least, and at most.
_SECRET_LENGTHS = range(24, 65)
_LONGEST_URL = 2000


class Target(Struct, frozen=True, forbid_unknown_fields=True):
    """One address that events are sent to. What is secret in it does not show in its representation."""

    url: str
    #: Which of several it is; part of its group's name.
    name: str = ""
    #: Of Standard Webhooks: `whsec_…`. With it every request is signed.
    secret: str = ""
    #: What the header Authorization says.
    authorization: str = ""
    #: Several subjects, or one pattern.
    subjects: tuple[str, ...] = ("events.todo.>",)
    #: "first" also sends what was published before the target was known, as far as the queue has it.
    start: Literal["new", "first"] = "new"

    def __repr__(self) -> str:
        return f"Target({self.shown!r})"

    @property
    def group(self) -> str:
        """The name of the group that sends to it."""
        return f"webhook-handler-{self.name}" if self.name else "webhook-handler"

    @property
    def shown(self) -> str:
        """For logs: the path of an address is often a secret."""
        parts = urlsplit(self.url)
        host = parts.netloc.rpartition("@")[2]
        return f"{parts.scheme}://{host}/…"

    @property
    def key(self) -> bytes:
        """What its requests are signed with; empty where they are not."""
        return base64.b64decode(self.secret.removeprefix(_SECRET_PREFIX), validate=True)


def check_targets(targets: tuple[Target, ...]) -> None:
    """ValueError where one will not do; the text repeats no secret."""
    for index, target in enumerate(targets):
        which = f"the target {target.name!r:.60}" if target.name else f"target {index + 1}"
        _check(target, which)
    groups = [target.group for target in targets]
    for group in groups:
        if groups.count(group) > 1:
            raise ValueError("two targets have the same name; each needs a `name` of its own")


def refused(targets: tuple[Target, ...]) -> list[str]:
    """A sentence for each target that needs private addresses to be allowed."""
    lines = []
    for target in targets:
        parts = urlsplit(target.url)
        if parts.scheme == "http":
            lines.append(
                f"{TARGETS}: {target.shown} has no encryption; use https, or, within your own network, "
                f"allow it with {PRIVATE}=true"
            )
        elif _is_private(parts.hostname or ""):
            lines.append(
                f"{TARGETS}: {target.shown} is a private address; allow it with {PRIVATE}=true"
            )
    return lines


def _check(target: Target, which: str) -> None:
    if target.name and not _NAME.fullmatch(target.name):
        raise ValueError(f"{which} needs a name of small letters, digits and -, 40 at most")
    _check_url(target.url, which)
    if target.secret and not _is_secret(target.secret):
        raise ValueError(f"{which} needs a secret like whsec_… with 24 to 64 bytes in Base64")
    if not (target.authorization.isascii() and target.authorization.isprintable()):
        raise ValueError(f"{which} has characters in `authorization` that a header cannot have")
    one_pattern = len(target.subjects) == 1 and _PATTERN.fullmatch(target.subjects[0])
    several = target.subjects and all(map(_SUBJECT.fullmatch, target.subjects))
    if not (one_pattern or several) or len(set(target.subjects)) < len(target.subjects):
        raise ValueError(
            f"{which} needs `subjects` like events.todo.itemsaved, each once, or one pattern like "
            "events.todo.>"
        )


def _check_url(url: str, which: str) -> None:
    if len(url) > _LONGEST_URL or not (url.isascii() and url.isprintable()) or " " in url:
        raise ValueError(f"{which} has an address with characters that none can have")
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises where it is none
    except ValueError:
        raise ValueError(f"{which} has an address that cannot be read") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{which} needs an address that begins with https:// and a host")
    if "@" in parts.netloc:
        raise ValueError(f"{which} has a user in its address; `authorization` is the place for it")
    if parts.fragment:
        raise ValueError(f"{which} has a '#' in its address, which is for browsers only")


def _is_secret(text: str) -> bool:
    if not text.startswith(_SECRET_PREFIX):
        return False
    try:
        key = base64.b64decode(text.removeprefix(_SECRET_PREFIX), validate=True)
    except ValueError:
        return False
    return len(key) in _SECRET_LENGTHS


def _is_private(host: str) -> bool:
    """Whether the host is an address, or a name of this machine, that is not public."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return not is_public(ip_address(host))
    except ValueError:
        return False


class WebhookHandlerSettings(Struct, frozen=True):
    """Of the webhook-handler."""

    targets: Annotated[
        tuple[Target, ...],
        Meta(
            description='a JSON list such as [{"url": "https://example.org/hook"}]; each may have `name`, '
            "`secret` (whsec_…), `authorization`, `subjects`, `start` (new or first)",
            extra={"check": check_targets, "secret": True},
        ),
        Means(
            "Where each event is sent, as a CloudEvent over HTTP. Several need names; each is a group of its "
            "own, `webhook-handler-NAME`."
        ),
    ] = ()
    private_addresses: Annotated[
        Switch,
        Means(
            "Whether events may be sent to private addresses (this machine, the local network), and "
            "without encryption."
        ),
    ] = False
    timeout: Annotated[
        float,
        Meta(ge=0.1, le=60, description="seconds from 0.1 to 60"),
        Means("How long one request may take, from the look-up of the name to the answer's end."),
    ] = 10.0
    tries: Annotated[
        int,
        Meta(ge=1, le=100, description="a number from 1 to 100"),
        Means(
            "After so many attempts an event becomes a dead letter. The pauses between them grow from a "
            "second to an hour: 20 take about nine hours."
        ),
    ] = 20
