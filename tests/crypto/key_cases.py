"""The branches, wrapped rows, sealed things and slots that become vectors, made with the independent implementation."""

from __future__ import annotations

from typing import Any

from tests.crypto import stranger
from tests.crypto.ciphertext_cases import ACCOUNT, FULL_ID, KEY_ID, MATERIAL, REGION, fixed, flipped
from tests.crypto.stranger import Gcm

Place = dict[str, str | int]
Row = dict[str, Any]


def wraps(root: bytes) -> list[Row]:
    domain, account_key, wrap_key = fixed("domain key 1", 32), fixed("account key", 32), fixed("wrap key", 32)
    in_key: Place = {"account": ACCOUNT, "region": REGION, "key_id": KEY_ID}
    material: Place = {"material_id": FULL_ID.hex(), "spec": "SYMMETRIC_DEFAULT", "version": 1}
    rows: list[tuple[bytes, int, Place, bytes]] = [
        (stranger.branch(root, "domain-keys"), 0, {"table": "domain_keys", "version": 1}, domain),
        (domain, 1, {"table": "account_keys", "account": ACCOUNT}, account_key),
        (account_key, 0, {"table": "wrap_keys", **in_key}, wrap_key),
        (wrap_key, 0, {"table": "materials", **in_key, **material}, MATERIAL),
    ]
    out = []
    for key, parent, place, plaintext in rows:
        drawn = fixed(f"iv of {place['table']}", 12)
        wrapped = stranger.wrap(key, parent, drawn, plaintext, **place)
        row = {
            "key": key,
            "parent": parent,
            "place": place,
            "random": drawn,
            "plaintext": plaintext,
            "wrapped": wrapped,
        }
        out.append(written(row))
    return out


def wraps_refused(root: bytes) -> list[Row]:
    good = wraps(root)[-1]
    wrapped, key = bytes.fromhex(good["wrapped"]), bytes.fromhex(good["key"])
    moved: list[tuple[str, Place]] = [
        ("another table", {"table": "wrap_keys"}),
        ("another account", {"account": "444455556666"}),
        ("another region", {"region": "eu-west-1"}),
        ("another key", {"key_id": KEY_ID[:-1] + "c"}),
        ("another material id", {"material_id": fixed("another id", 32).hex()}),
        ("another spec", {"spec": "HMAC_256"}),
        ("another version", {"version": 2}),
        ("the boundary between account and region moved", {"account": ACCOUNT + "e", "region": REGION[1:]}),
    ]

    def otherwise_right(front: bytes, content: bytes = MATERIAL) -> bytes:
        return front + Gcm(key).seal(front[6:18], content, stranger.wrap_additional(front[:6], **good["place"]))

    altered = {
        "version 2, otherwise right": otherwise_right(b"\x02" + wrapped[1:18]),
        "suite 2, otherwise right": otherwise_right(b"\x01\x02" + wrapped[2:18]),
        "nothing wrapped, otherwise right": otherwise_right(wrapped[:18], b""),
        "suite altered": flipped(wrapped, 1, 3),
        "parent altered": flipped(wrapped, 5),
        "IV altered": flipped(wrapped, 6),
        "ciphertext altered": flipped(wrapped, 18),
        "tag altered": flipped(wrapped, len(wrapped) - 1),
        "last byte cut": wrapped[:-1],
        "one byte more": wrapped + b"\x00",
        "nothing": b"",
        "without ciphertext": wrapped[:18] + wrapped[-16:],
    }
    rows = [(name, {**good["place"], **place}, wrapped) for name, place in moved]
    rows += [(name, good["place"], bad) for name, bad in altered.items()]
    return [written({"name": name, "key": key, "place": place, "wrapped": bad}) for name, place, bad in rows]


def boxes(root: bytes) -> list[Row]:
    whose = ("AKIAEXAMPLE", "arn:aws:iam::111122223333:user/a")
    rows: list[tuple[str, str, str, tuple[str, ...], bytes]] = [
        ("credentials", "secret", "access-key", whose, b"wJalrXUtnFEMI/EXAMPLEKEY"),
        ("tokens", "token", "page", (ACCOUNT, REGION), b"\x00\x01after"),
        ("tokens", "token", "empty", (), b""),
    ]
    out = []
    for branch, kind, purpose, binding, content in rows:
        drawn, label = fixed(f"salt of {purpose}", 24), f"keystead/{kind}/v1".encode()
        box = stranger.seal_box(stranger.branch(root, branch), label, purpose, binding, drawn, content)
        row = {"kind": kind, "purpose": purpose, "binding": list(binding), "random": drawn, "plaintext": content}
        out.append(written({**row, "sealed": box}))
    return out


def boxes_refused(root: bytes) -> list[Row]:
    secret, token, _ = boxes(root)
    box = bytes.fromhex(token["sealed"])
    rows: list[tuple[str, Row]] = [
        ("a secret given as a token", {**secret, "kind": "token"}),
        ("a token given as a secret", {**token, "kind": "secret"}),
        ("another purpose", {**token, "purpose": "session"}),
        ("not bound", {**token, "binding": []}),
        ("bound to somebody else", {**token, "binding": ["444455556666", REGION]}),
        ("the boundary in the binding moved", {**token, "binding": [ACCOUNT + "e", REGION[1:]]}),
        ("one more in the binding", {**token, "binding": [ACCOUNT, REGION, ""]}),
        ("version altered", {**token, "sealed": flipped(box, 0, 3)}),
        ("suite altered", {**token, "sealed": flipped(box, 1, 3)}),
        ("salt altered", {**token, "sealed": flipped(box, 2)}),
        ("ciphertext altered", {**token, "sealed": flipped(box, 26)}),
        ("tag altered", {**token, "sealed": flipped(box, len(box) - 1)}),
        ("last byte cut", {**token, "sealed": box[:-1]}),
        ("one byte more", {**token, "sealed": box + b"\x00"}),
        ("nothing", {**token, "sealed": b""}),
    ]
    wanted = ("kind", "purpose", "binding", "sealed")
    return [written({"name": name, **{member: row[member] for member in wanted}}) for name, row in rows]


