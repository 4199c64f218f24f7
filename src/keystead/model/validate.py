"""The slow walk: a parsed JSON body against the model, explained in AWS's own sentences.

Guarantees: the walk alone decides what a body means; whatever the fast decoder accepts, it accepts with the same
result. Types come first: the first value of a wrong type, or member that the model does not know, is a
SerializationException, because a body that cannot be read has no members to judge. Then every broken constraint is
one sentence of one ValidationException. No sentence shows a blob, a value the model calls sensitive, or a grant
token. Does not guarantee the order in which AWS lists several sentences, which varies and is not published: here
members in the model's order; of one member pattern, then length.

Where AWS's behaviour is known it is followed:

* lengths of strings are Java's, in UTF-16 units: a character beyond the BMP counts two; lengths of blobs are
  decoded bytes;
* null for a member means absent; null inside a list or map is a broken constraint;
* at most ten sentences are listed;
* a blob is standard Base64 with its padding, a multiple of four characters and no stray bits after the last byte;
* the strings true, 1, yes and false, 0, no, in any case, are booleans.

One thing is stricter than AWS, which cuts the fraction off: a number with a fraction is no integer (10.0 and 1e1
are).
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from keystead import errors
from keystead.model.shapes import Operation, Shape

# The model does not mark these as sensitive, but whoever holds one may use the grant before it has spread.
_SECRET: Final = frozenset({"GrantTokenType"})

# Lists of which AWS says besides, whatever is wrong with an item, that it must not be null.
_NEVER_NULL: Final = frozenset({"tagKeyListType"})

# Orders in which AWS was seen to list an enum; values it did not list then follow in model order.
_ENUM_ORDER: Final[Mapping[str, tuple[str, ...]]] = {
    "MacAlgorithmSpec": ("HMAC_SHA_384", "HMAC_SHA_256", "HMAC_SHA_224", "HMAC_SHA_512"),
    "KeySpec": (
        "RSA_2048",
        "ECC_NIST_P384",
        "ECC_NIST_P256",
        "ECC_NIST_P521",
        "HMAC_384",
        "RSA_3072",
        "ECC_SECG_P256K1",
        "RSA_4096",
        "SYMMETRIC_DEFAULT",
        "HMAC_256",
        "HMAC_224",
        "HMAC_512",
    ),
    "KeyUsageType": ("ENCRYPT_DECRYPT", "SIGN_VERIFY", "GENERATE_VERIFY_MAC"),
}

_TRUE: Final = frozenset({"TRUE", "1", "YES"})
_FALSE: Final = frozenset({"FALSE", "0", "NO"})
_INTEGER_BITS: Final = {"integer": 31, "long": 63}
_JAVA_NAME: Final = {"string": "String", "integer": "Integer", "long": "Long", "boolean": "Boolean"}
_SHOWABLE: Final = frozenset({"string", "integer", "long"})
_SHOWN: Final = 2048  # characters of a refused value that its sentence repeats
_LISTED: Final = 10


class Decimals(str):
    """A JSON number with a fraction or exponent, kept as text: nothing is lost, nothing is computed too early."""

    __slots__ = ()


def explain(operation: Operation, parsed: object) -> list[str]:
    """The constraint sentences that a parsed body breaks, at most ten; an empty list when it is valid.

    Raises Refusal (SerializationException) when a value has the wrong type or a member is unknown.
    """
    return constraints(operation.input, typed(operation.input, parsed))


def summary(sentences: list[str]) -> str:
    """AWS's message for one or more constraint sentences."""
    plural = "s" if len(sentences) > 1 else ""
    return f"{len(sentences)} validation error{plural} detected: {'; '.join(sentences)}"


# --- types ----------------------------------------------------------------------------------------------------------


def typed(shape: Shape, value: object) -> Any:
    """``value`` as Python types of the shape: blobs as bytes, timestamps as float, structures as dicts by wire name.

    Members that are null are left out; null inside lists and maps stays None for `constraints` to judge. ``value``
    is what `json` gives, numbers as int, float or `Decimals`. Raises Refusal (SerializationException).
    """
    match shape.kind:
        case "structure":
            return _structure(shape, _container(shape, value, dict))
        case "list":
            item = shape.item
            assert item is not None
            return [None if one is None else typed(item, one) for one in _container(shape, value, list)]
        case "map":
            return {
                _text(name): None if one is None else _string(one)
                for name, one in _container(shape, value, dict).items()
            }
        case "string":
            return _string(value)
        case "blob":
            return _blob(value)
        case "boolean":
            return _boolean(value)
        case "integer" | "long":
            return _integer(value, shape.kind)
        case "timestamp" | "double" | "float":
            return _number(value)
        case other:
            raise ValueError(f"{shape.name}: the walk does not know type {other}")


