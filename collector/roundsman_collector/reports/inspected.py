"""What rounds saw, as reports tell it: read from their frozen documents. Pure.

    inspected_of(document) -> {"kiosk-7": Inspected(...), ...}      a device as a round saw it
    newest([documents]) -> the same, each device by the newest round that was about it
    verdicts(devices), lines(devices), unseen(devices)              tables

A document is core/inspection.Document as JSON (store/rounds.py keeps it): nothing is judged anew.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from roundsman_collector.core.inspection import ANSWERS, WORST, Reason, Verdict
from roundsman_collector.reports.document import (
    NONE,
    At,
    Component,
    Count,
    Found,
    Phrase,
    Reading,
    ReadingName,
    Table,
    Value,
)
from roundsman_wire.catalogue import FAILURES, Label

Json = Mapping[str, Any]
UNREACHED: Mapping[Reason, Label] = {
    "": Label(zh="未检", en="not seen"),
    "no_agent": Label(zh="没有采集端负责该设备", en="no agent speaks for it"),
    "refused": Label(zh="采集端拒绝", en="its agent refused"),
    "silent": Label(zh="采集端失联", en="its agent is silent"),
    "no_result": Label(zh="采集端未按时应答", en="its agent did not answer in time"),
    "no_answer": Label(zh="设备不应答", en="it does not answer its agent"),
    "not_sampled": Label(zh="采集端未送来采样", en="its agent sent no sample of it"),
}
COMMUNICATION = Label(zh="通信", en="communication")
OLD = Label(zh="旧读数", en="old reading")
UNKNOWN = Label(zh="设备不知", en="the device does not know")


class Measured(NamedTuple):
    """A reading with what it may not be. `why` it was not seen: `old`, `unknown`, a failure's code; empty: it was."""

    name: str
    value: Any
    t_ms: int
    limits: tuple[Json, ...]
    verdict: Verdict | None
    why: str
    stream: str
    n: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A component with its verdict, what was measured of it, and the faults that held: name, since when."""

    component: str
    verdict: Verdict
    measured: tuple[Measured, ...]
    faults: tuple[tuple[Label, int], ...]

    @property
    def deciding(self) -> Measured | None:
        """The reading behind the verdict: the first that has it."""
        return next((one for one in self.measured if one.verdict == self.verdict), None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Inspected:
    """A device as a round saw it. `reason` and `detail`: why nobody reached it; empty where somebody did."""

    device: str
    name: Label
    round: str
    asked_ms: int
    verdict: Verdict
    lines: tuple[Line, ...]
    others: tuple[Measured, ...] = ()
    reason: Reason = ""
    since_ms: int | None = None
    detail: str = ""

    @property
    def measured(self) -> Iterator[tuple[Line, Measured]]:
        """All that was judged."""
        return ((line, one) for line in self.lines for one in line.measured)


# --- from a document -------------------------------------------------------------------------------------------------


def inspected_of(document: Json) -> dict[str, Inspected]:
    """Every device of a round."""
    about = document["round"]
    return {one["id"]: _device(one, about) for one in document["devices"]}


def newest(documents: Iterable[Json]) -> dict[str, Inspected]:
    """Each device by the newest of these rounds that was about it."""
    found: dict[str, Inspected] = {}
    for document in sorted(documents, key=lambda one: one["round"]["asked_ms"]):
        found |= inspected_of(document)
    return found


def _device(one: Json, about: Json) -> Inspected:
    unreached = one["unreached"] or {}
    return Inspected(
        device=one["id"],
        name=_label(one["name"]),
        round=about["number"],
        asked_ms=about["asked_ms"],
        verdict=one["verdict"],
        lines=tuple(_line(line) for line in one["lines"]),
        others=tuple(_measured(other) for other in one["others"]),
        reason=unreached.get("reason", ""),
        since_ms=unreached.get("since_ms"),
        detail=unreached.get("detail", ""),
    )


def _line(line: Json) -> Line:
    return Line(
        component=line["component"],
        verdict=line["verdict"],
        measured=tuple(_measured(one) for one in (*line["measured"], *line["beside"])),
        faults=tuple((_label(fault["name"]), fault["from_ms"]) for fault in line["faults"]),
    )


def _measured(one: Json) -> Measured:
    return Measured(
        name=one["name"],
        value=one["value"],
        t_ms=one["t_ms"],
        limits=tuple(one["limits"]),
        verdict=one["verdict"],
        why=one["why"],
        stream=one["stream"],
        n=one["n"],
    )


def _label(both: Json) -> Label:
    return Label(zh=both["zh"], en=both["en"])


# --- on paper --------------------------------------------------------------------------------------------------------


def verdicts(devices: Iterable[Inspected]) -> Table:
    """How many devices and components have which verdict, the worst first."""
    listed = list(devices)
    of_devices = [one.verdict for one in listed]
    of_lines = [line.verdict for one in listed for line in one.lines]
    return Table(
        title=Label(zh="巡检结论", en="Verdicts"),
        columns=(
            Label(zh="结论", en="Verdict"),
            Label(zh="设备", en="Devices"),
            Label(zh="部件", en="Components"),
        ),
        rows=tuple(
            (Found(verdict), Count(of_devices.count(verdict)), Count(of_lines.count(verdict))) for verdict in WORST
        ),
        total=(Label(zh="合计", en="Total"), Count(len(of_devices)), Count(len(of_lines))),
    )


def lines(devices: Iterable[Inspected], *, title: Label) -> Table:
    """A row per component: its verdict with the number that decided it, the limit, and where that number stands."""
    rows = tuple(_row(one, line) for one in devices for line in one.lines)
    return Table(
        title=title,
        columns=(
            Label(zh="设备", en="Device"),
            Label(zh="部件", en="Component"),
            Label(zh="结论", en="Verdict"),
            Label(zh="读数", en="Reading"),
            Label(zh="数值", en="Value"),
            Label(zh="限值", en="Limit"),
            Label(zh="依据", en="Evidence"),
        ),
        rows=rows,
        widths=(18, 12, 9, 18, 13, 13, 17),
        none=Label(zh="本期没有巡检记录", en="no inspection in this period"),
        is_detail=True,
    )


def _row(one: Inspected, line: Line) -> tuple[Value, ...]:
    component: Value = COMMUNICATION if line.component == ANSWERS else Component(line.component)
    read = line.deciding
    why: Value = (
        _faults(line) if line.faults else UNREACHED[one.reason] if line.component == ANSWERS and one.reason else None
    )
    if read is None:
        return (one.name, component, Found(line.verdict), why, None, None, _round(one))
    return (
        one.name,
        component,
        Found(line.verdict),
        why or ReadingName(read.name),
        value_of(read),
        limits_of(read),
        evidence_of(read) or _round(one),
    )


def _faults(line: Line) -> Value:
    return tuple(
        Phrase(Label(zh="{0}，自 {1} 起", en="{0} since {1}"), (name, At(from_ms))) for name, from_ms in line.faults
    )


def _round(one: Inspected) -> Value:
    return (one.round, At(one.asked_ms))


def value_of(read: Measured) -> Value:
    """A reading as it was seen, or why it was not."""
    if read.why == "unknown":
        return UNKNOWN
    if read.why and read.why != "old":
        return FAILURES.get(read.why, Label(zh=read.why, en=read.why))
    return (Reading(read.name, read.value), OLD) if read.why else Reading(read.name, read.value)


def limits_of(read: Measured) -> Value:
    """What a reading may not be."""
    return tuple(_limit(read.name, one) for one in read.limits)


def _limit(name: str, limit: Json) -> Phrase:
    if limit["form"] == "one_of":
        words = tuple(Reading(name, word) for word in limit["words"])
        holes = [f"{{{place}}}" for place in range(len(words))]
        return Phrase(Label(zh="不得为：" + "、".join(holes), en="not: " + ", ".join(holes)), words)
    sign = "≤" if limit["form"] == "above" else "≥"
    return Phrase(Label(zh=f"{sign} {{0}}", en=f"{sign} {{0}}"), (Reading(name, limit["number"]),))


def evidence_of(read: Measured) -> Value:
    """When it was taken, and the record that it stands in."""
    if not read.t_ms:
        return None
    return (At(read.t_ms), f"{read.stream}#{read.n}") if read.stream else At(read.t_ms)


def unseen(devices: Iterable[Inspected]) -> Table:
    """Who was not reached, with the reason."""
    rows = tuple(
        (one.name, one.round, UNREACHED[one.reason], None if one.since_ms is None else At(one.since_ms), one.detail)
        for one in devices
        if one.reason
    )
    return Table(
        title=Label(zh="未检设备及原因", en="Not seen, and why"),
        columns=(
            Label(zh="设备", en="Device"),
            Label(zh="巡检编号", en="Round"),
            Label(zh="原因", en="Reason"),
            Label(zh="自", en="Since"),
            Label(zh="说明", en="Detail"),
        ),
        rows=rows,
        widths=(24, 18, 22, 18, 18),
        none=NONE,
        is_detail=True,
    )
