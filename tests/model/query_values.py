"""Values of the shapes of the query services' models, drawn for property tests; see `values` for how they look.

A structure without members and a map without entries cannot be said in a form, so none is drawn but where the model has
nothing else.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from keystead.model.rows import QueryTables
from keystead.model.shapes import Service, Shape
from tests.model.values import TEXT, units

SERVICES = {name: Service.load(name) for name in ("iam", "sts")}
OPERATIONS = [(service, name) for service, model in SERVICES.items() for name in sorted(model.operations)]

_NAMES = ("k", "x+=,.@-9_", "Ab")
_LATIN = ("k", "\u00a0\u00ff~ z", '{"a": "b&c=d"}\r\n\t')
_UNICODE = ("k", "\u00fc \u4e2d\u0663_.:/=+-@", "a\u2028b")
_PROSE = ("k", "\u00a1\u00ff~ z\r\n\t")

#: What some shapes of each pattern accept; shorter than a shape's least length, they are made longer with the letter of
#: `PADDING`, or with a k.
SAMPLES: dict[str, tuple[str, ...]] = {
    r"[\w+=,.@-]+": _NAMES,
    r"[\w+=,.@-]*": _NAMES,
    r"[\w+=,.\-]+": ("k", "x+=,.-9"),
    r"[\w+=,.@:-]*": _NAMES,
    r"[\w+=,.@\:-]*": _NAMES,
    r"[\w+=,.@:\/-]*": (*_NAMES, "a/b"),
    r"[\w+=/:,.@-]+": (*_NAMES, "a/b:c"),
    r"[\w+=/:,.@-]*": (*_NAMES, "a/b:c"),
    r"[\w._-]+": ("k", "a._-9"),
    r"[\w-]+": ("k", "a-9"),
    r"[\w-]*": ("k", "a-9"),
    r"[\w]+": ("k", "A9_"),
    r"[\w]*": ("k", "A9_"),
    r"[:\w]+": ("k", "a:b"),
    r"[\d]+": ("1",),
    r"[\d]*": ("1",),
    r"\d{12}": ("111122223333",),
    "[A-Z0-9]+": ("K", "A9"),
    "[ -~]+": ("k", "a ~"),
    r"[\u0020-\u00FF]+": ("k", "\u00a0 \u00ff"),
    r"[\u0009\u000A\u000D\u0020-\u00FF]+": _LATIN,
    r"[\u0009\u000A\u000D\u0020-\u007E\u00A1-\u00FF]*": _PROSE,
    r"[\u0009\u000A\u000D\u0020-\u007E\u00A1-\u00FF]+": _PROSE,
    r"/[\u0009\u000A\u000D\u0020-\u007E\u00A1-\u00FF]*/": ("/a\u00e9/",),
    r"[\u0009\u000A\u000D\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD\u10000-\u10FFFF]+": (
        "k",
        "arn:aws:iam::1:x/\u4e2d",
    ),
    r"[\p{L}\p{Z}\p{N}_.:/=+\-@]+": _UNICODE,
    r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*": ("", *_UNICODE),
    r"[\p{L}\p{Z}\p{N}_.:/=+\-@{}]+": (*_UNICODE, "{a}"),
    r"[\p{L}\p{Z}\p{N}_.:/=+\-@{}]*": ("", *_UNICODE, "{a}"),
    r"\u002F[\u0021-\u007F]*": ("/", "/a/"),
    r"(\u002F)|(\u002F[\u0021-\u007E]+\u002F)": ("/", "/a~/"),
    r"((/[A-Za-z0-9\.,\+@=_-]+)*)/": ("/", "/a.b/c+d/"),
    r"v[1-9][0-9]*(\.[A-Za-z0-9-]*)?": ("v1", "v12.a-b"),
    "^[A-Za-z][A-Za-z0-9/_-]*$": ("k", "a/b_c-9"),
    "^[a-zA-Z0-9:_.-]+$": ("k", "a:b_c.9-"),
    "^[a-zA-Z0-9:/+=,.@_-]+$": ("k", "a:b/c"),
    "^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$": ("abc", "a-b-c"),
    "^o-[a-z0-9]{10,32}$": ("o-0123456789",),
    r"^o-[0-9a-z]{10,32}\/r-[0-9a-z]{4,32}[0-9a-z-\/]*": ("o-0123456789/r-abcd/ou-1",),
    "^p-[0-9a-zA-Z_]{8,128}$": ("p-0123456789",),
    r"^http(s?)://[a-zA-Z0-9._/-]*(\?[a-zA-Z0-9._=&-]*)?(#[a-zA-Z0-9._/-]*)?$": ("https://a.example/b?c=d&e#f",),
}
PADDING = {"[A-Z0-9]+": "K", r"[\d]+": "1", r"[\d]*": "1"}

#: What XML can hold.
XML_TEXT = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"),
        st.sampled_from("\t\n\r\u0085\u2028<>&\"' ]"),
    ),
    max_size=12,
)


def values(shape: Shape, text: st.SearchStrategy[str] = TEXT) -> st.SearchStrategy[Any]:
    """Values that satisfy a shape and can be said in a form; ``text`` is what free strings are made of."""
    least, most = shape.least or 0, shape.most
    match shape.kind:
        case "structure":
            members = {name: values(member.shape, text) for name, member in shape.members.items()}
            required = {name: one for name, one in members.items() if shape.members[name].required}
            optional = {name: one for name, one in members.items() if not shape.members[name].required}
            drawn = st.fixed_dictionaries(required, optional=optional)
            return drawn.filter(bool) if members else drawn
        case "list":
            assert shape.item is not None
            return st.lists(
                values(shape.item, text), min_size=least, max_size=least + 3 if most is None else min(most, least + 3)
            )
        case "map":
            assert shape.key is not None
            assert shape.value is not None
            return st.dictionaries(
                values(shape.key, text), values(shape.value, text), min_size=max(1, least), max_size=3
            )
        case "string" if shape.enum:
            return st.sampled_from(shape.enum)
        case "string" if shape.pattern is not None:
            padding = PADDING.get(shape.pattern, "k")
            return st.sampled_from(SAMPLES[shape.pattern]).map(lambda sample: sample.ljust(least, padding))
        case "string":
            # Beyond ASCII as often as not; of the bounds only the lower one is near.
            short = text if most is None or most >= 24 else text.map(lambda drawn: _cut(drawn, most))
            return short.map(lambda drawn: drawn + "k" * max(0, least - units(drawn)))
        case "blob":
            return st.binary(min_size=least, max_size=least + 40)
        case "boolean":
            return st.booleans()
        case "integer":
            return st.integers(-(2**31) if shape.least is None else shape.least, 2**31 - 1 if most is None else most)
        case "timestamp":
            return st.integers(0, 4_000_000_000).map(float)
    raise AssertionError(f"no values for {shape.kind}")


def _cut(text: str, most: int) -> str:
    """As much of a text from its end as Java counts that many units in."""
    while units(text) > most:
        text = text[1:]
    return text


def built(tables: QueryTables, shape: Shape, value: Any) -> Any:
    """A plain value as the generated structures."""
    if shape.kind == "structure":
        structure = tables.structures[shape.name]
        attributes = dict(zip(shape.members, structure.__struct_fields__, strict=True))
        return structure(
            **{attributes[name]: built(tables, shape.members[name].shape, one) for name, one in value.items()}
        )
    if shape.kind == "list":
        assert shape.item is not None
        return [built(tables, shape.item, one) for one in value]
    if shape.kind == "map":
        assert shape.value is not None
        return {name: built(tables, shape.value, one) for name, one in value.items()}
    return value