def _structure(shape: Shape, value: dict[str, object]) -> dict[str, Any]:
    for name in value:
        if name not in shape.members:
            raise errors.serialization(f"Unknown member '{_text(name)[:_SHOWN]}'.")
    return {
        name: typed(member.shape, value[name]) for name, member in shape.members.items() if value.get(name) is not None
    }


def _container(shape: Shape, value: object, kind: type) -> Any:
    if isinstance(value, kind):
        return value
    if isinstance(value, (dict, list)):
        raise _misplaced(value)
    raise errors.serialization("Unexpected field type")


def _misplaced(value: object) -> errors.Refusal:
    what = "structure or map" if isinstance(value, dict) else "list"
    return errors.serialization(f"Start of {what} found where not expected")


def _scalar(value: object, kind: str) -> errors.Refusal:
    """The refusal of a value that is of the wrong type where one of ``kind`` belongs."""
    if isinstance(value, (dict, list)):
        return _misplaced(value)
    if isinstance(value, bool):
        found = "TRUE_VALUE" if value else "FALSE_VALUE"
    elif isinstance(value, (float, Decimals)):
        found = "DECIMAL_VALUE"
    else:
        found = "NUMBER_VALUE" if isinstance(value, int) else "STRING_VALUE"
    return errors.serialization(f"{found} cannot be converted to {_JAVA_NAME.get(kind, 'Date')}")


def _text(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise errors.serialization("A string holds half of a surrogate pair.") from None
    return value


def _string(value: object) -> str:
    if not isinstance(value, str) or isinstance(value, Decimals):
        raise _scalar(value, "string")
    return _text(value)


def _blob(value: object) -> bytes:
    if isinstance(value, (dict, list)):
        raise _misplaced(value)
    if not isinstance(value, str) or isinstance(value, Decimals):
        raise errors.serialization("only base-64-encoded strings are convertible to bytes")
    if len(value) % 4:
        raise errors.serialization(f"Base64 encoded length is expected a multiple of 4 bytes but found: {len(value)}")
    try:
        decoded = binascii.a2b_base64(value.encode("ascii"), strict_mode=True)
    except (UnicodeEncodeError, binascii.Error):
        raise errors.serialization("Invalid Base64 character") from None
    if base64.b64encode(decoded) != value.encode("ascii"):
        raise errors.serialization("Invalid last non-pad Base64 character dectected")  # the spelling is AWS's
    return decoded


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and not isinstance(value, Decimals):
        word = value.upper()
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
        raise errors.serialization("Unexpected token received from parser")
    raise _scalar(value, "boolean")


def _integer(value: object, kind: str) -> int:
    if isinstance(value, (float, Decimals)):
        whole = _whole(str(value))
        if whole is None:
            raise _scalar(value, kind)
        value = whole
    if isinstance(value, bool) or not isinstance(value, int):
        raise _scalar(value, kind)
    limit = 1 << _INTEGER_BITS[kind]
    if not -limit <= value < limit:
        raise errors.serialization(f"Numeric value out of range of {_JAVA_NAME[kind]}")
    return value


def _whole(text: str) -> int | None:
    """The integer that a decimal number is, or None. Bounded before it is expanded: 1e999999999 must cost nothing."""
    try:
        number = Decimal(text)
    except InvalidOperation:  # an exponent beyond what Decimal holds
        return None
    if number == 0:
        return 0
    if not 0 <= number.adjusted() <= 20:
        return None
    whole = int(number)
    return whole if whole == number else None


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimals)):
        raise _scalar(value, "timestamp")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise errors.serialization("Numeric value out of range of Double")
    return number


# --- constraints ----------------------------------------------------------------------------------------------------


def constraints(shape: Shape, value: Any, *, reticent: bool = False) -> list[str]:
    """The sentences that a typed value of the shape breaks, the first ten. ``reticent``: as IAM words them, which
    repeats no value of the request and lists no enum."""
    sentences: list[str] = []
    for sentence in _Walk(reticent).walk(shape, value, ""):
        sentences.append(sentence)
        if len(sentences) == _LISTED:
            break
    return sentences


