"""Keystead: a key management service that speaks the AWS KMS API and runs on your own machines."""
