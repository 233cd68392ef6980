"""工程师绩效 performance of engineers: 开机率, 到场, 二次返修, 三个不漏, 两个保证, 回访率, 评价. Pure.

    build(PerformanceInputs(head=..., rows=(EngineerRow(...), ...), total=EngineerRow(...), ...)) -> Document

Devices count for whoever looked after them on the day, tickets for who was sent (core/kept.py). Of the company each
engineer has a row; of one engineer the report adds the devices, the clocks, the months, and the tickets that tell why.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from roundsman_collector.core.judgements import Ratings
from roundsman_collector.core.kept import FIGURES, Kept, figure
from roundsman_collector.core.reckoning import Reckoned
from roundsman_collector.reports.by_clock import by_clock
from roundsman_collector.reports.document import (
    At,
    Count,
    Document,
    Heading,
    Notes,
    Number,
    Part,
    Share,
    Signature,
    Signatures,
    Span,
    Table,
    Value,
)
from roundsman_collector.reports.head import Head, paper
from roundsman_collector.reports.words import yes_no
from roundsman_wire.catalogue import Label

TITLE = Label(zh="工程师绩效报告", en="Performance of engineers")
ENGINEER = Label(zh="工程师", en="Engineer")
TICKET = Label(zh="工单号", en="Ticket")
ALL = Label(zh="合计", en="all")
NOBODY = Label(zh="（无人负责）", en="(nobody)")
NONE = Label(zh="本期无", en="none in this period")
ARRIVE = "arrive"
"""The clock of arrivals (core/level.CLOCKS)."""
NOTES = (
    Label(
        zh="开机率 = 正常 ÷ 服务时间；故障、网络、未知、检修、停用时间分列。设备按当时的负责人计，换人起计入新负责人。",
        en="Power-on rate = up ÷ service time; faults, network, unknown, maintenance and pauses stand beside it. A "
        "device counts for whoever looked after it then.",
    ),
    Label(
        zh="工单按派给的工程师计，按受理时间计入周期；作废、合并、转出的不计。"
        "二次返修：修复后重开，或同一部件 30 天内再修。",
        en="A ticket counts for who was sent, in the period in which it was opened; what was voided, merged or "
        "transferred does not. A second repair: opened again, or the same part mended within 30 days.",
    ),
    Label(
        zh="三个不漏：来电均登记为工单，故没有“来电无工单”；“超时未解决”为有单无果，“应回访未回访”为有果无回访。"
        "没有登记的来电无从统计。",
        en="Nothing left out: every call that is written down is a ticket, so that none is without one. Not solved in "
        "time: a ticket without a result. Not followed up: a result without a call back. A call that nobody wrote down "
        "cannot be counted.",
    ),
)
REST = (
    ("fault", Label(zh="故障", en="Faults")),
    ("network", Label(zh="网络", en="Network")),
    ("unknown", Label(zh="未知", en="Unknown")),
    ("maintenance", Label(zh="检修", en="Maintenance")),
    ("paused", Label(zh="停用", en="Paused")),
)
MISSED_NOTHING = ("unsolved", "unfollowed")
PROMISED = ("appointments", "satisfaction")
REPAIRS = ("second_repairs", "spares", "remote")
CALLS = ("follow_ups", "repeat_calls")


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineerRow:
    """An engineer, or all of them. `reckoned` None: no device was theirs."""

    name: Label
    reckoned: Reckoned | None
    counts: Mapping[str, int]
    clocks: tuple[Kept, ...]
    ratings: Ratings


@dataclass(frozen=True, kw_only=True, slots=True)
class DeviceRow:
    """A device of one engineer, for the days on which it was theirs."""

    name: Label
    device: str
    reckoned: Reckoned


@dataclass(frozen=True, kw_only=True, slots=True)
class TicketLine:
    """A ticket that tells why a figure is as it is."""

    number: str
    fault: Label
    subject: str
    opened_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What the customer of a ticket said."""

    number: str
    at_ms: int
    satisfied: bool | None
    rating: int | None
    words: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PerformanceInputs:
    """Everything that the report says. Of the company `devices`, `behind` and `said` are empty.

    `months`: the reckoning by local month, where the period has several. `behind`: a name of FIGURES and its tickets.
    """

    head: Head
    rows: tuple[EngineerRow, ...]
    total: EngineerRow
    months: tuple[tuple[str, Reckoned], ...] = ()
    devices: tuple[DeviceRow, ...] = ()
    behind: Mapping[str, tuple[TicketLine, ...]] | None = None
    said: tuple[Said, ...] = ()


