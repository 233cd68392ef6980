"""What the answers of an SNMP device mean, by its family's data. Pure.

    read(talk, ports=[]) -> Answer

Each part of a family (its own items, then those of the families it counts on) gives readings; one that is there and
known is not replaced by a later part. Then what needs several readings: words that measurements prove, and numbers
that others vouch for (snmp_family.py says how both are written).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

from roundsman_agent import snmp_ports
from roundsman_agent.probe import DETAIL_LIMIT, Answer, ProbeError, Value
from roundsman_agent.snmp_ber import Bound
from roundsman_agent.snmp_family import Conclusion, Failure, Family, Item, Product, Talk, family, parts
from roundsman_agent.snmp_ports import Past, Rows
from roundsman_agent.snmp_visit import ROWS_LIMIT
from roundsman_wire.failures import FAILURES

__all__ = ["planned", "read", "remembered"]

UNKNOWN: Final = "unknown"
ANSWERS_LIMIT: Final = 20_000
"""More answers than any visit brings."""
READINGS_LIMIT: Final = 900
"""A sample holds a thousand, of all probes of a device."""


def planned(name: str) -> Family:
    """The family of that name; ProbeError says what is wrong with it."""
    try:
        plan = family(name)
        parts(plan)
    except (LookupError, ValueError) as error:
        raise ProbeError("bad_setting", str(error.args[0])) from error
    return plan


def read(talk: Talk, ports: Sequence[str] = ()) -> Answer:
    """The readings of one visit; a None has its reason in ``failed``."""
    readings: dict[str, Value] = {}
    failed: dict[str, Failure] = {}
    of_family = parts(planned(talk.family))
    answers = dict(islice(talk.answers.items(), ANSWERS_LIMIT))
    rows = _rows_by_column(answers, {column for part in of_family for column in _all_columns(part)})
    for part in of_family:
        more, why = _part(part, talk, answers, rows, ports)
        for name, value in more.items():
            if name not in readings or (readings[name] in (None, UNKNOWN) and value not in (None, UNKNOWN)):
                readings[name] = value
                failed.pop(name, None)
                failed |= {name: why[name]} if name in why else {}
    for part in of_family:
        for conclusion in part.conclusions:
            _conclude(conclusion, readings)
        for product in part.products:
            failed |= _refused(product, readings)
    kept = dict(islice(readings.items(), READINGS_LIMIT))
    return Answer(
        readings=kept,
        failed={name: why for name, why in failed.items() if name in kept},
        bytes_moved=talk.bytes_moved,
    )


def _part(
    part: Family, talk: Talk, answers: Mapping[str, Bound], rows: Rows, ports: Sequence[str]
) -> tuple[dict[str, Value], dict[str, Failure]]:
    """The readings of a family's own items."""
    readings: dict[str, Value] = {}
    failed: dict[str, Failure] = {}

    def put(name: str, meaning: tuple[Value, Failure | None] | None) -> None:
        if meaning is None or (meaning[0] is None and readings.get(name) is not None):
            return
        readings[name] = meaning[0]
        failed.pop(name, None)
        if meaning[1] is not None:
            failed[name] = meaning[1]

    for item in part.scalars:
        needed = answers.get(item.needs) if item.needs is not None else None
        if item.oid in answers and needed is not None and _plain(needed) == 0:
            put(item.reading, (None, ("absent", f"{item.needs} is 0, which makes {item.oid} say nothing")))
        elif item.oid in answers:
            put(item.reading, _meaning(item, item.oid, answers[item.oid], None))
        elif (reason := _not_told(item.oid, talk)) is not None:
            put(item.reading, (None, reason))
    for item in part.tables:
        found = list(_rows(item, answers, rows))
        if "[]" not in item.reading:
            found = found[:1]
            if not found and (reason := _not_told(item.oid, talk)) is not None:
                put(item.reading, (None, reason))
        for instance, oid, value, whole in found:
            put(item.reading.replace("[]", f"[{instance}]"), _meaning(item, oid, value, whole))
    for summary in part.summaries:
        values = _numbers(readings, summary.of)
        if values:
            put(summary.reading, (max(values) if summary.take == "max" else min(values), None))
    if part.ports is not None:
        uptime = _uptime(part.ports.uptime, answers)
        more, why = snmp_ports.read(part.ports, rows, talk.at_s, uptime, talk.past, ports)
        readings |= more
        failed |= why
    return readings, failed


