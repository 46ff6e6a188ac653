"""Which transport serves which address. Imported only when it is asked for, to keep start-up short.

Another distribution adds a scheme as an entry point of the group `dovetail.transports`: its name is the
scheme, and what it refers to makes a transport from an address and QueueOptions.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from dovetail.checks.extras import how_to_get, missing
from dovetail.errors import ConfigurationError

if TYPE_CHECKING:
    from dovetail.options import QueueOptions
    from dovetail.transport import Transport

    _FromUrl = Callable[[str, QueueOptions], Transport]

#: scheme → (module, the function in it that makes a transport from an address and options)
_SCHEMES = {
    "memory": ("dovetail.transports.memory", "from_url"),
    "nats": ("dovetail.transports.nats", "from_url"),
    "tls": ("dovetail.transports.nats", "from_url"),
    "redis": ("dovetail.transports.redis", "from_url"),
    "rediss": ("dovetail.transports.redis", "from_url"),
    "redis+sentinel": ("dovetail.transports.redis", "from_url"),
    "rediss+sentinel": ("dovetail.transports.redis", "from_url"),
    "amqp": ("dovetail.transports.rabbitmq", "from_url"),
    "amqps": ("dovetail.transports.rabbitmq", "from_url"),
    "embedded": ("dovetail.transports.nats.embedded", "from_url"),
}
_SCHEME = re.compile("([a-z][a-z0-9+.-]*):", re.IGNORECASE)
#: Where other distributions add theirs.
ENTRY_POINTS = "dovetail.transports"


def make_transport(url: str, options: QueueOptions) -> Transport:
    """The transport for this address, not opened yet; ConfigurationError where there is none."""
    found = _SCHEME.match(url)
    scheme = found[1].lower() if found else ""
    if scheme in _SCHEMES:
        return _ours(scheme, options)(url, options)
    # Most addresses need not wait for this import.
    from importlib.metadata import entry_points  # noqa: PLC0415

    added = entry_points(group=ENTRY_POINTS)
    if scheme in added.names:
        from_url: _FromUrl = added[scheme].load()
        return from_url(url, options)
    known = ", ".join(f"{name}:" for name in (*_SCHEMES, *sorted(added.names)))
    shown = f"the scheme {scheme!r}" if scheme else "no scheme"
    raise ConfigurationError(
        f"{options.setting} has {shown}; it must begin with one of {known}",
        setting=options.setting,
    )


def _ours(scheme: str, options: QueueOptions) -> _FromUrl:
    module, function = _SCHEMES[scheme]
    try:
        from_url: _FromUrl = getattr(importlib.import_module(module), function)
    except ModuleNotFoundError as error:
        package, extra = missing(error), module.split(".")[2]
        raise ConfigurationError(
            f"{options.setting} begins with {scheme}:, which needs {package}: "
            f"{how_to_get(package, extra)}",
            setting=options.setting,
        ) from error
    return from_url
