"""ESC/POS receipt printers on a serial line: paper, cover, errors (自助终端小票打印机)

Also USB printers that show as a serial device. The printer is not changed and prints nothing.

    [[device.probe]]
    name = "escpos"
    port = "/dev/serial/by-id/usb-printer"
    baud = 19200

**Needs** the right to read and write the port: the agent's user in group `dialout`. The port is never taken from the
business application: when any visible process has it open, the visit ends with `busy_port` and nothing is written. An
agent without root sees only processes of its own user; others are respected through the lock on the port, if they
lock.

**No answer is not "paper out".** A silent printer is the failure `timeout` after `tries`; noise is `bad_answer`
(mostly the wrong baud rate). A printer that contradicts itself (one bit of a pair of paper bits) is unknown, not
guessed.

The line is opened anew for each visit and its name looked up anew: a USB adapter that was pulled out is found again
when it comes back under another number, by its name under /dev/serial/by-id/ or as `usb:VID:PID:SERIAL` (hexadecimal,
as `lsusb` shows them; the serial number only where there are two of a kind).

    we write  10 04 n      real-time status request (DLE EOT n); works offline and without paper
    it answers one byte    0xx1xx10: bit 0 = 0, bit 1 = 1, bit 4 = 1, bit 7 = 0, so b & 0x93 == 0x12

      n  what              bits
      4  paper roll        0x0C near end (both bits) · 0x60 end (both bits)
      2  cause of offline  0x04 cover open · 0x08 feeding by button · 0x20 stopped by paper end · 0x40 error
      3  cause of error    0x04 mechanical · 0x08 auto-cutter · 0x20 unrecoverable · 0x40 recovers by itself (hot head)
      1  printer           0x08 offline

Source: Epson's and compatible makers' manuals (SNBC, SPRT). At least 50 ms lie between two requests.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

import serial

from roundsman_agent.probe import REQUIRED, Answer, Probe, ProbeError, Setting, Value, number, text
from roundsman_agent.serial_port import opened, read

__all__ = ["probe"]

PAPER, OFFLINE_CAUSE, ERROR_CAUSE, PRINTER = 4, 2, 3, 1
ORDER: Final = (PAPER, OFFLINE_CAUSE, ERROR_CAUSE, PRINTER)
"""Paper first: it is what people call about, and it is told even when the rest is not."""

BYTE_WAIT_S: Final = 0.5
GAP_S: Final = 0.05
GARBAGE_LIMIT: Final = 1024
"""Bytes that are no status byte before we call the line wrong (wrong baud, something else on the port)."""

# The first row whose bits are set names the error; the order is from worst to mildest.
_ERRORS = ((0x20, "unrecoverable"), (0x08, "cutter"), (0x04, "mechanical"), (0x40, "recoverable"))

Statuses = Mapping[int, int]
"""The status byte for each n that was asked: {4: 0x12, 2: 0x12, 3: 0x12, 1: 0x12} is all well."""


def fetch(settings: Mapping[str, object]) -> Statuses:
    """Ask the printer its four status bytes; the first silence ends a try, the last try's failure is raised."""
    port, tries = text(settings, "port"), int(number(settings, "tries"))
    deadline = time.monotonic() + number(settings, "timeout_s")
    with opened(port=port, baud=int(number(settings, "baud")), write_timeout_s=BYTE_WAIT_S) as line:
        for left in reversed(range(tries)):
            try:
                return _ask_all(line, port, deadline)
            except ProbeError as error:
                if left == 0 or error.code not in ("timeout", "bad_answer") or time.monotonic() >= deadline:
                    raise
                # A late answer to the question that timed out must not be taken for an answer to the next one.
                _drain(line, min(time.monotonic() + BYTE_WAIT_S, deadline))
    raise ProbeError("timeout", f"{port}: was not asked (tries = {tries})")


def _ask_all(line: serial.Serial, port: str, deadline: float) -> Statuses:
    statuses: dict[int, int] = {}
    for n in ORDER:
        line.reset_input_buffer()
        line.write(bytes((0x10, 0x04, n)))
        statuses[n] = _status_byte(line, port, n, min(time.monotonic() + BYTE_WAIT_S, deadline))
        if n != ORDER[-1]:
            time.sleep(GAP_S)  # the manuals: printers lose requests that follow closer
    return statuses


