"""Which codes an operation may answer with: those that its model declares, those common to all, and a few that are listed
with their reason. Whatever a test provokes is held against it."""

from __future__ import annotations

from keystead import errors
from keystead.domain.key import KeyState
from keystead.domain.keytypes import KeyTypes
from keystead.domain.states import refusal
from keystead.errors import Refusal
from keystead.model.shapes import Service
from keystead.services.admin.operations import ADMIN
from keystead.services.iam.operations import IAM
from keystead.services.kms.operations import KMS
from keystead.services.sts.operations import STS
from keystead.services.table import Row

#: Every service, by its short name, and all that it offers.
SERVICES = {service.name: service for service in (KMS, IAM, STS, ADMIN)}
#: Those that speak the query protocol.
QUERY = {"iam", "sts"}
ROWS = {f"{name}:{row.name}": row for name, service in SERVICES.items() for row in service.rows.values()}
MODELS = {name: Service.load(name) for name in SERVICES}
MODEL = MODELS["kms"]

#: Codes that every operation may answer with: AWS's front door, and what stands between any call and its answer. The
#: query services have other words for the same.
COMMON = {
    "AccessDeniedException": "permission, of whatever is asked",
    "ValidationException": "a constraint of the model, or of the service beyond it",
    "SerializationException": "a body that cannot be read",
    "ThrottlingException": "too much at once",
    "RequestAbortedException": "nobody waits for the answer any more: only the audit record shows it",
    "KMSInternalException": "a fault of ours; most operations declare it",
    "ServiceUnavailable": "the audit record could not be written (decision 0012)",
    "UnrecognizedClientException": "the signature, see tests/http",
    "InvalidSignatureException": "the signature, see tests/http",
    "IncompleteSignatureException": "the signature, see tests/http",
    "MissingAuthenticationTokenException": "the signature, see tests/http",
    "ExpiredTokenException": "the signature, see tests/http",
}

#: Constructors of `errors` that any operation may use whatever its model declares.
ALWAYS = {"not_offered": "what this version does not offer is refused by name, with a code that AWS's clients know"}

#: The codes of those, as an answer shows them: it does not show which of two reasons it has.
OURS = {"UnsupportedOperationException", "UnsupportedOperation"}


def of_query(code: str) -> str:
    """What a query service calls a code of the JSON services."""
    return errors.in_query_services(Refusal(code)).code


#: Codes beyond the model, by operation.
BEYOND = {
    ("CreateAlias", "NotAuthorizedException"): "AWS refuses its own aliases with a code that the model does not have",
    ("UpdateAlias", "NotAuthorizedException"): "AWS refuses its own aliases with a code that the model does not have",
    ("DeleteAlias", "NotAuthorizedException"): "AWS refuses its own aliases with a code that the model does not have",
    (
        "ListKeyPolicies",
        "InvalidMarkerException",
    ): "it takes a Marker, and the model declares nothing for a wrong one (0024)",
    (
        "DescribeKey",
        "InvalidGrantTokenException",
    ): "it takes GrantTokens, and the model declares nothing for wrong ones (0024)",
    ("CreateRole", "NoSuchEntity"): "it takes a boundary, and the model declares nothing for one that is not there",
    **{
        (
            operation,
            "InvalidParameterValue",
        ): "AWS was seen to refuse session tags with a code that the model does not have"
        for operation in ("AssumeRole", "AssumeRoleWithWebIdentity", "GetFederationToken")
    },
}

#: (operation, constructor): what a syntax tree suggests and cannot happen.
UNREACHED = {
    ("CreateAlias", "aliases_not_supported"): "a target that is an alias is refused before, in other words",
    ("UpdateAlias", "aliases_not_supported"): "a target that is an alias is refused before, in other words",
    ("DeleteAlias", "aliases_not_supported"): "the key is the one behind the alias, by its id",
    **{
        (name, "malformed_policy"): "policies of a request are refused as invalid input, stored ones were checked"
        for name in (
            *("SimulateCustomPolicy", "SimulatePrincipalPolicy"),
            *("GetContextKeysForCustomPolicy", "GetContextKeysForPrincipalPolicy"),
        )
    },
    ("Explain", "aliases_not_supported"): "it takes aliases",
    (
        "Explain",
        "malformed_policy",
    ): "policies were checked when they were put; what is tried and does not parse is passed over",
    ("GetSessionToken", "packed_policy_too_large"): "such a session has neither policies nor tags of its own",
}


def may_answer(operation: str, code: str, service: str = "kms") -> bool:
    """Whether an operation of a service may answer with a code, which is in that service's words."""
    common = {of_query(one) for one in COMMON} | {"InvalidAction"} if service in QUERY else COMMON.keys()
    return code in common or code in MODELS[service].operations[operation].errors or (operation, code) in BEYOND


def may_come_to(row: Row, code: str) -> bool:
    """Whether an operation may refuse with a code, which is in the words in which all refusals are made."""
    return may_answer(row.name, of_query(code) if row.service in QUERY else code, row.service)


def of_states(row: Row) -> set[str]:
    """The codes with which an operation refuses a key for its state."""
    if row.keys is KeyTypes.NONE:
        return set()
    found = (refusal(row.states, state, "") for state in KeyState)
    return {one.code for one in found if one is not None}
