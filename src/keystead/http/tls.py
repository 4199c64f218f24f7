"""TLS for the entrance: a context from PEM files, replaced when they change.

Guarantees: TLS 1.2 or 1.3 with forward secrecy and authenticated encryption only; a new certificate serves new
connections and leaves open ones alone; a pair of files that does not load never replaces one that did. Does not
guarantee that clients trust the certificate, nor that the key file was private before it was looked at: a mode that is
too open is told, not refused, since secret stores mount files like that.
"""

from __future__ import annotations

import os
import ssl
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""The suites of TLS 1.2 (RFC 9325 section 4.2); those of TLS 1.3 are all sound and not chosen here."""


class TlsError(Exception):
    """The certificate or key cannot be used. The message is a sentence naming the file; never its content."""


def context(certificate: Path, key: Path) -> ssl.SSLContext:
    """A server's context from a PEM certificate chain, leaf first, and its unencrypted PEM private key.

    :raises TlsError: a file is missing, unreadable, encrypted, no PEM, or the two do not belong together.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_ciphers(CIPHERS)
    made.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE
    made.set_alpn_protocols(["http/1.1"])
    for path in (certificate, key):
        try:
            path.read_bytes()
        except OSError as error:
            raise TlsError(f"{path} cannot be read: {error.strerror}.") from None
    try:
        made.load_cert_chain(certificate, key, password=_refuse_password)
    except _Encrypted:
        raise TlsError(
            f"{key} is encrypted; a server that starts by itself needs a key without a passphrase."
        ) from None
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise TlsError(f"{key} is not the key of the certificate in {certificate}.") from None
        raise TlsError(f"{certificate} and {key} are no PEM certificate and private key.") from None
    except OSError as error:
        raise TlsError(f"{certificate} or {key} cannot be read: {error.strerror}.") from None
    return made


class _Encrypted(Exception):
    pass


def _refuse_password() -> str:
    raise _Encrypted  # without this OpenSSL would ask on the terminal and the server would hang


@dataclass(frozen=True, slots=True)
class _Stamp:
    """Tells a replaced file from the one that was read, symbolic links followed (secret stores swap a link)."""

    device: int
    inode: int
    size: int
    changed: int

    @classmethod
    def of(cls, path: Path) -> _Stamp | None:
        try:
            found = path.stat()
        except OSError:
            return None
        return cls(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


class Certificate:
    """The certificate that new connections are given: hand `current` to `Connections.listen`.

    ``report`` is told, in a sentence, when a changed pair cannot be used (the old one stays) and when it is in use.
    """

    def __init__(self, certificate: Path, key: Path, report: Callable[[str], None]) -> None:
        """:raises TlsError: as `context`; a server does not start with a broken pair."""
        self._certificate = certificate
        self._key = key
        self._report = report
        self._stamps = self._look()
        self._context = context(certificate, key)
        self._failure: str | None = None

    def current(self) -> ssl.SSLContext:
        """The context for one new connection."""
        return self._context

    def reload(self) -> bool:
        """Read the files again, as on SIGHUP; say whether they are in use now. Failure is reported, the old pair
        stays."""
        self._stamps = self._look()  # before reading: a change during the reading is seen at the next look
        try:
            self._context = context(self._certificate, self._key)
        except TlsError as error:
            if str(error) != self._failure:
                self._failure = str(error)
                self._report(f"The TLS certificate in use stays, because the new one cannot be used: {error}")
            return False
        self._failure = None
        self._report(f"New connections are given the TLS certificate now in {self._certificate}.")
        return True

    def reload_if_changed(self) -> bool:
        """`reload` when a file is not the one that was last read. Two files replaced one after the other fail once
        between."""
        return self._stamps != self._look() and self.reload()

    def warnings(self, now: float) -> list[str]:
        """Sentences for the operator about what works and should not stay so; ``now`` is epoch seconds."""
        return [*key_file_warnings(self._key), *validity_warnings(self._certificate, now)]

    def _look(self) -> tuple[_Stamp | None, _Stamp | None]:
        return _Stamp.of(self._certificate), _Stamp.of(self._key)


def key_file_warnings(key: Path) -> list[str]:
    """Whether others than its owner may read the key."""
    try:
        mode = stat.S_IMODE(os.stat(key).st_mode)
    except OSError:
        return []
    if mode & 0o077:
        return [
            f"The private key {key} has mode {mode:04o}; others than its owner can use it. Its mode should be 0600."
        ]
    return []


def validity_warnings(certificate: Path, now: float, *, days: float = 14) -> list[str]:
    """Whether the leaf certificate is not valid yet, not any more, or not for more than ``days``."""
    from cryptography import x509

    try:
        leaf = x509.load_pem_x509_certificates(certificate.read_bytes())[0]
    except (OSError, ValueError):
        return []
    begin, end = leaf.not_valid_before_utc.timestamp(), leaf.not_valid_after_utc.timestamp()
    if now < begin:
        return [f"The TLS certificate in {certificate} is not valid before {_day(begin)}."]
    if now >= end:
        return [f"The TLS certificate in {certificate} has expired on {_day(end)}."]
    if end - now < days * 86_400:
        return [f"The TLS certificate in {certificate} expires on {_day(end)}."]
    return []


def _day(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))
