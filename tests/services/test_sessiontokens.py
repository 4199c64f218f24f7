"""Session tokens: what is sealed comes back, and nothing else opens."""

from __future__ import annotations

import base64
import os
import string
import zlib
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead import errors
from keystead.crypto.hierarchy import NO_DOMAINS, Hierarchy
from keystead.domain.caller import PrincipalKind, Session, Token
from keystead.services import identifiers, sessiontokens
from tests.crypto import stranger
from tests.crypto.vectors import load

ACCOUNT, ROLE_ID = "111122223333", "AROAEXAMPLEEXAMPLE123"
KEY_ID = "ASIAABCDEFGHIJKLMNOP"
SESSION = Session(PrincipalKind.ASSUMED_ROLE, ACCOUNT, ROLE_ID, "ci", 1_800_000_000, 1_800_003_600)
NAMES = st.text(string.ascii_letters + string.digits + "+=,.@-_", min_size=2, max_size=64)
TAGS = st.text(min_size=1, max_size=40).filter(lambda text: text.isprintable())


def hierarchy() -> Hierarchy:
    root = os.urandom(32)
    version, wrapped = Hierarchy(root, {}, NO_DOMAINS).new_domain(os.urandom)
    return Hierarchy(root, {version: wrapped}, version)


HIERARCHY = hierarchy()


@st.composite
def sessions(draw: Any) -> Session:
    kind = draw(st.sampled_from([one for one in PrincipalKind if one is not PrincipalKind.SERVICE]))
    tags = tuple(draw(st.lists(st.tuples(TAGS, TAGS), max_size=8)))
    issued = draw(st.integers(0, 1 << 40))
    return Session(
        kind,
        ACCOUNT,
        ROLE_ID,
        draw(NAMES),
        issued,
        issued + draw(st.integers(900, 129_600)),
        draw(st.none() | st.text(max_size=400)),
        tuple(draw(st.lists(NAMES, max_size=10))),
        tags,
        tuple(key for key, _ in tags[::2]),
        draw(st.none() | NAMES),
        draw(st.none() | NAMES),
    )


def seal(session: Session = SESSION, secret: str | None = None, **more: Any) -> str:
    secret = secret or identifiers.secret_access_key(os.urandom)
    return sessiontokens.seal(HIERARCHY, KEY_ID, secret, session, os.urandom, **more)


TOKEN = seal()


@given(sessions())
def test_a_session_comes_back_as_it_was(session: Session) -> None:
    secret = identifiers.secret_access_key(os.urandom)
    opened = sessiontokens.open_token(HIERARCHY, KEY_ID, seal(session, secret))
    assert opened == Token(KEY_ID, secret.encode(), session)


@given(sessions(), st.integers(0, 4_096))
def test_a_token_is_as_long_as_it_was_asked_to_be(session: Session, shortest: int) -> None:
    token = seal(session, shortest=shortest)
    opened = sessiontokens.open_token(HIERARCHY, KEY_ID, token)
    assert opened is not None
    assert opened.session == session
    assert len(token) >= shortest
    assert len(token) <= sessiontokens.LONGEST
    assert len(token) <= max(shortest + 1, len(seal(session)))


def test_tokens_of_one_session_differ() -> None:
    assert len({seal() for _ in range(10)}) == 10


def test_a_token_says_nothing_in_the_clear() -> None:
    secret = identifiers.secret_access_key(os.urandom)
    content = base64.urlsafe_b64decode(seal(secret=secret) + "===")
    assert ROLE_ID.encode() not in content
    assert base64.b64decode(secret) not in content


@given(st.data())
def test_an_altered_token_does_not_open(data: Any) -> None:
    token = TOKEN
    at = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from(sorted(set(string.ascii_letters + string.digits + "-_=+/ ") - {token[at]})))
    assert sessiontokens.open_token(HIERARCHY, KEY_ID, token[:at] + other + token[at + 1 :]) is None


@given(st.data())
def test_a_cut_or_lengthened_token_does_not_open(data: Any) -> None:
    token = TOKEN
    cut = token[: data.draw(st.integers(0, len(token) - 1))]
    assert sessiontokens.open_token(HIERARCHY, KEY_ID, cut) is None
    assert (
        sessiontokens.open_token(HIERARCHY, KEY_ID, token + data.draw(st.text("Aa=", min_size=1, max_size=9))) is None
    )


@given(st.text(max_size=5_000))
def test_arbitrary_text_does_not_open(text: str) -> None:
    assert sessiontokens.open_token(HIERARCHY, KEY_ID, text) is None


def test_a_token_is_of_one_access_key_and_one_server() -> None:
    token = seal()
    assert sessiontokens.open_token(HIERARCHY, "ASIAZZZZZZZZZZZZZZZZ", token) is None
    assert sessiontokens.open_token(hierarchy(), KEY_ID, token) is None


