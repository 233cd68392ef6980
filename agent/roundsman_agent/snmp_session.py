"""The one place where the agent speaks SNMP: GET, GETNEXT and GETBULK, version 2c or 3. There is no SET in here.

    with V2cSession(...) as session:
        session.get(["1.3.6.1.2.1.1.3.0"])            -> {"1.3.6.1.2.1.1.3.0": Bound("timeticks", 8205439)}
        session.bulk(["1.3.6.1.2.1.33.1.4.4.1.5"], 20)  -> the next 20 objects in order

Two ways behind the same three verbs (docs/decisions/0019-snmp-engine.md):

    version 2c    our own codec (snmp_ber.py) over a plain connected UDP socket            3 µs CPU per object
    version 3     pysnmp's engine (snmp_engine.py): one for all devices, 18 MB to import

So pysnmp, asyncio and the user security model are imported only where a device is set to version 3. Neither way burns
CPU between visits. OIDs are numbers; no MIB is ever loaded.

Hostile answers are bounded: a datagram that is no SNMP, or the answer to another question, is dropped and waited out;
all waiting ends at one deadline for the whole visit.
"""

from __future__ import annotations

import errno
import random
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Protocol, Self

from roundsman_agent import snmp_ber
from roundsman_agent.probe import ProbeError
from roundsman_agent.snmp_ber import Bound

__all__ = ["AUTH", "PRIV", "TOO_BIG", "Bindings", "Bound", "PduError", "Session", "V2cSession", "V3Session", "V3User"]

DATAGRAM: Final = 65535
TOO_BIG: Final = 1
STATUS_NAMES: Final = {TOO_BIG: "tooBig", 2: "noSuchName", 3: "badValue", 4: "readOnly", 5: "genErr", 6: "noAccess"}

Bindings = list[tuple[str, Bound | None]]
"""Objects in the order of the answer; None is no value: noSuchObject, endOfMibView."""

AUTH: Final = ("none", "md5", "sha", "sha224", "sha256", "sha384", "sha512")
PRIV: Final = ("none", "des", "aes", "aes192", "aes256")


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
    """A conversation with one device until one deadline. What the device does not have is None in `get`'s answer.

    `bytes_moved`: the payload of all datagrams so far, both ways; None where nobody counts (version 3).
    """

    @property
    def bytes_moved(self) -> int | None: ...
    def get(self, oids: Sequence[str]) -> dict[str, Bound | None]: ...
    def next(self, oids: Sequence[str]) -> Bindings: ...
    def bulk(self, oids: Sequence[str], repetitions: int) -> Bindings: ...


# --- version 2c -------------------------------------------------------------------------------------------------------


class V2cSession:
    """Version 2c over one connected UDP socket: answers from other addresses never reach us."""

    def __init__(self, *, host: str, port: int, community: str, try_s: float, tries: int, deadline: float) -> None:
        self._where = f"{host}:{port}"
        self._community, self._try_s, self._tries, self._deadline = community, try_s, tries, deadline
        self._socket = connected(host, port)
        self.bytes_moved = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def get(self, oids: Sequence[str]) -> dict[str, Bound | None]:
        return dict(self._ask(snmp_ber.GET, oids))

    def next(self, oids: Sequence[str]) -> Bindings:
        return self._ask(snmp_ber.NEXT, oids)

    def bulk(self, oids: Sequence[str], repetitions: int) -> Bindings:
        return self._ask(snmp_ber.BULK, oids, repetitions)

    def _ask(self, kind: int, oids: Sequence[str], repetitions: int = 0) -> Bindings:
        number = random.getrandbits(31)
        answer = self._exchange(snmp_ber.request(kind, number, self._community, oids, repetitions), number)
        if answer.status:
            raise PduError(answer.status)
        return answer.bindings

    def _exchange(self, request: bytes, number: int) -> snmp_ber.Pdu:
        """Send until an answer with our number comes: every try is the same datagram, so a late answer counts too."""
        garbage = ""
        for _ in range(self._tries):
            try_end = min(time.monotonic() + self._try_s, self._deadline)
            try:
                self.bytes_moved += self._socket.send(request)
                while (left := try_end - time.monotonic()) > 0:
                    self._socket.settimeout(left)
                    datagram = self._socket.recv(DATAGRAM)
                    self.bytes_moved += len(datagram)
                    try:
                        answer = snmp_ber.answer(datagram)
                    except ValueError as error:
                        garbage = f"{len(datagram)} bytes that are no SNMP version 2c message ({error})"
                        continue
                    if answer.request_id == number:
                        return answer
            except TimeoutError:
                pass
            except OSError as error:
                raise network_error(self._where, error) from error
            if time.monotonic() >= self._deadline:
                break
        if garbage:
            raise ProbeError("bad_answer", f"{self._where}: {garbage}")
        raise ProbeError("timeout", f"{self._where}: no answer (silent, or it does not know the community)")


def connected(host: str, port: int) -> socket.socket:
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    except (socket.gaierror, UnicodeError) as error:
        raise ProbeError("no_host", f"{host}: {error}") from error
    connection = socket.socket(family, kind, proto)
    try:
        connection.connect(address)
    except OSError as error:
        connection.close()
        raise network_error(f"{host}:{port}", error) from error
    return connection


def network_error(where: str, error: OSError) -> ProbeError:
    if error.errno == errno.ECONNREFUSED:
        return ProbeError("refused", f"{where}: nothing listens there")
    if error.errno in (errno.EPERM, errno.EACCES):
        return ProbeError("permission", f"{where}: {error.strerror}")
    return ProbeError("no_route", f"{where}: {error.strerror or error}")


# --- version 3 --------------------------------------------------------------------------------------------------------


class V3Session:
    """Version 3 through the engine that all devices share."""

    def __init__(self, *, host: str, port: int, user: V3User, try_s: float, tries: int, deadline: float) -> None:
        complaint = user.complaint()
        if complaint is not None:
            raise ProbeError("bad_setting", f"{host}:{port}: {complaint}")
        with connected(host, port) as road:  # names are resolved and roads tried by the same code as version 2c
            address: tuple[Any, ...] = road.getpeername()
        from roundsman_agent import snmp_engine

        self._engine = snmp_engine.shared()
        self._awake = self._engine.awake()
        self._target = snmp_engine.Target(
            where=f"{host}:{port}", host=str(address[0]), port=port, user=user, try_s=try_s, tries=tries
        )
        self._deadline = deadline
        self.bytes_moved: int | None = None

    def __enter__(self) -> Self:
        self._awake.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._awake.__exit__(kind, error, trace)

    def get(self, oids: Sequence[str]) -> dict[str, Bound | None]:
        return dict(self._ask("get", oids))

    def next(self, oids: Sequence[str]) -> Bindings:
        return self._ask("next", oids)

    def bulk(self, oids: Sequence[str], repetitions: int) -> Bindings:
        return self._ask("bulk", oids, repetitions)

    def _ask(self, verb: str, oids: Sequence[str], repetitions: int = 0) -> Bindings:
        status, bindings = self._engine.ask(self._target, verb, oids, repetitions, deadline=self._deadline)
        if status:
            raise PduError(status)
        return bindings
