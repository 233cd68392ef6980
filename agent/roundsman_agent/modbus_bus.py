"""Asking on a Modbus line: a serial line, a device or gateway over TCP, or a serial line behind a TCP port.

    with visited("/dev/ttyUSB0", line=Line(baud=9600), deadline=…) as bus:
        bus.ask(question, tries=2, deadline=…) -> Said        or ProbeError: timeout, bad_answer, refused, no_port, …

What `ask` raises does not say where the line is: it may stand in a recording.

**One question at a time.** Units that hang on one line share it: whoever visits one of them has the whole line until
the visit ends, and the others wait for their turn within their own time. A TCP gateway is such a line too: cheap ones
take one connection, and behind it is one pair of wires.

**What is no answer is not taken for one**: the unit, the function and the length must be those that were asked for, and
on a line the CRC, over TCP the transaction. An answer may come after we gave it up; before anything else is asked on a
line, that long is listened for it.

**Nobody is talked over**: on a serial line a question goes out after a silence of 3.5 characters (at least 20 ms: slow
units need it); when there is none, because another master is at work, nothing is written.
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final, Literal

from roundsman_agent.dial import dialled, network_error
from roundsman_agent.modbus import LineEar, Question, Said, TcpEar, on_a_line, over_tcp, said
from roundsman_agent.probe import ProbeError

__all__ = ["Bus", "Framing", "Line", "place", "visited"]

Framing = Literal["auto", "rtu", "tcp"]

PORT: Final = 502
GAP_S: Final = 0.02
BABBLE_S: Final = 0.5
"""How long bytes may come that nobody asked for before the line counts as somebody else's."""
BUSY_S: Final = 0.2
"""What a unit that says it is busy is given before it is asked again."""
SIBLING_S: Final = 0.1
UNSEEN: Final = 3
"""How often a line is tried again that was not free, though nobody was seen to have it."""
GARBAGE_LIMIT: Final = 2048
BITS_PER_BYTE: Final = 11
BUSY: Final = frozenset({5, 6})
"""Refusals that mean later: accepted but not done, busy."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """How a serial line is set; of no meaning over TCP."""

    baud: int = 9600
    parity: str = "N"
    stop_bits: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Stream:
    """Something that takes and gives bytes. `read` gives nothing only when `deadline` (time.monotonic) has come."""

    write: Callable[[bytes], object]
    read: Callable[[float], bytes]
    byte_s: float
    gap_s: float


class Bus:
    """The units that can be asked during one visit."""

    def __init__(self, stream: Stream, *, is_rtu: bool, answer_s: float) -> None:
        self.moved = 0
        self._stream = stream
        self._answer_s = answer_s
        self._once = self._ask_on_a_line if is_rtu else self._ask_over_tcp
        self._tcp_ear = TcpEar()
        self._transaction = 0
        self._owed: Question | None = None
        """What was asked and given up; its answer may come yet."""

    def ask(self, question: Question, *, tries: int, deadline: float) -> Said:
        """What the unit says, a refusal too; the last try's ProbeError when it says nothing that makes sense."""
        for left in reversed(range(tries)):
            if time.monotonic() >= deadline:
                raise ProbeError("timeout", f"{question}: the time of the visit was over")
            try:
                answer = self._once(question, deadline)
                if answer.refusal not in BUSY or left == 0:
                    return answer
                time.sleep(max(0.0, min(BUSY_S, deadline - time.monotonic())))
            except ProbeError as error:
                if left == 0 or error.code not in ("timeout", "bad_answer"):
                    raise
        raise ValueError(f"tries = {tries}: expected at least 1")

    # --- on a line ----------------------------------------------------------------------------------------------------

    def _ask_on_a_line(self, question: Question, deadline: float) -> Said:
        self._wait_for_silence(question, deadline)
        frame, ear = on_a_line(question), LineEar(question)
        self._write(frame)
        way_s = (2 * len(frame) + 5 + question.size) * self._stream.byte_s  # twice: it may be echoed
        until = min(time.monotonic() + self._answer_s + way_s, deadline)
        while True:
            data = self._read(until)
            answer = ear.hear(data)
            if answer is not None:
                return answer
            # The clock, not only silence, ends the wait: a line that babbles would keep us here.
            if not data or time.monotonic() >= until or len(ear.heard) > GARBAGE_LIMIT:
                self._owed = question
                raise self._silence(question, bytes(ear.heard).replace(frame, b"", 1))

    def _wait_for_silence(self, question: Question, deadline: float) -> None:
        """Throw away what comes, and give an answer that is still owed its time."""
        quiet_s = self._stream.gap_s
        if self._owed not in (None, question):
            quiet_s, self._owed = self._answer_s, None
        end = time.monotonic() + max(BABBLE_S, quiet_s)
        while data := self._read(min(time.monotonic() + quiet_s, deadline)):
            quiet_s = self._stream.gap_s
            if time.monotonic() >= end:
                shown = data[:16].hex(" ")
                raise ProbeError("bad_answer", f"bytes come that nobody asked for (another master?): {shown}")

    # --- over TCP -----------------------------------------------------------------------------------------------------

    def _ask_over_tcp(self, question: Question, deadline: float) -> Said:
        self._transaction = self._transaction % 0xFFFF + 1
        self._write(over_tcp(question, transaction=self._transaction))
        until = min(time.monotonic() + self._answer_s, deadline)
        count = 0
        while True:
            data = self._read(until)
            count += len(data)
            try:
                for transaction, unit, pdu in self._tcp_ear.hear(data):
                    if (transaction, unit) == (self._transaction, question.unit):
                        return self._made_out(question, pdu)
            except ValueError as error:
                raise ProbeError("bad_answer", f"{question}: {error} (is framing = rtu?)") from error
            if not data or time.monotonic() >= until or count > GARBAGE_LIMIT:
                raise self._silence(question, self._tcp_ear.begun, count)

    def _made_out(self, question: Question, pdu: bytes) -> Said:
        answer = said(question, pdu)
        if answer is None:
            shown = pdu[:16].hex(" ")
            raise ProbeError("bad_answer", f"{question}: answered {shown}")
        return answer

    # --- both ---------------------------------------------------------------------------------------------------------

    def _silence(self, question: Question, heard: bytes, count: int = 0) -> ProbeError:
        """Nothing is a timeout; something that is no answer is worth a look."""
        count = count or len(heard)
        if not count:
            return ProbeError("timeout", f"{question}: no answer")
        shown = heard[:16].hex(" ")
        return ProbeError(
            "bad_answer",
            f"{question}: {count} bytes, but not the answer of this unit" + (f": {shown}" if shown else ""),
        )

    def _write(self, data: bytes) -> None:
        self._stream.write(data)
        self.moved += len(data)

    def _read(self, deadline: float) -> bytes:
        data = self._stream.read(deadline)
        self.moved += len(data)
        return data


