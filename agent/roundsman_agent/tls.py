"""TLS to the broker, always verified: the context, and what a failed handshake means to whoever stands before it.

    context(broker) -> ssl.SSLContext          ConfigError names the key and the file
    spoken(error, broker, wall_ms) -> str      "the certificate of ... has expired: ..."

`ca` is a PEM file or the PEM itself, as `roundsman agent add` prints it. Without it the system's certificates count.
ssl is imported when it is needed: without TLS nobody pays for OpenSSL.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from roundsman_agent.config import Broker, ConfigError

if TYPE_CHECKING:
    import ssl

PEM: Final = "-----BEGIN "

# X509_V_ERR_* of openssl/x509_vfy.h
_NOT_YET_VALID: Final = 9
_EXPIRED: Final = 10
_UNTRUSTED: Final = frozenset({2, 18, 19, 20, 21})
_OTHER_HOST: Final = frozenset({62, 64})


def is_pem(ca: str) -> bool:
    """Whether a setting holds certificates themselves, not the path of a file."""
    return ca.lstrip().startswith(PEM)


def context(broker: Broker) -> ssl.SSLContext:
    """How the agent knows its broker, and itself to it."""
    import ssl

    found = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies chain and host name
    found.minimum_version = ssl.TLSVersion.TLSv1_2
    if broker.ca:
        _trust(found, broker.ca)
    else:
        found.load_default_certs()
    if broker.cert:
        try:
            found.load_cert_chain(broker.cert, broker.key)
        except (OSError, ValueError) as error:
            raise ConfigError(f"broker.cert {broker.cert} and broker.key {broker.key}: {_why(error)}") from error
    return found


def _trust(found: ssl.SSLContext, ca: str) -> None:
    try:
        if is_pem(ca):
            found.load_verify_locations(cadata=ca)
        else:
            found.load_verify_locations(cafile=ca)
    except (OSError, ValueError) as error:
        where = "" if is_pem(ca) else f" {ca}"
        raise ConfigError(f"broker.ca{where}: {_why(error)}; expected certificates in PEM") from error
    if not found.cert_store_stats()["x509"]:
        raise ConfigError(f"broker.ca{'' if is_pem(ca) else f' {ca}'}: holds no certificate; expected PEM")


def _why(error: OSError | ValueError) -> str:
    import ssl

    if isinstance(error, ssl.SSLError):
        return f"cannot be used ({error.reason or error})"
    return getattr(error, "strerror", None) or str(error)


def spoken(error: BaseException, broker: Broker, wall_ms: int) -> str:
    """A failure to connect, in words that say what to do; `wall_ms` is what this device takes for the time."""
    if not broker.tls:
        return str(error)
    import ssl

    whose = f"the certificate of {broker.host}"
    if isinstance(error, ssl.SSLCertVerificationError):
        today = time.strftime("%Y-%m-%d", time.gmtime(wall_ms // 1000))
        if error.verify_code == _EXPIRED:
            return (
                f"{whose} has expired, or this device's clock is wrong (it says {today}): renew it on the collector"
                " (`roundsman init-tls`), or set the clock"
            )
        if error.verify_code == _NOT_YET_VALID:
            return f"{whose} is not valid yet: this device's clock is probably wrong (it says {today}); set it"
        if error.verify_code in _UNTRUSTED:
            return (
                f"{whose} is signed by nobody this agent trusts: `ca` in [broker] must be the collector's CA, as"
                " `roundsman agent add` prints it"
            )
        if error.verify_code in _OTHER_HOST:
            return (
                f"{whose} is for another host: `host` in [broker] must be a name that the certificate holds, or make it"
                f" anew on the collector: roundsman init-tls --name {broker.host}"
            )
        return f"{whose} was refused: {error.verify_message}"
    has_hung_up = isinstance(error, ssl.SSLZeroReturnError | ssl.SSLEOFError | ConnectionResetError)
    if has_hung_up or (isinstance(error, ssl.SSLError) and error.reason == "WRONG_VERSION_NUMBER"):
        return f"{broker.host}:{broker.port} does not speak TLS: is that the right port, or is it `tls = false`?"
    return str(error)
