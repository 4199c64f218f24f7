"""Shared heads: whole or not at all, in every process, and no torn read passes for a head."""

from __future__ import annotations

import multiprocessing
import time
from multiprocessing.sharedctypes import Synchronized

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.audit import heads as module
from keystead.audit.chain import Head
from keystead.audit.heads import Heads

A_HEAD = st.builds(
    Head,
    st.text("abcZ0123456789-", min_size=1, max_size=64),
    st.integers(0, 2**63),
    st.binary(min_size=32, max_size=32),
    st.integers(0, 2**63),
)


def consistent(sequence: int) -> Head:
    """A head whose every part follows from its number, so that a mixture of two shows."""
    return Head(f"segment-{sequence % 97}", sequence, sequence.to_bytes(8) * 4, sequence * 3)


@given(st.lists(st.tuples(st.integers(0, 2), A_HEAD), max_size=12), A_HEAD)
def test_a_slot_holds_what_was_published_last(published: list[tuple[int, Head]], seal: Head) -> None:
    heads = Heads(bytearray(Heads.size(3)), 3)
    for worker, head in published:
        heads.publish(worker, head)
    for worker in range(3):
        mine = [head for owner, head in published if owner == worker]
        assert heads.read(worker) == (mine[-1] if mine else None)
    assert heads.read_seal() is None
    heads.publish_seal(seal)
    assert heads.read_seal() == seal


@given(st.integers(1, 6), st.integers(0, module._BUFFER), st.randoms(use_true_random=False))
def test_a_publication_that_stops_half_way_leaves_the_head_before(count: int, cut: int, random: object) -> None:
    """The process dies after ``cut`` bytes of the buffer; which bytes arrived first is not promised either."""
    heads = Heads(memory := bytearray(Heads.size(1)), 1)
    for sequence in range(1, count + 1):
        heads.publish(0, consistent(sequence))
    before = bytes(memory)
    heads.publish(0, consistent(count + 1))
    after = bytes(memory)
    places = [place for place in range(len(memory)) if before[place] != after[place]]
    random.shuffle(places)  # type: ignore[attr-defined]
    memory[:] = before
    for place in places[:cut]:
        memory[place] = after[place]
    assert heads.read(0) in (consistent(count), consistent(count + 1))
    if cut < len(places):
        assert heads.read(0) == consistent(count)
    heads.publish(0, consistent(count + 2))
    assert heads.read(0) == consistent(count + 2)


def test_a_first_publication_that_never_finished_is_none() -> None:
    heads = Heads(memory := bytearray(Heads.size(1)), 1)
    heads.publish(0, consistent(1))
    memory[next(place for place in range(len(memory)) if memory[place])] ^= 1
    assert heads.read(0) is None


def test_damage_to_both_buffers_is_an_error_not_a_head() -> None:
    heads = Heads(memory := bytearray(Heads.size(1)), 1)
    heads.publish(0, consistent(1))
    heads.publish(0, consistent(2))
    memory[20] ^= 1
    memory[module._BUFFER + 20] ^= 1
    with pytest.raises(RuntimeError, match="damaged"):
        heads.read(0)


def test_a_name_or_mac_of_the_wrong_size_is_not_published() -> None:
    heads = Heads(bytearray(Heads.size(1)), 1)
    for head in (Head("n" * 65, 1, b"\0" * 32, 1), Head("n", 1, b"\0" * 31, 1)):
        with pytest.raises(ValueError, match="a head has"):
            heads.publish(0, head)
    with pytest.raises(ValueError, match="no slot"):
        heads.publish(1, consistent(1))
    with pytest.raises(ValueError, match="shared memory"):
        Heads(bytearray(10), 1)


def _publish_until(heads: Heads, worker: int, stop: Synchronized[int]) -> None:
    sequence = 0
    while not stop.value:
        sequence += 1
        heads.publish(worker, consistent(sequence))


def _torn_reads(heads: Heads, seconds: float) -> tuple[int, int]:
    """How many heads were read of two processes that publish without pause, and how many were mixtures."""
    context = multiprocessing.get_context("fork")
    stop = context.Value("i", 0)
    writers = [context.Process(target=_publish_until, args=(heads, worker, stop)) for worker in range(2)]
    for writer in writers:
        writer.start()
    read = torn = 0
    newest = [0, 0]
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for worker in range(2):
            head = heads.read(worker)
            if head is None:
                continue
            read += 1
            if head != consistent(head.sequence) or head.sequence < newest[worker]:
                torn += 1
            newest[worker] = max(newest[worker], head.sequence)
    stop.value = 1
    for writer in writers:
        writer.join(20)
    return read, torn


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_processes_never_read_a_mixture() -> None:
    read, torn = _torn_reads(Heads.shared(2), 0.7)
    assert read > 100
    assert torn == 0


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_the_race_above_would_show_heads_without_checksum_and_second_buffer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted fault writes one buffer byte by byte, as a memory copy may, and no checksum is looked at."""

    class Careless(Heads):
        def _write(self, slot: int, head: Head) -> None:
            name = head.name.encode()
            body = module._BODY.pack(1, name, head.sequence, head.size, head.mac)
            at = slot * module._SLOT
            for offset in range(0, len(body), 8):
                self._memory[at + offset : at + offset + 8] = body[offset : offset + 8]

    monkeypatch.setattr(module, "_checksum", lambda body: b"\0" * 8)
    assert _torn_reads(Careless.shared(2), 0.7)[1] > 0
