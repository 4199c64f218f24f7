"""What related multi-Region keys have in common, and how it stays so.

Related keys, a primary and its replicas, are rows of their own, one in each region, with the same ref, key id and
material. What they share (material, rotation, where the primary is) is changed for all of them in one transaction, by
whoever changes it: an operation on the primary, or the rotation that is due.

https://docs.aws.amazon.com/kms/latest/developerguide/multi-region-keys-overview.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from keystead import errors
from keystead.domain.key import Key
from keystead.model.generated.kms import MultiRegionConfiguration, MultiRegionKey
from keystead.services.change import ServiceEvent
from keystead.store.interface import Reader

SYNCHRONIZED: Final = "SynchronizeMultiRegionKey"


def related(reader: Reader, key: Key, now: float) -> list[Key]:
    """The key, and if it is a multi-Region key its primary and all replicas, by region."""
    if not key.multi_region:
        return [key]
    return [one for one in reader.related(key.ref) if one.exists(now)]


def insist_primary(key: Key) -> None:
    """UnsupportedOperationException unless the key is the primary of a multi-Region key."""
    if not key.multi_region or key.is_replica:
        raise errors.not_a_primary(key.arn)


def synchronized(primary: Key, family: Sequence[Key]) -> tuple[ServiceEvent, ...]:
    """What the journal says when something that is shared was brought to the replicas; nothing where there are none."""
    return (ServiceEvent(SYNCHRONIZED, primary, called=True),) if len(family) > 1 else ()


def configuration(key: Key, family: Sequence[Key]) -> MultiRegionConfiguration | None:
    """MultiRegionConfiguration of KeyMetadata; None of a single-Region key. ``family``: the key and those related to
    it."""
    if not key.multi_region:
        return None
    members = {one.region: MultiRegionKey(arn=one.arn, region=one.region) for one in (*family, key)}
    primary = members.pop(key.primary_region or key.region, None)
    return MultiRegionConfiguration(
        multi_region_key_type=key.multi_region_key_type,
        primary_key=primary,
        replica_keys=[members[region] for region in sorted(members)],
    )
