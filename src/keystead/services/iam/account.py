"""GetAccountSummary, and the alias of an account: CreateAccountAlias, DeleteAccountAlias, ListAccountAliases.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountSummary.html. An alias is a name to be shown by; nothing
here is reached by it."""

from __future__ import annotations

from typing import Final

from keystead import errors
from keystead.domain import iamquotas as quotas
from keystead.domain.identity import IdentityKind
from keystead.model.generated import iam as shapes
from keystead.services.call import Call
from keystead.services.change import Change
from keystead.services.iam.paging import page_of
from keystead.services.table import operation
from keystead.store.interface import Reader, Transaction

_EVERYTHING: Final = "*"
_ALIAS: Final = "account-alias/"  # of the store's `meta`, before the account


@operation("iam:GetAccountSummary")
def get_account_summary(call: Call[shapes.GetAccountSummaryRequest]) -> shapes.GetAccountSummaryResponse:
    call.permit("iam:GetAccountSummary", _EVERYTHING, shown=_EVERYTHING)
    account = call.caller.account

    def count(reader: Reader) -> dict[str, int]:
        return {
            "Users": reader.count_identities(account, IdentityKind.USER),
            "Groups": reader.count_groups(account),
            "Roles": reader.count_identities(account, IdentityKind.ROLE),
            "Policies": reader.count_managed_policies(account),
            "PolicyVersionsInUse": _versions(reader, account),
            "AccountAccessKeysPresent": int(bool(reader.access_keys(account))),
        }

    return shapes.GetAccountSummaryResponse(summary_map={**call.facts.read(count), **_QUOTAS, **_NONE})


def _versions(reader: Reader, account: str) -> int:
    """Versions of the account's managed policies."""
    found, after = 0, None
    while policies := reader.managed_policies(account, "/", after, 1_000):
        found += sum(len(policy.versions) for policy in policies)
        after = policies[-1].name
    return found


_QUOTAS: Final = {
    "UsersQuota": quotas.USERS,
    "GroupsQuota": quotas.GROUPS,
    "RolesQuota": quotas.ROLES,
    "PoliciesQuota": quotas.POLICIES,
    "AccessKeysPerUserQuota": quotas.ACCESS_KEYS_PER_USER,
    "GroupsPerUserQuota": quotas.GROUPS_PER_USER,
    "AttachedPoliciesPerUserQuota": quotas.ATTACHED_POLICIES,
    "AttachedPoliciesPerGroupQuota": quotas.ATTACHED_POLICIES,
    "AttachedPoliciesPerRoleQuota": quotas.ATTACHED_POLICIES,
    "UserPolicySizeQuota": quotas.USER_POLICY_SIZE,
    "GroupPolicySizeQuota": quotas.GROUP_POLICY_SIZE,
    "RolePolicySizeQuota": quotas.ROLE_POLICY_SIZE,
    "AssumeRolePolicySizeQuota": quotas.TRUST_POLICY_SIZE,
    "PolicySizeQuota": quotas.POLICY_SIZE,
    "VersionsPerPolicyQuota": quotas.VERSIONS_PER_POLICY,
    "PolicyVersionsInUseQuota": quotas.POLICY_VERSIONS_IN_USE,
    "InstanceProfilesQuota": quotas.INSTANCE_PROFILES,
    "ServerCertificatesQuota": quotas.SERVER_CERTIFICATES,
    "SigningCertificatesPerUserQuota": quotas.SIGNING_CERTIFICATES_PER_USER,
}
# Keystead has none of these; its session tokens are of the kind that AWS numbers 2, good for all regions.
_NONE: Final = {
    "AccountMFAEnabled": 0,
    "AccountPasswordPresent": 0,
    "AccountSigningCertificatesPresent": 0,
    "GlobalEndpointTokenVersion": 2,
    "InstanceProfiles": 0,
    "MFADevices": 0,
    "MFADevicesInUse": 0,
    "Providers": 0,
    "ServerCertificates": 0,
}


# --- the alias --------------------------------------------------------------------------------------------------------


def alias_of(reader: Reader, account: str) -> str | None:
    """The alias of an account, None if it has none."""
    return (reader.meta(_ALIAS + account) or b"").decode(errors="replace") or None


@operation("iam:ListAccountAliases")
def list_account_aliases(call: Call[shapes.ListAccountAliasesRequest]) -> shapes.ListAccountAliasesResponse:
    call.permit("iam:ListAccountAliases", _EVERYTHING, shown=_EVERYTHING)
    alias = call.facts.read(lambda reader: alias_of(reader, call.caller.account))
    found = page_of(call, "", [] if alias is None else [alias], str)
    return shapes.ListAccountAliasesResponse(
        account_aliases=list(found.items), is_truncated=found.is_truncated, marker=found.marker
    )


@operation("iam:CreateAccountAlias", mutates=True)
def create_account_alias(call: Call[shapes.CreateAccountAliasRequest]) -> Change:
    """An account has one alias at most: another takes the place of the first."""
    call.permit("iam:CreateAccountAlias", _EVERYTHING, shown=_EVERYTHING)
    account, alias = call.caller.account, call.request.account_alias
    owner = call.facts.read(
        lambda reader: next((one for one in reader.accounts() if alias_of(reader, one) == alias), None)
    )
    if owner == account:
        return Change(None)
    if owner is not None:
        raise errors.account_alias_taken(alias)
    return _set(account, alias)


@operation("iam:DeleteAccountAlias", mutates=True)
def delete_account_alias(call: Call[shapes.DeleteAccountAliasRequest]) -> Change:
    call.permit("iam:DeleteAccountAlias", _EVERYTHING, shown=_EVERYTHING)
    account, alias = call.caller.account, call.request.account_alias
    if call.facts.read(lambda reader: alias_of(reader, account)) != alias:
        raise errors.account_alias_not_found(alias)
    return _set(account, "")


def _set(account: str, alias: str) -> Change:
    def put(transaction: Transaction) -> None:
        transaction.put_meta(_ALIAS + account, alias.encode())

    return Change(None, (put,))
