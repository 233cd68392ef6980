"""服务级别报告 SLA report of a contract: promises kept by clock, breaches, pauses by reason, availability. Pure.

    build(SlaInputs(head=..., counts=..., clocks=(Kept(...), ...), whole=Reckoned(...), ...)) -> Document

The figures are those of core/kept.py and core/reckoning.py, as /kept and /availability tell them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from roundsman_collector.core.kept import STANDS, Kept
from roundsman_collector.core.level import CLOCKS
from roundsman_collector.core.reckoning import Reckoned
from roundsman_collector.core.ticket_words import PAUSES, STATES
from roundsman_collector.reports.by_clock import by_clock
from roundsman_collector.reports.by_figure import by_figure
from roundsman_collector.reports.document import (
    At,
    Count,
    Document,
    Facts,
    Field,
    Heading,
    Notes,
    Share,
    Span,
    Table,
    Value,
)
from roundsman_collector.reports.head import SIGNED, Head, paper
from roundsman_collector.reports.words import step_word
from roundsman_wire.catalogue import Label

TITLE = Label(zh="服务级别（SLA）报告", en="Service level report")
KEPT_WORDS = {True: Label(zh="达标", en="kept"), False: Label(zh="未达标", en="missed"), None: Label(zh="–", en="–")}
NO_BREACH = Label(zh="本期无超时", en="nothing was late in this period")
NO_PAUSE = Label(zh="本期无暂停", en="no clock was paused in this period")
NOTES = (
    Label(
        zh="工单按受理时间计入周期；作废、合并、转出的工单不计入，另行单列。时钟状态以数据截至时刻为准。",
        en="A ticket belongs to the period in which it was opened. What was voided, merged or transferred is in no "
        "figure and listed on its own. Clocks stand as they were when the report was made.",
    ),
    Label(
        zh="可用率 = 正常 ÷（正常 + 故障）；覆盖率 = 已知时间 ÷（统计时间 − 剔除时间）。未知时间既不算正常也不算故障；"
        "“合同口径”按合同对未知时间的约定计算。",
        en="Availability = up ÷ (up + down). Coverage = what is known ÷ (time that counts − excluded). Unknown time is "
        "neither up nor down; the contract's figure takes it as the contract says.",
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Breach:
    """A clock of a ticket that is late, or was. `stands`: a word of core/kept.STANDS."""

    number: str
    fault: Label
    where: Label
    clock: str
    stands: str
    due_ms: int | None
    ended_ms: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Paused:
    """How long clocks of tickets stood still for a reason: of each ticket once, whatever its clocks."""

    reason: str
    tickets: int
    ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SiteRow:
    """A site of the contract."""

    name: Label
    reckoned: Reckoned


@dataclass(frozen=True, kw_only=True, slots=True)
class SlaInputs:
    """Everything that the report says. `left_out`: (state, tickets, breaches on record)."""

    head: Head
    counts: Mapping[str, int]
    clocks: tuple[Kept, ...]
    left_out: tuple[tuple[str, int, int], ...]
    breaches: tuple[Breach, ...]
    pauses: tuple[Paused, ...]
    whole: Reckoned
    sites: tuple[SiteRow, ...]
    target_percent: str | None


def build(inputs: SlaInputs) -> Document:
    """The report on paper."""
    return paper(
        inputs.head,
        form="sla",
        title=TITLE,
        parts=(
            Heading(label=Label(zh="承诺履行", en="Promises")),
            by_clock(inputs.clocks),
            by_figure(inputs.counts),
            _breaches(inputs),
            _pauses(inputs),
            _left_out(inputs),
            Heading(label=Label(zh="可用率", en="Availability")),
            _availability(inputs),
            _sites(inputs),
            Notes(entries=NOTES),
            SIGNED,
        ),
    )


# --- promises --------------------------------------------------------------------------------------------------------


def _breaches(inputs: SlaInputs) -> Table:
    return Table(
        title=Label(zh="超时明细", en="What was late"),
        columns=(
            Label(zh="工单号", en="Ticket"),
            Label(zh="故障", en="Fault"),
            Label(zh="地点", en="Where"),
            Label(zh="时钟", en="Clock"),
            Label(zh="结果", en="Stands"),
            Label(zh="应完成", en="Due"),
            Label(zh="实际完成", en="Ended"),
        ),
        rows=tuple(
            (
                one.number,
                one.fault,
                one.where,
                step_word(CLOCKS, one.clock),
                step_word(STANDS, one.stands),
                _at(one.due_ms),
                _at(one.ended_ms),
            )
            for one in inputs.breaches
        ),
        none=NO_BREACH,
        is_detail=True,
    )


def _pauses(inputs: SlaInputs) -> Table:
    return Table(
        title=Label(zh="计时暂停（按原因）", en="Pauses by reason"),
        columns=(Label(zh="原因", en="Reason"), Label(zh="工单", en="Tickets"), Label(zh="时长", en="Time")),
        rows=tuple((step_word(PAUSES, one.reason), Count(one.tickets), Span(one.ms)) for one in inputs.pauses),
        none=NO_PAUSE,
    )


def _left_out(inputs: SlaInputs) -> Table:
    return Table(
        title=Label(zh="不计入的工单", en="Tickets in no figure"),
        columns=(
            Label(zh="状态", en="State"),
            Label(zh="工单", en="Tickets"),
            Label(zh="曾记超时", en="Breach on record"),
        ),
        rows=tuple(
            (step_word(STATES, state), Count(tickets), Count(breached)) for state, tickets, breached in inputs.left_out
        ),
        none=Label(zh="无", en="none"),
    )


# --- availability ----------------------------------------------------------------------------------------------------


def _availability(inputs: SlaInputs) -> Facts:
    whole = inputs.whole
    said: Iterable[tuple[Label, Value]] = (
        (Label(zh="设备数", en="Devices"), Count(whole.devices)),
        (Label(zh="可用率", en="Availability"), Share(whole.figure.availability)),
        (Label(zh="数据覆盖率", en="Coverage"), Share(whole.figure.coverage)),
        (Label(zh="合同口径可用率", en="As the contract counts"), Share(whole.owed.availability)),
        (
            Label(zh="承诺可用率", en="Promised"),
            None if inputs.target_percent is None else f"{inputs.target_percent}%",
        ),
        (Label(zh="是否达标", en="Kept"), KEPT_WORDS[_is_kept(whole, inputs.target_percent)]),
        (Label(zh="停机时长", en="Down"), Span(whole.figure.down_ms)),
        (Label(zh="未知时长", en="Unknown"), Span(whole.figure.unknown_ms)),
        (Label(zh="剔除时长", en="Excluded"), Span(whole.figure.excluded_ms)),
        (Label(zh="停机次数", en="Outages"), Count(whole.figure.outages)),
    )
    return Facts(fields=tuple(Field(label=label, value=value) for label, value in said if value is not None))


def _sites(inputs: SlaInputs) -> Table:
    return Table(
        title=Label(zh="各站点可用率", en="By site"),
        columns=(
            Label(zh="站点", en="Site"),
            Label(zh="设备", en="Devices"),
            Label(zh="可用率", en="Availability"),
            Label(zh="数据覆盖率", en="Coverage"),
            Label(zh="合同口径", en="As the contract counts"),
            Label(zh="故障", en="Down"),
            Label(zh="停机次数", en="Outages"),
            Label(zh="达标", en="Kept"),
        ),
        rows=tuple(
            (
                one.name,
                Count(one.reckoned.devices),
                Share(one.reckoned.figure.availability),
                Share(one.reckoned.figure.coverage),
                Share(one.reckoned.owed.availability),
                Span(one.reckoned.figure.down_ms),
                Count(one.reckoned.figure.outages),
                KEPT_WORDS[_is_kept(one.reckoned, inputs.target_percent)],
            )
            for one in inputs.sites
        ),
        none=Label(zh="本期合同下无设备", en="no device stood under the contract in this period"),
        is_detail=True,
    )


def _is_kept(found: Reckoned, target_percent: str | None) -> bool | None:
    """Whether the contract's figure reaches what was promised; None where nothing was, or nobody can say."""
    share = found.owed.availability
    if share is None or target_percent is None:
        return None
    return 100 * share >= Fraction(target_percent)


def _at(ms: int | None) -> At | None:
    return None if ms is None else At(ms)
