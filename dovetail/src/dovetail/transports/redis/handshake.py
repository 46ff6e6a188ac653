"""How a connection begins: signing in, and seeing whether this is a server that serves us."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hiredis import ReplyError

from dovetail.errors import ConfigurationError
from dovetail.network import tls
from dovetail.network.protocol import ConnectionLost
from dovetail.network.server_address import Host, flaw_of
from dovetail.transports.redis.address import EXAMPLE, SENTINEL_EXAMPLE, Address, Sentinel
from dovetail.transports.redis.topology import TAG
from dovetail.transports.redis.wire import Wire

OLDEST_SERVER = (7, 0)
#: How errors begin that say that user and password are wrong, or may not do what we do.
REFUSED = {"NOAUTH", "WRONGPASS", "NOPERM", "DENIED"}


class NotNow(OSError):
    """The server is there, and does not serve yet."""


class Moved(NotNow):
    """Another node of the cluster has our keys."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(f"our keys are at {host}:{port}")
        self.host: Host = (host, port)


@dataclass(frozen=True)
class Greeting:
    """What the server says of itself, and what CLIENT UNBLOCK knows the connection by."""

    version: str
    id: int


class Handshake:
    """Raises NotNow for what passes by itself, ConfigurationError for what does not."""

    def __init__(self, address: Address, setting: str) -> None:
        self._address = address
        self._setting = setting

    async def greet(self, wire: Wire) -> Greeting:
        """Sign in to the master that has our keys."""
        hello = self._masked(
            await wire.call("HELLO", 3, *self._address.login.words(), "SETNAME", "dovetail")
        )
        self._check(hello)
        greeting = Greeting(hello[b"version"].decode(), hello[b"id"])
        if tuple(int(word) for word in greeting.version.split(".")[:2]) < OLDEST_SERVER:
            raise self._too_old(greeting.version)
        if hello[b"mode"] == b"sentinel":
            raise self._wrong("is a sentinel", f"write it as {SENTINEL_EXAMPLE}")
        if hello[b"role"] != b"master":
            raise NotNow("it is a replica; name the master, or all of them")
        if self._address.database:
            self._check(await wire.call("SELECT", self._address.database))
        self._check(await wire.call("EXISTS", f"{TAG}:claims"))
        return greeting

    async def master_of(self, sentinel: Sentinel, wire: Wire) -> Host:
        """The master that a sentinel names; it may be gone already."""
        if sentinel.login.password is not None:
            self._check(self._masked(await wire.call(*sentinel.login.words())))
        found = await wire.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", sentinel.master)
        if isinstance(found, ReplyError) and "unknown command" in str(found):
            raise self._wrong("is no sentinel", f"write it as {EXAMPLE}")
        self._check(found)
        if found is None:
            raise self._wrong("knows no master of this name", sentinel.master)
        host, port = found
        return _told(host.decode(errors="replace"), port.decode(errors="replace"))

    def refused(self, error: str) -> ConfigurationError:
        """What the server says about user and password, which it does not repeat."""
        return self._wrong("refused the user, the password or what they may do", error)

    def failed(self, error: OSError | ConnectionLost, wire: Wire | None) -> Exception:
        """What it means that there is no connection."""
        if isinstance(error, NotNow):
            return error
        if reason := tls.refusal(error) or (wire and tls.refusal(wire.lost_by)):
            return self._wrong("cannot be talked to over TLS", reason)
        if isinstance(error, TimeoutError):
            hint = "; does it speak TLS there? (redis: is for one that does not)"
            return NotNow(f"no answer{hint if self._address.tls else ''}")
        if isinstance(error, ConnectionLost):
            hint = "" if self._address.tls else "; does it want TLS? (rediss: instead of redis:)"
            return NotNow(f"{error}{hint}")
        return error

    def _check(self, reply: Any) -> None:
        if not isinstance(reply, ReplyError):
            return
        error = str(reply)
        code = error.split(" ", 1)[0]
        if code in REFUSED:
            raise self.refused(error)
        if code == "MOVED":
            host, _, port = error.split(" ")[2].rpartition(":")
            raise Moved(*_told(host, port))
        if "unknown command" in error:
            raise self._too_old("before 6.0")
        if "DB index" in error or "out of range" in error or "SELECT" in error:
            raise self._wrong(f"has no database {self._address.database}", error)
        raise NotNow(error)

    def _masked(self, reply: Any) -> Any:
        """Some repeat the words that they do not understand: then without the passwords."""
        if not isinstance(reply, ReplyError):
            return reply
        logins = [self._address.login]
        if self._address.sentinel:
            logins.append(self._address.sentinel.login)
        for login in logins:
            if login.password:
                reply = ReplyError(str(reply).replace(login.password, "…"))
        return reply

    def _too_old(self, version: str) -> ConfigurationError:
        return self._wrong(f"is Redis {version}", "7.0 or later is needed")

    def _wrong(self, what: str, why: str) -> ConfigurationError:
        return ConfigurationError(
            f"the queue at {self._address.shown} ({self._setting}) {what}: {why}",
            setting=self._setting,
        )


def _told(host: str, port: str) -> Host:
    """A server that another one names; NotNow where there can be none."""
    if flaw_of(host) or not port.isdecimal():
        raise NotNow(f"it names a server that there cannot be: {host!r}, port {port!r}")
    return host, int(port)
