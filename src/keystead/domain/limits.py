"""Numbers that AWS KMS documents as limits. Lengths and ranges that the service model states are not repeated here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

# "Quotas", AWS KMS developer guide: resource quotas. Bytes are of the UTF-8 text.
KEY_POLICY_BYTES: Final = 32_768
KEYS_PER_REGION: Final = 100_000
ALIASES_PER_KEY: Final = 50
TAGS_PER_KEY: Final = 50
GRANTS_PER_KEY: Final = 50_000
# Ours: so many sets of names may the encryption-context constraints have that one grantee's grants on a key demand. Each
# costs every call of his a look-up.
GRANT_SHAPES: Final = 100

# ListGrants and ListRetirableGrants: the service model's 1000 is looser than the service, which gives fewer at once.
GRANTS_AT_ONCE: Final = 100

# Items of a page: when the request says nothing, and at most. API reference of each operation; the service model allows
# 1,000 everywhere. Who asks for more gets a page of the most: "it might return fewer".
PAGES: Final[Mapping[str, tuple[int, int]]] = MappingProxyType(
    {
        "ListAliases": (50, 100),
        "ListGrants": (50, 100),
        "ListKeyPolicies": (100, 1_000),
        "ListKeyRotations": (100, 1_000),
        "ListKeys": (100, 1_000),
        "ListResourceTags": (50, 50),
        "ListRetirableGrants": (50, 100),
    }
)

# The same of every list of IAM. API reference; the model has the most.
PAGE: Final = (100, 1_000)

# Characters of the documents on one page of a list that shows them. AWS ends such pages early too ("might return fewer
# than the MaxItems number of results, even when there are more"), and does not say when.
PAGE_CHARACTERS: Final = 500_000

# ScheduleKeyDeletion: the service model's 1..365 is looser than the service.
DELETION_DAYS_LEAST: Final = 7
DELETION_DAYS_MOST: Final = 30
DELETION_DAYS_DEFAULT: Final = 30

# Rotation: EnableKeyRotation and RotateKeyOnDemand, API reference. (Pages of the guide name other numbers.)
ROTATION_DAYS_DEFAULT: Final = 365
ON_DEMAND_ROTATIONS: Final = 25
AUTOMATIC_ROTATION_NEAR_SECONDS: Final = 20 * 60.0

# ImportKeyMaterial, API reference.
VALID_TO_DAYS_MOST: Final = 365

SECONDS_PER_DAY: Final = 86_400.0
