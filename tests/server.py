"""A real Keystead in its own processes, for tests: started by the command, told to end by its own process id."""

from __future__ import annotations

import configparser
import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import boto3
from botocore.config import Config as ClientConfig

REGION = "us-east-1"
START_SECONDS = 60  # that a server may take to say where it is


class Server:
    """``keystead serve`` on a free loopback port with its data under ``home``.

    ``program`` replaces ``-m keystead``: a script that plants a fault and then runs the command. Use as a context
    manager."""

    def __init__(
        self, home: Path, *, workers: int = 1, program: list[str] | None = None, options: tuple[str, ...] = ()
    ) -> None:
        self.home = home
        self.workers = workers
        self.program = program or ["-m", "keystead"]
        self.options = options
        self.process: subprocess.Popen[str] | None = None
        self.announced: dict[str, Any] = {}

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def profile(self) -> Path:
        return self.home / "private" / "aws-profile"

    @property
    def root_key(self) -> Path:
        return self.home / "private" / "root.key"

    @property
    def places(self) -> list[str]:
        return ["--data", str(self.data), "--root-key", str(self.root_key), "--profile", str(self.profile)]

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "KEYSTEAD_"))}
        return {**kept, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONWARNINGS": "error", "PYTHONUNBUFFERED": "1"}

    def start(self) -> Self:
        command = [sys.executable, *self.program, "serve", *self.places, "--workers", str(self.workers), "--json"]
        if "--listen" not in self.options:
            command += ["--listen", "127.0.0.1:0"]
        self.log = (self.home / "server.log").open("a")
        self.process = subprocess.Popen(
            [*command, *self.options], stdout=subprocess.PIPE, stderr=self.log, text=True, env=self.environment
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline() if select.select([self.process.stdout], [], [], START_SECONDS)[0] else ""
        if not line:
            status = self.stop(timeout=10)
            raise RuntimeError(f"the server ended with {status}:\n{self.messages()}")
        self.announced = json.loads(line)
        return self

    def messages(self) -> str:
        return (self.home / "server.log").read_text()

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def worker_pids(self) -> list[int]:
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [int(pid) for pid in children]

    @property
    def endpoint(self) -> str:
        return str(self.announced["endpoints"][0])

    @property
    def account(self) -> str:
        return str(self.announced["account"])

    def keys(self) -> tuple[str, str]:
        profiles = configparser.ConfigParser()
        profiles.read(self.profile)
        section = profiles["profile keystead"]
        return section["aws_access_key_id"], section["aws_secret_access_key"]

    def client(self, region: str = REGION, service: str = "kms", **options: Any) -> Any:
        access_key_id, secret = self.keys()
        session = boto3.session.Session(
            aws_access_key_id=options.pop("access_key_id", access_key_id),
            aws_secret_access_key=options.pop("secret", secret),
            aws_session_token=options.pop("token", None),
            region_name=region,
        )
        settings = {
            "parameter_validation": False,  # what is wrong with a request is for the server to say
            "retries": {"total_max_attempts": 1},
            "connect_timeout": 5,
            "read_timeout": 30,
            **options.pop("settings", {}),
        }
        return session.client(
            service, endpoint_url=options.pop("endpoint", self.endpoint), config=ClientConfig(**settings), **options
        )

    def stop(self, number: int = signal.SIGTERM, timeout: float = 20) -> int:
        """End the server by its own process id; returns its exit status."""
        process = self.process
        if process is None:
            return 0
        self.process = None
        if process.poll() is None:
            process.send_signal(number)
        try:
            status = process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
            raise
        finally:
            assert process.stdout is not None
            process.stdout.close()
            self.log.close()
        return status

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()
