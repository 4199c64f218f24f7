"""Floor 3: rows. The store interface and its databases. Knows no keys in the clear."""
