"""The operations of AWS KMS: one module a subject, one function an operation."""
