"""The command ``keystead``: its subcommands by name, each imported only when it is asked for, so that help is there
at once."""

from __future__ import annotations

import importlib
from typing import Final

import click

from keystead.process import protect_memory

# name -> module, attribute, one line for the list
COMMANDS: Final = {
    "init": ("keystead.cli.setup", "init", "Make a store: root key, account, first credentials."),
    "serve": ("keystead.cli.serving", "serve", "Start the server; the first time, set it up too."),
    "dev": ("keystead.cli.dev", "dev", "Start a throw-away server for tests on port 4566."),
    "status": ("keystead.cli.status", "status", "Say how this installation is, and what to mend."),
    "account": ("keystead.cli.account", "account", "The accounts: list, create."),
    "custodian": ("keystead.cli.setup", "custodian", "Who can open the root key: list, add, remove."),
    "explain": ("keystead.cli.explain", "explain", "Why a call is denied, and what would allow it."),
    "audit": ("keystead.cli.audit", "audit", "Prove that the audit journal is whole."),
    "policy": ("keystead.cli.policy", "policy", "Say what a policy would do, and what is wrong with it."),
    "tls": ("keystead.cli.tls", "tls", "Make a local authority and a server certificate."),
    "version": ("keystead.cli.status", "version", "Print the version."),
}


class Lazy(click.Group):
    """A group that imports a subcommand when it is run, and lists all without importing any."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in COMMANDS.items()])


@click.group(
    cls=Lazy,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit statuses: 0 done; 1 the answer is no; 2 the command or configuration cannot be used; 78 the server cannot start.",
)
def main() -> None:
    """A key management service that speaks the AWS KMS API and runs on your own machines.

    \b
    keystead serve                 set up on first use, then serve on http://127.0.0.1:4600
    keystead dev                   a throw-away stand-in for tests on http://127.0.0.1:4566
    keystead status                what is there, and what to mend
    keystead COMMAND --help        everything about one command, with examples
    """
    protect_memory()  # any command may open the root key
