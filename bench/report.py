"""A dated report: figures as a table and as a picture, and the same for programs as JSON."""

from __future__ import annotations

import dataclasses
import json
import statistics
from collections.abc import Sequence
from pathlib import Path

from bench.run import Round

BARE = "bare handler"
EMPTY = "empty handler"

TARGET_CPU_US = 80.0
TARGET_PER_SECOND = 12_000.0

WIDTH, BAR, GAP, LEFT = 760, 26, 12, 190


def median(rounds: Sequence[Round], field: str) -> float:
    return statistics.median(getattr(one, field) for one in rounds)


def write(directory: Path, name: str, machine: dict[str, str], rounds: dict[str, list[Round]], settings: str) -> Path:
    """Write ``name``.md, .svg and .json; returns the path of the first."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"{name}.json").write_text(
        json.dumps(
            {
                "machine": machine,
                "settings": settings,
                "rounds": {what: [dataclasses.asdict(one) for one in of] for what, of in rounds.items()},
            },
            indent=1,
        )
        + "\n"
    )
    (directory / f"{name}.svg").write_text(_picture(rounds))
    path = directory / f"{name}.md"
    path.write_text(_text(name, machine, rounds, settings))
    return path


def _text(name: str, machine: dict[str, str], rounds: dict[str, list[Round]], settings: str) -> str:
    lines = [
        f"# {name}",
        "",
        settings,
        "",
        *(f"- {what}: {value}" for what, value in machine.items()),
        "",
        f"![CPU per call]({name}.svg)",
        "",
    ]
    lines += [
        "| call | requests/s | p50 ms | p99 ms | server CPU µs per call | of the empty handler's rate | CPU, times the empty handler |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    empty = rounds[EMPTY]
    for what, of in rounds.items():
        rate = statistics.median(
            one.requests_per_second / base.requests_per_second for one, base in zip(of, empty, strict=True)
        )
        cost = _times(of, empty)
        lines.append(
            f"| {what} | {median(of, 'requests_per_second'):,.0f} | {median(of, 'p50_ms'):.2f} | {median(of, 'p99_ms'):.2f} | "
            f"{median(of, 'cpu_us'):.1f} | {rate:.0%} | {cost:.2f} |"
        )
    encrypt = rounds["Encrypt"]
    cpu, rate = median(encrypt, "cpu_us"), median(encrypt, "requests_per_second")
    lines += [
        "",
        f"Medians of {len(empty)} rounds; the ratios are medians of the ratios within each round. Target of this slice for Encrypt: "
        f"at most {TARGET_CPU_US:g} µs of CPU per call ({'met' if cpu <= TARGET_CPU_US else 'NOT met'}: {cpu:.1f}) and at least "
        f"{TARGET_PER_SECOND:,.0f} requests/s ({'met' if rate >= TARGET_PER_SECOND else 'NOT met'}: {rate:,.0f}).",
        "",
        f"How fast the machine was: the bare handler (uvloop and httptools, nothing of Keystead) reached "
        f"{median(rounds[BARE], 'requests_per_second'):,.0f} requests/s in this run; the targets were set where it "
        f"reaches 80,000 to 120,000. Encrypt costs {_times(encrypt, rounds[BARE]):.1f} times the bare handler's CPU.",
        "",
        "Spread over the rounds, CPU µs per call (least to most): "
        + "; ".join(
            f"{what} {min(o.cpu_us for o in of):.1f} to {max(o.cpu_us for o in of):.1f}" for what, of in rounds.items()
        )
        + ".",
        "",
    ]
    return "\n".join(lines)


def _times(of: Sequence[Round], base: Sequence[Round]) -> float:
    return statistics.median(one.cpu_us / other.cpu_us for one, other in zip(of, base, strict=True))


def _picture(rounds: dict[str, list[Round]]) -> str:
    most = max(one.cpu_us for of in rounds.values() for one in of)
    scale = (WIDTH - LEFT - 90) / most
    height = 40 + len(rounds) * (BAR + GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        '<text x="10" y="20" font-weight="bold">server CPU per call, µs (bar: median, line: least to most)</text>',
    ]
    for row, (what, of) in enumerate(rounds.items()):
        y = 34 + row * (BAR + GAP)
        value = median(of, "cpu_us")
        low, high = min(one.cpu_us for one in of), max(one.cpu_us for one in of)
        colour = "#9aa5b1" if what in {BARE, EMPTY} else "#2b6cb0"
        middle = y + BAR / 2
        parts += [
            f'<text x="{LEFT - 8}" y="{middle + 4:.1f}" text-anchor="end">{what}</text>',
            f'<rect x="{LEFT}" y="{y}" width="{value * scale:.1f}" height="{BAR}" fill="{colour}"/>',
            f'<line x1="{LEFT + low * scale:.1f}" x2="{LEFT + high * scale:.1f}" y1="{middle}" y2="{middle}" stroke="black"/>',
            f'<text x="{LEFT + high * scale + 8:.1f}" y="{middle + 4:.1f}">{value:.1f}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])
