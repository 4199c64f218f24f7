"""The proof that private keys from outside are valid, given by a process of its own.

Whether the numbers of an RSA key belong together takes up to half a second, in which the library does not let go of
the interpreter: in a worker, all of its callers would stand still (decision 0039). So a worker has a helper process,
begun with the first proof and again whenever it has ended.

Guarantees: a key is proven by the same code as in this process (`accepting.prove`), or refused; a helper that crashes,
or says nothing in time, costs its one call a retryable internal error. The helper (`proofs`) is a new program with
nothing of this process but a pipe from it and one to it: no root key, no store, no sockets. It ends when this process
does, at the latest after the proof that it is giving. Does not guarantee an end of a proof before its time limit.
"""

from __future__ import annotations

import select
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from typing import IO, Final, NamedTuple

from keystead import errors
from keystead.crypto import proofs

#: Refuses with InvalidCiphertextException the material of a private key that is not valid.
Prove = Callable[[bytes], None]

#: Seconds for one proof, the start of the helper included: fifty times what RSA-4096 takes on an idle processor.
LIMIT: Final = 20.0

# The paths are given along since the program that runs here may have found its modules in other ways than a new one does.
_BEGIN: Final = (
    "import sys; sys.path[:] = sys.argv[1:]; from keystead.crypto import proofs; sys.exit(proofs.serve(0, 1))"
)


class CannotProve(Exception):
    """Whether a key is valid was not found out; it is not the key's fault, as far as one knows."""


class _Child(NamedTuple):
    process: subprocess.Popen[bytes]
    asking: IO[bytes]
    answering: IO[bytes]


class Prover:
    """A `Prove` for the threads of one process. ``command`` begins the helper."""

    def __init__(self, *, limit: float = LIMIT, command: Sequence[str] | None = None) -> None:
        self._limit = limit
        self._command = command or (sys.executable, "-I", "-c", _BEGIN, *sys.path)
        self._one = threading.Lock()  # proof at a time
        self._helper: _Child | None = None
        self._closed = False

    def __call__(self, material: bytes) -> None:
        """InvalidCiphertextException unless ``material`` is a valid private key; CannotProve when that could not be
        found out."""
        with self._one:
            helper = self._ready()
            try:
                said = self._asked(helper, material)
            except BaseException:
                self._end(helper)
                raise
        if said == proofs.INVALID:
            raise errors.invalid_ciphertext()

    def _ready(self) -> _Child:
        """The helper, begun if there is none."""
        helper = self._helper
        if helper is not None and helper.process.poll() is not None:
            self._end(helper)
            helper = None
        if self._closed:
            raise CannotProve("this process is ending")
        if helper is None:
            process = subprocess.Popen(  # noqa: S603 (our own program)
                self._command, bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
            if process.stdin is None or process.stdout is None:
                raise CannotProve("the helper has no pipes")
            helper = self._helper = _Child(process, process.stdin, process.stdout)
        return helper

    def _asked(self, helper: _Child, material: bytes) -> bytes:
        """What the helper says."""
        try:
            helper.asking.write(proofs.framed(material))  # less than a pipe holds: nobody waits here
            poll = select.poll()
            poll.register(helper.answering, select.POLLIN)
            if not poll.poll(self._limit * 1000):
                raise CannotProve(f"the helper has not answered in {self._limit:g} s")
            said = helper.answering.read(1)
        except OSError as error:
            raise CannotProve("the helper cannot be asked") from error
        if said not in {proofs.VALID, proofs.INVALID}:
            raise CannotProve("the helper ended before it answered")
        return said

    def _end(self, helper: _Child) -> None:
        helper.process.kill()
        helper.process.wait()
        helper.asking.close()
        helper.answering.close()
        self._helper = None

    def close(self) -> None:
        """End the helper and begin no other; a proof that is under way fails at once."""
        self._closed = True
        helper = self._helper
        if helper is not None:
            helper.process.kill()
        with self._one:
            if self._helper is not None:
                self._end(self._helper)
