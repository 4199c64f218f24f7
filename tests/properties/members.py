"""How the members of requests are drawn: mostly such that the call can succeed, seldom with something wrong.

A member is a function of `Draw`, which knows the world and what the request holds so far; ABSENT leaves it out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from hypothesis import strategies as st

from tests.properties.outside import MATERIALS, PEER_KEYS, wrap
from tests.properties.rules.keys import MANAGED
from tests.properties.rules.signing import PEERS
from tests.properties.tables import BY_ALIAS, DAY, GRANTABLE, SPECS, SYMMETRIC, WRAPPING, is_asymmetric
from tests.properties.world import ABROAD, ACCOUNT, ADMIN, CLERK, HOME, POLICIES, STRANGER, Key, World, damaged

T = TypeVar("T")
ABSENT = object()


class Draw:
    """One request being drawn. Hypothesis shrinks to the first of every choice."""

    def __init__(self, data: st.DataObject, world: World, operation: str) -> None:
        self.data = data
        self.world = world
        self.operation = operation
        self.body: dict[str, Any] = {}
        self.caller = ADMIN.name
        self.region = HOME
        self.preferred: Key | None = None

    def one(self, choices: Sequence[T]) -> T:
        return choices[self.number(0, len(choices) - 1)]

    def number(self, least: int, most: int) -> int:
        return self.data.draw(st.integers(least, most)) if most > least else least

    def seldom(self, of: int = 8) -> bool:
        return self.number(1, of) == of

    def named(self, member: str) -> Key | None:
        """The key that a member of the request names, whatever its form."""
        text = self.body.get(member, "")
        alias = self.world.alias(self.region, text[text.find("alias/") :]) if "alias/" in text else None
        if alias is not None:
            return alias.key
        return next((key for key in self.world.living(self.region) if key.id in text), None)


Member = Callable[[Draw], Any]


def maybe(member: Member, of: int = 2) -> Member:
    """Present once in so many times."""
    return lambda draw: member(draw) if draw.seldom(of) else ABSENT


def choice(*values: Any) -> Member:
    return lambda draw: draw.one(values)


# --- keys ----------------------------------------------------------------------------------------------------------------

NOWHERE = "00000000-0000-4000-8000-000000000000"


def key_where(fits: Callable[[Key], object]) -> Member:
    """A key of the region in one of the forms of a KeyId; seldom one that does not fit, or is not there at all."""

    def draw_key(draw: Draw) -> str:
        here = list(draw.world.living(draw.region))
        keys = [key for key in here if fits(key)] or here
        if not keys or draw.seldom(20):
            return draw.one(elsewhere(draw))
        key = draw.preferred or draw.one(here if draw.seldom(10) else keys)
        forms = [key.id, key.arn]
        if draw.operation in BY_ALIAS or draw.seldom(10):
            aliases = [alias for alias in draw.world.aliases.values() if alias.key is key]
            forms += [form for alias in aliases for form in (alias.name, alias.arn)]
        return draw.one(forms)

    return draw_key


def for_usage(usage: str) -> Member:
    return key_where(lambda key: key.family.usage == usage)


def elsewhere(draw: Draw) -> list[str]:
    """References that name no key here."""
    others = [key for key in draw.world.keys if key.region != draw.region or key.gone(draw.world.now)]
    names = [alias.name for alias in draw.world.aliases.values() if alias.key in others]
    return [
        NOWHERE,
        "no-key-id",
        f"arn:aws:kms:{draw.region}:{ACCOUNT}:key/{NOWHERE}",
        "alias/nobody",
        *names[-2:],
        *(form for key in others[-2:] for form in (key.id, key.arn)),
    ]


#: What keys are made of, most often what most keys are.
KINDS = [(SYMMETRIC, "ENCRYPT_DECRYPT")] * 12 + [
    (spec, usage)
    for spec in SPECS
    for usage in SPECS[spec]
    if spec not in {"RSA_3072", "RSA_4096", "ML_DSA_65", "ML_DSA_87", "ML_KEM_512", "ML_KEM_1024"}
]


def key_spec(draw: Draw) -> Any:
    spec, usage = draw.one(KINDS)
    if spec == SYMMETRIC and not draw.seldom(4):
        return ABSENT
    draw.body["KeyUsage"] = draw.one(["SIGN_VERIFY", "ENCRYPT_DECRYPT"]) if draw.seldom(20) else usage
    return spec


def tags(draw: Draw) -> list[dict[str, str]]:
    names = draw.one([["a"], ["a", "b"], ["c", "b", "d"], [], ["a", "a"], ["AWS:x"], [f"t{n}" for n in range(49)]])
    return [{"TagKey": name, "TagValue": draw.one(["", "1", "2"])} for name in names[:3]] + [
        {"TagKey": name, "TagValue": ""} for name in names[3:]
    ]


def policy(draw: Draw) -> str:
    if draw.seldom():
        return draw.one(["{", POLICIES["plain"].document().replace(ACCOUNT, "999999999999")])
    return draw.one([one.document() for one in POLICIES.values()])


def maybe_managed(draw: Draw) -> Any:
    return MANAGED if draw.caller != STRANGER.name and draw.seldom(10) else ANY_KEY(draw)


ANY_KEY = key_where(lambda _key: True)
SEALING_KEY = for_usage("ENCRYPT_DECRYPT")
SYMMETRIC_KEY = key_where(lambda key: key.family.spec == SYMMETRIC)
ASYMMETRIC_KEY = key_where(lambda key: is_asymmetric(key.family.spec))
IMPORTED_KEY = key_where(lambda key: key.imported)
RELATED_KEY = key_where(lambda key: key.family.multi_region)
DOOMED_KEY = key_where(lambda key: key.deletion is not None or key.window is not None)
GRANTED_KEY = key_where(lambda key: key.grants)
DESCRIPTION = choice("", "what it is for", "größe ✓")
DRY_RUN = maybe(choice(True), 8)
REGION = choice(ABROAD, HOME)

# --- names ---------------------------------------------------------------------------------------------------------------

ALIAS = choice(
    "alias/a", "alias/b", "alias/c/d", "alias/a", "alias/b", "alias/c/d", "alias/x:y", "alias/aws/mine", "mine"
)


def known_alias(draw: Draw) -> str:
    names = [alias.name for alias in draw.world.aliases.values() if alias.region == draw.region]
    return draw.one(names) if names and not draw.seldom(6) else str(ALIAS(draw))


def target(draw: Draw) -> str:
    """A key for an alias; for one that points to a key already, a key of that kind."""
    alias = draw.world.alias(draw.region, draw.body["AliasName"])
    family = None if alias is None or draw.seldom(6) else alias.key.family
    like = key_where(lambda key: family is None or (key.family.spec, key.family.usage) == (family.spec, family.usage))
    return "alias/a" if draw.seldom(16) else str(like(draw))


# --- encryption ----------------------------------------------------------------------------------------------------------

CONTEXT = choice({}, {"a": "bc"}, {"ab": "c"}, {"a": "bc", "größe": "✓"})
PLAINTEXT = choice(b"x", bytes(range(16)), b"y" * 200, b"z" * 4_096, b"z" * 4_097)
ENCRYPTION_ALGORITHM = choice("SYMMETRIC_DEFAULT", "RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256")


def fitting_algorithm(usage: str, member: str = "KeyId", default: str = "") -> Member:
    """An algorithm of the key that the request names, seldom another; the ``default`` may be left out."""

    def draw_algorithm(draw: Draw) -> Any:
        key = draw.named(member)
        specs = [key.family.spec] if key is not None and not draw.seldom(16) else list(SPECS)
        algorithms = [algorithm for spec in specs for algorithm in SPECS[spec].get(usage, [])]
        algorithms = algorithms or [algorithm for spec in SPECS.values() for algorithm in spec.get(usage, [])]
        algorithm = draw.one(algorithms)
        return ABSENT if algorithm == default and not draw.seldom(4) else algorithm

    return draw_algorithm


def ciphertext(prefix: str = "") -> Member:
    """A ciphertext of the world with all that opens it, seldom with something wrong."""

    def draw_blob(draw: Draw) -> bytes:
        known = list(draw.world.sealed.values())
        if not known:
            return b"no ciphertext"
        favoured = [sealed for sealed in known if draw.preferred and sealed.family is draw.preferred.family]
        sealed = draw.one((favoured or known)[::-1])
        wrong = draw.one(["damage", "context", "algorithm", "key"]) if draw.seldom() else ""
        context = CONTEXT(draw) if wrong == "context" else dict(sealed.context)
        if context or draw.seldom(4):
            draw.body[f"{prefix}EncryptionContext"] = context
        if sealed.algorithm != SYMMETRIC or wrong == "algorithm" or draw.seldom(4):
            algorithm = ENCRYPTION_ALGORITHM(draw) if wrong == "algorithm" else sealed.algorithm
            draw.body[f"{prefix}EncryptionAlgorithm"] = algorithm
        if wrong == "key":
            draw.body[f"{prefix}KeyId"] = ANY_KEY(draw)
        elif sealed.algorithm != SYMMETRIC or draw.seldom(3):
            key = draw.world.key(draw.region, sealed.family.id)
            draw.body[f"{prefix}KeyId"] = draw.one([key.id, key.arn]) if key is not None else sealed.family.id
        return damaged(sealed.data) if wrong == "damage" else sealed.data

    return draw_blob


def data_key_size(draw: Draw) -> Any:
    if draw.seldom(3):
        draw.body["NumberOfBytes"] = draw.one([1, 24, 1_024, 1_025, 0])
        return "AES_256" if draw.seldom() else ABSENT
    return draw.one(["AES_256", "AES_128"]) if not draw.seldom(16) else ABSENT


# --- signatures, MACs, secrets -------------------------------------------------------------------------------------------

MESSAGE = choice(b"m", b"d" * 32, b"d" * 48, b"d" * 64, b"l" * 4_096)
MESSAGE_TYPE = maybe(choice("RAW", "DIGEST", "EXTERNAL_MU"))
SIGNING_KEY, MAC_KEY = for_usage("SIGN_VERIFY"), for_usage("GENERATE_VERIFY_MAC")
SIGNING_ALGORITHM = fitting_algorithm("SIGN_VERIFY")
MAC_ALGORITHM = fitting_algorithm("GENERATE_VERIFY_MAC")


def proof(name: str, algorithm_name: str) -> Member:
    """A signature or MAC of the world with all that verifies it, seldom with something wrong."""
    signatures = name == "Signature"

    def draw_proof(draw: Draw) -> bytes:
        known = [one for one in draw.world.proofs if one.algorithm.startswith("HMAC") != signatures]
        if not known:
            draw.body |= {"KeyId": ANY_KEY(draw), "Message": b"m", algorithm_name: SIGNING_ALGORITHM(draw)}
            if not signatures:
                draw.body[algorithm_name] = MAC_ALGORITHM(draw)
            return b"nothing"
        one = draw.one(known[::-1])
        wrong = draw.one(["damage", "message", "key", "algorithm"]) if draw.seldom(4) else ""
        draw.body["KeyId"] = one.family.id if wrong != "key" else ANY_KEY(draw)
        draw.body["Message"] = damaged(one.message) if wrong == "message" else one.message
        other = SIGNING_ALGORITHM if signatures else MAC_ALGORITHM
        draw.body[algorithm_name] = other(draw) if wrong == "algorithm" else one.algorithm
        if one.message_type != "RAW":
            draw.body["MessageType"] = one.message_type
        return damaged(one.data) if wrong == "damage" else one.data

    return draw_proof


def peer(draw: Draw) -> bytes:
    """A public key, most often on the curve of the key."""
    key = draw.named("KeyId")
    fit = [public for public in PEER_KEYS if key is not None and PEERS[public][0] == key.family.spec]
    return draw.one(fit) if fit and not draw.seldom() else draw.one([*PEER_KEYS, b"nobody"])


def encapsulated(draw: Draw) -> bytes:
    """A ciphertext of a secret with its key, seldom with something wrong."""
    known = list(draw.world.secrets.items())
    if not known or draw.seldom(16):
        draw.body["KeyId"] = for_usage("ENCAPSULATE_DECAPSULATE")(draw)
        return draw.one([b"nothing", *(blob for blob, _ in known)])
    blob, (family, _) = draw.one(known[::-1])
    draw.body["KeyId"] = family.id
    return damaged(blob) if draw.seldom() else blob


# --- import --------------------------------------------------------------------------------------------------------------

WRAPPING_ALGORITHM = choice(
    "RSAES_OAEP_SHA_256", "RSAES_OAEP_SHA_1", "RSA_AES_KEY_WRAP_SHA_256", "RSA_AES_KEY_WRAP_SHA_1"
)


def wrapping_algorithm(draw: Draw) -> str:
    key = draw.named("KeyId")
    fit = WRAPPING.get(key.family.spec, ()) if key is not None and not draw.seldom(10) else ()
    return draw.one(fit) if fit else str(WRAPPING_ALGORITHM(draw))


def wrapped_material(draw: Draw) -> bytes:
    """Material for the key, wrapped as an offer for it says, with all that goes along, seldom with something wrong."""
    world, key = draw.world, draw.named("KeyId")
    if world.offers and not draw.seldom(6):  # the newest offer, for its own key
        key = world.offers[-1].key
        draw.body["KeyId"], draw.region = key.id, key.region
    offers = [offer for offer in world.offers if offer.key is key and not draw.seldom(16)] or world.offers
    if not offers:
        draw.body["ImportToken"] = b"nothing"
        return b"nothing"
    offer = draw.one(offers[::-1])
    spec = (key or offer.key).family.spec
    secret = draw.one(MATERIALS.get(spec, [b"nothing"]))
    draw.body["ImportToken"] = damaged(offer.token) if draw.seldom(20) else offer.token
    if len(secret) > ROOM and not offer.algorithm.startswith("RSA_AES"):
        secret = b"no key"
    blob = wrap(secret, offer.public_key, offer.algorithm)
    world.wrapped[blob] = (offer.public_key, secret)
    end_of_material(draw)
    if spec == SYMMETRIC and draw.seldom(3):
        draw.body["ImportType"] = draw.one(["NEW_KEY_MATERIAL", "NEW_KEY_MATERIAL", "EXISTING_KEY_MATERIAL"])
    if key is not None and "ImportType" in draw.body and not key.family.versions:
        draw.body["ImportType"] = "NEW_KEY_MATERIAL"  # what the first could be instead is not known
    if key is not None and spec == SYMMETRIC and key.family.versions and draw.seldom(8):
        draw.body["KeyMaterialId"] = draw.one(key.family.versions).id or "0" * 64
    if spec == SYMMETRIC and draw.seldom(4):
        draw.body["KeyMaterialDescription"] = draw.one(["first", "second"])
    return damaged(blob) if draw.seldom(20) else blob


ROOM = 190  # bytes that OAEP with SHA-256 takes under the smallest wrapping key, RSA_2048 (RFC 8017, section 7.1.1)


def end_of_material(draw: Draw) -> None:
    if draw.seldom(2):
        days = draw.one([1, 40, 365, 366, -1]) if draw.seldom(4) else draw.one([10, 100])
        draw.body["ValidTo"] = draw.world.now + days * DAY
        model = "KEY_MATERIAL_EXPIRES" if draw.seldom(2) else ABSENT
    else:
        model = ABSENT if draw.seldom(10) else "KEY_MATERIAL_DOES_NOT_EXPIRE"
    if draw.seldom(16):
        model = "KEY_MATERIAL_DOES_NOT_EXPIRE"
    if model is not ABSENT:
        draw.body["ExpirationModel"] = model


def material_id(draw: Draw) -> str:
    key = draw.named("KeyId")
    known = [one.id for one in key.family.versions if one.id] if key is not None else []
    return draw.one(known) if known and not draw.seldom() else "0" * 64


# --- grants --------------------------------------------------------------------------------------------------------------


def grant_operations(draw: Draw) -> list[str]:
    key = draw.named("KeyId")
    spec, usage = (key.family.spec, key.family.usage) if key is not None else (SYMMETRIC, "ENCRYPT_DECRYPT")
    usage = draw.one(sorted(GRANTABLE)) if draw.seldom(10) else SYMMETRIC if spec == SYMMETRIC else usage
    wanted = [operation for operation in GRANTABLE[usage] if draw.seldom(2)]
    return wanted if wanted not in ([], ["CreateGrant"]) else ["DescribeKey"]


def constraints(draw: Draw) -> dict[str, Any]:
    return {draw.one(["EncryptionContextSubset", "EncryptionContextEquals"]): draw.one([{"a": "bc"}, {"ab": "c"}])}


PRINCIPAL = choice(
    CLERK.arn, CLERK.arn, CLERK.arn, CLERK.arn, STRANGER.arn, ADMIN.arn, f"arn:aws:iam::{ACCOUNT}:user/nobody"
)


def grant_id(draw: Draw) -> str:
    key = draw.named("KeyId")
    known = list(key.grants) if key is not None else []
    return draw.one(known) if known and not draw.seldom(10) else "0" * 64


def grant_to_retire(draw: Draw) -> Any:
    """By token, or by the ARN of the key and the id."""
    known = [grant for key in draw.world.living(draw.region) for grant in key.grants.values()]
    if not known:
        return draw.one(["", "nothing"]) or by_name(
            draw, f"arn:aws:kms:{draw.region}:{ACCOUNT}:key/{NOWHERE}", "0" * 64
        )
    grant = draw.one(known[::-1])
    if grant.grantee == CLERK.arn or grant.retiring == CLERK.arn:
        draw.caller = draw.one([draw.caller, CLERK.name])
    return draw.one(grant.tokens) if draw.seldom(2) else by_name(draw, grant.key.arn, grant.id)


def by_name(draw: Draw, arn: str, grant: str) -> Any:
    draw.body |= {"KeyId": arn, "GrantId": grant}
    return ABSENT
