"""Where the time of one call goes: each part of the long path called by itself, in one process, against the whole.

Run it as ``python -m bench.budget``. Every figure is CPU µs per call, the least of several runs over many different requests; the parts
are those of the budget in the design (docs/performance.md). Parts measured alone find their memory warm, so they add up to less than
what a loaded server spends; the server itself is measured by ``python -m bench``.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import gc
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from bench import requests

BATCH = 32
REGION = requests.REGION
HOST = "http://127.0.0.1:4600"


class Transport(asyncio.Transport):
    """A socket that takes everything and costs nothing."""

    def __init__(self, wrote: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self._wrote = wrote

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 40_000) if name == "peername" else default

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        del high, low

    def write(self, data: Any) -> None:
        self._wrote()

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def close(self) -> None: ...

    def abort(self) -> None: ...


class Bench:
    """One worker without sockets, and requests for it."""

    def __init__(self, home: Path) -> None:
        from keystead import serve
        from keystead.audit.heads import Heads
        from keystead.config import Config
        from keystead.crypto.rootkey.file import CustodianFile
        from keystead.services import founding
        from keystead.services.epochs import Epochs

        config = Config(data=home / "data", root_key=home / "root.key", workers=1)
        config.data.mkdir(mode=0o700)
        custodian = CustodianFile(config.root_key)
        made = founding.found(config.store, custodian, time.time(), os.urandom)
        self.keys = (made.access_key_id, made.secret)
        place = serve.JournalPlace(config.journal)
        shared = serve.Shared(Epochs(2), Heads.shared(1), ((),), place)
        self.worker = serve.Worker(config, 0, shared, [custodian], lambda what, error: print(what, error))
        self.connections = self.worker._connections
        self.entrance: Any = self.connections.application

    async def answer(self, raw: bytes) -> bytes:
        """One request through everything, for setting up."""
        written: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        transport = Transport()
        transport.write = written.set_result  # type: ignore[method-assign]
        protocol = self.connections.protocol()
        protocol.connection_made(transport)
        protocol.data_received(raw)
        head, _, body = (await written).partition(b"\r\n\r\n")
        protocol.connection_lost(None)
        assert head.startswith(b"HTTP/1.1 200"), (head, body)
        return body


def best(run: Callable[[], int], rounds: int) -> float:
    """The least CPU µs per call of ``run``, which answers how many calls it made."""
    least = float("inf")
    for _ in range(rounds):
        gc.collect()
        begun = time.process_time()
        calls = run()
        least = min(least, (time.process_time() - begun) / calls * 1e6)
    return least


async def measure(operation: str, rounds: int) -> dict[str, float]:
    """CPU µs per call of each part of ``operation``, and of the whole."""
    from keystead.http.protocol import Reply
    from keystead.http.reader import Reader
    from keystead.services import dispatch as path

    with tempfile.TemporaryDirectory(prefix="keystead-budget-") as home:
        bench = Bench(Path(home))
        entrance, connections = bench.entrance, bench.connections
        _, row, codec, verify, perform, _ = entrance._targets[f"TrentService.{operation}".encode()]
        dispatch = perform.__self__

        async def call(name: str, body: dict[str, Any]) -> dict[str, Any]:
            return dict(msgspec.json.decode(await bench.answer(requests.signed(HOST, bench.keys, name, body))))

        class Kms:
            """Just enough of a client for `requests.bodies`, which is not asynchronous: answers were fetched before."""

            def __init__(self, sealed: list[bytes]) -> None:
                self.sealed = iter(sealed)

            def encrypt(self, **_: Any) -> dict[str, bytes]:
                return {"CiphertextBlob": next(self.sealed)}

        key = (await call("CreateKey", {}))["KeyMetadata"]["KeyId"]
        sealed = []
        for number in range(requests.DIFFERENT):
            context = {"application": "bench", "record": str(number)}
            answer = await call(
                "Encrypt",
                {"KeyId": key, "Plaintext": base64.b64encode(os.urandom(1024)).decode(), "EncryptionContext": context},
            )
            sealed.append(base64.b64decode(answer["CiphertextBlob"]))
        body = requests.bodies(Kms(sealed), key)[operation]
        raws = [requests.signed(HOST, bench.keys, operation, body(number)) for number in range(requests.DIFFERENT)]

        found: dict[str, float] = {}
        protocols = []
        answered, left = asyncio.Event(), 0

        def wrote() -> None:
            nonlocal left
            left -= 1
            if not left:
                answered.set()

        for _ in range(BATCH):
            protocol = connections.protocol()
            protocol.connection_made(Transport(wrote))
            protocols.append(protocol)

        async def whole() -> int:
            nonlocal left
            calls = 0
            for first in range(0, len(raws) - BATCH, BATCH):
                left = BATCH
                answered.clear()
                for protocol, raw in zip(protocols, raws[first:], strict=False):
                    protocol.data_received(raw)
                calls += BATCH
                await answered.wait()
            return calls

        async def awaited() -> float:
            least = float("inf")
            for _ in range(rounds):
                gc.collect()
                begun = time.process_time()
                calls = await whole()
                least = min(least, (time.process_time() - begun) / calls * 1e6)
            return least

        found["the whole, in one process"] = await awaited()

        reader = Reader(connections.limits, "127.0.0.1", None, connections.partial)
        parsed = []

        def parse() -> int:
            parsed.clear()
            for raw in raws:
                reader.feed(raw)
                parsed.append(reader.requests.popleft()[0])
            return len(raws)

        found["parse"] = best(parse, rounds)
        now = time.time()
        found["signature"] = best(lambda: len([verify(request, now=now) for request in parsed]), rounds)
        caller = verify(parsed[0], now=now)
        found["decode"] = best(lambda: len([codec.decode(request.body) for request in parsed]), rounds)
        wire = path.Wire("0" * 36, "127.0.0.1", requests.AGENT, "127.0.0.1:4600")
        arrivals = [
            path.Arrival(operation, row, codec, caller, now, wire, lambda *_: None, Reply(None)) for request in parsed
        ]
        decoded = [codec.decode(request.body) for request in parsed]
        calls = [
            dispatch._call(arrival, row, request, dispatch._snapshot)
            for arrival, request in zip(arrivals, decoded, strict=True)
        ]

        def run() -> int:
            for arrival, request in zip(arrivals, decoded, strict=True):
                path._run(dispatch._call(arrival, row, request, dispatch._snapshot))
            return len(decoded)

        found["decision, gate, cryptography"] = best(run, rounds)
        answers = [path._run(each) for each in calls]
        found["record"] = best(
            lambda: len(
                [
                    dispatch._record(arrival, row, each, answer, "0" * 36)
                    for arrival, each, answer in zip(arrivals, calls, answers, strict=True)
                ]
            ),
            rounds,
        )
        line = dispatch._record(arrivals[0], row, calls[0], answers[0], "0" * 36)
        chain = dispatch._journal._chain
        found["chain"] = best(lambda: len([chain.mac_of(b"0" * 32, 7, line) for _ in range(1000)]), rounds)
        found["encode"] = best(lambda: len([codec.encode(answer) for answer in answers]), rounds)
        bench.worker.close()
        return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.budget", description=__doc__)
    parser.add_argument("--operation", default="Encrypt", choices=["Encrypt", "Decrypt", "GenerateDataKey"])
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    found = uvloop.run(measure(options.operation, options.rounds))
    for what, cost in found.items():
        print(f"{what:<32} {cost:7.2f}")
    parts = sum(list(found.values())[1:])
    print(f"{'the parts together':<32} {parts:7.2f}")


if __name__ == "__main__":
    main()
