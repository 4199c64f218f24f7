"""The table of key specs says what AWS's documentation says, row by row."""

from __future__ import annotations

import os

import pytest

from keystead.crypto.keyspecs import SPECS, Family


def test_the_symmetric_row() -> None:
    row = SPECS["SYMMETRIC_DEFAULT"]
    assert row.family is Family.SYMMETRIC
    assert dict(row.algorithms) == {"ENCRYPT_DECRYPT": ("SYMMETRIC_DEFAULT",)}
    assert row.default_usage == "ENCRYPT_DECRYPT"
    assert row.plaintext_max["SYMMETRIC_DEFAULT"] == 4096


@pytest.mark.parametrize("name", SPECS)
def test_each_row_is_whole(name: str) -> None:
    row = SPECS[name]
    assert row.name == name
    assert row.default_usage in {None, *row.algorithms}
    assert all(row.algorithms.values())
    one, other = row.generate(os.urandom), row.generate(os.urandom)
    assert len(one) == len(other) == row.material_bytes
    assert one != other


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        SPECS["SYMMETRIC_DEFAULT"] = SPECS["SYMMETRIC_DEFAULT"]  # type: ignore[index]
    with pytest.raises(TypeError):
        SPECS["SYMMETRIC_DEFAULT"].algorithms["SIGN_VERIFY"] = ()  # type: ignore[index]
