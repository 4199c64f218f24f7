"""Custodian slots: each opens the root key by other means; one mechanism for all."""
