"""The one place where the agent speaks SNMP: GET, GETNEXT and GETBULK, version 2c or 3. There is no SET in here.

    with V2cSession(...) as session:
        session.get(["1.3.6.1.2.1.1.3.0"])            -> {"1.3.6.1.2.1.1.3.0": Bound(type="timeticks", value=8205439)}
        session.bulk("1.3.6.1.2.1.33.1.4.4.1.5", 20)  -> the next 20 objects in order

Two ways behind the same three verbs, because the easy one is expensive on a kiosk (measured on one core, Python 3.11):

    version 2c    pysnmp's message codec over a plain connected UDP socket      3 MB to import, 2 ms CPU per request
    version 3     pysnmp's engine with asyncio, opened and closed per visit    18 MB to import, 65 ms CPU per engine

So pysnmp's engine, asyncio and the user security model are imported only where a device is set to version 3. Neither
way leaves anything running between visits: an idle engine burns CPU. OIDs are numbers; no MIB is ever loaded.

Hostile answers are bounded: a datagram that is no SNMP, or the answer to another question, is dropped and waited out;
all waiting ends at one deadline for the whole visit.
"""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from pyasn1.codec.ber import decoder, encoder
from pyasn1.error import PyAsn1Error
from pysnmp.proto.api import v2c

from roundsman_agent.probe import ProbeError

if TYPE_CHECKING:
    import asyncio

__all__ = ["Bound", "PduError", "Session", "V2cSession", "V3Session", "V3User"]

DATAGRAM: Final = 65535
OID_LIMIT: Final = 128
"""Numbers in an OID (RFC 3416): longer ones are an attack, not an address."""

# pysnmp's class of a value -> the word for its type that families and recordings use.
TYPES: Final = {
    "Integer": "integer",
    "Integer32": "integer",
    "OctetString": "octets",
    "ObjectIdentifier": "oid",
    "IpAddress": "ip",
    "Counter32": "counter",
    "Gauge32": "gauge",
    "Unsigned32": "gauge",
    "TimeTicks": "timeticks",
    "Counter64": "counter",
    "Opaque": "opaque",
    "Bits": "octets",
}
"""NoSuchObject, NoSuchInstance, EndOfMibView and Null are not in the table: they are no value."""

