"""Keystead and the model side by side: a call is predicted, made and compared.

`Trial` does that for one sequence of calls and remembers it, so that a divergence can show what led to it. What it runs
is the services floor without sockets (`tests.services.office`), whose clock is told."""

from __future__ import annotations

import asyncio
import base64
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from tests.properties.outcomes import Ask, Refused
from tests.properties.rules import RULES
from tests.properties.tables import SYMMETRIC
from tests.properties.world import ABROAD, HOME, OTHER, Family, Proof, Sealed, World
from tests.services.office import ALLOW_ALL, Office

#: Members of answers that are blobs.
BLOBS = frozenset(
    """Plaintext CiphertextBlob PrivateKeyPlaintext PrivateKeyCiphertextBlob PublicKey Signature Mac SharedSecret
    SharedSecretCiphertextBlob ImportToken""".split()
)

#: Lists are asked for page by page, and must come out whole: operation -> the list's member.
PAGED = {
    "ListKeys": "Keys",
    "ListAliases": "Aliases",
    "ListResourceTags": "Tags",
    "ListKeyPolicies": "PolicyNames",
    "ListKeyRotations": "Rotations",
    "ListGrants": "Grants",
    "ListRetirableGrants": "Grants",
}

#: What shows rows of a key that has ceased to exist until they are swept away, a minute at most.
OF_ROWS = frozenset("ListKeys ListAliases CreateAlias UpdateAlias DeleteAlias".split())

#: What is asked about every key at the end of a trial.
ABOUT_A_KEY = tuple(
    """DescribeKey GetKeyPolicy ListResourceTags GetKeyLastUsage GetKeyRotationStatus ListKeyRotations ListGrants
    GetPublicKey""".split()
)
ABOUT_A_REGION = ("ListKeys", "ListAliases")

BEGINNING = 1_800_000_000.0


class Divergence(AssertionError):
    """Keystead did what AWS does not; ``story`` is everything that was done until then."""

    def __init__(self, story: list[str], expected: Any, got: Any) -> None:
        self.story = story
        lines = "\n".join(f"  {number:3} {line}" for number, line in enumerate(story))
        expected, got = _apart(expected, got)
        super().__init__(f"after\n{lines}\nAWS answers\n  {expected}\nKeystead answers\n  {got}")


