"""Identity providers as the configuration names them, and whether a token is one of theirs.

Guarantees: `Issuer.prove` answers `Proven` only for a token that the provider signed, for an audience that was
configured, within its time. Keys are kept for `FRESH` seconds, and where the provider cannot be reached for at most
`STALE`; a token with an unknown key has them fetched anew, at most every `PAUSE` seconds however many such tokens come.
A file is read again when it has changed. Safe to use from several threads; one fetches, others that need what it fetches
wait for it: `Issuer.asks` tells beforehand, so that they need not.

Does not guarantee that a token is used once: like AWS it keeps no list. Whether the role trusts the provider is
decided elsewhere.

Sources: OpenID Connect Core 1.0 §2 and §3.1.3.7, Discovery 1.0 §4; RFC 7519 §4.1."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from keystead import errors
from keystead.oidc import fetch, tokens
from keystead.oidc.settings import Settings

FRESH: Final = 600.0
STALE: Final = 3_600.0
PAUSE: Final = 10.0
SKEW: Final = 300.0
"""Seconds by which a provider's clock may be ahead: a token may be from so far in the future. Its end is its end."""

_SUBJECT: Final = range(1, 256)
_LATEST: Final = 1e12


@dataclass(frozen=True, slots=True)
class Proven:
    """Whom a token names, proved. ``audience`` is the one of ours that it is meant for, or the party it was issued to
    (``azp``) where it names one; ``claims`` are all that it says."""

    issuer: str
    host: str
    subject: str
    audience: str
    claims: Mapping[str, Any] = field(repr=False)


class Issuer:
    """One provider and its keys."""

    def __init__(
        self,
        settings: Settings,
        *,
        from_url: Callable[[str, Path | None], bytes] = fetch.from_url,
        from_file: Callable[[Path], bytes] = fetch.from_file,
    ) -> None:
        self.settings = settings
        self._from_url = from_url
        self._from_file = from_file
        self._lock = threading.Lock()
        self._keys: tuple[tokens.PublicKey, ...] = ()
        self._fetched = -STALE
        self._tried = -PAUSE
        self._file: tuple[int, int, int] | None = None

    def prove(self, token: tokens.Unverified, now: float) -> Proven:
        """Whom the token names. ``now`` is in seconds since the epoch. May fetch: not for the event loop. Refuses with
        InvalidIdentityToken, ExpiredTokenException or IDPCommunicationError."""
        keys = self._current(token, now)
        if not tokens.signed(token, keys):
            raise errors.invalid_identity_token(
                "Couldn't verify the signature of the provided token", detail=_about(token)
            )
        return self._judged(token.claims, now)

    # --- claims ---------------------------------------------------------------------------------------------------

    def _judged(self, claims: Mapping[str, Any], now: float) -> Proven:
        expires, issued, earliest = (_number(claims.get(name)) for name in ("exp", "iat", "nbf"))
        subject = claims.get("sub")
        if claims.get("iss") != self.settings.issuer:
            raise errors.invalid_identity_token("The issuer of the token is not the one that was asked")
        if expires is None or issued is None or (earliest is None and "nbf" in claims):
            raise errors.invalid_identity_token("The ID Token provided is not a valid JWT: exp and iat are required")
        if not isinstance(subject, str) or len(subject) not in _SUBJECT:
            raise errors.invalid_identity_token("The ID Token provided is not a valid JWT: sub is required")
        if now >= expires:
            raise errors.expired_identity_token(now, expires)
        if max(issued, earliest or 0.0) > now + SKEW:
            raise errors.invalid_identity_token("The ID Token provided is not valid yet")
        return Proven(self.settings.issuer, self.settings.host, subject, self._audience(claims), claims)

    def _audience(self, claims: Mapping[str, Any]) -> str:
        meant = claims.get("aud")
        named = [meant] if isinstance(meant, str) else meant if isinstance(meant, list) else []
        ours = next((one for one in self.settings.audiences if one in named), None)
        if ours is None:
            raise errors.invalid_identity_token("Incorrect token audience")
        party = claims.get("azp")
        return party if isinstance(party, str) and party else ours

    # --- keys -----------------------------------------------------------------------------------------------------

    def asks(self, token: tokens.Unverified, now: float) -> bool:
        """Whether to prove the token the provider would be asked for its keys. Takes no time, and is True for as long
        as one asks."""
        if self.settings.jwks_file is not None or now - self._tried < PAUSE:
            return False
        return now - self._fetched >= FRESH or not any(key.suits(token) for key in self._keys)

    def _current(self, token: tokens.Unverified, now: float) -> tuple[tokens.PublicKey, ...]:
        if self.settings.jwks_file is not None:
            with self._lock:
                self._read(self.settings.jwks_file)
                return self._keys
        if self.asks(token, now):
            with self._lock:
                if self.asks(token, now):  # nobody has meanwhile
                    self._ask(now)
        if now - self._fetched >= STALE:
            raise errors.idp_communication()
        return self._keys

    def _ask(self, now: float) -> None:
        try:
            self._keys = tokens.keys(self._from_url(self._place(), self.settings.ca_file))
            self._fetched = now
        except (fetch.Unreachable, tokens.NoKeys) as error:
            if now - self._fetched >= STALE:
                raise errors.idp_communication(detail=str(error)) from error
        finally:
            self._tried = now

    def _place(self) -> str:
        if self.settings.jwks_url is not None:
            return self.settings.jwks_url
        about = f"{self.settings.issuer.rstrip('/')}/.well-known/openid-configuration"
        try:
            found = msgspec.json.decode(self._from_url(about, self.settings.ca_file))
            place, issuer = found["jwks_uri"], found["issuer"]
        except (msgspec.MsgspecError, ValueError, RecursionError, KeyError, TypeError) as error:
            raise fetch.Unreachable(f"{about} does not say where the keys are") from error
        if issuer != self.settings.issuer or not isinstance(place, str):
            raise fetch.Unreachable(f"{about} speaks of another issuer")
        return place

    def _read(self, path: Path) -> None:
        try:
            facts = path.stat()
        except OSError as error:
            raise errors.idp_communication(detail=f"{path}: {error.strerror}") from error
        found = (facts.st_ino, facts.st_size, facts.st_mtime_ns)
        if found != self._file:
            try:
                self._keys = tokens.keys(self._from_file(path))
            except (fetch.Unreachable, tokens.NoKeys) as error:
                raise errors.idp_communication(detail=f"{path}: {error}") from error
            self._file = found


class Issuers:
    """All providers of one worker."""

    def __init__(self, settings: tuple[Settings, ...], **sources: Any) -> None:
        self._by_name = {one.issuer: Issuer(one, **sources) for one in settings}

    def __len__(self) -> int:
        return len(self._by_name)

    def find(self, token: tokens.Unverified, account: str) -> Issuer:
        """The provider that the token says it is from, if it is one in that account; InvalidIdentityToken otherwise."""
        name = token.claims.get("iss")
        found = self._by_name.get(name) if isinstance(name, str) else None
        if found is None or (found.settings.accounts and account not in found.settings.accounts):
            shown = name if isinstance(name, str) and len(name) <= 256 and name.isprintable() else ""
            raise errors.invalid_identity_token(f"No OpenIDConnect provider found in your account for {shown}")
        return found


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not -_LATEST < value < _LATEST:
        return None
    return float(value)


def _about(token: tokens.Unverified) -> str:
    return f"algorithm {token.algorithm}, key id {token.key_id!r:.100}"
