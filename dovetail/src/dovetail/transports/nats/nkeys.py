"""Signing in to NATS with an Ed25519 key: files with a seed, or with a user's JWT and a seed.

Their format is that of github.com/nats-io/nkeys and of the `.creds` files that nsc writes.
"""

from __future__ import annotations

import binascii
import re
from base64 import b32decode, b32encode, urlsafe_b64encode
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from dovetail.errors import ConfigurationError
from dovetail.network.os_errors import plain_error

#: The first five bits of what is encoded: S for seeds, U for what belongs to a user.
_SEED, _USER = 18, 20
#: Prefix, key, checksum; the prefix of a seed is one byte longer.
_SEED_BYTES = 2 + 32 + 2

#: What stands between a line of dashes that says BEGIN, and the next one.
_BLOCK = re.compile(r"-{3,}BEGIN ([A-Z ]+)-{3,}\s+(\S+)\s+-{3,}END")


def sign_with_credentials(path: str, nonce: str, setting: str) -> dict[str, str]:
    """The fields of CONNECT for a `.creds` file."""
    found = _credentials(_read(path, "credentials", setting))
    if found is None:
        raise ConfigurationError(
            f"{path} (credentials in {setting}) is not a file of NATS credentials, with a user's JWT and "
            "seed; nsc makes them: nsc generate creds",
            setting=setting,
        )
    jwt, key = found
    return {"jwt": jwt, "sig": _signature(key, nonce)}


def sign_with_seed(path: str, nonce: str, setting: str) -> dict[str, str]:
    """The fields of CONNECT for a file with the seed of a user."""
    key = _key(_read(path, "nkey", setting).strip())
    if key is None:
        raise ConfigurationError(
            f"{path} (nkey in {setting}) is not the seed of a user, which begins with SU and has 58 "
            "characters",
            setting=setting,
        )
    return {"nkey": _public(key), "sig": _signature(key, nonce)}


def _read(path: str, what: str, setting: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii", errors="replace")
    except OSError as error:
        raise ConfigurationError(
            f"{path} ({what} in {setting}) cannot be read: {plain_error(error)}", setting=setting
        ) from error


def _credentials(text: str) -> tuple[str, Ed25519PrivateKey] | None:
    blocks = dict(_BLOCK.findall(text))
    jwt, key = blocks.get("NATS USER JWT"), _key(blocks.get("USER NKEY SEED", ""))
    return (jwt, key) if jwt and key else None


def _key(seed: str) -> Ed25519PrivateKey | None:
    """None where this is no seed of a user."""
    try:
        raw = b32decode(seed + "=" * (-len(seed) % 8))
    except ValueError:  # which binascii.Error is, too
        return None
    if len(raw) != _SEED_BYTES or _checksum(raw[:-2]) != raw[-2:]:
        return None
    if raw[0] >> 3 != _SEED or (raw[0] & 0b111) << 5 | raw[1] >> 3 != _USER << 3:
        return None
    return Ed25519PrivateKey.from_private_bytes(raw[2:-2])


def _public(key: Ed25519PrivateKey) -> str:
    raw = bytes([_USER << 3]) + key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return b32encode(raw + _checksum(raw)).decode().rstrip("=")


def _checksum(raw: bytes) -> bytes:
    return binascii.crc_hqx(raw, 0).to_bytes(2, "little")


def _signature(key: Ed25519PrivateKey, nonce: str) -> str:
    return urlsafe_b64encode(key.sign(nonce.encode())).rstrip(b"=").decode()
