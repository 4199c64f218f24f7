"""The bare handler: uvloop and httptools with nothing of Keystead between them. It is the yardstick of the machine.

A figure of a shared machine says little by itself. What this handler does in the same run tells how fast the machine was. Run it as
``python -m bench.bare``; it prints its address.
"""

from __future__ import annotations

import asyncio
import signal
import socket

import httptools
import uvloop

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: 2\r\n\r\n{}"


class Bare(asyncio.Protocol):
    """Answers every complete request with the same bytes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        self.transport.write(ANSWER)  # type: ignore[attr-defined]


async def main() -> None:
    loop, end = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, end.set)
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    server = await loop.create_server(Bare, sock=listener)
    print(f"127.0.0.1:{listener.getsockname()[1]}", flush=True)
    await end.wait()
    server.close()


if __name__ == "__main__":
    uvloop.run(main())
