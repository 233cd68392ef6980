"""TLS for the embedded broker: a small CA of our own, the server certificate it signs, and what given ones say.

    made = issue(folder / "tls", ["collector.example", "10.1.2.3"], now_ms=...)       `roundsman init-tls`
    pem = trusted(folder / "tls" / "ca.pem")         what agents are given, to know the collector by
    remaining_days(file, now_ms)                     how long the first certificate in a PEM file is still valid

The folder, of mode 0700 with files of mode 0600:

    ca.pem       the CA, made once, valid for ten years: agents have it in their configuration
    ca-key.pem   its key: whoever has it can play the collector to every agent
    server.pem   the broker's certificate and its key in one file, so that a renewal is one rename; valid for two years

Rules: the CA is never made anew while there is one (every agent would have to be told), and nothing that we did not
make is overwritten. P-256 with SHA-256: small for devices on thin lines, and every TLS library knows it.
"""

import contextlib
import ipaddress
import os
import re
import secrets
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA = "ca.pem"
CA_KEY = "ca-key.pem"
SERVER = "server.pem"

CA_DAYS = 3652
SERVER_DAYS = 730
SLOW_CLOCK_DAYS = 2
"""Certificates begin that long ago: a device whose clock is slow shall not call them not yet valid."""
ALWAYS = ("localhost", "127.0.0.1", "::1")
"""Names that every server certificate has: for what runs on this very machine."""
DAY_MS = 86_400_000

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)\Z")
_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\r?\n?", re.S)


class TlsError(Exception):
    """A certificate cannot be made or read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Issued:
    """What `issue` made. `is_new_ca`: no agent knows this CA yet."""

    is_new_ca: bool
    names: tuple[str, ...]
    ends_ms: int
    ca_ends_ms: int


# --- making ----------------------------------------------------------------------------------------------------------


def issue(folder: Path, names: Sequence[str], *, now_ms: int) -> Issued:
    """Make a server certificate for these names, and the CA if there is none yet; see the module.

    No names: those of the certificate before, or else this machine's. Raises TlsError.
    """
    wanted = [checked_name(name) for name in names]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    ca_file, server_file = folder / CA, folder / SERVER
    is_new_ca = not ca_file.exists()
    if is_new_ca:
        if server_file.exists():
            raise TlsError(
                f"{server_file} is there without {CA}: bring the CA back from a backup, or move the whole folder away"
                " to begin anew (then every agent needs the new CA)"
            )
        ca, key = _new_ca(now_ms)
    else:
        ca, key = _kept_ca(folder)
    if server_file.exists():
        _refuse_foreign(server_file, ca)
        wanted = wanted or list(names_in(server_file))
    found = tuple(dict.fromkeys([*(wanted or own_names()), *ALWAYS]))
    ends = min(_when(now_ms) + timedelta(days=SERVER_DAYS), ca.not_valid_after_utc)
    if ends <= _when(now_ms):
        raise TlsError(
            f"{ca_file} ended on {_day(ca)}: move {folder} away, run this again, and give every agent the new CA"
        )
    certificate = _signed(found, ca, key, ends, now_ms)
    if is_new_ca:
        _write(folder / CA_KEY, _key_pem(key))
        _write(ca_file, _pem(ca))
    _write(server_file, certificate)
    return Issued(is_new_ca=is_new_ca, names=found, ends_ms=_ms(ends), ca_ends_ms=_ms(ca.not_valid_after_utc))


def _new_ca(now_ms: int) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    # A name of its own: two CAs of one name confuse whoever has both.
    name = _named(f"Roundsman CA {secrets.token_hex(4)}")
    builder = (
        _begun(now_ms)
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .not_valid_after(_when(now_ms) + timedelta(days=CA_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return builder.sign(key, hashes.SHA256()), key


def _signed(
    names: Iterable[str], ca: x509.Certificate, ca_key: ec.EllipticCurvePrivateKey, ends: datetime, now_ms: int
) -> bytes:
    """A server certificate and its key, PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    identifier = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = (
        _begun(now_ms)
        .subject_name(_named("Roundsman collector"))
        .issuer_name(ca.subject)
        .public_key(key.public_key())
        .not_valid_after(ends)
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier),
            critical=False,
        )
    )
    return _pem(builder.sign(ca_key, hashes.SHA256())) + _key_pem(key)


