"""OBD-II through an ELM327 adapter: supply voltage, trouble codes, engine (车辆 OBD-II 诊断，ELM327)

    [[device.probe]]
    name = "obd"
    port = "/dev/serial/by-id/usb-OBDLink"
    every_s = 300
    bus_from_volts = 13.0

    [[device.probe]]
    name = "obd"
    port = "tcp:192.168.0.10:35000"

**Needs** an adapter on a serial line (the agent's user in group `dialout`) or on the network (Wi-Fi adapters listen on
port 35000). Only one program can speak with an adapter: a port that is open elsewhere is `busy_port`.

**A parked vehicle is left asleep**: where `bus_from_volts` is set (13.0, of trucks 26.0: the alternator works) the
adapter is asked for the voltage alone below it, nothing goes to the vehicle, and its engine is off. Without it the
vehicle is always asked. A vehicle whose engine is off rests: when it then falls silent, that is no fault.

Nothing is changed: no code is cleared (mode 04 is not in here), nothing is tested or actuated, and the adapter is set
to nothing, not even reset: answers are read with and without echo, headers, spaces and line feeds. The vehicle's number
(VIN) is not asked for.

* `trouble_code[P0301].state`: one reading for each code, as the control units tell them; `engine.trouble_codes` is how
  many are stored, by the list or by the count that they tell themselves, whichever is more.
* `vehicle.bus` is silent when the adapter hears no control unit (NO DATA, UNABLE TO CONNECT): mostly the ignition is
  off, and that is no fault; it is a fault when the adapter says so (CAN ERROR, BUS ERROR, BUS INIT: ERROR).
* An adapter that says nothing is the failure `timeout`, noise without a prompt `bad_answer` (baud rate). One that falls
  silent or hangs up in the middle keeps what it said; the rest is unknown.

    we write  03\\r            it says  (03\\r) 43 01 03 01 \\r\\r>

      ATRV   12.6V                    0100   which PIDs there are: finds the bus, takes seconds the first time
      0101   41 01 A B C D            A: bit 7 lamp (MIL), bits 0-6 stored codes
      03 07  43 n, 47 n               stored, pending; CAN: a count, then pairs; K-line: three pairs, filled with 00 00
      010C   41 0C A B                (256 A + B) / 4 rpm         0105  41 05 A    A - 40 degrees Celsius
      0142   41 42 A B                (256 A + B) / 1000 volts    0121  41 21 A B  km driven with the lamp on

      a code  0301: bits 15-14 P C B U, bits 13-12 a digit, then three hexadecimal digits: P0301

    with headers  7E8 06 41 01 …      one frame      7E8 10 0A 43 04 … / 7E8 21 …      several (ISO 15765-2)
    without       41 01 …                            00A / 0: 43 04 … / 1: …

Source: ELM327 data sheet, SAE J1979, ISO 15765-2. Tried with the third-party emulator elmulator.
"""

from __future__ import annotations

import re
import select
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from roundsman_agent.probe import REQUIRED, Answer, Probe, ProbeError, Setting, Value, number, text
from roundsman_agent.serial_port import opened, read

__all__ = ["QUESTIONS", "Said", "codes", "payloads", "probe"]

HELLO: Final = "ATI"
VOLTS: Final = "ATRV"
FIND: Final = "0100"
QUESTIONS: Final = ("0101", "03", "07", "010C", "0105", "0142", "0121")
"""What the vehicle is asked once it was found; with the three above it is all that is ever written."""

FIND_S: Final = 12.0
ANSWER_S: Final = 4.0
CONNECT_S: Final = 5.0
BYTES_LIMIT: Final = 8192
LINES_LIMIT: Final = 64
CODES_LIMIT: Final = 60
SILENT: Final = ("NO DATA", "UNABLE TO CONNECT", "STOPPED")
BROKEN: Final = (
    "CAN ERROR",
    "BUS ERROR",
    "BUS INIT: ERROR",
    "BUS INIT: ...ERROR",
    "FB ERROR",
    "DATA ERROR",
    "BUFFER FULL",
)

