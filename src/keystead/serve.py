"""The composition root: from a configuration to worker processes that answer.

    supervisor     listening sockets, shared epochs and heads; forks; opens no root key
      worker       root key -> hierarchy -> store, journal -> snapshot, committer, dispatch -> entrance -> sockets

Guarantees: nothing is served before the journal and the store are open and what a crash left in the outbox is
journalled; SIGTERM answers what has begun, then makes the journal durable, then ends. A journal directory that is
taken away under the server is reported until it is back, and the server is not ready meanwhile; calls go on, and are
recorded in the files that are open, wherever the directory went. May import everything; nobody imports it but the
command that starts it."""

# length: the composition root names every part of a worker once, in the order in which it is made

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, NoReturn

import uvloop

from keystead.audit import find, past
from keystead.audit.counted import Counted
from keystead.audit.findings import Anchor
from keystead.audit.heads import Heads
from keystead.audit.journal import Journal
from keystead.audit.seals import Seals
from keystead.config import Config
from keystead.crypto.prover import Prover
from keystead.crypto.rootkey.custodian import Custodian
from keystead.crypto.rootkey.slots import RootKeyClosed
from keystead.http.connections import Connections
from keystead.http.entrance import Entrance, Introduce, Room, Scope
from keystead.http.listening import CannotListen, Listening, listen
from keystead.http.tls import Certificate, TlsError
from keystead.model import awsjson, query
from keystead.oidc.issuers import Issuers
from keystead.process import allow_many_connections
from keystead.services import anchoring, commit, founding, sessiontokens
from keystead.services.admin.operations import ADMIN
from keystead.services.dispatch import Dispatch
from keystead.services.epochs import Epochs
from keystead.services.iam.operations import IAM
from keystead.services.identifiers import RequestIds
from keystead.services.kms.operations import KMS
from keystead.services.kms.sweep import Sweep
from keystead.services.snapshot import Snapshot
from keystead.services.sts.introductions import Introductions
from keystead.services.sts.operations import STS
from keystead.services.table import Service
from keystead.services.work import Workshop
from keystead.store import files
from keystead.store.interface import StoreError
from keystead.store.sqlite import SqliteStore
from keystead.supervisor import EXIT_CANNOT_SERVE, Place, Supervisor

Report = Callable[[str, BaseException | None], None]

TICK: Final = 1.0
SWEEP: Final = 15.0
USES: Final = 5.0

# How long a thread may keep the interpreter from others (seconds). The journal's writer comes back from fdatasync and
# must not wait the default 5 ms behind a busy event loop: every waiting answer would.
SWITCH_INTERVAL: Final = 0.0005

# Objects made and not freed, and rounds of the younger generation, before the collector looks at a generation.
COLLECTING: Final = (10_000, 20, 20)


@dataclass(frozen=True, slots=True)
class Shared:
    """What all processes of one server share: made before the first fork."""

    epochs: Epochs
    heads: Heads
    listeners: tuple[tuple[socket.socket, ...], ...]
    journal: JournalPlace


class JournalMissing(Exception):
    """The journal is not where the configuration says, or not the one that the store remembers; the text says what to
    do."""


class JournalPlace:
    """The journal's directory as it was when the server started: by its device and inode, not by its name.

    Made before the first fork, so that a worker that starts later does not take another directory for it.
    """

    def __init__(self, directory: Path) -> None:
        """Make the directory unless it is there. Refuses with StoreError one that other users may read or write."""
        self.directory = directory
        with contextlib.suppress(FileExistsError):
            directory.mkdir(mode=0o700)
            files.sync_directory(directory.parent)
        files.check_directory(directory)
        self._identity = self._found()

    def _found(self) -> tuple[int, int] | None:
        try:
            found = self.directory.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def check(self) -> None:
        """Refuses with JournalMissing when another directory stands there, or none."""
        found = self._found()
        if found is None or found != self._identity:
            raise JournalMissing(
                f"{self.directory} {'is gone' if found is None else 'is another directory'} since this server started. Records "
                "go on in the one that was moved away: put that one back, or stop the server and see what was done to it."
            )


