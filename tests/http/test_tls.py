"""TLS between a real server and real clients: what is spoken, who is trusted, and a certificate replaced under way."""

# length: one subject: contexts, reloading and the authority share their fixtures

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from keystead.http import authority, tls
from keystead.http.authority import Files
from keystead.http.limits import Limits
from keystead.http.message import Request
from keystead.http.protocol import Reply
from keystead.http.sockets import TcpAddress

from .wire import GET, Later, Loop, Server, answers_in, echo, post, receive, serving, until_closed

LOOPS: dict[str, Loop] = {"asyncio": asyncio.new_event_loop}
with contextlib.suppress(ImportError):
    import uvloop

    LOOPS["uvloop"] = uvloop.new_event_loop


@pytest.fixture(params=LOOPS)
def loop(request: pytest.FixtureRequest) -> Loop:
    return LOOPS[request.param]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return authority.make_authority(tmp_path_factory.mktemp("tls"), [], time.time(), os.urandom)


@pytest.fixture
def files(made: Files, tmp_path: Path) -> Files:
    """The same pair in a directory of the test's own."""
    shutil.copytree(made.directory, tmp_path / "tls")
    return Files(tmp_path / "tls")


def certificate(files: Files) -> tls.Certificate:
    return tls.Certificate(files.server, files.server_key, lambda sentence: None)


def trusting(files: Files) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(files.authority))


@contextlib.contextmanager
def connected(server: Server, context: ssl.SSLContext, name: str = "localhost") -> Iterator[ssl.SSLSocket]:
    with server.connect() as plain, context.wrap_socket(plain, server_hostname=name) as secure:
        yield secure


# --- speaking ---------------------------------------------------------------------------------------------------------


def test_requests_are_answered_over_tls_and_the_application_is_told(loop: Loop, made: Files) -> None:
    seen = []

    def application(request: Request, reply: Reply) -> None:
        seen.append(request)
        echo(request, reply)

    with serving(application, loop, context=certificate(made).current) as server:
        for newest in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = trusting(made)
            context.maximum_version = newest
            with connected(server, context) as peer:
                body = os.urandom(200_000)
                peer.sendall(post(b"1") + post(body))
                assert [answer.body for answer in receive(peer, 2)] == [b"1", body]
                assert seen[-1].tls.version == peer.version()
                assert seen[-1].tls.cipher == peer.cipher()[0]
                assert seen[-1].peer == "127.0.0.1"


def test_pipelined_answers_come_in_order_over_tls(loop: Loop, made: Files) -> None:
    later = Later()
    with (
        serving(later, loop, Limits(in_flight=100), context=certificate(made).current) as server,
        connected(server, trusting(made)) as peer,
    ):
        peer.sendall(b"".join(post(target=b"/%d" % number) for number in range(100)))
        while len(later.asked) < 100:
            time.sleep(0.005)

        def backwards() -> None:
            for number in reversed(range(100)):
                later.answer(number)

        server.loop.call_soon_threadsafe(backwards)
        assert [answer.body for answer in receive(peer, 100)] == [b"/%d" % number for number in range(100)]


def test_http_1_1_is_agreed_on_with_who_offers_it(loop: Loop, made: Files) -> None:
    with serving(echo, loop, context=certificate(made).current) as server:
        for offered, agreed in ((["h2", "http/1.1"], "http/1.1"), (["h2"], None)):
            context = trusting(made)
            context.set_alpn_protocols(offered)
            with connected(server, context) as peer:
                assert peer.selected_alpn_protocol() == agreed
                peer.sendall(GET)
                assert receive(peer)[0].status == 200


def test_old_tls_and_weak_ciphers_are_refused(loop: Loop, made: Files) -> None:
    def old(context: ssl.SSLContext) -> None:
        with pytest.deprecated_call():
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("ALL:@SECLEVEL=0")

    def without_forward_secrecy(context: ssl.SSLContext) -> None:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("AES128-GCM-SHA256:AES256-SHA")

    def without_authenticated_encryption(context: ssl.SSLContext) -> None:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES256-SHA384")

    with serving(echo, loop, context=certificate(made).current) as server:
        for weaken in (old, without_forward_secrecy, without_authenticated_encryption):
            context = trusting(made)
            weaken(context)
            with pytest.raises((ssl.SSLError, ConnectionResetError)), connected(server, context):
                pass
        while server.connections.counts.handshakes_failed < 3:
            time.sleep(0.005)


