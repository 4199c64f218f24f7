"""Verification: everything an attacker without the key can do is found, at the first line he changed."""

from __future__ import annotations

import random
import shutil
import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.audit import tampering, world
from tests.audit.tampering import EDITS, Oracle

from keystead.audit import chain as chain_module
from keystead.audit import verify as module
from keystead.audit.findings import Anchor, Finding, Kind, Report
from keystead.audit.verify import verify


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Oracle:
    return Oracle(world.build(tmp_path_factory.mktemp("journal") / "audit"))


@pytest.fixture
def copy(oracle: Oracle, tmp_path: Path) -> Path:
    """The same journal, to be changed at will."""
    return Path(shutil.copytree(oracle.directory, tmp_path / "copy"))


def look(directory: Path, *anchors: Anchor) -> Report:
    return verify(directory, world.key_for, anchors=anchors)


def tampering_in(report: Report) -> set[tuple[Kind, str]]:
    return {(finding.kind, finding.file.name) for finding in report.tampering}


def test_an_untouched_journal_is_intact_and_counted(oracle: Oracle) -> None:
    report = look(oracle.directory)
    assert {finding.kind for finding in report.findings} == {Kind.UNSEALED_TAIL}
    assert report.intact
    assert report.records == 306
    assert 0 < report.unsealed < 20
    assert report.segments + report.seal_files == len(oracle.lines)
    assert report.duplicates == 0
    covered = {name: oracle.covered(name) for name in oracle.lines if name.startswith("segment")}
    tails = {finding.file.name: finding.sequence - 1 for finding in report.findings}
    assert tails == {name: last for name, last in covered.items() if last < len(oracle.lines[name]) - 1}


def one_edit(oracle: Oracle, seed: int) -> None:
    chance = random.Random(seed)
    with tampering.tampered(oracle, chance.choice(EDITS), chance) as harm:
        tampering.check(oracle, harm, look(oracle.directory))


def edits(oracle: Oracle, seeds: range) -> None:
    for seed in seeds:
        one_edit(oracle, seed)


@settings(max_examples=250)
@given(seed=st.integers(0, 2**64))
def test_any_edit_is_found_where_it_begins(oracle: Oracle, seed: int) -> None:
    one_edit(oracle, seed)


@pytest.mark.nightly
@pytest.mark.parametrize("share", range(20))
def test_ten_thousand_edits_are_found_where_they_begin(oracle: Oracle, share: int) -> None:
    edits(oracle, range(share * 500, share * 500 + 500))


def test_every_single_byte_of_a_small_journal_counts(tmp_path: Path) -> None:
    async def scenario() -> None:
        heads = world.Heads(bytearray(world.Heads.size(4)), 4)
        waiters = world.Waiters()
        with world.seals(tmp_path, heads) as seals, world.journal(tmp_path, heads=heads) as journal:
            for number in range(2):
                waiters.append(journal, number)
                await waiters.all()
                world.sealed(seals, heads)
            waiters.append(journal, 2)
            await waiters.all()

    world.run(scenario)
    oracle = Oracle(tmp_path)
    assert len(oracle.lines) == 2
    for name, content in oracle.bytes.items():
        for offset in range(len(content)):
            edit = partial(flip_a_bit, name=name, offset=offset)
            with tampering.tampered(oracle, edit, random.Random(offset)) as harm:
                tampering.check(oracle, harm, look(tmp_path))


def flip_a_bit(oracle: Oracle, chance: random.Random, *, name: str, offset: int) -> tampering.Harm:
    content = bytearray(oracle.bytes[name])
    content[offset] ^= 1 << chance.randrange(8)
    (oracle.directory / name).write_bytes(content)
    return tampering.Harm(f"a bit of byte {offset}", name, oracle.line_at(name, offset))


# --- what kind of edit it was ----------------------------------------------------------------------------------------


def sealed_segment(oracle: Oracle) -> str:
    return next(name for name in oracle.lines if name.startswith("segment") and oracle.covered(name) > 20)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda lines: [*lines[:5], lines[5].replace(b"1.11", b"1.12"), *lines[6:]], Kind.EDITED),
        (lambda lines: [*lines[:5], b"6" + lines[5][1:], *lines[6:]], Kind.EDITED),
        (lambda lines: [*lines[:5], *lines[6:]], Kind.DELETED),
        (lambda lines: [*lines[:5], lines[6], lines[5], *lines[7:]], Kind.REORDERED),
        (lambda lines: [*lines[:5], lines[3], *lines[5:]], Kind.INSERTED),
        (lambda lines: [*lines[:5], lines[8], *lines[5:]], Kind.INSERTED),
        (lambda lines: lines[:5], Kind.TRUNCATED),
        (lambda lines: [*lines[:5], lines[5][:70]], Kind.TRUNCATED),
    ],
)
def test_the_first_finding_says_what_was_done(
    oracle: Oracle, copy: Path, change: Callable[[list[bytes]], list[bytes]], kind: Kind
) -> None:
    name = sealed_segment(oracle)
    (copy / name).write_bytes(b"".join(change(oracle.lines[name])))
    (finding,) = look(copy).tampering
    assert (finding.kind, finding.file.name, finding.sequence, finding.line) == (kind, name, 5, 6)


