"""A certificate authority of one's own, for one server: what ``keystead tls init`` makes.

Guarantees: the authority can only ever vouch for the names it was made for (name constraints, RFC 5280 section
4.2.1.10), so that trusting it does not mean trusting it for the rest of the world; private keys are written with mode
0600, before anything else can open them; no file is ever overwritten but by `renew`, and there at once or not at all.
Does not guarantee anything once the authority's key is lost or stolen; take it off the machine and bring it back to
renew.

Four PEM files in one directory: ``ca.pem`` for the clients (AWS_CA_BUNDLE), ``ca-key.pem``, ``server.pem`` (leaf, then
authority), ``server-key.pem``. All keys are P-256 and signatures ECDSA with SHA-256.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from .tls import TlsError

AUTHORITY_DAYS: Final = 3650
SERVER_DAYS: Final = 397
"""No longer than public authorities may issue (CA/Browser Forum, 398 days); some clients hold private ones to it
too."""
ALWAYS: Final = ("localhost", "127.0.0.1", "::1")
"""Names every server certificate has."""

_NAME: Final = re.compile(
    r"(?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII
)
_SKEW: Final = datetime.timedelta(hours=1)
_SERIAL_BYTES: Final = 16

Random = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Files:
    """Where the four files are."""

    directory: Path

    @property
    def authority(self) -> Path:
        return self.directory / "ca.pem"

    @property
    def authority_key(self) -> Path:
        return self.directory / "ca-key.pem"

    @property
    def server(self) -> Path:
        return self.directory / "server.pem"

    @property
    def server_key(self) -> Path:
        return self.directory / "server-key.pem"


def make_authority(directory: Path, names: Sequence[str], now: float, random: Random) -> Files:
    """A new authority and a server certificate for ``localhost``, 127.0.0.1, ::1 and ``names`` (DNS names, ``*.``
    allowed, or IP addresses).

    ``now`` is epoch seconds; ``random`` gives the serial numbers (the keys come from OpenSSL's own generator). The
    directory is made when it is missing, with mode 0700.

    :raises ValueError: a name is neither a DNS name nor an IP address.
    :raises TlsError: one of the four files is there already; nothing is written.
    :raises OSError: the directory cannot be written; nothing is left behind.
    """
    files = Files(directory)
    every = _names(names)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in (files.authority, files.authority_key, files.server, files.server_key):
        if os.path.lexists(path):
            raise TlsError(f"{path} exists already; to get a new server certificate of the same authority, renew it.")
    key = ec.generate_private_key(ec.SECP256R1())
    authority = _authority(key, every, now, random)
    server_key = ec.generate_private_key(ec.SECP256R1())
    server = _server(server_key, authority, key, every, now=now, random=random)
    written: list[Path] = []
    try:
        for path, content, mode in (
            (files.authority_key, _pem_key(key), 0o600),
            (files.server_key, _pem_key(server_key), 0o600),
            (files.authority, _pem(authority), 0o644),
            (files.server, _pem(server) + _pem(authority), 0o644),
        ):
            _write(path, content, mode)
            written.append(path)
        _sync(directory)
    except BaseException:
        for path in written:  # half an authority would stand in the way of a whole one
            path.unlink(missing_ok=True)
        raise
    return files


def renew(directory: Path, names: Sequence[str], now: float, random: Random) -> Files:
    """A new server key and certificate of the authority in ``directory``; running servers take it when they look.

    :raises ValueError: a name is neither a DNS name nor an IP address.
    :raises TlsError: the authority is missing, broken, expired, or was not made for one of ``names``.
    """
    files = Files(directory)
    every = _names(names)
    authority, key = _load(files, now)
    beyond = [str(name.value) for name in every if not _permitted(authority, name)]
    if beyond:
        raise TlsError(f"The authority in {files.authority} was not made for {', '.join(beyond)}; make a new one.")
    server_key = ec.generate_private_key(ec.SECP256R1())
    server = _server(server_key, authority, key, every, now=now, random=random)
    # A server that looks between the two replacements finds a pair that does not match, keeps its own and looks again.
    for path, content, mode in (
        (files.server_key, _pem_key(server_key), 0o600),
        (files.server, _pem(server) + _pem(authority), 0o644),
    ):
        fresh = path.with_name(f"{path.name}.new-{random(8).hex()}")
        try:
            _write(fresh, content, mode)
            fresh.replace(path)
        finally:
            fresh.unlink(missing_ok=True)
    _sync(directory)
    return files


def _names(names: Sequence[str]) -> list[x509.GeneralName]:
    """What goes into the certificate, without repetition; the order is kept."""
    made: dict[str, x509.GeneralName] = {}
    for text in (*ALWAYS, *names):
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            name = text.lower().rstrip(".")
            if len(name) > 253 or _NAME.fullmatch(name) is None:
                raise ValueError(f"{text!r} is neither a DNS name nor an IP address") from None
            made[name] = x509.DNSName(name)
        else:
            made[address.compressed] = x509.IPAddress(address)
    return list(made.values())


def _constraint(name: x509.GeneralName) -> x509.GeneralName:
    """The subtree that holds just ``name``, and for a DNS name, as RFC 5280 has it, the names below."""
    if isinstance(name, x509.IPAddress):
        return x509.IPAddress(ipaddress.ip_network(str(name.value)))
    return x509.DNSName(str(name.value).removeprefix("*."))


def _permitted(authority: x509.Certificate, name: x509.GeneralName) -> bool:
    trees = authority.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []
    wanted = _constraint(name)
    if isinstance(wanted, x509.IPAddress):
        return wanted in trees
    value = str(wanted.value)
    return any(
        isinstance(tree, x509.DNSName) and (value == tree.value or value.endswith(f".{tree.value}")) for tree in trees
    )


def _authority(
    key: ec.EllipticCurvePrivateKey, names: list[x509.GeneralName], now: float, random: Random
) -> x509.Certificate:
    serial = _serial(random)
    # A name of its own, so that two authorities in one bundle are told apart by their subjects too.
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Keystead local authority {serial:x}"[:40])])
    trees = list(dict.fromkeys(_constraint(name) for name in names))
    return (
        _builder(subject, subject, key.public_key(), serial=serial, now=now, days=AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(certificates=True), critical=True)
        .add_extension(x509.NameConstraints(permitted_subtrees=trees, excluded_subtrees=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _server(
    key: ec.EllipticCurvePrivateKey,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    names: list[x509.GeneralName],
    *,
    now: float,
    random: Random,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Keystead")])
    identifier = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    remaining = (authority.not_valid_after_utc - _time(now)).total_seconds() / 86_400
    return (
        _builder(
            subject,
            authority.subject,
            key.public_key(),
            serial=_serial(random),
            now=now,
            days=min(SERVER_DAYS, remaining),
        )
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(authority_key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, *, serial: int, now: float, days: float
) -> x509.CertificateBuilder:
    begin = _time(now)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(serial)
        .not_valid_before(begin - _SKEW)  # a client's clock may be behind
        .not_valid_after(begin + datetime.timedelta(days=days))
    )


def _usage(*, certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificates,
        crl_sign=certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _serial(random: Random) -> int:
    """Positive, unpredictable, well under the 20 octets of RFC 5280 section 4.1.2.2."""
    return int.from_bytes(random(_SERIAL_BYTES), "big") | 1


def _time(now: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(int(now), datetime.UTC)


def _load(files: Files, now: float) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    try:
        authority = x509.load_pem_x509_certificate(files.authority.read_bytes())
        key = serialization.load_pem_private_key(files.authority_key.read_bytes(), password=None)
    except OSError as error:
        raise TlsError(f"{error.filename} cannot be read: {error.strerror}.") from None
    except (ValueError, TypeError):
        raise TlsError(f"{files.authority} and {files.authority_key} are no certificate and private key.") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != authority.public_key():
        raise TlsError(f"{files.authority_key} is not the key of the authority in {files.authority}.")
    if authority.not_valid_after_utc <= _time(now):
        raise TlsError(f"The authority in {files.authority} has expired; make a new one.")
    try:
        authority.extensions.get_extension_for_class(x509.NameConstraints)
    except x509.ExtensionNotFound:
        raise TlsError(f"The authority in {files.authority} was not made by keystead tls init.") from None
    return authority, key


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _pem_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes, mode: int) -> None:
    """A new file, on the disk when this returns; never through a link that somebody has put there."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    except FileExistsError:
        raise TlsError(f"{path} exists already.") from None
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)  # the umask may have taken bits away
        try:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        except BaseException:
            path.unlink(missing_ok=True)
            raise


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
