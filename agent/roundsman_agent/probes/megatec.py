"""UPS on a serial line that speaks Megatec Q1 (不间断电源 UPS，Megatec Q1 串口协议)

Most small UPS with a serial port speak it: Santak (山特), EAST (易事特), Kstar (科士达), INVT (英威腾), Mustek, Fenton
and hundreds of other names. One with a USB port alone is read through NUT: probe `nut`.

    [[device.probe]]
    name = "megatec"
    port = "/dev/serial/by-id/usb-ups"
    battery_volts = 24

**Needs** the right to read and write the port: the agent's user in group `dialout`; and that nothing else speaks with
the UPS: a port that UPSilon, WinPower or NUT has open is `busy_port`. The cable is the maker's own (pins 6 and 9 of the
UPS are not where a computer has them); for adapters that live on the control lines there is `cable_power`.

Asked is `Q1` alone. It has no effect on the UPS; `Q`, `S`, `C` and `T` would have one (beeper, off, on, self-test), and
no setting makes the probe send them. Some makers' models answer only to `QS` or `D`: say so in `command`, nothing is
tried out, because a careless UPS might take the first letter of a question that it does not know for `Q`. `F` (ratings)
is asked only where `ratings` is set: some UPS lock up when they hear it.

A UPS that says nothing is the failure `timeout` after `tries`, one that echoes the question or says NAK is
`not_supported`, and what is no whole answer is `bad_answer` (baud rate, or another protocol). A field that the UPS
fills with `@` or `-` has no measurement: `absent`.

**Battery voltage**: on-line models tell the volts of one cell (2.25), others those of one block (13.5) or of all. With
the nominal voltage of the whole battery (`battery_volts`, or `ratings`) it is made whole; the volts of one cell without
it are no reading. A charge is not told by Q1: with `charge_empty_volts` and `charge_full_volts` (24 V of lead: 20.8 and
26.0) it is estimated, and is called an estimate; right after mains come back it says too much.

    we write  Q1\\r             2400 bit/s, 8N1
    it says   (MMM.M NNN.N PPP.P QQQ RR.R S.SS TT.T b7b6b5b4b3b2b1b0\\r

      MMM.M input volts · NNN.N volts at the last transfer to battery (not a reading) · PPP.P output volts
      QQQ load in percent · RR.R input hertz · S.SS or SS.S battery volts · TT.T degrees Celsius
      b7 mains failed · b6 battery low · b5 bypass, boost or buck · b4 UPS failed · b3 standby type
      b2 test in progress · b1 shutdown active · b0 beeper on

    we write  F\\r              it says  #MMM.M QQQ SS.SS RR.R\\r      volts, ampere, battery volts, hertz

What b5 means the voltages tell: output within 5 % of input is bypass, above it boost, below it buck. Source: Megatec's
protocol 2.7 of 1996 as the NUT project publishes it, and answers of real models quoted in NUT's drivers.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from roundsman_agent.lead_battery import CELL_VOLTS, whole
from roundsman_agent.probe import REQUIRED, Answer, Probe, ProbeError, Setting, Value, flag, number, text
from roundsman_agent.serial_port import Port, opened, read

__all__ = ["Said", "probe"]

ANSWER_WAIT_S: Final = 1.5
"""An answer takes 0.2 s on the line; slow ones think for a second."""
SILENCE_S: Final = 0.2
BYTES_LIMIT: Final = 1024
"""What comes without an answer in it before we call the line wrong."""
FIELDS: Final = 8
BITS: Final = re.compile(r"[01]{8}")
NUMBER: Final = re.compile(r"[0-9]{1,4}(?:\.[0-9]{1,3})?")
NO_OUTPUT_VOLTS: Final = 10.0

INPUT, OUTPUT, LOAD, HERTZ, BATTERY, CELSIUS, STATUS = 0, 2, 3, 4, 5, 6, 7

# The field, its reading, and between what it can be true.
_NUMBERS = (
    (INPUT, "input[1].volts", 0, 600),
    (OUTPUT, "output[1].volts", 0, 600),
    (LOAD, "ups.load_percent", 0, 300),
    (HERTZ, "input[1].hertz", 0, 100),
    (CELSIUS, "ups.battery_celsius", -40, 120),
)

# What the control lines are to be, so that a cable's electronics have power: DTR, RTS.
_CABLE_POWER = {"dtr": (True, False), "rts": (False, True), "both": (True, True), "none": (False, False)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What the UPS said to the question for its state, and to F (nothing, where that was not asked or not answered)."""

    state: bytes
    ratings: bytes = b""


