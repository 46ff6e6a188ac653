"""Addresses without their secrets, for logs and pages."""

from __future__ import annotations

import re


def without_secrets(url: str) -> str:
    """An address without user, password and what follows '?'."""
    return re.sub(r"//(.*@)?([^?]*).*", r"//\2", url)


def web_address(host: str, port: int) -> str:
    """Where a browser on this machine finds what listens on this host."""
    local = {"0.0.0.0": "localhost", "::": "localhost"}.get(host, host)  # noqa: S104 - only compared
    return f"http://{f'[{local}]' if ':' in local else local}:{port}"
