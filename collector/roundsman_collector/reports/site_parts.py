"""The parts that reports about a site share. Pure.

overview(site), strips(site), devices(site), plans(site), faults(site), tickets(site), notes(site), signatures()
"""

from collections.abc import Iterable, Mapping

from roundsman_collector.core import contract
from roundsman_collector.core.contract import Phase
from roundsman_collector.core.intervals import normal, subtract
from roundsman_collector.core.level import CLOCKS
from roundsman_collector.core.lifecycle import STATES
from roundsman_collector.core.tasks import STATES as TASK_STATES
from roundsman_collector.reports.document import (
    NONE,
    At,
    Component,
    Count,
    Day,
    Facts,
    Field,
    Found,
    Notes,
    Phrase,
    Share,
    Signature,
    Signatures,
    Span,
    StripRow,
    Strips,
    Table,
    Value,
)
from roundsman_collector.reports.site import Clock, DeviceLine, RoundHeld, Site, TicketLine
from roundsman_collector.reports.words import CLOCK_STATES, OWED, STATE, step_word, word
from roundsman_wire.catalogue import Label

SHOWN: Mapping[str, str] = {"excluded": "maintenance"}
"""What a strip calls a state (web/strip.py)."""
LATE = ("missed", "breached")
DEVICE = Label(zh="设备", en="Device")
AVAILABILITY = Label(zh="可用率", en="Availability")
COVERAGE = Label(zh="数据覆盖率", en="Coverage")
OUTAGES = Label(zh="停机次数", en="Outages")


def phase_word(phase: Phase | None) -> Value:
    """The phase of the contract; nothing where there is none."""
    return None if phase is None else Label(zh=contract.PHASES[phase][0], en=contract.PHASES[phase][1])


def overview(site: Site) -> Facts:
    """The whole site in a few figures."""
    figure, power = site.whole.figure, site.whole.power_on
    target: Value = None if site.target_percent is None else f"{site.target_percent}%"
    said: tuple[tuple[Label, Value], ...] = (
        (Label(zh="地址", en="Address"), site.address),
        (Label(zh="服务阶段", en="Phase"), phase_word(site.phase)),
        (Label(zh="负责工程师", en="Engineer"), "、".join(site.engineers)),
        (Label(zh="设备", en="Devices"), Count(len(site.devices))),
        (Label(zh="巡检", en="Rounds"), Count(len(site.rounds))),
        (Label(zh="可用率", en="Availability"), Share(figure.availability)),
        (Label(zh="数据覆盖率", en="Coverage"), Share(figure.coverage)),
        (Label(zh="开机率", en="Power-on rate"), Share(power.rate)),
        (Label(zh="合同口径可用率", en="Under the contract"), Share(site.whole.owed.availability)),
        (Label(zh="合同目标", en="Target"), target),
        (Label(zh="停机次数", en="Outages"), Count(figure.outages)),
        (Label(zh="最长停机", en="Longest outage"), Span(figure.longest_ms)),
        (Label(zh="停机时长", en="Down"), Span(figure.down_ms)),
        (Label(zh="未知时长", en="Unknown"), Span(figure.unknown_ms)),
        (Label(zh="剔除时长", en="Excluded"), Span(figure.excluded_ms)),
        (Label(zh="工单", en="Tickets"), Count(site.counts.get("tickets", 0))),
    )
    return Facts(
        title=Label(zh="概况", en="Overview"),
        fields=(
            *(Field(label=label, value=value) for label, value in said if value not in (None, "", ())),
            Field(label=Label(zh="本期巡检", en="Rounds held"), value=_rounds(site.rounds), is_wide=True),
        ),
    )


def _rounds(rounds: Iterable[RoundHeld]) -> Value:
    held = tuple(
        Phrase(Label(zh="{0}（{1}，{2}）", en="{0} ({1}, {2})"), (one.number, At(one.asked_ms), one.asked_by))
        for one in rounds
    )
    return held or NONE


