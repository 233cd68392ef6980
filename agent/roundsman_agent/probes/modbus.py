"""Contacts and sensors on Modbus: doors, water, smoke, temperature, humidity (Modbus 采集: 门磁、水浸、烟感、温湿度)

RTU on a serial line (RS-485), Modbus TCP, and RTU through a serial device server (`framing = "rtu"` and a host).

    [[device.probe]]
    name = "modbus"
    at = "/dev/serial/by-id/usb-FTDI_RS485"
    baud = 9600
    unit = 1
    points = [
      "air[cabinet].celsius = input:1 int16 x0.1 -40..85",
      "air[cabinet].humidity_percent = input:2 uint16 x0.1",
      "door[front].state = discrete:0 closed/open unit=2",
      "water[floor].state = discrete:1 dry/wet unit=2",
    ]

**Needs** for RTU the right to read and write the port (the agent's user in group `dialout`), A and B the right way
round and 120 ohms at both ends of a long line; for TCP, port 502 open for the agent's address. And the table of
registers from the maker's leaflet: there is no standard for which register is what. Only functions 1 to 4 exist in the
agent: nothing is written, no relay is switched.

**A point** is one line of that table: `READING = TABLE:ADDRESS` and what has to be known of it. Blanks separate.

    coil:0  discrete:0          a bit that is an output, an input            functions 1 and 2
    holding:0  input:0          a register of 16 bits, writable, read-only   functions 3 and 4
    holding:0.3                 one bit of a register, 0 the lowest
    int16 uint16 int32 uint32 float32     what a number is; those with 32 take two registers
    cdab                        the order of its bytes: ab ba, abcd cdab badc dcba; without it the high byte first
    x0.1   +5   -40..85         multiplied by, then added, then: what can be true
    absent=0x8000/32767         numbers that mean "no sensor"; absent=none when all numbers are true
    closed/open                 the words for 0 and 1; open/closed for an input that is inverted
    0=ok 1=low 7=lost           the words for the numbers of a register
    unit=2                      of another unit on the same line

Addresses count from 0, as they go over the line. Leaflets often count from 1 with the table in front: 30001 is
`input:0`, 40001 `holding:0`, 10001 `discrete:0`, 00001 `coil:0`. Without a range, what is not within -60 to 150 °C or 0
to 100 % is `implausible`. Without `absent=`, 0x8000 and 0x7FFF of an int16, 0xFFFF of a uint16, the like of 32 bits and
a float that is no number are `absent`: a default, for makers differ.

**Contacts**: a loop that must be closed (normally closed: door shut, no water) is wired so that a cut wire reads like
the alarm: `open/closed` says that 0, no current, is an open door.

**Which readings** a point may give: all below; `check` names the line of the file where one is wrong, and what was
expected. For a contact that is nothing of these: `contact[NAME].state`, on or off.

* A unit that says nothing is `timeout` after `tries`, never an open door. When other units of the same device answer,
  only its own readings are missing; when none does, the device did not answer. A gateway that says that the unit behind
  it is silent says the same.
* Bytes that are not the answer of the unit that was asked are `bad_answer`, with the bytes: mostly the baud rate, the
  parity or the framing, two units with one number, or A and B swapped.
* A unit that refuses: `not_supported` (it has no such table), `absent` (no such register), `bad_answer` (it failed, or
  is busy again and again).
* `busy_port`: another program has the line and keeps it, or other devices on it took the whole time of the visit.

Several devices of the agent may be on one line: they wait for one another. Registers side by side are read in one
question; with `gap = 4` also over four that nobody wants (not where reading clears a register). When that is refused,
each point is asked for alone.

**Tables of makers are not here**: none was verified on a device. To be compared with the leaflet before use:

    [[device.probe]]
    name = "modbus"
    at = "192.168.1.60"                                          # not verified: a sensor with humidity and temperature
    points = [                                                   # in its first two holding registers, in tenths
      "air[room].humidity_percent = holding:0 uint16 x0.1",
      "air[room].celsius = holding:1 int16 x0.1",
    ]

What goes over the line:

    01 04 0000 0002 71CB        unit 1, function 4, from 0, two registers, CRC-16 low byte first
    01 04 04 010C 028C 3ABE     four bytes: 26.8 and 65.2
    01 84 02 C2C1               refused: no such register

Source: MODBUS Application Protocol V1.1b3, over Serial Line V1.02, Messaging on TCP/IP V1.0b (modbus.org).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from roundsman_agent.modbus import Question
from roundsman_agent.modbus_bus import Bus, Framing, Line, visited
from roundsman_agent.modbus_point import READINGS, Point, fits, point, questions, value
from roundsman_agent.probe import REQUIRED, Answer, Probe, ProbeError, Setting, Value, number, text, texts
from roundsman_wire.failures import FAILURES

__all__ = ["Block", "Heard", "probe"]

# What a unit refuses with -> what it means, for the program and for people. The last two are a gateway's words.
REFUSALS: Final = {
    1: ("not_supported", "illegal function"),
    2: ("absent", "illegal data address"),
    3: ("not_supported", "illegal data value"),
    4: ("bad_answer", "server device failure"),
    5: ("bad_answer", "acknowledged, not done yet"),
    6: ("bad_answer", "server device busy"),
    8: ("bad_answer", "memory parity error"),
    10: ("no_route", "gateway path unavailable"),
    11: ("timeout", "gateway target device failed to respond"),
}
OF_GATEWAY: Final = frozenset({10, 11})
TOO_MUCH: Final = frozenset({2, 3})
"""Refusals that may be of a register between two that are wanted, or of how many were asked for."""
GIVEN_UP: Final = 2
"""Questions to which a unit that has said nothing yet may stay silent before it is left alone for this visit."""
DETAIL_LIMIT: Final = 400
OWN_SHARE: Final = 0.9
"""Of the time of a visit; the rest is for the way back."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """What came of one question: data, or a code of the catalogue and words."""

    unit: int
    table: str
    address: int
    count: int
    data: bytes = b""
    code: str = ""
    detail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """What came of a visit."""

    blocks: tuple[Block, ...]
    moved: int = 0


def fetch(settings: Mapping[str, object]) -> Heard:
    """Ask every unit for its registers; the first failure is raised when not one unit answered."""
    deadline = time.monotonic() + number(settings, "timeout_s") * OWN_SHARE
    points, unit, gap = _points(settings), int(number(settings, "unit")), int(number(settings, "gap"))
    line = Line(
        baud=int(number(settings, "baud")),
        parity=text(settings, "parity"),
        stop_bits=int(number(settings, "stop_bits")),
    )
    framing = cast(Framing, text(settings, "framing"))
    with visited(
        text(settings, "at"), line=line, framing=framing, answer_s=number(settings, "answer_s"), deadline=deadline
    ) as bus:
        visit = _Visit(bus, points, unit=unit, tries=int(number(settings, "tries")), deadline=deadline)
        blocks = [block for question in questions(points, unit=unit, gap=gap) for block in visit.ask(question)]
    if not visit.has_answered and blocks:
        raise ProbeError(blocks[0].code, f"{text(settings, 'at')}: {blocks[0].detail}")
    return Heard(blocks=tuple(blocks), moved=bus.moved)


class _Visit:
    """Who has answered so far, and what is asked of those who have not."""

    def __init__(self, bus: Bus, points: Sequence[Point], *, unit: int, tries: int, deadline: float) -> None:
        self.has_answered = False
        self._bus, self._points, self._unit = bus, points, unit
        self._tries, self._deadline = tries, deadline
        self._answered: set[int] = set()
        self._silences: Counter[int] = Counter()
        self._broken: ProbeError | None = None

    def ask(self, question: Question) -> Iterator[Block]:
        """The answer; of a refusal that may be for want of something nobody wants, the points one by one."""
        block, refusal = self._once(question)
        parts = questions(self._within(question), unit=self._unit, gap=-1) if refusal in TOO_MUCH else []
        if len(parts) <= 1:
            yield block
            return
        for part in parts:
            yield self._once(part)[0]

    def _within(self, question: Question) -> Iterator[Point]:
        for one in self._points:
            unit = self._unit if one.unit is None else one.unit
            is_here = question.address <= one.address < question.address + question.count
            if (unit, one.table) == (question.unit, question.table) and is_here:
                yield one

    def _once(self, question: Question) -> tuple[Block, int]:
        """One question; its refusal or 0."""
        unit = question.unit
        if self._broken is not None:
            return _failed(question, self._broken.code, self._broken.detail), 0
        if unit not in self._answered and self._silences[unit] >= GIVEN_UP:
            return _failed(question, "timeout", f"{question}: not asked, the unit says nothing"), 0
        is_suspect = unit not in self._answered and self._silences[unit]
        try:
            answer = self._bus.ask(question, tries=1 if is_suspect else self._tries, deadline=self._deadline)
        except ProbeError as error:
            if error.code in ("timeout", "bad_answer"):
                self._silences[unit] += 1
            else:
                self._broken = error
            return _failed(question, error.code, error.detail), 0
        if answer.refusal in OF_GATEWAY:
            self._silences[unit] += 1
        else:
            self._answered.add(unit)
            self.has_answered = True
        if answer.refusal:
            code, words = REFUSALS.get(answer.refusal, ("bad_answer", "of no known meaning"))
            return _failed(question, code, f"{question}: refused with {answer.refusal}, {words}"), answer.refusal
        return _block(question, data=answer.data), 0


def _block(question: Question, *, data: bytes = b"", code: str = "", detail: str = "") -> Block:
    return Block(
        unit=question.unit,
        table=question.table,
        address=question.address,
        count=question.count,
        data=data,
        code=code,
        detail=detail,
    )


def _failed(question: Question, code: str, detail: str) -> Block:
    return _block(question, code=code, detail=detail)


def _points(settings: Mapping[str, object]) -> tuple[Point, ...]:
    try:
        return tuple(point(one) for one in texts(settings, "points"))
    except ValueError as error:
        raise ProbeError("bad_setting", f"points: {error}") from error


def parse(raw: object, settings: Mapping[str, object]) -> Answer:
    """The points in what was heard; one whose register did not come is None with the reason why not."""
    if not isinstance(raw, Heard):
        raise TypeError(f"modbus parses what was Heard, not {type(raw).__name__}")
    blocks: dict[tuple[int, str], list[Block]] = {}
    for block in raw.blocks:
        blocks.setdefault((block.unit, block.table), []).append(block)
    default = int(number(settings, "unit"))
    readings: dict[str, Value] = {}
    failed: dict[str, tuple[str, str]] = {}
    for one in _points(settings):
        unit = default if one.unit is None else one.unit
        readings[one.reading], why = _value(one, unit, blocks.get((unit, one.table), ()))
        if why is not None:
            failed[one.reading] = why[0], why[1][:DETAIL_LIMIT]
    return Answer(readings=readings, failed=failed, bytes_moved=raw.moved)


def _value(one: Point, unit: int, blocks: Iterable[Block]) -> tuple[Value, tuple[str, str] | None]:
    """The point in the first block that has it; else why the block that should have it does not."""
    why = ("bad_answer", f"unit {unit}, {one.table}:{one.address}: is not in what was heard")
    for block in blocks:
        if not block.address <= one.address or not one.end <= block.address + block.count:
            continue
        if not block.code:
            return value(one, block.data, block.address)
        why = (block.code if block.code in FAILURES else "bad_answer"), block.detail
    return None, why


probe = Probe(
    name="modbus",
    platforms=frozenset({"linux"}),
    settings=(
        Setting(
            name="at",
            kind=str,
            default=REQUIRED,
            unit="",
            sentence="Where the line is: a serial device (best under /dev/serial/by-id/, or usb:VID:PID:SERIAL), or"
            " HOST or HOST:PORT.",
        ),
        Setting(
            name="points",
            kind=list,
            default=REQUIRED,
            unit="",
            sentence="What the registers are, one text each: `READING = TABLE:ADDRESS …`, as explained above.",
            fits=fits,
        ),
        Setting(
            name="unit",
            kind=int,
            default=1,
            unit="",
            sentence="The unit (slave address) that is asked; a point may name another one.",
            least=0,
            most=255,
        ),
        Setting(
            name="framing",
            kind=str,
            default="auto",
            unit="",
            sentence="How frames are made: auto is rtu on a serial line and tcp at a host; rtu at a host is for a"
            " serial device server that passes bytes through.",
            choices=("auto", "rtu", "tcp"),
        ),
        Setting(
            name="baud",
            kind=int,
            default=9600,
            unit="bit/s",
            sentence="The serial line's speed as set on the units, mostly 9600, 4800 or 19200.",
            least=300,
            most=4_000_000,
        ),
        Setting(
            name="parity",
            kind=str,
            default="N",
            unit="",
            sentence="The serial line's parity: none, even or odd.",
            choices=("N", "E", "O"),
        ),
        Setting(
            name="stop_bits",
            kind=int,
            default=1,
            unit="",
            sentence="Stop bits of the serial line.",
            least=1,
            most=2,
        ),
        Setting(
            name="answer_s",
            kind=float,
            default=1.0,
            unit="s",
            sentence="How long a unit may take to answer one question.",
            least=0.05,
            most=10,
        ),
        Setting(
            name="tries",
            kind=int,
            default=2,
            unit="",
            sentence="How often to ask before a unit counts as silent.",
            least=1,
            most=5,
        ),
        Setting(
            name="gap",
            kind=int,
            default=0,
            unit="",
            sentence="How many bits or registers that nobody wants may be read to save a question.",
            least=0,
            most=100,
        ),
        Setting(
            name="timeout_s",
            kind=float,
            default=10.0,
            unit="s",
            sentence="The longest that one visit may take, waiting for the line included.",
            least=0.2,
            most=60,
        ),
    ),
    fetch=fetch,
    parse=parse,
    default_timeout_s=10.0,
    target="at",
    readings=READINGS,
    parts=(Heard, Block),
    blocks=True,
)
