"""One line of a Modbus register map: which reading of the catalogue a register or a bit is. Pure.

    air[cabinet].celsius = input:1 int16 x0.1 -40..85
    door[front].state = discrete:0 closed/open

    point(text) -> Point                     ValueError says what is wrong with the text
    value(point, data, first) -> value, why  what it is worth in the answer to a question that began at `first`
    questions(points, …) -> [Question, …]    what has to be asked for all of them
    fits(texts)                              against the catalogue; for `check`, which may load that

After the reading and ``=`` stand, in any order after the first, separated by blanks:

    TABLE:ADDRESS           coil, discrete, holding or input; the address as it goes over the line: from 0, 0x for
                            hexadecimal. A leaflet's 30001 is input:0, its 40001 holding:0, its 10001 discrete:0
    TABLE:ADDRESS.BIT       one bit of a register, 0 the lowest
    int16 uint16 int32 uint32 float32        what a number is; two registers for 32 bits
    ab ba abcd cdab badc dcba                in which order its bytes come; without it the high byte first
    x0.1                    what it is multiplied by
    +5 -40                  what is added then
    -40..85                 what can be true; without it -60 to 150 celsius, 0 to 100 percent, else anything
    absent=0x8000/32767     numbers, before all that, that mean "no sensor"; without it see ABSENT; absent=none
    closed/open             the words for 0 and 1; the other way round for an input that is inverted
    0=ok 1=low 7=lost       the words for numbers; what is not among them is unknown
    unit=2                  another unit on the line than the probe's
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from roundsman_agent.modbus import BITS, MOST_BITS, MOST_REGISTERS, PLACES, READ, Question
from roundsman_agent.probe import ItemError, Value

__all__ = ["MOST_POINTS", "READINGS", "Point", "fits", "point", "questions", "value"]

MOST_POINTS: Final = 250
Reason = tuple[str, str]

FORMS: Final = {"int16": ">h", "uint16": ">H", "int32": ">i", "uint32": ">I", "float32": ">f"}
ABSENT: Final = {
    "int16": (0x8000, 0x7FFF),
    "uint16": (0xFFFF,),
    "int32": (0x8000_0000, 0x7FFF_FFFF),
    "uint32": (0xFFFF_FFFF,),
    "float32": (),
}
"""What makers put into a register whose sensor is broken or not there; a float is then no number at all."""
LIKELY: Final = (("celsius", -60.0, 150.0), ("percent", 0.0, 100.0))
"""What a point can be, by the end of its name."""

READINGS: Final = (
    *("door[].state", "contact[].state", "water[].state", "smoke[].state"),
    *("air[].celsius", "air[].humidity_percent", "temperature[].celsius"),
    *("terminal.power", "vehicle.ignition"),
    *("input[].volts", "input[].hertz", "output[].volts", "output[].watts", "output[].load_percent"),
    *("ups.output_source", "ups.battery_state", "ups.battery_replace", "ups.test_result", "ups.charge_percent"),
    *("ups.runtime_min", "ups.load_percent", "ups.battery_volts", "ups.battery_celsius", "ups.output_hertz"),
)
"""What may be mapped: what boards, sensors, meters and power supplies with Modbus measure."""

_POINT = re.compile(r"\s*(?P<reading>[^\s=\[]+(?:\[[^\]]*\])?[^\s=]*)\s*=\s*(?P<rest>\S.*)", re.S)
_PLACE = re.compile(r"(?P<table>[a-z]+):(?P<address>0x[0-9a-f]{1,4}|[0-9]{1,5})(?:\.(?P<bit>[0-9]{1,2}))?")
_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_SCALE = re.compile(rf"x(-?{_NUMBER}(?:e-?[0-9]{{1,2}})?)")
_OFFSET = re.compile(rf"[+-]{_NUMBER}")
_RANGE = re.compile(rf"([+-]?{_NUMBER})\.\.([+-]?{_NUMBER})")
_ABSENT = re.compile(r"absent=(.+)")
_UNIT = re.compile(r"unit=([0-9]{1,3})")
_ORDER = re.compile(r"ab|ba|abcd|cdab|badc|dcba")
_NUMBERED = re.compile(r"(-?[0-9]{1,10}|0x[0-9a-f]{1,8})=([a-z0-9][a-z0-9_]*)")
_PAIR = re.compile(r"([a-z0-9][a-z0-9_]*)/([a-z0-9][a-z0-9_]*)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """A reading and where it lies."""

    reading: str
    table: str
    address: int
    bit: int | None = None
    form: str = "uint16"
    order: str = ""
    scale: float = 1.0
    offset: float = 0.0
    low: float = -math.inf
    high: float = math.inf
    absent: tuple[int, ...] = ()
    words: dict[int, str] = field(default_factory=dict)
    unit: int | None = None

    @property
    def count(self) -> int:
        """Bits or registers that it takes."""
        return 2 if self.table not in BITS and self.form.endswith("32") else 1

    @property
    def end(self) -> int:
        return self.address + self.count


# --- reading a line of the map ----------------------------------------------------------------------------------------


def point(text: str) -> Point:
    """A line of the map; ValueError says what is wrong with it."""
    match = _POINT.fullmatch(text)
    if match is None:
        raise ValueError("expected READING = TABLE:ADDRESS …, like door[front].state = discrete:0 closed/open")
    first, *rest = match["rest"].split()
    taken = {"reading": match["reading"], **_place(first)}
    for word in rest:
        for name, found in _said(word).items():
            if name == "words" and not found.keys() & taken.get(name, {}).keys():
                taken[name] = {**taken.get(name, {}), **found}
            elif name in taken:
                raise ValueError(f"{word!r}: its {name} is said twice")
            else:
                taken[name] = found
    return _whole(taken)


def _place(word: str) -> dict[str, Any]:
    match = _PLACE.fullmatch(word.lower())
    if match is None or match["table"] not in READ:
        raise ValueError(f"{word!r}: expected TABLE:ADDRESS, the table one of {', '.join(READ)}, like input:0")
    address = int(match["address"], 0) if "x" in match["address"] else int(match["address"])
    if address >= PLACES:
        raise ValueError(f"{word!r}: addresses are 0 to {PLACES - 1}")
    taken: dict[str, Any] = {"table": match["table"], "address": address}
    if match["bit"] is not None:
        if match["table"] in BITS or int(match["bit"]) > 15:
            raise ValueError(f"{word!r}: holding and input registers have the bits .0 to .15")
        taken["bit"] = int(match["bit"])
    return taken


def _said(word: str) -> dict[str, Any]:
    """What one of the words after the place says."""
    small = word.lower()
    if small in FORMS:
        return {"form": small}
    if _ORDER.fullmatch(small):
        return {"order": small}
    if match := _SCALE.fullmatch(small):
        if not float(match[1]) or not math.isfinite(float(match[1])):
            raise ValueError(f"{word!r}: a scale is a number that is not 0")
        return {"scale": float(match[1])}
    if _OFFSET.fullmatch(small):
        return {"offset": float(small)}
    if match := _RANGE.fullmatch(small):
        if float(match[1]) >= float(match[2]):
            raise ValueError(f"{word!r}: expected LOW..HIGH, the low one first")
        return {"range": (float(match[1]), float(match[2]))}
    if match := _UNIT.fullmatch(small):
        if int(match[1]) > 255:
            raise ValueError(f"{word!r}: units are 0 to 255")
        return {"unit": int(match[1])}
    if match := _ABSENT.fullmatch(small):
        return {"absent": () if match[1] == "none" else tuple(_whole_number(one, word) for one in match[1].split("/"))}
    if match := _NUMBERED.fullmatch(small):
        return {"words": {int(match[1], 0): match[2]}}
    if match := _PAIR.fullmatch(small):
        return {"words": {0: match[1], 1: match[2]}}
    raise ValueError(
        f"{word!r}: expected a form ({', '.join(FORMS)}), an order (cdab), x0.1, +5, LOW..HIGH, absent=…, unit=…, "
        "words (closed/open) or 0=word"
    )


def _whole_number(text: str, word: str) -> int:
    try:
        return int(text, 0)
    except ValueError:
        raise ValueError(f"{word!r}: expected whole numbers with / between them, or none") from None


def _whole(taken: dict[str, Any]) -> Point:
    """What was said, with what follows from it; and whether it goes together."""
    is_bit = taken["table"] in BITS or "bit" in taken
    numeric = [name for name in ("form", "order", "scale", "offset", "range", "absent") if name in taken]
    if "words" in taken:
        numeric = [name for name in numeric if is_bit or name not in ("form", "order", "absent")]
    if is_bit and "words" not in taken:
        raise ValueError("a bit is a word: say those for 0 and 1, like closed/open")
    if numeric and (is_bit or "words" in taken):
        raise ValueError(f"a {'bit' if is_bit else 'word'} has no {numeric[0]}")
    if not is_bit and "words" not in taken and "form" not in taken:
        raise ValueError(f"say what kind of number it is: {', '.join(FORMS)}")
    form = str(taken.get("form", "uint16"))
    if form == "float32" and "words" in taken:
        raise ValueError("words are for whole numbers, not for float32")
    order = str(taken.get("order", ""))
    if order and len(order) != struct.calcsize(FORMS[form]):
        raise ValueError(f"the order {order} is not one of {form}")
    if "words" not in taken:
        likely = next(((a, b) for end, a, b in LIKELY if str(taken["reading"]).endswith(end)), (-math.inf, math.inf))
        taken["low"], taken["high"] = taken.pop("range", likely)
    if not is_bit:
        taken.setdefault("absent", ABSENT[form])
    made = Point(**taken)
    if made.end > PLACES:
        raise ValueError(f"{made.table}:{made.address}: a number of 32 bits would end beyond the table")
    return made


def fits(texts: object) -> None:
    """Whether these lines are a map of readings that exist; ItemError names the first that is not."""
    from roundsman_wire.catalogue import POINTS

    if not isinstance(texts, list) or not texts:
        raise ValueError("is empty: say which registers are to be read")
    if len(texts) > MOST_POINTS:
        raise ValueError(f"{len(texts)} lines: expected at most {MOST_POINTS}; make two devices of it")
    seen: set[str] = set()
    for i, text in enumerate(texts):
        try:
            made = point(text)
        except ValueError as error:
            raise ItemError(i, f"{text[:100]!r}: {error}") from error
        name = _pattern(made.reading)
        if name not in READINGS:
            raise ItemError(i, f"{text[:100]!r}: modbus gives no {made.reading}; {_near(name)}")
        known = POINTS[name]
        if known.words and not made.words:
            expected = ", ".join(known.words)
            raise ItemError(i, f"{text[:100]!r}: {made.reading} is a word ({expected}); say which for 0 and for 1")
        if made.words and not known.words:
            raise ItemError(i, f"{text[:100]!r}: {made.reading} is a number in {known.unit}, not a word")
        strange = [word for word in made.words.values() if word not in known.words]
        if strange:
            expected = ", ".join(known.words)
            raise ItemError(i, f"{text[:100]!r}: {made.reading} cannot be {strange[0]!r}; expected {expected}")
        if made.reading in seen:
            raise ItemError(i, f"{text[:100]!r}: {made.reading} stands here twice")
        seen.add(made.reading)


def _pattern(reading: str) -> str:
    """The name under which the catalogue holds a reading; "" of what is none."""
    from roundsman_wire.catalogue import split

    try:
        return split(reading).pattern
    except ValueError:
        return ""


def _near(name: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, READINGS, n=1, cutoff=0.5)
    return f"expected {near[0]}?" if near else f"expected one of {', '.join(READINGS)}"


# --- asking and reading the answer ------------------------------------------------------------------------------------


def questions(points: Iterable[Point], *, unit: int, gap: int) -> list[Question]:
    """What has to be asked, in the order in which the points first name a unit and a table; neighbours together.

    Between two that are asked together at most `gap` bits or registers lie that nobody wants.
    """
    places: dict[tuple[int, str], list[Point]] = {}
    for one in points:
        places.setdefault((unit if one.unit is None else one.unit, one.table), []).append(one)
    asked = []
    for (of_unit, table), some in places.items():
        most = MOST_BITS if table in BITS else MOST_REGISTERS
        for begin, end in _runs(sorted((one.address, one.end) for one in some), most=most, gap=gap):
            asked.append(Question(unit=of_unit, table=table, address=begin, count=end - begin))
    return asked


def _runs(spans: Sequence[tuple[int, int]], *, most: int, gap: int) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for begin, end in spans:
        if runs and begin <= runs[-1][1] + gap and max(end, runs[-1][1]) - runs[-1][0] <= most:
            runs[-1] = runs[-1][0], max(end, runs[-1][1])
        else:
            runs.append((begin, end))
    return runs


def value(of: Point, data: bytes, first: int) -> tuple[Value, Reason | None]:
    """What the point is worth in the answer to a question that began at `first`; None with the reason why."""
    if of.table in BITS:
        at = of.address - first
        if not 0 <= at < len(data) * 8:
            return None, ("bad_answer", f"{of.table}:{of.address} is not in the {len(data)} bytes of the answer")
        return of.words.get(data[at // 8] >> at % 8 & 1, "unknown"), None
    at = (of.address - first) * 2
    octets = data[at : at + of.count * 2] if at >= 0 else b""
    if len(octets) != of.count * 2:
        return None, ("bad_answer", f"{of.table}:{of.address} is not in the {len(data)} bytes of the answer")
    return _register(of, octets)


def _register(of: Point, octets: bytes) -> tuple[Value, Reason | None]:
    if of.order:
        octets = bytes(octets[of.order.index(letter)] for letter in sorted(of.order))
    where = f"{of.table}:{of.address}"
    pattern = int.from_bytes(octets, "big")
    if of.bit is not None:
        return of.words.get(pattern >> of.bit & 1, "unknown"), None
    (raw,) = struct.unpack(FORMS[of.form], octets)
    if of.words and raw in of.words:
        return of.words[raw], None
    if pattern in {one % (1 << 8 * len(octets)) for one in of.absent} or not math.isfinite(raw):
        return None, ("absent", f"{where} is {octets.hex(' ')}: no sensor")
    if of.words:
        return "unknown", None
    made = raw * of.scale + of.offset
    # What a scale of decimals leaves behind the digits that were measured is not to be read as measured.
    made = round(float(f"{made:.6g}") if of.form == "float32" else made, 6)
    if not (math.isfinite(made) and of.low <= made <= of.high):
        return None, ("implausible", f"{where} is {octets.hex(' ')}, {made:g}: expected {of.low:g} to {of.high:g}")
    return made, None
