"""Principals that a request or a policy names, looked up in the store; and the names by which identities are shown.

Guarantees: what is found exists now, in an account of this server. Sessions and federated users need not have been
issued yet: of a session the role must exist, of a federated user the account. A resource policy is kept with the unique
ids of the users and roles that it names: who is renamed is still meant, and who gets the name later is not.

Source: "AWS JSON policy elements: Principal" (IAM user guide)."""

from __future__ import annotations

from keystead.domain.grantees import Bound, Form, Name, bind_federated, bind_session, federated, identified
from keystead.domain.identity import IdentityKind
from keystead.domain.policy import naming
from keystead.domain.policy.principals import UNIQUE_ID
from keystead.store.interface import Reader


def find(reader: Reader, name: Name) -> Bound | None:
    """The principal of that name, None if there is none."""
    match name.form:
        case Form.SERVICE:
            return Bound(name.text, name.text)
        case Form.ACCOUNT:
            return None if reader.account_key(name.account) is None else Bound(name.text, name.text)
        case Form.FEDERATED_USER:
            exists = reader.account_key(name.account) is not None
            return bind_federated(name.account, name.session) if exists else None
        case Form.IDENTITY:
            found = reader.identity(name.text)
            return None if found is None else Bound(found.unique_id, found.arn)
        case Form.ROLE_SESSION:
            role = reader.role(name.account, name.role)
            if role is None or role.name != name.role:
                return None
            return bind_session(role.arn, role.unique_id, name.session)
        case Form.UNIQUE_ID:
            return _with_id(reader, name.role, name.session)


def _with_id(reader: Reader, unique_id: str, session: str) -> Bound | None:
    found = reader.identity_with_id(unique_id)
    if found is None:
        return None
    if session:
        is_role = found.kind is IdentityKind.ROLE
        return bind_session(found.arn, found.unique_id, session) if is_role else None
    return Bound(found.unique_id, found.arn)


def show(reader: Reader, identity: str) -> str:
    """The ARN of the principal that a grant is bound to. A user or role that is gone is shown by its unique id."""
    if (parts := identified(identity)) is not None:
        found = _with_id(reader, *parts)
        return identity if found is None else found.shown
    user = federated(identity)
    return identity if user is None else user.shown


def bind_policy(reader: Reader, text: str, identities: frozenset[str]) -> str | None:
    """A resource policy as it is kept; None where a user or role that it names by ARN does not exist. ``identities`` are
    those of the compiled `Policy`. A unique id is what is left of a principal that was deleted: it stays as it is, and a
    policy that shows one can be put back."""
    ids: dict[str, str] = {}
    for arn in identities:
        if arn.startswith("arn:"):
            found = reader.identity(arn)
            if found is None:
                return None
            ids[arn] = found.unique_id
    return naming.exchanged(text, ids)


def show_policy(reader: Reader, text: str) -> str:
    """A resource policy that is kept, as it is shown: those whom it names by the ARNs that they have now. Who is gone is
    shown by the unique id."""
    ids = [name for name in naming.named(text) if UNIQUE_ID.fullmatch(name)]
    found = {unique_id: reader.identity_with_id(unique_id) for unique_id in ids}
    return naming.exchanged(text, {name: one.arn for name, one in found.items() if one is not None})