class Worker:
    """Everything one worker process is made of, in the order in which it is made."""

    def __init__(
        self,
        config: Config,
        number: int,
        shared: Shared,
        custodians: list[Custodian],
        report: Report,
        clock: Callable[[], float] = time.time,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._config = config
        self._number = number
        self._shared = shared
        self._report = report
        self._clock = clock
        self.ready = False
        loop = asyncio.get_running_loop()
        unchecked = SqliteStore.open(config.store, None, create=False)
        self._hierarchy = hierarchy = founding.open_hierarchy(unchecked, custodians)
        self._store = unchecked.connect(hierarchy.row_mac)
        self._writing = unchecked.connect(hierarchy.row_mac)
        unchecked.close()
        self._misplaced = False
        self._look_for_journal()
        remembered = lost = None
        if number == 0:
            # Before this start adds to the journal, so that only what was there is looked through.
            remembered = anchoring.read(self._store, hierarchy)
            lost = anchoring.missed(config.journal, hierarchy.audit_key, remembered)
            self._report_missed(remembered, lost)
        self._seals: Seals | None = None
        self._journal = Journal(
            config.journal,
            number,
            hierarchy.audit_key,
            shared.heads,
            clock,
            random,
            loop=loop,
            report=report,
            turned=self._segment_ended,
        )
        if number == 0:
            self._seals = Seals(config.journal, hierarchy.audit_key, shared.heads, clock, random)
        new_id = RequestIds(random)
        self._counted = Counted(
            self._journal,
            event_source=KMS.event_source,
            account=self._store.read(lambda reader: reader.accounts())[0],
            region=config.default_region,
            clock=clock,
            new_id=new_id,
        )
        self._committer = commit.Committer(self._writing, self._journal, shared.epochs, number, loop)
        self._anchoring = None
        if remembered is not None and lost is not None:
            self._anchoring = anchoring.Anchoring(
                shared.heads, hierarchy, remembered, lost, clock, random, self._committer.afterwards
            )
        self._snapshot = snapshot = Snapshot(
            self._store,
            shared.epochs,
            partial(founding.open_access_key, hierarchy),
            partial(sessiontokens.open_token, hierarchy),
            past=partial(past.call, [config.journal], hierarchy.audit_key),
            keys=config.cached_keys,
            regions=frozenset(config.regions),
        )
        # What the worker before in this place committed and did not publish; the supervisor may have failed to.
        self._committer.published(snapshot.epoch)
        self._prover = Prover()
        self._workshop = Workshop(loop, self._prover)

        def room(service: Service, codec: awsjson.Codec | query.Codec, introduce: Introduce | None = None) -> Room:
            dispatch = Dispatch(
                service, snapshot, self._committer, self._journal, self._workshop, hierarchy, random, new_id, report
            )
            return Room(service, codec, dispatch, introduce)

        self._sweep = Sweep(KMS, self._store, self._committer, hierarchy, random, new_id, clock, report)
        entrance = Entrance(
            (
                room(KMS, awsjson.Codec("kms")),
                room(IAM, query.Codec("iam")),
                room(
                    STS,
                    query.Codec("sts"),
                    Introductions(Issuers(config.oidc_issuers), self._workshop, report).introduce,
                ),
                room(ADMIN, awsjson.Codec("keystead")),
            ),
            snapshot,
            Scope(frozenset(config.regions), config.default_region, config.skew),
            clock,
            new_id,
            self._counted,
            lambda: self.ready and not self._misplaced and not self._journal.refusing,
        )
        self._connections = Connections(
            entrance,
            report=report,
            on_refused=lambda peer, code: self._counted.count(source=peer, error_code=code, event_name=""),
        )
        self._tls = None
        if config.tls_certificate is not None and config.tls_key is not None:
            self._tls = Certificate(config.tls_certificate, config.tls_key, lambda sentence: report(sentence, None))

    def _segment_ended(self) -> None:
        """A segment that has ended is sealed at once, not with the next second. Other workers' are, with the next."""
        if self._seals is not None:
            self._seals.poke()

    async def recover(self) -> int:
        """Journal what a crash left between commit and journal. Returns how many records that were."""
        rows = self._writing.read(lambda reader: reader.outbox(100_000))
        for row in commit.forged(rows) if self._number == 0 else ():
            self._report(
                f"row {row.seq} of the outbox was not written by Keystead: it is not journalled and left as evidence",
                None,
            )
        mine = commit.leftovers(rows, self._number, self._config.workers)
        if not mine:
            return 0
        wanted = {row.event_id.split("/", 1)[1] for row in mine}
        journalled = find.journalled([self._config.journal], self._hierarchy.audit_key, wanted)
        return await commit.recover(self._writing, self._journal, mine, journalled)

    def open_doors(self) -> None:
        for listener in self._shared.listeners[self._number]:
            plain = listener.family == socket.AF_UNIX  # never leaves the machine
            self._connections.listen(listener, None if self._tls is None or plain else self._tls.current)
        self.ready = True

    def reload(self) -> None:
        """SIGHUP: take a new certificate; what cannot be used is reported and the old one kept."""
        if self._tls is not None:
            self._tls.reload()

    async def run(self, end: asyncio.Event) -> None:
        """Serve until ``end``, then answer what has begun."""
        beats = [
            asyncio.create_task(self._beat(TICK, self._tick)),
            asyncio.create_task(self._beat(USES, self._write_uses)),
        ]
        if self._number == 0:
            beats.append(asyncio.create_task(self._beat(SWEEP, self._sweep.run)))
        await end.wait()
        self.ready = False
        await self._connections.drain(self._config.drain)
        for beat in beats:
            beat.cancel()
        self.close()

    def close(self) -> None:
        """End every part, in this order; one that fails is reported and does not keep the next from its end."""
        for part in (
            self._tick,
            self._prover.close,  # so that no thread of the workshop waits for it
            self._workshop.close,
            partial(self._snapshot.uses.finish, self._committer.afterwards),
            partial(self._snapshot.credential_uses.finish, self._committer.afterwards),
            self._committer.close,
            self._counted.close,
            self._journal.close,
            None if self._seals is None else self._seals.close,
            # The committing thread has ended: nobody else uses its handle.
            None if self._anchoring is None else partial(self._anchoring.close, self._writing),
            self._writing.close,
            self._store.close,
        ):
            try:
                if part is not None:
                    part()
            except Exception as error:
                self._report("a part of the worker could not be ended in order", error)

    def _tick(self) -> None:
        self._look_for_journal()
        if self._anchoring is not None:
            self._anchoring.tick()
        self._committer.tick()
        self._snapshot.refresh()  # so that an idle worker forgets the material of deleted keys too
        if self._tls is not None:
            self._tls.reload_if_changed()

    def _write_uses(self) -> None:
        self._snapshot.uses.flush(self._committer.afterwards)
        self._snapshot.credential_uses.flush(self._committer.afterwards)

    def _look_for_journal(self) -> None:
        try:
            self._shared.journal.check()
        except JournalMissing as error:
            self._misplaced = True
            self._report("the audit journal was taken away", error)
        else:
            self._misplaced = False

    def _report_missed(self, remembered: anchoring.Remembered, lost: tuple[Anchor, ...]) -> None:
        if remembered.damaged:
            self._report("what the store remembers of the audit journal was damaged or removed", None)
        if lost:
            error = JournalMissing(
                f"the store remembers seal {lost[-1]}, which {self._config.journal} does not hold: the journal was "
                "emptied, replaced or rolled back. Put the right one back; `keystead audit verify` says so until then."
            )
            self._report("records are missing from the audit journal", error)

    async def _beat(self, seconds: float, action: Callable[[], object]) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                action()
            except Exception as error:
                self._report("housekeeping failed and is tried again", error)


def work(
    config: Config,
    shared: Shared,
    custodians: list[Custodian],
    report: Report,
    place: Place,
) -> int:
    """One worker process, from fork to exit status."""
    sys.setswitchinterval(SWITCH_INTERVAL)
    allow_many_connections()
    try:
        return uvloop.run(_work(config, shared, custodians, report, place))
    except (RootKeyClosed, founding.NotFounded, StoreError, TlsError, OSError) as error:
        report("this server cannot start", error)
        return EXIT_CANNOT_SERVE


async def _work(
    config: Config,
    shared: Shared,
    custodians: list[Custodian],
    report: Report,
    place: Place,
) -> int:
    loop = asyncio.get_running_loop()
    end = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, end.set)

    def orphaned() -> None:
        loop.remove_reader(place.parent)  # readable from now on for ever
        end.set()

    loop.add_reader(place.parent, orphaned)
    own = shared.listeners[place.number]
    for listener in (one for of_worker in shared.listeners for one in of_worker if one not in own):
        listener.close()  # or connections to a worker that has ended would wait here for nobody
    worker = Worker(config, place.number, shared, custodians, report)
    loop.add_signal_handler(signal.SIGHUP, worker.reload)
    await worker.recover()
    _settle_memory()
    worker.open_doors()
    os.write(place.ready, bytes([place.number]))
    await worker.run(end)
    return 0