class Told(NamedTuple):
    """A value, or None and why."""

    value: Value
    why: tuple[str, str] | None = None


# --- fetch ------------------------------------------------------------------------------------------------------------


def fetch(settings: Mapping[str, object]) -> Said:
    """Ask for the state, and for the ratings where that is wanted; the last try's failure is raised."""
    port, tries = text(settings, "port"), int(number(settings, "tries"))
    deadline = time.monotonic() + number(settings, "timeout_s")
    dtr, rts = _CABLE_POWER[text(settings, "cable_power")]
    baud = int(number(settings, "baud"))
    with opened(port=port, baud=baud, write_timeout_s=ANSWER_WAIT_S, dtr=dtr, rts=rts) as line:
        state = _told(line, port, text(settings, "command"), tries, deadline)
        ratings = b""
        if flag(settings, "ratings"):
            try:
                ratings = _told(line, port, "F", 1, deadline)
            except ProbeError as error:
                if error.code not in ("timeout", "bad_answer", "not_supported"):
                    raise
    return Said(state=state, ratings=ratings)


def _told(line: Port, port: str, question: str, tries: int, deadline: float) -> bytes:
    """The whole answer to a question, asked so many times at most."""
    for left in reversed(range(tries)):
        line.write(question.encode() + b"\r")
        try:
            return _answer(line, port, question, min(time.monotonic() + ANSWER_WAIT_S, deadline))
        except ProbeError as error:
            if left == 0 or error.code not in ("timeout", "bad_answer") or time.monotonic() >= deadline:
                raise
            _drain(line, deadline)
    raise ProbeError("timeout", f"{port}: was not asked (tries = {tries})")


def _answer(line: Port, port: str, question: str, deadline: float) -> bytes:
    heard, lines, asked_back = b"", 0, False
    while time.monotonic() < deadline and len(heard) < BYTES_LIMIT:
        heard += read(line, most=BYTES_LIMIT - len(heard), deadline=deadline)
        *whole, _ = re.split(rb"[\r\n]+", heard)
        for one in whole[lines:]:
            found = _recognised(one, question)
            if found == "nak":
                raise ProbeError("not_supported", f"{port}: the UPS says NAK to {question}")
            if isinstance(found, bytes):
                return found
            asked_back |= found == "echo"
        lines = len(whole)
    if asked_back and heard.strip(b"\r\n") == question.encode():
        why = f"{port}: only {question} itself came back: the UPS does not know it, or nothing is at the cable's end"
        raise ProbeError("not_supported", why)
    if heard:
        raise ProbeError("bad_answer", f"{port}: {len(heard)} bytes and no whole answer to {question} (baud rate?)")
    raise ProbeError("timeout", f"{port}: no answer to {question}")


def _recognised(line: bytes, question: str) -> bytes | str:
    """The answer that stands in a line, or what the line is: echo, nak, or nothing that we know ("")."""
    line = line.strip()
    if line.upper() == question.encode():
        return "echo"
    if line.lstrip(b"(#").upper() == b"NAK":
        return "nak"
    start = line.rfind(b"#" if question == "F" else b"(")
    if start < 0:
        return ""
    answer = line[start:]
    return answer if question == "F" or len(answer.split()) >= FIELDS else ""


def _drain(line: Port, deadline: float) -> None:
    """Throw away what still comes: a late answer is none to the next question."""
    end = min(time.monotonic() + ANSWER_WAIT_S, deadline)
    while time.monotonic() < end:
        if not read(line, most=BYTES_LIMIT, deadline=min(time.monotonic() + SILENCE_S, end)):
            return


