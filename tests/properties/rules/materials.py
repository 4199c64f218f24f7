"""Key material over time: rotation, import, expiry. What was sealed with an old material opens for as long as it is there."""

from __future__ import annotations

from typing import Any

from tests.properties.outcomes import ANYTHING, BLOB, Answer, Ask, Learn, Refused, becomes, matching
from tests.properties.rules.steps import (
    Rules,
    admit,
    check_range,
    check_state,
    in_any_order,
    invalid,
    named,
    unsupported,
)
from tests.properties.tables import DAY, MATERIAL_SIZES, SYMMETRIC, WRAPPING
from tests.properties.world import Import, Key, Material, Offer, World

RULES = Rules()

MATERIAL_ID = matching("[0-9a-f]{64}")
ROTATIONS_ON_DEMAND = 25
SOON = 20 * 60.0


# --- rotation ------------------------------------------------------------------------------------------------------------


def check_symmetric(key: Key) -> None:
    if key.family.spec != SYMMETRIC:
        raise unsupported()


def check_origin(key: Key, wanted: str) -> None:
    if key.family.origin != wanted:
        raise unsupported(f"{key.arn} origin is {key.family.origin} which is not valid for this operation.")


def check_primary(key: Key) -> None:
    if not key.primary:
        raise unsupported(ANYTHING)


@RULES("EnableKeyRotation")
def enable_key_rotation(world: World, ask: Ask) -> Answer:
    check_range(ask, "RotationPeriodInDays", 90, 2560)
    key = named(world, ask)
    in_any_order(
        lambda: check_symmetric(key),
        lambda: check_origin(key, "AWS_KMS"),
        lambda: check_primary(key),
        lambda: check_state(world, ask.operation, key),
    )
    family, wanted = key.family, ask.body.get("RotationPeriodInDays")
    if family.period is not None and wanted in {None, family.period}:
        return Answer({})
    days = wanted or 365
    return Answer({}, becomes(family, period=days, next_rotation=world.now + days * DAY))


@RULES("DisableKeyRotation")
def disable_key_rotation(world: World, ask: Ask) -> Answer:
    key = named(world, ask)
    in_any_order(
        lambda: check_origin(key, "AWS_KMS"),
        lambda: check_primary(key),
        lambda: check_state(world, ask.operation, key),
    )
    return Answer({}, becomes(key.family, period=None, next_rotation=None))


@RULES("GetKeyRotationStatus")
def get_key_rotation_status(world: World, ask: Ask) -> Answer:
    key = admit(world, ask)
    family = key.family
    on = family.period is not None and key.state(world.now) != "PendingDeletion"
    schedule = {"RotationPeriodInDays": family.period, "NextRotationDate": family.next_rotation} if on else {}
    return Answer({"KeyId": key.arn, "KeyRotationEnabled": on, **schedule})


@RULES("RotateKeyOnDemand")
def rotate_key_on_demand(world: World, ask: Ask) -> Answer:
    key = named(world, ask)
    family = key.family
    in_any_order(
        lambda: check_symmetric(key), lambda: check_primary(key), lambda: check_state(world, ask.operation, key)
    )
    if family.next_rotation is not None and family.next_rotation - world.now <= SOON:
        raise Refused("ConflictException", ANYTHING)
    if sum(one.kind == "ON_DEMAND" for one in family.versions) >= ROTATIONS_ON_DEMAND:
        raise Refused(
            "LimitExceededException",
            "The on-demand rotations limit has been reached for the given keyId. No more on-demand rotations can be "
            f"performed for this key: {key.arn}",
        )
    if key.imported and (family.pending is None or pending_state(world, key) != "PENDING_ROTATION"):
        raise Refused("KMSInvalidStateException", f"No available key material pending rotation for the key: {key.arn}.")
    return Answer({"KeyId": key.arn}, lambda _answer: family.rotate("ON_DEMAND", world.now))


def pending_state(world: World, key: Key) -> str:
    """Of a multi-Region key, material waits until every Region has it."""
    pending = key.family.pending
    everywhere = all(pending in one.imports for one in world.related(key.family))
    return "PENDING_ROTATION" if everywhere else "PENDING_MULTI_REGION_IMPORT_AND_ROTATION"


