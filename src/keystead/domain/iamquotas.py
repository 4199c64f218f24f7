"""How many of what an account may have in IAM, and how large; AWS's defaults, which nothing here raises.

Source: "IAM and AWS STS quotas" (IAM user guide); names as GetAccountSummary has them. Sizes are characters without
white space."""

from __future__ import annotations

from typing import Final

ACCESS_KEYS_PER_USER: Final = 2
GROUPS: Final = 300
GROUPS_PER_USER: Final = 10
POLICIES: Final = 1_500
ROLES: Final = 1_000
USERS: Final = 5_000

#: Managed policies attached to one user, group or role.
ATTACHED_POLICIES: Final = 10
VERSIONS_PER_POLICY: Final = 5

POLICY_SIZE: Final = 6_144
#: Of all inline policies together.
USER_POLICY_SIZE: Final = 2_048
GROUP_POLICY_SIZE: Final = 5_120
ROLE_POLICY_SIZE: Final = 10_240
TRUST_POLICY_SIZE: Final = 2_048

#: White space is free, but not without end, since it is stored and shown with the rest: with it, documents may be so many
#: times as large as without. AWS has no such quota, and holds every document to 131,072 characters.
WITH_WHITE_SPACE: Final = 8

#: Of one user, role or managed policy.
TAGS: Final = 50

#: What AWS counts besides, of things that Keystead does not have (yet or ever); GetAccountSummary names them.
INSTANCE_PROFILES: Final = 1_000
POLICY_VERSIONS_IN_USE: Final = 10_000
SERVER_CERTIFICATES: Final = 20
SIGNING_CERTIFICATES_PER_USER: Final = 2
