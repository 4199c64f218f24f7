"""AWS Security Token Service: one module for each topic, the table in `operations`."""