def strips(site: Site) -> Strips:
    """The uptime of every device over the period."""
    return Strips(
        title=Label(zh="设备运行情况", en="Uptime"),
        from_ms=site.head.from_ms,
        to_ms=site.head.to_ms,
        columns=(AVAILABILITY, COVERAGE),
        rows=tuple(
            StripRow(
                one.name,
                _strip(site, one),
                (Share(one.reckoned.figure.availability), Share(one.reckoned.figure.coverage)),
            )
            for one in site.devices
        ),
    )


def _strip(site: Site, one: DeviceLine) -> tuple[tuple[str, int, int], ...]:
    """Its time that counts here; `closed` is what does not: other customers', outside service hours, yet to come."""
    told = [(SHOWN.get(each.state, each.state), each.from_ms, each.to_ms) for each in one.stretches]
    counted = normal((from_ms, to_ms) for _, from_ms, to_ms in told)
    rest = subtract(((site.head.from_ms, site.head.to_ms),), counted)
    return (*told, *(("closed", from_ms, to_ms) for from_ms, to_ms in rest))


def devices(site: Site) -> Table:
    """Every device with its figures."""
    return Table(
        title=Label(zh="设备一览", en="Devices"),
        columns=(
            DEVICE,
            Label(zh="点位", en="Place"),
            Label(zh="型号", en="Model"),
            Label(zh="序列号", en="Serial number"),
            AVAILABILITY,
            COVERAGE,
            OUTAGES,
            Label(zh="停机时长", en="Down"),
            Label(zh="重启天数", en="Days with a restart"),
            Label(zh="工单", en="Tickets"),
            Label(zh="结论", en="Verdict"),
        ),
        rows=tuple(_device(one) for one in site.devices),
        total=(
            Label(zh="合计", en="Total"),
            None,
            None,
            None,
            Share(site.whole.figure.availability),
            Share(site.whole.figure.coverage),
            Count(site.whole.figure.outages),
            Span(site.whole.figure.down_ms),
            None,
            Count(sum(one.tickets for one in site.devices)),
            None,
        ),
        widths=(14, 11, 11, 11, 9, 9, 7, 8, 6, 6, 8),
        none=NONE,
        is_detail=True,
    )


def _device(one: DeviceLine) -> tuple[Value, ...]:
    figure = one.reckoned.figure
    return (
        one.name,
        one.place,
        one.model,
        one.serial,
        Share(figure.availability),
        Share(figure.coverage),
        Count(figure.outages),
        Span(figure.down_ms),
        None if one.restarts is None else Count(one.restarts),
        Count(one.tickets),
        None if one.inspected is None else Found(one.inspected.verdict),
    )


def tickets(site: Site) -> Table:
    """The tickets that were opened in the period."""
    return Table(
        title=Label(zh="本期工单", en="Tickets of the period"),
        columns=(
            Label(zh="单号", en="Number"),
            DEVICE,
            Label(zh="故障", en="Fault"),
            Label(zh="报修", en="Opened"),
            Label(zh="响应", en="Replied"),
            Label(zh="到场", en="Arrived"),
            Label(zh="修复", en="Repaired"),
            STATE,
            Label(zh="履约", en="Kept"),
        ),
        rows=tuple(_ticket(one) for one in site.tickets),
        widths=(12, 12, 15, 11, 11, 11, 11, 8, 9),
        none=NONE,
        is_detail=True,
    )


def _ticket(one: TicketLine) -> tuple[Value, ...]:
    times = (None if at_ms is None else At(at_ms) for at_ms in (one.replied_ms, one.arrived_ms, one.repaired_ms))
    fault: Value = (one.fault, Component(one.component)) if one.component else one.fault
    return (one.number, one.about, fault, At(one.opened_ms), *times, step_word(STATES, one.state), kept_of(one.clocks))


def kept_of(clocks: Iterable[Clock]) -> Value:
    """How the promises of a ticket were kept: the clocks that are late, by name; else in one word."""
    listed = list(clocks)
    late = [one for one in listed if one.state in LATE]
    if late:
        return tuple(
            Phrase(Label(zh="{0}{1}", en="{0} {1}"), (step_word(CLOCKS, one.clock), word(CLOCK_STATES, one.state)))
            for one in late
        )
    if any(one.state == "met" for one in listed):
        return word(CLOCK_STATES, "met")
    return next((word(CLOCK_STATES, one.state) for one in listed if one.state != "cancelled"), None)


