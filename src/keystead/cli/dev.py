"""``keystead dev``: the loud stand-in for tests. It is the same server with a throw-away store and well-known
credentials.

Nothing of it is reachable from ``serve``: that command has no option that leads here, and this one takes no store of
anybody's."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import click

from keystead.cli.say import data, fail, log, tell
from keystead.config import Config

PORT: Final = 4566
ACCOUNT: Final = "000000000000"
ACCESS_KEY_ID: Final = "test"
SECRET: Final = "test"  # noqa: S105  this is the point of it


@click.command()
@click.option(
    "--listen", default=f"127.0.0.1:{PORT}", show_default=True, help="A loopback address; port 0 takes a free one."
)
@click.option("--json", "as_json", is_flag=True, help="Announce the endpoint as one JSON object on stdout.")
def dev(listen: str, as_json: bool) -> None:
    """Start a throw-away server for tests: everything is gone when it ends.

    \b
    Credentials test/test, account 000000000000, every region, no request quotas; otherwise it behaves like `keystead
    serve`. export AWS_ENDPOINT_URL_KMS=http://127.0.0.1:4566 AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test
    AWS_REGION=us-east-1"""
    from keystead import serve as server
    from keystead.crypto.rootkey.file import CustodianFile
    from keystead.services import founding

    home = Path(tempfile.mkdtemp(prefix="keystead-dev-"))
    try:
        # The defaults, on purpose without anybody's configuration file or environment.
        config = Config(
            data=home / "data",
            root_key=home / "root.key",
            profile=home / "none",
            workers=1,
            listen=(listen,),
            drain=1.0,
        )
        config.data.mkdir(mode=0o700)
        custodian = CustodianFile(config.root_key)
        founding.found(
            config.store, custodian, time.time(), os.urandom, account=ACCOUNT, credentials=(ACCESS_KEY_ID, SECRET)
        )
        try:
            listening = server.listen(config)
        except server.CannotListen as error:
            if "--insecure-http" in str(error):
                fail(
                    f"{listen} can be reached by other machines, and everybody knows the credentials of `keystead dev`. "
                    "Use a loopback address."
                )
            fail(str(error))
        [endpoint] = listening.endpoints

        def announce() -> None:
            if as_json:
                data({"endpoints": [endpoint], "account": ACCOUNT})
                sys.stdout.flush()
            tell(
                f"KEYSTEAD DEV on {endpoint}: for tests only. Everybody knows its credentials, and all keys are gone when it ends."
            )
            tell()
            tell(
                f"  export AWS_ENDPOINT_URL_KMS={endpoint} AWS_ACCESS_KEY_ID={ACCESS_KEY_ID} AWS_SECRET_ACCESS_KEY={SECRET} "
                "AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1"
            )
            tell()

        status = server.serve(config, listening, [custodian], announce, log())
    finally:
        shutil.rmtree(home, ignore_errors=True)
    sys.exit(status)
