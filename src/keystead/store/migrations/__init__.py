"""The schema, step by step: files ``NNNN_name.sql``, numbered from `FIRST` without gaps, forward only.

Guarantees: the list is complete and in order, or importing a store fails. Each database applies one file per
transaction, together with the schema's new version number, and refuses a version that this list does not know.

Schemas before `FIRST` were those of development versions; a store that has one is refused
(docs/decisions/0014-schema-before-the-first-release.md).

A file is portable SQL. Where databases spell a type or an option differently it says ``$word``, and each database
gives the spelling. A released file is never edited; a table with row MACs gets a new column as NULL and the row
encoding takes the column in only when it is not NULL, so that a migration needs no root key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from string import Template
from typing import Final, NamedTuple

FIRST: Final = 3

NAME: Final = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")


class Migration(NamedTuple):
    """One step; ``version`` is the schema's version after it."""

    version: int
    name: str
    text: str

    def script(self, words: Mapping[str, str]) -> str:
        """The SQL with a database's own spellings. Raises KeyError for a word that the database does not spell."""
        return Template(self.text).substitute(words)


@cache
def load() -> tuple[Migration, ...]:
    """All steps, in order."""
    found = []
    for file in resources.files(__package__).iterdir():
        match = NAME.fullmatch(file.name)
        if match:
            found.append(Migration(int(match[1]), file.name, file.read_text("utf-8")))
    found.sort()
    if [step.version for step in found] != list(range(FIRST, FIRST + len(found))):
        raise ValueError(f"migrations are not numbered from {FIRST} without gaps: {[step.name for step in found]}")
    return tuple(found)
