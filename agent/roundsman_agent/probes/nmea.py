"""Satellite receivers that speak NMEA 0183 on a serial line (北斗 / GPS 接收机)

    [[device.probe]]
    name = "nmea"
    port = "/dev/ttyS1"

**Needs** the right to read the port: the agent's user in group `dialout`. Not one byte is written to the line. A port
that another process (gpsd) has open is `busy_port`. A USB receiver that was pulled out is found again by its name
under /dev/serial/by-id/ or as `usb:VID:PID:SERIAL`.

Not one byte heard is the failure `timeout`; bytes without one whole sentence are `bad_answer` (baud rate, or not
NMEA). `satellites[…]` is one of gps, beidou, glonass, galileo, qzss, other. Where a vehicle is tells where a person
is: latitude and longitude are readings only when `position` is set. `gnss.antenna` is told by some Chinese modules
only, and `open` is no proof: a passive antenna reads open too.

    listen for listen_s seconds, say nothing  ->  bytes  ->  lines  ->  sentences  ->  Summary  ->  readings

    $BDGSA,A,3,02,03,04,,,,,,,,,,2.1,1.1,1.8,1.2*2D
     ^^ talker: GP GPS · GL GLONASS · GA Galileo · BD (China), GB (NMEA 4.11) BeiDou · GQ QZ QZSS · GN several
       ^^^ kind: RMC status · GGA fix quality, how many · GSA fix kind, who is used · GSV who is seen · TXT antenna

The line splitter is our own, because the line is hostile: it begins in the middle of a sentence, carries binary and
babble, and one damaged sentence must not cost the next one. pynmeagps then reads the fields. Field 18 of GSA is the
system in NMEA 4.11, and a floating-point number on some BeiDou modules: what cannot be a system is ignored.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import xor
from typing import Final

import pynmeagps.exceptions as complaints  # type: ignore[import-untyped]
from pynmeagps import NMEAMessage, NMEAReader

from roundsman_agent.probe import REQUIRED, Answer, Probe, ProbeError, Setting, Value, flag, number, text
from roundsman_agent.serial_port import opened, read

__all__ = ["Heard", "probe", "sentences"]

BYTES_LIMIT: Final = 256 * 1024
"""A receiver at 115200 bit/s says 11 kB a second; more than this in one visit is a line gone mad."""

LINE_LIMIT: Final = 256
"""NMEA allows 82 characters; some modules say more. What is longer is damage."""

SYSTEM_OF_TALKER: Final = {
    "GP": "gps",
    "GL": "glonass",
    "GA": "galileo",
    "BD": "beidou",
    "GB": "beidou",
    "GQ": "qzss",
    "QZ": "qzss",
}
SYSTEM_OF_ID: Final = {1: "gps", 2: "glonass", 3: "galileo", 4: "beidou", 5: "qzss"}
"""Field 18 of GSA in NMEA 4.11."""

ANTENNA_WORDS: Final = {"ANTENNA OK": "ok", "ANTENNA OPEN": "open", "ANTENNA SHORT": "short"}

BEST: Final = 4
"""Satellites whose signal is averaged: four make a fix."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """What the line said in one visit."""

    data: bytes
    seconds: float


# --- fetch ------------------------------------------------------------------------------------------------------------


def fetch(settings: Mapping[str, object]) -> Heard:
    """Listen; raises ProbeError timeout when not one byte came."""
    port, listen_s = text(settings, "port"), number(settings, "listen_s")
    heard = bytearray()
    with opened(port=port, baud=int(number(settings, "baud")), write_timeout_s=1.0) as line:
        begin = time.monotonic()
        end = begin + min(listen_s, number(settings, "timeout_s"))
        while time.monotonic() < end and len(heard) < BYTES_LIMIT:
            heard += read(line, most=min(4096, BYTES_LIMIT - len(heard)), deadline=end)
        seconds = time.monotonic() - begin
    if not heard:
        raise ProbeError("timeout", f"{port}: not one byte in {listen_s:g} s (power, cable, baud rate?)")
    return Heard(data=bytes(heard), seconds=seconds)


# --- lines ------------------------------------------------------------------------------------------------------------


@dataclass(kw_only=True, slots=True)
class Counts:
    """How good the line is: sentences whole, sentences damaged."""

    good: int = 0
    bad_checksum: int = 0
    malformed: int = 0


_HEAD = re.compile(rb"[A-Z][A-Z0-9]{2,9},")
"""Talker and kind, or a maker's own name after P."""


