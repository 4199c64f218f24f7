"""``keystead serve``: the first time it sets up, then it serves until it is told to end."""

from __future__ import annotations

import contextlib
import shutil
import socket
import sys
from pathlib import Path
from typing import Any

import click

from keystead.cli import options, profile, setup
from keystead.cli.say import data, fail, log, tell
from keystead.config import Config
from keystead.http import sockets
from keystead.http.sockets import Address
from keystead.store.sqlite import SqliteStore


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
    from keystead.serve import protect_memory  # imports that --help need not wait for
    from keystead.serve import serve as run

    addresses = [_address(text) for text in config.listen]
    _check_exposure(config, addresses)
    protect_memory()
    if not setup.founding_done(config):
        setup.found(config)
    with contextlib.closing(SqliteStore.open(config.store, None, create=False)) as store:
        custodians = setup.opened_by(config, store)
        account = store.read(lambda reader: reader.accounts())[0]
    opened = [listeners(address, config.workers) for address in addresses]
    endpoints = [endpoint(config, sockets.bound(of_address[0])) for of_address in opened]
    tcp = [endpoint for endpoint in endpoints if not endpoint.startswith("unix:")]
    if tcp and config.profile.exists():
        profile.point(config.profile, tcp[0], _authority(config))

    def announce() -> None:
        if as_json:
            data(
                {"endpoints": endpoints, "account": account, "profile": str(config.profile), "workers": config.workers}
            )
            sys.stdout.flush()
        _banner(config, endpoints, account)

    status = run(config, tuple(zip(*opened, strict=True)), custodians, announce, log())
    for address in addresses:
        sockets.remove(address)
    sys.exit(status)


def _address(text: str) -> Address:
    try:
        return sockets.parse(text)
    except ValueError as error:
        fail(f"--listen: {error}")


def listeners(address: Address, workers: int) -> list[socket.socket]:
    """One listening socket for each worker. They are opened before the workers are there and outlive them, so that a
    connection that waits for a worker that died is taken by the next."""
    try:
        if isinstance(address, sockets.UnixAddress):
            return [sockets.listening(address)] * workers
        if address.port:
            # With SO_REUSEPORT the kernel would let a second server of the same user share the port unnoticed.
            sockets.listening(address).close()
        first = sockets.listening(address, reuse_port=True)
        same = sockets.bound(first)
        return [first, *(sockets.listening(same, reuse_port=True) for _ in range(workers - 1))]
    except OSError as error:
        fail(
            f"Cannot listen on {address}: {error.strerror or error}. Is another server running there? Name another with --listen."
        )


def _check_exposure(config: Config, addresses: list[Address]) -> None:
    """Plain HTTP is for this machine: elsewhere plaintexts would travel readable."""
    exposed = [address for address in addresses if not address.is_loopback]
    if not exposed or config.tls_certificate is not None:
        return
    if not config.insecure_http:
        fail(
            f"{exposed[0]} can be reached by other machines, and without TLS they could read every plaintext and data key. Make a "
            "certificate with `keystead tls init`, or listen on 127.0.0.1, or say --insecure-http if something before it does TLS."
        )
    tell(
        f"WARNING: {exposed[0]} serves plain HTTP to other machines (--insecure-http). Plaintexts and data keys travel readable."
    )


def endpoint(config: Config, address: Address) -> str:
    scheme = "http" if config.tls_certificate is None else "https"
    return str(address) if isinstance(address, sockets.UnixAddress) else f"{scheme}://{address}"


def _authority(config: Config) -> Path | None:
    """The local authority that `keystead tls init` put beside the certificate, if it made it."""
    if config.tls_certificate is None:
        return None
    beside = config.tls_certificate.with_name("ca.pem")
    return beside if beside.exists() else None


def _banner(config: Config, endpoints: list[str], account: str) -> None:
    tell()
    tell(f"Keystead answers on {', '.join(endpoints)} with {config.workers} worker{'s' if config.workers > 1 else ''}.")
    tell(f"account      {account}")
    tell(f"credentials  {config.profile}")
    if not config.profile.exists():
        return
    tell()
    tell("In another terminal, from this directory:" if _needs_cli() else "In another terminal:")
    tell()
    path = 'make aws-cli && export PATH="$PWD/.venv-clients/bin:$PATH" ' if _needs_cli() else "export "
    tell(f"  {path}AWS_CONFIG_FILE={config.profile.absolute()} AWS_PROFILE=keystead")
    tell(
        "  KEY=$(aws kms create-key --description 'my first key' --query KeyMetadata.KeyId --output text) && echo $KEY"
    )
    tell(
        "  aws kms encrypt --key-id $KEY --plaintext \"$(printf 'hello' | base64)\" --query CiphertextBlob --output text"
    )
    tell()


def _needs_cli() -> bool:
    return shutil.which("aws") is None and Path("Makefile").exists()
