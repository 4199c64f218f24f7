"""Principals that a request names, looked up in the store; and the names by which identities are shown.

Guarantees: what is found exists now, in an account of this server. Sessions and federated users need not have been
issued yet: of a session the role must exist, of a federated user the account."""

from __future__ import annotations

from keystead.domain.grantees import Bound, Form, Name, bind_federated, bind_session, federated, identified
from keystead.domain.identity import IdentityKind
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
