"""What IAM and STS say of a policy document that somebody wants to write: in their words, in their order.

Guarantees: what passes here compiles, so that an identity or a role can be loaded; each check answers the compiled
policy. Refusals have the code MalformedPolicyDocument (`errors.malformed_policy`, worded for query services).

IAM says less of a document than `document` would: for most defects "Syntax errors in policy." or "The policy failed
legacy parsing". Where its words are not known, those of `document` stand.

Sources: answers of IAM and STS that were recorded and published; "IAM and AWS STS quotas" for none of the sizes, which
are checked by whoever knows the identity; "Identity-provider controls for shared OIDC providers" (IAM user guide).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NoReturn

from keystead import errors
from keystead.domain.policy import document, values
from keystead.domain.policy.conditions import is_operator, operator_of
from keystead.domain.policy.document import Json, is_text
from keystead.domain.policy.principals import FEDERATED, NAMES, SERVICE
from keystead.domain.policy.statements import Policy
from keystead.domain.policy.wildcard import Piece, any_of
from keystead.domain.policy.work import UNBOUNDED, Work

Statement = Mapping[str, Json]

_SYNTAX: Final = "Syntax errors in policy."
_LEGACY: Final = "The policy failed legacy parsing"
_NEWEST: Final = "2012-10-17"
_VERSIONS: Final = ("2008-10-17", _NEWEST)
_TOP: Final = frozenset({"Version", "Id", "Statement"})
_ELEMENTS: Final = frozenset(
    {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Principal", "NotPrincipal", "Condition"}
)
_TEXTS: Final = ("Action", "NotAction", "Resource", "NotResource")
_PARTITIONS: Final = frozenset(
    {"*", "aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc"}
)
_VENDOR: Final = re.compile(r"\*|[A-Za-z0-9.-]+", re.ASCII)
_IAM_PATHS: Final = (
    "user/",
    "federated-user/",
    "role/",
    "group/",
    "instance-profile/",
    "mfa/",
    "server-certificate/",
    "policy/",
    "sms-mfa/",
    "saml-provider/",
    "oidc-provider/",
    "report/",
    "access-report/",
)

ASSUMING: Final = (
    "sts:AssumeRole",
    "sts:AssumeRoleWithSAML",
    "sts:AssumeRoleWithWebIdentity",
    "sts:TagSession",
    "sts:SetSourceIdentity",
    "sts:SetContext",
)
"""What a trust policy can speak about."""

SHARED_PROVIDERS: Final[Mapping[str, tuple[str, ...]]] = {
    "token.actions.githubusercontent.com": ("sub", "job_workflow_ref"),
    "vstoken.actions.githubusercontent.com": ("sub",),
    "oidc-configuration.audit-log.githubusercontent.com": ("sub",),
    "gitlab.com": ("sub",),
    "agent.buildkite.com": ("sub",),
    "app.terraform.io": ("sub",),
    "oidc.codefresh.io": ("sub",),
    "studio.datachain.ai/api": ("sub",),
    "scalr.io": ("sub",),
    "tokens.cloud.shisho.dev": ("sub",),
    "proidc.upbound.io": ("sub",),
    "api.pulumi.com/oidc": ("aud",),
    "sandboxes.cloud": ("aud",),
    "oidc.vercel.com": ("aud",),
}
"""Identity providers that serve everybody, and the claims of which one tells whose token it is."""


def check_identity_policy(text: str, *, managed: bool = False) -> Policy:
    """An inline policy of a user, group or role, or a ``managed`` one."""
    version, statements = _read(text, _SYNTAX)
    if not all(map(_is_sound, statements)):
        _refuse(_SYNTAX)
    if any("Principal" in each or "NotPrincipal" in each for each in statements):
        _refuse("Policy document should not specify a principal.")
    if managed and version != _NEWEST:
        _refuse("Policy document must be version 2012-10-17 or greater.")
    wrong = _legacy(statements)
    _check_sids(statements, "Statement IDs (SID) in a single policy must be unique.")
    if not all(_listed(each, "Action") for each in statements):
        _refuse("Policy statement must contain actions.")
    if wrong is not None:
        _refuse(wrong)
    for statement in statements:
        for action in _listed(statement, "Action"):
            _check_action(action)
    if not all(_listed(each, "Resource") for each in statements):
        _refuse("Policy statement must contain resources.")
    return document.parse_identity_policy(text)


def check_session_policy(text: str) -> Policy:
    """A policy that comes with a request for a session. Unlike those of identities it names resources in full."""
    _, statements = _read(text, "The policy is not in the valid JSON format.")
    if not all(map(_is_sound, statements)):
        _refuse(_SYNTAX)
    for statement in statements:
        for resource in _listed(statement, "Resource"):
            if resource.startswith("arn:") and not resource.endswith("*") and resource.count(":") < 5:
                _refuse(f'Resource {_said(resource)} must be in ARN format or "*".')
    return document.parse_identity_policy(text)


def check_trust_policy(text: str) -> Policy:
    """The trust policy of a role. Whether the users and roles that it names exist is for who has them
    (`Policy.identities`, `invalid_principal`).
    """
    _, statements = _read(text, "This policy contains invalid Json", trust=True)
    for statement in statements:
        _check_trust(statement)
    _check_sids(statements, "The Statement Ids in the policy are not unique")
    policy = document.parse_trust_policy(text)
    for statement in statements:
        _check_shared_providers(statement)
    return policy


def invalid_principal(kind: str, name: str) -> errors.Refusal:
    """The refusal of a trust policy that names somebody who does not exist, or in no form of a principal's name."""
    return errors.malformed_policy(f'Invalid principal in policy: "{kind.upper()}":"{_said(name)}"')


