"""Families of SNMP devices as data: how to recognise one, which objects to ask. What answers mean: snmp_meaning.py.

    families/ups.toml -> Family -> objects() to get, columns() to walk

The families that travel with the agent lie beside this file. A field engineer adds one, or mends one of ours, as a file
of that name in `/etc/roundsman-agent/families` (or where the environment's ROUNDSMAN_FAMILIES says): it is read when
the agent starts, and no configuration from outside can name another folder. A file:

    en = "UPS (UPS-MIB, RFC 1628)"
    zh = "不间断电源 (RFC 1628)"
    identify = ["1.3.6.1.2.1.33.1"]      # a device that answers anything below one of these may belong to the family
    evidence = ["1.3.6.1.2.1.17"]        # … and, unless it is named, must answer anything below one of these,
    makers = ["1.3.6.1.4.1.935"]         # or say (sysObjectID) that it is of one of these makers, who win anyway
    rank = 1                             # of several families that fit the highest counts; then the first by name
    also = ["ups"]                       # what these families know counts too, where this one knows nothing

    [[scalar]]                           # one object
    reading = "ups.runtime_min"          # a name of the catalogue; its unit is the catalogue's
    oid = "1.3.6.1.2.1.33.1.2.3.0"
    type = "number"                      # number | word | bits
    missing = [0]                        # numbers that mean "I am not of that kind": no reading
    sentinels = [-1, 65535]              # numbers that mean "no such measurement": None, reason absent
    scale = 0.1                          # applied after the sentinels
    tenths_above = 600                   # a scaled value above this was told in tenths (units lie): divided by 10
    min = 0                              # outside of min..max after scaling: None, reason implausible
    max = 100000
    needs = "1.3.6.1.4.1.39165.1.8.0"    # an object that, being 0, makes this one say nothing: None, reason absent
    enum = { 2 = "normal", 3 = "low" }   # words by number or by text; what is not listed is the word "unknown"
    bits = [[1, "end"], [0, "near_end"]] # the first bit that is set names the word; bit 0 is the first octet's 0x80
    otherwise = "ok"                     # … and this when none is

    [[table]]                            # one column; all keys of a scalar but needs, and:
    reading = "input[].volts"            # with []: one reading per row. Without, or with [1]: the first row only
    oid = "1.3.6.1.2.1.33.1.3.3.1.3"
    index = 0                            # which number of the row's index is the instance; ".3.0" counts as 3
    rows = "1.3.6.1.2.1.33.1.3.2.0"      # an object that says how many rows are real (some cards show empty phases)
    rows_of = "1.3.6.1.2.1.25.3.5.1.1"   # only rows that this column has too
    whole = "1.3.6.1.2.1.43.11.1.1.8"    # the value is a share of this column's: percent
    percent_if = { "1.3.6.1.2.1.43.11.1.1.7" = 19 }   # … but percent already where that column has that value

    [[summary]]
    reading = "ups.load_percent"
    of = "output[].load_percent"
    take = "max"                         # max | min

    [[product]]                          # a reading that others vouch for: refused unless min..max of their product
    reading = "output[].watts"
    of = ["output[].volts", "output[].amperes"]
    min = 0.2
    max = 1.3

    [[conclusion]]                       # a word that measurements prove, whatever the device says
    reading = "ups.output_source"
    word = "battery"
    every = "input[].volts"              # all of these are known and below …
    below = 10
    some = "output[].volts"              # … and one of these is above
    above = 80

    [ports]                              # the interfaces of a switch: snmp_ports.py

Of several items with one reading the last that gives a value counts. What a device does not have (noSuchObject and its
kin) is no reading at all. Numbers may come as text with a unit ("15 PERCENT"): the leading number counts.
"""

from __future__ import annotations

import logging
import os
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import MISSING, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

from roundsman_agent.snmp_ber import Bound
from roundsman_agent.snmp_ports import Past, Ports
from roundsman_agent.snmp_visit import below

__all__ = [
    "Conclusion",
    "Family",
    "FamilyError",
    "Item",
    "Product",
    "Summary",
    "Talk",
    "families",
    "family",
    "fitting",
    "names",
    "parts",
]

log = logging.getLogger("roundsman.agent")

FOLDER: Final = Path(__file__).parent / "families"
OWN: Final = Path(os.environ.get("ROUNDSMAN_FAMILIES") or "/etc/roundsman-agent/families")
_INSTANCE: Final = re.compile(r"\[[0-9]+\]")
FILE_LIMIT: Final = 256 * 1024

Type = Literal["number", "word", "bits"]
Failure = tuple[str, str]