class Trial:
    """One Keystead and one model, from their beginning."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.home = tempfile.TemporaryDirectory()
        self.office = self.loop.run_until_complete(self._open())
        self.world = World(self.office.now)
        self.unswept = False
        self.story: list[str] = []
        self.outcomes: Counter[tuple[str, str]] = Counter()

    async def _open(self) -> Office:
        office = Office(Path(self.home.name))
        office.now = BEGINNING
        self.principals = {
            "admin": office.admin,
            "clerk": office.user("clerk"),
            "stranger": office.user("stranger", ALLOW_ALL, account=OTHER),
        }
        return office

    def close(self) -> None:
        self.office.close()
        self.loop.close()
        self.home.cleanup()

    # --- calls -------------------------------------------------------------------------------------------------------

    def ask(self, ask: Ask, limit: int = 0) -> None:
        """Predict, make and compare one call. ``limit``: how much of a list comes at once."""
        self.story.append(self._told(ask, limit))
        if ask.operation in OF_ROWS:
            self.sweep()
        try:
            answer = RULES[ask.operation](self.world, ask)
        except Refused as refused:
            given = self._call(ask)
            got = (given.get("__type", "ok"), given.get("message", given.get("Message")))
            self._compare(any(got == way for way in refused.ways), refused.ways, got if got[0] != "ok" else given)
            self.outcomes[ask.operation, got[0]] += 1
            return
        given = self._all_pages(ask, limit) if ask.operation in PAGED else self._call(ask)
        self._compare(answer.members == given, answer.members, given)
        self.outcomes[ask.operation, "ok"] += 1
        answer.learn(given)
        for key in answer.used:
            key.last_use = (ask.operation, self.world.now)
        if ask.operation == "RotateKeyOnDemand":
            self.look()

    def _call(self, ask: Ask, **more: Any) -> dict[str, Any]:
        principal = self.principals[ask.caller]
        call = self.office.call(ask.operation, principal, region=ask.region, **ask.body, **more)
        try:
            _, answer = self.loop.run_until_complete(call)
        except AssertionError as error:
            raise Divergence(self.story, "what the service model says", error) from error
        return {name: base64.b64decode(value) if name in BLOBS else value for name, value in answer.items()}

    def _all_pages(self, ask: Ask, limit: int) -> dict[str, Any]:
        """A list put together from its pages, each of which but the last is full."""
        member, items, more = PAGED[ask.operation], [], {"Limit": limit} if limit else {}
        while True:
            page = self._call(ask, **more)
            if "__type" in page:
                return page
            items += page.pop(member)
            if not page.pop("Truncated"):
                return {member: items, **page}
            self._compare(len(items) % (limit or 1) == 0, f"pages of {limit}", items)
            more["Marker"] = page.pop("NextMarker")

    def _compare(self, agree: bool, expected: Any, got: Any) -> None:
        if not agree:
            raise Divergence(self.story, expected, got)

    def _told(self, ask: Ask, limit: int) -> str:
        """The call as a person reads it: keys by number, blobs by size."""
        body = [f"{name}={_short(value)}" for name, value in ask.body.items()] + ([f"by {limit}"] if limit else [])
        text = f"{ask.caller}@{ask.region} {ask.operation}({', '.join(body)})"
        for number, key in enumerate(self.world.keys):
            text = text.replace(key.id, f"key{number}")
        return text

    # --- time --------------------------------------------------------------------------------------------------------

    def pass_time(self, seconds: float, *, swept: bool = True) -> None:
        """Time goes by, from one thing that is due to the next. ``swept``: Keystead has done by then what was due."""
        end = self.world.now + seconds
        while due := min((at, what) for at, what in (*self.world.due(), (end, "")) if at > self.world.now):
            self.world.now = self.office.now = due[0]
            self.unswept = True
            # What is not done yet shows in rotations and in what waits for replicas; all else is decided by the time.
            if swept or due[1] == "rotation" or any(key.window is not None for key in self.world.living()):
                self.sweep()
            if due[0] == end:
                break
        days = (end - BEGINNING) / 86_400
        self.story.append(f"--- day {days:.2f}{', something is not swept yet' if self.unswept else ''} ---")
        self.look()

    def sweep(self) -> None:
        """Have Keystead do what is due; the world knows that it is done."""
        if self.unswept:
            self.world.happen()
            self.loop.run_until_complete(self._sweep())
            self.unswept = False

    async def _sweep(self) -> None:
        for _ in range(20):
            if not self.office.sweep.run():
                return
            done = self.loop.create_future()
            self.office.committer.afterwards(
                lambda _store, done=done: self.loop.call_soon_threadsafe(done.set_result, None)
            )
            await asyncio.wait_for(done, 10)
        raise Divergence(self.story, "an end of what is due", "always more")

    def look(self) -> None:
        """Materials that nobody has told of yet are looked up, so that their ids are known."""
        for key in list(self.world.living()):
            if key.family.spec == SYMMETRIC and any(not one.id for one in key.family.versions):
                body = {"KeyId": key.id, "IncludeKeyMaterial": "ALL_KEY_MATERIAL"}
                self.ask(Ask("ListKeyRotations", "admin", key.region, body))

    # --- at the end --------------------------------------------------------------------------------------------------

    def audit(self) -> None:
        """Everything that is known is looked at once more: all keys, all lists, all ciphertexts, all proofs."""
        asked: list[Ask] = []
        for key in list(self.world.living()):
            asked += [Ask(operation, "admin", key.region, {"KeyId": key.id}) for operation in ABOUT_A_KEY]
        for region in (HOME, ABROAD):
            asked += [Ask(operation, "admin", region, {}) for operation in ABOUT_A_REGION]
        for sealed in self.world.sealed.values():
            asked += [Ask("Decrypt", "admin", region, to_open(sealed)) for region in self._regions(sealed.family)]
        for proof in self.world.proofs:
            operation = "VerifyMac" if proof.algorithm.startswith("HMAC") else "Verify"
            asked += [Ask(operation, "admin", region, to_verify(proof)) for region in self._regions(proof.family)]
        for ask in asked:
            self.ask(ask, limit=2 if ask.operation in PAGED else 0)

    def _regions(self, family: Family) -> list[str]:
        return sorted({key.region for key in self.world.keys if key.family is family})


def to_open(sealed: Sealed) -> dict[str, Any]:
    """The request that opens a ciphertext."""
    body = {"CiphertextBlob": sealed.data, "KeyId": sealed.family.id, "EncryptionAlgorithm": sealed.algorithm}
    return {**body, "EncryptionContext": dict(sealed.context)} if sealed.context else body


def to_verify(proof: Proof) -> dict[str, Any]:
    """The request that verifies a signature or a MAC."""
    if proof.algorithm.startswith("HMAC"):
        body = {"Mac": proof.data, "MacAlgorithm": proof.algorithm}
    else:
        body = {"Signature": proof.data, "SigningAlgorithm": proof.algorithm, "MessageType": proof.message_type}
    return {"KeyId": proof.family.id, "Message": proof.message, **body}


def _short(value: Any) -> str:
    if isinstance(value, bytes) and len(value) > 8:
        return f"<{len(value)} bytes …{value[-4:].hex()}>"
    text = repr(value)
    return text if len(text) < 100 else f"{text[:96]}…"


def _apart(expected: Any, got: Any) -> tuple[Any, Any]:
    """Of two answers, the members that differ, down to the innermost."""
    if not isinstance(expected, dict) or not isinstance(got, dict) or "__type" in got:
        return expected, got
    differing = [name for name in expected.keys() | got.keys() if expected.get(name) != got.get(name)]
    if len(differing) == 1 and differing[0] in expected and differing[0] in got:
        [name] = differing
        inner = _apart(expected[name], got[name])
        return {name: inner[0]}, {name: inner[1]}
    return tuple({name: of[name] for name in differing if name in of} for of in (expected, got))  # type: ignore[return-value]