@RULES("ListKeyRotations")
def list_key_rotations(world: World, ask: Ask) -> Answer:
    key = admit(world, ask)
    everything = ask.body.get("IncludeKeyMaterial") == "ALL_KEY_MATERIAL"
    symmetric = key.family.spec == SYMMETRIC
    shown = [one for one in key.family.versions if symmetric and (everything or one.rotated is not None)]

    def learn(answer: dict[str, Any]) -> None:
        for one, entry in zip(shown, answer["Rotations"], strict=True):
            one.id = entry["KeyMaterialId"]

    return Answer({"Rotations": [entry_of(world, key, one) for one in shown]}, learn)


def entry_of(world: World, key: Key, one: Material) -> dict[str, Any]:
    """A line of the history. A material whose id was not told yet is none of the others."""
    others = {other.id for other in key.family.versions}
    entry = {
        "KeyId": key.arn,
        "KeyMaterialId": one.id or MATERIAL_ID.but(others),
        "KeyMaterialState": one.state if one.lasting else pending_state(world, key),
    }
    if one.rotated is not None:
        entry |= {"RotationDate": one.rotated, "RotationType": one.kind}
    if not key.imported:
        return entry
    if not key.holds(one, world.now):
        held = key.imports.get(one)
        return {**entry, "ImportState": "PENDING_IMPORT", **described(held)}
    held = key.imports[one]
    return {**entry, "ImportState": "IMPORTED", **ending(held.expires), **described(held)}


def described(held: Import | None) -> dict[str, Any]:
    return {} if held is None or held.description is None else {"KeyMaterialDescription": held.description}


