"""IAM: users, groups, roles, access keys and policies of the caller's account; one module for each topic, the table in `operations`."""
