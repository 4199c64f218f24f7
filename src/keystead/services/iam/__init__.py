"""IAM: users, groups, roles, access keys and policies of the caller's account."""
