"""OpenID Connect: tokens of identity providers that the configuration names, checked with the keys those publish."""
