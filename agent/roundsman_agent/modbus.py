"""What stands on a Modbus line when something is read: functions 1 to 4. There is nothing here that writes.

    question = Question(unit=1, table="input", address=0, count=2)
    question.pdu                          04 00 00 00 02
    on_a_line(question)                   01 04 00 00 00 02 71 CB              unit, question, CRC
    over_tcp(question, transaction=7)     00 07 00 00 00 06 01 04 00 00 00 02  transaction, 0, length, unit, question

    LineEar(question).hear(data)          Said when the answer has come, None as long as it has not
    TcpEar().hear(data)                   every whole frame: transaction, unit, answer

    table      function  what it is                       one answer holds
    coil       1         outputs of one bit (relays)      2000 bits, the first in bit 0 of the first byte
    discrete   2         inputs of one bit (contacts)     2000 bits
    holding    3         registers of 16 bits             125 registers, the high byte first
    input      4         registers of 16 bits, read-only  125 registers

An answer is ``function, bytes that follow, bytes``; a refusal is ``function | 0x80, code``. CRC-16: polynomial 0xA001,
begins with 0xFFFF, goes out low byte first.

Source: MODBUS Application Protocol Specification V1.1b3, MODBUS over Serial Line V1.02, MODBUS Messaging on TCP/IP
V1.0b (modbus.org).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final, NamedTuple

__all__ = [
    "BITS",
    "READ",
    "LineEar",
    "Question",
    "Said",
    "TcpEar",
    "crc",
    "on_a_line",
    "over_tcp",
    "said",
]

READ: Final = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}
"""The tables of a unit and the function that reads each."""
BITS: Final = frozenset({"coil", "discrete"})
MOST_BITS: Final = 2000
MOST_REGISTERS: Final = 125
PLACES: Final = 65_536
"""Addresses in a table."""
REFUSED: Final = 0x80
HEAD: Final = struct.Struct(">HHHB")
"""Transaction, protocol (0), length of what follows including the unit, unit."""
LONGEST: Final = 254
"""The longest unit and answer that TCP carries."""


class Said(NamedTuple):
    """What a unit answered: data, or the code with which it refuses (0: it does not)."""

    data: bytes
    refusal: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """A read of `count` bits or registers that lie side by side."""

    unit: int
    table: str
    address: int
    count: int

    def __post_init__(self) -> None:
        if self.table not in READ or not 0 <= self.unit <= 255:
            raise ValueError(f"{self} names no table or no unit")
        most = MOST_BITS if self.table in BITS else MOST_REGISTERS
        if not 1 <= self.count <= most or not 0 <= self.address <= PLACES - self.count:
            raise ValueError(f"{self}: expected 1 to {most} places within 0 to {PLACES - 1}")

    @property
    def function(self) -> int:
        return READ[self.table]

    @property
    def size(self) -> int:
        """Bytes of data in the answer."""
        return (self.count + 7) // 8 if self.table in BITS else self.count * 2

    @property
    def pdu(self) -> bytes:
        return struct.pack(">BHH", self.function, self.address, self.count)

    def __str__(self) -> str:
        last = f"-{self.address + self.count - 1}" if self.count > 1 else ""
        return f"unit {self.unit}, {self.table}:{self.address}{last}"


def said(question: Question, pdu: bytes) -> Said | None:
    """What an answer says; None when it is no answer to this question."""
    if len(pdu) == 2 and pdu[0] == question.function | REFUSED and pdu[1]:
        return Said(b"", pdu[1])
    if pdu[:2] == bytes((question.function, question.size)) and len(pdu) == 2 + question.size:
        return Said(pdu[2:])
    return None


# --- on a serial line -------------------------------------------------------------------------------------------------


@cache
def _crc_table() -> tuple[int, ...]:
    table = list(range(256))
    for _ in range(8):
        table = [one >> 1 ^ 0xA001 if one & 1 else one >> 1 for one in table]
    return tuple(table)


def crc(data: bytes) -> bytes:
    """The two bytes that follow a frame."""
    table, value = _crc_table(), 0xFFFF
    for byte in data:
        value = value >> 8 ^ table[(value ^ byte) & 0xFF]
    return value.to_bytes(2, "little")


def on_a_line(question: Question) -> bytes:
    """The question as it goes out on a serial line."""
    frame = bytes((question.unit,)) + question.pdu
    return frame + crc(frame)


class LineEar:
    """Finds the answer to one question among whatever else is on the line.

    Bytes before it (noise, our own question, which many RS-485 adapters echo, an answer of another unit) are passed
    over: an answer begins with the unit and the function that were asked and is closed by a CRC that fits. No byte is
    the beginning of more than one attempt, so that a line that babbles costs no more than its bytes.
    """

    def __init__(self, question: Question) -> None:
        self.heard = bytearray()
        self._question = question
        self._echo = on_a_line(question)
        self._waiting: list[int] = []
        """Where an answer may have begun whose end has not come yet."""
        self._seen = 0

    def hear(self, data: bytes) -> Said | None:
        self.heard += data
        unit = self._question.unit
        self._waiting += [i for i in range(self._seen, len(self.heard)) if self.heard[i] == unit]
        self._seen = len(self.heard)
        waiting, self._waiting = self._waiting, []
        for at in waiting:
            length = self._length(at)
            if length is None or (length and at + length > len(self.heard)):
                self._waiting.append(at)
            elif length:
                answer = self._answer(at, length)
                if answer is not None:
                    return answer
        return None

    def _length(self, at: int) -> int | None:
        """How long the frame is that may begin here: 0 when none does, None when it cannot be told yet."""
        head = self.heard[at : at + 3]
        if len(head) < 3:
            return None
        if head[1] == self._question.function | REFUSED:
            return 5
        return 5 + self._question.size if head[1:] == bytes((self._question.function, self._question.size)) else 0

    def _answer(self, at: int, length: int) -> Said | None:
        frame = bytes(self.heard[at : at + length])
        if self.heard.startswith(self._echo, at) or crc(frame[:-2]) != frame[-2:]:
            return None
        return said(self._question, frame[1:-2])


# --- over TCP ---------------------------------------------------------------------------------------------------------


def over_tcp(question: Question, *, transaction: int) -> bytes:
    """The question as it goes out over TCP."""
    pdu = question.pdu
    return HEAD.pack(transaction, 0, len(pdu) + 1, question.unit) + pdu


class TcpEar:
    """Cuts what comes over TCP into frames; ValueError when what comes is no Modbus TCP, or out of step."""

    def __init__(self) -> None:
        self._heard = bytearray()

    def hear(self, data: bytes) -> Iterator[tuple[int, int, bytes]]:
        """Whole frames as (transaction, unit, answer); the rest is kept for the next time."""
        self._heard += data
        while len(self._heard) >= HEAD.size:
            transaction, protocol, length, unit = HEAD.unpack_from(self._heard)
            if protocol != 0 or not 3 <= length <= LONGEST:
                head = self._heard[: HEAD.size].hex(" ")
                self._heard.clear()
                raise ValueError(f"{head} begins no Modbus TCP frame")
            end = HEAD.size - 1 + length
            if len(self._heard) < end:
                return
            pdu = bytes(self._heard[HEAD.size : end])
            del self._heard[:end]
            yield transaction, unit, pdu

    @property
    def begun(self) -> bytes:
        """A frame of which only the beginning has come."""
        return bytes(self._heard)
