"""The AWS profile file of a server: a file of its own, so that nobody's ~/.aws is touched.

Guarantees: mode 0600 from the first byte, replaced as a whole, never followed through a symbolic link to somewhere
else."""

from __future__ import annotations

import configparser
import io
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

NAME: Final = "keystead"
_SECTION: Final = f"profile {NAME}"
_HEAD: Final = (
    "# Written by keystead. Use it with: export AWS_CONFIG_FILE=<this file> AWS_PROFILE=keystead\n"
    "# It holds a secret access key: keep it as you would keep a password.\n"
)


@dataclass(frozen=True, slots=True)
class Access:
    """How a server is reached, and by whom."""

    endpoint: str | None
    authority: str | None
    region: str
    access_key_id: str
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


def read(path: Path) -> Access | None:
    """What the profile says; None where there is none, or it names nobody."""
    profile = configparser.ConfigParser(interpolation=None)
    try:
        if not profile.read(path) or _SECTION not in profile:
            return None
    except (configparser.Error, UnicodeDecodeError):
        return None
    section = profile[_SECTION]
    access_key_id, secret = section.get("aws_access_key_id"), section.get("aws_secret_access_key")
    if not access_key_id or not secret:
        return None
    return Access(
        section.get("endpoint_url"),
        section.get("ca_bundle"),
        section.get("region", ""),
        access_key_id,
        secret,
        section.get("aws_session_token"),
    )


def write(path: Path, access_key_id: str, secret: str, region: str) -> None:
    """Write the first credentials of a new store."""
    profile = configparser.ConfigParser(interpolation=None)
    profile[_SECTION] = {
        "region": region,
        "aws_access_key_id": access_key_id,
        "aws_secret_access_key": secret,
    }
    _replace(path, profile)


def point(path: Path, endpoint: str, authority: Path | None) -> None:
    """Note where the server answers, and which authority vouches for its certificate."""
    profile = configparser.ConfigParser(interpolation=None)
    if not profile.read(path) or _SECTION not in profile:
        return
    section = profile[_SECTION]
    before = dict(section)
    section["endpoint_url"] = endpoint
    section.pop("ca_bundle", None)
    if authority is not None:
        section["ca_bundle"] = str(authority)
    if dict(section) != before:
        _replace(path, profile)


def _replace(path: Path, profile: configparser.ConfigParser) -> None:
    text = io.StringIO()
    text.write(_HEAD)
    profile.write(text)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text.getvalue())
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