def sentences(data: bytes, counts: Counts) -> Iterator[bytes]:
    """Every whole sentence with a right checksum, without its line end; the rest is counted.

    What comes before the first ``$`` and after the last line end was cut by the beginning and the end of listening:
    that is no damage. A ``$`` inside a line begins a new sentence, the one before it lost its end.
    """
    whole = data[: data.rfind(b"\n") + 1]
    start = whole.find(b"$")
    if start < 0:
        return
    for piece in whole[start + 1 :].split(b"$"):
        line, newline, _ = piece.partition(b"\n")
        line = line.rstrip(b"\r")
        if not newline or len(line) > LINE_LIMIT or not line.isascii():
            counts.malformed += 1
            continue
        body, star, checksum = line.rpartition(b"*")
        if not star or len(checksum) != 2 or not _HEAD.match(body):
            counts.malformed += 1
        elif f"{reduce(xor, body, 0):02X}".encode() != checksum.upper():
            counts.bad_checksum += 1
        else:
            counts.good += 1
            yield b"$" + line


def _message(sentence: bytes, counts: Counts) -> NMEAMessage | None:
    """The fields of a sentence, or None for a kind that nobody knows or fields that cannot be read."""
    try:
        # The checksum is already right; 0 = validate nothing more, so that odd talkers pass.
        return NMEAReader.parse(sentence + b"\r\n", validate=0)
    except (
        complaints.NMEAParseError,
        complaints.NMEAMessageError,
        complaints.NMEATypeError,
        complaints.NMEAStreamError,
        ValueError,
        ArithmeticError,
        LookupError,
    ):
        counts.malformed += 1
        return None


# --- meaning ----------------------------------------------------------------------------------------------------------


@dataclass(kw_only=True, slots=True)
class _Summary:
    """What the sentences have said so far; the later word replaces the earlier."""

    fixes: list[bool] = field(default_factory=list)
    active: bool | None = None
    quality: int | None = None
    kind: int | None = None
    used_total: int | None = None
    hdop: float | None = None
    place: tuple[float, float] | None = None
    antenna: str | None = None
    used: dict[str, int] = field(default_factory=dict)
    used_whole: dict[str, int] = field(default_factory=dict)
    used_kind: int | None = None
    in_view: dict[str, int] = field(default_factory=dict)
    signal: dict[tuple[str, str], float] = field(default_factory=dict)


def parse(raw: object, settings: Mapping[str, object]) -> Answer:
    """What was heard as readings; a line without one whole sentence is a bad answer of the device."""
    if not isinstance(raw, Heard):
        raise TypeError(f"nmea parses Heard, not {type(raw).__name__}")
    counts, summary = Counts(), _Summary()
    for sentence in sentences(raw.data, counts):
        message = _message(sentence, counts)
        if message is not None:
            _take(summary, message)
    if counts.good == 0:
        detail = f"{len(raw.data)} bytes and no whole sentence (baud rate, or not NMEA?)"
        return Answer(readings={}, failed={"nmea": ("bad_answer", detail)})
    answer = _answer(summary, counts, raw.seconds, flag(settings, "position"))
    return replace(answer, bytes_moved=len(raw.data))


def _take(summary: _Summary, message: NMEAMessage) -> None:
    if message.msgID in ("RMC", "GGA") and summary.used:
        # A new round begins: the round that ended told every system.
        summary.used_whole, summary.kind, summary.used, summary.used_kind = summary.used, summary.used_kind, {}, None
    take = _TAKERS.get(message.msgID)
    if take is not None:
        take(summary, message)


