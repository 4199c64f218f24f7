"""What machine and software a report was made on."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from importlib.metadata import version
from pathlib import Path

LIBRARIES = ("cryptography", "httptools", "uvloop", "msgspec", "apsw")


def description() -> dict[str, str]:
    """Lines for the head of a report."""
    from cryptography.hazmat.backends.openssl import backend

    return {
        "processor": _cpu(),
        "cores": str(os.cpu_count()),
        "memory": _memory(),
        "kernel": platform.release(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "libraries": ", ".join(f"{name} {version(name)}" for name in LIBRARIES),
        "openssl": backend.openssl_version_text(),
        "load generator": _wrk(),
        "fdatasync": f"{_fdatasync() * 1e6:.0f} µs (median of 200 appends of 700 bytes)",
        "load before": " ".join(f"{load:.2f}" for load in os.getloadavg()),
    }


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _memory() -> str:
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"


def _wrk() -> str:
    return subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False).stdout.split("[", 1)[0].strip()


def _fdatasync() -> float:
    path = Path(f".fdatasync-{os.getpid()}")
    times = []
    with path.open("ab", buffering=0) as file:
        for _ in range(200):
            file.write(b"x" * 700)
            begun = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - begun)
    path.unlink()
    return sorted(times)[100]