def _refuse(sentence: str) -> NoReturn:
    raise errors.malformed_policy(sentence)


def _said(text: str) -> str:
    """A text of the document as a refusal repeats it: one line, of bounded length."""
    line = "".join(character if character.isprintable() else " " for character in text[:512])
    return line if len(text) <= 512 else f"{line}..."


# --- every document ---------------------------------------------------------------------------------------------------


def _read(text: str, unreadable: str, *, trust: bool = False) -> tuple[str | None, list[Statement]]:
    """The version and the statements of what is a policy by its outline."""
    try:
        found = document.load(text)
    except errors.Refusal:
        _refuse(unreadable)
    if not isinstance(found, dict) or not set(found) <= _TOP or not is_text(found.get("Id", "")):
        _refuse("Syntax error in policy." if trust else _SYNTAX)
    version = found.get("Version")
    if "Version" in found and version not in _VERSIONS:
        _refuse("The policy must contain a valid version string" if trust else _SYNTAX)
    statements = found.get("Statement")
    if isinstance(statements, dict):
        statements = [statements]
    if not statements or not isinstance(statements, list):
        _refuse("Could not parse the policy: Statement is empty!" if trust else _SYNTAX)
    if not all(isinstance(each, dict) for each in statements):
        _refuse("Syntax error in policy." if trust else _SYNTAX)
    return version, statements


def _is_sound(statement: Statement) -> bool:
    """Are the elements of the statement known ones, each of its type, and none beside its negation."""
    if not set(statement) <= _ELEMENTS or not is_text(statement.get("Sid", "")):
        return False
    if any(name in statement and f"Not{name}" in statement for name in ("Action", "Resource", "Principal")):
        return False
    if not all(_is_texts(statement[name]) for name in _TEXTS if name in statement):
        return False
    effect = statement.get("Effect")
    return is_text(effect) and effect.lower() in {"allow", "deny"} and _is_condition(statement.get("Condition", {}))


def _is_texts(value: Json) -> bool:
    return is_text(value) or (isinstance(value, list) and all(map(is_text, value)))


