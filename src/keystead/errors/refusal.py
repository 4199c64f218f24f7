"""What a refusal is.

Guarantees: it knows no wire format; each protocol's renderer shows the same object in its own way."""

from __future__ import annotations

from typing import Final


class Refusal(Exception):
    """A call that is refused.

    ``code`` is AWS's error code without namespace, ``message`` its sentence or None where AWS sends none, ``status``
    the HTTP status of the JSON protocol (400 for the caller's errors, 500 for ours), ``detail`` a note for the
    operator's log, never sent. ``worded``: the code is a query service's own already, though it looks like one that
    such services word otherwise."""

    __slots__ = ("code", "detail", "message", "status", "worded")

    def __init__(
        self,
        code: str,
        message: str | None = None,
        *,
        status: int = 400,
        detail: str | None = None,
        worded: bool = False,
    ) -> None:
        super().__init__(code if message is None else f"{code}: {message}")
        self.code: Final = code
        self.message: Final = message
        self.status: Final = status
        self.detail: Final = detail
        self.worded: Final = worded

    def reworded(self, code: str, status: int, message: str | None = None) -> Refusal:
        """The same refusal under another service's code, with its own sentence unless another is given."""
        return Refusal(code, self.message if message is None else message, status=status, detail=self.detail)
