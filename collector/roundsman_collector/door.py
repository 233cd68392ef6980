"""The collector's door: what comes in over MQTT is validated here, strictly, and trusted inside.

    report = validate_report(json)             -> Report, or Refusal at the first thing that cannot be used
    report, refused = split_report(json)       -> the good records, and why the others are none; slower
    birth = validate_birth(json);  state = validate_state(json)                 -> or Refusal

The types are those of `roundsman_wire.report`: standard-library typed dictionaries whose limits stand beside the
fields. wire_types.py makes them pydantic's; the schemas are generated from the same.

Rules:
* Strict: "101" is not a number, true is not 1, NaN and infinity are not readings. Unknown fields are dropped.
* A record of an unknown `kind` passes as a plain record (n, kind, boot, mono, t, ntp): it is stored and settled, and
  tells that the agent lived. A newer agent may talk to an older collector.
* A word that the catalogue does not know passes (it means *unknown*). Text where the catalogue has a number, or a
  number where it has words, refuses that record: cause `value`. A reading that is not in the catalogue may be either.
* One bad record does not cost its brothers: after a Refusal of `validate_report`, `split_report` says which are good.
* The same `n` twice with the same body counts once; with another body the first stays and the other is refused.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, NotRequired, TypedDict

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, from_json, to_json

from roundsman_collector.wire_types import KINDS, STRICT, Plain, typed
from roundsman_collector.wording import got, key, short, wanted
from roundsman_wire import VERSION, catalogue
from roundsman_wire.codec import by_row, canonical, misfolded, unfold
from roundsman_wire.report import RECORDS_LIMIT, Birth, Columns, Number, Record, Report, State, Value

CAUSES = {
    "json": "not JSON",
    "version": "a version of the contract that this collector does not speak",
    "shape": "a field is missing, of the wrong type or beyond its limits",
    "value": "a reading that cannot be what the catalogue says of it",
    "columns": "columns whose lists disagree",
    "duplicate": "the same number twice in one report, with another body",
}
"""Why the door refuses, as one word for counters."""

DETAIL_LIMIT = 300
PATH_LIMIT = 200
_NAMES_KEPT = 200_000


class Refusal(Exception):
    """A message, or a record in it, that the contract does not allow."""

    def __init__(self, cause: str, detail: str, where: str = "") -> None:
        super().__init__(f"{cause}: {where + ': ' if where else ''}{detail}")
        self.cause = cause
        """A key of CAUSES."""
        self.detail = detail
        """What was expected and what was there, shortened."""
        self.where = where
        """The path, `records[3].n`; empty for the message itself."""


class Refused(NamedTuple):
    """Records n..last of a report that are refused; `n` None: what stood there has no number that could be settled."""

    n: int | None
    last: int | None
    cause: str
    detail: str
    where: str


_REPORT: TypeAdapter[Report] = TypeAdapter(typed(Report))
_HEAD: TypeAdapter[Report] = TypeAdapter(typed(Report, skip=frozenset({"records", "columns"})))
_BIRTH: TypeAdapter[Birth] = TypeAdapter(typed(Birth))
_STATE: TypeAdapter[State] = TypeAdapter(typed(State))
_RECORDS: dict[str, TypeAdapter[Any]] = {name: TypeAdapter(typed(kind)) for name, kind in KINDS.items()}
_PLAIN: TypeAdapter[Any] = TypeAdapter(typed(Plain))
_NUMBER: TypeAdapter[int] = TypeAdapter(typed(Number), config=STRICT)


class _Grid(TypedDict):
    """Columns of which only the outline is right: enough to look at each row by itself."""

    device: Any
    n: tuple[Number, Number]
    boot: Any
    mono: list[Any]
    t: list[Any]
    ntp: NotRequired[Any]
    valid_s: Any
    points: list[str]
    values: list[list[Any]]
    failed: NotRequired[dict[str, Any]]


_GRID: TypeAdapter[Columns] = TypeAdapter(typed(_Grid))


# --- the fast path ---------------------------------------------------------------------------------------------------


def validate_report(plain: bytes) -> Report:
    """The report in a JSON text; raises Refusal at the first thing in it that cannot be used."""
    try:
        report = _REPORT.validate_json(plain)
    except ValidationError:
        sound = False
    else:
        sound = _is_sound(report)
    if not sound:
        report, refused = split_report(plain)
        if refused:
            raise Refusal(refused[0].cause, refused[0].detail, refused[0].where)
    return report


def validate_birth(plain: bytes) -> Birth:
    """The birth, or a page of one, in a JSON text; raises Refusal."""
    try:
        birth = _BIRTH.validate_json(plain)
    except ValidationError as error:
        raise _refusal(_document(plain), error) from None
    if birth["page"] > birth["pages"]:
        raise Refusal("shape", f"expected at most {birth['pages']} (`pages`), got {birth['page']}", "page")
    for at, stream in enumerate(birth["streams"]):
        if stream["oldest"] > stream["newest"] + 1:
            raise Refusal("shape", f"expected at most newest + 1, got {stream['oldest']}", f"streams[{at}].oldest")
    named = [device["device"] for device in birth["devices"]]
    for at, device in enumerate(named):
        if named.index(device) != at:
            raise Refusal("shape", f"expected each device once, got {device} again", f"devices[{at}].device")
    return birth


def validate_state(plain: bytes) -> State:
    """The state message in a JSON text; raises Refusal."""
    try:
        return _STATE.validate_json(plain)
    except ValidationError as error:
        raise _refusal(_document(plain), error) from None


def _is_sound(report: Report) -> bool:
    """Whether nothing is wrong with a report of the right shape. Not why: that is for `split_report`."""
    records = report.get("records", ())
    if len(records) == 1 and "columns" not in report:  # nearly every report: nothing to compare it with
        record = records[0]
        return _fits(record["readings"]) if record["kind"] == "sample" else not _is_bad_gap(record)
    numbers = {record["n"] for record in records}
    count = len(records)
    for record in records:
        if (record["kind"] == "sample" and not _fits(record["readings"])) or _is_bad_gap(record):
            return False
    for block in report.get("columns", ()):
        if misfolded(block) is not None:
            return False
        points = block["points"]
        if not all(_fits(dict(zip(points, row, strict=True))) for row in by_row(block)["values"]):
            return False
        numbers.update(range(block["n"][0], block["n"][1] + 1))
        count += len(block["t"])
    return len(numbers) == count <= RECORDS_LIMIT


_NUMERIC: tuple[type, ...] = (int, float, type(None))
_WORDS: tuple[type, ...] = (str, type(None))
_fitting: set[tuple[str, type]] = set()
"""Names that were looked up in the catalogue, with the types that fit them."""


def _fits(readings: Mapping[str, Value]) -> bool:
    """Whether each reading is of the type that the catalogue has for it."""
    return _fitting.issuperset(zip(readings, map(type, readings.values()), strict=True)) or all(
        map(_fits_one, readings, readings.values())
    )


def _fits_one(name: str, value: Value) -> bool:
    point = catalogue.find(name)
    fitting = (*_NUMERIC, *_WORDS) if point is None else _WORDS if point.words else _NUMERIC
    if len(_fitting) < _NAMES_KEPT:  # a device that invents names must not fill the memory
        _fitting.update((name, each) for each in fitting)
    return type(value) in fitting


def _is_bad_gap(record: Record) -> bool:
    """A range that runs downwards."""
    if record["kind"] != "gap":
        return False
    ranges = [record["lost"], *record.get("kept", ())]
    return any(one is not None and one[0] > one[1] for one in ranges)


# --- the slow path: which records are good? --------------------------------------------------------------------------


def split_report(plain: bytes) -> tuple[Report, list[Refused]]:
    """The report with its good records as rows, and what is wrong with the others.

    Raises Refusal where nothing can be settled: no JSON, another version, an envelope that is no report's.
    """
    document = _document(plain)
    report = _validated(_HEAD, document, "")
    records, blocks = _listed(document, "records"), _listed(document, "columns")
    good: dict[int, Record] = {}
    refused: list[Refused] = []
    for found in (*_rows(records), *_cells(blocks, room=RECORDS_LIMIT - len(records))):
        if isinstance(found, Refused):
            refused.append(found)
        elif (known := good.setdefault(found.record["n"], found.record)) is not found.record and not _same(
            known, found.record
        ):
            detail = f"expected each number once, got {found.record['n']} again with another body"
            refused.append(Refused(found.record["n"], found.record["n"], "duplicate", detail, f"{found.where}.n"))
    report["records"] = [good[n] for n in sorted(good)]
    return report, _joined(refused)


class _Found(NamedTuple):
    record: Record
    where: str


def _listed(document: Mapping[str, Any], name: str) -> list[Any]:
    listed = document.get(name, [])
    if not isinstance(listed, list):
        raise Refusal("shape", f"expected a list, got {short(listed)}", name)
    if len(listed) > RECORDS_LIMIT:
        raise Refusal("shape", f"expected at most {RECORDS_LIMIT} items, got {len(listed)}", name)
    return listed


def _rows(records: list[Any]) -> Iterator[_Found | Refused]:
    for at, record in enumerate(records):
        yield _row(record, f"records[{at}]")


def _row(record: Any, where: str) -> _Found | Refused:
    kind = record.get("kind") if isinstance(record, dict) else None
    adapter = _RECORDS.get(kind, _PLAIN) if isinstance(kind, str) else _PLAIN
    try:
        valid: Record = _validated(adapter, record, where)
        _judged(valid, where)
    except Refusal as refusal:
        n = _number_of(record)
        return Refused(n, n, refusal.cause, refusal.detail, refusal.where)
    return _Found(valid, where)


def _judged(record: Record, where: str) -> None:
    """What shape alone does not tell."""
    if record["kind"] == "gap" and _is_bad_gap(record):
        raise Refusal("shape", f"expected a range that runs upwards, got {short(record['lost'])}", f"{where}.lost")
    if record["kind"] == "sample" and not _fits(record["readings"]):
        for name, value in record["readings"].items():
            if not _fits({name: value}):
                said = catalogue.misfit(name, value) or ""
                raise Refusal("value", said[:DETAIL_LIMIT], f"{where}.readings.{key(name)}"[:PATH_LIMIT])


def _cells(blocks: list[Any], room: int) -> Iterator[_Found | Refused]:
    for at, block in enumerate(blocks):
        where = f"columns[{at}]"
        try:
            grid = _validated(_GRID, block, where)
        except Refusal as refusal:
            first, last = _numbers_of(block)
            yield Refused(first, last, refusal.cause, refusal.detail, refusal.where)
            continue
        flaw = misfolded(grid)
        room -= len(grid["t"])
        if flaw is None and room < 0:
            raise Refusal("shape", f"expected at most {RECORDS_LIMIT} records in rows and columns, got more", where)
        if flaw is not None:
            first, last = _numbers_of(block)
            yield Refused(first, last, "columns", flaw[:DETAIL_LIMIT], where)
            continue
        for row, sample in enumerate(unfold(grid)):
            yield _row(sample, f"{where}.row[{row}]")


def _numbers_of(block: Any) -> tuple[int | None, int | None]:
    """The numbers that a block which cannot be unfolded may settle: no more than it has rows, or a typing error in `n`
    would settle what is still to come."""
    listed = block.get("n") if isinstance(block, dict) else None
    first = _number_of({"n": listed[0]}) if isinstance(listed, list) and len(listed) == 2 else None
    last = _number_of({"n": listed[1]}) if isinstance(listed, list) and len(listed) == 2 else None
    if first is None or last is None or last < first:
        return first, first
    lists = ("mono", "t") if "by" in block else ("mono", "t", "values")
    rows = max((len(block[name]) for name in lists if isinstance(block.get(name), list)), default=1)
    return first, min(last, first + max(1, rows) - 1)


def _number_of(record: Any) -> int | None:
    try:
        return _NUMBER.validate_python(record.get("n")) if isinstance(record, dict) else None
    except ValidationError:
        return None


def _same(one: Record, other: Record) -> bool:
    return canonical(one) == canonical(other)


def _joined(refused: list[Refused]) -> list[Refused]:
    """Neighbours refused for the same cause as one range: an acknowledgement has room for few."""
    joined: list[Refused] = []
    for one in refused:
        before = joined[-1] if joined else None
        if before is not None and before.cause == one.cause and before.last is not None and one.n == before.last + 1:
            joined[-1] = before._replace(last=one.last)
        else:
            joined.append(one)
    return joined


# --- errors in words -------------------------------------------------------------------------------------------------


def _document(plain: bytes) -> dict[str, Any]:
    """The JSON object of a message, of our version; raises Refusal."""
    try:
        document = from_json(plain)
    except ValueError as error:
        raise Refusal("json", str(error)[:DETAIL_LIMIT]) from None
    if not isinstance(document, dict):
        raise Refusal("shape", f"expected an object, got {short(document)}")
    version = document.get("v")
    if type(version) in (int, float) and version != VERSION:
        raise Refusal("version", f"expected {VERSION}, got {short(version)}", "v")
    return document


def _validated(adapter: TypeAdapter[Any], value: Any, where: str) -> Any:
    """A part of a message, looked at by itself. As JSON again: strictness has other rules for Python's tuples."""
    try:
        return adapter.validate_json(to_json(value, inf_nan_mode="constants"))
    except ValidationError as error:
        raise _refusal(value, error, where) from None


def _refusal(document: Any, error: ValidationError, where: str = "") -> Refusal:
    """The first thing that pydantic found, with all it would have taken there."""
    errors = error.errors(include_url=False, include_context=False)
    path = _path(document, errors[0])
    expected = dict.fromkeys(wanted(each) for each in errors if _path(document, each) == path)
    text = f"expected {' or '.join(expected)}, got {got(errors[0])}"
    return Refusal("shape", text[:DETAIL_LIMIT], (where + path).removeprefix(".")[:PATH_LIMIT])


def _path(document: Any, error: ErrorDetails) -> str:
    """`.records[3].n`: as far as the document goes; pydantic puts the names of its own branches behind that."""
    path, inside = "", document
    for step in error["loc"]:
        missing = error["type"] == "missing"
        if isinstance(step, int) and isinstance(inside, list) and (step < len(inside) or missing):
            path, inside = f"{path}[{step}]", inside[step] if step < len(inside) else None
        elif isinstance(step, str) and isinstance(inside, dict) and (step in inside or missing):
            path, inside = f"{path}.{key(step)}", inside.get(step)
        else:
            break
    return path