class FamilyError(ValueError):
    """The file of a family cannot be used: file, place, key, what was expected."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One object or one column and its meaning; the module's docstring explains every field."""

    reading: str
    oid: str
    type: Type = "number"
    scale: float = 1.0
    tenths_above: float | None = None
    missing: frozenset[int] = frozenset()
    sentinels: frozenset[int] = frozenset()
    min: float | None = None
    max: float | None = None
    needs: str | None = None
    enum: Mapping[str, str] | None = None
    bits: tuple[tuple[int, str], ...] = ()
    otherwise: str = "unknown"
    index: int = 0
    rows: str | None = None
    rows_of: str | None = None
    whole: str | None = None
    percent_if: tuple[str, int] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """One number out of the rows of a table."""

    reading: str
    of: str
    take: Literal["max", "min"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Product:
    """A reading that is believed only beside the product of others."""

    reading: str
    of: tuple[str, ...]
    min: float
    max: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Conclusion:
    """A word that measurements prove."""

    reading: str
    word: str
    every: str
    below: float
    some: str
    above: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """A kind of device: how to recognise it, what to ask, what it means."""

    name: str
    zh: str
    en: str
    identify: tuple[str, ...]
    evidence: tuple[str, ...] = ()
    makers: tuple[str, ...] = ()
    rank: int = 0
    also: tuple[str, ...] = ()
    scalars: tuple[Item, ...] = ()
    tables: tuple[Item, ...] = ()
    summaries: tuple[Summary, ...] = ()
    products: tuple[Product, ...] = ()
    conclusions: tuple[Conclusion, ...] = ()
    ports: Ports | None = None

    def objects(self) -> list[str]:
        """The single objects to get, each once."""
        counts = (oid for item in (*self.scalars, *self.tables) for oid in (item.rows, item.needs) if oid is not None)
        uptime = () if self.ports is None else (self.ports.uptime,)
        return list(dict.fromkeys([*(item.oid for item in self.scalars), *counts, *uptime]))

    def columns(self) -> list[str]:
        """The columns to walk, each once; those of ports say for themselves when they are walked."""
        beside = (item.percent_if[0] for item in self.tables if item.percent_if is not None)
        own = (part for item in self.tables for part in (item.oid, item.rows_of, item.whole))
        return list(dict.fromkeys(part for part in (*own, *beside) if part is not None))

    def readings(self) -> list[str]:
        """The names of all readings it may give, each once, with empty brackets."""
        items = [item.reading for item in (*self.scalars, *self.tables)]
        made = [_INSTANCE.sub("[]", name) for name in (*items, *(summary.reading for summary in self.summaries))]
        return list(dict.fromkeys([*made, *(() if self.ports is None else self.ports.readings())]))


@dataclass(frozen=True, kw_only=True, slots=True)
class Talk:
    """What one visit brought: answers by OID, objects the device stumbled over, and why it ended early if it did.

    `past` is what visits before knew of the ports of a switch; `at_s` is when this one was, on the same clock.
    """

    family: str
    answers: Mapping[str, Bound]
    stumbled: Mapping[str, str]
    cut: Failure | None
    bytes_moved: int | None = None
    at_s: float = 0.0
    past: Past | None = None


# --- which there are --------------------------------------------------------------------------------------------------

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


def names() -> tuple[str, ...]:
    """Every family there is, in alphabetical order."""
    return tuple(sorted(_files()))


def families() -> tuple[Family, ...]:
    """All that can be used; one that cannot is told in the log, once."""
    return tuple(one for path in _files().values() if (one := _sound(path)) is not None)


def family(name: str) -> Family:
    """The family of that name; LookupError names those that exist, FamilyError says what is wrong in its file."""
    files = _files()
    if name not in files:
        raise LookupError(f"there is no SNMP family {name[:80]!r}; there are {', '.join(sorted(files))}")
    return _loaded(files[name])


def parts(plan: Family) -> tuple[Family, ...]:
    """The family and those that it counts on, in the order in which they are believed."""
    return (plan, *(family(name) for name in plan.also))


def fitting(candidates: Iterable[Family], seen: Sequence[str], maker: str, *, is_named: bool) -> Family | None:
    """Of these the family of a device that has the objects `seen` and says `maker` (its sysObjectID); None: none.

    One that somebody named needs no evidence.
    """

    def has(roots: Sequence[str]) -> bool:
        return any(below(oid, root) for oid in seen for root in roots)

    def is_of(makers: Sequence[str]) -> bool:
        return any(below(maker, root) for root in makers)

    fit = [
        one
        for one in candidates
        if has(one.identify) and (is_named or not one.evidence or has(one.evidence) or is_of(one.makers))
    ]
    return min(fit, key=lambda one: (not is_of(one.makers), -one.rank, one.name), default=None)


def _files() -> Mapping[str, Path]:
    """The file of each name; one of the operator's own stands for ours."""
    return _looked_up(FOLDER, OWN)


@cache
def _looked_up(ours: Path, own: Path) -> Mapping[str, Path]:
    """Once: a visit asks several times."""
    found = {path.stem: path for path in sorted(ours.glob("*.toml"))}
    with suppress(OSError):  # a folder that may not be read is as good as none
        found |= {path.stem: path for path in sorted(own.glob("*.toml")) if _NAME.fullmatch(path.stem)}
    return found


@cache
def _sound(path: Path) -> Family | None:
    try:
        return _loaded(path)
    except FamilyError as error:
        log.warning("snmp: the family is left out: %s", error)
        return None


# --- files ------------------------------------------------------------------------------------------------------------

_OID: Final = re.compile(r"[0-2](\.(0|[1-9]\d{0,9})){1,126}")
_READING: Final = re.compile(r"[a-z][a-z0-9_]*(\[[0-9]{0,3}\])?\.[a-z0-9][a-z0-9_]*")
_TYPES: Final = ("number", "word", "bits")
_LISTS: Final = {
    "scalar": Item,
    "table": Item,
    "summary": Summary,
    "product": Product,
    "conclusion": Conclusion,
}
_NOT_OF: Final = {
    "scalar": frozenset({"index", "rows", "rows_of", "whole", "percent_if"}),
    "table": frozenset({"needs"}),
}


@cache
def _loaded(path: Path) -> Family:
    try:
        with path.open("rb") as file:
            text = file.read(FILE_LIMIT + 1)
        if len(text) > FILE_LIMIT:
            raise ValueError(f"is longer than {FILE_LIMIT} bytes")
        return _family(path.stem, tomllib.loads(text.decode("utf-8")))
    except (OSError, ValueError) as error:  # TOMLDecodeError and UnicodeDecodeError are ValueErrors too
        raise FamilyError(f"{path}: {error}") from error


def _family(name: str, raw: dict[str, Any]) -> Family:
    lists = {key: raw.pop(key, []) for key in _LISTS}
    ports = raw.pop("ports", None)
    known = ("zh", "en", "identify", "evidence", "makers", "rank", "also")
    for key in raw:
        if key not in known:
            raise ValueError(f"{key}: there is no such key; expected {', '.join((*known, *_LISTS, 'ports'))}")
    for key in ("zh", "en", "identify"):
        if key not in raw:
            raise ValueError(f"{key}: is missing")
    made: dict[str, list[Any]] = {
        key: [_entry(key, i, kind, entry) for i, entry in enumerate(_tables(key, lists[key]), 1)]
        for key, kind in _LISTS.items()
    }
    return Family(
        name=name,
        zh=_text("zh", raw["zh"]),
        en=_text("en", raw["en"]),
        identify=_oids("identify", raw["identify"]),
        evidence=_oids("evidence", raw.get("evidence", [])),
        makers=_oids("makers", raw.get("makers", [])),
        rank=_whole("rank", raw.get("rank", 0)),
        also=tuple(_text("also", one) for one in _list("also", raw.get("also", []))),
        scalars=tuple(made["scalar"]),
        tables=tuple(made["table"]),
        summaries=tuple(made["summary"]),
        products=tuple(made["product"]),
        conclusions=tuple(made["conclusion"]),
        ports=None if ports is None else _ports(ports),
    )


def _entry(section: str, place: int, kind: type, entry: Mapping[str, Any]) -> Any:
    """One table of a file as what it is; the error says which and its key."""
    where = f"[[{section}]] {place}"
    if isinstance(entry.get("reading"), str):
        where += f" ({entry['reading'][:80]})"
    try:
        allowed = {one.name: one for one in fields(kind)}
        for key in entry:
            if key not in allowed or key in _NOT_OF.get(section, ()):
                raise ValueError(f"{key}: there is no such key; expected {', '.join(allowed)}")
        for key, one in allowed.items():
            if one.default is MISSING and one.default_factory is MISSING and key not in entry:
                raise ValueError(f"{key}: is missing")
        if kind is Summary and not isinstance(entry["of"], str):
            raise ValueError("of: expected one reading")
        if kind is Product and not isinstance(entry["of"], list):
            raise ValueError("of: expected a list of readings")
        made = kind(**{key: _READERS[key](key, value) for key, value in entry.items()})
        _whole_entry(made)
    except ValueError as error:
        raise ValueError(f"{where}, {error}") from error
    return made


def _whole_entry(made: object) -> None:
    """What no key says by itself."""
    if isinstance(made, Item) and (
        (made.type == "word") != (made.enum is not None) or (made.type == "bits") != bool(made.bits)
    ):
        raise ValueError("type: a word needs enum, bits need bits, a number neither")


def _ports(raw: object) -> Ports:
    if not isinstance(raw, dict):
        raise ValueError("ports: expected a table")
    readers = {one.name: one for one in fields(Ports)}
    given: dict[str, Any] = {}
    for key, value in raw.items():
        if key not in readers:
            raise ValueError(f"[ports], {key}: there is no such key; expected {', '.join(readers)}")
        try:
            if key == "kinds":
                given[key] = _numbers(key, value)
            elif isinstance(value, list):
                given[key] = _oids(key, value)
            else:
                given[key] = _oid(key, value)
        except ValueError as error:
            raise ValueError(f"[ports], {error}") from error
    for key, one in readers.items():
        if one.default is MISSING and key not in given:
            raise ValueError(f"[ports], {key}: is missing")
        if key in given and isinstance(given[key], str) != (one.type == "str"):
            raise ValueError(f"[ports], {key}: expected {'an OID' if one.type == 'str' else 'a list of OIDs'}")
    return Ports(**given)


# --- values of keys ---------------------------------------------------------------------------------------------------


def _text(key: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{key}: expected a text, got {value!r:.80}")
    return value


def _oid(key: str, value: object) -> str:
    if not isinstance(value, str) or not _OID.fullmatch(value):
        raise ValueError(f"{key}: expected an OID like 1.3.6.1.2.1.1.3.0, got {value!r:.80}")
    return value


def _reading(key: str, value: object) -> str:
    if not isinstance(value, str) or not _READING.fullmatch(value):
        raise ValueError(f"{key}: expected a reading like ups.runtime_min or output[].volts, got {value!r:.80}")
    return value


def _type(key: str, value: object) -> str:
    if value not in _TYPES:
        raise ValueError(f"{key}: {value!r:.80} is not number, word or bits")
    return str(value)


def _take(key: str, value: object) -> str:
    if value not in ("max", "min"):
        raise ValueError(f"{key}: {value!r:.80} is not max or min")
    return str(value)


def _number(key: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{key}: expected a number, got {value!r:.80}")
    return value


def _whole(key: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > 1000:
        raise ValueError(f"{key}: expected a whole number, got {value!r:.80}")
    return value


def _place(key: str, value: object) -> int:
    if (place := _whole(key, value)) < 0:
        raise ValueError(f"{key}: expected 0 or more, got {value!r:.80}")
    return place


def _list(key: str, value: object) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{key}: expected a list, got {value!r:.80}")
    return value


def _tables(key: str, value: object) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise ValueError(f"{key}: expected tables [[{key}]]")
    return value


def _oids(key: str, value: object) -> tuple[str, ...]:
    return tuple(_oid(key, one) for one in _list(key, value))


def _numbers(key: str, value: object) -> frozenset[int]:
    if not all(isinstance(one, int) and not isinstance(one, bool) for one in _list(key, value)):
        raise ValueError(f"{key}: expected whole numbers, got {value!r:.80}")
    return frozenset(_list(key, value))


def _enum(key: str, value: object) -> Mapping[str, str]:
    if not isinstance(value, dict) or not value or not all(isinstance(word, str) for word in value.values()):
        raise ValueError(f'{key}: expected words, like {{ 2 = "normal" }}, got {value!r:.80}')
    return {told.casefold(): word for told, word in value.items()}


def _bits(key: str, value: object) -> tuple[tuple[int, str], ...]:
    pairs = []
    for one in _list(key, value):
        if not isinstance(one, list) or [type(part) for part in one] != [int, str] or not 0 <= one[0] < 4096:
            raise ValueError(f'{key}: expected pairs like [1, "end"], got {one!r:.80}')
        pairs.append((one[0], one[1]))
    return tuple(pairs)


def _beside(key: str, value: object) -> tuple[str, int]:
    if not isinstance(value, dict) or len(value) != 1 or not all(type(one) is int for one in value.values()):
        raise ValueError(f"{key}: expected one column and its number, got {value!r:.80}")
    ((oid, number),) = value.items()
    return _oid(key, oid), number


def _of(key: str, value: object) -> str | tuple[str, ...]:
    return tuple(_reading(key, one) for one in value) if isinstance(value, list) else _reading(key, value)


_READERS: Final[Mapping[str, Any]] = {
    "reading": _reading,
    "oid": _oid,
    "type": _type,
    "scale": _number,
    "tenths_above": _number,
    "missing": _numbers,
    "sentinels": _numbers,
    "needs": _oid,
    "min": _number,
    "max": _number,
    "enum": _enum,
    "bits": _bits,
    "otherwise": _text,
    "index": _place,
    "rows": _oid,
    "rows_of": _oid,
    "whole": _oid,
    "percent_if": _beside,
    "of": _of,
    "take": _take,
    "word": _text,
    "every": _reading,
    "below": _number,
    "some": _reading,
    "above": _number,
}
