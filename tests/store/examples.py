"""Rows to put into a store: one of each kind, and hypothesis strategies for those with a MAC."""

from __future__ import annotations

import hashlib
from typing import Any

from hypothesis import strategies as st

from keystead.domain.grants import IN_ORDER, Grant
from keystead.domain.identity import Group, Identity, IdentityKind, ManagedPolicy, PolicyVersion
from keystead.domain.key import (
    Alias,
    ExpirationModel,
    Key,
    KeyState,
    LastUse,
    Material,
    MaterialState,
    RotationType,
    WrappedKey,
    WrappedMaterial,
)
from keystead.store.identities import CredentialUse, StoredAccessKey
from keystead.store.interface import Transaction

ACCOUNT = "111122223333"
REGION = "eu-central-1"
KEY_ID = "0b5e8e7a-9d3c-4c61-8a5f-2f1f6f3f0001"
USER = f"arn:aws:iam::{ACCOUNT}:user/alice"
USER_ID = "AIDACKCEVSQ6C2EXAMPLE"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/app/Worker"
ROLE_ID = "AROACKCEVSQ6C2EXAMPLE"
GROUP_ID = "AGPACKCEVSQ6C2EXAMPLE"
POLICY = f"arn:aws:iam::{ACCOUNT}:policy/app/Limits"
OF_AWS = "arn:aws:iam::aws:policy/IAMReadOnlyAccess"
ACCESS_KEY_ID = "AKIAIOSFODNN7EXAMPLE"


def scramble(text: str, size: int) -> bytes:
    """Bytes that appear nowhere else: what a test searches files for."""
    return hashlib.shake_256(text.encode()).digest(size)


def key(key_id: str = KEY_ID, **changes: Any) -> Key:
    facts: dict[str, Any] = {
        "account": ACCOUNT,
        "region": REGION,
        "key_id": key_id,
        "ref": scramble(f"ref of {key_id}", 16),
        "spec": "SYMMETRIC_DEFAULT",
        "usage": "ENCRYPT_DECRYPT",
        "origin": "AWS_KMS",
        "manager": "CUSTOMER",
        "state": KeyState.ENABLED,
        "description": "payroll",
        "created": 1_700_000_000.25,
        "policy": '{"Version":"2012-10-17","Statement":[]}',
        "material_id": "ab" * 32,
        "tags": (("team", "payroll"), ("stage", "prod")),
        "primary_region": REGION,
        "rotation_period_days": 365,
        "next_rotation": 1_700_000_005.5,
        "expiration_model": ExpirationModel.EXPIRES,
        "valid_to": 1_700_000_006.5,
        "pending_window_days": 7,
    }
    return Key(**(facts | changes))


def alias(name: str = "alias/payroll", key_id: str = KEY_ID) -> Alias:
    return Alias(ACCOUNT, REGION, name, key_id, 1_700_000_001.0, 1_700_000_002.0)


def wrap_key(key_id: str = KEY_ID) -> WrappedKey:
    return WrappedKey(ACCOUNT, REGION, key_id, scramble(f"wrap key of {key_id}", 92))


def material(key_id: str = KEY_ID, version: int = 1, size: int = 108) -> WrappedMaterial:
    name = f"material {version} of {key_id}"
    return WrappedMaterial(
        ACCOUNT,
        REGION,
        key_id,
        scramble(name, 32).hex(),
        version,
        "SYMMETRIC_DEFAULT",
        scramble(name, size),
        1_700_000_003.0,
    )


def material_fact(key_id: str = KEY_ID, version: int = 1, **changes: Any) -> Material:
    facts: dict[str, Any] = {
        "account": ACCOUNT,
        "region": REGION,
        "key_id": key_id,
        "material_id": material(key_id, version).material_id,
        "version": version,
        "state": MaterialState.CURRENT,
        "present": True,
        "created": 1_700_000_003.0,
        "rotation_date": 1_700_000_007.5,
        "rotation_type": RotationType.ON_DEMAND,
        "expiration_model": ExpirationModel.EXPIRES,
        "valid_to": 1_700_000_006.5,
        "description": "from the vault",
    }
    return Material(**(facts | changes))


