"""ICMP echo: is somebody there, how far away, how much is lost (连通性与丢包)

    [[device.probe]]
    name = "ping"
    host = "192.168.1.1"

**Needs** the right to ping, which Linux gives to groups: `sysctl -w net.ipv4.ping_group_range="0 2147483647"` (and the
same line in a file of /etc/sysctl.d; it holds for IPv6 too). Many distributions set it, Debian 12 does not. With
root's rights, or CAP_NET_RAW, it goes without. Otherwise every visit is the failure `permission`.

`count` requests go out a fifth of a second apart, each with a number of its own and a secret of the visit, so a late
answer to a visit before, or somebody else's, is not taken for one of ours. `ping.ms` is the mean of those that came
back, `ping.loss_percent` the share that did not.

**No answer is not a reading.** When nothing comes back, the visit is the failure `timeout`; `no_route` when a router or
our own system says that the road ends. Some firewalls let no ping through: then ask a port (`tcp`) instead.

    IPv4  type 8, answered by 0 (RFC 792)      IPv6  type 128, answered by 129 (RFC 4443)
    type, code 0, checksum, identifier, sequence, then 24 bytes: our secret of 16 and zeros
"""

from __future__ import annotations

import errno
import math
import os
import select
import socket
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from roundsman_agent.dial import addresses, network_error
from roundsman_agent.probe import REQUIRED, Answer, Probe, ProbeError, Setting, Value, number, text

__all__ = ["Echoes", "probe"]

GAP_S: Final = 0.2
SECRET_BYTES: Final = 16
PADDING: Final = bytes(8)
DATAGRAM_LIMIT: Final = 2048
DATAGRAMS_LIMIT: Final = 2000
"""Datagrams that are looked at in one visit; a raw socket hears everything that is said to this machine."""
MEND: Final = 'set sysctl net.ipv4.ping_group_range="0 2147483647"'


@dataclass(frozen=True, kw_only=True, slots=True)
class Echoes:
    """What came back: one entry per request, milliseconds, or None for what did not."""

    ms: tuple[float | None, ...]
    bytes_moved: int


# --- the messages: pure -----------------------------------------------------------------------------------------------


def request(*, is_v6: bool, ident: int, sequence: int, secret: bytes) -> bytes:
    """An echo request. The kernel puts the checksum into IPv6 messages and into those of unprivileged sockets."""
    body = secret + PADDING
    kind = 128 if is_v6 else 8
    header = struct.pack("!BBHHH", kind, 0, 0, ident, sequence)
    return struct.pack("!BBHHH", kind, 0, checksum(header + body), ident, sequence) + body


def answered(data: bytes, *, is_v6: bool, has_header: bool, secret: bytes) -> int | None:
    """The sequence number to which a datagram is the answer; None when it is none, or not ours."""
    if has_header and not is_v6:  # a raw IPv4 socket hears the IP header too
        if not data or data[0] >> 4 != 4:
            return None
        data = data[(data[0] & 0x0F) * 4 :]
    if len(data) < 8 + SECRET_BYTES:
        return None
    kind, code, _, _, sequence = struct.unpack_from("!BBHHH", data)
    if (kind, code) != (129 if is_v6 else 0, 0) or data[8 : 8 + SECRET_BYTES] != secret:
        return None
    return int(sequence)