def _begun(now_ms: int) -> x509.CertificateBuilder:
    begins = _when(now_ms) - timedelta(days=SLOW_CLOCK_DAYS)
    return x509.CertificateBuilder().serial_number(x509.random_serial_number()).not_valid_before(begins)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _kept_ca(folder: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """The CA that is there, and its key."""
    ca = _certificate(folder / CA)
    file = folder / CA_KEY
    try:
        key = serialization.load_pem_private_key(file.read_bytes(), password=None)
    except FileNotFoundError:
        raise TlsError(
            f"{folder / CA} is there without its key {CA_KEY}: bring the key back from a backup. To begin anew, move"
            f" {folder} away; then every agent needs the new CA"
        ) from None
    except (OSError, ValueError, TypeError) as error:
        raise TlsError(f"{file}: no private key in PEM ({error})") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != ca.public_key():
        raise TlsError(
            f"{file} is not the key of {folder / CA}, or both are not ours: nothing was changed. Certificates that you"
            " were given are named by tls_cert, tls_key and tls_ca in [broker]"
        )
    return ca, key


def _refuse_foreign(server_file: Path, ca: x509.Certificate) -> None:
    try:
        _certificate(server_file).verify_directly_issued_by(ca)
    except (ValueError, TypeError, InvalidSignature):
        raise TlsError(
            f"{server_file} was not signed by the {CA} beside it: nothing was changed. A certificate that you were"
            " given is named by tls_cert and tls_key in [broker]; else move this file away"
        ) from None


# --- names -----------------------------------------------------------------------------------------------------------


def checked_name(name: str) -> str:
    """A host name or an address as a certificate has it; TlsError for anything else."""
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(name))
    plain = name.lower().removesuffix(".")
    if not plain or len(plain) > 253 or not all(_LABEL.match(label) for label in plain.split(".")):
        raise TlsError(f"{name!r} is no host name and no address: expected for instance collector.example or 10.1.2.3")
    return plain


def own_names() -> list[str]:
    """This machine's name and its addresses, without those that mean something to itself alone."""
    found: list[str] = []
    with contextlib.suppress(TlsError):
        found.append(checked_name(socket.gethostname()))
    for addresses in psutil.net_if_addrs().values():
        for one in addresses:
            if one.family in (socket.AF_INET, socket.AF_INET6):
                address = ipaddress.ip_address(one.address.partition("%")[0])
                if not address.is_loopback and not address.is_link_local:
                    found.append(str(address))
    return found


def names_in(file: Path) -> tuple[str, ...]:
    """The host names and addresses a certificate is good for. Raises TlsError."""
    try:
        said = _certificate(file).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(one.value) for one in said if isinstance(one, x509.DNSName | x509.IPAddress))


def covers(names: Iterable[str], host: str) -> bool:
    """Whether a certificate with these names is good for this host: exactly, or by `*.` for one level."""
    return any(
        name.lower() == host.lower() or (name.startswith("*.") and name[2:].lower() == host.lower().partition(".")[2])
        for name in names
    )


# --- reading ---------------------------------------------------------------------------------------------------------


def remaining_days(file: Path, now_ms: int) -> float:
    """Days until the first certificate in a PEM file ends; negative when it has. Raises TlsError."""
    return (_ms(_certificate(file).not_valid_after_utc) - now_ms) / DAY_MS


def first_certificate(file: Path) -> str:
    """The first certificate in a PEM file, alone: a key behind it stays where it is. Raises TlsError."""
    return _blocks(file)[0].decode("ascii")


def trusted(file: Path) -> str:
    """All certificates in a PEM file and nothing else, to be given away. Raises TlsError."""
    return "".join(block.decode("ascii").replace("\r\n", "\n").rstrip("\n") + "\n" for block in _blocks(file))


def _certificate(file: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(_blocks(file)[0])
    except ValueError as error:
        raise TlsError(f"{file}: holds a damaged certificate ({error})") from error


def _blocks(file: Path) -> list[bytes]:
    try:
        found = _BLOCK.findall(file.read_bytes())
    except OSError as error:
        raise TlsError(f"{file}: cannot be read: {error.strerror}") from error
    if not found:
        raise TlsError(f"{file}: holds no certificate in PEM (-----BEGIN CERTIFICATE-----)")
    return found


# --- small things ----------------------------------------------------------------------------------------------------


def _named(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _when(now_ms: int) -> datetime:
    return datetime.fromtimestamp(now_ms // 1000, UTC)


def _ms(when: datetime) -> int:
    return int(when.timestamp()) * 1000


def _day(certificate: x509.Certificate) -> str:
    return certificate.not_valid_after_utc.date().isoformat()


def _write(file: Path, content: bytes) -> None:
    """Write a private file so that after a power cut there is the old or the new one, whole."""
    fresh = file.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
