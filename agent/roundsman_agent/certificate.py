"""When a server's certificate ends, out of its DER; no more of it is read.

    ends(der) -> seconds since 1970 (UTC)          ValueError when it is no certificate

Python tells the dates of a certificate only when it has verified it. One that was refused, or was not to be verified,
is looked at here: five elements deep into a fixed structure (RFC 5280, 4.1), no loop, no recursion.

    Certificate  SEQUENCE { tbsCertificate SEQUENCE { [0] version?, serialNumber, signature, issuer,
                 validity SEQUENCE { notBefore, notAfter }, …          UTCTime YYMMDDhhmmssZ · GeneralizedTime YYYY…
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

__all__ = ["ends"]

DER_LIMIT: Final = 65536

_SEQUENCE, _VERSION, _UTC_TIME, _GENERALIZED_TIME = 0x30, 0xA0, 0x17, 0x18
_TIME = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})Z")


def ends(der: bytes) -> int:
    """The second after which the certificate counts no more."""
    if len(der) > DER_LIMIT:
        raise ValueError(f"a certificate of {len(der)} bytes")
    at, end = _inside(der, 0, len(der), _SEQUENCE)
    at, end = _inside(der, at, end, _SEQUENCE)
    if at < end and der[at] == _VERSION:
        at = _behind(der, at, end)
    for _ in range(3):  # serial number, signature, issuer
        at = _behind(der, at, end)
    at, end = _inside(der, at, end, _SEQUENCE)
    at = _behind(der, at, end)
    kind, begin, stop = _element(der, at, end)
    return _seconds(kind, der[begin:stop])


def _inside(der: bytes, at: int, end: int, kind: int) -> tuple[int, int]:
    """Where the content of an element of that kind begins and ends."""
    found, begin, stop = _element(der, at, end)
    if found != kind:
        raise ValueError(f"element {found:#x} where {kind:#x} was expected")
    return begin, stop


def _behind(der: bytes, at: int, end: int) -> int:
    return _element(der, at, end)[2]


def _element(der: bytes, at: int, end: int) -> tuple[int, int, int]:
    """The kind of the element that stands here, where its content begins, and where it ends."""
    if at + 2 > end:
        raise ValueError("the certificate ends too early")
    kind, length, begin = der[at], der[at + 1], at + 2
    if length & 0x80:
        octets = length & 0x7F
        if not 1 <= octets <= 4 or begin + octets > end:
            raise ValueError("an element without a length")
        length, begin = int.from_bytes(der[begin : begin + octets], "big"), begin + octets
    if begin + length > end:
        raise ValueError("an element longer than what holds it")
    return kind, begin, begin + length


def _seconds(kind: int, content: bytes) -> int:
    text = content.decode("ascii", "replace")
    if kind == _UTC_TIME:
        text = ("19" if text[:2] >= "50" else "20") + text
    elif kind != _GENERALIZED_TIME:
        raise ValueError(f"element {kind:#x} where a time was expected")
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError("a time that is none")
    year, month, day, hour, minute, second = map(int, match.groups())
    return int(datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC).timestamp())  # ValueError: no date