# --- places -----------------------------------------------------------------------------------------------------------


def place(at: str) -> tuple[str, int]:
    """What `at` means: a serial device and 0, or a host and its port; ValueError when it is neither."""
    if at.startswith(("/", "usb:")):
        return at, 0
    host, colon, port = at, "", ""
    if at.startswith("["):
        host, bracket, rest = at[1:].partition("]")
        if not bracket or rest[:1] not in ("", ":"):
            raise ValueError(f"{at!r}: expected [ADDRESS] or [ADDRESS]:PORT")
        colon, port = rest[:1], rest[1:]
    elif at.count(":") == 1:
        host, colon, port = at.partition(":")
    if not host or any(sign.isspace() for sign in at):
        raise ValueError(f"{at!r}: expected a serial device (/dev/…, usb:VID:PID), HOST or HOST:PORT")
    if colon and not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65_535):
        raise ValueError(f"{at!r}: the port is a number from 1 to 65535")
    return host, int(port) if colon else PORT


@contextmanager
def visited(at: str, *, line: Line, deadline: float, framing: Framing = "auto", answer_s: float = 1.0) -> Iterator[Bus]:
    """The line at a place, ours alone until the end of the block. `auto`: RTU on a line, TCP over TCP."""
    try:
        host, port = place(at)
    except ValueError as error:
        raise ProbeError("bad_setting", f"at = {error}") from error
    name = f"{host}:{port}" if port else _device(host)
    with _turn(name, deadline), ExitStack() as stack:
        stream = _tcp(stack, host, port, deadline) if port else _serial(stack, name, line, deadline)
        is_rtu = framing == "rtu" or (framing == "auto" and not port)
        yield Bus(stream, is_rtu=is_rtu, answer_s=answer_s)


_lines: dict[str, threading.Lock] = {}
_lines_lock = threading.Lock()


@contextmanager
def _turn(name: str, deadline: float) -> Iterator[None]:
    """Wait until nobody else in this process visits the line."""
    with _lines_lock:
        lock = _lines.setdefault(name, threading.Lock())
    if not lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
        raise ProbeError("busy_port", f"{name}: visits to other units on the line took all the time of this one")
    try:
        yield
    finally:
        lock.release()


def _device(port: str) -> str:
    """What a name of a serial line means now; two names of one line are one."""
    from roundsman_agent import serial_port  # here, because it is for Unix alone

    return os.path.realpath(serial_port.found(port))


def _serial(stack: ExitStack, port: str, line: Line, deadline: float) -> Stream:
    """A serial line. Another cell of this agent (warden.py) is waited for; anybody else who has it is left alone."""
    from roundsman_agent import serial_port

    unseen = 0
    while True:
        try:
            opened = stack.enter_context(
                serial_port.opened(
                    port=port, baud=line.baud, parity=line.parity, stopbits=line.stop_bits, write_timeout_s=1.0
                )
            )
            break
        except ProbeError as error:
            if error.code != "busy_port" or deadline - time.monotonic() <= SIBLING_S:
                raise
            pid = serial_port.holder(port)
            unseen += pid is None  # it has just let go, or it is somebody whom we cannot see
            if unseen > UNSEEN or (pid is not None and not _is_sibling(pid)):
                raise
            time.sleep(SIBLING_S)
    byte_s = BITS_PER_BYTE / line.baud
    return Stream(
        write=opened.write,
        read=lambda until: serial_port.read(opened, most=256, deadline=until),
        byte_s=byte_s,
        gap_s=max(GAP_S, 3.5 * byte_s),
    )


def _is_sibling(pid: int) -> bool:
    """Whether a process was started by the one that started us."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return int(file.read().rpartition(")")[2].split()[1]) == os.getppid()
    except (OSError, ValueError, IndexError):  # it has just ended
        return True


def _tcp(stack: ExitStack, host: str, port: int, deadline: float) -> Stream:
    link = stack.enter_context(dialled(host, port, deadline=deadline))
    link.settimeout(1.0)

    def write(data: bytes) -> None:
        try:
            link.sendall(data)
        except OSError as error:
            raise network_error("the connection", error) from error

    def read(until: float) -> bytes:
        ready, _, _ = select.select([link], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            return b""
        try:
            data = link.recv(256)
        except OSError as error:
            raise network_error("the connection", error) from error
        if not data:
            raise ProbeError("refused", "the device closed the connection")
        return data

    return Stream(write=write, read=read, byte_s=0.0, gap_s=0.0)
