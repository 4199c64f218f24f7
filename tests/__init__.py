"""The tests, a folder for each room of the house; `tests/house` checks the house itself."""