def _settle_memory() -> None:
    """What was made so far stays for good: the collector need not look at it again and again. What a call makes is freed
    by reference counts, so that looking for cycles among the calls under way every 700 objects is mostly in vain."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTING)


def try_out(config: Config, custodians: list[Custodian], fail: Callable[[str, int], NoReturn]) -> None:
    """See in a process of its own, which ends at once, whether a worker could start: root key and certificate. What is
    wrong is said once, as a sentence, by ``fail``; the parent itself never opens the root key."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if config.tls_certificate is not None and config.tls_key is not None:
                Certificate(config.tls_certificate, config.tls_key, lambda _sentence: None)
            with contextlib.closing(SqliteStore.open(config.store, None, create=False)) as store:
                founding.open_hierarchy(store, custodians)
        except (RootKeyClosed, founding.NotFounded, StoreError, TlsError, OSError) as error:
            os.write(writing, str(error).encode()[:4096])
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        sentence = told.read().decode(errors="replace")
    os.waitpid(child, 0)
    if sentence:
        fail(sentence, EXIT_CANNOT_SERVE)


def last_change(config: Config) -> int:
    """The newest change of the store, read without any key."""
    with contextlib.closing(SqliteStore.open(config.store, None, create=False)) as store:
        return store.read(lambda reader: reader.last_change())