def slots(root: bytes) -> list[Row]:
    passphrase = b"correct horse battery staple"
    argon: Place = {"salt": fixed("argon2 salt", 16).hex(), "memory": 64, "iterations": 2, "lanes": 2}
    file: Place = {"file": fixed("file id", 8).hex()}
    rows: list[tuple[int, str, Place, bytes, dict[str, bytes]]] = [
        (1, "file", file, fixed("file key", 32), {}),
        (2, "passphrase", argon, stranger.passphrase_secret(passphrase, argon), {"passphrase": passphrase}),
    ]
    out = []
    for number, kind, parameters, secret, more in rows:
        drawn = fixed(f"slot {number}", 28)
        wrapped = stranger.seal_slot(secret, number, kind, parameters, drawn, root)
        row = {"number": number, "kind": kind, "parameters": parameters, **more, "secret": secret, "random": drawn}
        out.append(written({**row, "wrapped": wrapped}))
    return out


def slots_refused(root: bytes) -> list[Row]:
    good = slots(root)[0]
    wrapped, secret = bytes.fromhex(good["wrapped"]), bytes.fromhex(good["secret"])

    def otherwise_right(front: bytes, commitment: bytes | None = None) -> bytes:
        key, right = stranger.slot_keys(secret, good["number"], good["kind"], good["parameters"], front)
        front += right if commitment is None else commitment
        return front + Gcm(key).seal(front[18:30], root, front)

    rows: list[tuple[str, Row]] = [
        ("another number", {**good, "number": 2}),
        ("another kind", {**good, "kind": "passphrase"}),
        ("another parameter", {**good, "parameters": {"file": "0" * 16}}),
        ("one parameter more", {**good, "parameters": {**good["parameters"], "more": 1}}),
        ("another secret", {**good, "secret": fixed("another secret", 32)}),
        ("commitment of zeros, tag over it right", {**good, "wrapped": otherwise_right(wrapped[:30], bytes(32))}),
        ("version 2, otherwise right", {**good, "wrapped": otherwise_right(b"\x02" + wrapped[1:30])}),
        ("suite 2, otherwise right", {**good, "wrapped": otherwise_right(b"\x01\x02" + wrapped[2:30])}),
        ("version altered", {**good, "wrapped": flipped(wrapped, 0, 3)}),
        ("suite altered", {**good, "wrapped": flipped(wrapped, 1, 3)}),
        ("salt altered", {**good, "wrapped": flipped(wrapped, 2)}),
        ("IV altered", {**good, "wrapped": flipped(wrapped, 29)}),
        ("commitment altered", {**good, "wrapped": flipped(wrapped, 30)}),
        ("ciphertext altered", {**good, "wrapped": flipped(wrapped, 62)}),
        ("tag altered", {**good, "wrapped": flipped(wrapped, 109)}),
        ("last byte cut", {**good, "wrapped": wrapped[:-1]}),
        ("one byte more", {**good, "wrapped": wrapped + b"\x00"}),
    ]
    wanted = ("number", "kind", "parameters", "secret", "wrapped")
    return [written({"name": name, **{member: row[member] for member in wanted}}) for name, row in rows]


def material_ids(root: bytes) -> list[Row]:
    replica, pkcs8 = "mrk-" + "1234abcd" * 4, fixed("as long as a key in PKCS#8", 138)
    rows = [
        (ACCOUNT, KEY_ID, MATERIAL),
        (ACCOUNT, KEY_ID, fixed("other material", 32)),
        (ACCOUNT, replica, MATERIAL),
        ("444455556666", KEY_ID, MATERIAL),
        (ACCOUNT, KEY_ID, pkcs8),
        (ACCOUNT, KEY_ID + "m", MATERIAL[1:]),
    ]
    return [
        written({"account": account, "key_id": key, "material": material,
                 "id": stranger.material_id(root, account, key, material)})
        for account, key, material in rows
    ]  # fmt: skip


def written(row: Row) -> Row:
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in row.items()}


def keys() -> dict[str, Any]:
    root = fixed("root", 32)
    names = ("domain-keys", "metadata", "credentials", "tokens", "audit", "material-ids")
    segment, row = b"segment-20260102T030405Z-0-00ff", stranger.listed(b"keys", b"row")
    return {
        "root": root.hex(),
        "branches": {name: stranger.branch(root, name).hex() for name in names},
        "wrapped": wraps(root),
        "sealed": boxes(root),
        "slots": slots(root),
        "row_mac": {"row": row.hex(), "mac": stranger.row_mac(root, row).hex()},
        "material_ids": material_ids(root),
        "audit_key": {"segment": segment.hex(), "key": stranger.audit_key(root, segment).hex()},
        "refused": {"wrapped": wraps_refused(root), "sealed": boxes_refused(root), "slots": slots_refused(root)},
    }
