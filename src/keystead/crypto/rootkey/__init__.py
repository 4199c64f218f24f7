"""Custodian slots: each opens the root key by other means; one mechanism for all (docs/format.md §8, §9)."""

from keystead.crypto.rootkey.custodian import Custodian, CustodianRefused
from keystead.crypto.rootkey.file import CustodianFile
from keystead.crypto.rootkey.passphrase import Cost, Passphrase
from keystead.crypto.rootkey.slots import KINDS, RootKeyClosed, Slot, create, new, open  # noqa: A004

__all__ = [
    "KINDS",
    "Cost",
    "Custodian",
    "CustodianFile",
    "CustodianRefused",
    "Passphrase",
    "RootKeyClosed",
    "Slot",
    "create",
    "new",
    "open",
]