def build(inputs: PerformanceInputs) -> Document:
    """The report on paper."""
    return paper(
        inputs.head,
        form="engineer_performance",
        title=TITLE,
        shape="landscape",
        parts=(
            Heading(label=Label(zh="开机率", en="Power-on rate")),
            _power_on(inputs),
            *_months(inputs),
            *_devices(inputs),
            Heading(label=Label(zh="服务质量", en="Quality of service")),
            _arrivals(inputs),
            _figures(Label(zh="返修、备件、远程解决", en="Repairs"), REPAIRS, inputs),
            Heading(label=Label(zh="三个不漏、两个保证", en="Nothing left out, two promises")),
            _left_out(inputs),
            _figures(Label(zh="回访与重复报修", en="Calls"), CALLS, inputs),
            _promises(inputs),
            *_one(inputs),
            Notes(entries=NOTES),
            Signatures(
                signers=(
                    Signature(label=Label(zh="制表", en="Made by")),
                    Signature(label=Label(zh="审核", en="Reviewed by")),
                )
            ),
        ),
    )


# --- devices ---------------------------------------------------------------------------------------------------------


def _power_on(inputs: PerformanceInputs) -> Table:
    return Table(
        title=Label(zh="开机率（按负责人）", en="Power-on rate by engineer"),
        columns=(ENGINEER, Label(zh="设备", en="Devices"), *_RATES),
        rows=tuple((one.name, *_devices_of(one), *_rates(one.reckoned)) for one in inputs.rows),
        total=(ALL, *_devices_of(inputs.total), *_rates(inputs.total.reckoned)),
        none=NONE,
    )


_RATES = (
    Label(zh="服务时间", en="Service time"),
    Label(zh="正常", en="Up"),
    Label(zh="开机率", en="Power-on rate"),
    *(name for _, name in REST),
    Label(zh="可用率", en="Availability"),
    Label(zh="数据覆盖率", en="Coverage"),
)


def _devices_of(one: EngineerRow) -> tuple[Value]:
    return (Count(0 if one.reckoned is None else one.reckoned.devices),)


def _rates(found: Reckoned | None) -> tuple[Value, ...]:
    if found is None:
        return tuple(None for _ in _RATES)
    power = found.power_on
    rest: Mapping[str, int] = {str(kind): ms for kind, ms in power.rest.items()}
    return (
        Span(power.service_ms),
        Span(power.up_ms),
        Share(power.rate),
        *(Span(rest[kind]) for kind, _ in REST),
        Share(found.figure.availability),
        Share(found.figure.coverage),
    )


def _months(inputs: PerformanceInputs) -> tuple[Table, ...]:
    if len(inputs.months) < 2:
        return ()
    return (
        Table(
            title=Label(zh="开机率（按月）", en="Power-on rate by month"),
            columns=(Label(zh="月份", en="Month"), *_RATES),
            rows=tuple((name, *_rates(found)) for name, found in inputs.months),
        ),
    )


def _devices(inputs: PerformanceInputs) -> tuple[Table, ...]:
    if not inputs.devices:
        return ()
    return (
        Table(
            title=Label(zh="负责的设备（差者在前）", en="Devices, the worst first"),
            columns=(Label(zh="设备", en="Device"), Label(zh="编号", en="Id"), *_RATES),
            rows=tuple((one.name, one.device, *_rates(one.reckoned)) for one in inputs.devices),
            is_detail=True,
        ),
    )


# --- tickets ---------------------------------------------------------------------------------------------------------


def _arrivals(inputs: PerformanceInputs) -> Table:
    return Table(
        title=Label(zh="到场及时", en="Arrivals in time"),
        columns=(
            ENGINEER,
            Label(zh="工单", en="Tickets"),
            Label(zh="按时到场", en="In time"),
            Label(zh="超时到场", en="Late"),
            Label(zh="超时未到", en="Late, not there yet"),
            Label(zh="到场及时率", en="Share in time"),
        ),
        rows=tuple((one.name, *_arrival(one)) for one in inputs.rows),
        total=(ALL, *_arrival(inputs.total)),
        none=NONE,
    )


