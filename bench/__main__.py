"""``make bench``: Encrypt, Decrypt and GenerateDataKey of 1 KiB with signature, policy and durable audit, against the empty handler.

The server has one worker on core 0, the load generator is on core 1, both kinds of server are loaded in turn in every round. Needs wrk
(on Debian: apt-get install wrk) and two cores. Then, in this process, what one decision costs (`bench.decisions`).
"""

from __future__ import annotations

import argparse
import datetime
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.server import Server

from bench import decisions, machine, report, requests
from bench.run import Round, load, pin

SERVER_CORE, CLIENT_CORE = 0, 1
REPORTS = Path(__file__).with_name("reports")


def main() -> None:
    options = _options()
    if shutil.which("wrk") is None:
        sys.exit("The load generator wrk is not installed. On Debian and Ubuntu: apt-get install wrk")
    if len(os.sched_getaffinity(0)) < 2:
        sys.exit("Two cores are needed: one for the server and one for the load generator.")
    described = machine.description()
    rounds: dict[str, list[Round]] = {report.BARE: [], report.EMPTY: []}
    with tempfile.TemporaryDirectory(prefix="keystead-bench-", dir=options.directory) as home:
        handlers = {report.BARE: _handler("bench.bare"), report.EMPTY: _handler("bench.empty")}
        try:
            with Server(Path(home), workers=1) as server:
                kms = server.client()
                bodies = requests.bodies(kms, kms.create_key(Description="bench")["KeyMetadata"]["KeyId"])
                rounds |= {operation: [] for operation in bodies}
                pin(server.pid, SERVER_CORE)
                for process, _ in handlers.values():
                    pin(process.pid, SERVER_CORE)
                for number in range(-1, options.rounds):  # the first round warms up and is not counted
                    for what, measured in rounds.items():
                        process, endpoint = handlers.get(what, (server.process, server.endpoint))
                        assert process is not None
                        operation = what if what in bodies else "Encrypt"
                        script = requests.script(
                            Path(home) / "load.lua",
                            [
                                requests.signed(endpoint, server.keys(), operation, bodies[operation](n))
                                for n in range(requests.DIFFERENT)
                            ],
                        )
                        seconds, connections = options.seconds, options.connections
                        found = load(
                            script, endpoint, process.pid, seconds=seconds, connections=connections, core=CLIENT_CORE
                        )
                        if number >= 0:
                            measured.append(found)
                        _progress(number, options.rounds, what, found)
        finally:
            for process, _ in handlers.values():
                process.send_signal(signal.SIGTERM)
                process.wait(10)
    settings = (
        f"One worker pinned to core {SERVER_CORE}, wrk on core {CLIENT_CORE} with {options.connections} keep-alive "
        f"connections, {options.seconds:g} s a round, {requests.DIFFERENT} different pre-signed requests of "
        f"{requests.PLAINTEXT_BYTES} bytes with an encryption context of two pairs, plain HTTP. Signature, key policy and "
        "identity policy, and an audit record that is durable before the answer, on every call."
    )
    name = options.name or f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}-hot-path"
    print(report.write(REPORTS, name, described, rounds, settings))
    print(decisions.write(REPORTS, name.removesuffix("-hot-path") + "-decisions", described, options.rounds))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="length of one measurement")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--directory", help="where the store and the journal are put; default the temporary directory")
    parser.add_argument("--name", help="of the report; default the date")
    return parser.parse_args()


def _handler(module: str) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen([sys.executable, "-m", module], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, f"http://{process.stdout.readline().strip()}"


def _progress(number: int, of: int, what: str, measured: Round) -> None:
    label = "warm-up" if number < 0 else f"round {number + 1}/{of}"
    print(
        f"{label:>10}  {what:<16} {measured.requests_per_second:>9,.0f}/s  p50 {measured.p50_ms:6.2f} ms  p99 {measured.p99_ms:6.2f} ms  "
        f"{measured.cpu_us:6.1f} µs CPU",
        file=sys.stderr,
        flush=True,
    )


if __name__ == "__main__":
    main()
