"""``keystead account``: the accounts of a store, and making another."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import Any

import click

from keystead.cli import note, options, profile
from keystead.cli.say import data, fail, tell
from keystead.cli.setup import check_account, opened_by, store_of
from keystead.config import Config
from keystead.crypto.hierarchy import Hierarchy
from keystead.crypto.rootkey.slots import RootKeyClosed
from keystead.services import accounts, founding, identifiers
from keystead.services.founding import Credentials
from keystead.store.interface import StoreError
from keystead.store.sqlite import SqliteStore


@click.group()
def account() -> None:
    """The accounts of this installation. They know nothing of each other but by policies that name each other.

    \b
    keystead account list
    keystead account create                        an id is drawn
    keystead account create --id 444455556666 --new-profile other.profile
    """


@account.command("list")
@options.places
@click.option("--json", "as_json", is_flag=True, help="Print the accounts as one JSON array.")
def list_accounts(config_file: Path | None, as_json: bool, **given: Any) -> None:
    """Show the ids of all accounts, the first one first."""
    with store_of(options.load(config_file, **given)) as store:
        found = store.read(lambda reader: reader.accounts())
    if as_json:
        data([{"account": one} for one in found])
    else:
        for one in found:
            click.echo(one)


@account.command("create")
@options.places
@click.option("--id", "account_id", help="Twelve digits; drawn at random if not given.")
@click.option(
    "--new-profile",
    type=click.Path(path_type=Path),
    help="AWS profile file to make for the new account; it must not exist yet. Default: beside --profile, with the id.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
def create_account(
    config_file: Path | None, account_id: str | None, new_profile: Path | None, as_json: bool, **given: Any
) -> None:
    """Make an account: root user, administrator and his first access key, whose secret goes into a profile file and is
    kept nowhere else in the clear. The server may run or not."""
    check_account(account_id)
    config = options.load(config_file, **given)
    first = Credentials(
        account_id or identifiers.account_id(os.urandom),
        identifiers.access_key_id(os.urandom),
        identifiers.secret_access_key(os.urandom),
    )
    file = new_profile or config.profile.with_name(f"{config.profile.name}-{first.account}")
    with store_of(config) as store:
        try:
            hierarchy = founding.open_hierarchy(store, opened_by(config, store))
            with contextlib.closing(store.connect(hierarchy.row_mac)) as writing:
                _create(config, writing, hierarchy, first, file)
        except (RootKeyClosed, StoreError, accounts.AccountExists) as error:
            fail(str(error))
    if as_json:
        data({"account": first.account, "access_key_id": first.access_key_id, "profile": str(file)})
        return
    tell(f"account      {first.account}, with the administrator {founding.ADMINISTRATOR}")
    tell(f"credentials  {file}   (mode 0600)")


def _create(config: Config, store: SqliteStore, hierarchy: Hierarchy, first: Credentials, file: Path) -> None:
    if store.read(lambda reader: reader.account_key(first.account)) is not None:
        raise accounts.AccountExists(f"There is an account {first.account} already. Nothing was changed.")
    if file.exists():
        fail(f"The profile file {file} exists and may hold credentials in use. Name another with --new-profile.")
    try:
        # First, since the secret is kept nowhere else in the clear.
        profile.write(file, first.access_key_id, first.secret, config.default_region)
        endpoint, authority = note.read(config.data)
        if endpoint is not None and not endpoint.startswith("unix:"):
            profile.point(file, endpoint, None if authority is None else Path(authority))
    except OSError as error:
        fail(f"{error.filename} cannot be written: {error.strerror}. Nothing was made.")
    try:
        accounts.add(
            store,
            hierarchy,
            first,
            region=config.default_region,
            now=time.time(),
            random=os.urandom,
            new_id=identifiers.RequestIds(os.urandom),
        )
    except BaseException:
        file.unlink(missing_ok=True)
        raise
