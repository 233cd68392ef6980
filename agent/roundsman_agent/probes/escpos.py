"""ESC/POS receipt printers on a serial line or USB: paper, cover, errors (自助终端小票打印机)

Serial printers, USB printers that show as a serial device, and those at /dev/usb/lp0. The printer is not changed and
prints nothing.

    [[device.probe]]
    name = "escpos"
    port = "/dev/serial/by-id/usb-printer"
    baud = 19200

**Needs** the right to read and write the port: the agent's user in group `dialout` (`lp` for /dev/usb/lp0). The port is
never taken from the business application: when any visible process has it open, the visit ends with `busy_port` and
nothing is written. An agent without root sees only processes of its own user; others are respected through the lock on
the port, if they lock.

A port like /dev/usb/lp0 cannot be shared: the kernel lets in one program at a time, so while the agent asks (a quarter
of a second, three seconds when the printer is silent) the application could not open it, and would have to try again.
That is why such a port is `bad_setting` until `may_lock_out` says that this was thought of. Where the application holds
the port all the time, the visit ends with `busy_port` and does no harm. It has no speed: `baud` is not used.

**No answer is not "paper out".** A silent printer is the failure `timeout` after `tries`; noise is `bad_answer`
(mostly the wrong baud rate). A printer that answers some of the questions has those readings, the others are `timeout`.
One that contradicts itself (one bit of a pair of paper bits) is unknown, not guessed.

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

Where the application has switched on automatic status back (ASB; the agent never does), the printer says four bytes
whenever something changes, also between our question and its answer. They are told apart by their fixed bits, and news
that comes after an answer replaces what the answer said:

      1  0xx1xx00          0x08 offline · 0x20 cover open (0x04 drawer, 0x40 feeding: nobody's business)
      2  0xx0xxxx          0x04 mechanical · 0x08 auto-cutter · 0x20 unrecoverable · 0x40 recovers by itself
      3  0xx0xxxx          0x03 near end (both bits) · 0x0C end (both bits)
      4  0xx0xxxx          reserved

    00010001 and 00010011 are XON and XOFF: flow control, anywhere

Source: Epson's and compatible makers' manuals (Citizen, SNBC, SPRT). At least 50 ms lie between two requests.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from roundsman_agent.probe import REQUIRED, Answer, Probe, ProbeError, Setting, Value, flag, number, text
from roundsman_agent.serial_port import Port, is_lp, opened, opened_lp, read

__all__ = ["probe"]

PAPER, OFFLINE_CAUSE, ERROR_CAUSE, PRINTER = 4, 2, 3, 1
ORDER: Final = (PAPER, OFFLINE_CAUSE, ERROR_CAUSE, PRINTER)
"""Paper first: it is what people call about, and it is told even when the rest is not."""
NEWS: Final = "asb"
"""Under this key stands the last whole packet of four bytes that came unasked."""
NEWS_BYTES: Final = 4

BYTE_WAIT_S: Final = 0.5
GAP_S: Final = 0.05
GARBAGE_LIMIT: Final = 1024
"""Bytes without an answer before we call the line wrong (wrong baud, something else on the port)."""

# The first row whose bits are set names the error; the order is from worst to mildest.
_ERRORS = ((0x20, "unrecoverable"), (0x08, "cutter"), (0x04, "mechanical"), (0x40, "recoverable"))
_FLOW = (0x11, 0x13)
PACKET_S: Final = 0.3
"""In this time the four bytes of news have come, at 300 bit/s too; what comes later belongs to something else."""

Heard = Mapping[int | str, int | bytes]
"""The status byte for each n that was answered, and NEWS, in the order in which they came.