def grant(number: int = 1, key_id: str = KEY_ID, **changes: Any) -> Grant:
    facts: dict[str, Any] = {
        "account": ACCOUNT,
        "region": REGION,
        "key_id": key_id,
        "grant_id": f"{number:064x}",
        "grantee": USER_ID,
        "operations": ("Encrypt", "Decrypt"),
        "issuing_account": f"arn:aws:iam::{ACCOUNT}:root",
        "created": 1_700_000_008.0,
        "name": "nightly",
        "grantee_service": False,
        "retiring": "AROACKCEVSQ6C2EXAMPLE",
        "retiring_service": False,
        "context_equals": (("a", "b"),),
        "context_subset": (("c", "d"),),
        "source_arn": "arn:aws:s3:::bucket",
    }
    return Grant(**(facts | changes))


def last_use(at: float = 1_700_000_009.0, key_id: str = KEY_ID) -> LastUse:
    return LastUse(ACCOUNT, REGION, key_id, "Decrypt", at, f"event at {at}", f"request at {at}")


def identity(name: str = "alice", **changes: Any) -> Identity:
    facts: dict[str, Any] = {
        "kind": IdentityKind.USER,
        "account": ACCOUNT,
        "path": "/",
        "name": name,
        "unique_id": USER_ID if name == "alice" else f"AIDA{scramble(name, 8).hex().upper()}",
        "created": 1_700_000_000.5,
        "tags": (("team", "payroll"),),
        "inline": (("allow", '{"Statement":[]}'), ("deny", '{"Statement":[]} ')),
        "attached": (OF_AWS, POLICY),
        "boundary": POLICY,
        "groups": ("Keepers",),
    }
    return Identity(**(facts | changes))


def role(**changes: Any) -> Identity:
    facts: dict[str, Any] = {
        "kind": IdentityKind.ROLE,
        "path": "/app/",
        "unique_id": ROLE_ID,
        "groups": (),
        "trust": '{"Statement":[]}',
        "description": "works",
        "max_session": 7_200,
    }
    return identity(**({"name": "Worker"} | facts | changes))


def group(name: str = "Keepers", **changes: Any) -> Group:
    facts: dict[str, Any] = {
        "account": ACCOUNT,
        "path": "/app/",
        "name": name,
        "unique_id": GROUP_ID if name == "Keepers" else f"AGPA{scramble(name, 8).hex().upper()}",
        "created": 1_700_000_000.75,
        "inline": (("deny", '{"Statement":[]}'),),
        "attached": (POLICY,),
    }
    return Group(**(facts | changes))


def managed_policy(name: str = "Limits", **changes: Any) -> ManagedPolicy:
    facts: dict[str, Any] = {
        "account": ACCOUNT,
        "path": "/app/",
        "name": name,
        "unique_id": f"ANPA{scramble(name, 8).hex().upper()}",
        "created": 1_700_000_001.0,
        "updated": 1_700_000_002.5,
        "description": "limits",
        "default": 2,
        "newest": 3,
        "versions": (
            PolicyVersion(2, '{"Statement":[]}', 1_700_000_001.5),
            PolicyVersion(3, '{"Statement":[]} ', 1_700_000_002.5),
        ),
        "tags": (("team", "payroll"),),
    }
    return ManagedPolicy(**(facts | changes))


def access_key(access_key_id: str = ACCESS_KEY_ID, identity_id: str = USER_ID) -> StoredAccessKey:
    return StoredAccessKey(
        access_key_id, identity_id, scramble(f"secret of {access_key_id}", 96), True, 1_700_000_004.0
    )


def credential_use(at: float = 1_700_000_010.0, subject: str = ACCESS_KEY_ID) -> CredentialUse:
    return CredentialUse(subject, at, "kms", REGION)


def put_account(t: Transaction) -> None:
    t.put_account(ACCOUNT, "main", scramble(f"account key of {ACCOUNT}", 92), 1_700_000_000.0)


def put_all(t: Transaction) -> None:
    """One of everything that has a MAC, and a key's sealed rows."""
    put_account(t)
    t.put_key(key())
    t.put_alias(alias())
    t.put_wrap_key(wrap_key())
    t.put_material(material())
    t.put_material_fact(material_fact())
    t.put_grant(grant())
    t.put_last_use(last_use())
    put_identities(t)
    t.put_access_key(access_key())
    t.put_credential_use(credential_use())


