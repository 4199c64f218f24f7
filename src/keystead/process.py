"""What the operating system is told about a Keystead process, before it holds anything secret.

Does not guarantee anything against somebody who is root, or may trace the process: live memory is out of scope.
"""

from __future__ import annotations

import ctypes
import resource
import sys


def protect_memory() -> None:
    """No core dumps: they would hold keys. prctl(2) also covers dump handlers behind a pipe, which ignore the limit."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        pr_set_dumpable = 4
        ctypes.CDLL(None).prctl(pr_set_dumpable, 0, 0, 0, 0)


def allow_many_connections() -> None:
    """Raise the limit on open files as far as the system lets us: a worker takes thousands of connections."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