# --- parse ------------------------------------------------------------------------------------------------------------


def parse(raw: object, settings: Mapping[str, object]) -> Answer:
    """The answer as readings; one that is not whole is a bad answer of the device."""
    if not isinstance(raw, Said):
        raise TypeError(f"megatec parses Said, not {type(raw).__name__}")
    fields = _fields(raw.state)
    moved = len(raw.state) + len(raw.ratings)
    if len(fields) < FIELDS:
        detail = f"{len(fields)} fields, expected {FIELDS}: {raw.state[:60]!r}"
        return Answer(readings={}, failed={"megatec": ("bad_answer", detail)}, bytes_moved=moved)
    told = {name: _number(fields[i], least, most) for i, name, least, most in _NUMBERS}
    if told["input[1].hertz"].value == 0:
        told["input[1].hertz"] = Told(None, ("absent", f"the UPS says {fields[HERTZ]}"))
    told["ups.battery_volts"] = _battery(fields[BATTERY], _nominal(raw, settings))
    told.update(_estimate(told["ups.battery_volts"], settings))
    told.update(_status(fields[STATUS], told))
    return Answer(
        readings={name: one.value for name, one in told.items()},
        failed={name: one.why for name, one in told.items() if one.why is not None},
        bytes_moved=moved,
    )


def _fields(said: bytes) -> list[str]:
    return said[:BYTES_LIMIT].decode("ascii", "replace").lstrip("(#").split()


def _number(field: str, least: float, most: float) -> Told:
    """A field as a number within bounds."""
    if field.strip("@-.") == "":
        return Told(None, ("absent", f"the UPS says {field[:20]}"))
    if not NUMBER.fullmatch(field):
        return Told(None, ("bad_answer", f"{field[:20]!r} is no number"))
    value = float(field) if "." in field else int(field)
    if not least <= value <= most:
        return Told(None, ("implausible", f"{field} is not within {least:g} to {most:g}"))
    return Told(value)


def _nominal(said: Said, settings: Mapping[str, object]) -> float | None:
    """The nominal volts of the whole battery, as set or as the UPS tells it."""
    if configured := number(settings, "battery_volts"):
        return configured
    fields = _fields(said.ratings)
    told = _number(fields[2], 6, 1000).value if len(fields) >= 3 else None
    return told if isinstance(told, float) else None


def _battery(field: str, nominal: float | None) -> Told:
    """The volts of the whole battery."""
    told = _number(field, 0, 1000)
    if not isinstance(told.value, int | float):
        return told
    if told.value == 0:
        return Told(None, ("absent", f"the UPS says {field}"))
    if nominal is None:
        if told.value <= CELL_VOLTS:
            return Told(None, ("bad_setting", f"{field} V is of one cell: set battery_volts, the nominal volts of all"))
        return told
    volts = whole(told.value, nominal)
    if volts is not None:
        return Told(volts)
    return Told(None, ("implausible", f"{field} V is no state of a battery of {nominal:g} V (see battery_volts)"))


def _estimate(battery: Told, settings: Mapping[str, object]) -> dict[str, Told]:
    """The charge by the battery's voltage, where somebody said between which volts it lies."""
    empty, full = number(settings, "charge_empty_volts"), number(settings, "charge_full_volts")
    if not full:
        return {}
    name = "ups.charge_estimated_percent"
    if full <= empty:
        return {name: Told(None, ("bad_setting", "charge_full_volts must be more than charge_empty_volts"))}
    if not isinstance(battery.value, int | float):
        return {name: battery}
    share = (battery.value - empty) / (full - empty)
    return {name: Told(round(100 * min(1.0, max(0.0, share)), 1))}


