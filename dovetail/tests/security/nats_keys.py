"""Keys and JWTs of NATS, as nsc makes them: an operator who signs accounts, which sign users."""

from __future__ import annotations

import binascii
import json
import time
from base64 import b32encode, urlsafe_b64encode
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

#: The first five bits of a key, so that it begins with that letter.
_KINDS = {"operator": 14, "account": 0, "user": 20}
_SEED = 18
_UNLIMITED = ("subs", "data", "payload")
_ACCOUNT = (*_UNLIMITED, "imports", "exports", "conn", "leaf", "mem_storage", "disk_storage")


class Key:
    """A pair of keys for an operator, an account or a user."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._key = Ed25519PrivateKey.generate()
        prefix = _KINDS[kind] << 3
        self.public = _encoded(bytes([prefix]) + self._key.public_key().public_bytes_raw())
        first = bytes([_SEED << 3 | prefix >> 5, (prefix & 31) << 3])
        self.seed = _encoded(first + self._key.private_bytes_raw())

    def signs(self, subject: Key, expires: float | None = None, **claims: Any) -> str:
        """A JWT about the other key."""
        about = {"jti": subject.public, "iat": int(time.time()), "iss": self.public}
        limit = {"exp": int(expires)} if expires is not None else {}
        ours = {"nats": {**claims, "type": subject.kind, "version": 2}}
        payload = {**about, **limit, "sub": subject.public, "name": subject.kind, **ours}
        parts = [_base64(_json(one)) for one in ({"typ": "JWT", "alg": "ed25519-nkey"}, payload)]
        return ".".join([*parts, _base64(self._key.sign(".".join(parts).encode()))])


class Operator:
    """Runs a server with one account that has JetStream; `config` is for nats-server."""

    def __init__(self) -> None:
        operator, system = Key("operator"), Key("account")
        self._account = Key("account")
        limits = dict.fromkeys((*_ACCOUNT, "streams", "consumer"), -1) | {"wildcards": True}
        accounts = {key.public: operator.signs(key, limits=limits) for key in (self._account,)}
        accounts[system.public] = operator.signs(system)
        self.config = (
            f"operator: {operator.signs(operator)}\nsystem_account: {system.public}\n"
            f"resolver: MEMORY\nresolver_preload: {json.dumps(accounts)}\n"
        )

    def user(self, file: Path, expires: float | None = None) -> Path:
        """A file of credentials for a new user of the account."""
        key = Key("user")
        allowed: dict[str, Any] = {**dict.fromkeys(_UNLIMITED, -1), "pub": {}, "sub": {}}
        jwt = self._account.signs(key, expires, **allowed)
        file.write_text(credentials(jwt, key.seed))
        return file


def credentials(jwt: str, seed: str) -> str:
    """The text of a `.creds` file."""
    return (
        f"-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n"
        "************************* IMPORTANT *************************\n"
        "NKEY Seed printed below can be used to sign and prove identity.\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    )


def _encoded(raw: bytes) -> str:
    checked = raw + binascii.crc_hqx(raw, 0).to_bytes(2, "little")
    return b32encode(checked).decode().rstrip("=")


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _base64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")
