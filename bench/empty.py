"""The empty handler: the server's own sockets and protocol, and nothing behind them. It is frozen, so that ratios can be
compared over time.

It answers every request with 200 and ``{}`` under the headers of a KMS answer. Run it as ``python -m bench.empty``; it prints its port.
"""

from __future__ import annotations

import asyncio
import signal

import uvloop

from keystead.http import sockets
from keystead.http.connections import Connections
from keystead.http.message import Request
from keystead.http.protocol import Reply

HEADERS = (
    b"x-amzn-RequestId: 00000000-0000-4000-8000-000000000000\r\nContent-Type: application/x-amz-json-1.1\r\n"
    b"Cache-Control: no-cache, no-store, must-revalidate, private\r\nExpires: 0\r\nPragma: no-cache\r\n"
)


def empty(_request: Request, reply: Reply) -> None:
    reply.send(200, HEADERS, b"{}")


async def main() -> None:
    end = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end.set)
    connections = Connections(empty, report=lambda what, error: print(what, error))
    listener = sockets.listening(sockets.parse("127.0.0.1:0"))
    print(sockets.bound(listener), flush=True)
    connections.listen(listener)
    await end.wait()
    await connections.drain(1.0)


if __name__ == "__main__":
    uvloop.run(main())
