"""``keystead tls``: a local authority and a server certificate, for those who have none."""

from __future__ import annotations

import os
import time
from pathlib import Path

import click

from keystead import config as configuration
from keystead.cli.say import fail, tell


@click.group()
def tls() -> None:
    """Make and renew a certificate of a local authority.

    \b
    keystead tls init                        for localhost, 127.0.0.1 and ::1
    keystead tls init kms.example.internal   and for this name
    keystead tls renew                       the same authority, a new server certificate
    """


_DIRECTORY = click.option(
    "--directory", type=click.Path(path_type=Path), help="Where the files are; default ~/.config/keystead/tls."
)


@tls.command("init")
@click.argument("names", nargs=-1)
@_DIRECTORY
def init(names: tuple[str, ...], directory: Path | None) -> None:
    """Make the authority and a server certificate for this machine and NAMES."""
    _make(names, directory, renew=False)


@tls.command("renew")
@click.argument("names", nargs=-1)
@_DIRECTORY
def renew(names: tuple[str, ...], directory: Path | None) -> None:
    """Make a new server certificate; a running server takes it by itself."""
    _make(names, directory, renew=True)


def _make(names: tuple[str, ...], directory: Path | None, *, renew: bool) -> None:
    from keystead.http import authority
    from keystead.http.tls import TlsError

    make = authority.renew if renew else authority.make_authority
    try:
        files = make(directory or configuration.default_private() / "tls", names, time.time(), os.urandom)
    except (TlsError, ValueError) as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error.filename or directory}: {error.strerror}")
    tell(f"authority    {files.authority}   give it to clients, for example as AWS_CA_BUNDLE")
    tell(f"certificate  {files.server}")
    tell()
    tell(f"  keystead serve --tls-certificate {files.server} --tls-key {files.server_key}")
