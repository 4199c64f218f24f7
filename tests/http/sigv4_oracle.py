"""An independent judge of signatures, and the requests to judge: botocore signs, a seeded generator thinks them up.

A generated request is what would be on the wire: raw target, raw header values with their padding, the unsigned headers
that clients and proxies add. `signature_of` makes botocore sign a request *as it was received*, whatever was done to
it meanwhile. `one_byte_mutations` spoils a request in one place, `difference_without_meaning` names the few spoilings
that Signature Version 4 by its own rules cannot see.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from random import Random
from unittest import mock
from urllib.parse import unquote

from botocore.auth import SIGNED_HEADERS_BLACKLIST, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials
from botocore.utils import normalize_url_path

from keystead.domain.caller import Caller, Credential, Principal, PrincipalKind
from keystead.http.message import Request
from keystead.http.sigv4 import verify

NOW = datetime(2026, 11, 23, 23, 58, 30, tzinfo=UTC)
"""A minute and a half before midnight, so that the dates of generated requests fall on two days."""

REGIONS = frozenset({"us-east-1", "eu-central-1"})
SKEW = 300

ALICE = Principal(PrincipalKind.USER, "111122223333", "arn:aws:iam::111122223333:user/alice", "AIDAALICE")
LONG_TERM = Credential("AKIAIOSFODNN7EXAMPLE", b"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", ALICE)
SESSION = Credential(
    "ASIAIOSFODNN7EXAMPLE",
    b"AnotherSecret/+withAllKindsOfSigns0123456",
    ALICE,
    session_token="IQoJb3JpZ2luX2VjEOz//////////wEaCXVz+/=",
    expires=NOW.timestamp() + 3600,
)
CREDENTIALS = {credential.access_key_id: credential for credential in (LONG_TERM, SESSION)}


def find_credential(access_key_id: str, token: str | None) -> Credential | None:
    return CREDENTIALS.get(access_key_id)


def check(request: Request, now: datetime = NOW) -> Caller:
    """`verify` with the settings that every generated request is made for."""
    return verify(
        request,
        find_credential,
        now.timestamp(),
        service="kms",
        regions=REGIONS,
        default_region="us-east-1",
        skew=SKEW,
    )


# --- signing ----------------------------------------------------------------------------------------------------------


def sign(
    method: str = "POST",
    url: str = "http://127.0.0.1:4599/",
    headers: list[tuple[str, str]] | None = None,
    body: bytes = b"{}",
    *,
    credential: Credential = LONG_TERM,
    region: str = "us-east-1",
    service: str = "kms",
    at: datetime = NOW,
    expires: int | None = None,
) -> Request:
    """A request as botocore would send it: in the header form or, with ``expires``, presigned."""
    draft = AWSRequest(method, url, data=body)
    for name, value in [("X-Amz-Target", "TrentService.Encrypt")] if headers is None else headers:
        draft.headers[name] = value  # appends: an HTTPHeaders keeps repeated ones
    keys = Credentials(credential.access_key_id, credential.secret.decode(), credential.session_token)
    signer = (
        SigV4Auth(keys, service, region) if expires is None else SigV4QueryAuth(keys, service, region, expires=expires)
    )
    with mock.patch("botocore.auth.get_current_datetime", return_value=at):
        signer.add_auth(draft)
    if "host" not in draft.headers:
        draft.headers["Host"] = signer.headers_to_sign(draft)["host"]
    target = re.sub(r"^[a-z]+://[^/?]*", "", draft.url)
    return Request(
        method,
        (target if target.startswith("/") else "/" + target).encode(),
        [(name.lower().encode(), value.encode()) for name, value in draft.headers.items()],
        body,
        "127.0.0.1",
    )


class _AsReceived(SigV4Auth):
    """botocore's signer, told which headers to sign instead of choosing them."""

    names: list[str]

    def headers_to_sign(self, request: AWSRequest) -> HTTPHeaders:
        chosen = HTTPHeaders()
        for name, value in request.headers.items():
            if name.lower() in self.names:
                chosen[name.lower()] = value
        return chosen


def claimed(request: Request) -> dict[str, str]:
    """Credential, SignedHeaders, Signature and date that a request states, read in a way of the tests' own."""
    fields = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers}
    authorization = fields.get("authorization")
    if authorization is not None:
        stated = dict(re.findall(r"(Credential|SignedHeaders|Signature)=([^,\s]*)", authorization))
        return {**stated, "Date": _basic_date(fields)}
    query = request.target.decode("latin-1").partition("?")[2]
    return {
        name.removeprefix("X-Amz-"): unquote(value)
        for name, _, value in (parameter.partition("=") for parameter in query.split("&"))
        if name.startswith("X-Amz-")
    }


def _basic_date(fields: dict[str, str]) -> str:
    if "x-amz-date" in fields:
        return fields["x-amz-date"].strip()
    return datetime.strptime(fields["date"].strip()[:25], "%a, %d %b %Y %H:%M:%S").strftime("%Y%m%dT%H%M%SZ")