def test_who_speaks_no_tls_or_nothing_is_closed_and_counted(loop: Loop, made: Files) -> None:
    limits = Limits(handshake_seconds=0.3, sweep_seconds=0.05)
    with serving(echo, loop, limits, context=certificate(made).current) as server:
        with server.connect() as loud, server.connect() as silent:
            loud.sendall(GET)
            assert b"HTTP" not in until_closed(loud)
            assert until_closed(silent) == b""
        while len(server.connections):
            time.sleep(0.005)
        assert server.connections.counts.handshakes_failed == 2


def test_a_handshake_takes_a_place_among_the_connections(loop: Loop, made: Files) -> None:
    limits = Limits(connections=1, handshake_seconds=0.5, sweep_seconds=0.05)
    with serving(echo, loop, limits, context=certificate(made).current) as server, server.connect() as silent:
        began = time.monotonic()
        with connected(server, trusting(made)) as peer:
            peer.sendall(GET)
            assert receive(peer)[0].status == 200
        assert time.monotonic() - began > 0.3
        assert until_closed(silent) == b""


def test_slow_idle_and_refused_peers_are_closed_over_tls_too(loop: Loop, made: Files) -> None:
    limits = Limits(head_seconds=0.3, idle_seconds=0.3, linger_seconds=0.2, sweep_seconds=0.05)
    with serving(echo, loop, limits, context=certificate(made).current) as server:
        for sent, statuses in ((b"", []), (GET, [200]), (b"GET / HT", [408]), (GET + b"\0", [200, 400])):
            with connected(server, trusting(made)) as peer:
                peer.sendall(sent)
                assert [answer.status for answer in answers_in(until_closed(peer))] == statuses


def test_draining_over_tls_answers_what_was_asked(loop: Loop, made: Files) -> None:
    later = Later()
    with serving(later, loop, context=certificate(made).current) as server:
        with connected(server, trusting(made)) as idle, connected(server, trusting(made)) as peer:
            peer.sendall(GET)
            while not later.asked:
                time.sleep(0.005)
            draining = asyncio.run_coroutine_threadsafe(server.connections.drain(10), server.loop)
            assert until_closed(idle) == b""
            server.loop.call_soon_threadsafe(later.answer, 0)
            (answer,) = receive(peer)
            assert answer.headers["Connection"] == "close"
            peer.close()
            idle.close()
        assert draining.result(10) == 0


# --- replacing --------------------------------------------------------------------------------------------------------


def serial(peer: ssl.SSLSocket) -> str:
    found = peer.getpeercert()
    assert found is not None
    return str(found["serialNumber"])


def test_a_new_certificate_serves_new_connections_and_leaves_open_ones(loop: Loop, files: Files) -> None:
    said: list[str] = []
    held = tls.Certificate(files.server, files.server_key, said.append)
    with serving(echo, loop, context=held.current) as server, connected(server, trusting(files)) as before:
        first = serial(before)
        assert not held.reload_if_changed()
        assert said == []
        authority.renew(files.directory, [], time.time(), os.urandom)
        assert held.reload_if_changed()
        assert not held.reload_if_changed()
        with connected(server, trusting(files)) as after:
            assert serial(after) != first
            for peer in (before, after):
                peer.sendall(GET)
                assert receive(peer)[0].status == 200
    assert len(said) == 1


