"""What the operator decides: a TOML file, then the environment, then the command line, each overriding what came
before.

Guarantees: an unknown name, a wrong type or a contradiction is refused with a sentence that says what to do; nothing
is guessed. Secrets are never configuration: the configuration only says where they are."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from keystead.domain.regions import AWS_REGIONS, DEFAULT_REGION
from keystead.oidc.settings import Settings as OidcIssuer

PORT: Final = 4600
ENVIRONMENT_PREFIX: Final = "KEYSTEAD_"


class ConfigError(Exception):
    """The configuration cannot be used; the text says why and what to do."""


def _home(variable: str, otherwise: str) -> Path:
    named = os.environ.get(variable)
    return (Path(named) if named else Path.home() / otherwise) / "keystead"


def default_data() -> Path:
    """``$XDG_DATA_HOME/keystead``: the store and the audit journal."""
    return _home("XDG_DATA_HOME", ".local/share")


def default_private() -> Path:
    """``$XDG_CONFIG_HOME/keystead``: configuration, root key file and credentials. Outside of the data directory on
    purpose."""
    return _home("XDG_CONFIG_HOME", ".config")


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """One server.

    ``data``: directory of the store and the journal. ``root_key``: the custodian file, never inside ``data``.
    ``passphrase_file``: a file whose first line opens a passphrase slot (asked on the terminal otherwise, when such a
    slot is the only one that opens). ``profile``: the AWS profile file that `init` writes. ``listen``: ``host:port``,
    ``[::1]:port`` or ``unix:/path``. ``workers``: processes. ``skew``: seconds a request's clock may be off.
    ``drain``: seconds that calls under way get at the end. ``cached_keys``: keys kept in memory per worker.
    ``oidc_issuers``: identity providers whose tokens AssumeRoleWithWebIdentity takes; in the file alone."""

    data: Path = msgspec.field(default_factory=default_data)
    root_key: Path = msgspec.field(default_factory=lambda: default_private() / "root.key")
    passphrase_file: Path | None = None
    profile: Path = msgspec.field(default_factory=lambda: default_private() / "aws-profile")
    listen: tuple[str, ...] = (f"127.0.0.1:{PORT}",)
    workers: int = msgspec.field(default_factory=lambda: max(1, min(os.cpu_count() or 1, 64)))
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    insecure_http: bool = False
    regions: tuple[str, ...] = tuple(sorted(AWS_REGIONS))
    default_region: str = DEFAULT_REGION
    skew: float = 300.0
    drain: float = 30.0
    cached_keys: int = 10_000
    oidc_issuers: tuple[OidcIssuer, ...] = ()

    @property
    def store(self) -> Path:
        return self.data / "keystead.db"

    @property
    def journal(self) -> Path:
        return self.data / "journal"


def load(file: Path | None, environment: Mapping[str, str], options: Mapping[str, Any]) -> Config:
    """The configuration of these three sources. Options that are None were not given. Refuses with ConfigError."""
    values: dict[str, Any] = {}
    if file is None:
        usual = default_private() / "keystead.toml"
        file = usual if usual.exists() else None
    if file is not None:
        values.update(_from_file(file))
    values.update(_from_environment(environment))
    values.update({name.replace("_", "-"): value for name, value in options.items() if value is not None})
    try:
        config = msgspec.convert(values, Config, strict=False, dec_hook=_decode)
    except msgspec.ValidationError as error:
        raise ConfigError(f"The configuration is not usable: {error}.") from error
    _check(config)
    return config


def _decode(kind: type, value: Any) -> Any:
    if kind is Path and isinstance(value, str | Path):
        return Path(value).expanduser()
    raise NotImplementedError(f"{kind} in the configuration")


def _from_file(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as opened:
            return tomllib.load(opened)
    except OSError as error:
        raise ConfigError(f"The configuration file {file} cannot be read: {error.strerror}.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"The configuration file {file} is not TOML: {error}.") from error


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    known = {field.encode_name: field for field in msgspec.structs.fields(Config)}
    values: dict[str, Any] = {}
    for variable, text in environment.items():
        name = variable.removeprefix(ENVIRONMENT_PREFIX).lower().replace("_", "-")
        if not variable.startswith(ENVIRONMENT_PREFIX):
            continue
        if name not in known:
            raise ConfigError(
                f"The environment variable {variable} says nothing that is known; is it a slip of the pen?"
            )
        if name == "oidc-issuers":
            raise ConfigError(f"{variable} cannot be an environment variable: write [[oidc-issuers]] into the file.")
        listed = known[name].type == tuple[str, ...]
        values[name] = [part.strip() for part in text.split(",") if part.strip()] if listed else text
    return values


def _check(config: Config) -> None:
    if not 1 <= config.workers <= 64:
        raise ConfigError("workers must be between 1 and 64.")
    if not config.listen:
        raise ConfigError("listen must name at least one address, such as 127.0.0.1:4600.")
    if config.default_region not in config.regions:
        raise ConfigError(f"default-region {config.default_region} is not one of the regions.")
    if (config.tls_certificate is None) != (config.tls_key is None):
        raise ConfigError("tls-certificate and tls-key belong together: give both or neither.")
    if not 1.0 <= config.skew <= 3_600.0:
        raise ConfigError("skew must be between 1 and 3600 seconds.")
    if config.cached_keys < 1:
        raise ConfigError("cached-keys must be at least 1.")
    for one in config.oidc_issuers:
        if complaint := one.complaint():
            raise ConfigError(f"{complaint[0].upper()}{complaint[1:]}.")
    if len({one.issuer for one in config.oidc_issuers}) < len(config.oidc_issuers):
        raise ConfigError("Each of the oidc-issuers must stand in the configuration once.")
    if config.data.resolve() in config.root_key.resolve().parents:  # through links too
        raise ConfigError(
            f"The root key file {config.root_key} lies inside the data directory {config.data}: whoever copies the directory would have "
            "both. Put it elsewhere with --root-key."
        )