def signature_of(request: Request) -> str:
    """The signature botocore makes for this request as it stands, by the credential and headers that it states."""
    stated = claimed(request)
    access_key_id, _, region, service, _ = stated["Credential"].split("/")
    credential = CREDENTIALS[access_key_id]
    target = request.target.decode("latin-1")
    if "Algorithm" in stated:
        path, _, query = target.partition("?")
        kept = [parameter for parameter in query.split("&") if not parameter.startswith("X-Amz-Signature=")]
        target = path + "?" + "&".join(kept)
    draft = AWSRequest(request.method, "http://host" + target, data=request.body)
    for name, value in request.headers:
        draft.headers[name.decode("latin-1")] = value.decode("utf-8", "surrogateescape")
    draft.context["timestamp"] = stated["Date"]
    signer = _AsReceived(Credentials(access_key_id, credential.secret.decode()), service, region)
    signer.names = stated["SignedHeaders"].split(";")
    return signer.signature(signer.string_to_sign(draft, signer.canonical_request(draft)), draft)


# --- requests ---------------------------------------------------------------------------------------------------------

_UNRESERVED = "ABCXYZabcxyz0189-._~"
_IN_PATH = _UNRESERVED + "!$&'()*+,;=:@"
_TOKEN = "abcxyz019!#$&'*+-.^_`|~%"
_IN_VALUE = "".join(chr(code) for code in range(0x21, 0x7F)) + "äß€𝄞"
_SPACES = (" ", "  ", "\t", " \t ", "     ")
_OWN_MEANING = {"authorization", "host", "date", "content-length", "transfer-encoding", "x-amz-security-token"}


def _text(random: Random, alphabet: str, low: int, high: int) -> str:
    return "".join(random.choices(alphabet, k=random.randint(low, high)))


def _path(random: Random) -> str:
    if random.random() < 0.5:
        return "/"
    kinds = (
        lambda: _text(random, _IN_PATH, 1, 8),
        lambda: random.choice(["", ".", "..", "...", ".a", "%2e", "%2E%2E"]),
        lambda: random.choice(["%20", "%2F", "%2f", "%", "%zz", "a%25b", "%C3%A4", "~"]),
    )
    return "/" + "/".join(random.choice(kinds)() for _ in range(random.randint(1, 5)))


def _query(random: Random) -> str:
    if random.random() < 0.5:
        return ""
    alphabet = _IN_PATH.replace("&", "").replace("=", "") + "/?"
    parameters = []
    for _ in range(random.randint(1, 6)):
        name = random.choice(["", "a", "A", "b", "Action", "X-Amz-Foo", _text(random, alphabet, 1, 5)])
        value = random.choice(["", "1", "+", "%20", "%2b", "~", "%7E", "a=b", "==", _text(random, alphabet, 1, 9)])
        parameters.append(name if not value and random.random() < 0.5 else f"{name}={value}")
    return "?" + "&".join(parameters)


def _value(random: Random) -> str:
    words = [_text(random, _IN_VALUE, 0, 9) for _ in range(random.randint(0, 4))]
    value = "".join(word + random.choice(_SPACES) for word in words)
    return random.choice([value, value.strip(), '"' + value + '"', " " + value])


def _headers(random: Random, body: bytes, *, presigned: bool) -> list[tuple[str, str]]:
    headers = []
    if random.random() < 0.7:
        headers.append(("X-Amz-Target", "TrentService." + random.choice(["Encrypt", "Decrypt", "ListKeys"])))
    if random.random() < 0.6:
        headers.append(("Content-Type", "application/x-amz-json-1.1"))
    if random.random() < 0.1:
        headers.append(("X-Amz-Content-SHA256", sha256(body).hexdigest()))
    if random.random() < 0.2:
        headers.append(("Host", random.choice(["127.0.0.1", "localhost", "KMS.example:443", "[::1]:8443"])))
    if random.random() < 0.08 and not presigned:
        headers.append(("Date", "anything: botocore puts the date in its place"))
    for _ in range(random.randint(0, 3)):
        name = random.choice([_text(random, _TOKEN, 1, 8), "X-Amz-Meta-" + _text(random, _TOKEN, 0, 3), "Via"])
        if name.lower() not in {*_OWN_MEANING, *SIGNED_HEADERS_BLACKLIST}:
            headers += [(name, _value(random)) for _ in range(random.choice([1, 1, 1, 2, 3]))]
    random.shuffle(headers)
    return headers


def _carried(random: Random) -> list[tuple[bytes, bytes]]:
    """Headers that join the request after it was signed."""
    return random.sample(
        [
            (b"user-agent", b"Boto3/1.44  md/Botocore#1.44.5"),
            (b"accept-encoding", b"identity"),
            (b"connection", b"keep-alive"),
            (b"x-forwarded-for", b"10.0.0.1, 10.0.0.2"),
            (b"x-amzn-trace-id", b"Root=1-5759e988-bd862e3fe1be46a994272793"),
            (b"x-amz-user-agent", b"aws-sdk-php/3"),
        ],
        random.randint(0, 3),
    )


