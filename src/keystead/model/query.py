"""The AWS query protocol compiled from a pinned model: forms to structures, answers and refusals to XML.

An answer is XML, or JSON for a client that accepts it (`Exchange`).

Guarantees: `Operation.decode` returns a request that satisfies every constraint of the model, or raises one Refusal
that names all broken constraints; no text whatsoever makes it raise anything else. Whatever is answered is well-formed
XML and carries the request's id. Does not guarantee what only the service knows.

There is no fast path as in `awsjson`: every request is walked, which takes some 30 µs. What these services do is rare.

Sources: Smithy, "AWS query protocol"; the models; IAM and STS API reference, "Common errors".
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib import import_module
from typing import Any, Final

import msgspec

from keystead import errors
from keystead.model import form, validate, xml
from keystead.model.rows import QueryRow, QueryTables, Structure
from keystead.model.shapes import Service, Shape

_OF_NAMES: Final = "contain only alphanumeric characters and/or the following: +=,.@_-"
# What IAM says that a member must hold, by its shape, where it does not say so by the pattern. The first ends without
# a point.
_SPELLINGS: Final = {
    "userNameType": _OF_NAMES,
    "existingUserNameType": _OF_NAMES,
    "groupNameType": _OF_NAMES,
    "roleNameType": _OF_NAMES,
    "policyNameType": _OF_NAMES,
    "pathType": "begin and end with / and contain only alphanumeric characters and/or / characters.",
    "pathPrefixType": "begin with the / character and contain only alphanumeric characters and/or / characters.",
    "policyDocumentType": "contain only printable ASCII characters.",
    "accessKeyIdType": "contain only alphanumeric characters.",
}


class Operation:
    """The forms and answers of one operation. ``errors`` are the codes its model lists; ``members`` its input members,
    wire name to attribute, in the model's order."""

    __slots__ = ("_model", "_row", "_tables", "errors", "members", "name")

    def __init__(self, name: str, row: QueryRow, tables: QueryTables) -> None:
        self.name: Final = name
        self.errors: Final = row.errors
        self.members: Final[Mapping[str, str]] = _attributes(row.input)
        self._row = row
        self._tables = tables
        self._model = Service.load(tables.service).operations[name]

    def decode(self, text: bytes) -> Structure:
        """The request in a form.

        Raises Refusal: SerializationException for what cannot be read, ValidationException naming the broken
        constraints.
        """
        shape = self._model.input
        value = form.typed(shape, text)
        self._refuse_misspelt(shape, value)
        sentences = validate.constraints(shape, value, reticent=self._tables.service == "iam")
        if sentences:
            raise errors.validation(validate.summary(sentences))
        return self._structure(self._row.input, shape, value)

    def encode(self, answer: Structure | None, request_id: str) -> bytes:
        """The document of an answer.

        Raises TypeError when the answer is not of the operation's output, ValueError when XML cannot hold it; both are
        defects of ours.
        """
        output, wrapper = self._row.output, self._row.wrapper
        result = ""
        if output is None:
            if answer is not None:
                raise TypeError(f"{self.name} has no output, yet was answered with {type(answer).__name__}")
        elif not isinstance(answer, output) or self._model.output is None:
            raise TypeError(f"{self.name} answers with {output.__name__}, not {type(answer).__name__}")
        else:
            result = xml.element(wrapper or f"{self.name}Result", xml.members(self._model.output, answer))
        metadata = xml.element("ResponseMetadata", xml.element("RequestId", request_id))
        return _document(f"{self.name}Response", self._tables.namespace, result + metadata)

    def encode_json(self, answer: Structure | None, request_id: str) -> bytes:
        """The same as JSON, in the same elements. Raises TypeError as `encode` does."""
        output, wrapper = self._row.output, self._row.wrapper
        if not (answer is None if output is None else isinstance(answer, output)):
            raise TypeError(f"{self.name} was answered with {type(answer).__name__}")
        result = {} if output is None else {wrapper or f"{self.name}Result": answer}
        return _json({f"{self.name}Response": {**result, "ResponseMetadata": {"RequestId": request_id}}})

    def spoken(self, refusal: errors.Refusal) -> errors.Refusal:
        """The refusal in the words of the query services."""
        return errors.in_query_services(refusal)

    def recorded(self, refusal: errors.Refusal) -> str:
        """The code of a refusal that is `spoken`, as CloudTrail writes it: an error of the model by the name of its
        shape (NoSuchEntityException); AccessDenied and its like as they are."""
        code = refusal.code
        return f"{code}Exception" if code in self.errors and not code.endswith("Exception") else code

    def render(self, refusal: errors.Refusal, request_id: str) -> bytes:
        """The document of a refusal that is `spoken`."""
        return render_refusal(refusal, self._tables.namespace, request_id)

    def _refuse_misspelt(self, shape: Shape, value: Mapping[str, Any]) -> None:
        """Members of some shapes are refused for what they hold in a sentence of their own, and by themselves."""
        for name, given in value.items():
            member = shape.members[name]
            regex, demand = member.shape.regex, _SPELLINGS.get(member.shape.name)
            if demand is not None and regex is not None and regex.search(given) is None:
                raise errors.validation(f"The specified value for {member.path} is invalid. It must {demand}")

    def _structure(self, structure: type[Structure], shape: Shape, value: Mapping[str, Any]) -> Structure:
        attributes = _attributes(structure)
        return structure(
            **{attributes[name]: self._built(shape.members[name].shape, one) for name, one in value.items()}
        )

    def _built(self, shape: Shape, value: Any) -> Any:
        """Structures out of the dicts that the walk returns."""
        if shape.kind == "structure":
            return self._structure(self._tables.structures[shape.name], shape, value)
        if shape.kind == "list" and shape.item is not None:
            return [self._built(shape.item, one) for one in value]
        if shape.kind == "map" and shape.value is not None:
            return {key: self._built(shape.value, one) for key, one in value.items()}
        return value


