"""Floor 5: sockets and signatures."""
