"""The encoding of the encryption context: injective, independent of order, bounded, and of nothing but valid text."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.crypto import stranger
from tests.crypto.vectors import load

from keystead import errors
from keystead.crypto.context import CONTEXT_MAX, encode_context
from keystead.crypto.encoding import encode_list, encode_map, u32

TEXTS = st.text(max_size=6) | st.text(alphabet="ab\x00\x01", max_size=6)
CONTEXTS = st.dictionaries(TEXTS, TEXTS, max_size=5)
Encode = Callable[[Mapping[str, str]], bytes]


def test_vectors() -> None:
    for vector in load("context-v1.json")["encoded"]:
        assert encode_context(vector["context"]).hex() == vector["encoded"]


def test_what_must_be_refused_is_refused_without_quoting_it() -> None:
    for vector in load("context-v1.json")["refused"]:
        with pytest.raises(errors.Refusal) as refusal:
            encode_context(vector["context"])
        assert refusal.value.code == "ValidationException"
        assert "\\ud" not in ascii(refusal.value.message), vector["name"]
        assert refusal.value.__cause__ is None


def test_no_context_is_the_empty_context() -> None:
    assert encode_context(None) == encode_context({}) == bytes(4)


def test_a_context_of_exactly_the_bound_is_taken_whatever_its_number_of_pairs() -> None:
    one = {"n": "v" * (CONTEXT_MAX - 1)}
    many = {f"{i:04}": "" for i in range(CONTEXT_MAX // 4)}
    assert encode_context(one)
    assert encode_context(many)
    with pytest.raises(errors.Refusal):
        encode_context({**many, "v": ""})


@given(CONTEXTS)
def test_both_implementations_encode_alike(context: dict[str, str]) -> None:
    assert encode_context(context) == stranger.Ciphertexts().context(context)


@given(CONTEXTS, st.randoms(use_true_random=False))
def test_order_does_not_matter(context: dict[str, str], random: object) -> None:
    pairs = list(context.items())
    random.shuffle(pairs)  # type: ignore[attr-defined]
    assert encode_context(dict(pairs)) == encode_context(context)


def read_back(encoded: bytes) -> list[tuple[str, str]]:
    """The pairs of an encoded map, in order: that this can be written shows that the encoding loses nothing."""
    count, at, texts = int.from_bytes(encoded[:4], "big"), 4, []
    for _ in range(2 * count):
        length = int.from_bytes(encoded[at : at + 4], "big")
        texts.append(encoded[at + 4 : at + 4 + length].decode())
        at += 4 + length
    assert at == len(encoded)
    return list(zip(texts[::2], texts[1::2], strict=True))


@given(CONTEXTS)
def test_an_encoding_can_be_read_back_and_is_in_the_order_of_utf8(context: dict[str, str]) -> None:
    pairs = read_back(encode_context(context))
    assert dict(pairs) == context
    assert [name.encode() for name, _ in pairs] == sorted(name.encode() for name in context)


@given(CONTEXTS, CONTEXTS)
@example({"a": "bc"}, {"ab": "c"})
@example({"a": "b", "c": "d"}, {"ab": "cd"})
@example({"a": ""}, {"": "a"})
@example({}, {"": ""})
@example({"\u00e9": ""}, {"e\u0301": ""})
def test_different_contexts_have_different_bytes(one: dict[str, str], other: dict[str, str]) -> None:
    assert (encode_context(one) == encode_context(other)) == (one == other)


def collisions(encode: Encode) -> list[tuple[Mapping[str, str], Mapping[str, str]]]:
    """Pairs of different vectors that an encoder encodes alike."""
    contexts = [vector["context"] for vector in load("context-v1.json")["encoded"]]
    return [(a, b) for i, a in enumerate(contexts) for b in contexts[i + 1 :] if encode(a) == encode(b)]


def test_no_two_vectors_collide() -> None:
    assert collisions(encode_context) == []


@pytest.mark.parametrize(
    "faulty",
    [
        pytest.param(lambda c: "".join(n + v for n, v in sorted(c.items())).encode(), id="no lengths"),
        pytest.param(lambda c: "&".join(f"{n}={v}" for n, v in sorted(c.items())).encode(), id="no count"),
        pytest.param(lambda c: b"".join(stranger.listed(v.encode()) for _, v in sorted(c.items())), id="no names"),
        pytest.param(lambda c: encode_map({n.lower(): v for n, v in c.items()}), id="lower case"),
        pytest.param(lambda c: encode_map({n: v.encode("ascii", "ignore").decode() for n, v in c.items()}), id="ASCII"),
        pytest.param(
            lambda c: b"".join(bytes([len(n)]) + (n + v).encode() for n, v in sorted(c.items())), id="one length"
        ),
    ],
)  # fmt: skip
def test_the_vectors_notice_a_faulty_encoder(faulty: Encode) -> None:
    different = [v for v in load("context-v1.json")["encoded"] if faulty(v["context"]).hex() != v["encoded"]]
    assert different


def test_the_vectors_hold_a_pair_that_collides_without_lengths() -> None:
    assert collisions(lambda c: "".join(n + v for n, v in sorted(c.items())).encode())


@given(st.lists(st.binary(max_size=5), max_size=5), st.lists(st.binary(max_size=5), max_size=5))
@example([b"a", b"bc"], [b"ab", b"c"])
@example([b""], [])
def test_different_lists_have_different_bytes(one: list[bytes], other: list[bytes]) -> None:
    assert (encode_list(*one) == encode_list(*other)) == (one == other)
    assert encode_list(*one) == stranger.listed(*one)


@pytest.mark.parametrize("number", [-1, 1 << 32])
def test_a_number_that_does_not_fit_is_not_cut(number: int) -> None:
    with pytest.raises(OverflowError):
        u32(number)