def test_a_broken_pair_keeps_the_old_one_and_is_told_once(loop: Loop, files: Files) -> None:
    said: list[str] = []
    held = tls.Certificate(files.server, files.server_key, said.append)
    good = files.server_key.read_bytes()
    with serving(echo, loop, context=held.current) as server:
        for broken in (b"", b"no PEM", good[: len(good) // 2]):
            files.server_key.write_bytes(broken)
            assert not held.reload_if_changed()
            assert not held.reload()
        files.server_key.unlink()
        assert not held.reload_if_changed()
        assert [sentence.partition(": ")[0] for sentence in said] == [
            "The TLS certificate in use stays, because the new one cannot be used"
        ] * 2
        assert all(good.decode()[40:60] not in sentence for sentence in said)
        with connected(server, trusting(files)) as peer:
            peer.sendall(GET)
            assert receive(peer)[0].status == 200
        files.server_key.write_bytes(good)
        assert held.reload_if_changed()
        assert "New connections" in said[-1]


def test_a_pair_replaced_one_file_after_the_other_is_taken_when_it_is_whole(files: Files, tmp_path: Path) -> None:
    other = authority.make_authority(tmp_path / "other", [], time.time(), os.urandom)
    said: list[str] = []
    held = tls.Certificate(files.server, files.server_key, said.append)
    before = held.current()
    shutil.copy(other.server_key, files.server_key)
    assert not held.reload_if_changed()
    assert held.current() is before
    assert "is not the key of the certificate" in said[0]
    shutil.copy(other.server, files.server)
    assert held.reload_if_changed()
    assert held.current() is not before


def test_files_behind_a_link_that_is_swapped_are_noticed(files: Files, tmp_path: Path) -> None:
    """Secret stores replace a directory by swapping a symbolic link; the new files may even be older."""
    other = authority.make_authority(tmp_path / "other", [], time.time(), os.urandom)
    for path in (other.server, other.server_key):
        os.utime(path, (1, 1))
    link = tmp_path / "live"
    link.symlink_to(files.directory)
    held = tls.Certificate(link / "server.pem", link / "server-key.pem", lambda sentence: None)
    fresh = tmp_path / "fresh"
    fresh.symlink_to(other.directory)
    fresh.replace(link)
    assert held.reload_if_changed()


# --- the files --------------------------------------------------------------------------------------------------------


def test_what_cannot_be_used_is_refused_with_a_sentence(files: Files, tmp_path: Path) -> None:
    missing, empty, directory = tmp_path / "missing", tmp_path / "empty", tmp_path / "directory"
    empty.touch()
    directory.mkdir()
    for pair, expected in (
        ((missing, files.server_key), f"{missing} cannot be read: No such file or directory."),
        ((files.server, missing), f"{missing} cannot be read: No such file or directory."),
        ((directory, files.server_key), f"{directory} cannot be read: Is a directory."),
        ((empty, files.server_key), f"{empty} and {files.server_key} are no PEM certificate and private key."),
        ((files.server, empty), f"{files.server} and {empty} are no PEM certificate and private key."),
        (
            (files.server, files.authority_key),
            f"{files.authority_key} is not the key of the certificate in {files.server}.",
        ),
    ):
        with pytest.raises(tls.TlsError) as refused:
            tls.context(*pair)
        assert str(refused.value) == expected
        assert refused.value.__cause__ is None


def test_an_encrypted_key_is_refused_without_asking_anybody(files: Files) -> None:
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key(files.server_key.read_bytes(), None)
    for form in (serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL):
        files.server_key.write_bytes(
            key.private_bytes(serialization.Encoding.PEM, form, serialization.BestAvailableEncryption(b"secret"))
        )
        with pytest.raises(tls.TlsError, match="is encrypted"):
            tls.context(files.server, files.server_key)


def test_a_key_others_can_use_is_warned_of(files: Files) -> None:
    now = time.time()
    held = certificate(files)
    assert held.warnings(now) == []
    for mode in (0o640, 0o604, 0o660, 0o610):
        files.server_key.chmod(mode)
        (sentence,) = held.warnings(now)
        assert f"{mode:04o}" in sentence
        assert str(files.server_key) in sentence


def test_a_certificate_that_ends_soon_is_warned_of(files: Files) -> None:
    held = certificate(files)
    now = time.time()
    days = 86_400.0
    for then, word in (
        (now - 2 * days, "not valid before"),
        (now, ""),
        (now + 382 * days, ""),
        (now + 384 * days, "expires on"),
        (now + 398 * days, "has expired"),
    ):
        sentences = held.warnings(then)
        assert (word in sentences[0]) if word else (sentences == [])


# --- the authority ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["localhost", "127.0.0.1", "::1", "kms.example.internal", "192.0.2.7", "2001:db8::7", "a.wild.example"]
)
def test_every_name_given_and_the_loopback_ones_verify(tmp_path: Path, name: str) -> None:
    made = authority.make_authority(
        tmp_path / "tls",
        ["KMS.example.internal.", "192.0.2.7", "2001:db8::7", "*.wild.example"],
        time.time(),
        os.urandom,
    )
    context = trusting(made)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    with serving(echo, context=certificate(made).current) as server:
        with connected(server, context, name) as peer:
            peer.sendall(GET)
            assert receive(peer)[0].status == 200
        with pytest.raises(ssl.SSLCertVerificationError), connected(server, context, "other.example"):
            pass


def test_who_does_not_trust_the_authority_does_not_connect(made: Files, tmp_path: Path) -> None:
    other = authority.make_authority(tmp_path / "tls", [], time.time(), os.urandom)
    refused = pytest.raises(ssl.SSLCertVerificationError)
    with serving(echo, context=certificate(made).current) as server, refused, connected(server, trusting(other)):
        pass


def test_boto3_verifies_the_authority(made: Files) -> None:
    import botocore.session

    def answers(_request: Request, reply: Reply) -> None:
        reply.send(200, b"Content-Type: application/x-amz-json-1.1\r\n", b'{"Keys":[],"Truncated":false}')

    with serving(answers, context=certificate(made).current) as server:
        assert isinstance(server.address, TcpAddress)
        client = botocore.session.Session().create_client(
            "kms",
            region_name="eu-central-1",
            endpoint_url=f"https://localhost:{server.address.port}",
            verify=str(made.authority),
            aws_access_key_id="AKIDEXAMPLE",
            aws_secret_access_key="secret",
        )
        assert client.list_keys()["Keys"] == []
        client.close()


def test_openssl_finds_nothing_wrong_with_the_chain(made: Files) -> None:
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("openssl is not installed")
    command = [
        program,
        "verify",
        "-x509_strict",
        "-purpose",
        "sslserver",
        "-CAfile",
        made.authority,
        "-verify_hostname",
        "localhost",
    ]
    done = subprocess.run([*command, made.server], capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, f"{made.server}: OK"), done.stderr


def test_the_authority_cannot_vouch_for_anybody_else(made: Files, tmp_path: Path) -> None:
    """Its key, stolen, signs a certificate for another name; clients refuse it although they trust the authority."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    signer = x509.load_pem_x509_certificate(made.authority.read_bytes())
    key = serialization.load_pem_private_key(made.authority_key.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    stolen = Files(tmp_path)
    server_key = ec.generate_private_key(ec.SECP256R1())
    for name in (x509.DNSName("kms.eu-central-1.amazonaws.com"), x509.DNSName("localhost")):
        forged = authority._server(server_key, signer, key, [name], now=time.time(), random=os.urandom)
        stolen.server_key.write_bytes(authority._pem_key(server_key))
        stolen.server.write_bytes(authority._pem(forged))
        if name.value == "localhost":
            expected: contextlib.AbstractContextManager[object] = contextlib.nullcontext()
        else:
            expected = pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation")
        with (
            serving(echo, context=certificate(stolen).current) as server,
            expected,
            connected(server, trusting(made), name.value),
        ):
            pass


def test_keys_are_for_their_owner_only_whatever_the_umask(tmp_path: Path) -> None:
    for number, umask in enumerate((0o000, 0o077)):
        before = os.umask(umask)
        try:
            files = authority.make_authority(tmp_path / str(number), [], time.time(), os.urandom)
        finally:
            os.umask(before)
        modes = {path.name: path.stat().st_mode & 0o777 for path in files.directory.iterdir()}
        assert modes == {"ca.pem": 0o644, "ca-key.pem": 0o600, "server.pem": 0o644, "server-key.pem": 0o600}
        assert files.directory.stat().st_mode & 0o777 == 0o700


def test_nothing_is_ever_overwritten(tmp_path: Path) -> None:
    for name in ("ca.pem", "ca-key.pem", "server.pem", "server-key.pem"):
        directory = tmp_path / name
        directory.mkdir()
        (directory / name).symlink_to(tmp_path / "elsewhere")
        with pytest.raises(tls.TlsError, match="exists already"):
            authority.make_authority(directory, [], time.time(), os.urandom)
        assert [path.name for path in directory.iterdir()] == [name]
    assert not (tmp_path / "elsewhere").exists()


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = []

    def full(descriptor: int) -> None:
        synced.append(descriptor)
        if len(synced) == 3:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        authority.make_authority(tmp_path / "tls", [], time.time(), os.urandom)
    assert list((tmp_path / "tls").iterdir()) == []


def test_serial_numbers_come_from_the_given_randomness_and_lifetimes_from_the_given_time(tmp_path: Path) -> None:
    from cryptography import x509

    files = authority.make_authority(tmp_path / "tls", [], 1_800_000_000.9, lambda count: b"\x02" * count)
    root, leaf = (x509.load_pem_x509_certificate(path.read_bytes()) for path in (files.authority, files.server))
    for found, days in ((root, 3_650), (leaf, 397)):
        assert found.serial_number == int.from_bytes(b"\x02" * 16, "big") | 1
        assert found.not_valid_before_utc.timestamp() == 1_800_000_000 - 3_600
        assert found.not_valid_after_utc.timestamp() == 1_800_000_000 + days * 86_400


def test_renewing_keeps_the_authority_and_changes_the_server(files: Files) -> None:
    before = {path: path.read_bytes() for path in files.directory.iterdir()}
    authority.renew(files.directory, ["api.localhost"], time.time(), os.urandom)
    changed = {path.name for path in files.directory.iterdir() if before.get(path) != path.read_bytes()}
    assert changed == {"server.pem", "server-key.pem"}
    assert files.server_key.stat().st_mode & 0o777 == 0o600
    context = trusting(files)
    with serving(echo, context=certificate(files).current) as server, connected(server, context, "api.localhost"):
        pass


def test_renewing_never_outlives_the_authority(files: Files) -> None:
    from cryptography import x509

    root = x509.load_pem_x509_certificate(files.authority.read_bytes())
    end = root.not_valid_after_utc.timestamp()
    authority.renew(files.directory, [], end - 86_400, os.urandom)
    assert x509.load_pem_x509_certificate(files.server.read_bytes()).not_valid_after_utc.timestamp() == end
    with pytest.raises(tls.TlsError, match="has expired"):
        authority.renew(files.directory, [], end, os.urandom)


def test_what_cannot_be_renewed_is_refused_with_a_sentence(files: Files, tmp_path: Path) -> None:
    now = time.time()
    with pytest.raises(tls.TlsError, match=r"not made for kms\.example, 192\.0\.2\.7; make a new one"):
        authority.renew(files.directory, ["kms.example", "192.0.2.7"], now, os.urandom)
    with pytest.raises(tls.TlsError, match="cannot be read"):
        authority.renew(tmp_path / "missing", [], now, os.urandom)
    key = files.authority_key.read_bytes()
    files.authority_key.write_bytes(files.server_key.read_bytes())
    with pytest.raises(tls.TlsError, match="is not the key of the authority"):
        authority.renew(files.directory, [], now, os.urandom)
    files.authority_key.write_bytes(b"broken")
    with pytest.raises(tls.TlsError, match="are no certificate and private key"):
        authority.renew(files.directory, [], now, os.urandom)
    files.authority_key.write_bytes(files.server_key.read_bytes())
    files.authority.write_bytes(files.server.read_bytes())
    with pytest.raises(tls.TlsError, match="not made by keystead"):
        authority.renew(files.directory, [], now, os.urandom)
    assert key


@pytest.mark.parametrize(
    "name",
    [
        "",
        "-a",
        "a-",
        "a..b",
        "a_b",
        "*",
        "a.*.b",
        "*.*.a",
        "ü.example",
        "a" * 64,
        "a." * 127 + "a",
        "a b",
        "a\0",
        "1.2.3.4/8",
    ],
)
def test_what_is_no_name_is_refused_before_anything_is_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="neither a DNS name nor an IP address"):
        authority.make_authority(tmp_path / "tls", [name], time.time(), os.urandom)
    assert not (tmp_path / "tls").exists()


def test_two_authorities_in_one_bundle_are_told_apart(made: Files, tmp_path: Path) -> None:
    other = authority.make_authority(tmp_path / "tls", [], time.time(), os.urandom)
    bundle = tmp_path / "bundle.pem"
    for order in ((made, other), (other, made)):
        bundle.write_bytes(b"".join(files.authority.read_bytes() for files in order))
        context = ssl.create_default_context(cafile=str(bundle))
        for files in order:
            with serving(echo, context=certificate(files).current) as server, connected(server, context) as peer:
                assert isinstance(peer, socket.socket)