def plans(site: Site) -> Table:
    """What was planned for the period and what became of it; whether the customer agreed first (S0-29)."""
    return Table(
        title=Label(zh="计划与执行", en="Planned, and done"),
        columns=(
            Label(zh="计划", en="Plan"),
            Label(zh="周期", en="Period"),
            Label(zh="应完成", en="Due"),
            STATE,
            Label(zh="客户确认", en="Agreed by the customer"),
            Label(zh="确认时间", en="Agreed"),
            Label(zh="完成时间", en="Done"),
            Label(zh="巡检编号", en="Round"),
        ),
        rows=tuple(
            (
                one.plan,
                one.period,
                Day(one.due_on),
                step_word(TASK_STATES, one.state),
                one.agreed_by,
                None if one.agreed_ms is None else At(one.agreed_ms),
                None if one.done_ms is None else At(one.done_ms),
                one.round,
            )
            for one in site.tasks
        ),
        widths=(20, 10, 11, 11, 13, 12, 12, 11),
        none=Label(zh="本期没有到期的计划任务", en="no task was due in this period"),
    )


def faults(site: Site) -> Table:
    """What monitoring saw in the period (S4-28: what befell the terminals lately)."""
    return Table(
        title=Label(zh="本期监测到的故障", en="Faults seen in the period"),
        columns=(
            DEVICE,
            Label(zh="部件", en="Component"),
            Label(zh="故障", en="Fault"),
            Label(zh="开始", en="From"),
            Label(zh="结束", en="To"),
            Label(zh="持续", en="Lasted"),
        ),
        rows=tuple(
            (
                one.about,
                Component(one.component) if one.component else None,
                one.fault,
                At(one.from_ms),
                Label(zh="未恢复", en="holds") if one.to_ms is None else At(one.to_ms),
                None if one.to_ms is None else Span(one.to_ms - one.from_ms),
            )
            for one in site.faults
        ),
        widths=(18, 15, 25, 15, 15, 12),
        none=NONE,
        is_detail=True,
    )


def signatures() -> Signatures:
    """Who inspected, who answers for it (相关负责人), and the customer with a stamp."""
    return Signatures(
        signers=(
            Signature(label=Label(zh="巡检工程师（签字）", en="Inspecting engineer")),
            Signature(label=Label(zh="服务负责人（签字）", en="Responsible for the service")),
            Signature(label=Label(zh="客户负责人（签字盖章）", en="For the customer, with stamp"), has_stamp=True),
        )
    )


def notes(site: Site, *more: Value) -> Notes:
    """How the numbers came to be."""
    entries: list[Value] = [
        Label(
            zh="可用率＝运行时长÷（运行＋停机）时长；未知时长不计入，另列数据覆盖率；剔除时长为检修或按约定剔除的时间。"
            "开机率＝运行时长÷服务时长。",
            en="Availability = up ÷ (up + down); unknown time is in neither and told by the coverage; excluded is "
            "maintenance and what was agreed to be taken out. Power-on rate = up ÷ service time.",
        ),
        OWED,
        Label(
            zh="只计设备在本站点为本客户服务、且在服务时间之内的时间；合计按时长累计，不是各设备百分比的平均。",
            en="Only time in which a device served here, for this customer, within service hours; totals add up times "
            "and are no means of percentages.",
        ),
        Label(
            zh="工单按开立时间计入本期；时限按监控系统最近一次核算的状态。",
            en="Tickets count in the period in which they were opened; clocks stand as they were read last.",
        ),
    ]
    if site.left_out:
        said = tuple(
            Phrase(Label(zh="{0} {1}", en="{0} {1}"), (step_word(STATES, state), Count(number)))
            for state, number in site.left_out
        )
        entries.append((Label(zh="不计入的工单：", en="Tickets in no figure:"), *said))
    return Notes(title=Label(zh="数据说明", en="How the numbers came to be"), entries=(*entries, *more))