def _take_rmc(summary: _Summary, message: NMEAMessage) -> None:
    summary.active = getattr(message, "status", "") == "A"
    if summary.quality is None:
        summary.fixes.append(summary.active)
    _take_place(summary, message, valid=summary.active)


def _take_gga(summary: _Summary, message: NMEAMessage) -> None:
    if summary.quality is None:
        summary.fixes.clear()  # GGA is the better witness: its verdicts alone are counted
    summary.quality = _whole(message, "quality") or 0
    summary.fixes.append(summary.quality > 0)
    summary.used_total = _whole(message, "numSV")
    summary.hdop = _plain(message, "HDOP") if summary.quality > 0 else None
    _take_place(summary, message, valid=summary.quality > 0)


def _take_place(summary: _Summary, message: NMEAMessage, *, valid: bool) -> None:
    latitude, longitude = _plain(message, "lat"), _plain(message, "lon")
    if not valid:
        summary.place = None
    elif latitude is not None and longitude is not None and abs(latitude) <= 90 and abs(longitude) <= 180:
        summary.place = (latitude, longitude)


def _take_gsa(summary: _Summary, message: NMEAMessage) -> None:
    kind = _whole(message, "navMode")
    if kind is not None:
        summary.used_kind = max(kind, summary.used_kind or 0)
    ids = [str(value) for i in range(1, 13) if (value := getattr(message, f"svid_{i:02}", "")) not in ("", None)]
    system = SYSTEM_OF_TALKER.get(message.talker) or SYSTEM_OF_ID.get(_system_id(message), "")
    for number_ in ids:
        name = system or _system_of_number(number_)
        summary.used[name] = summary.used.get(name, 0) + 1
    if system:
        summary.used.setdefault(system, 0)


def _system_id(message: NMEAMessage) -> int:
    value = _plain(message, "systemId")
    return int(value) if value is not None and value in SYSTEM_OF_ID else 0


def _system_of_number(number_: str) -> str:
    """Which system a satellite of a GN sentence without system id belongs to, by the ranges that modules use."""
    if not number_.isdigit():
        return "other"
    value = int(number_)
    if 1 <= value <= 32:
        return "gps"
    if 65 <= value <= 96:
        return "glonass"
    if 193 <= value <= 199:
        return "qzss"
    if 201 <= value <= 263 or 401 <= value <= 463:
        return "beidou"
    if 301 <= value <= 336:
        return "galileo"
    return "other"


def _take_gsv(summary: _Summary, message: NMEAMessage) -> None:
    system = SYSTEM_OF_TALKER.get(message.talker)
    if system is None:
        return
    seen = _whole(message, "numSV")
    if seen is not None and 0 <= seen <= 99:
        summary.in_view[system] = seen
    for i in range(1, 5):
        satellite, strength = getattr(message, f"svid_{i:02}", None), _plain(message, f"cno_{i:02}")
        if satellite in (None, "") or strength is None or not 0 < strength < 99:
            continue
        summary.signal[(system, str(satellite))] = strength


def _take_txt(summary: _Summary, message: NMEAMessage) -> None:
    said = str(getattr(message, "text", "")).strip().upper()
    if said.startswith("ANTENNA"):
        summary.antenna = ANTENNA_WORDS.get(said, "unknown")


_TAKERS = {"RMC": _take_rmc, "GGA": _take_gga, "GSA": _take_gsa, "GSV": _take_gsv, "TXT": _take_txt}


def _plain(message: NMEAMessage, name: str) -> float | None:
    """A field as a finite number; pynmeagps leaves an empty field as an empty text."""
    value = getattr(message, name, None)
    if isinstance(value, bool):
        return None
    try:
        result = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return result if -1e9 < result < 1e9 else None


