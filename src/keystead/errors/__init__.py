"""Every way to refuse: one vocabulary at the bottom of the house, one renderer for each protocol at the top.

A refusal is a `Refusal` with AWS's own code and sentence, and every one has a constructor here that all of the house
calls by its name: `errors.key_not_found(arn)`. The rooms below are for the reader: `door` what every service refuses,
`kms`, `iam`, `sts` what each adds, `query` how the services that speak XML word what all share. The sentences are those
AWS was seen to send; a code that AWS sends without any text has ``message=None`` here and must stay so.

Guarantees: a sentence never carries key material, plaintext, a signature or a token; no two rooms have a constructor of
the same name (`tests/house/test_refusals.py`). Does not guarantee that the resource named in a sentence exists; who may
learn that is decided where the refusal is raised."""

from keystead.errors.admin import *
from keystead.errors.door import *
from keystead.errors.iam import *
from keystead.errors.kms import *
from keystead.errors.query import *
from keystead.errors.refusal import Refusal as Refusal
from keystead.errors.sts import *