def _is_condition(value: Json) -> bool:
    if not isinstance(value, dict):
        return False
    for operator, keys in value.items():
        if not isinstance(keys, dict) or any(isinstance(each, dict) or each is None for each in keys.values()):
            return False
        if keys and not is_operator(operator):
            return False
    return True


def _listed(statement: Statement, name: str) -> list[str]:
    """The texts of an element or of its negation."""
    value = statement.get(name, statement.get(f"Not{name}", []))
    return [value] if is_text(value) else value if isinstance(value, list) else []


def _check_sids(statements: list[Statement], sentence: str) -> None:
    sids = [each["Sid"] for each in statements if each.get("Sid")]
    if len(set(sids)) != len(sids):
        _refuse(sentence)


def _check_action(action: str) -> None:
    vendor, *names = action.split(":")
    if not names and action != "*":
        _refuse("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
    if len(names) > 1:
        _refuse("Actions/Condition can contain only one colon.")
    if _VENDOR.fullmatch(vendor) is None:
        _refuse(f"Vendor {_said(vendor)} is not valid")


# --- identity policies ------------------------------------------------------------------------------------------------


def _legacy(statements: list[Statement]) -> str | None:
    """What IAM's older parser refuses; or what there is to say of a resource, which is said later."""
    for statement in statements:
        if statement["Effect"] not in {"Allow", "Deny"} or not all(map(_is_date, _dates(statement))):
            _refuse(_LEGACY)
    wrong: str | None = None
    for statement in statements:
        resources = _listed(statement, "Resource")
        found = [sentence for each in sorted(resources) if (sentence := _wrong_resource(each)) is not None]
        wrong = wrong or next(iter(found), None)
        if wrong is None and any(map(_fails_legacy, resources)):
            _refuse(_LEGACY)
    return wrong


def _dates(statement: Statement) -> Iterator[Json]:
    for operator, keys in statement.get("Condition", {}).items():
        if operator_of(operator).startswith("Date"):
            for value in keys.values():
                yield from value if isinstance(value, list) else [value]


def _is_date(value: Json) -> bool:
    return isinstance(value, str) and values.date(value) is not None


def _wrong_resource(resource: str) -> str | None:
    if resource == "*":
        return None
    if ":" not in resource:
        return f'Resource {_said(resource)} must be in ARN format or "*".'
    _, partition, *rest = resource.split(":", 5)
    if partition not in _PARTITIONS:
        shown = ":".join((rest + ["*"] * 4)[: max(4, len(rest))])
        return f'Partition "{_said(partition)}" is not valid for resource "arn:{_said(f"{partition}:{shown}")}".'
    if not rest or set(rest[0]) & set("*?$"):
        return "Resource vendor must be fully qualified and cannot contain regexes."
    service, region, path = rest[0], rest[1] if len(rest) > 1 else "", rest[3] if len(rest) > 3 else ""
    if service == "iam" and region:
        return f"IAM resource {_said(resource)} cannot contain region information."
    if service == "s3" and region and not path.startswith("accesspoint/"):
        return f"Resource {_said(resource)} can not contain region information."
    if service == "iam" and len(rest) > 3 and path != "*" and not path.startswith(_IAM_PATHS):
        return f'IAM resource path must either be "*" or start with {", ".join(_IAM_PATHS)}.'
    return None


def _fails_legacy(resource: str) -> bool:
    """An ARN without a service, one that stops early after an empty part, one whose account is a variable."""
    if resource == "*":
        return False
    parts = resource.split(":", 5)
    return len(parts) < 3 or not parts[2] or (len(parts) < 6 and "::" in resource) or "$" in "".join(parts[4:5])


# --- trust policies ---------------------------------------------------------------------------------------------------


def _check_trust(statement: Statement) -> None:
    effect = statement.get("Effect")
    if effect is None:
        _refuse("Missing required field Effect")
    if effect not in ("Allow", "Deny"):
        _refuse(f"Invalid effect: {_said(effect)}" if is_text(effect) else "Syntax error in policy.")
    if "NotPrincipal" in statement:
        allows = "Allow with NotPrincipal is not allowed."
        _refuse(allows if effect == "Allow" else "AssumeRole policy must not contain NotPrincipal field.")
    _check_trusted(statement)
    if not _is_sound(statement):
        _refuse("Syntax error in policy.")
    actions = _listed(statement, "Action")
    if not actions:
        _refuse("Missing required field Action")
    if not all(any(_speaks_of(action, each) for each in ASSUMING) for action in actions):
        _refuse("AssumeRole policy may only specify STS AssumeRole actions.")
    if "Resource" in statement:
        _refuse("Has prohibited field Resource")
    if "NotResource" in statement:
        _refuse("AssumeRole policy must not contain resources.")


def _check_trusted(statement: Statement) -> None:
    if "Principal" not in statement:
        _refuse("Missing required field Principal")
    principal = statement["Principal"]
    if principal == "*":
        _refuse('AssumeRolepolicy contained an invalid principal: "STAR":"*".')
    if not isinstance(principal, dict):
        _refuse("Principal must be a JSON object." if is_text(principal) else "Syntax error in policy.")
    if not principal:
        _refuse("Missing required field Principal cannot be empty!")
    if not all(map(_is_texts, principal.values())):
        _refuse("Syntax error in policy.")
    if not any(principal.values()):
        _refuse(
            "Invalid principal in policy: com.amazon.balsa.error.InvalidPolicyException: "
            "The passed in policy has a statement with no principals!"
        )
    for kind in principal:
        for name in _listed(principal, kind):
            if kind == "Federated" and FEDERATED.fullmatch(name) is None:
                _refuse("Federated principals must be valid domain names or SAML metadata ARNs")
            if kind == "AWS" and name != "*" and not any(form.fullmatch(name) for form in NAMES):
                raise invalid_principal(kind, name)
            if kind == "Service" and SERVICE.fullmatch(name) is None:
                raise invalid_principal(kind, name)
        if kind not in {"AWS", "Service", "Federated"}:
            _refuse(f'Invalid principal in policy: "{_said(kind)}"')


def pattern_of(text: str) -> Callable[[str], bool]:
    """Whether the text of an Action element stands for an action, which is given in lower case."""
    named = any_of([(Piece(text.lower()),)])
    return lambda action: named.matches(action, Work(UNBOUNDED))


def _speaks_of(pattern: str, action: str) -> bool:
    """Does the pattern name STS, and the action."""
    return pattern.lower().startswith("sts:") and pattern_of(pattern)(action.lower())


def _check_shared_providers(statement: Statement) -> None:
    """A provider that serves everybody vouches for everybody's tokens: without a condition on whose they are, a
    statement that trusts it trusts the world. IAM refuses that; its sentence is not known.
    """
    if statement["Effect"] != "Allow" or "Federated" not in statement["Principal"]:
        return
    if not any(_speaks_of(action, "sts:AssumeRoleWithWebIdentity") for action in _listed(statement, "Action")):
        return
    for name in _listed(statement["Principal"], "Federated"):
        provider = name.partition(":oidc-provider/")[2]
        claims = [f"{provider}:{claim}" for claim in SHARED_PROVIDERS.get(provider, ())]
        if claims and not _is_narrowed(statement.get("Condition", {}), claims):
            _refuse(
                f"A statement that trusts the identity provider {_said(provider)}, which serves everybody, needs a condition on "
                f"{' or '.join(claims)} that says whose tokens are trusted."
            )


def _is_narrowed(condition: Json, claims: list[str]) -> bool:
    folded = {claim.lower() for claim in claims}
    for operator, keys in condition.items():
        if operator.rpartition(":")[2] in {"StringEquals", "StringLike", "StringEqualsIgnoreCase"}:
            for key, value in keys.items():
                literals = value if isinstance(value, list) else [value]
                if key.lower() in folded and all(is_text(each) and each.strip("*?") for each in literals):
                    return True
    return False