def _whole(message: NMEAMessage, name: str) -> int | None:
    value = _plain(message, name)
    return None if value is None else int(value)


def _answer(summary: _Summary, counts: Counts, seconds: float, position: bool) -> Answer:
    # The last round may have been cut by the end of listening; the last whole one is better when there is one.
    used = summary.used_whole or summary.used
    kind = summary.kind if summary.used_whole else summary.used_kind
    readings: dict[str, Value] = {}
    failed: dict[str, tuple[str, str]] = {}
    if summary.fixes:
        readings["gnss.fix"] = _fix(summary, kind)
        readings["gnss.fix_percent"] = round(100 * sum(summary.fixes) / len(summary.fixes), 1)
    else:
        readings["gnss.fix"] = None
        failed["gnss.fix"] = ("bad_answer", "sentences came, but neither RMC nor GGA")
    if summary.used_total is not None and 0 <= summary.used_total <= 99:
        readings["gnss.satellites_used"] = summary.used_total
    if summary.hdop is not None and 0 < summary.hdop < 50:  # 50, 99.9: "no idea" in many modules
        readings["gnss.hdop"] = round(summary.hdop, 2)
    for system, count in sorted(used.items()):
        readings[f"satellites[{system}].used"] = count
    for system, count in sorted(summary.in_view.items()):
        readings[f"satellites[{system}].in_view"] = count
    best = sorted(summary.signal.values(), reverse=True)[:BEST]
    if best:
        readings["gnss.snr_db"] = round(sum(best) / len(best), 1)
    if summary.antenna is not None:
        readings["gnss.antenna"] = summary.antenna
    total = counts.good + counts.bad_checksum
    readings["gnss.checksum_errors_percent"] = round(100 * counts.bad_checksum / total, 1)
    readings["gnss.sentences_per_s"] = round(counts.good / max(seconds, 0.001), 1)
    if position and summary.place is not None:
        readings["gnss.latitude"], readings["gnss.longitude"] = (round(value, 6) for value in summary.place)
    return Answer(readings=readings, failed=failed)


def _fix(summary: _Summary, kind: int | None) -> Value:
    if summary.active is False or summary.quality == 0:
        return "none"
    if summary.quality == 6:
        return "dead_reckoning"
    return {2: "2d", 3: "3d"}.get(kind or 0, "fixed")


probe = Probe(
    name="nmea",
    platforms=frozenset({"linux"}),
    settings=(
        Setting(
            name="port",
            kind=str,
            default=REQUIRED,
            unit="",
            sentence="The receiver's serial device; best a name under /dev/serial/by-id/, or usb:VID:PID:SERIAL.",
        ),
        Setting(
            name="baud",
            kind=int,
            default=9600,
            unit="bit/s",
            sentence="The line's speed: 9600 for most receivers, 115200 for the faster ones.",
            least=300,
            most=4_000_000,
        ),
        Setting(
            name="listen_s",
            kind=float,
            default=5.0,
            unit="s",
            sentence="How long to listen at each visit; most receivers tell everything once a second.",
            least=0.5,
            most=60,
        ),
        Setting(
            name="position",
            kind=bool,
            default=False,
            unit="",
            sentence="Whether latitude and longitude become readings; they tell where a person is.",
        ),
        Setting(
            name="timeout_s",
            kind=float,
            default=10.0,
            unit="s",
            sentence="The longest that one visit may take; keep it above listen_s.",
            least=0.5,
            most=120,
        ),
    ),
    fetch=fetch,
    parse=parse,
    default_timeout_s=10.0,
    target="port",
    readings=(
        "gnss.fix",
        "gnss.fix_percent",
        "gnss.satellites_used",
        "gnss.hdop",
        "gnss.snr_db",
        "gnss.antenna",
        "gnss.checksum_errors_percent",
        "gnss.sentences_per_s",
        "gnss.latitude",
        "gnss.longitude",
        "satellites[].used",
        "satellites[].in_view",
    ),
    parts=(Heard,),
    blocks=True,
)