def checksum(data: bytes) -> int:
    """The Internet checksum of an even number of bytes (RFC 1071)."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


# --- fetch ------------------------------------------------------------------------------------------------------------


def fetch(settings: Mapping[str, object]) -> Echoes:
    """Send the requests, and wait for what comes back until it is all there or the time is over."""
    host, count = text(settings, "host"), int(number(settings, "count"))
    begin = time.monotonic()
    deadline = begin + number(settings, "timeout_s")
    trouble = ProbeError("no_host", f"{host}: has no address")
    for family, address in addresses(host, 0, kind=socket.SOCK_DGRAM, deadline=deadline):
        line, is_raw = _opened(family, host)
        with line:
            try:
                line.connect(address)  # only its answers are heard, and what routers say of the road
            except OSError as error:  # a machine without IPv6, and a name that has an address of it
                trouble = network_error(host, error)
                continue
            line.setblocking(False)
            is_v6 = family == socket.AF_INET6
            return _exchanged(line, host, is_v6=is_v6, is_raw=is_raw, count=count, deadline=deadline)
    raise trouble


def _opened(family: socket.AddressFamily, host: str) -> tuple[socket.socket, bool]:
    """A socket for ICMP and whether it is a raw one."""
    protocol = socket.IPPROTO_ICMPV6 if family == socket.AF_INET6 else socket.IPPROTO_ICMP
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            return socket.socket(family, kind, protocol), kind == socket.SOCK_RAW
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.EPROTONOSUPPORT):
                raise network_error(host, error) from error
    raise ProbeError("permission", f"{host}: this user may not ping; {MEND}")


def _exchanged(line: socket.socket, host: str, *, is_v6: bool, is_raw: bool, count: int, deadline: float) -> Echoes:
    secret, ident = os.urandom(SECRET_BYTES), int.from_bytes(os.urandom(2), "big")
    sent_at: list[float] = []
    ms: list[float | None] = []
    moved, heard = 0, 0
    trouble: OSError | None = None
    while time.monotonic() < deadline and heard < DATAGRAMS_LIMIT:
        now = time.monotonic()
        if len(sent_at) < count and (not sent_at or now - sent_at[-1] >= GAP_S):
            sent_at.append(now)
            ms.append(None)
            try:
                moved += line.send(request(is_v6=is_v6, ident=ident, sequence=len(sent_at), secret=secret))
            except OSError as error:  # what a router said of the request before, or our own system of this one
                trouble = error
            continue
        if len(sent_at) == count and None not in ms:
            break
        wake_at = min(deadline, sent_at[-1] + GAP_S) if len(sent_at) < count else deadline
        if not select.select([line], [], [], max(0.0, wake_at - now))[0]:
            continue
        heard += 1
        try:
            data = line.recv(DATAGRAM_LIMIT)
        except OSError as error:
            trouble = error
            continue
        sequence = answered(data, is_v6=is_v6, has_header=is_raw, secret=secret)
        if sequence is not None and 1 <= sequence <= len(ms) and ms[sequence - 1] is None:
            ms[sequence - 1] = round((time.monotonic() - sent_at[sequence - 1]) * 1000, 2)
            moved += len(data)
    if all(one is None for one in ms):
        if trouble is not None:
            raise network_error(host, trouble)
        raise ProbeError("timeout", f"{host}: none of {len(ms)} pings came back")
    return Echoes(ms=tuple(ms), bytes_moved=moved)


# --- parse ------------------------------------------------------------------------------------------------------------


def parse(raw: object, settings: Mapping[str, object]) -> Answer:
    """The mean time of those that came back, and the share that did not."""
    if not isinstance(raw, Echoes):
        raise TypeError(f"ping parses Echoes, not {type(raw).__name__}")
    back = [float(one) for one in raw.ms if one is not None and math.isfinite(one) and 0 <= one <= 1e6]
    if not back:
        raise ProbeError("timeout", f"none of {len(raw.ms)} pings came back")
    readings: dict[str, Value] = {
        "ping.ms": round(sum(back) / len(back), 1),
        "ping.loss_percent": round(100 * (len(raw.ms) - len(back)) / len(raw.ms), 1),
    }
    return Answer(readings=readings, bytes_moved=raw.bytes_moved)


probe = Probe(
    name="ping",
    platforms=frozenset({"linux"}),
    settings=(
        Setting(
            name="host",
            kind=str,
            default=REQUIRED,
            unit="",
            sentence="Name or address, IPv4 or IPv6; of a name the first address to which there is a road.",
        ),
        Setting(
            name="count",
            kind=int,
            default=3,
            unit="",
            sentence="How many requests a visit sends.",
            least=1,
            most=20,
        ),
        Setting(
            name="timeout_s",
            kind=float,
            default=5.0,
            unit="s",
            sentence="The longest that one visit may take, and the longest that an answer is waited for.",
            least=0.5,
            most=60,
        ),
    ),
    fetch=fetch,
    parse=parse,
    default_timeout_s=5.0,
    target="host",
    readings=("ping.ms", "ping.loss_percent"),
    parts=(Echoes,),
)
