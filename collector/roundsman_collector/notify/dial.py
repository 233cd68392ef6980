"""To the other end and back in bounded time: a connection that is made within 10 s and cut after 30 s.

    with dialled("smtp.example", 587) as line: ...         line.socket, line.address

A socket's own timeout bounds a single read: a server that says one byte now and then would hold us for ever. So the
line is cut from outside, whatever is being waited for.
"""

import ipaddress
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import NamedTuple

from roundsman_collector.notify.outcome import Reject, Retry

CONNECT_S = 10.0
TOTAL_S = 30.0
ADDRESSES_TRIED = 3

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# Where clouds tell a machine its own secrets, beside the link-local address: Alibaba, Oracle, Amazon's of version 6.
METADATA = frozenset(map(ipaddress.ip_address, ("100.100.100.200", "192.0.0.192", "fd00:ec2::254")))
NAT64 = ipaddress.ip_network("64:ff9b::/96")


class Dialled(NamedTuple):
    """A line to the other end."""

    socket: socket.socket
    address: Address


@contextmanager
def dialled(
    host: str,
    port: int,
    *,
    why_not: Callable[[Address], str] = lambda _: "",
    connect_s: float = CONNECT_S,
    total_s: float = TOTAL_S,
) -> Iterator[Dialled]:
    """A connection, open for at most `total_s`. `why_not(address)` says why an address may not be used, or nothing.

    What was resolved is what is connected to: a name that changes its address in between gains nothing.
    """
    line = _connected(_addresses(host, port, why_not), host, port, connect_s)
    # The same connection under another number: it stays ours to cut while TLS is put around the first.
    with closing(line.socket), closing(line.socket.dup()) as handle:
        timer = threading.Timer(total_s, _cut, [handle])
        timer.daemon = True
        timer.start()
        try:
            yield line
        finally:
            timer.cancel()
            timer.join()


def _cut(handle: socket.socket) -> None:
    with suppress(OSError):  # it is gone already
        handle.shutdown(socket.SHUT_RDWR)


def _addresses(host: str, port: int, why_not: Callable[[Address], str]) -> list[Address]:
    try:
        told = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise Reject(f"{host[:80]} is no name of a machine") from error
    except OSError as error:
        raise Retry(f"the address of {host} cannot be found: {error.strerror}") from error
    found = list(dict.fromkeys(ipaddress.ip_address(str(one[4][0])) for one in told))
    allowed = [address for address in found if not why_not(address)]
    if not allowed:
        raise Reject(f"{host} leads to {found[0]}: {why_not(found[0])}")
    return allowed[:ADDRESSES_TRIED]


def _connected(addresses: list[Address], host: str, port: int, connect_s: float) -> Dialled:
    problem = ""
    for address in addresses:
        try:
            made = socket.create_connection((str(address), port), timeout=connect_s / len(addresses))
        except OSError as error:
            problem = problem or error.strerror or str(error)
        else:
            made.settimeout(connect_s)
            return Dialled(made, address)
    raise Retry(f"{host}:{port} cannot be reached: {problem}")


def plain(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for, or itself."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if address.sixtofour is not None:
            return address.sixtofour
    return address


def forbidden(address: Address) -> str:
    """Why nothing is ever sent to an address; empty for one that may be used."""
    meant = plain(address)
    if meant in METADATA or meant.is_link_local:
        return "an address of this machine's own network card or cloud, where secrets are told"
    if meant.is_multicast or meant.is_unspecified:
        return "an address of no machine"
    return ""


def is_near(address: Address) -> bool:
    """Whether an address is on this machine or in a private network."""
    meant = plain(address)
    return meant.is_loopback or meant.is_private
