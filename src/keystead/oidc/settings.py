"""An identity provider as the configuration names it, and which addresses may be asked.

Guarantees: what `Settings.complaint` finds nothing wrong with names its provider by an address that cannot be spoken
for by others on the way."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from urllib.parse import urlsplit

import msgspec


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """A provider in the configuration.

    ``issuer`` is what its tokens say in ``iss``. ``audiences``: those of ``aud`` that are meant for this server. Its keys
    come from ``jwks-file``, else from ``jwks-url``, else from where ``issuer``/.well-known/openid-configuration says.
    ``ca-file`` vouches for the certificate of these addresses. ``accounts``: in which accounts it is a provider, in
    all if there are none."""

    issuer: str
    audiences: tuple[str, ...]
    jwks_file: Path | None = None
    jwks_url: str | None = None
    ca_file: Path | None = None
    accounts: tuple[str, ...] = ()

    @property
    def host(self) -> str:
        """What stands in ``oidc-provider/…`` ARNs and before the colon of its condition keys."""
        return self.issuer.partition("://")[2].rstrip("/")

    def complaint(self) -> str | None:
        """What is wrong with it, None if nothing."""
        if not is_safe(self.issuer) or any(mark in self.issuer for mark in "?#"):
            return f"the issuer {self.issuer!r} must be an https:// address"
        if not self.audiences or not all(self.audiences):
            return f"the issuer {self.issuer} needs audiences, such as sts.amazonaws.com"
        if self.jwks_file is not None and self.jwks_url is not None:
            return f"the issuer {self.issuer} has both jwks-file and jwks-url: give one"
        if self.jwks_url is not None and not is_safe(self.jwks_url):
            return f"jwks-url of {self.issuer} must be an https:// address"
        if not all(len(account) == 12 and account.isascii() and account.isdigit() for account in self.accounts):
            return f"accounts of {self.issuer} must have twelve digits each"
        return None


def is_safe(url: str) -> bool:
    """HTTPS, or HTTP to this very machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
        if not host or parts.username or parts.port == 0:
            return False
        if parts.scheme == "https":
            return True
        return parts.scheme == "http" and (host == "localhost" or ipaddress.ip_address(host).is_loopback)
    except ValueError:
        return False