class _Walk:
    """Sentences about values that are present, in one of the two manners."""

    __slots__ = ("_reticent",)

    def __init__(self, reticent: bool) -> None:
        self._reticent = reticent

    def walk(self, shape: Shape, value: Any, path: str) -> Iterator[str]:
        """The sentences of one value. ``path`` is empty for the request itself."""
        for demand in self._broken(shape, value):
            yield self._sentence(shape, value, path, demand)
        match shape.kind:
            case "structure":
                for name, member in shape.members.items():
                    below = f"{path}.{member.path}" if path else member.path
                    if name in value:
                        yield from self.walk(member.shape, value[name], below)
                    elif member.required:
                        yield self._null(below)
            case "list":
                yield from self._items(shape, value, path)
            case "map":
                if None in value.values():
                    yield _omitted(path, "Map value must satisfy constraint: [Member must not be null]")
                else:
                    yield from self._entries(shape, value, path)

    def _items(self, shape: Shape, value: list[Any], path: str) -> Iterator[str]:
        item = shape.item
        assert item is not None
        if item.kind in ("structure", "list", "map"):
            for number, one in enumerate(value, 1):
                below = f"{path}.{number}.member"
                if one is None:
                    yield self._null(below)
                else:
                    yield from self.walk(item, one, below)
            return
        # Items without members of their own share one sentence, which shows the list and all that an item must be.
        null = None in value
        if null or any(True for one in value for _ in self._broken(item, one)):
            says_null = null or shape.name in _NEVER_NULL
            demands = [*self._demands(item), *(["Member must not be null"] if says_null else [])]
            yield self._sentence(shape, value, path, f"Member must satisfy constraint: [{', '.join(demands)}]")

    def _entries(self, shape: Shape, value: dict[str, Any], path: str) -> Iterator[str]:
        """Keys share one sentence, and so do values without members of their own; no sentence shows the map."""
        for part, all_of_it, what in ((shape.key, value, "keys"), (shape.value, value.values(), "value")):
            if part is None:
                continue
            if part.kind in ("structure", "list", "map"):
                for name, one in value.items():
                    yield from self.walk(part, one, f"{path}.{name}.member")
            elif any(True for one in all_of_it for _ in self._broken(part, one)):
                yield _omitted(path, f"Map {what} must satisfy constraint: [{', '.join(self._demands(part))}]")

    def _broken(self, shape: Shape, value: Any) -> Iterator[str]:
        """What the value itself, members and items aside, fails to satisfy."""
        if shape.regex is not None and shape.regex.search(value) is None:
            yield f"Member must satisfy regular expression pattern: {shape.pattern}"
        if shape.enum and value not in shape.enum:
            yield self._enum(shape)
        size, what = _size(shape, value)
        if shape.least is not None and size < shape.least:
            yield f"Member must have {what} greater than or equal to {shape.least}"
        if shape.most is not None and size > shape.most:
            yield f"Member must have {what} less than or equal to {shape.most}"

    def _demands(self, shape: Shape) -> Iterator[str]:
        """Everything an item of the shape must satisfy, in the order AWS lists it inside a list's sentence."""
        what = "value" if shape.kind in _INTEGER_BITS else "length"
        if shape.most is not None:
            yield f"Member must have {what} less than or equal to {shape.most}"
        if shape.least is not None:
            yield f"Member must have {what} greater than or equal to {shape.least}"
        if shape.pattern is not None:
            yield f"Member must satisfy regular expression pattern: {shape.pattern}"
        if shape.enum:
            yield self._enum(shape)

    def _enum(self, shape: Shape) -> str:
        if self._reticent:
            return "Member must satisfy enum value set"
        seen = [value for value in _ENUM_ORDER.get(shape.name, ()) if value in shape.enum]
        listed = [*seen, *(value for value in shape.enum if value not in seen)]
        return f"Member must satisfy enum value set: [{', '.join(listed)}]"

    def _sentence(self, shape: Shape, value: Any, path: str, demand: str) -> str:
        listed = shape.kind == "list"
        shown = shape.item if listed and shape.item is not None else shape
        if self._reticent or shown.sensitive or shown.name in _SECRET or shown.kind not in _SHOWABLE:
            return _omitted(path, demand)
        text = f"[{', '.join('null' if one is None else str(one) for one in value)}]" if listed else str(value)
        if len(text) > _SHOWN:
            text = text[:_SHOWN] + "..."
        return f"Value '{text}' at '{path}' failed to satisfy constraint: {demand}"

    def _null(self, path: str) -> str:
        if self._reticent:
            return _omitted(path, "Member must not be null")
        return f"Value null at '{path}' failed to satisfy constraint: Member must not be null"


def _size(shape: Shape, value: Any) -> tuple[int, str]:
    if shape.kind in _INTEGER_BITS:
        return value, "value"
    if shape.kind == "string":
        return len(value) if value.isascii() else len(value.encode("utf-16-le")) // 2, "length"
    return (len(value), "length") if shape.kind in ("blob", "list", "map") else (0, "length")


def _omitted(path: str, demand: str) -> str:
    return f"Value at '{path}' failed to satisfy constraint: {demand}"
