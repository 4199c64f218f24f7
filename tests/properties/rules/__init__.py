"""AWS's rules: for each operation, what the call answers in this world, or its refusal.

A rule raises `Refused` or returns an `Answer`, whose ``learn`` makes the world what it is after the call. The order of
checks in a rule is AWS's: the words of the request, the key it names, permission, the key's state, its usage and
algorithm, the rest, the cryptography, and last whether it was a dry run.
"""

from tests.properties.rules import encryption, grants, keys, materials, names, regions, signing
from tests.properties.rules.steps import Rule

#: Operation -> its rule.
RULES: dict[str, Rule] = {
    operation: rule
    for subject in (keys, names, encryption, materials, regions, grants, signing)
    for operation, rule in subject.RULES.items()
}
