"""The AWS service models as pinned: documentation stripped, their origin and hashes in ``pins.json``."""