def put_identities(t: Transaction) -> None:
    """A user in a group, and the policy that is attached to both."""
    t.put_identity(identity())
    t.put_group(group())
    t.put_managed_policy(managed_policy())


# --- anything that fits ----------------------------------------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
times = st.floats(allow_nan=False) | st.integers(0, 2**40)
finite_times = st.floats(allow_nan=False, allow_infinity=False) | st.integers(0, 2**40)
pairs = st.lists(st.tuples(texts, texts), max_size=4).map(tuple)

keys = st.builds(
    Key,
    account=st.just(ACCOUNT),
    region=texts,
    key_id=texts,
    ref=st.binary(min_size=16, max_size=16),
    spec=texts,
    usage=texts,
    origin=texts,
    manager=texts,
    state=st.sampled_from(KeyState),
    description=texts,
    created=times,
    policy=texts,
    material_id=st.none() | texts,
    deletion_date=st.none() | times,
    multi_region=st.booleans(),
    tags=pairs,
    primary_region=st.none() | texts,
    rotation_period_days=st.none() | st.integers(90, 2560),
    next_rotation=st.none() | times,
    expiration_model=st.none() | st.sampled_from(ExpirationModel),
    valid_to=st.none() | times,
    pending_window_days=st.none() | st.integers(7, 30),
)
material_facts = st.builds(
    Material,
    account=st.just(ACCOUNT),
    region=st.just(REGION),
    key_id=st.just(KEY_ID),
    material_id=texts,
    version=st.integers(2, 2**40),
    state=st.sampled_from(MaterialState),
    present=st.booleans(),
    created=times,
    rotation_date=st.none() | times,
    rotation_type=st.none() | st.sampled_from(RotationType),
    expiration_model=st.none() | st.sampled_from(ExpirationModel),
    valid_to=st.none() | times,
    description=st.none() | texts,
)
grants = st.builds(
    Grant,
    account=st.just(ACCOUNT),
    region=st.just(REGION),
    key_id=st.just(KEY_ID),
    grant_id=texts.filter(bool),
    grantee=texts,
    operations=st.lists(st.sampled_from(IN_ORDER), max_size=4, unique=True).map(tuple),
    issuing_account=texts,
    created=times,
    name=st.none() | texts,
    grantee_service=st.booleans(),
    retiring=st.none() | texts,
    retiring_service=st.booleans(),
    context_equals=st.none() | pairs,
    context_subset=st.none() | pairs,
    source_arn=st.none() | texts,
)
identities = st.builds(
    Identity,
    kind=st.sampled_from(IdentityKind),
    account=st.just(ACCOUNT),
    path=texts,
    name=texts,
    unique_id=texts,
    created=times,
    tags=pairs,
    inline=pairs,
    attached=st.lists(st.sampled_from([OF_AWS, POLICY]), max_size=2, unique=True).map(tuple),
    boundary=st.none() | st.sampled_from([OF_AWS, POLICY]),
    groups=st.sampled_from([(), ("Keepers",)]),
    trust=st.none() | texts,
    description=st.none() | texts,
    max_session=st.integers(3_600, 43_200),
)
groups = st.builds(
    Group,
    account=st.just(ACCOUNT),
    path=texts,
    name=texts,
    unique_id=texts,
    created=times,
    inline=pairs,
    attached=st.lists(st.sampled_from([OF_AWS, POLICY]), max_size=2, unique=True).map(tuple),
)
managed_policies = st.builds(
    ManagedPolicy,
    account=st.just(ACCOUNT),
    path=texts,
    name=texts.filter(bool),  # a list begins after the empty name
    unique_id=texts,
    created=times,
    updated=times,
    description=texts,
    default=st.integers(1, 2**40),
    newest=st.integers(1, 2**40),
    versions=st.lists(st.builds(PolicyVersion, st.integers(1, 2**40), texts, finite_times), max_size=4).map(tuple),
    tags=pairs,
)
access_keys = st.builds(
    StoredAccessKey,
    access_key_id=texts,
    identity_id=st.just(USER_ID),
    sealed_secret=st.binary(max_size=120),
    active=st.booleans(),
    created=times,
)
