"""Hygiene: what may stand in the repository at all.

No path of the machine it was written on, no address of a package index, lock files of hashes without addresses, no big
files, scripts that can be run. Looks at the files git would commit; without git, at all files outside caches.
"""

from __future__ import annotations

import configparser
import json
import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

Check = Callable[[Path], list[str]]

LARGEST = 1 << 20
MAY_BE_LARGE = ("src/keystead/model/pinned/",)
CACHES = {".git", "node_modules", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", "dist"}
# folders so common that their name in a text says nothing about one machine
COMMON = {"/", "/bin", "/dev", "/etc", "/home", "/lib", "/mnt", "/opt", "/run", "/srv", "/tmp", "/usr", "/var"}

# written in pieces, since this file too is looked at
PUBLIC_INDEXES = tuple(
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("files", "pythonhosted", "org"),
        ("registry", "npmjs", "org"),
        ("registry", "yarnpkg", "com"),
        ("deb", "debian", "org"),
        ("proxy", "golang", "org"),
        ("repo", "maven", "apache", "org"),
    )
)
SCRIPTS = ("tools/environment.sh", "tools/lock.sh", ".ci/run")
PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)


def files(root: Path) -> list[Path]:
    """Every file git would commit, or, where there is no git, every file outside caches and environments."""
    if (root / ".git").exists() and shutil.which("git"):
        command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, check=True, capture_output=True).stdout.decode()
        found = [root / name for name in listed.split("\0") if name]
    else:
        found = list(_walk(root))
    return sorted(path for path in found if path.is_file() and not path.is_symlink())


def _walk(root: Path) -> Iterator[Path]:
    for folder, below, names in os.walk(root):
        below[:] = [name for name in below if name not in CACHES and not name.startswith(".venv")]
        yield from (Path(folder) / name for name in names)


def _texts(root: Path) -> Iterator[tuple[str, str]]:
    for path in files(root):
        try:
            yield path.relative_to(root).as_posix(), path.read_text()
        except UnicodeDecodeError:
            continue


def check_paths(root: Path, home: Path | None = None) -> list[str]:
    """No text holds the path of the checkout, of the folder around it, or of the home of whoever runs this."""
    places = {str(place) for place in (root, root.parent, home or Path.home())} - COMMON
    return [
        f"{name}:{number} holds a path of this machine: {place}"
        for name, text in _texts(root)
        for place in sorted(places)
        for number, line in enumerate(text.splitlines(), 1)
        if re.search(rf"(?<![\w.-]){re.escape(place)}(?![\w.-])", line)
    ]


def check_indexes(root: Path, hosts: frozenset[str] | None = None) -> list[str]:
    """No text names a package index: neither a public one nor one this machine is set up with."""
    named = sorted({*PUBLIC_INDEXES, *(machine_indexes() if hosts is None else hosts)})
    return [
        f"{name}:{number} names a package index"
        for name, text in _texts(root)
        if any(host in text for host in named)
        for number, line in enumerate(text.splitlines(), 1)
        if any(host in line for host in named)
    ]


def machine_indexes() -> frozenset[str]:
    """Hosts of the indexes in this machine's environment and pip and npm configuration, loopback ones left out."""
    words = [value for name, value in os.environ.items() if name.upper().startswith(("PIP_", "UV_", "NPM_CONFIG_"))]
    home = Path.home()
    for place in (Path("/etc/pip.conf"), home / ".pip/pip.conf", home / ".config/pip/pip.conf"):
        parser = configparser.ConfigParser(interpolation=None)
        if place.is_file() and parser.read(place):
            words += [value for section in parser.values() for value in section.values()]
    words += [
        place.read_text() for place in (home / ".npmrc", Path("/etc/npmrc"), Path("/usr/etc/npmrc")) if place.is_file()
    ]
    hosts = {urlsplit(address).hostname or "" for word in words for address in re.findall(r"https?://[^\s\"']+", word)}
    return frozenset(host for host in hosts if "." in host and not host.startswith("127."))


def check_locks(root: Path) -> list[str]:
    """Every locked package has hashes, no lock an address, and the locks hold what pyproject.toml asks for."""
    wrong: list[str] = []
    pins: dict[str, dict[str, str]] = {}
    for path in sorted((root / "requirements").glob("*.lock")):
        text = path.read_text()
        name = path.relative_to(root).as_posix()
        pins[path.stem] = {_plain(package): version for package, version in PIN.findall(text)}
        wrong += [
            f"{name}:{n} holds an address or option" for n, line in enumerate(text.splitlines(), 1) if _foreign(line)
        ]
        for block in re.split(r"\n(?=\S)", text):
            if block.strip() and not block.startswith("#") and (not PIN.match(block) or "--hash=sha256:" not in block):
                wrong.append(f"{name}: {block.split()[0]} is not pinned with a sha256 hash")
    for package, version in pins.get("core", {}).items():
        if "dev" in pins and pins["dev"].get(package) != version:
            wrong.append(f"requirements/dev.lock has {package} {pins['dev'].get(package)}, core.lock has {version}")
    wrong += [
        f"pyproject.toml asks for {name}, requirements/core.lock does not hold it"
        for name in _asked(root) - set(pins.get("core", {}))
    ]
    return [*wrong, *_package_locks(root)]


def _foreign(line: str) -> bool:
    return "://" in line or " @ " in line or line.startswith(("-", "git+"))


def _plain(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()


def _asked(root: Path) -> set[str]:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    return {
        _plain(found[0]) for text in project.get("dependencies", []) if (found := re.match(r"[A-Za-z0-9._-]+", text))
    }


def _package_locks(root: Path) -> Iterator[str]:
    for path in files(root):
        if path.name != "package-lock.json":
            continue
        name = path.relative_to(root).as_posix()
        for package, row in json.loads(path.read_text())["packages"].items():
            if "resolved" in row:
                yield f"{name}: {package} holds an address"
            if package and not str(row.get("integrity", "")).startswith("sha512-"):
                yield f"{name}: {package} has no sha512 hash"


def check_sizes(root: Path) -> list[str]:
    """No file above 1 MiB, pinned models apart."""
    return [
        f"{name} has {path.stat().st_size} bytes"
        for path in files(root)
        if path.stat().st_size > LARGEST and not (name := path.relative_to(root).as_posix()).startswith(MAY_BE_LARGE)
    ]


def check_scripts(root: Path) -> list[str]:
    """What a user is told to run can be run."""
    return [f"{name} is not an executable file" for name in SCRIPTS if not os.access(root / name, os.X_OK)]
