"""在线率通报: how many vehicles were online by centre, and each that was not: why, and whose it is (S3-2). Pure.

    build(BulletinInputs(head=..., total=Centre(...), centres=(CentreRow(...), ...), missing=(MissingRow(...), ...)))

A vehicle was online if it was up at least once in the period; one that was parked or laid up all the time is left out.
"""

from dataclasses import dataclass

from roundsman_collector.core.ratios import LAID_UP, Centre
from roundsman_collector.reports.document import (
    At,
    Bar,
    Bars,
    Count,
    Document,
    Heading,
    Notes,
    Share,
    Signature,
    Signatures,
    Table,
    Value,
)
from roundsman_collector.reports.head import Head, paper
from roundsman_collector.reports.words import CAUSES, word
from roundsman_wire.catalogue import Label

TITLE = Label(zh="车辆在线率通报", en="Bulletin of vehicles online")
NOWHERE = Label(zh="（未归属）", en="(of no centre)")
ALL = Label(zh="合计", en="all")
FAULT = "fault"
NOTES = (
    Label(
        zh="入网率 = 至少正常上报过一次的车辆 ÷ 在册车辆；上线率 = 期间内至少上线一次的车辆 ÷ 入网车辆。"
        "整个期间停驶或报停的车辆不计入，从未上报的车辆不计入上线率，但列在未上线车辆中。",
        en="On the net: vehicles that were ever up ÷ vehicles in the register. Online: vehicles that were up at least "
        "once in the period ÷ vehicles on the net. What was parked or laid up all the time is left out; what never "
        "reported is in no share online, and is listed.",
    ),
    Label(
        zh="原因取期间内持续最久的状态；负责人、服务点取自台账；工单取当前未结的最新一张。",
        en="The reason is what held longest in the period; engineer and service point are those of the register; the "
        "ticket is the newest that is not over.",
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class CentreRow:
    """A monitoring centre and its vehicles."""

    name: Label
    centre: Centre


@dataclass(frozen=True, kw_only=True, slots=True)
class MissingRow:
    """A vehicle that was not online. `fault`: what people call it, where a fault was the cause; `ticket`: "" for none.

    `centre`, `site`, `point`, `engineer`: whose it is, as people call them."""

    name: Label
    device: str
    cause: str
    fault: Label | None
    last_up_ms: int | None
    centre: Label
    site: Label | None
    point: Label | None
    engineer: str
    ticket: str


@dataclass(frozen=True, kw_only=True, slots=True)
class BulletinInputs:
    """Everything that the bulletin says. Centres stand by their place."""

    head: Head
    total: Centre
    centres: tuple[CentreRow, ...]
    missing: tuple[MissingRow, ...]


def build(inputs: BulletinInputs) -> Document:
    """The bulletin on paper."""
    return paper(
        inputs.head,
        form="online_bulletin",
        title=TITLE,
        shape="landscape",
        parts=(
            Heading(label=Label(zh="在线情况", en="Vehicles online")),
            _centres(inputs),
            *_shares(inputs),
            *_reasons(inputs),
            Heading(label=Label(zh="未上线车辆", en="Vehicles that were not online")),
            _missing(inputs),
            Notes(entries=NOTES),
            Signatures(
                signers=(
                    Signature(label=Label(zh="制表", en="Made by")),
                    Signature(label=Label(zh="监控中心（盖章）", en="Monitoring centre (stamp)"), has_stamp=True),
                )
            ),
        ),
    )


def _centres(inputs: BulletinInputs) -> Table:
    return Table(
        title=Label(zh="各监控中心在线率", en="By monitoring centre"),
        columns=(
            Label(zh="监控中心", en="Centre"),
            Label(zh="排名", en="Place"),
            Label(zh="在册车辆", en="In the register"),
            Label(zh="入网车辆", en="On the net"),
            Label(zh="入网率", en="Share on the net"),
            Label(zh="应上线", en="To be online"),
            Label(zh="已上线", en="Online"),
            Label(zh="上线率", en="Share online"),
            Label(zh="停驶、报停", en="Laid up"),
            Label(zh="未上线", en="Not online"),
        ),
        rows=tuple((row.name, *_figures(row.centre)) for row in inputs.centres),
        total=(ALL, *_figures(inputs.total)),
        none=Label(zh="无在册车辆", en="no vehicle is in the register"),
    )


def _figures(one: Centre) -> tuple[Value, ...]:
    return (
        None if one.place is None else Count(one.place),
        Count(one.registered),
        Count(int(one.on_net.part)),
        Share(one.on_net.value),
        Count(int(one.online.whole)),
        Count(int(one.online.part)),
        Share(one.online.value),
        Count(int(one.online.left_out.get(LAID_UP, 0))),
        Count(one.missing),
    )


def _shares(inputs: BulletinInputs) -> tuple[Bars, ...]:
    """How centres compare, where there are several."""
    told = [(row.name, value) for row in inputs.centres if (value := row.centre.online.value) is not None]
    if len(told) < 2:
        return ()
    rows = tuple(Bar(name, float(value), Share(value)) for name, value in told)
    return (Bars(title=Label(zh="上线率排名", en="Centres by share online"), rows=rows),)


def _reasons(inputs: BulletinInputs) -> tuple[Bars, ...]:
    """How many were not online for which reason, the most frequent first."""
    counts: dict[str, int] = {}
    for one in inputs.missing:
        counts[one.cause] = counts.get(one.cause, 0) + 1
    rows = tuple(
        Bar(word(CAUSES, cause), n, Count(n))
        for cause, n in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    )
    return (Bars(title=Label(zh="未上线原因", en="Why not"), rows=rows, is_pareto=True),) if rows else ()


def _missing(inputs: BulletinInputs) -> Table:
    return Table(
        title=Label(zh="未上线车辆明细", en="Each of them"),
        columns=(
            Label(zh="编号", en="Id"),
            Label(zh="车辆", en="Vehicle"),
            Label(zh="原因", en="Reason"),
            Label(zh="最近在线", en="Online last"),
            Label(zh="监控中心", en="Centre"),
            Label(zh="站点", en="Site"),
            Label(zh="服务点", en="Service point"),
            Label(zh="负责人", en="Engineer"),
            Label(zh="工单号", en="Ticket"),
        ),
        rows=tuple(
            (
                one.device,
                one.name,
                _reason(one),
                None if one.last_up_ms is None else At(one.last_up_ms),
                one.centre,
                one.site,
                one.point,
                one.engineer,
                one.ticket,
            )
            for one in inputs.missing
        ),
        none=Label(zh="全部上线", en="all were online"),
        is_detail=True,
    )


def _reason(one: MissingRow) -> Value:
    return word(CAUSES, one.cause) if one.fault is None else one.fault
