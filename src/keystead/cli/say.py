"""How the command speaks: data on stdout, words on stderr, failures as one sentence with what to do next and an exit
status.

Exit statuses: 0 done; 1 the answer is no (a check found something, a server is not there); 2 the command or the
configuration cannot be used; 78 the server cannot start with what it was given."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any, Final, NoReturn

import click

OK: Final = 0
NO: Final = 1
UNUSABLE: Final = 2


class Failure(click.ClickException):
    """Ends the command with a sentence."""

    def __init__(self, sentence: str, status: int = UNUSABLE) -> None:
        super().__init__(sentence)
        self.exit_code = status  # type: ignore[misc]  # click declares it on the class, and reads it from the instance

    def show(self, file: Any = None) -> None:
        click.echo(f"keystead: {self.format_message()}", file=file, err=file is None)


def fail(sentence: str, status: int = UNUSABLE) -> NoReturn:
    raise Failure(sentence, status)


def tell(text: str = "") -> None:
    """Words for the person at the terminal."""
    click.echo(text, err=True)


def data(value: Any) -> None:
    """One JSON value for a program, on a line of its own."""
    click.echo(json.dumps(value))


def log() -> Callable[[str, BaseException | None], None]:
    """A reporter of our own failures: one JSON line each on stderr, without arguments, bodies or tracebacks that
    could hold secrets."""
    import structlog  # not needed by commands that end at once

    logger = structlog.wrap_logger(
        structlog.WriteLogger(sys.stderr),  # a line and its end in one write: several processes share stderr
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
    )

    def report(what: str, error: BaseException | None) -> None:
        if error is None:
            logger.warning(what)
            return
        detail = getattr(error, "detail", None)
        logger.error(what, error=type(error).__name__, reason=str(detail or error), where=_where(error))

    return report


def _where(error: BaseException) -> str | None:
    """File and line in which an exception was raised; never the values of variables."""
    trace = error.__traceback__
    if trace is None:
        return None
    while trace.tb_next is not None:
        trace = trace.tb_next
    name = trace.tb_frame.f_globals.get("__name__", "?")
    return f"{name}:{trace.tb_lineno}"
