"""``keystead serve``: the first time it sets up, then it serves until it is told to end."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import Any, Final

import click

from keystead.cli import note, options, profile, setup
from keystead.cli.say import data, fail, log, tell
from keystead.config import Config
from keystead.lock import Lock, NotLocked

# Seconds on top of the drain time that workers of a killed supervisor get before a new server gives up.
_WAIT_BEYOND_DRAIN: Final = 5.0


@click.command()
@options.places
@click.option("--listen", multiple=True, help="host:port, [::1]:port or unix:/path; may be given several times.")
@click.option("--workers", type=int, help="Worker processes; default one a core.")
@click.option(
    "--tls-certificate", type=click.Path(path_type=Path), help="PEM file; read again on SIGHUP and when it changes."
)
@click.option("--tls-key", type=click.Path(path_type=Path), help="PEM file of its private key.")
@click.option("--insecure-http", is_flag=True, default=None, help="Serve plain HTTP on an address others can reach.")
@click.option("--default-region", help="The region that an empty one in a signature means.")
@click.option("--json", "as_json", is_flag=True, help="Announce the endpoint as one JSON object on stdout.")
def serve(config_file: Path | None, listen: tuple[str, ...], as_json: bool, **given: Any) -> None:
    """Start the server; the first time, make the store too. Ends on SIGTERM or Ctrl-C after answering what has begun.

    \b
    keystead serve                                                  http://127.0.0.1:4600
    keystead serve --listen 127.0.0.1:4600 --listen '[::1]:4600'    both loopbacks
    keystead serve --listen unix:/run/keystead/kms.sock             a unix socket
    keystead tls init && keystead serve --listen 0.0.0.0:4600 --tls-certificate … --tls-key …
    """
    config = options.load(config_file, listen=list(listen) or None, **given)
    from keystead import serve as server  # what --help need not wait for

    try:
        # Before anything is made or listened on, and never released: it ends with this process and its workers.
        Lock.take(config.data, config.drain + _WAIT_BEYOND_DRAIN, tell)
        listening = server.listen(config)
    except (NotLocked, server.CannotListen) as error:
        fail(str(error))
    for warning in listening.warnings:
        tell(f"WARNING: {warning}")
    if not setup.founding_done(config):
        setup.found(config)
    with setup.store_of(config) as store:
        custodians = setup.opened_by(config, store)
        account = store.read(lambda reader: reader.accounts())[0]
    server.try_out(config, custodians, fail)

    def announce() -> None:
        tcp = [endpoint for endpoint in listening.endpoints if not endpoint.startswith("unix:")]
        if tcp and config.profile.exists():
            profile.point(config.profile, tcp[0], _authority(config))
        note.write(config.data, listening.endpoints, _authority(config))
        if as_json:
            endpoints = list(listening.endpoints)
            data(
                {"endpoints": endpoints, "account": account, "profile": str(config.profile), "workers": config.workers}
            )
            sys.stdout.flush()
        _banner(config, listening.endpoints, account)

    sys.exit(server.serve(config, listening, custodians, announce, log()))


def _authority(config: Config) -> Path | None:
    """The local authority that `keystead tls init` put beside the certificate, if it made it."""
    if config.tls_certificate is None:
        return None
    beside = config.tls_certificate.with_name("ca.pem")
    return beside if beside.exists() else None


def _banner(config: Config, endpoints: tuple[str, ...], account: str) -> None:
    tell()
    tell(f"Keystead answers on {', '.join(endpoints)} with {config.workers} worker{'s' if config.workers > 1 else ''}.")
    tell(f"account      {account}")
    if not config.profile.exists():
        return
    tell(f"credentials  {config.profile}")
    if all(endpoint.startswith("unix:") for endpoint in endpoints):
        tell("AWS clients speak TCP: give them an address with another --listen, or put a proxy before the socket.")
        return
    tell()
    tell("In another terminal, from this directory:" if _needs_cli() else "In another terminal:")
    tell()
    path = 'make aws-cli && export PATH="$PWD/.venv-clients/bin:$PATH" ' if _needs_cli() else "export "
    tell(f"  {path}AWS_CONFIG_FILE={shlex.quote(str(config.profile.absolute()))} AWS_PROFILE=keystead")
    tell(
        "  KEY=$(aws kms create-key --description 'my first key' --query KeyMetadata.KeyId --output text) && echo $KEY"
    )
    tell(
        "  aws kms encrypt --key-id $KEY --plaintext \"$(printf 'hello' | base64)\" --query CiphertextBlob --output text"
    )
    tell()


def _needs_cli() -> bool:
    return shutil.which("aws") is None and Path("Makefile").exists()
