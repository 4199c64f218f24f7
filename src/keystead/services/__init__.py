"""Floor 4: one function per API operation, and the one long path they are called on."""