def generate(random: Random, longest_body: int = 2000) -> Request:
    """One request that any correct verifier accepts at `NOW`."""
    expires = random.choice([None, None, random.randint(1, 604800)])
    body = b"" if expires else random.choice([b"", b"{}", random.randbytes(random.randint(1, longest_body))])
    late = min(SKEW, expires or SKEW)
    request = sign(
        random.choice(["POST", "POST", "POST", "GET", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"]),
        random.choice(["http://127.0.0.1:4599", "http://localhost:80", "https://kms.example"])
        + _path(random)
        + _query(random),
        _headers(random, body, presigned=expires is not None),
        body,
        credential=random.choice([LONG_TERM, LONG_TERM, SESSION]),
        region=random.choice(["us-east-1", "eu-central-1", ""]),
        at=NOW + timedelta(seconds=random.randint(-late, SKEW)),
        expires=expires,
    )
    carried = [field for field in _carried(random) if field[0] not in dict(request.headers)]
    for field in carried:  # anywhere between the others, whose own order is kept
        request.headers.insert(random.randint(0, len(request.headers)), field)
    return request


# --- mutations --------------------------------------------------------------------------------------------------------


def one_byte_mutations(request: Request, random: Random, positions: int | None = None) -> Iterator[Request]:
    """The request with one byte replaced, one removed, and one put in; at every position, or at so many of them.

    Positions are those of method, target, each header's name and value, and body, and behind their last bytes.
    """
    parts = [request.method.encode(), request.target]
    parts += [text for field in request.headers for text in field]
    parts.append(request.body)
    places = [(index, position) for index, part in enumerate(parts) for position in range(len(part) + 1)]
    for index, position in places if positions is None else random.sample(places, min(positions, len(places))):
        part = parts[index]
        head, tail = part[:position], part[position:]
        other = bytes([random.randrange(256)])
        spoilt = [head + other + tail]
        if tail:
            flipped = tail[0] ^ random.choice([1, 2, 4, 8, 16, 32, 64, 128, random.randrange(1, 256)])
            spoilt += [head + bytes([flipped]) + tail[1:], head + tail[1:]]
        for text in spoilt:
            mutated = _reassemble(request, [*parts[:index], text, *parts[index + 1 :]])
            if mutated != request:
                yield mutated


def every_replacement(request: Request) -> Iterator[Request]:
    """Each byte of the request replaced by each other value."""
    parts = [request.method.encode(), request.target]
    parts += [text for field in request.headers for text in field]
    parts.append(request.body)
    for index, part in enumerate(parts):
        for position in range(len(part)):
            for value in range(256):
                text = part[:position] + bytes([value]) + part[position + 1 :]
                mutated = _reassemble(request, [*parts[:index], text, *parts[index + 1 :]])
                if mutated != request:
                    yield mutated


def _reassemble(request: Request, parts: list[bytes]) -> Request:
    fields = parts[2:-1]
    return replace(
        request,
        method=parts[0].decode("latin-1"),
        target=parts[1],
        # The protocol lower-cases names, so that a change of case is no change.
        headers=[(name.lower(), value) for name, value in zip(fields[::2], fields[1::2], strict=True)],
        body=parts[-1],
    )


HARMLESS = {
    "unsigned header",
    "white space between the parts of Authorization",
    "white space in a header value",
    "empty and dot segments of the path",
    "order of parameters, and name against name=",
}
"""All that may be changed in a request without its signature becoming wrong."""


def difference_without_meaning(original: Request, mutated: Request) -> str | None:
    """Which of the differences that Signature Version 4 cannot see is the only one between the two; None for others."""
    if (mutated.method, mutated.body) != (original.method, original.body):
        return None
    if mutated.target != original.target:
        return _target_difference(original, mutated) if mutated.headers == original.headers else None
    signed = {name.encode() for name in claimed(original)["SignedHeaders"].split(";")}
    different = [
        (before, after) for before, after in zip(original.headers, mutated.headers, strict=True) if before != after
    ]
    ((name, value), (new_name, new_value)) = different[0]
    if name == new_name == b"authorization":
        return "white space between the parts of Authorization" if _squeezed(value) == _squeezed(new_value) else None
    if name not in signed and new_name not in signed:
        return "unsigned header"
    if name == new_name and value.split() == new_value.split():
        return "white space in a header value"
    return None


def _squeezed(authorization: bytes) -> bytes:
    return re.sub(rb"\s*,\s*|\s+", b",", authorization.strip())


def _target_difference(original: Request, mutated: Request) -> str | None:
    (path, _, query), (new_path, _, new_query) = (
        request.target.decode("latin-1").partition("?") for request in (original, mutated)
    )
    if query == new_query and normalize_url_path(path) == normalize_url_path(new_path):
        return "empty and dot segments of the path"
    if path == new_path and _parameters(query) == _parameters(new_query):
        return "order of parameters, and name against name="
    return None


def _parameters(query: str) -> list[tuple[str, str]]:
    split = [parameter.partition("=") for parameter in query.split("&")] if query else []
    return sorted((name, value) for name, _, value in split)