def _arrival(one: EngineerRow) -> tuple[Value, ...]:
    clock = next((clock for clock in one.clocks if clock.clock == ARRIVE), Kept(clock=ARRIVE, stands={}))
    return (
        Count(one.counts.get("tickets", 0)),
        *(Count(clock.stands.get(name, 0)) for name in ("met", "missed", "breached")),
        Share(clock.share_met),
    )


def _left_out(inputs: PerformanceInputs) -> Table:
    return Table(
        title=Label(zh="三个不漏", en="Nothing left out"),
        columns=(
            ENGINEER,
            Label(zh="接报建单", en="Reports, each a ticket"),
            *(Label(zh=FIGURES[name].zh, en=FIGURES[name].en) for name in MISSED_NOTHING),
        ),
        rows=tuple((one.name, *_missed(one.counts)) for one in inputs.rows),
        total=(ALL, *_missed(inputs.total.counts)),
        none=NONE,
    )


def _missed(counts: Mapping[str, int]) -> tuple[Value, ...]:
    return (
        Count(counts.get("tickets", 0)),
        *(Count(figure(name, counts).count) for name in MISSED_NOTHING),
    )


def _promises(inputs: PerformanceInputs) -> Table:
    told = _figures(Label(zh="两个保证", en="Two promises"), PROMISED, inputs)
    return Table(
        title=told.title,
        columns=(
            *told.columns,
            Label(zh="评分人数", en="Marks given"),
            Label(zh="平均评分（1–5）", en="Mean mark (1-5)"),
        ),
        rows=tuple((*row, *_marks(one)) for row, one in zip(told.rows, inputs.rows, strict=True)),
        total=(*told.total, *_marks(inputs.total)),
        none=NONE,
    )


def _marks(one: EngineerRow) -> tuple[Value, ...]:
    mean = one.ratings.mean
    return Count(one.ratings.given), None if mean is None else Number(float(mean), digits=2)


def _figures(title: Label, names: Sequence[str], inputs: PerformanceInputs) -> Table:
    """Figures with both of their numbers, a row for each engineer."""
    columns: list[Label] = [ENGINEER]
    for name in names:
        zh, en = FIGURES[name].zh, FIGURES[name].en
        columns += [Label(zh=f"{zh}：数量", en=f"{en}: count"), Label(zh=f"{zh}：基数", en=f"{en}: of")]
        columns.append(Label(zh=zh, en=en))
    return Table(
        title=title,
        columns=tuple(columns),
        rows=tuple((one.name, *_told(names, one.counts)) for one in inputs.rows),
        total=(ALL, *_told(names, inputs.total.counts)),
        none=NONE,
    )


def _told(names: Sequence[str], counts: Mapping[str, int]) -> tuple[Value, ...]:
    found = [figure(name, counts) for name in names]
    return tuple(value for one in found for value in (Count(one.count), Count(one.of), Share(one.share)))


# --- of one engineer -------------------------------------------------------------------------------------------------


def _one(inputs: PerformanceInputs) -> tuple[Part, ...]:
    if inputs.behind is None:
        return ()
    return (
        Heading(label=Label(zh="明细", en="In detail")),
        by_clock(inputs.total.clocks),
        *(_behind(name, tickets) for name, tickets in inputs.behind.items()),
        Table(
            title=Label(zh="客户评价", en="What customers said"),
            columns=(
                TICKET,
                Label(zh="时间", en="When"),
                Label(zh="是否满意", en="Satisfied"),
                Label(zh="评分", en="Mark"),
                Label(zh="意见", en="Words"),
            ),
            rows=tuple(
                (
                    one.number,
                    At(one.at_ms),
                    yes_no(one.satisfied),
                    None if one.rating is None else Count(one.rating),
                    one.words,
                )
                for one in inputs.said
            ),
            none=NONE,
            is_detail=True,
        ),
    )


def _behind(name: str, tickets: Sequence[TicketLine]) -> Table:
    measure = FIGURES[name]
    return Table(
        title=Label(zh=f"{measure.zh}：工单", en=f"{measure.en}: tickets"),
        columns=(TICKET, Label(zh="故障", en="Fault"), Label(zh="设备", en="Device"), Label(zh="受理", en="Opened")),
        rows=tuple((one.number, one.fault, one.subject, At(one.opened_ms)) for one in tickets),
        none=NONE,
        is_detail=True,
    )
