"""The IAM table: every row of this service, and every operation of the pinned model that is not offered, with its
reason. `docs/operations.md` shows all of it."""

from __future__ import annotations

from typing import Final

from keystead.domain.regions import DEFAULT_REGION
from keystead.services.iam import (
    accesskeys,
    account,
    credentials,
    details,
    entities,
    grouppolicies,
    groups,
    policies,
    policyversions,
    rolepolicies,
    roles,
    simulation,
    userpolicies,
    users,
    usertags,
)
from keystead.services.table import Service, collect

#: By reason. What is to come is one topic a line of its own, so that a topic is offered by taking it out.
_REASONS: Final = {
    "there are no instances to hand a role to": (
        *("CreateInstanceProfile", "DeleteInstanceProfile", "GetInstanceProfile"),
        *("AddRoleToInstanceProfile", "RemoveRoleFromInstanceProfile"),
        *("ListInstanceProfiles",),
        *("ListInstanceProfileTags", "TagInstanceProfile", "UntagInstanceProfile"),
    ),
    "there is no console to sign in to with a password": (
        *("ChangePassword", "CreateLoginProfile", "UpdateLoginProfile"),
        *("DeleteAccountPasswordPolicy", "GetAccountPasswordPolicy", "UpdateAccountPasswordPolicy"),
        *("GetAccountProperties", "PutAccountProperties"),
    ),
    "devices for a second factor are not offered": (
        *("CreateVirtualMFADevice", "DeleteVirtualMFADevice"),
        *("EnableMFADevice", "DeactivateMFADevice", "GetMFADevice", "ResyncMFADevice"),
        *("ListMFADeviceTags", "TagMFADevice", "UntagMFADevice"),
    ),
    "credentials other than access keys serve services that are not here": (
        *("CreateServiceSpecificCredential", "DeleteServiceSpecificCredential"),
        *("ResetServiceSpecificCredential", "UpdateServiceSpecificCredential"),
        *("DeleteSSHPublicKey", "GetSSHPublicKey", "UpdateSSHPublicKey", "UploadSSHPublicKey"),
        *("DeleteSigningCertificate", "UpdateSigningCertificate", "UploadSigningCertificate"),
        *("DeleteServerCertificate", "GetServerCertificate", "ListServerCertificates"),
        *("UpdateServerCertificate", "UploadServerCertificate"),
        *("ListServerCertificateTags", "TagServerCertificate", "UntagServerCertificate"),
    ),
    "federation with SAML is not offered": (
        *("CreateSAMLProvider", "DeleteSAMLProvider", "GetSAMLProvider", "ListSAMLProviders", "UpdateSAMLProvider"),
        *("ListSAMLProviderTags", "TagSAMLProvider", "UntagSAMLProvider"),
    ),
    "issuers of web identities stand in the configuration of the server": (
        *("CreateOpenIDConnectProvider", "DeleteOpenIDConnectProvider", "GetOpenIDConnectProvider"),
        *("ListOpenIDConnectProviders", "UpdateOpenIDConnectProviderThumbprint"),
        *("AddClientIDToOpenIDConnectProvider", "RemoveClientIDFromOpenIDConnectProvider"),
        *("ListOpenIDConnectProviderTags", "TagOpenIDConnectProvider", "UntagOpenIDConnectProvider"),
        *("DisableOutboundWebIdentityFederation", "EnableOutboundWebIdentityFederation"),
        "GetOutboundWebIdentityFederationInfo",
    ),
    "no other services work in the account": (
        *("CreateServiceLinkedRole", "DeleteServiceLinkedRole", "GetServiceLinkedRoleDeletionStatus"),
        *("GenerateServiceLastAccessedDetails", "GetServiceLastAccessedDetails"),
        *("GetServiceLastAccessedDetailsWithEntities", "ListPoliciesGrantingServiceAccess"),
        *("AcquireRole", "GetRoleTemplateVersion", "SetSecurityTokenServicePreferences"),
    ),
    "accounts do not form an organization": (
        *("DisableOrganizationsRootCredentialsManagement", "DisableOrganizationsRootSessions"),
        *("EnableOrganizationsRootCredentialsManagement", "EnableOrganizationsRootSessions"),
        *("GenerateOrganizationsAccessReport", "GetOrganizationsAccessReport", "ListOrganizationsFeatures"),
    ),
    "requests for delegation are not offered": (
        *("AcceptDelegationRequest", "AssociateDelegationRequest", "CreateDelegationRequest"),
        *("GetDelegationRequest", "ListDelegationRequests", "RejectDelegationRequest"),
        *("SendDelegationToken", "UpdateDelegationRequest", "GetHumanReadableSummary"),
    ),
    "reports of credentials are not offered": ("GenerateCredentialReport", "GetCredentialReport"),
}

# Request members, by attribute name; each operation's row says which of these it withholds.
MEMBERS_NOT_OFFERED: Final = {
    "all_users": "there are no credentials of other services",
    "ordered_organization_policy_input_list": "accounts do not form an organization",
    "policy_exclusion_list": "the policies of a principal are simulated together",
    "resource_handling_option": "there are no instances whose resources it would tell apart",
    "service_name": "there are no credentials of other services",
}

IAM: Final = Service(
    name="iam",
    event_source="iam.amazonaws.com",
    rows=collect(
        (
            accesskeys,
            account,
            credentials,
            details,
            entities,
            grouppolicies,
            groups,
            policies,
            policyversions,
            rolepolicies,
            roles,
            simulation,
            userpolicies,
            users,
            usertags,
        )
    ),
    not_offered={name: reason for reason, names in _REASONS.items() for name in names},
    members_not_offered=MEMBERS_NOT_OFFERED,
    region=DEFAULT_REGION,
    also_signed_for=frozenset({DEFAULT_REGION}),
    sessions_of_roles_only=True,
)