def remembered(talk: Talk, ports: Sequence[str]) -> Past:
    """What the next visit is to know of the ports."""
    for part in parts(planned(talk.family)):
        if part.ports is not None:
            rows = _rows_by_column(talk.answers, set(_all_columns(part)))
            uptime = _uptime(part.ports.uptime, talk.answers)
            return snmp_ports.kept(part.ports, rows, talk.at_s, uptime, talk.past, ports)
    return Past(at_s=talk.at_s, uptime=None)


def _uptime(oid: str, answers: Mapping[str, Bound]) -> int | None:
    told = answers.get(oid)
    return told.value if told is not None and isinstance(told.value, int) else None


def _not_told(oid: str, talk: Talk) -> Failure | None:
    """Why an object that should be there is not: None means that the device simply does not have it."""
    if oid in talk.stumbled:
        return "bad_answer", f"the device answers {talk.stumbled[oid][:80]} to {oid}"
    if talk.cut is None:
        return None
    code, detail = talk.cut
    return code if code in FAILURES else "bad_answer", detail[:DETAIL_LIMIT]


# --- rows -------------------------------------------------------------------------------------------------------------


def _all_columns(part: Family) -> list[str]:
    ports = part.ports
    return part.columns() + ([] if ports is None else [*ports.fixed(), *ports.columns(), *ports.narrow()])


def _rows_by_column(answers: Mapping[str, Bound], columns: set[str]) -> Rows:
    """The rows of each column by their index. What has no number for an index is no row."""
    found: dict[str, dict[tuple[int, ...], Bound]] = {}
    for oid, value in answers.items():
        at = oid.rfind(".")
        while at > 0:
            if oid[:at] in columns:
                try:
                    index = tuple(map(int, oid[at + 1 :].split(".")))
                except ValueError:
                    break
                if all(0 <= part < 2**32 for part in index):
                    found.setdefault(oid[:at], {})[index] = value
                break
            at = oid.rfind(".", 0, at)
    return found


def _rows(item: Item, answers: Mapping[str, Bound], rows: Rows) -> Iterator[tuple[int, str, Bound, Bound | None]]:
    """The instance, OID, value and whole of each real row, in the order of the device."""
    found = rows.get(item.oid, {})
    if item.rows_of is not None:
        real = rows.get(item.rows_of, {})
        found = {index: value for index, value in found.items() if index in real}
    count = answers.get(item.rows) if item.rows is not None else None
    most = count.value if count is not None and isinstance(count.value, int) and count.value > 0 else ROWS_LIMIT
    wholes = rows.get(item.whole, {}) if item.whole is not None else {}
    seen: set[int] = set()
    for index in sorted(found)[: min(most, ROWS_LIMIT)]:
        # A second row of the same instance (another device index) would overwrite the first in silence.
        if item.index < len(index) and index[item.index] not in seen:
            seen.add(index[item.index])
            oid = ".".join([item.oid, *map(str, index)])
            yield index[item.index], oid, found[index], _whole(item, index, rows, wholes)


def _whole(item: Item, index: tuple[int, ...], rows: Rows, wholes: Mapping[tuple[int, ...], Bound]) -> Bound | None:
    """What a share is a share of: a hundred where the device says that it tells percent."""
    if item.percent_if is not None:
        column, told = item.percent_if
        beside = rows.get(column, {}).get(index)
        if beside is not None and beside.value == told:
            return Bound("integer", 100)
    return wholes.get(index)


# --- values -----------------------------------------------------------------------------------------------------------


