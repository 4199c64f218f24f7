"""Reads tests/vectors and judges an implementation by them: which vectors does it get wrong?

A test shows that the implementation gets none wrong; a planted fault must get some wrong, or the vectors are worth
nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol

FOLDER = Path(__file__).resolve().parent.parent / "vectors"


def load(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((FOLDER / name).read_text("ascii"))
    return loaded


def gives(drawn: bytes) -> Callable[[int], bytes]:
    """A generator that draws the bytes of a vector."""
    return lambda length: drawn[:length]


class Implementation(Protocol):
    def seal(
        self,
        material: bytes,
        ref: bytes,
        material_id: bytes,
        context: Mapping[str, str],
        plaintext: bytes,
        drawn: bytes,
    ) -> bytes: ...

    def open(
        self, material: bytes, ref: bytes, material_id: bytes, context: Mapping[str, str], blob: bytes
    ) -> bytes: ...


def wrong(implementation: Implementation, refusals: type[Exception] | tuple[type[Exception], ...]) -> set[str]:
    """Names of the ciphertext vectors that are sealed or opened otherwise than they say."""
    found = set()
    vectors = load("ciphertext-v1.json")
    for vector in vectors["accepted"] + vectors["refused"]:
        material, ref, material_id = (bytes.fromhex(vector[part]) for part in ("material", "ref", "material_id"))
        context, blob = vector["context"], bytes.fromhex(vector["blob"])
        opening = partial(implementation.open, material, ref, material_id, context, blob)
        if attempt(opening, refusals) != (bytes.fromhex(vector["plaintext"]) if "plaintext" in vector else None):
            found.add(vector["name"])
        if "plaintext" in vector:
            content, drawn = bytes.fromhex(vector["plaintext"]), bytes.fromhex(vector["random"])
            sealing = partial(implementation.seal, material, ref, material_id, context, content, drawn)
            if attempt(sealing, refusals) != blob:
                found.add(vector["name"])
    return found


def attempt(what: Callable[[], bytes], refusals: type[Exception] | tuple[type[Exception], ...]) -> bytes | None:
    """What was opened, None for a refusal; any other exception is nobody's answer and passes through."""
    try:
        return what()
    except refusals:
        return None
