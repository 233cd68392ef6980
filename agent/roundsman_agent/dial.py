"""Connecting with one deadline over everything: the look-up of the name, each of its addresses, the handshake of TCP.

    dialled("kiosk.example", 443, deadline=…) -> socket      connected; TCP
    addresses("kiosk.example", 0, kind=SOCK_DGRAM, deadline=…) -> [Address, …]
    left(deadline) -> seconds                                ProbeError timeout when there are none
    network_error("kiosk.example:443", error) -> ProbeError  what an error of the operating system means

`deadline` is a time of `time.monotonic`. The operating system looks names up without a limit of its own that anybody
could set, so a name (not an address) is looked up in a thread of its own, and whoever waited too long leaves it there.
One thread per name at most: who asks for a name that is being looked up waits for the same answer.
"""

from __future__ import annotations

import errno
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Final

from roundsman_agent.probe import ProbeError

__all__ = ["Address", "addresses", "dialled", "left", "network_error"]

ADDRESSES_LIMIT: Final = 4
"""Addresses of one name that are tried."""
NAME_LIMIT: Final = 253

# What the operating system says -> what it means. Anything else is a road that does not carry.
_CODES = {
    errno.ECONNREFUSED: "refused",
    errno.EPERM: "permission",
    errno.EACCES: "permission",
    errno.ETIMEDOUT: "timeout",
    errno.ECONNRESET: "bad_answer",
    errno.EPIPE: "bad_answer",
}
_WORDS = {
    errno.ECONNREFUSED: "nothing listens there",
    errno.ECONNRESET: "hung up",
    errno.EPIPE: "hung up",
}

Address = tuple[socket.AddressFamily, tuple[Any, ...]]
"""A family and what `connect` takes."""


@dataclass(kw_only=True, slots=True)
class _LookUp:
    """A name that is being looked up."""

    found: list[Address] = field(default_factory=list)
    error: str = ""
    is_over: threading.Event = field(default_factory=threading.Event)


_under_way: dict[tuple[str, int, int], _LookUp] = {}
_lock = threading.Lock()


def left(deadline: float, where: str = "") -> float:
    """The seconds until the deadline; ProbeError timeout when it is reached."""
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise ProbeError("timeout", f"{where}: no answer in time" if where else "no answer in time")
    return seconds


def dialled(host: str, port: int, *, deadline: float) -> socket.socket:
    """A connected TCP socket. Each address of the name has its share of the time; the last one's failure is raised."""
    where = f"{host}:{port}"
    found = addresses(host, port, kind=socket.SOCK_STREAM, deadline=deadline)
    for i, (family, address) in enumerate(found):
        share = left(deadline, where) / (len(found) - i)
        try:
            return _connected(family, address, share)
        except TimeoutError as error:
            failure = ProbeError("timeout", f"{where}: does not take the connection")
            cause: OSError = error
        except OSError as error:
            failure, cause = network_error(where, error), error
        if i == len(found) - 1:
            raise failure from cause
    raise ProbeError("no_host", f"{host}: has no address")


def _connected(family: socket.AddressFamily, address: tuple[Any, ...], seconds: float) -> socket.socket:
    line = socket.socket(family, socket.SOCK_STREAM)
    try:
        line.settimeout(seconds)
        line.connect(address)
    except BaseException:
        line.close()
        raise
    return line


def addresses(host: str, port: int, *, kind: socket.SocketKind, deadline: float) -> list[Address]:
    """The addresses of a host, at most ADDRESSES_LIMIT; ProbeError no_host or timeout."""
    if not 0 < len(host) <= NAME_LIMIT or "\0" in host:
        raise ProbeError("bad_setting", f"{host[:80]!r}: expected a host name or an address")
    try:
        return _looked_up(host, port, kind, socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        pass  # it is a name
    look_up = _shared_look_up(host, port, kind)
    if not look_up.is_over.wait(left(deadline, host)):
        raise ProbeError("timeout", f"{host}: nobody tells its address in time")
    if look_up.error or not look_up.found:
        raise ProbeError("no_host", f"{host}: {look_up.error or 'has no address'}")
    return look_up.found


def _shared_look_up(host: str, port: int, kind: socket.SocketKind) -> _LookUp:
    key = (host, port, int(kind))
    with _lock:
        look_up = _under_way.get(key)
        if look_up is None:
            look_up = _under_way[key] = _LookUp()
            threading.Thread(target=_look_up, args=(look_up, key, kind), name=f"look-up {host}", daemon=True).start()
    return look_up


def _look_up(look_up: _LookUp, key: tuple[str, int, int], kind: socket.SocketKind) -> None:
    host, port, _ = key
    try:
        look_up.found = _looked_up(host, port, kind, 0)
    except (OSError, UnicodeError) as error:
        look_up.error = getattr(error, "strerror", None) or str(error)
    finally:
        with _lock:
            del _under_way[key]
        look_up.is_over.set()


def _looked_up(host: str, port: int, kind: socket.SocketKind, flags: int) -> list[Address]:
    found = socket.getaddrinfo(host, port, type=kind, flags=flags)
    return [(family, address) for family, _, _, _, address in found[:ADDRESSES_LIMIT]]


def network_error(where: str, error: OSError) -> ProbeError:
    """What an error of a socket means."""
    if isinstance(error, TimeoutError):
        return ProbeError("timeout", f"{where}: no answer in time")
    if hasattr(error, "library"):  # ssl.SSLError, named without importing ssl; its numbers are OpenSSL's
        return ProbeError("bad_answer", f"{where}: no TLS with it ({getattr(error, 'reason', None) or error})")
    code = _CODES.get(error.errno or 0, "no_route")
    return ProbeError(code, f"{where}: {_WORDS.get(error.errno or 0) or error.strerror or error}")
