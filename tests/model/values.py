"""Values of the model's shapes, drawn for property tests, and the same values as JSON and as arguments of botocore.

A drawn value satisfies its shape, and is plain: blobs are bytes, timestamps floats with whole milliseconds, structures
dicts by wire name. Members that are not required are sometimes absent.
"""

from __future__ import annotations

import base64
import datetime
import json
from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st

from keystead.model.rows import Structure
from keystead.model.shapes import Service, Shape

KMS = Service.load("kms")
OPERATIONS = sorted(KMS.operations)

# One or two values for each pattern: drawing from a pattern and its length bounds at once discards too much.
SAMPLES: dict[str, tuple[str, ...]] = {
    "AccountIdType": ("111122223333",),
    "AliasNameType": ("alias/a", "alias/a:b_c-9"),
    "BackingKeyIdType": ("0123456789abcdef" * 4,),
    "CloudHsmClusterIdType": ("cluster-2abcdefghijk", "cluster-AbCdEfGhIjKlMn7"),
    "GrantConstraintSourceArnType": ("arn:aws:s3:eu-west-1:111122223333:x/ü y",),
    "GrantNameType": ("n", "a/b:c_d-9"),
    "KeyMaterialDescriptionType": ("spring 2026", "a\tb"),
    "MarkerType": ("m", "AbC=\u00ff "),
    "PolicyNameType": ("default", "x_9"),
    "PolicyType": ('{"Version":"2012-10-17"}', "{\t\u00fc\\\r\n}"),
    "PrincipalIdType": ("arn:aws:iam::111122223333:user/a@b=c,d", "x"),
    "RegionType": ("eu-central-1", "us-gov-west-1"),
    "ServicePrincipalType": ("a.amazonaws.com", "x.y-z.w.v"),
    "XksKeyIdType": ("key-1_2.3",),
    "XksProxyAuthenticationAccessKeyIdType": ("ABCDEFGHIJKLMNOPQRS2",),
    "XksProxyAuthenticationRawSecretAccessKeyType": ("aB3/+=" * 8 + "x",),
    "XksProxyUriEndpointType": ("https://a.example",),
    "XksProxyUriPathType": ("/a/b-c/kms/xks/v1", "/kms/xks/v1"),
    "XksProxyVpcEndpointServiceNameType": ("com.amazonaws.vpce.eu-west-1.vpce-svc-0a1b",),
    "BackingKeyIdResponseType": ("0af9",),
}

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
LETTERS = st.text("abc", max_size=6)
PLAIN_TEXT = st.text(st.sampled_from("ab=/Q g,:{}"), max_size=6)


def examples(share: float) -> settings:
    """So many times the examples that the profile in force draws, which a nightly run raises."""
    return settings(max_examples=max(1, round(settings.default.max_examples * share)))


def units(text: str) -> int:
    """The length of a text as Java counts it."""
    return len(text.encode("utf-16-le")) // 2


def values(shape: Shape, text: st.SearchStrategy[str] = TEXT) -> st.SearchStrategy[Any]:
    """Values that satisfy a shape; ``text`` is what free strings are made of."""
    least, most = shape.least or 0, shape.most
    match shape.kind:
        case "structure":
            members = {name: values(member.shape, text) for name, member in shape.members.items()}
            return st.fixed_dictionaries(
                {name: one for name, one in members.items() if shape.members[name].required},
                optional={name: one for name, one in members.items() if not shape.members[name].required},
            )
        case "list":
            assert shape.item is not None
            return st.lists(values(shape.item, text), min_size=least, max_size=min(most or 3, least + 3))
        case "map":
            return st.dictionaries(text, text, max_size=3)
        case "string" if shape.enum:
            return st.sampled_from(shape.enum)
        case "string" if shape.pattern is not None:
            return st.sampled_from(SAMPLES[shape.name])
        case "string":
            # Beyond ASCII as often as not; of the bounds only the lower one is near.
            return text.map(lambda drawn: drawn + "k" * max(0, least - units(drawn)))
        case "blob":
            return st.binary(min_size=least, max_size=least + 40)
        case "boolean":
            return st.booleans()
        case "integer":
            return st.integers(shape.least, shape.most)
        case "timestamp":
            return st.integers(0, 4_000_000_000_000).map(lambda milliseconds: milliseconds / 1000)
    raise AssertionError(f"no values for {shape.kind}")


def wire(shape: Shape, value: Any) -> Any:
    """A value as the JSON of the wire."""
    match shape.kind:
        case "structure":
            return {name: wire(shape.members[name].shape, one) for name, one in value.items()}
        case "list":
            assert shape.item is not None
            return [wire(shape.item, one) for one in value]
        case "blob":
            return base64.b64encode(value).decode()
    return value


def moments(shape: Shape, value: Any) -> Any:
    """A value as botocore takes and gives it: timestamps as aware datetimes."""
    match shape.kind:
        case "structure":
            return {name: moments(shape.members[name].shape, one) for name, one in value.items()}
        case "list":
            assert shape.item is not None
            return [moments(shape.item, one) for one in value]
        case "timestamp":
            epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
            return epoch + datetime.timedelta(milliseconds=round(value * 1000))
    return value


def plain(structure: Any) -> Any:
    """A decoded structure as a value: attribute names turned back into wire names, absent members left out."""
    if isinstance(structure, Structure):
        return {
            field.encode_name: plain(getattr(structure, field.name))
            for field in msgspec.structs.fields(structure)
            if getattr(structure, field.name) is not None
        }
    return [plain(one) for one in structure] if isinstance(structure, list) else structure


@st.composite
def bodies(draw: st.DrawFn, shape: Shape) -> bytes:
    """JSON texts of a shape that clients could write: any spacing, escapes or raw UTF-8, members in any order."""
    text = draw(st.sampled_from([TEXT, PLAIN_TEXT, PLAIN_TEXT]))
    value = wire(shape, draw(values(shape, text)))
    shuffled = dict(draw(st.permutations(list(value.items()))))
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", "\t: ")]))
    return json.dumps(shuffled, separators=separators, ensure_ascii=draw(st.booleans())).encode()


@st.composite
def oddities(draw: st.DrawFn, shape: Shape) -> bytes:
    """JSON texts of a shape with something odd: a name twice, null, an integer as a decimal, stray bits in a blob."""
    twist = st.integers(0, 9)  # a tenth of what is written is odd

    def written(value: Any) -> str:
        odd = draw(twist) == 0
        match value:
            case dict():
                pairs = [(name, written(one)) for name, one in value.items()]
                if pairs and odd:
                    name, one = draw(st.sampled_from(pairs))
                    pairs.insert(draw(st.integers(0, len(pairs))), (name, draw(st.sampled_from([one, "null", '"b"']))))
                return "{" + ",".join(f"{json.dumps(name)}:{one}" for name, one in pairs) + "}"
            case list():
                return "[" + ",".join(map(written, value)) + "]"
            case str() if odd and value.endswith("="):
                body = value.rstrip("=")
                return json.dumps(body[:-1] + draw(st.sampled_from("QRgAE+/")) + value[len(body) :])
            case int() if odd and not isinstance(value, bool):
                return f"{value}{draw(st.sampled_from(['.0', 'e0', '.5', '0e-1']))}"
            case _:
                return draw(st.sampled_from(["null", '"YQ=="'])) if odd else json.dumps(value)

    return written(wire(shape, draw(values(shape, PLAIN_TEXT)))).encode()