def _status_byte(line: serial.Serial, port: str, n: int, deadline: float) -> int:
    garbage = 0
    while garbage < GARBAGE_LIMIT:
        data = read(line, most=1, deadline=deadline)
        if data and is_status(data[0]):
            return data[0]
        garbage += len(data)
        # The clock, not only silence, ends the wait: a line that babbles would keep us here.
        if not data or time.monotonic() >= deadline:
            break
    if garbage:
        raise ProbeError("bad_answer", f"{port}: {garbage} bytes after DLE EOT {n}, none a status byte (baud rate?)")
    raise ProbeError("timeout", f"{port}: no answer to DLE EOT {n}")


def _drain(line: serial.Serial, deadline: float) -> None:
    """Throw away what still comes until the line is silent or the deadline is reached."""
    for _ in range(GARBAGE_LIMIT):
        if not read(line, most=64, deadline=deadline):
            return


def is_status(byte: int) -> bool:
    """Whether the byte has the fixed bits of a real-time status; anything else is ASB data or noise."""
    return 0 <= byte <= 0xFF and byte & 0x93 == 0x12


def parse(raw: object, settings: Mapping[str, object]) -> Answer:
    """The four bytes as readings; a byte that is missing or contradicts itself makes its reading None with a reason."""
    if not isinstance(raw, Mapping):
        raise TypeError(f"escpos parses a mapping of n to status byte, not {type(raw).__name__}")
    statuses = {n: byte for n, byte in raw.items() if isinstance(byte, int) and is_status(byte)}
    readings: dict[str, Value] = {}
    failed: dict[str, tuple[str, str]] = {}
    for name, n, means in (
        ("printer.paper", PAPER, _paper),
        ("printer.cover", OFFLINE_CAUSE, _cover),
        ("printer.error", ERROR_CAUSE, _error),
        ("printer.state", PRINTER, _state),
    ):
        if n not in statuses:
            readings[name] = None
            failed[name] = ("bad_answer", f"DLE EOT {n} gave {raw.get(n)!r}, expected a byte with b & 0x93 == 0x12")
            continue
        readings[name] = means(statuses)
        if readings[name] is None:
            failed[name] = (
                "bad_answer",
                f"DLE EOT {n} gave {statuses[n]:02X}: only one of a pair of sensor bits is set",
            )
    return Answer(readings=readings, failed=failed)


def _paper(statuses: Statuses) -> Value:
    roll, cause = statuses[PAPER], statuses.get(OFFLINE_CAUSE, 0x12)
    if roll & 0x60 == 0x60 or cause & 0x20:
        return "end"
    if roll & 0x60 or roll & 0x0C in (0x04, 0x08):
        return None
    return "near_end" if roll & 0x0C else "ok"


def _cover(statuses: Statuses) -> Value:
    return "open" if statuses[OFFLINE_CAUSE] & 0x04 else "closed"


def _error(statuses: Statuses) -> Value:
    for bit, word in _ERRORS:
        if statuses[ERROR_CAUSE] & bit:
            return word
    # The printer says that it stopped for an error, and then names none: not "none".
    return "unknown" if statuses.get(OFFLINE_CAUSE, 0x12) & 0x40 else "none"


def _state(statuses: Statuses) -> Value:
    return "offline" if statuses[PRINTER] & 0x08 else "online"


probe = Probe(
    name="escpos",
    platforms=frozenset({"linux"}),
    settings=(
        Setting(
            name="port",
            kind=str,
            default=REQUIRED,
            unit="",
            sentence="The printer's serial device; best a name under /dev/serial/by-id/, or usb:VID:PID:SERIAL.",
        ),
        Setting(
            name="baud",
            kind=int,
            default=9600,
            unit="bit/s",
            sentence="The line's speed as set on the printer: 9600, 19200, 38400 or 115200.",
            least=300,
            most=4_000_000,
        ),
        Setting(
            name="tries",
            kind=int,
            default=3,
            unit="",
            sentence="How often to ask before the printer counts as not answering.",
            least=1,
            most=10,
        ),
        Setting(
            name="timeout_s",
            kind=float,
            default=6.0,
            unit="s",
            sentence="The longest that one visit may take, all tries together.",
            least=0.2,
            most=60,
        ),
    ),
    fetch=fetch,
    parse=parse,
    default_timeout_s=6.0,
    target="port",
    readings=("printer.paper", "printer.cover", "printer.error", "printer.state"),
    blocks=True,
)
