"""What users have besides access keys, in AWS: a password, devices for a second factor, certificates, SSH keys, passwords
of services. Nobody has any of it here, and these operations say so, as AWS says it of a user who has none; whoever deletes
a user asks them first (Terraform, the AWS CLI).

https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetLoginProfile.html"""

from __future__ import annotations

from typing import NoReturn

from keystead import errors
from keystead.domain import arn
from keystead.model.generated import iam as shapes
from keystead.services.call import Call
from keystead.services.iam import naming
from keystead.services.iam.paging import empty
from keystead.services.table import operation


@operation("iam:GetLoginProfile")
def get_login_profile(call: Call[shapes.GetLoginProfileRequest]) -> NoReturn:
    user = naming.permitted_self(call, call.request.user_name)
    raise errors.login_profile_not_found(call.request.user_name or user.name)


@operation("iam:DeleteLoginProfile", mutates=True)
def delete_login_profile(call: Call[shapes.DeleteLoginProfileRequest]) -> NoReturn:
    user = naming.permitted_self(call, call.request.user_name)
    raise errors.login_profile_not_found(call.request.user_name or user.name)


@operation("iam:ListMFADevices")
def list_mfa_devices(call: Call[shapes.ListMFADevicesRequest]) -> shapes.ListMFADevicesResponse:
    naming.permitted_self(call, call.request.user_name)
    found = empty(call)
    return shapes.ListMFADevicesResponse(mfa_devices=list(found.items), is_truncated=found.is_truncated)


@operation("iam:ListVirtualMFADevices")
def list_virtual_mfa_devices(call: Call[shapes.ListVirtualMFADevicesRequest]) -> shapes.ListVirtualMFADevicesResponse:
    call.permit("iam:ListVirtualMFADevices", f"arn:{arn.PARTITION}:iam::{call.caller.account}:mfa/")
    found = empty(call, call.request.assignment_status or "Any")
    return shapes.ListVirtualMFADevicesResponse(virtual_mfa_devices=list(found.items), is_truncated=found.is_truncated)


@operation("iam:ListSigningCertificates")
def list_signing_certificates(
    call: Call[shapes.ListSigningCertificatesRequest],
) -> shapes.ListSigningCertificatesResponse:
    naming.permitted_self(call, call.request.user_name)
    found = empty(call)
    return shapes.ListSigningCertificatesResponse(certificates=list(found.items), is_truncated=found.is_truncated)


@operation("iam:ListSSHPublicKeys")
def list_ssh_public_keys(call: Call[shapes.ListSSHPublicKeysRequest]) -> shapes.ListSSHPublicKeysResponse:
    naming.permitted_self(call, call.request.user_name)
    found = empty(call)
    return shapes.ListSSHPublicKeysResponse(ssh_public_keys=list(found.items), is_truncated=found.is_truncated)


@operation("iam:ListServiceSpecificCredentials", withheld=("all_users", "service_name"))
def list_service_specific_credentials(
    call: Call[shapes.ListServiceSpecificCredentialsRequest],
) -> shapes.ListServiceSpecificCredentialsResponse:
    naming.permitted_self(call, call.request.user_name)
    found = empty(call)
    return shapes.ListServiceSpecificCredentialsResponse(
        service_specific_credentials=list(found.items), is_truncated=found.is_truncated
    )