def test_tokens_for_other_purposes_are_none() -> None:
    content = b"\1" + bytes(30)
    other = HIERARCHY.seal_token(b"grant", content, os.urandom, (KEY_ID,))
    assert sessiontokens.open_token(HIERARCHY, KEY_ID, base64.urlsafe_b64encode(other).decode().rstrip("=")) is None


def test_a_token_of_a_later_version_is_refused_not_guessed_at() -> None:
    other = HIERARCHY.seal_token(b"session", b"\2" + bytes(30), os.urandom, (KEY_ID,))
    assert sessiontokens.open_token(HIERARCHY, KEY_ID, base64.urlsafe_b64encode(other).decode().rstrip("=")) is None


def test_tokens_outlive_the_domain_key_of_their_day() -> None:
    root = os.urandom(32)
    _, first = Hierarchy(root, {}, NO_DOMAINS).new_domain(os.urandom)
    before = Hierarchy(root, {1: first}, 1)
    token = sessiontokens.seal(before, KEY_ID, identifiers.secret_access_key(os.urandom), SESSION, os.urandom)
    _, second = before.new_domain(os.urandom)
    opened = sessiontokens.open_token(Hierarchy(root, {2: second}, 2), KEY_ID, token)
    assert opened is not None
    assert opened.session == SESSION


def full(tags: int, of: int) -> Session:
    """A session with as much of everything as a request may hold, and so many tags of so many random characters."""
    statement = '{"Effect":"Allow","Action":["kms:Encrypt","kms:Decrypt"],"Resource":"arn:aws:kms:us-east-1:111122223333:key/%d"}'
    policy = '{"Version":"2012-10-17","Statement":[' + ",".join(statement % number for number in range(17)) + "]}"
    return Session(
        PrincipalKind.ASSUMED_ROLE,
        ACCOUNT,
        ROLE_ID,
        "s" * 64,
        1_800_000_000,
        1_800_003_600,
        policy,
        tuple(f"arn:aws:iam::111122223333:policy/team/of/{number}/Limits" for number in range(10)),
        tuple((f"department-{number}", os.urandom(of // 2).hex()) for number in range(tags)),
    )


def test_the_largest_common_session_fits() -> None:
    session = full(50, 20)
    assert 1_900 < len(session.policy or "") <= 2_048
    assert len(seal(session)) <= sessiontokens.LONGEST


def test_what_does_not_fit_is_refused_with_its_size() -> None:
    with pytest.raises(errors.Refusal, match=r"Packed policy consumes \d\d\d% of allotted space") as caught:
        seal(full(50, 256))
    assert caught.value.code == "PackedPolicyTooLarge"
    tags = replace(SESSION, tags=tuple((str(number), os.urandom(128).hex()) for number in range(50)))
    with pytest.raises(errors.Refusal, match=r"Packed size of session tags consumes \d\d\d% of allotted space\."):
        seal(tags)


@pytest.mark.parametrize(("length", "percent"), [(0, 0), (1, 1), (41, 2), (4_096, 100), (4_097, 101)])
def test_utilization_is_rounded_up(length: int, percent: int) -> None:
    assert sessiontokens.utilization(length) == percent


# --- vectors of docs/format.md ----------------------------------------------------------------------------------------

VECTORS = load("session-tokens-v1.json")
OF_VECTORS = Hierarchy(bytes.fromhex(VECTORS["root"]), {}, NO_DOMAINS)


def told(session: Session) -> list[Any]:
    """The array that stands in a token, by the page alone."""
    tags = [list(tag) for tag in session.tags]
    return [
        *(str(session.kind), session.account, session.identity_id, session.name, session.issued, session.expires),
        *(session.policy, list(session.policy_arns), tags, list(session.transitive)),
        *(session.source_identity, session.provider),
    ]


@pytest.mark.parametrize("vector", VECTORS["accepted"], ids=lambda vector: vector["what"])
def test_a_token_of_the_vectors_opens_to_its_session(vector: dict[str, Any]) -> None:
    opened = sessiontokens.open_token(OF_VECTORS, VECTORS["access_key_id"], vector["token"])
    assert opened is not None
    assert opened.secret.decode() == VECTORS["secret"]
    assert told(opened.session) == vector["session"]


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=lambda vector: vector["why"])
def test_a_token_that_the_vectors_refuse_is_refused(vector: dict[str, Any]) -> None:
    assert sessiontokens.open_token(OF_VECTORS, VECTORS["access_key_id"], vector["token"]) is None


@given(sessions())
def test_a_stranger_reads_our_tokens_by_the_page_alone(session: Session) -> None:
    secret = identifiers.secret_access_key(os.urandom)
    text = sessiontokens.seal(OF_VECTORS, KEY_ID, secret, session, os.urandom)
    box = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    key = stranger.branch(bytes.fromhex(VECTORS["root"]), "tokens")
    content = stranger.open_box(key, b"keystead/token/v1", "session", (KEY_ID,), box)
    assert (content[:1], base64.b64encode(content[1:31]).decode()) == (b"\1", secret)
    assert msgspec.msgpack.decode(zlib.decompressobj(-15).decompress(content[31:])) == told(session)
