"""Which bytes of a request are the form of an AWS query service (IAM, STS), before anybody knows who sent it.

Guarantees: `text` is made of nothing but bytes that the signature covers: the body, and of the query what does not
belong to a signature in it. All of it is one form, so that what stands in both is refused like what stands twice. Does
not read it: `asked` looks for two names, `keystead.model.form` reads the rest once the caller is known.

Sources: Smithy, "AWS query protocol"; STS API reference, "Making query requests" (GET and POST).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from keystead import errors
from keystead.http.answers import FORM
from keystead.http.canonical import split_target
from keystead.http.message import Request
from keystead.model import form

#: The namespace of a refusal that is no service's, since none was named.
NO_SERVICE: Final = "http://webservices.amazon.com/AWSFault/2005-15-09"

_OF_A_SIGNATURE: Final = b"X-Amz-"

#: How long a presigned form can be used at most.
PRESIGNED_SECONDS: Final = 900

#: The service that takes no notice of X-Amz-Expires; clients rely on it: tokens of aws-iam-authenticator say 60 seconds
#: and are used for fourteen minutes (aws-sdk-go issue 2167).
_HEEDLESS: Final = "sts"

#: What a form without a signature may hold: bytes, and parameters. By AWS's limits a token has 20,000 characters, a
#: policy 2,048 (each three bytes as written here), and there are ten ARNs of policies (some 700 bytes each at most).
MOST_UNSIGNED: Final = 40 * 1024
MOST_UNSIGNED_PARAMETERS: Final = 40

asked = form.asked


def is_one(request: Request, named: Mapping[bytes, bytes]) -> bool:
    """Whether a request without X-Amz-Target is a form: by its Content-Type, or a GET by the Action in its query."""
    if request.method == "POST":
        return named.get(b"content-type", b"").partition(b";")[0].strip().lower() == FORM
    return request.method == "GET" and any(name == b"Action" for name, _ in split_target(request.target)[1])


def text(request: Request) -> bytes:
    """The form. Refuses with SerializationException a GET that has a body, which would be ignored."""
    if request.method == "GET" and request.body:
        raise errors.serialization("A GET has no body.")
    _, _, query = request.target.partition(b"?")
    if not query:
        return request.body
    parts = [part for part in query.split(b"&") if not part.startswith(_OF_A_SIGNATURE)]
    return b"&".join([*parts, request.body] if request.body else parts)


def lives(signing_name: str, expires: int) -> int:
    """For how many seconds a presigned form that says ``expires`` can be used at a service."""
    return PRESIGNED_SECONDS if signing_name == _HEEDLESS else min(expires, PRESIGNED_SECONDS)


def bound(form_text: bytes) -> None:
    """Refuse with SerializationException a form without a signature that holds more than any that could be granted:
    whoever has proved nothing has no more than that decoded. Costs next to nothing."""
    if len(form_text) > MOST_UNSIGNED:
        raise errors.serialization(f"A request without a signature has more than {MOST_UNSIGNED} bytes.")
    if form_text.count(b"&") >= MOST_UNSIGNED_PARAMETERS:
        raise errors.serialization(
            f"A request without a signature has more than {MOST_UNSIGNED_PARAMETERS} parameters."
        )


def wants_json(named: Mapping[bytes, bytes]) -> bool:
    """Whether the client accepts JSON by that name, as aws-iam-authenticator does. The header need not be signed: it
    chooses how an answer is written, not what it says."""
    accepted = named.get(b"accept", b"").lower()
    return any(one.partition(b";")[0].strip() == b"application/json" for one in accepted.split(b","))