class Exchange:
    """One request of an operation and its answer, which names it: a codec like `awsjson.OperationCodec`. ``json``: the
    answer is JSON instead of XML, as these services give it to whoever accepts that."""

    __slots__ = ("_json", "_operation", "_request_id")

    def __init__(self, operation: Operation, request_id: str, *, json: bool = False) -> None:
        self._operation = operation
        self._request_id = request_id
        self._json = json

    def decode(self, body: bytes) -> Structure:
        return self._operation.decode(body)

    def encode(self, answer: Any) -> bytes:
        if self._json:
            return self._operation.encode_json(answer, self._request_id)
        return self._operation.encode(answer, self._request_id)

    def spoken(self, refusal: errors.Refusal) -> errors.Refusal:
        return self._operation.spoken(refusal)

    def recorded(self, refusal: errors.Refusal) -> str:
        return self._operation.recorded(refusal)

    def render(self, refusal: errors.Refusal) -> bytes:
        if self._json:
            return render_refusal_json(refusal, self._request_id)
        return self._operation.render(refusal, self._request_id)


class Codec:
    """One service in the query protocol. ``statuses`` maps the error codes of its model to HTTP statuses."""

    content_type: Final = "text/xml"

    def __init__(self, service: str) -> None:
        tables: QueryTables = import_module(f"keystead.model.generated.{service}").TABLES
        self.service: Final = tables.service
        self.version: Final = tables.version
        self.signing_name: Final = tables.signing_name
        self.namespace: Final = tables.namespace
        self.statuses: Final[Mapping[str, int]] = tables.errors
        self.operations: Final[Mapping[str, Operation]] = {
            name: Operation(name, row, tables) for name, row in tables.operations.items()
        }


def render_refusal(refusal: errors.Refusal, namespace: str, request_id: str) -> bytes:
    """The document of a refusal. What its sentence repeats of a request may be anything, so it is made presentable."""
    error = xml.element("Type", "Sender" if refusal.status < 500 else "Receiver") + xml.element("Code", refusal.code)
    if refusal.message is not None:
        error += xml.element("Message", xml.text(xml.presentable(refusal.message)))
    return _document("ErrorResponse", namespace, xml.element("Error", error) + xml.element("RequestId", request_id))


def render_refusal_json(refusal: errors.Refusal, request_id: str) -> bytes:
    """The same as JSON."""
    said = {} if refusal.message is None else {"Message": refusal.message.encode("utf-8", "replace").decode()}
    kind = "Sender" if refusal.status < 500 else "Receiver"
    return _json({"Error": {"Type": kind, "Code": refusal.code, **said}, "RequestId": request_id})


def _json(value: Any) -> bytes:
    """JSON in which no text opens an element: a reader that takes it for XML must not find in it what a caller put there."""
    return msgspec.json.encode(value, order="sorted").replace(b"<", rb"\u003c")


def _document(root: str, namespace: str, content: str) -> bytes:
    return xml.document(root, namespace, content).encode()


@lru_cache(maxsize=1024)
def _attributes(structure: type[Structure]) -> Mapping[str, str]:
    return {field.encode_name: field.name for field in msgspec.structs.fields(structure)}
