"""The whole API against a small model of AWS's rules: `tables` and `world` are its facts, `rules` its predictions."""
