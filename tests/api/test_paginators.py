"""Every list of KMS, walked by boto3's own paginators in pages of every small size: all items, each once."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import pytest

from tests.api.conftest import Refused
from tests.api.importer import NEW, bring
from tests.server import Server

ITEMS = 5
SIZES = (1, 2, 3, 5, 6)


@dataclass(frozen=True)
class Listing:
    """A list with its own items in it. ``name`` tells an item; ``mine`` is what has to be found, among others if the
    list is everybody's (``shared``)."""

    operation: str
    arguments: dict[str, Any]
    member: str
    name: Callable[[Any], str]
    mine: frozenset[str]
    shared: bool = False


def _tags(kms: Any, server: Server) -> Listing:
    key = kms.create_key(Tags=[{"TagKey": f"t{n}", "TagValue": ""} for n in range(ITEMS)])["KeyMetadata"]["KeyId"]
    mine = frozenset(f"t{n}" for n in range(ITEMS))
    return Listing("list_resource_tags", {"KeyId": key}, "Tags", itemgetter("TagKey"), mine)


def _keys(kms: Any, server: Server) -> Listing:
    mine = frozenset(kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(ITEMS))
    return Listing("list_keys", {}, "Keys", itemgetter("KeyId"), mine, shared=True)


def _aliases_of(kms: Any, **filtered: Any) -> Listing:
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    mine = frozenset(f"alias/page-{uuid.uuid4()}" for _ in range(ITEMS))
    for alias in mine:
        kms.create_alias(AliasName=alias, TargetKeyId=key)
    arguments = {"KeyId": key} if filtered else {}
    return Listing("list_aliases", arguments, "Aliases", itemgetter("AliasName"), mine, shared=not filtered)


def _aliases(kms: Any, server: Server) -> Listing:
    return _aliases_of(kms)


def _aliases_of_a_key(kms: Any, server: Server) -> Listing:
    return _aliases_of(kms, of_a_key=True)


def _grants_on(kms: Any, server: Server, **more: Any) -> tuple[str, frozenset[str]]:
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    grantee = f"arn:aws:iam::{server.account}:user/admin"
    made = [kms.create_grant(KeyId=key, GranteePrincipal=grantee, Operations=["Encrypt"], **more) for _ in range(ITEMS)]
    return key, frozenset(grant["GrantId"] for grant in made)


def _grants(kms: Any, server: Server) -> Listing:
    key, mine = _grants_on(kms, server)
    return Listing("list_grants", {"KeyId": key}, "Grants", itemgetter("GrantId"), mine)


def _grants_to_somebody(kms: Any, server: Server) -> Listing:
    key, mine = _grants_on(kms, server)
    arguments = {"KeyId": key, "GranteePrincipal": f"arn:aws:iam::{server.account}:user/admin"}
    return Listing("list_grants", arguments, "Grants", itemgetter("GrantId"), mine)


def _retirable_grants(kms: Any, server: Server) -> Listing:
    retiring = f"arn:aws:iam::{server.account}:root"
    _, mine = _grants_on(kms, server, RetiringPrincipal=retiring)
    arguments = {"RetiringPrincipal": retiring}
    return Listing("list_retirable_grants", arguments, "Grants", itemgetter("GrantId"), mine, shared=True)


def _policies(kms: Any, server: Server) -> Listing:
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    return Listing("list_key_policies", {"KeyId": key}, "PolicyNames", str, frozenset({"default"}))


def _rotations(kms: Any, server: Server) -> Listing:
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    mine = set()
    for _ in range(ITEMS):
        kms.rotate_key_on_demand(KeyId=key)
        mine.add(kms.describe_key(KeyId=key)["KeyMetadata"]["CurrentKeyMaterialId"])
    return Listing("list_key_rotations", {"KeyId": key}, "Rotations", itemgetter("KeyMaterialId"), frozenset(mine))


def _materials(kms: Any, server: Server) -> Listing:
    key = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
    mine = {bring(kms, key, bytes(32))["KeyMaterialId"]}
    for number in range(1, ITEMS):
        if number > 1:
            kms.rotate_key_on_demand(KeyId=key)
        mine.add(bring(kms, key, bytes([number]) * 32, ImportType=NEW)["KeyMaterialId"])
    arguments = {"KeyId": key, "IncludeKeyMaterial": "ALL_KEY_MATERIAL"}
    return Listing("list_key_rotations", arguments, "Rotations", itemgetter("KeyMaterialId"), frozenset(mine))


LISTINGS = (
    _keys,
    _aliases,
    _aliases_of_a_key,
    _tags,
    _grants,
    _grants_to_somebody,
    _retirable_grants,
    _policies,
    _rotations,
    _materials,
)

#: Custom key stores are not offered: their list is refused by name.
NOT_OFFERED = {"describe_custom_key_stores"}


