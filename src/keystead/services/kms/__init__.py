"""The operations of AWS KMS."""
