"""Families of SNMP devices as data: which objects to ask, and what the answers mean. Pure; the talking is elsewhere.

    families/ups.toml -> Family -> wanted(): OIDs to get, columns to walk
                               \\-> read({oid: Bound}, family) -> Answer

A family file:

    en = "UPS (UPS-MIB, RFC 1628)"
    zh = "不间断电源 (RFC 1628)"
    identify = ["1.3.6.1.2.1.33.1"]      # a device that answers anything below one of these belongs to the family

    [[scalar]]                           # one object
    reading = "ups.runtime_min"          # a name of the catalogue; its unit is the catalogue's
    oid = "1.3.6.1.2.1.33.1.2.3.0"
    type = "number"                      # number | word | bits
    sentinels = [-1, 65535]              # numbers that mean "no such measurement": None, reason absent
    scale = 0.1                          # applied after the sentinels
    tenths_above = 600                   # a scaled value above this was told in tenths (units lie): divided by 10
    min = 0                              # outside of min..max after scaling: None, reason implausible
    max = 100000
    enum = { 2 = "normal", 3 = "low" }   # words by number or by text; what is not listed is the word "unknown"
    bits = [[1, "end"], [0, "near_end"]] # the first bit that is set names the word; bit 0 is the first octet's 0x80
    otherwise = "ok"                     # … and this when none is

    [[table]]                            # one column; all keys of a scalar, and:
    reading = "input[].volts"            # with []: one reading per row. Without: the first row only
    oid = "1.3.6.1.2.1.33.1.3.3.1.3"
    index = 0                            # which number of the row's index is the instance; ".3.0" counts as 3
    rows = "1.3.6.1.2.1.33.1.3.2.0"      # an object that says how many rows are real (some cards show empty phases)
    rows_of = "1.3.6.1.2.1.25.3.5.1.1"   # only rows that this column has too
    whole = "1.3.6.1.2.1.43.11.1.1.8"    # the value is a share of this column's: percent

    [[summary]]
    reading = "ups.load_percent"
    of = "output[].load_percent"
    take = "max"                         # max | min

What a device does not have (noSuchObject and its kin) is no reading at all. Numbers may come as text with a unit
("15 PERCENT"): the leading number counts.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

from roundsman_agent.probe import Answer, Value
from roundsman_agent.snmp_ber import Bound
from roundsman_agent.snmp_visit import ROWS_LIMIT

__all__ = ["Family", "Item", "Summary", "Talk", "families", "family", "names", "read"]

FOLDER: Final = Path(__file__).parent / "families"

Type = Literal["number", "word", "bits"]
Failure = tuple[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One object or one column and its meaning; the module's docstring explains every field."""

    reading: str
    oid: str
    type: Type = "number"
    scale: float = 1.0
    tenths_above: float | None = None
    sentinels: frozenset[int] = frozenset()
    min: float | None = None
    max: float | None = None
    enum: Mapping[str, str] | None = None
    bits: tuple[tuple[int, str], ...] = ()
    otherwise: str = "unknown"
    index: int = 0
    rows: str | None = None
    rows_of: str | None = None
    whole: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """One number out of the rows of a table."""

    reading: str
    of: str
    take: Literal["max", "min"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """A kind of device: how to recognise it, what to ask, what it means."""

    name: str
    zh: str
    en: str
    identify: tuple[str, ...]
    scalars: tuple[Item, ...]
    tables: tuple[Item, ...]
    summaries: tuple[Summary, ...]

    def objects(self) -> list[str]:
        """The single objects to get, each once."""
        counts = (item.rows for item in self.tables if item.rows is not None)
        return list(dict.fromkeys([*(item.oid for item in self.scalars), *counts]))

    def columns(self) -> list[str]:
        """The columns to walk, each once."""
        parts = (part for item in self.tables for part in (item.oid, item.rows_of, item.whole))
        return list(dict.fromkeys(part for part in parts if part is not None))


@dataclass(frozen=True, kw_only=True, slots=True)
class Talk:
    """What one visit brought: answers by OID, objects the device stumbled over, and why it ended early if it did."""

    family: str
    answers: Mapping[str, Bound]
    stumbled: Mapping[str, str]
    cut: Failure | None
    bytes_moved: int | None = None


# --- files ------------------------------------------------------------------------------------------------------------


def names() -> tuple[str, ...]:
    """Every family there is, in alphabetical order."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


def families() -> tuple[Family, ...]:
    return tuple(family(name) for name in names())


@cache
def family(name: str) -> Family:
    """The family of that name; LookupError names those that exist, ValueError what is wrong in the file."""
    if name not in names():
        raise LookupError(f"there is no SNMP family {name!r}; there are {', '.join(names())}")
    path = FOLDER / f"{name}.toml"
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    try:
        return Family(
            name=name,
            zh=raw.pop("zh"),
            en=raw.pop("en"),
            identify=tuple(raw.pop("identify")),
            scalars=tuple(_item(entry) for entry in raw.pop("scalar", [])),
            tables=tuple(_item(entry) for entry in raw.pop("table", [])),
            summaries=tuple(Summary(**entry) for entry in raw.pop("summary", [])),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path.name}: {error}") from error


def _item(entry: Mapping[str, Any]) -> Item:
    fields = dict(entry)
    if "sentinels" in fields:
        fields["sentinels"] = frozenset(fields["sentinels"])
    if "bits" in fields:
        fields["bits"] = _pairs(fields["bits"])
    item = Item(**fields)
    if item.type not in ("number", "word", "bits"):
        raise ValueError(f"{item.reading}: type {item.type!r} is not number, word or bits")
    if (item.type == "word") != (item.enum is not None) or (item.type == "bits") != bool(item.bits):
        raise ValueError(f"{item.reading}: a word needs enum, bits need bits, a number neither")
    return item


def _pairs(value: Sequence[tuple[int, str]]) -> tuple[tuple[int, str], ...]:
    return tuple((int(bit), str(word)) for bit, word in value)


# --- meaning ----------------------------------------------------------------------------------------------------------


def read(talk: Talk) -> Answer:
    """The readings of one visit; a None has its reason in ``failed``."""
    plan = family(talk.family)
    readings: dict[str, Value] = {}
    failed: dict[str, Failure] = {}

    def put(name: str, value: Value, failure: Failure | None) -> None:
        readings[name] = value
        if failure is not None:
            failed[name] = failure

    for item in plan.scalars:
        if item.oid in talk.answers:
            put(item.reading, *_meaning(item, item.oid, talk.answers[item.oid], None))
        elif (reason := _missing(item.oid, talk)) is not None:
            put(item.reading, None, reason)
    for item in plan.tables:
        rows = list(_rows(item, talk.answers))
        if "[]" not in item.reading:
            rows = rows[:1]
            if not rows and (reason := _missing(item.oid, talk)) is not None:
                put(item.reading, None, reason)
        for instance, oid, value, whole in rows:
            put(item.reading.replace("[]", f"[{instance}]"), *_meaning(item, oid, value, whole))
    for summary in plan.summaries:
        values = [
            value for name, value in readings.items() if _is_row(name, summary.of) and isinstance(value, int | float)
        ]
        if values:
            readings[summary.reading] = max(values) if summary.take == "max" else min(values)
    return Answer(readings=readings, failed=failed, bytes_moved=talk.bytes_moved)


def _missing(oid: str, talk: Talk) -> Failure | None:
    """Why an object that should be there is not: None means that the device simply does not have it."""
    if oid in talk.stumbled:
        return "bad_answer", f"the device answers {talk.stumbled[oid]} to {oid}"
    return talk.cut


def _rows(item: Item, answers: Mapping[str, Bound]) -> Iterator[tuple[int, str, Bound, Bound | None]]:
    """The instance, OID, value and whole of each real row, in the order of the device."""
    found = _column(item.oid, answers)
    if item.rows_of is not None:
        real = _column(item.rows_of, answers)
        found = {index: value for index, value in found.items() if index in real}
    count = answers.get(item.rows) if item.rows is not None else None
    most = count.value if count is not None and isinstance(count.value, int) and count.value > 0 else ROWS_LIMIT
    wholes = _column(item.whole, answers) if item.whole is not None else {}
    seen: set[int] = set()
    for index in sorted(found)[: min(most, ROWS_LIMIT)]:
        # A second row of the same instance (another device index) would overwrite the first in silence.
        if item.index < len(index) and index[item.index] not in seen:
            seen.add(index[item.index])
            oid = ".".join([item.oid, *map(str, index)])
            yield index[item.index], oid, found[index], wholes.get(index)


def _column(oid: str, answers: Mapping[str, Bound]) -> dict[tuple[int, ...], Bound]:
    start = oid + "."
    return {
        tuple(int(part) for part in name[len(start) :].split(".")): value
        for name, value in answers.items()
        if name.startswith(start)
    }


def _is_row(name: str, pattern: str) -> bool:
    before, _, after = pattern.partition("[]")
    return name.startswith(before + "[") and name.endswith("]" + after)


def _meaning(item: Item, oid: str, value: Bound, whole: Bound | None) -> tuple[Value, Failure | None]:
    if item.type == "word":
        return _word(item, value), None
    if item.type == "bits":
        return _first_bit(item, oid, value)
    return _number(item, oid, value, whole)


def _word(item: Item, value: Bound) -> Value:
    assert item.enum is not None
    return item.enum.get(_text(value), "unknown")


def _first_bit(item: Item, oid: str, value: Bound) -> tuple[Value, Failure | None]:
    if not isinstance(value.value, bytes):
        return None, ("bad_answer", f"{oid} is {value.type}, expected octets")
    # Healthy printers answer 0, 1 or 2 octets: a bit that is not there is not set.
    octets = value.value
    for bit, word in item.bits:
        if bit // 8 < len(octets) and octets[bit // 8] & (0x80 >> bit % 8):
            return word, None
    return item.otherwise, None


_LEADING_NUMBER = re.compile(r"\s*([-+]?\d{1,15}(?:\.\d{1,9})?)")


def _number(item: Item, oid: str, value: Bound, whole: Bound | None) -> tuple[Value, Failure | None]:
    raw = _plain(value)
    if raw is None:
        return None, ("bad_answer", f"{oid} is {_text(value)[:60]!r}, expected a number")
    if raw in item.sentinels:
        return None, ("absent", f"{oid} is {raw:g}")
    if item.whole is not None:
        full = None if whole is None else _plain(whole)
        if full is None or full <= 0:
            return None, ("absent", f"{oid} is {raw:g} of an unknown whole")
        raw = 100 * raw / full
    result = raw * item.scale
    if item.tenths_above is not None and result > item.tenths_above:
        result /= 10
    if (item.min is not None and result < item.min) or (item.max is not None and result > item.max):
        return None, ("implausible", f"{oid} is {raw:g}, expected {item.min} to {item.max}")
    rounded = round(result, 3)
    return int(rounded) if rounded == int(rounded) else rounded, None


def _plain(value: Bound) -> float | None:
    if isinstance(value.value, int):
        return value.value
    if value.type != "octets":
        return None
    match = _LEADING_NUMBER.match(_text(value))
    return None if match is None else float(match[1])


def _text(value: Bound) -> str:
    if isinstance(value.value, bytes):
        return value.value[:200].decode("utf-8", "replace").strip("\x00 \t\r\n")
    return str(value.value)
