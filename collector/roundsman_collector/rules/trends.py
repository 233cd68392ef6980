"""What is watched for getting worse, from YAML: which readings are kept by the day, and what is too much. Pure.

trends = trends_from(text, source="trends.yaml")       RulesError tells all that is wrong
trends.watch_of("disk[/var].used_percent")             the Watch; None: it is not watched
trends.is_kept("channel[3].required_days")             watched, or the limit of something that is
limit_of(watch, policy)                                what its fault's rule says is too much, for a device
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from pydantic_core import ErrorDetails

from roundsman_collector.core.forecast import Watch
from roundsman_collector.core.policy import Above, Below, Policy
from roundsman_collector.rules.flaws import twice
from roundsman_collector.rules.shape import Bound, Code, Name, RulesError, Strict, Word, path_of, read, told
from roundsman_collector.rules.written import shape_of
from roundsman_collector.wording import nearest
from roundsman_wire.catalogue import POINTS, find, split

NAMES_KEPT = 20_000
"""So many names are remembered with what they are: a stranger must not fill memory with names of their own making."""


class PartRow(Strict):
    """What is to be taken along."""

    zh: Name
    en: Name


class TrendRow(Strict):
    """Something that is watched."""

    code: Word
    zh: Name
    en: Name
    readings: Annotated[list[Name], Field(min_length=1)]
    of: Literal["least", "greatest", "last", "restarts"]
    towards: Literal["up", "down"]
    limit: Bound | None = None
    fault: Code | None = None
    limit_reading: Name | None = None
    least_days: Annotated[int, Field(ge=7, le=90)]
    jump: Annotated[float, Field(gt=0, le=1e15)]
    part: PartRow | None = None

    @model_validator(mode="after")
    def _says_one_limit(self) -> "TrendRow":
        said = [one for one in (self.limit, self.fault, self.limit_reading) if one is not None]
        if len(said) != 1:
            raise ValueError("one of limit, fault, limit_reading")
        return self


class TrendFile(Strict):
    """The whole file."""

    trends: Annotated[list[TrendRow], Field(min_length=1)]


class Trends:
    """All that is watched, by the names of readings."""

    def __init__(self, watches: Sequence[Watch]) -> None:
        self.watches = tuple(watches)
        self._by_reading = {one.reading: one for one in watches}
        self._kept = {*self._by_reading, *(one.limit_reading for one in watches if one.limit_reading)}
        self._known: dict[str, bool] = {}

    def watch_of(self, reading: str) -> Watch | None:
        """What watches a reading of a device."""
        point = find(reading)
        return None if point is None else self._by_reading.get(point.name)

    def is_kept(self, reading: str) -> bool:
        """Whether a reading's days are kept; asked for each reading of each sample."""
        known = self._known.get(reading)
        if known is None:
            point = find(reading)
            known = point is not None and point.name in self._kept
            if len(self._known) < NAMES_KEPT:
                self._known[reading] = known
        return known


def trends_from(text: str, *, source: str) -> Trends:
    """What a file says; RulesError tells everything that is wrong with it."""
    rows = read(text, TrendFile, source=source, problem=_problem).trends
    flaws = [f"{source}: {row.code}: {flaw}" for row in rows for flaw in _flaws(row)]
    flaws += [f"{source}: {flaw}" for flaw in twice(row.code for row in rows)]
    flaws += [f"{source}: readings: {flaw}" for flaw in twice(one for row in rows for one in row.readings)]
    if flaws:
        raise RulesError(flaws)
    return Trends([_watch(row, reading) for row in rows for reading in row.readings])


def limit_of(watch: Watch, policy: Policy) -> float | None:
    """What is too much: the watch's own limit, or that of its fault's rule; None: the device says it, or nobody."""
    if not watch.fault:
        return watch.limit
    for rule in policy.rules:
        if rule.code == watch.fault and isinstance(rule.when, Above | Below) and not rule.when.per:
            is_same = rule.when.reading == shape_of(watch.reading)
            return rule.when.limit if is_same else None
    return None


def limit_name(watch: Watch, reading: str) -> str | None:
    """The reading that says what is too much of this one: `channel[3].required_days` of `channel[3].retained_days`."""
    if not watch.limit_reading:
        return None
    instance = split(reading).instance
    return watch.limit_reading if instance is None else watch.limit_reading.replace("[]", f"[{instance}]")


def _watch(row: TrendRow, reading: str) -> Watch:
    return Watch(
        code=row.code,
        zh=row.zh,
        en=row.en,
        reading=reading,
        of=row.of,
        towards=row.towards,
        least_days=row.least_days,
        jump=row.jump,
        limit=row.limit,
        fault=row.fault or "",
        limit_reading=row.limit_reading or "",
        part_zh="" if row.part is None else row.part.zh,
        part_en="" if row.part is None else row.part.en,
    )


def _flaws(row: TrendRow) -> list[str]:
    named = [*row.readings, *([row.limit_reading] if row.limit_reading else [])]
    flaws = [
        f"expected a reading of the catalogue, got {one!r}{nearest(one, POINTS)}" for one in named if one not in POINTS
    ]
    flaws += [f"{one} is a word, which neither rises nor falls" for one in named if one in POINTS and POINTS[one].words]
    strange = [one for one in row.readings if row.of == "restarts" and not one.endswith(".uptime_s")]
    return [*flaws, *(f"{one}: restarts are counted by an uptime in seconds" for one in strange)]


def _problem(error: ErrorDetails, document: Any, source: str) -> str:
    """A line of words for an error: the file, the row by its code, the key."""
    steps = error["loc"]
    known = list(PartRow.model_fields if "part" in steps[:-1] else TrendRow.model_fields)
    return told(error, f"{source}, {path_of(steps)}{_named(document, steps)}", known)


def _named(document: Any, steps: Sequence[int | str]) -> str:
    """The code of the row that a path leads into, in brackets; nothing in a file that has none there."""
    try:
        return f" ({document['trends'][steps[1]]['code']})"
    except (IndexError, KeyError, TypeError):
        return ""
