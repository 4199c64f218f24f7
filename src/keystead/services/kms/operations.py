"""The KMS table: every row of this service, and every operation of the pinned model that is not offered yet, with its
reason; of request members too (of key specs: `crypto.keyspecs`). `docs/operations.md` shows all of it."""

from __future__ import annotations

from typing import Final

from keystead.services.kms import (
    agreement,
    aliases,
    datakeys,
    deletion,
    encapsulating,
    encrypting,
    grants,
    importing,
    keys,
    macs,
    policies,
    randomness,
    replicas,
    rotation,
    signing,
    tags,
    usage,
)
from keystead.services.table import Service, collect

_LATER_STORES: Final = "custom key stores are not offered yet"

NOT_OFFERED: Final = {
    "ConnectCustomKeyStore": _LATER_STORES,
    "CreateCustomKeyStore": _LATER_STORES,
    "DeleteCustomKeyStore": _LATER_STORES,
    "DescribeCustomKeyStores": _LATER_STORES,
    "DisconnectCustomKeyStore": _LATER_STORES,
    "UpdateCustomKeyStore": _LATER_STORES,
}

# Request members, by attribute name; each operation's row says which of these it withholds.
MEMBERS_NOT_OFFERED: Final = {
    "custom_key_store_id": _LATER_STORES,
    "recipient": "attestation of AWS Nitro Enclaves is not offered",
    "xks_key_id": _LATER_STORES,
}

KMS: Final = Service(
    name="kms",
    event_source="kms.amazonaws.com",
    rows=collect(
        (
            agreement,
            aliases,
            datakeys,
            deletion,
            encapsulating,
            encrypting,
            grants,
            importing,
            keys,
            macs,
            policies,
            randomness,
            replicas,
            rotation,
            signing,
            tags,
            usage,
        )
    ),
    not_offered=NOT_OFFERED,
    members_not_offered=MEMBERS_NOT_OFFERED,
)