def _meaning(item: Item, oid: str, value: Bound, whole: Bound | None) -> tuple[Value, Failure | None] | None:
    """The value, or None and why; None alone: the device is not of that kind."""
    if item.missing and _plain(value) in item.missing:
        return None
    if item.type == "word":
        return _word(item, value), None
    if item.type == "bits":
        return _first_bit(item, oid, value)
    return _number(item, oid, value, whole)


def _word(item: Item, value: Bound) -> Value:
    return (item.enum or {}).get(_text(value).casefold(), UNKNOWN)


def _first_bit(item: Item, oid: str, value: Bound) -> tuple[Value, Failure | None]:
    if not isinstance(value.value, bytes):
        return None, ("bad_answer", f"{oid} is {value.type[:20]}, expected octets")
    # Healthy printers answer 0, 1 or 2 octets: a bit that is not there is not set.
    octets = value.value
    for bit, word in item.bits:
        if bit // 8 < len(octets) and octets[bit // 8] & (0x80 >> bit % 8):
            return word, None
    return item.otherwise, None


_LEADING_NUMBER: Final = re.compile(r"\s*([-+]?[0-9]{1,20}(?:\.[0-9]{1,9})?(?:[eE][-+]?[0-9]{1,2})?)")


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
    is_within = (item.min is None or result >= item.min) and (item.max is None or result <= item.max)
    if not is_within or not math.isfinite(result):
        return None, ("implausible", f"{oid} is {raw:g}, expected {item.min} to {item.max}")
    rounded = round(result, 3)
    return int(rounded) if rounded == int(rounded) else rounded, None


def _plain(value: Bound) -> float | None:
    if isinstance(value.value, int):
        # Beyond 64 bits there is nothing that SNMP can say, and a float may not hold it.
        return value.value if -(2**63) <= value.value < 2**64 else None
    if value.type != "octets":
        return None
    match = _LEADING_NUMBER.match(_text(value))
    return None if match is None else float(match[1])


def _text(value: Bound) -> str:
    if isinstance(value.value, bytes):
        return value.value[:200].decode("utf-8", "replace").strip("\x00 \t\r\n")
    return str(value.value)[:200] if isinstance(value.value, str) else _digits(value.value)


def _digits(value: int) -> str:
    return str(value) if -(2**63) <= value < 2**64 else "a number beyond 64 bits"


# --- several readings -------------------------------------------------------------------------------------------------


def _numbers(readings: Mapping[str, Value], pattern: str) -> list[float]:
    return [value for name, value in readings.items() if _is_row(name, pattern) and isinstance(value, int | float)]


def _is_row(name: str, pattern: str) -> bool:
    before, rows, after = pattern.partition("[]")
    return name == pattern if not rows else name.startswith(before + "[") and name.endswith("]" + after)


def _conclude(conclusion: Conclusion, readings: dict[str, Value]) -> None:
    every = [value for name, value in readings.items() if _is_row(name, conclusion.every)]
    known = [value for value in every if isinstance(value, int | float)]
    some = _numbers(readings, conclusion.some)
    if known and len(known) == len(every) and max(known) < conclusion.below and max(some, default=0) > conclusion.above:
        readings[conclusion.reading] = conclusion.word


def _refused(product: Product, readings: dict[str, Value]) -> dict[str, Failure]:
    """Of the rows of a reading those that the product of others does not bear out become None; and why."""
    failed: dict[str, Failure] = {}
    for name, value in list(readings.items()):
        if not _is_row(name, product.reading) or not isinstance(value, int | float):
            continue
        instance = name[name.find("[") + 1 : name.find("]")] if "[" in name else ""
        others = [readings.get(one.replace("[]", f"[{instance}]")) for one in product.of]
        known = [one for one in others if isinstance(one, int | float)]
        if len(known) < len(others) or min(known) <= 0:
            continue
        expected = 1.0
        for one in known:
            expected *= one
        if not product.min * expected <= value <= product.max * expected:
            readings[name] = None
            failed[name] = ("implausible", f"{value:g} beside {' x '.join(f'{one:g}' for one in known)}")
    return failed
