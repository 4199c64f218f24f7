"""The house tests itself: floors, purity, the gate to key material, form, and what may stand in the repository at all.

Each check is a function from the root of a checkout to a list of sentences, one for each thing that is wrong, so that
its test can plant a fault in a small tree of its own and see it found.
"""
