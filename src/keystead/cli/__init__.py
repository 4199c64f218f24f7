"""Floor 5: argv."""
