"""The administrator's API: a service of Keystead's own, beside those of AWS."""
