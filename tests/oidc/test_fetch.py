"""Documents of providers: bounded in size and time, from nowhere but where the configuration says."""

from __future__ import annotations

import os
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from keystead.http import authority
from keystead.oidc import fetch
from keystead.oidc.settings import is_safe
from tests.oidc.serving import answering, say


def test_a_document_is_fetched() -> None:
    with answering(say(b"keys")) as url:
        assert fetch.from_url(url, None) == b"keys"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirections_are_refused(status: int) -> None:
    with (
        answering(say(b"elsewhere")) as other,
        answering(say(b"", status, Location=other)) as url,
        pytest.raises(fetch.Unreachable),
    ):
        fetch.from_url(url, None)


@pytest.mark.parametrize("status", [404, 500])
def test_an_error_is_no_document(status: int) -> None:
    with answering(say(b"keys", status)) as url, pytest.raises(fetch.Unreachable):
        fetch.from_url(url, None)


def test_a_document_without_end_is_refused() -> None:
    with answering(say(b"x" * (fetch.LONGEST + 1))) as url, pytest.raises(fetch.Unreachable, match="more than"):
        fetch.from_url(url, None)


def test_a_provider_that_dribbles_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "PATIENCE", 0.2)
    ended = threading.Event()

    def dribble(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while not ended.wait(0.05):
            handler.wfile.write(b"x")
            handler.wfile.flush()

    with answering(dribble) as url:
        try:
            with pytest.raises(fetch.Unreachable, match="slow"):
                fetch.from_url(url, None)
        finally:
            ended.set()


def test_a_certificate_must_be_vouched_for_by_the_authority_that_is_named(tmp_path: Path) -> None:
    files = authority.make_authority(tmp_path / "tls", [], time.time(), os.urandom)
    other = authority.make_authority(tmp_path / "other", [], time.time(), os.urandom)
    with answering(say(b"keys"), (files.server, files.server_key)) as url:
        assert fetch.from_url(url, files.authority) == b"keys"
        for wrong in (other.authority, None):
            with pytest.raises(fetch.Unreachable, match="certificate verify failed"):
                fetch.from_url(url, wrong)
        with pytest.raises(fetch.Unreachable):
            fetch.from_url(url.replace("127.0.0.1", "127.0.0.2"), files.authority)
        with pytest.raises(fetch.Unreachable):
            fetch.from_url(url, tmp_path / "none")


def test_nobody_there_is_unreachable() -> None:
    with answering(say(b"")) as url:
        pass
    with pytest.raises(fetch.Unreachable):
        fetch.from_url(url, None)


@pytest.mark.parametrize(
    "url",
    [
        "http://idp.example.com/keys",
        "http://192.0.2.1/keys",
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "https://",
        "https://user:secret@idp.example.com/",
        "",
        "https://[::1",
        "http://127.0.0.1.example.com/",
    ],
)
def test_only_https_is_safe_and_plain_http_on_this_machine(url: str) -> None:
    assert not is_safe(url)
    with pytest.raises(fetch.Unreachable):
        fetch.from_url(url, None)
    assert is_safe("https://idp.example.com")
    assert is_safe("http://[::1]:8080/x")
    assert is_safe("http://localhost:8080/x")


def test_a_file_is_read_and_bounded(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_bytes(b"keys")
    assert fetch.from_file(file) == b"keys"
    file.write_bytes(b"x" * (fetch.LONGEST + 1))
    with pytest.raises(fetch.Unreachable):
        fetch.from_file(file)
    with pytest.raises(fetch.Unreachable):
        fetch.from_file(tmp_path / "none")