def ending(expires: float | None) -> dict[str, Any]:
    if expires is None:
        return {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
    return {"ExpirationModel": "KEY_MATERIAL_EXPIRES", "ValidTo": expires}


def earliest_end(key: Key) -> float | None:
    """Of the materials that belong to the key for good."""
    ends = [held.expires for one, held in key.imports.items() if one.lasting and held.expires is not None]
    return min(ends, default=None)


# --- import --------------------------------------------------------------------------------------------------------------


@RULES("GetParametersForImport")
def get_parameters_for_import(world: World, ask: Ask) -> Answer:
    algorithm, wrapping = ask.body["WrappingAlgorithm"], ask.body["WrappingKeySpec"]
    key = named(world, ask)
    check_origin(key, "EXTERNAL")
    check_state(world, ask.operation, key)
    spec = key.family.spec
    if algorithm not in WRAPPING[spec] or (algorithm, wrapping) in TOO_SMALL.get(spec, ()):
        raise invalid(
            f"Wrapping algorithm {algorithm} and wrapping key spec {wrapping} cannot be used to import a {spec} key."
        )

    def learn(answer: dict[str, Any]) -> None:
        end = world.now + DAY
        world.offers.append(Offer(key, algorithm, answer["PublicKey"], answer["ImportToken"], end))

    answer = {"KeyId": key.arn, "ImportToken": BLOB, "PublicKey": BLOB, "ParametersValidTo": world.now + DAY}
    return Answer(answer, learn)


#: What OAEP under a 2048-bit key has no room for.
TOO_SMALL = {
    spec: [(f"RSAES_OAEP_SHA_{bits}", "RSA_2048") for bits in (1, 256)]
    for spec in ("ECC_NIST_P521", "ECC_NIST_EDWARDS25519")
}


@RULES("ImportKeyMaterial")
def import_key_material(world: World, ask: Ask) -> Answer:
    body = ask.body
    expires = body.get("ExpirationModel", "KEY_MATERIAL_EXPIRES") == "KEY_MATERIAL_EXPIRES"
    key = named(world, ask)
    check_origin(key, "EXTERNAL")
    check_state(world, ask.operation, key)
    check_end(world, expires, body.get("ValidTo"))
    if body.get("ImportType") == "NEW_KEY_MATERIAL":
        if "KeyMaterialId" in body:
            raise invalid("Input parameter keyMaterialId cannot be used with NEW_KEY_MATERIAL importType.")
        check_primary(key)
    if "KeyMaterialDescription" in body:
        check_primary(key)
    secret = unwrapped(world, key, body["ImportToken"], body["EncryptedKeyMaterial"])
    material = taken(key, body, secret)
    held = key.imports.get(material)
    description = body.get("KeyMaterialDescription", held.description if held else None)
    answer: dict[str, Any] = {"KeyId": key.arn}
    if key.family.spec == SYMMETRIC:
        answer["KeyMaterialId"] = material.id or MATERIAL_ID
    waits = key.state(world.now) == "PendingImport"

    def learn(answer: dict[str, Any]) -> None:
        material.id = answer.get("KeyMaterialId", "")
        if material not in key.family.versions:
            key.family.versions.append(material)
        key.imports[material] = Import(body.get("ValidTo"), description)
        if waits and key.state(world.now) != "PendingImport":
            key.enabled = True

    return Answer(answer, learn)


def check_end(world: World, expires: bool, valid_to: float | None) -> None:
    if not expires and valid_to is not None:
        raise invalid("A validTo date cannot be set if the ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE")
    if expires and valid_to is None:
        raise invalid("A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES")
    if valid_to is not None and valid_to <= world.now:
        raise invalid("ValidTo must be in the future")
    if valid_to is not None and valid_to > world.now + 365 * DAY:
        raise invalid("ValidTo must be less than 365 days in the future")


def unwrapped(world: World, key: Key, token: bytes, wrapped: bytes) -> bytes:
    """The material, if the token is of this key and in time, and the material was wrapped for it and is of its kind."""
    offer = next((offer for offer in world.offers if offer.token == token), None)
    if offer is None or offer.key is not key:
        raise Refused("InvalidImportTokenException")
    if offer.expires <= world.now:
        raise Refused("ExpiredImportTokenException", ANYTHING)
    public_key, secret = world.wrapped.get(wrapped, (b"", b""))
    if public_key != offer.public_key or not fits(key, secret):
        raise Refused("InvalidCiphertextException")
    return secret


def fits(key: Key, secret: bytes) -> bool:
    least, most = MATERIAL_SIZES[key.family.spec]
    return least <= len(secret) <= most


def taken(key: Key, body: dict[str, Any], secret: bytes) -> Material:
    """The version that the material is, or becomes."""
    family = key.family
    known = next((one for one in family.versions if one.secret == secret), None)
    if body.get("ImportType") == "NEW_KEY_MATERIAL" or not family.versions:
        if known is not None:
            raise Refused(
                "IncorrectKeyMaterialException",
                f"Key material (id: {known.id}) being imported as NEW_KEY_MATERIAL is already associated with KMS key "
                f"{key.arn}.",
            )
        if family.pending is not None:
            raise Refused("KMSInvalidStateException", other_waits(key, family.pending))
        return Material(secret=secret, state="PENDING" if family.versions else "CURRENT")
    asked = body.get("KeyMaterialId")
    if known is None or asked not in {None, known.id}:
        wanted = asked or (family.current.id if family.current and family.spec == SYMMETRIC else "")
        sentence = f"Imported key material does not have the expected identifier ({wanted})."
        raise Refused("IncorrectKeyMaterialException", sentence if wanted else ANYTHING)
    return known


def other_waits(key: Key, pending: Material) -> Any:
    return matching(
        rf"New key material \(id: [0-9a-f]{{64}}\) cannot be imported into KMS key {key.arn}, because another key material "
        rf"\(id: {pending.id}\) is pending rotation\."
    )


@RULES("DeleteImportedKeyMaterial")
def delete_imported_key_material(world: World, ask: Ask) -> Answer:
    key = named(world, ask)
    check_origin(key, "EXTERNAL")
    check_state(world, ask.operation, key)
    asked = ask.body.get("KeyMaterialId")
    family = key.family
    one = family.current if asked is None else next((one for one in family.versions if one.id == asked), None)
    if one is None and asked is not None:
        raise Refused("NotFoundException", ANYTHING)
    if one is None or not key.holds(one, world.now):
        return Answer({"KeyId": key.arn})
    answer = {"KeyId": key.arn, "KeyMaterialId": one.id} if family.spec == SYMMETRIC else {"KeyId": key.arn}
    return Answer(answer, forgetting(world, key, one))


def forgetting(world: World, key: Key, one: Material) -> Learn:
    """The bytes go; what waited to be rotated to leaves the history, and with the primary's copy those of its replicas."""

    def learn(_answer: dict[str, Any]) -> None:
        held = key.imports.pop(one)
        if one.lasting:
            key.imports[one] = Import(world.now, held.description)  # as if it had expired
        elif key.primary:
            key.family.versions.remove(one)
            for other in world.related(key.family):
                other.imports.pop(one, None)

    return learn
