"""TLS: whose certificates are trusted, which one is shown, and what it means when a handshake fails."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from dovetail.errors import ConfigurationError
from dovetail.network.os_errors import plain_error

#: What an address may say about it after '?'.
PARAMETERS = ("ca", "cert", "key")

#: Reasons of OpenSSL, by what the user is to do about them.
_NOT_TLS = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNEXPECTED_MESSAGE", "PACKET_LENGTH_TOO_LONG"}
_WANTS_A_CERTIFICATE = {"TLSV13_ALERT_CERTIFICATE_REQUIRED", "SSLV3_ALERT_HANDSHAKE_FAILURE"}
_REFUSED = {
    "SSLV3_ALERT_BAD_CERTIFICATE",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED",
    "SSLV3_ALERT_CERTIFICATE_REVOKED",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
    "TLSV1_ALERT_ACCESS_DENIED",
    "TLSV1_ALERT_UNKNOWN_CA",
}


@dataclass(frozen=True)
class TlsFiles:
    """PEM files: the authority that vouches for the server, and the certificate that we show it.

    Without `ca` the system's authorities are trusted, or those in the file that SSL_CERT_FILE names.
    """

    ca: str | None = None
    cert: str | None = None
    #: May be left out where the file of the certificate has it too.
    key: str | None = None

    @classmethod
    def named_in(cls, parameters: Mapping[str, str], *, tls: bool, setting: str) -> Self:
        """What an address says; ConfigurationError where that makes no sense."""
        files = cls(**{name: parameters[name] for name in PARAMETERS if name in parameters})
        if files != cls() and not tls:
            raise ConfigurationError(
                f"{setting} names files for TLS (ca, cert, key) and has no scheme for it, "
                "such as tls:, rediss: or amqps:",
                setting=setting,
            )
        if files.key and not files.cert:
            raise ConfigurationError(
                f"{setting} has a key without cert, the file of its certificate", setting=setting
            )
        return files

    def context(self, setting: str) -> ssl.SSLContext:
        """Read anew for each connection, as files may be replaced. Raises ConfigurationError."""
        try:
            context = ssl.create_default_context(cafile=self.ca)
        except OSError as error:
            raise _unreadable(setting, "ca", self.ca or "", error) from error
        if self.cert is not None:
            try:
                # An encrypted key is not asked about on the terminal.
                context.load_cert_chain(self.cert, self.key, password="")
            except OSError as error:
                files = self.cert if self.key is None else f"{self.cert}, {self.key}"
                raise _unreadable(setting, "cert and key", files, error) from error
        return context


def _unreadable(setting: str, what: str, files: str, error: OSError) -> ConfigurationError:
    reason = plain_error(error) if not isinstance(error, ssl.SSLError) else _words(error)
    return ConfigurationError(
        f"{what} in {setting} cannot be used: {reason} ({files}); PEM files without a passphrase are needed",
        setting=setting,
    )


def refusal(error: BaseException | None) -> str | None:
    """What a failed handshake is about and which setting mends it; None where it passes by itself."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not trusted: {error.verify_message.rstrip('.')}; ?ca=FILE in the address, "
            "or SSL_CERT_FILE, names the authority that vouches for it"
        )
    if not isinstance(error, ssl.SSLError):
        return None
    if error.reason in _NOT_TLS:
        return "it does not speak TLS on this port"
    if error.reason in _WANTS_A_CERTIFICATE:
        return "it wants a certificate from us: ?cert=FILE&key=FILE in the address names it"
    if error.reason in _REFUSED:
        return f"it refused our certificate ({_words(error)}): ?cert=FILE&key=FILE names another"
    return None


def _words(error: ssl.SSLError) -> str:
    return (error.reason or "no certificate in it").lower().replace("_", " ")