{4: 0x12, 2: 0x12, 3: 0x12, 1: 0x12} is all well.
"""


def is_status(byte: int) -> bool:
    """Whether the byte has the fixed bits of a real-time status; anything else is ASB data or noise."""
    return 0 <= byte <= 0xFF and byte & 0x93 == 0x12


def is_news(packet: object) -> bool:
    """Whether these are four bytes with the fixed bits of automatic status back."""
    if not isinstance(packet, bytes) or len(packet) != NEWS_BYTES:
        return False
    return _begins_news(packet[0]) and all(_goes_on(byte) for byte in packet[1:])


def _begins_news(byte: int) -> bool:
    return byte & 0x93 == 0x10


def _goes_on(byte: int) -> bool:
    return byte & 0x90 == 0


class _Ear:
    """Sorts what comes over the line: the status byte that was asked for, news, flow control, garbage."""

    def __init__(self) -> None:
        self.heard: dict[int | str, int | bytes] = {}
        self.asked: int | None = None
        self.garbage = 0
        self._begun, self._begun_at = b"", 0.0

    def ask(self, n: int) -> None:
        """From now on a status byte is the answer to DLE EOT n."""
        self.asked, self.garbage = n, 0

    def hear(self, data: bytes) -> None:
        for byte in data:
            if byte in _FLOW:
                continue
            if is_status(byte):
                if self.asked is not None:  # nobody asked: a late answer, which is none any more
                    self.heard[self.asked], self.asked = byte, None
            elif self._begun and _goes_on(byte) and time.monotonic() - self._begun_at < PACKET_S:
                self._go_on(byte)
            elif _begins_news(byte):
                self.garbage += len(self._begun)
                self._begun, self._begun_at = bytes([byte]), time.monotonic()
            else:
                self.garbage += len(self._begun) + 1
                self._begun = b""

    def _go_on(self, byte: int) -> None:
        self._begun += bytes([byte])
        if len(self._begun) == NEWS_BYTES:
            self.heard.pop(NEWS, None)  # the order of the mapping is the order in which things came
            self.heard[NEWS], self._begun = self._begun, b""

    def again(self) -> None:
        """A new try: the answers of the last one are old, news stays."""
        self.heard = {key: value for key, value in self.heard.items() if key == NEWS}


# --- fetch ------------------------------------------------------------------------------------------------------------


def fetch(settings: Mapping[str, object]) -> Heard:
    """Ask the printer its four status bytes; the first silence ends a try.

    What the last try heard is the answer, and only when that is nothing at all its failure is raised.
    """
    port, tries = text(settings, "port"), int(number(settings, "tries"))
    deadline = time.monotonic() + number(settings, "timeout_s")
    ear = _Ear()
    with _line(settings, port) as line:
        for left in reversed(range(tries)):
            try:
                ear.again()
                _ask_all(line, port, ear, deadline)
                return ear.heard
            except ProbeError as error:
                if error.code not in ("timeout", "bad_answer"):
                    raise
                if left == 0 or time.monotonic() >= deadline:
                    if ear.heard:
                        return ear.heard
                    raise
                # A late answer to the question that timed out must not be taken for an answer to the next one.
                _listen(line, ear, min(time.monotonic() + BYTE_WAIT_S, deadline))
    raise ProbeError("timeout", f"{port}: was not asked (tries = {tries})")


@contextmanager
def _line(settings: Mapping[str, object], port: str) -> Iterator[Port]:
    if not is_lp(port):
        with opened(port=port, baud=int(number(settings, "baud")), write_timeout_s=BYTE_WAIT_S) as line:
            yield line
        return
    if not flag(settings, "may_lock_out"):
        why = "while the agent asks, no other program can open it; set may_lock_out = true where that is all right"
        raise ProbeError("bad_setting", f"{port}: {why}")
    with opened_lp(port=port, write_timeout_s=BYTE_WAIT_S) as usb:
        yield usb


def _ask_all(line: Port, port: str, ear: _Ear, deadline: float) -> None:
    for n in ORDER:
        ear.asked = None
        _listen(line, ear, time.monotonic())
        ear.ask(n)
        line.write(bytes((0x10, 0x04, n)))
        _wait(line, port, ear, min(time.monotonic() + BYTE_WAIT_S, deadline))
        # The manuals: printers lose requests that follow closer. And news may follow an answer.
        _listen(line, ear, min(time.monotonic() + GAP_S, deadline))


def _wait(line: Port, port: str, ear: _Ear, deadline: float) -> None:
    """Until the question is answered; ProbeError timeout or bad_answer when it is not."""
    n, bytes_heard = ear.asked, 0
    while ear.asked is not None and bytes_heard < GARBAGE_LIMIT:
        data = read(line, most=64, deadline=deadline)
        ear.hear(data)
        bytes_heard += len(data)
        # The clock, not only silence, ends the wait: a line that babbles would keep us here.
        if not data or time.monotonic() >= deadline:
            break
    if ear.asked is None:
        return
    ear.asked = None
    if ear.garbage:
        raise ProbeError(
            "bad_answer", f"{port}: {ear.garbage} bytes after DLE EOT {n}, none a status byte (baud rate?)"
        )
    raise ProbeError("timeout", f"{port}: no answer to DLE EOT {n}")


def _listen(line: Port, ear: _Ear, until: float) -> None:
    """Hear what is there, and what comes until then."""
    for _ in range(GARBAGE_LIMIT):
        data = read(line, most=64, deadline=until)
        ear.hear(data)
        if not data or time.monotonic() >= until:
            return


# --- parse ------------------------------------------------------------------------------------------------------------


def parse(raw: object, settings: Mapping[str, object]) -> Answer:
    """The bytes as readings; one that is missing or contradicts itself makes its reading None with a reason."""
    if not isinstance(raw, Mapping):
        raise TypeError(f"escpos parses a mapping of n to status byte, not {type(raw).__name__}")
    statuses, news = _before_and_after(raw)
    readings: dict[str, Value] = {}
    failed: dict[str, tuple[str, str]] = {}
    for name, n, means, tells in (
        ("printer.paper", PAPER, _paper, _paper_news),
        ("printer.cover", OFFLINE_CAUSE, _cover, _cover_news),
        ("printer.error", ERROR_CAUSE, _error, _error_news),
        ("printer.state", PRINTER, _state, _state_news),
    ):
        if n in statuses:
            said = f"DLE EOT {n} gave {statuses[n]:02X}"
            readings[name] = means(statuses)
        elif news is not None:
            said = f"automatic status back gave {news.hex(' ').upper()}"
            readings[name] = tells(news, statuses)
        else:
            readings[name] = None
            failed[name] = _missing(n, raw.get(n))
            continue
        if readings[name] is None:
            failed[name] = ("bad_answer", f"{said}: only one of a pair of sensor bits is set")
    return Answer(readings=readings, failed=failed)


def _before_and_after(raw: Mapping[object, object]) -> tuple[dict[int, int], bytes | None]:
    """The status bytes that hold, and the news if there are any: what was said before them is old."""
    statuses: dict[int, int] = {}
    news: bytes | None = None
    for key, value in raw.items():
        if key == NEWS and isinstance(value, bytes) and is_news(value):
            statuses, news = {}, value
        elif isinstance(key, int) and isinstance(value, int) and is_status(value):
            statuses[key] = value
    return statuses, news


def _missing(n: int, given: object) -> tuple[str, str]:
    if given is None:
        return "timeout", f"no answer to DLE EOT {n}"
    return "bad_answer", f"DLE EOT {n} gave {str(given)[:20]}, expected a byte with b & 0x93 == 0x12"


def _paper(statuses: Mapping[int, int]) -> Value:
    roll, cause = statuses[PAPER], statuses.get(OFFLINE_CAUSE, 0x12)
    if roll & 0x60 == 0x60 or cause & 0x20:
        return "end"
    if roll & 0x60 or roll & 0x0C in (0x04, 0x08):
        return None
    return "near_end" if roll & 0x0C else "ok"


def _paper_news(news: bytes, statuses: Mapping[int, int]) -> Value:
    if news[2] & 0x0C == 0x0C or statuses.get(OFFLINE_CAUSE, 0x12) & 0x20:
        return "end"
    if news[2] & 0x0C or news[2] & 0x03 in (0x01, 0x02):
        return None
    return "near_end" if news[2] & 0x03 else "ok"


def _cover(statuses: Mapping[int, int]) -> Value:
    return "open" if statuses[OFFLINE_CAUSE] & 0x04 else "closed"


def _cover_news(news: bytes, _statuses: Mapping[int, int]) -> Value:
    return "open" if news[0] & 0x20 else "closed"


def _error(statuses: Mapping[int, int]) -> Value:
    for bit, word in _ERRORS:
        if statuses[ERROR_CAUSE] & bit:
            return word
    # The printer says that it stopped for an error, and then names none: not "none".
    return "unknown" if statuses.get(OFFLINE_CAUSE, 0x12) & 0x40 else "none"


def _error_news(news: bytes, statuses: Mapping[int, int]) -> Value:
    return _error({ERROR_CAUSE: news[1], OFFLINE_CAUSE: statuses.get(OFFLINE_CAUSE, 0x12)})


def _state(statuses: Mapping[int, int]) -> Value:
    return "offline" if statuses[PRINTER] & 0x08 else "online"


def _state_news(news: bytes, _statuses: Mapping[int, int]) -> Value:
    return "offline" if news[0] & 0x08 else "online"


probe = Probe(
    name="escpos",
    platforms=frozenset({"linux"}),
    settings=(
        Setting(
            name="port",
            kind=str,
            default=REQUIRED,
            unit="",
            sentence="The printer's device; best a name under /dev/serial/by-id/, or usb:VID:PID:SERIAL.",
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
            name="may_lock_out",
            kind=bool,
            default=False,
            unit="",
            sentence="For /dev/usb/lp0 alone: it is known that the application cannot open it while the agent asks.",
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
