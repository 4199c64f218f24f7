"""Benchmarks: what one worker on one core does, measured from outside against an empty handler on the same protocol class."""