STORED, PENDING = "stored", "pending"


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """The lines with which each question was answered; None: no prompt came, with why in `cut`."""

    lines: Mapping[str, Sequence[str] | None]
    cut: str = ""


DETAIL_LIMIT: Final = 400


# --- fetch ------------------------------------------------------------------------------------------------------------


class _Cut(Exception):
    """The adapter is gone, or says nothing more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Line:
    """A road to the adapter: `take` gives what came until a deadline, and nothing at it."""

    where: str
    write: Callable[[bytes], object]
    take: Callable[[float], bytes]


def fetch(settings: Mapping[str, object]) -> Said:
    """Ask adapter and vehicle once; ProbeError when there is no adapter."""
    deadline = time.monotonic() + number(settings, "timeout_s")
    said: dict[str, Sequence[str] | None] = {}
    with _line(settings, deadline) as line:
        try:
            said[HELLO] = _asked(line, HELLO, min(time.monotonic() + ANSWER_S, deadline))
        except _Cut as cut:
            raise ProbeError(cut.args[0], f"{line.where}: {cut.args[1]}") from None
        try:
            said[VOLTS] = _asked(line, VOLTS, min(time.monotonic() + ANSWER_S, deadline))
            volts = _volts(said[VOLTS] or ())
            least = number(settings, "bus_from_volts")
            if least and (volts is None or volts < least):
                return Said(lines=said)
            said[FIND] = _found(line, deadline)
            if any(payloads(said[FIND] or (), FIND)):
                for question in QUESTIONS:
                    said[question] = _asked(line, question, min(time.monotonic() + ANSWER_S, deadline))
        except _Cut as cut:
            missing = [one for one in (VOLTS, FIND, *QUESTIONS) if one not in said]
            return Said(lines={**said, missing[0]: None}, cut=str(cut.args[1]))
    return Said(lines=said)


def _found(line: _Line, deadline: float) -> Sequence[str]:
    """The first question takes seconds while the adapter looks for the bus, and now and then a second try."""
    try:
        return _asked(line, FIND, min(time.monotonic() + FIND_S, (time.monotonic() + deadline) / 2))
    except _Cut as cut:
        if cut.args[0] != "timeout":
            raise
    return _asked(line, FIND, min(time.monotonic() + FIND_S, deadline))


def _asked(line: _Line, question: str, deadline: float) -> tuple[str, ...]:
    """The lines of an answer up to the prompt, without the echo; _Cut(code, detail) when no prompt comes."""
    line.write(f"{question}\r".encode("ascii"))
    heard = b""
    while b">" not in heard:
        if time.monotonic() >= deadline or len(heard) >= BYTES_LIMIT:
            code = "bad_answer" if heard else "timeout"
            raise _Cut(
                code, f"{len(heard)} bytes after {question} and no prompt" if heard else f"no answer to {question}"
            )
        heard += line.take(deadline)
    said = re.split(rb"[\r\n]+", heard.partition(b">")[0].replace(b"\0", b""))
    lines = [one.decode("ascii", "replace").strip()[:100] for one in said]
    return tuple(one for one in lines if one and one != question)[:LINES_LIMIT]


@contextmanager
def _line(settings: Mapping[str, object], deadline: float) -> Iterator[_Line]:
    port = text(settings, "port")
    if not port.startswith("tcp:"):
        with opened(port=port, baud=int(number(settings, "baud")), write_timeout_s=ANSWER_S) as line:
            yield _Line(where=port, write=line.write, take=lambda end: read(line, most=256, deadline=end))
        return
    host, _, its_port = port.removeprefix("tcp:").rpartition(":")
    if not host or not re.fullmatch(r"[0-9]{1,5}", its_port):
        raise ProbeError("bad_setting", f"{port}: expected tcp:HOST:PORT, for example tcp:192.168.0.10:35000")
    with _connected(host.strip("[]"), int(its_port), port, deadline) as connection:
        yield _Line(where=port, write=lambda data: _sent(connection, data), take=lambda end: _taken(connection, end))


@contextmanager
def _connected(host: str, port: int, where: str, deadline: float) -> Iterator[socket.socket]:
    try:
        connection = socket.create_connection((host, port), min(CONNECT_S, max(0.1, deadline - time.monotonic())))
    except socket.gaierror as error:
        raise ProbeError("no_host", f"{where}: {error}") from error
    except TimeoutError as error:
        raise ProbeError("timeout", f"{where}: no connection") from error
    except ConnectionRefusedError as error:
        raise ProbeError("refused", f"{where}: nothing listens there") from error
    except (OSError, OverflowError, UnicodeError) as error:
        raise ProbeError("no_route", f"{where}: {error}") from error
    with connection:
        yield connection


def _sent(connection: socket.socket, data: bytes) -> None:
    try:
        connection.sendall(data)
    except OSError as error:
        raise _Cut("refused", f"the adapter hung up ({error})") from error


def _taken(connection: socket.socket, deadline: float) -> bytes:
    ready, _, _ = select.select([connection], [], [], max(0.0, deadline - time.monotonic()))
    if not ready:
        return b""
    try:
        data = connection.recv(256)
    except OSError as error:
        raise _Cut("refused", f"the adapter hung up ({error})") from error
    if not data:
        raise _Cut("refused", "the adapter hung up")
    return data


# --- frames -----------------------------------------------------------------------------------------------------------

_HEX = re.compile(r"[0-9A-F]+")
_NUMBERED = re.compile(r"([0-9A-F]):(.*)")
_LONG_HEADER = (0x18, 0xDA, 0xF1)


def payloads(lines: Sequence[str], question: str) -> list[bytes]:
    """What each control unit answered to a question: service and PID, then the data; what is no answer is left out."""
    wanted = bytes.fromhex(question)
    wanted = bytes([wanted[0] + 0x40]) + wanted[1:]
    found: list[bytes] = []
    frames: dict[str, list[bytes]] = {}
    numbered: dict[int, str] = {}
    for line in lines:
        compact = line.upper().replace(" ", "")
        part = _NUMBERED.fullmatch(compact)
        if part is not None:
            numbered.setdefault(int(part[1], 16), part[2])
        elif _HEX.fullmatch(compact):
            _sort(compact, wanted, found, frames)
    for parts in frames.values():
        found += _joined(parts)
    if numbered:
        found.append(_numbered(lines, numbered))
    return [one for one in found if one.startswith(wanted)]


def _sort(compact: str, wanted: bytes, found: list[bytes], frames: dict[str, list[bytes]]) -> None:
    """A line of hexadecimal digits: a payload as it is, or a frame of a control unit."""
    if len(compact) % 2:  # a header of 11 bits has three digits; a bare length before numbered lines is nothing
        if len(compact) > 5:
            frames.setdefault(compact[:3], []).append(bytes.fromhex(compact[3:]))
        return
    data = bytes.fromhex(compact)
    if data[:3] == bytes(_LONG_HEADER) and len(data) > 5:
        frames.setdefault(compact[:8], []).append(data[4:])
    elif (
        not data.startswith(wanted[:1]) and data[3 : 3 + len(wanted)] == wanted
    ):  # K-line: three bytes before, a sum behind
        found.append(data[3:-1])
    else:
        found.append(data)


def _joined(frames: Sequence[bytes]) -> list[bytes]:
    """The payloads of one control unit's frames (ISO 15765-2): single, or a first one and those that follow it."""
    found: list[bytes] = []
    size, gathered, follows = 0, b"", 1
    for frame in frames:
        kind, low = frame[0] >> 4, frame[0] & 0x0F
        if kind == 0 and 0 < low < len(frame):
            found.append(frame[1 : 1 + low])
        elif kind == 1 and len(frame) > 2:
            size, gathered, follows = low << 8 | frame[1], frame[2:], 1
        elif kind == 2 and size and low == follows:
            gathered, follows = gathered + frame[1:], (follows + 1) % 16
        if size and len(gathered) >= size:
            found.append(gathered[:size])
            size, gathered = 0, b""
    return found


