"""Client programs that are not Python packages of the test environment, run unmodified against a real server."""
