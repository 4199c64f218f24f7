"""Floor 2: facts and decisions. No I/O, no clock, no randomness, no logging."""
