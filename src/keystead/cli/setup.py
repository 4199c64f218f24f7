"""``keystead init`` and ``keystead custodian``: making a store, and who can open its root key."""

from __future__ import annotations

import contextlib
import getpass
import os
import sys
import time
from pathlib import Path
from typing import Any

import click

from keystead.cli import options, profile
from keystead.cli.say import data, fail, tell
from keystead.config import Config
from keystead.crypto.rootkey.custodian import Custodian, CustodianRefused
from keystead.crypto.rootkey.file import CustodianFile
from keystead.crypto.rootkey.passphrase import Passphrase
from keystead.crypto.rootkey.slots import RootKeyClosed
from keystead.services import founding, identifiers
from keystead.store.interface import StoreError
from keystead.store.sqlite import SqliteStore


@click.command()
@options.places
@click.option("--account", help="Twelve digits; drawn at random if not given.")
@click.option("--passphrase", is_flag=True, help="Keep the root key under a passphrase instead of a key file.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
def init(config_file: Path | None, account: str | None, passphrase: bool, as_json: bool, **given: Any) -> None:
    """Make a store: root key, account, root user, administrator and his first access key.

    \b
    keystead init                                  under ~/.local/share/keystead
    keystead init --data /srv/kms --root-key /etc/keystead/root.key
    keystead init --passphrase                     no key file; a passphrase opens the root key
    """
    check_account(account)
    config = options.load(config_file, **given)
    made = found(config, account=account, passphrase=passphrase)
    if as_json:
        data(
            {
                "account": made.account,
                "access_key_id": made.access_key_id,
                "profile": str(config.profile),
                "data": str(config.data),
            }
        )
    else:
        tell("Start it with: keystead serve")


def check_account(account: str | None) -> None:
    """End the command when this is no account id."""
    if account is not None and not (len(account) == 12 and account.isascii() and account.isdigit()):
        fail("An account id has twelve digits, such as 111122223333.")


def found(config: Config, *, account: str | None = None, passphrase: bool = False) -> founding.Credentials:
    """Make the store of this configuration and write the profile file; says what was made. Ends the command when it
    cannot."""
    if founding_done(config):
        fail(f"There is a store in {config.data} already. Nothing was changed.")
    if config.profile.exists():
        fail(
            f"The profile file {config.profile} exists and may hold credentials in use. Move it away, or name another with --profile."
        )
    custodian = _custodian(config, passphrase=passphrase)
    credentials = identifiers.access_key_id(os.urandom), identifiers.secret_access_key(os.urandom)
    try:
        config.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        # First, since the secret is kept nowhere else in the clear: a store whose credentials were lost serves nobody.
        profile.write(config.profile, *credentials, config.default_region)
    except OSError as error:
        fail(f"{error.filename} cannot be written: {error.strerror}. Nothing was made.")
    try:
        made = founding.found(
            config.store, custodian, time.time(), os.urandom, account=account, credentials=credentials
        )
    except (CustodianRefused, StoreError, founding.AlreadyFounded, OSError) as error:
        config.profile.unlink(missing_ok=True)
        fail(str(error))
    tell(f"store        {config.data}")
    tell(
        f"root key     {'a passphrase' if passphrase else config.root_key}   keep a copy of it somewhere safe and apart from the store"
    )
    tell(f"account      {made.account}, with the administrator {founding.ADMINISTRATOR}")
    tell(f"credentials  {config.profile}   (mode 0600)")
    return made


def founding_done(config: Config) -> bool:
    try:
        return founding.is_founded(config.store)
    except StoreError as error:
        fail(f"The store in {config.data} cannot be used: {error}")


def _custodian(config: Config, *, passphrase: bool) -> Custodian:
    if passphrase:
        return Passphrase(_new_passphrase(config.passphrase_file, "--passphrase-file"))
    if config.root_key.exists():
        fail(
            f"The root key file {config.root_key} exists and may belong to another store. Move it away if it does not, or name another "
            "with --root-key."
        )
    try:
        config.root_key.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        fail(f"{error.filename} cannot be written: {error.strerror}. Name another place with --root-key.")
    return CustodianFile(config.root_key)


def _new_passphrase(file: Path | None, option: str) -> bytes:
    if file is not None:
        return options.read_passphrase(file)
    if not sys.stdin.isatty():
        fail(f"There is no terminal to ask for a passphrase on: give it in a file with {option}.")
    first = getpass.getpass("New passphrase: ")
    if first != getpass.getpass("The same again: "):
        fail("The two are not the same. Nothing was changed.")
    if not first:
        fail("An empty passphrase protects nothing. Nothing was changed.")
    return first.encode()


@click.group()
def custodian() -> None:
    """Who can open the root key. Any one of them is enough.

    \b
    keystead custodian list
    keystead custodian add --passphrase            asks for it; the server can then start without the file
    keystead custodian add --file /mnt/usb/root.key
    keystead custodian remove 1                    never the last one
    """


@custodian.command("list")
@options.places
@click.option("--json", "as_json", is_flag=True, help="Print the slots as one JSON array.")
def list_custodians(config_file: Path | None, as_json: bool, **given: Any) -> None:
    """Show the custodian slots; none of this is secret."""
    with store_of(options.load(config_file, **given)) as store:
        rows = store.read(lambda reader: reader.slots())
    if as_json:
        data([{"slot": row.number, "kind": row.kind} for row in rows])
    else:
        for row in rows:
            click.echo(f"{row.number}\t{row.kind}")


@custodian.command("add")
@options.places
@click.option(
    "--file", "new_file", type=click.Path(path_type=Path), help="Make a custodian file here; it must not exist yet."
)
@click.option("--passphrase", "with_passphrase", is_flag=True, help="Ask for a passphrase.")
@click.option(
    "--new-passphrase-file", type=click.Path(path_type=Path), help="Take the new passphrase from a file instead."
)
def add_custodian(
    config_file: Path | None,
    new_file: Path | None,
    with_passphrase: bool,
    new_passphrase_file: Path | None,
    **given: Any,
) -> None:
    """Add one more custodian; one that is there must open the root key for it."""
    if (new_file is not None) == (with_passphrase or new_passphrase_file is not None):
        fail("Say which one to add: --file PATH or --passphrase.")
    config = options.load(config_file, **given)
    with store_of(config) as store:
        able = opened_by(config, store)
        new: Custodian
        if new_file is not None:
            if new_file.exists():
                fail(f"{new_file} exists; a custodian file is always made new.")
            if config.data.resolve() in new_file.resolve().parents:
                fail(
                    f"{new_file} lies inside the data directory {config.data}: whoever copies the directory would have "
                    "both. Put it elsewhere."
                )
            new = CustodianFile(new_file)
        else:
            new = Passphrase(_new_passphrase(new_passphrase_file, "--new-passphrase-file"))
        try:
            number = founding.add_slot(store, able, new, os.urandom)
        except (RootKeyClosed, CustodianRefused, StoreError) as error:
            fail(str(error))
    tell(f"slot {number} ({new.kind}) opens the root key from now on")


@custodian.command("remove")
@options.places
@click.argument("slot", type=int)
def remove_custodian(config_file: Path | None, slot: int, **given: Any) -> None:
    """Take a custodian away, after another has shown that it opens the root key.

    Who kept the secret and an older copy of the store can still open that copy.
    """
    config = options.load(config_file, **given)
    with store_of(config) as store:
        try:
            founding.remove_slot(store, slot, opened_by(config, store))
        except (founding.LastSlot, RootKeyClosed) as error:
            fail(str(error), 1)
    tell(f"slot {slot} is gone; if it was a file, that file opens nothing here any more and can be destroyed")


def opened_by(config: Config, store: SqliteStore) -> list[Custodian]:
    """The custodians that this configuration can produce for the slots of this store."""
    return options.custodians(config, frozenset(row.kind for row in store.read(lambda reader: reader.slots())))


def store_of(config: Config) -> contextlib.closing[SqliteStore]:
    if not founding_done(config):
        fail(f"There is no store in {config.data}. `keystead init` makes one.")
    return contextlib.closing(SqliteStore.open(config.store, None, create=False))
