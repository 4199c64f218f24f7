"""The custodian file: 32 random bytes in a file that only its owner can read (docs/format.md §9).

Guarantees: a file is made new, with mode 0600, and is on disk with its directory entry before its secret is used;
one that others could have read or exchanged is refused with a sentence that says what to do. Does not guarantee
that nobody has copied it, nor that a backup of it exists.
"""

from __future__ import annotations

import errno
import os
import re
import shlex
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from keystead.crypto.derivation import Random, draw
from keystead.crypto.rootkey.custodian import SECRET_BYTES, CustodianRefused, Parameters

KIND: Final = "file"
MAGIC: Final = (
    b"keystead custodian key, version 1. Keep it secret (mode 0600), and keep a copy away from this machine.\n"
)
ID_BYTES: Final = 8
SIZE: Final = len(MAGIC) + len(b"id \n") + 2 * ID_BYTES + len(b"key \n") + 2 * SECRET_BYTES

_FORM = re.compile(re.escape(MAGIC) + rb"id ([0-9a-f]{16})\nkey ([0-9a-f]{64})\n")
# A FIFO or a terminal in the file's place must neither block nor become ours.
_SAFELY = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


class CustodianFile:
    """The custodian that is a file at ``path``."""

    __slots__ = ("path",)

    kind: Final = KIND

    def __init__(self, path: Path) -> None:
        self.path = path

    def enrol(self, random: Random) -> tuple[Parameters, bytes]:
        """Make the file. CustodianRefused when something is there already or it cannot be written; then nothing of
        ours stays behind."""
        name, secret = draw(random, ID_BYTES).hex(), draw(random, SECRET_BYTES)
        content = MAGIC + f"id {name}\nkey {secret.hex()}\n".encode()
        try:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _SAFELY, 0o600)
        except FileExistsError:
            raise CustodianRefused(
                f"{self.path} exists already and is not overwritten: "
                "choose another path, or move it away if no slot needs it"
            ) from None
        except OSError as error:
            raise CustodianRefused(f"{self.path} cannot be made: {error.strerror}") from error
        try:
            with open(descriptor, "wb") as file:
                os.fchmod(file.fileno(), 0o600)  # whatever the umask took away
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            _sync_directory(self.path.parent)
        except OSError as error:
            with suppress(OSError):
                self.path.unlink()
            raise CustodianRefused(f"{self.path} cannot be written: {error.strerror}") from error
        return {"file": name}, secret

    def secret(self, parameters: Parameters) -> bytes:
        """The secret in the file, if it is the one that ``parameters`` name."""
        name, secret = self._read()
        if dict(parameters) != {"file": name}:
            raise CustodianRefused(f"{self.path} is the custodian file {name}, which belongs to another slot")
        return secret

    def _read(self) -> tuple[str, bytes]:
        try:
            descriptor = os.open(self.path, os.O_RDONLY | _SAFELY)
            try:
                # Of the open file, not of the path: what is checked is what is read.
                self._check(os.fstat(descriptor))
                content = os.read(descriptor, SIZE + 1)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise CustodianRefused(self._unreadable(error)) from None
        match = _FORM.fullmatch(content)
        if match is None:
            raise CustodianRefused(
                f"{self.path} is not a custodian key of version 1, or was altered: restore it from its copy"
            )
        return match[1].decode(), bytes.fromhex(match[2].decode())

    def _unreadable(self, error: OSError) -> str:
        if error.errno == errno.ELOOP:
            return f"{self.path} is a symbolic link: give the path of the file itself"
        if error.errno == errno.ENOENT:
            return f"{self.path} is not there: give its right path, or restore it from its copy"
        if error.errno == errno.EACCES:
            return f"{self.path} may not be read by user {os.geteuid()}: run as the user who owns it"
        return f"{self.path} cannot be read: {error.strerror}"

    def _check(self, facts: os.stat_result) -> None:
        quoted = shlex.quote(str(self.path))
        if not stat.S_ISREG(facts.st_mode):
            raise CustodianRefused(f"{self.path} is not a regular file: give the path of a custodian file")
        if facts.st_uid != os.geteuid():
            raise CustodianRefused(
                f"{self.path} belongs to user {facts.st_uid}, not to user {os.geteuid()} who runs this: "
                f"run it as that user, or run chown {os.geteuid()} {quoted}"
            )
        if facts.st_mode & 0o077:
            raise CustodianRefused(
                f"{self.path} is open to group or others (mode {stat.S_IMODE(facts.st_mode):04o}): "
                f"run chmod 600 {quoted}, and make a new custodian file if somebody may have read it"
            )
        if facts.st_size != SIZE:
            raise CustodianRefused(
                f"{self.path} has {facts.st_size} bytes, a custodian file has {SIZE}: "
                "give the right path, or restore it from its copy"
            )

    def __repr__(self) -> str:
        return f"CustodianFile({str(self.path)!r})"


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