def _numbered(lines: Sequence[str], parts: Mapping[int, str]) -> bytes:
    """`00A`, `0: 43 04 …`, `1: …`: the adapter has joined the frames, and says how long they are."""
    size = next((int(one, 16) for one in lines if re.fullmatch(r"[0-9A-F]{3}", one.upper())), 0)
    digits = ""
    for at in range(len(parts)):
        if not _HEX.fullmatch(parts.get(at, "")):
            return b""
        digits += parts[at]
    data = bytes.fromhex(digits[: len(digits) // 2 * 2])
    return data[:size] if 0 < size <= len(data) else b""


def codes(payload: bytes) -> list[str]:
    """The trouble codes of an answer to 03 or 07, each once, in their order; 00 00 is none."""
    rest = payload[1:]
    if len(rest) % 2:  # CAN: how many, then the pairs, and perhaps padding
        rest = rest[1 : 1 + 2 * rest[0]]
    pairs = (rest[at : at + 2] for at in range(0, len(rest) - 1, 2))
    return list(dict.fromkeys(_code(pair) for pair in pairs if any(pair)))


def _code(pair: bytes) -> str:
    value = pair[0] << 8 | pair[1]
    return f"{'PCBU'[value >> 14]}{value >> 12 & 3}{value & 0xFFF:03X}"


# --- parse ------------------------------------------------------------------------------------------------------------

# Question, its reading, how many bytes of data, the value, and between what it can be true.
_NUMBERS: Final[tuple[tuple[str, str, int, Callable[[bytes], float], float, float], ...]] = (
    ("010C", "engine.rpm", 2, lambda d: (256 * d[0] + d[1]) / 4, 0, 12_000),
    ("0105", "engine.coolant_celsius", 1, lambda d: d[0] - 40, -40, 200),
    ("0142", "engine.module_volts", 2, lambda d: (256 * d[0] + d[1]) / 1000, 1, 60),
    ("0121", "engine.lamp_km", 2, lambda d: 256 * d[0] + d[1], 0, 65_535),
)


def parse(raw: object, settings: Mapping[str, object]) -> Answer:
    """What adapter and vehicle said, as readings."""
    if not isinstance(raw, Said):
        raise TypeError(f"obd parses Said, not {type(raw).__name__}")
    readings: dict[str, Value] = {}
    failed: dict[str, tuple[str, str]] = {}
    lines = {question: [str(one) for one in said] for question, said in raw.lines.items() if said is not None}
    cut = ("timeout", (raw.cut or "the adapter said nothing more")[:DETAIL_LIMIT])
    volts = _volts(lines.get(VOLTS, ()))
    if volts is not None:
        readings["vehicle.supply_volts"] = volts
    elif VOLTS in raw.lines and VOLTS not in lines:
        readings["vehicle.supply_volts"], failed["vehicle.supply_volts"] = None, cut
    if FIND not in raw.lines and volts is not None and volts < number(settings, "bus_from_volts"):
        readings["vehicle.engine"] = "off"  # the alternator stands still; the vehicle was not asked
    if FIND in lines:
        readings["vehicle.bus"] = _bus(lines[FIND])
    elif FIND in raw.lines:
        readings["vehicle.bus"], failed["vehicle.bus"] = None, cut
    if readings.get("vehicle.bus") == "answers":
        _read_engine(lines, readings, failed, cut)
    if not readings:
        failed["obd"] = ("bad_answer", "the adapter answers, and tells neither the voltage nor anything of the vehicle")
    return Answer(readings=readings, failed=failed)


def _volts(lines: Sequence[str]) -> float | None:
    for one in lines:
        match = re.fullmatch(r"([0-9]{1,2}\.[0-9]{1,2}) ?V?", one.strip().upper())
        if match is not None:
            return float(match[1])
    return None


def _bus(lines: Sequence[str]) -> str:
    if any(payloads(lines, FIND)):
        return "answers"
    said = " ".join(lines).upper()
    if any(word in said for word in BROKEN):
        return "fault"
    return "silent" if any(word in said for word in SILENT) else "unknown"


def _read_engine(
    lines: Mapping[str, Sequence[str]],
    readings: dict[str, Value],
    failed: dict[str, tuple[str, str]],
    cut: tuple[str, str],
) -> None:
    """The vehicle was found: what its control units said, and what they were not asked any more."""
    _read_codes(lines, readings, failed, cut)
    for question, name, size, value, least, most in _NUMBERS:
        if question not in lines:
            continue
        data = [one[2:] for one in payloads(lines[question], question) if len(one) >= 2 + size]
        if not data:  # NO DATA: this vehicle does not tell it
            continue
        found = round(value(data[0]), 2)
        readings[name] = found if least <= found <= most else None
        if readings[name] is None:
            failed[name] = ("implausible", f"{question} gave {found:g}")
    rpm = readings.get("engine.rpm")
    if isinstance(rpm, int | float):
        readings["vehicle.engine"] = "on" if rpm > 0 else "off"


def _read_codes(
    lines: Mapping[str, Sequence[str]],
    readings: dict[str, Value],
    failed: dict[str, tuple[str, str]],
    cut: tuple[str, str],
) -> None:
    """Stored and pending codes. The list says which, the count how many; the count alone is no list."""
    told = {"03": STORED, "07": PENDING}
    found: dict[str, str] = {}
    for question in ("07", "03"):
        for payload in payloads(lines.get(question, ()), question):
            found |= dict.fromkeys(codes(payload), told[question])
    for code in list(found)[:CODES_LIMIT]:
        readings[f"trouble_code[{code}].state"] = found[code]
    status = [one[2] for one in payloads(lines.get("0101", ()), "0101") if len(one) >= 3]
    if status:
        readings["engine.lamp"] = "on" if any(one & 0x80 for one in status) else "off"
    listed = [one for one in payloads(lines.get("03", ()), "03") if len(one) >= 2]
    stored = sum(state == STORED for state in found.values())
    if listed or status:
        readings["engine.trouble_codes"] = max(stored, sum(one & 0x7F for one in status))
    elif "03" not in lines:
        readings["engine.trouble_codes"], failed["engine.trouble_codes"] = None, cut
    else:
        readings["engine.trouble_codes"] = None
        failed["engine.trouble_codes"] = ("not_supported", f"03 gave {' '.join(lines['03'])[:80]!r}")
    if payloads(lines.get("07", ()), "07"):
        readings["engine.pending_codes"] = sum(state == PENDING for state in found.values())


probe = Probe(
    name="obd",
    platforms=frozenset({"linux"}),
    settings=(
        Setting(
            name="port",
            kind=str,
            default=REQUIRED,
            unit="",
            sentence="The adapter's serial device, best by /dev/serial/by-id/ or usb:VID:PID:SERIAL; or tcp:HOST:PORT.",
        ),
        Setting(
            name="baud",
            kind=int,
            default=38400,
            unit="bit/s",
            sentence="The line's speed: 38400 or 9600, 115200 for faster adapters.",
            least=300,
            most=4_000_000,
        ),
        Setting(
            name="bus_from_volts",
            kind=float,
            default=0.0,
            unit="V",
            sentence="Below this supply voltage the vehicle is left asleep; 13.0 or, of 24 V, 26.0: it runs.",
            least=0,
            most=60,
        ),
        Setting(
            name="timeout_s",
            kind=float,
            default=30.0,
            unit="s",
            sentence="The longest that one visit may take; the first one has to find the bus.",
            least=1,
            most=120,
        ),
    ),
    fetch=fetch,
    parse=parse,
    default_timeout_s=30.0,
    target="port",
    readings=(
        "vehicle.supply_volts",
        "vehicle.bus",
        "vehicle.engine",
        "engine.trouble_codes",
        "engine.pending_codes",
        "trouble_code[].state",
        "engine.lamp",
        "engine.lamp_km",
        "engine.rpm",
        "engine.coolant_celsius",
        "engine.module_volts",
    ),
    parts=(Said,),
    blocks=True,
)