def serve(
    config: Config,
    listening: Listening,
    custodians: list[Custodian],
    all_ready: Callable[[], None],
    report: Report,
) -> int:
    """Run the server until it is told to end; returns the exit status."""
    supervisor_slot = config.workers
    try:
        place = JournalPlace(config.journal)
    except (StoreError, OSError) as error:
        report("this server cannot start", error)
        listening.close()
        listening.remove()
        return EXIT_CANNOT_SERVE
    shared = Shared(Epochs(config.workers + 1), Heads.shared(config.workers), listening.of_workers, place)

    def publish(_number: int) -> None:
        # A worker may have died between its commit and the publication of it. Nobody was told of that change, so that
        # where it cannot be read the others may go on, and the replacement publishes when it has read it.
        try:
            shared.epochs.publish(supervisor_slot, last_change(config))
        except StoreError as error:
            report("the supervisor cannot read the store", error)

    publish(supervisor_slot)
    supervisor = Supervisor(
        workers=config.workers,
        work=partial(work, config, shared, custodians, report),
        bereaved=publish,
        ending=listening.close,  # whoever connects while workers drain is refused at once, not kept waiting and then reset
        all_ready=all_ready,
        report=lambda text: report(text, None),
        drain=config.drain,
    )
    status = supervisor.run()
    listening.close()
    listening.remove()
    return status


__all__: Final = ["CannotListen", "Listening", "Shared", "Worker", "listen", "serve"]
