"""Floor 3: bytes. Key specs, the ciphertext format, the key hierarchy. Knows no rows, no callers, no sockets."""
