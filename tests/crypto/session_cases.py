"""Session tokens that become vectors (docs/format.md §6.3), made with the independent implementation. DEFLATE is used
without compression, which every reader of it takes and every machine writes alike."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
from tests.crypto import stranger
from tests.crypto.ciphertext_cases import ACCOUNT, fixed

LABEL = b"keystead/token/v1"
KEY_ID = "ASIAIOSFODNN7EXAMPLE"
TIMES = [1_800_000_000, 1_800_003_600]
ROLE = ["AssumedRole", ACCOUNT, "AROAEXAMPLEEXAMPLE123", "me", *TIMES, None, [], [], [], None, None]
POLICY = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:Decrypt","Resource":"*"}]}'
FULL = [
    *("AssumedRole", ACCOUNT, "AROAEXAMPLEEXAMPLE123", "builder", *TIMES, POLICY),
    [f"arn:aws:iam::{ACCOUNT}:policy/limits", "arn:aws:iam::aws:policy/AdministratorAccess"],
    [["team", "nörd"], ["stage", ""]],
    ["team"],
    "alice",
    f"arn:aws:iam::{ACCOUNT}:oidc-provider/idp.example.com/tenant",
]
SESSIONS: dict[str, list[Any]] = {
    "a role's session": ROLE,
    "a role's session with everything": FULL,
    "a federated user": [
        "FederatedUser",
        ACCOUNT,
        "AIDAEXAMPLEEXAMPLE123",
        "guest",
        *TIMES,
        None,
        [],
        [],
        [],
        None,
        None,
    ],
    "a user's own": ["IAMUser", ACCOUNT, "AIDAEXAMPLEEXAMPLE123", "", *TIMES, None, [], [], [], None, None],
    "a root user's own": ["Root", ACCOUNT, ACCOUNT, "", *TIMES, None, [], [], [], None, None],
}


def stored(data: bytes) -> bytes:
    """RFC 1951 §3.2.4: one last block, not compressed."""
    length = len(data).to_bytes(2, "little")
    return b"\x01" + length + bytes(byte ^ 0xFF for byte in length) + data


def told(box: bytes) -> str:
    return base64.urlsafe_b64encode(box).rstrip(b"=").decode()


def sessions() -> dict[str, Any]:
    """The file's content: tokens that open, and such as must not."""
    root = fixed("root", 32)
    key = stranger.branch(root, "tokens")
    drawn = fixed("salt of a session token", 24)
    secret = fixed("secret of a session", 30)

    def sealed(content: bytes, purpose: str = "session", key_id: str = KEY_ID) -> str:
        return told(stranger.seal_box(key, LABEL, purpose, (key_id,), drawn, content))

    def content(array: list[Any], version: bytes = b"\x01") -> bytes:
        return version + secret + stored(msgspec.msgpack.encode(array))

    good = sealed(content(ROLE))
    accepted = [
        {"what": what, "token": sealed(content(array) + filler), "session": array}
        for what, array in SESSIONS.items()
        for filler in (b"", bytes(100))
    ]
    refused = {
        "another access key": sealed(content(ROLE), key_id="ASIAANOTHERKEYEXAMPL"),
        "another purpose": sealed(content(ROLE), purpose="grant"),
        "version 2": sealed(content(ROLE, b"\x02")),
        "empty": sealed(b""),
        "one element more, which might limit the session": sealed(content([*ROLE, "more"])),
        "one element less": sealed(content(ROLE[:-1])),
        "an element of another type": sealed(content([*ROLE[:4], "soon", *ROLE[5:]])),
        "a kind that there is not": sealed(content(["Emperor", *ROLE[1:]])),
        "no DEFLATE": sealed(b"\x01" + secret + b"\xff" * 40),
        "DEFLATE without an end": sealed(b"\x01" + secret + stored(msgspec.msgpack.encode(ROLE))[:-9]),
        "with padding": good + "=" * (-len(good) % 4 or 4),
        "with another last character": good[:-1] + ("A" if good[-1] != "A" else "B"),
        "in the other alphabet": good.replace("-", "+").replace("_", "/") + ("" if set("-_") & set(good) else "+"),
        "cut": good[:-4],
    }
    return {
        "root": root.hex(),
        "access_key_id": KEY_ID,
        "random": drawn.hex(),
        "secret": base64.b64encode(secret).decode(),
        "accepted": accepted,
        "refused": [{"why": why, "token": token} for why, token in refused.items()],
    }
