"""What the tests of this folder need to know of each technology. A further one is a further row."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol
from urllib.parse import quote

from dovetail.testing.servers import Server
from dovetail.transports.nats import client as nats_client
from dovetail.transports.rabbitmq import limits as rabbit_limits
from dovetail.transports.redis import limits as redis_limits

NewServer = Callable[..., Awaitable[Any]]


class Technology(Protocol):
    """The scheme of its addresses, and options of its test server for what that is to demand."""

    name: str
    plain: str
    tls: str
    #: Has CONNECT_SECONDS.
    client: ModuleType

    def with_tls(self, certificate: Path, clients: Path | None = None) -> dict[str, Any]:
        """TLS, with certificates of the clients too where this is the file of their authority."""

    def with_password(self, user: str, password: str, folder: Path) -> dict[str, Any]:
        """One user, who may do everything. Files that the server needs go to the folder."""


class Nats(Technology):
    name, plain, tls, client = "nats", "nats", "tls", nats_client

    def with_tls(self, certificate: Path, clients: Path | None = None) -> dict[str, Any]:
        files = {"cert_file": str(certificate), "key_file": str(certificate)}
        demand = {"ca_file": str(clients), "verify": True} if clients else {}
        return {"config": f"tls: {json.dumps(files | demand)}"}

    def with_password(self, user: str, password: str, folder: Path) -> dict[str, Any]:
        login = json.dumps({"user": user, "password": password}, ensure_ascii=False)
        return {"config": f"authorization: {login}"}


class Redis(Technology):
    name, plain, tls, client = "redis", "redis", "rediss", redis_limits

    def with_tls(self, certificate: Path, clients: Path | None = None) -> dict[str, Any]:
        demand = {"tls-ca-cert-file": str(clients), "tls-auth-clients": "yes"} if clients else {}
        return {"certificate": certificate, "settings": demand}

    def with_password(self, user: str, password: str, folder: Path) -> dict[str, Any]:
        users = folder / "users.acl"
        digest = sha256(password.encode()).hexdigest()
        users.write_text(f"user default off\nuser {user} on #{digest} ~* &* +@all\n")
        return {"settings": {"aclfile": str(users)}}


class Rabbit(Technology):
    name, plain, tls, client = "rabbit", "amqp", "amqps", rabbit_limits

    def with_tls(self, certificate: Path, clients: Path | None = None) -> dict[str, Any]:
        demand = {
            "ssl_options.cacertfile": str(clients),
            "ssl_options.verify": "verify_peer",
            "ssl_options.fail_if_no_peer_cert": "true",
        }
        return {"certificate": certificate, "settings": demand if clients else {}}

    def with_password(self, user: str, password: str, folder: Path) -> dict[str, Any]:
        return {"login": f"{user}:{quote(password, safe='')}"}


TECHNOLOGIES: list[Technology] = [Nats(), Redis(), Rabbit()]


def address(
    technology: Technology, server: Server, *, tls: bool = False, login: str = "", **files: Path
) -> str:
    """`login` as it stands in the address, and its parameters."""
    scheme = technology.tls if tls else technology.plain
    query = "&".join(f"{name}={quote(str(file))}" for name, file in files.items())
    at, mark = "@" if login else "", "?" if query else ""
    return f"{scheme}://{login}{at}{server.host}:{server.port}{mark}{query}"


def together(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Both of what a server is to demand."""
    both = one | other
    for name in one.keys() & other.keys():
        joined = one[name] + "\n" + other[name] if name == "config" else one[name] | other[name]
        both[name] = joined
    return both