# --- several files at once -------------------------------------------------------------------------------------------


def cut_after(path: Path, sequence: int) -> None:
    path.write_bytes(b"".join(world.lines(path)[: sequence + 1]))


def test_cutting_the_seals_to_hide_a_cut_segment_shows_in_what_the_other_workers_noted(
    oracle: Oracle, copy: Path
) -> None:
    """Roll back the newest file of seals to its first seal, and the segment of one worker to its head in that seal."""
    newest = max(name for name in oracle.lines if name.startswith("seals"))
    cut_after(copy / newest, 1)
    heads = world.bodies(copy / newest)[1]["heads"]
    victim = heads[0]
    cut_after(copy / f"segment-{victim['segment']}.jsonl", victim["sequence"])
    assert (Kind.TRUNCATED, newest) in tampering_in(look(copy))


def unsealed_journal(directory: Path, records: int = 30) -> list[Path]:
    """Four or more segments of one worker that no seal ever saw, in their order."""

    async def scenario() -> None:
        waiters = world.Waiters()
        with world.journal(directory, segment_bytes=2_000, clock=world.Clock(step=1.0)) as journal:
            for number in range(records):
                waiters.append(journal, number)
                await waiters.all()

    world.run(scenario)
    return world.files(directory)


@pytest.mark.parametrize("believed", [True, False], ids=["as it is", "with links ignored"])
def test_what_no_seal_saw_is_held_by_the_header_of_the_next_segment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, believed: bool
) -> None:
    first, _, third, *_ = unsealed_journal(tmp_path, 50)
    if not believed:
        monkeypatch.setattr(module._Verification, "_take_links", lambda *_: None)
    end = len(world.lines(first)) - 1
    cut_after(first, end - 1)
    third.unlink()
    expected = {(Kind.TRUNCATED, first.name), (Kind.MISSING_SEGMENT, third.name)}
    assert tampering_in(look(tmp_path)) == (expected if believed else set())


def test_removing_all_seals_shows_in_the_notes(copy: Path) -> None:
    for path in world.files(copy, "seals"):
        path.unlink()
    assert {kind for kind, _ in tampering_in(look(copy))} == {Kind.MISSING_SEALS}


def test_removing_a_middle_file_of_seals_shows_in_its_successor(oracle: Oracle, copy: Path) -> None:
    names = sorted(name for name in oracle.lines if name.startswith("seals"))
    (copy / names[1]).unlink()
    assert tampering_in(look(copy)) == {(Kind.MISSING_SEALS, names[1])}


def roll_back(oracle: Oracle, directory: Path, lives: int) -> None:
    """Bring every file back to the state after ``lives`` lives: what a restored backup, or a patient attacker,
    leaves."""
    started = sorted({name.rpartition("Z-")[0][-15:] for name in oracle.lines if name.startswith("segment")})
    days = [when for when, before in zip(started[1:], started, strict=False) if int(when[-4:-2]) > int(before[-4:-2])]
    for path in world.files(directory):
        if path.name.partition("-")[2][:15] >= days[lives - 1]:
            path.unlink()


def test_rolling_everything_back_together_needs_an_anchor_to_be_seen(oracle: Oracle, copy: Path) -> None:
    anchor = look(oracle.directory).newest
    assert anchor is not None
    assert look(oracle.directory, anchor).intact
    roll_back(oracle, copy, 1)
    rolled_back = look(copy)
    assert rolled_back.intact, "files alone cannot show it: this is the limit that docs/journal.md states"
    assert 0 < rolled_back.records < 306
    assert tampering_in(look(copy, anchor)) == {(Kind.MISSING_SEALS, f"seals-{anchor.seals}.jsonl")}
    older = rolled_back.newest
    assert older is not None
    assert look(copy, older).intact
    assert look(oracle.directory, older).intact


def test_an_anchor_finds_a_history_rewritten_by_somebody_who_has_the_key(oracle: Oracle, copy: Path) -> None:
    anchor = look(oracle.directory).newest
    assert anchor is not None
    other = anchor._replace(mac="00" * 32)
    assert tampering_in(look(copy, other)) == {(Kind.SEAL_BROKEN, f"seals-{anchor.seals}.jsonl")}


def test_an_anchor_survives_being_written_down() -> None:
    anchor = Anchor("20260101T000000Z-00", 7, "ab" * 32)
    assert Anchor.parse(f" {anchor}\n") == anchor
    for wrong in ("", "a:b", "a:1:zz", "a:x:" + "ab" * 32, "a:1:" + "ab" * 31):
        with pytest.raises(ValueError):
            Anchor.parse(wrong)