def _status(field: str, told: Mapping[str, Told]) -> dict[str, Told]:
    """What the eight bits say, and the voltages beside them."""
    bits = BITS.match(field)
    if bits is None:
        why = ("bad_answer", f"the status is {field[:20]!r}, expected eight of 0 and 1")
        named = ("ups.output_source", "ups.battery_state", "ups.failed", "ups.test_result")
        return {name: Told(None, why) for name in named}
    failed, low, bypass, broken, _, test, _, _ = (bit == "1" for bit in bits[0])
    return {
        "ups.output_source": _source(failed, bypass, told),
        "ups.battery_state": Told("low" if low else "normal"),
        "ups.failed": Told("yes" if broken else "no"),
        # How a test ended Q1 does not tell.
        "ups.test_result": Told("in_progress" if test else "unknown"),
    }


def _source(failed: bool, bypass: bool, told: Mapping[str, Told]) -> Told:
    """From where the load has its power."""
    given, taken, load = (told[name].value for name in ("input[1].volts", "output[1].volts", "ups.load_percent"))
    if isinstance(taken, int | float) and taken <= NO_OUTPUT_VOLTS and not load:
        return Told("none")
    if failed:
        return Told("battery")
    if not bypass:
        return Told("normal")
    if not isinstance(given, int | float) or not isinstance(taken, int | float) or given <= NO_OUTPUT_VOLTS:
        return Told(None, ("absent", "bypass, boost or buck: the voltages that would tell which are missing"))
    ratio = taken / given
    if not 0.5 <= ratio < 1.5:
        return Told(None, ("implausible", f"bypass, boost or buck, but {given:g} V become {taken:g} V"))
    return Told("reducer" if ratio < 0.95 else "bypass" if ratio < 1.05 else "booster")


probe = Probe(
    name="megatec",
    platforms=frozenset({"linux"}),
    settings=(
        Setting(
            name="port",
            kind=str,
            default=REQUIRED,
            unit="",
            sentence="The serial device; best a name under /dev/serial/by-id/, or usb:VID:PID:SERIAL of the adapter.",
        ),
        Setting(
            name="baud",
            kind=int,
            default=2400,
            unit="bit/s",
            sentence="The line's speed; nearly all have 2400.",
            least=300,
            most=115_200,
        ),
        Setting(
            name="command",
            kind=str,
            default="Q1",
            unit="",
            sentence="The question for the state; the makers of QS and D say so in the manual.",
            choices=("Q1", "QS", "D"),
        ),
        Setting(
            name="ratings",
            kind=bool,
            default=False,
            unit="",
            sentence="Whether F is asked too, for the battery's nominal volts; some UPS lock up when they hear it.",
        ),
        Setting(
            name="battery_volts",
            kind=float,
            default=0.0,
            unit="V",
            sentence="The nominal voltage of the whole battery (12 V blocks times their number); 0: as the UPS tells.",
            least=0,
            most=1000,
        ),
        Setting(
            name="charge_empty_volts",
            kind=float,
            default=0.0,
            unit="V",
            sentence="The voltage at which the battery is empty, for an estimate of the charge.",
            least=0,
            most=1000,
        ),
        Setting(
            name="charge_full_volts",
            kind=float,
            default=0.0,
            unit="V",
            sentence="The voltage at which it is full; 0: no estimate.",
            least=0,
            most=1000,
        ),
        Setting(
            name="cable_power",
            kind=str,
            default="dtr",
            unit="",
            sentence="Which control lines are up: some cables draw their power from them.",
            choices=tuple(_CABLE_POWER),
        ),
        Setting(
            name="tries",
            kind=int,
            default=3,
            unit="",
            sentence="How often to ask before the UPS counts as not answering.",
            least=1,
            most=10,
        ),
        Setting(
            name="timeout_s",
            kind=float,
            default=8.0,
            unit="s",
            sentence="The longest that one visit may take, all tries together.",
            least=0.5,
            most=60,
        ),
    ),
    fetch=fetch,
    parse=parse,
    default_timeout_s=8.0,
    target="port",
    readings=(
        "ups.output_source",
        "ups.battery_state",
        "ups.failed",
        "ups.test_result",
        "ups.load_percent",
        "ups.battery_volts",
        "ups.battery_celsius",
        "ups.charge_estimated_percent",
        "input[].volts",
        "input[].hertz",
        "output[].volts",
    ),
    parts=(Said,),
    blocks=True,
)
