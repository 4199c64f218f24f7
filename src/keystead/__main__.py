"""``keystead`` and ``python -m keystead``: argv goes to the command line, whose subcommands import what they need when they run."""

from __future__ import annotations

from keystead.cli.main import main

if __name__ == "__main__":
    main()