# --- files -----------------------------------------------------------------------------------------------------------


def test_fallback_directories_are_verified_together(oracle: Oracle, copy: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "fallback"
    elsewhere.mkdir()
    moved = sealed_segment(oracle)
    shutil.move(copy / moved, elsewhere / moved)
    assert tampering_in(look(copy)) == {(Kind.MISSING_SEGMENT, moved)}
    assert verify(copy, world.key_for, also=[elsewhere]).intact


def test_links_and_strange_files_are_told_of_and_not_followed(oracle: Oracle, copy: Path, tmp_path: Path) -> None:
    name = sealed_segment(oracle)
    shutil.move(copy / name, tmp_path / "hidden")
    (copy / name).symlink_to(tmp_path / "hidden")
    (copy / "notes.txt").write_text("not ours")
    (copy / "lost+found").mkdir()
    report = look(copy)
    assert tampering_in(report) == {(Kind.MISSING_SEGMENT, name)}
    foreign = {finding.file.name for finding in report.findings if finding.kind is Kind.FOREIGN_FILE}
    assert foreign == {name, "notes.txt"}


def test_a_file_without_lines_costs_no_memory(copy: Path) -> None:
    with (copy / "segment-20260101T000000Z-0-00.jsonl").open("wb") as file:
        file.truncate(64 << 20)
    tracemalloc.start()
    report = look(copy)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    (finding,) = [found for found in report.findings if found.file.name.endswith("-0-00.jsonl")]
    assert finding.kind is Kind.TORN_TAIL
    assert peak < 16 << 20


def test_an_unreadable_file_is_a_finding(oracle: Oracle, copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = sealed_segment(oracle)
    real = module.reading.open_plain

    def refuse(path: Path) -> object:
        if path.name == name:
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(module.reading, "open_plain", refuse)
    assert tampering_in(look(copy)) == {(Kind.UNREADABLE, name)}


def test_a_segment_of_another_key_is_no_segment(oracle: Oracle, copy: Path, tmp_path: Path) -> None:
    """A stranger's journal has names and shape, and proves nothing."""
    other = world.build(tmp_path / "other", seed=7, lives=1)
    report = verify(other, lambda label: world.key_for(b"another root" + label))
    assert {finding.kind for finding in report.tampering} == {Kind.EDITED}
    assert {finding.sequence for finding in report.tampering} == {0}
    assert report.records == 0


# --- planted faults: does the check above bite? ----------------------------------------------------------------------


def seals_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    def walk(self: module._Verification, file: module._File) -> None:
        for _ in self._walk(file):
            pass

    monkeypatch.setattr(module._Verification, "_walk_seals", walk)


def notes_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ours", lambda text: None if b'"note"' in text else module.reading.parse_ours(text))


def macs_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain_module.Chain, "fits", lambda *_: True)


def macs_without_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    real = chain_module.Chain.mac_of
    monkeypatch.setattr(chain_module.Chain, "mac_of", lambda self, before, n, _: real(self, before, n, b""))


def names_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    real = module._Verification._identify

    def identify(self: module._Verification, path: Path) -> module._File | None:
        file = real(self, path)
        claimed = module.reading.claimed(path)
        if file is not None and claimed is not None:
            file.kind, file.name = claimed
        return file

    monkeypatch.setattr(module._Verification, "_identify", identify)


def defects_taken_for_torn_tails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        module._Verification, "_given_up", property(lambda _: _Everything(), lambda *_: None), raising=False
    )


class _Everything:
    def __contains__(self, _: object) -> bool:
        return True

    def add(self, _: object) -> None:
        pass


def places_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    real = module._Verification._find

    def find(self: module._Verification, kind: Kind, file: Path, sequence: int, line: int | None, detail: str) -> None:
        real(self, kind, file, sequence + (sequence > 3), line, detail)

    monkeypatch.setattr(module._Verification, "_find", find)


@pytest.mark.parametrize(
    "fault",
    [
        seals_ignored, notes_ignored, macs_believed, macs_without_the_text, names_believed,
        defects_taken_for_torn_tails, places_guessed,
    ],
    ids=lambda fault: fault.__name__,
)  # fmt: skip
def test_a_faulty_verification_is_noticed(
    oracle: Oracle, fault: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    fault(monkeypatch)
    with pytest.raises(AssertionError):
        edits(oracle, range(300))


def test_findings_read_as_sentences() -> None:
    finding = Finding(Kind.EDITED, Path("/a/segment-x.jsonl"), 5, 6, "this line is not as it was written")
    assert str(finding) == "segment-x.jsonl: edited at sequence 5: this line is not as it was written"