STATUS_NAMES: Final = {1: "tooBig", 2: "noSuchName", 3: "badValue", 4: "readOnly", 5: "genErr", 6: "noAccess"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Bound:
    """The value of one object: a number, bytes, or a dotted text for OIDs and addresses."""

    type: str
    value: int | bytes | str


@dataclass(frozen=True, kw_only=True, slots=True)
class V3User:
    """A user of version 3; without an auth password nothing is checked, without a priv password nothing is hidden."""

    name: str
    auth: str
    auth_password: str
    priv: str
    priv_password: str
    context: str

    def complaint(self) -> str | None:
        """What the standard (RFC 3414) has against this user, or None."""
        if not 1 <= len(self.name) <= 32:
            return "version 3 needs a user of 1 to 32 characters"
        if self.auth != "none" and len(self.auth_password) < 8:
            return f"auth = {self.auth} needs an auth_password of at least 8 characters"
        if self.priv != "none" and self.auth == "none":
            return f"priv = {self.priv} needs an auth that is not none"
        if self.priv != "none" and len(self.priv_password) < 8:
            return f"priv = {self.priv} needs a priv_password of at least 8 characters"
        return None


class PduError(Exception):
    """The device answered the request with an error status. Its error index is not kept: agents get it wrong."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status

    def __str__(self) -> str:
        return STATUS_NAMES.get(self.status, f"error status {self.status}")


class Session(Protocol):
    """A conversation with one device until one deadline. What is missing in the device is missing in the answer."""

    def get(self, oids: Sequence[str]) -> dict[str, Bound]: ...
    def next(self, oids: Sequence[str]) -> list[tuple[str, Bound]]: ...
    def bulk(self, oid: str, repetitions: int) -> list[tuple[str, Bound]]: ...


def bound(value: object) -> Bound | None:
    """A value of pysnmp as a plain one; None for noSuchObject and its kin."""
    type_ = TYPES.get(type(value).__name__)
    if type_ in ("octets", "opaque"):
        return Bound(type=type_, value=bytes(value))  # type: ignore[call-overload]
    if type_ == "ip":
        return Bound(type=type_, value=".".join(str(part) for part in bytes(value)))  # type: ignore[call-overload]
    if type_ == "oid":
        return Bound(type=type_, value=str(value))
    return None if type_ is None else Bound(type=type_, value=int(value))  # type: ignore[call-overload]


def _bindings(pairs: Sequence[tuple[Any, Any]]) -> list[tuple[str, Bound]]:
    plain = ((str(oid), bound(value)) for oid, value in pairs if len(oid) <= OID_LIMIT)
    return [(oid, value) for oid, value in plain if value is not None]


# --- version 2c -------------------------------------------------------------------------------------------------------


class V2cSession:
    """Version 2c over one connected UDP socket: answers from other addresses never reach us."""

    def __init__(self, *, host: str, port: int, community: str, try_s: float, tries: int, deadline: float) -> None:
        self._where = f"{host}:{port}"
        self._community, self._try_s, self._tries, self._deadline = community, try_s, tries, deadline
        self._socket = _connected(host, port)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def get(self, oids: Sequence[str]) -> dict[str, Bound]:
        return dict(self._ask(v2c.GetRequestPDU(), v2c.apiPDU, oids))

    def next(self, oids: Sequence[str]) -> list[tuple[str, Bound]]:
        return self._ask(v2c.GetNextRequestPDU(), v2c.apiPDU, oids)

    def bulk(self, oid: str, repetitions: int) -> list[tuple[str, Bound]]:
        pdu = v2c.GetBulkRequestPDU()
        v2c.apiBulkPDU.set_defaults(pdu)
        v2c.apiBulkPDU.set_non_repeaters(pdu, 0)
        v2c.apiBulkPDU.set_max_repetitions(pdu, repetitions)
        return self._ask(pdu, v2c.apiBulkPDU, [oid], defaults=False)

    def _ask(self, pdu: Any, api: Any, oids: Sequence[str], *, defaults: bool = True) -> list[tuple[str, Bound]]:
        if defaults:
            api.set_defaults(pdu)
        api.set_varbinds(pdu, [(oid, v2c.null) for oid in oids])
        message = v2c.Message()
        v2c.apiMessage.set_defaults(message)
        v2c.apiMessage.set_community(message, self._community)
        v2c.apiMessage.set_pdu(message, pdu)
        answer = self._exchange(encoder.encode(message), int(api.get_request_id(pdu)))
        status = int(v2c.apiPDU.get_error_status(answer))
        if status:
            raise PduError(status)
        return _bindings(v2c.apiPDU.get_varbinds(answer))

    def _exchange(self, request: bytes, request_id: int) -> Any:
        """Send until an answer with our number comes: every try is the same datagram, so a late answer counts too."""
        garbage = ""
        for _ in range(self._tries):
            try_end = min(time.monotonic() + self._try_s, self._deadline)
            try:
                self._socket.send(request)
                while (left := try_end - time.monotonic()) > 0:
                    self._socket.settimeout(left)
                    answer, complaint = _decoded(self._socket.recv(DATAGRAM), request_id)
                    if answer is not None:
                        return answer
                    garbage = complaint or garbage
            except TimeoutError:
                pass
            except OSError as error:
                raise _network_error(self._where, error) from error
            if time.monotonic() >= self._deadline:
                break
        if garbage:
            raise ProbeError("bad_answer", f"{self._where}: {garbage}")
        raise ProbeError("timeout", f"{self._where}: no answer (silent, or it does not know the community)")


def _decoded(datagram: bytes, request_id: int) -> tuple[Any, str]:
    """The answer inside the datagram, or None and why it is not ours."""
    try:
        message, _ = decoder.decode(datagram, asn1Spec=v2c.Message())
        pdu = v2c.apiMessage.get_pdu(message)
        number = int(v2c.apiPDU.get_request_id(pdu))
        is_response = pdu.isSameTypeWith(v2c.GetResponsePDU())
    except (PyAsn1Error, ValueError, TypeError, LookupError, ArithmeticError, RecursionError, AttributeError):
        # pyasn1 has many ways to stumble over bytes that are no SNMP; for us they all say the same.
        return None, f"{len(datagram)} bytes that are no SNMP version 2c message"
    if not is_response or number != request_id:
        return None, ""
    return pdu, ""


def _connected(host: str, port: int) -> socket.socket:
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    except (socket.gaierror, UnicodeError) as error:
        raise ProbeError("no_host", f"{host}: {error}") from error
    connection = socket.socket(family, kind, proto)
    try:
        connection.connect(address)
    except OSError as error:
        connection.close()
        raise _network_error(f"{host}:{port}", error) from error
    return connection


def _network_error(where: str, error: OSError) -> ProbeError:
    if error.errno == errno.ECONNREFUSED:
        return ProbeError("refused", f"{where}: nothing listens there")
    if error.errno in (errno.EPERM, errno.EACCES):
        return ProbeError("permission", f"{where}: {error.strerror}")
    return ProbeError("no_route", f"{where}: {error.strerror or error}")


# --- version 3 --------------------------------------------------------------------------------------------------------

AUTH: Final = ("none", "md5", "sha", "sha224", "sha256", "sha384", "sha512")
PRIV: Final = ("none", "des", "aes", "aes192", "aes256")


class V3Session:
    """Version 3 through pysnmp's engine, in an event loop of its own that ends with the session."""

    def __init__(self, *, host: str, port: int, user: V3User, try_s: float, tries: int, deadline: float) -> None:
        import asyncio

        from pysnmp.error import PySnmpError

        self._where, self._deadline, self._context = f"{host}:{port}", deadline, user.context
        complaint = user.complaint()
        if complaint is not None:
            raise ProbeError("bad_setting", f"{self._where}: {complaint}")
        with _connected(host, port) as road:  # names are resolved and roads tried by the same code as version 2c
            address: tuple[Any, ...] = road.getpeername()
        self._loop: asyncio.AbstractEventLoop = asyncio.new_event_loop()
        try:
            self._engine = self._loop.run_until_complete(_engine(address, user, try_s, tries))
        except PySnmpError as error:
            self._loop.close()
            raise ProbeError("bad_setting", f"{self._where}: user {user.name!r}: {error}") from error
        except BaseException:
            self._loop.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        async def close() -> None:
            self._engine.close_dispatcher()

        import asyncio

        try:
            self._loop.run_until_complete(close())
            waiting = asyncio.all_tasks(self._loop)
            for task in waiting:
                task.cancel()
            if waiting:
                self._loop.run_until_complete(asyncio.gather(*waiting, return_exceptions=True))
        finally:
            self._loop.close()

    def get(self, oids: Sequence[str]) -> dict[str, Bound]:
        from pysnmp.entity.rfc3413 import cmdgen

        return dict(self._ask(cmdgen.GetCommandGenerator(), (), oids))

    def next(self, oids: Sequence[str]) -> list[tuple[str, Bound]]:
        from pysnmp.entity.rfc3413 import cmdgen

        return self._ask(cmdgen.NextCommandGeneratorSingleRun(), (), oids)

    def bulk(self, oid: str, repetitions: int) -> list[tuple[str, Bound]]:
        from pysnmp.entity.rfc3413 import cmdgen

        return self._ask(cmdgen.BulkCommandGeneratorSingleRun(), (0, repetitions), [oid])

    def _ask(self, generator: Any, counts: tuple[int, ...], oids: Sequence[str]) -> list[tuple[str, Bound]]:
        return self._loop.run_until_complete(self._asked(generator, counts, oids))

    async def _asked(self, generator: Any, counts: tuple[int, ...], oids: Sequence[str]) -> list[tuple[str, Bound]]:
        import asyncio

        from pysnmp.error import PySnmpError

        future: asyncio.Future[tuple[Any, Any, Any, Any]] = asyncio.get_running_loop().create_future()

        def heard(
            _engine: Any, _handle: Any, indication: Any, status: Any, index: Any, pairs: Any, _cookie: Any
        ) -> None:
            if not future.done():
                future.set_result((indication, status, index, pairs))

        pairs = [(v2c.ObjectIdentifier(oid), v2c.null) for oid in oids]
        try:
            generator.send_varbinds(self._engine, "device", None, self._context, *counts, pairs, heard)
            left = self._deadline - time.monotonic()
            indication, status, _, answer = await asyncio.wait_for(future, max(0.0, left))
        except TimeoutError as error:
            raise ProbeError("timeout", f"{self._where}: no answer") from error
        except PySnmpError as error:
            # Also what a cipher without its library says: privacy needs the package "cryptography".
            raise ProbeError("bad_setting", f"{self._where}: {error}") from error
        if indication is not None:
            raise ProbeError(_V3_CODES.get(type(indication).__name__, "bad_answer"), f"{self._where}: {indication}")
        if int(status):
            raise PduError(int(status))
        return _bindings(answer)


async def _engine(address: tuple[Any, ...], user: V3User, try_s: float, tries: int) -> Any:
    """An engine with one user and one device. It looks for the running loop when it is made: hence a coroutine."""
    from pysnmp.carrier.asyncio.dgram import udp, udp6
    from pysnmp.entity import config, engine

    auth = {
        "none": config.USM_AUTH_NONE,
        "md5": config.USM_AUTH_HMAC96_MD5,
        "sha": config.USM_AUTH_HMAC96_SHA,
        "sha224": config.USM_AUTH_HMAC128_SHA224,
        "sha256": config.USM_AUTH_HMAC192_SHA256,
        "sha384": config.USM_AUTH_HMAC256_SHA384,
        "sha512": config.USM_AUTH_HMAC384_SHA512,
    }[user.auth]
    priv = {
        "none": config.USM_PRIV_NONE,
        "des": config.USM_PRIV_CBC56_DES,
        "aes": config.USM_PRIV_CFB128_AES,
        "aes192": config.USM_PRIV_CFB192_AES,
        "aes256": config.USM_PRIV_CFB256_AES,
    }[user.priv]
    level = "noAuthNoPriv" if user.auth == "none" else "authNoPriv" if user.priv == "none" else "authPriv"
    if len(address) == 2:
        domain, transport = udp.DOMAIN_NAME, udp.UdpAsyncioTransport()
    else:
        domain, transport = udp6.DOMAIN_NAME, udp6.Udp6AsyncioTransport()
    made = engine.SnmpEngine()
    config.add_v3_user(made, user.name, auth, user.auth_password or None, priv, user.priv_password or None)
    config.add_target_parameters(made, "parameters", user.name, level)
    config.add_transport(made, domain, transport.open_client_mode())
    # Hundredths of a second; the engine retries by itself.
    config.add_target_address(made, "device", domain, address[:2], "parameters", max(1, int(try_s * 100)), tries - 1)
    return made


# What pysnmp's engine complains of -> our code. Anything else is an answer that makes no sense.
_V3_CODES: Final = {
    "RequestTimedOut": "timeout",
    "UnknownSecurityName": "bad_credentials",
    "NotInTimeWindow": "bad_credentials",
    "WrongDigest": "bad_credentials",
    "AuthenticationFailure": "bad_credentials",
    "AuthenticationError": "bad_credentials",
    "UnknownUserName": "bad_credentials",
    "UnsupportedSecurityLevel": "bad_credentials",
    "DecryptionError": "bad_credentials",
    "EncryptionError": "bad_setting",
    "UnsupportedAuthProtocol": "bad_setting",
    "UnsupportedPrivProtocol": "bad_setting",
    "NoEncryption": "bad_setting",
    "NoSuchContext": "bad_setting",
    "NoAccessEntry": "permission",
    "NotInView": "permission",
}