@pytest.fixture(scope="module", params=LISTINGS, ids=lambda make: make.__name__.strip("_"))
def listing(request: pytest.FixtureRequest, kms: Any, server: Server) -> Listing:
    made: Listing = request.param(kms, server)
    return made


def pages(kms: Any, listing: Listing, size: int) -> Iterator[dict[str, Any]]:
    paginator = kms.get_paginator(listing.operation)
    yield from paginator.paginate(**listing.arguments, PaginationConfig={"PageSize": size})


def test_every_paginator_of_boto3_is_walked(kms: Any, server: Server) -> None:
    can = {operation for operation in kms.meta.method_to_api_mapping if kms.can_paginate(operation)}
    assert can - NOT_OFFERED == {make(kms, server).operation for make in LISTINGS}


@pytest.mark.parametrize("size", SIZES)
def test_all_pages_hold_every_item_once(kms: Any, listing: Listing, size: int) -> None:
    found = list(pages(kms, listing, size))
    names = [listing.name(item) for page in found for item in page[listing.member]]
    assert len(names) == len(set(names))
    if listing.shared:
        assert listing.mine <= set(names)
    else:
        assert listing.mine == set(names)
    for page in found[:-1]:
        assert (len(page[listing.member]), page["Truncated"]) == (size, True)
        assert 0 < len(page["NextMarker"]) <= 1_024
    assert 0 < len(found[-1][listing.member]) <= size
    assert found[-1]["Truncated"] is False
    assert "NextMarker" not in found[-1]


def test_a_list_can_be_continued_later(kms: Any, listing: Listing) -> None:
    """What `--starting-token` of the AWS CLI does."""
    paginator = kms.get_paginator(listing.operation)
    first = paginator.paginate(**listing.arguments, PaginationConfig={"PageSize": 1, "MaxItems": 1})
    [item] = [item for page in first for item in page[listing.member]]
    if len(listing.mine) == 1:
        assert first.resume_token is None
        return
    rest = paginator.paginate(
        **listing.arguments, PaginationConfig={"PageSize": 2, "StartingToken": first.resume_token}
    )
    names = [listing.name(other) for page in rest for other in page[listing.member]]
    assert listing.name(item) not in names
    assert listing.mine - {listing.name(item)} <= set(names)


def test_markers_of_nobody_and_of_another_list_are_refused(kms: Any, listing: Listing, refused: Refused) -> None:
    call = getattr(kms, listing.operation)
    for _ in range(2):
        kms.create_key()  # whatever ran before on this server, or nothing: there is a second page of keys
    strange = kms.list_keys(Limit=1)["NextMarker"]
    if listing.operation == "list_keys":
        strange = kms.list_aliases(Limit=1)["NextMarker"]
    bad = {"x", strange, "A" * 1_024}
    if len(listing.mine) > 1:
        mine = call(**listing.arguments, Limit=1)["NextMarker"]
        assert call(**listing.arguments, Limit=1, Marker=mine)[listing.member]
        bad |= {mine[:-4], mine + mine[:4], ("B" if mine[0] != "B" else "C") + mine[1:]}
    for marker in sorted(bad):
        assert refused(call, **listing.arguments, Marker=marker) == ("InvalidMarkerException", "")


@pytest.mark.parametrize(("limit", "bound"), [(0, "greater than or equal to 1"), (1_001, "less than or equal to 1000")])
def test_the_size_of_a_page_has_bounds(kms: Any, listing: Listing, refused: Refused, limit: int, bound: str) -> None:
    call = getattr(kms, listing.operation)
    code, message = refused(call, **listing.arguments, Limit=limit)
    assert code == "ValidationException"
    assert message.endswith(f"Value '{limit}' at 'limit' failed to satisfy constraint: Member must have value {bound}")


def test_a_list_that_changes_between_pages_loses_nothing_that_stays(kms: Any) -> None:
    listing = _aliases_of(kms, of_a_key=True)
    seen: list[str] = []
    for number, page in enumerate(pages(kms, listing, 2)):
        seen += [alias["AliasName"] for alias in page["Aliases"]]
        if number == 0:
            kms.delete_alias(AliasName=seen[0])
            kms.create_alias(AliasName=f"alias/added-{uuid.uuid4()}", TargetKeyId=listing.arguments["KeyId"])
    assert listing.mine <= set(seen)
    assert len(seen) == len(set(seen))


def test_the_list_that_is_not_offered_is_refused_by_name(kms: Any, refused: Refused) -> None:
    code, message = refused(kms.describe_custom_key_stores)
    assert code == "UnsupportedOperationException"
    assert "DescribeCustomKeyStores" in message


def test_kms_has_no_waiters(kms: Any) -> None:
    """If botocore gets some, they belong into these tests."""
    assert kms.waiter_names == []
