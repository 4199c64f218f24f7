"""One round: a load on one server, and what it cost the server's processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Round:
    """``cpu_us`` is user and system time of all processes of the server for each call."""

    requests_per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: float


def family(pid: int) -> list[int]:
    """A process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(child for number in children for child in family(int(number)))]


def cpu_seconds(pid: int) -> float:
    """User and system time of a server's processes so far."""
    total = 0
    for member in family(pid):
        fields = Path(f"/proc/{member}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def pin(pid: int, core: int) -> None:
    """Keep every thread of a server's processes on one core."""
    for member in family(pid):
        for thread in os.listdir(f"/proc/{member}/task"):
            os.sched_setaffinity(int(thread), {core})


def load(script: Path, endpoint: str, pid: int, *, seconds: float, connections: int, core: int) -> Round:
    """Send the script's requests for so long over so many connections, from one core."""
    before = cpu_seconds(pid)
    command = [
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{seconds:g}s",
        "--timeout",
        "10s",
        "-s",
        str(script),
        f"{endpoint}/",
    ]
    ran = subprocess.run(
        command, capture_output=True, text=True, check=True, preexec_fn=lambda: os.sched_setaffinity(0, {core})
    )
    spent = cpu_seconds(pid) - before
    line = next((line for line in ran.stdout.splitlines() if line.startswith("RESULT ")), None)
    if line is None:
        sys.exit(f"wrk gave no result:\n{ran.stdout}{ran.stderr}")
    result = json.loads(line.removeprefix("RESULT "))
    if result["errors"]:
        sys.exit(
            f"{result['errors']} of {result['requests']} requests were not answered with 200; nothing was measured"
        )
    return Round(
        result["requests"] / result["seconds"],
        result["p50_us"] / 1e3,
        result["p99_us"] / 1e3,
        spent / result["requests"] * 1e6,
    )
