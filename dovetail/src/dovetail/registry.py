"""Which transport serves which address. Imported only when it is asked for, to keep start-up short."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dovetail.errors import ConfigurationError

if TYPE_CHECKING:
    from dovetail.options import QueueOptions
    from dovetail.transport import Transport

#: scheme → (module, the function in it that makes a transport from an address and options)
_SCHEMES = {
    "memory": ("dovetail.transports.memory", "from_url"),
    "nats": ("dovetail.transports.nats", "from_url"),
    "tls": ("dovetail.transports.nats", "from_url"),
    "redis": ("dovetail.transports.redis", "from_url"),
    "rediss": ("dovetail.transports.redis", "from_url"),
    "embedded": ("dovetail.transports.nats.embedded", "from_url"),
}


def make_transport(url: str, options: QueueOptions) -> Transport:
    """The transport for this address, not opened yet; ConfigurationError where there is none."""
    scheme = urlsplit(url).scheme if ":" in url else ""
    if scheme not in _SCHEMES:
        known = ", ".join(f"{name}:" for name in _SCHEMES)
        shown = f"the scheme {scheme!r}" if scheme else "no scheme"
        raise ConfigurationError(
            f"{options.setting} has {shown}; it must begin with one of {known}",
            setting=options.setting,
        )
    module, function = _SCHEMES[scheme]
    try:
        from_url = getattr(importlib.import_module(module), function)
    except ModuleNotFoundError as error:
        extra = module.split(".")[2]
        raise ConfigurationError(
            f"{options.setting} begins with {scheme}:, which needs {error.name}: "
            f"pip install 'dovetail[{extra}]'",
            setting=options.setting,
        ) from error
    transport: Transport = from_url(url, options)
    return transport
