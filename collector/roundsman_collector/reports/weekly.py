"""周报 of after-sales: what was said with customers in the week, and what they wanted done (S3-19). Pure.

build(WeeklyInputs(head=..., kinds=((Label, 12), ...), talks=(Talk(...), ...), sources=(SourceRow(...), ...), ...))
"""

from collections.abc import Mapping
from dataclasses import dataclass

from roundsman_collector.core.kept import COUNTS
from roundsman_collector.reports.document import (
    At,
    Count,
    Document,
    Heading,
    Notes,
    Signature,
    Signatures,
    Table,
    Value,
)
from roundsman_collector.reports.head import Head, paper
from roundsman_collector.reports.words import SOURCES, STATE, state_word, word, yes_no
from roundsman_wire.catalogue import Label

TITLE = Label(zh="售后服务周报", en="Weekly report of service")
ALL = Label(zh="合计", en="all")
COUNTED = (
    "tickets",
    "called_again",
    "solved_remotely",
    "mended",
    "mended_again",
    "unsolved",
    "followed_up",
    "unfollowed",
)
NUMBER = Label(zh="工单号", en="Ticket")
CUSTOMER = Label(zh="客户", en="Customer")
SITE = Label(zh="站点", en="Site")
FAULT = Label(zh="故障", en="Fault")
NOTES = (
    Label(
        zh="电话记录取自工单记录（客户报修、再次来电、联系客户与回访）和咨询记录，按登记时间计入本周。",
        en="Conversations are lines of tickets (reports, other calls, calls to the customer, follow-ups) and "
        "inquiries, each in the week in which it was written down.",
    ),
    Label(
        zh="服务需求按受理时间计入本周；作废、合并、转出的不计入数字，但列在明细中。",
        en="A request belongs to the week in which its ticket was opened. What was voided, merged or transferred is in "
        "no number, and is listed.",
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Talk:
    """A conversation. `way`: a word of SOURCES."""

    at_ms: int
    kind: Label
    way: str
    number: str
    customer: Label | None
    site: Label | None
    fault: Label
    who: str
    is_reached: bool | None
    words: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceRow:
    """Tickets that came by one way: their counts, as core/kept.COUNTS names them."""

    source: str
    counts: Mapping[str, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """A ticket that was opened in the week."""

    number: str
    opened_ms: int
    source: str
    customer: Label | None
    site: Label | None
    fault: Label
    engineer: str
    state: str


@dataclass(frozen=True, kw_only=True, slots=True)
class WeeklyInputs:
    """Everything that the report says. `kinds`: how many conversations of each kind; `total`: the counts of all."""

    head: Head
    kinds: tuple[tuple[Label, int], ...]
    talks: tuple[Talk, ...]
    sources: tuple[SourceRow, ...]
    total: Mapping[str, int]
    requests: tuple[Request, ...]


def build(inputs: WeeklyInputs) -> Document:
    """The report on paper."""
    return paper(
        inputs.head,
        form="weekly",
        title=TITLE,
        shape="landscape",
        parts=(
            Heading(label=Label(zh="电话记录", en="Conversations")),
            _kinds(inputs),
            talks_table(inputs.talks),
            Heading(label=Label(zh="服务需求记录", en="Requests for service")),
            _sources(inputs),
            _requests(inputs),
            Notes(entries=NOTES),
            Signatures(
                signers=(
                    Signature(label=Label(zh="制表", en="Made by")),
                    Signature(label=Label(zh="审核", en="Reviewed by")),
                )
            ),
        ),
    )


def _kinds(inputs: WeeklyInputs) -> Table:
    return Table(
        title=Label(zh="电话记录（按类别）", en="By kind"),
        columns=(Label(zh="类别", en="Kind"), Label(zh="次数", en="Times")),
        rows=tuple((kind, Count(number)) for kind, number in inputs.kinds),
        total=(ALL, Count(sum(number for _, number in inputs.kinds))),
    )


def talks_table(talks: tuple[Talk, ...]) -> Table:
    """Each conversation, by time."""
    return Table(
        title=Label(zh="电话记录明细", en="Each conversation"),
        columns=(
            NUMBER,
            Label(zh="时间", en="When"),
            Label(zh="类别", en="Kind"),
            Label(zh="方式", en="By way of"),
            CUSTOMER,
            SITE,
            FAULT,
            Label(zh="接听 / 联系人", en="Taken by"),
            Label(zh="联系上", en="Reached"),
            Label(zh="内容", en="Words"),
        ),
        rows=tuple(
            (
                one.number,
                At(one.at_ms),
                one.kind,
                word(SOURCES, one.way),
                one.customer,
                one.site,
                one.fault,
                one.who,
                yes_no(one.is_reached),
                one.words,
            )
            for one in talks
        ),
        none=Label(zh="本期无电话记录", en="nobody spoke with anybody"),
        is_detail=True,
    )


def _sources(inputs: WeeklyInputs) -> Table:
    return Table(
        title=Label(zh="服务需求（按来源）", en="By way of report"),
        columns=(Label(zh="来源", en="By way of"), *(_label(name) for name in COUNTED)),
        rows=tuple((word(SOURCES, one.source), *_counts(one.counts)) for one in inputs.sources),
        total=(ALL, *_counts(inputs.total)),
        none=Label(zh="本期无服务需求", en="nobody asked for anything"),
    )


def _label(name: str) -> Label:
    zh, en = COUNTS[name]
    return Label(zh=zh, en=en)


def _counts(counts: Mapping[str, int]) -> tuple[Value, ...]:
    return tuple(Count(counts.get(name, 0)) for name in COUNTED)


def _requests(inputs: WeeklyInputs) -> Table:
    return Table(
        title=Label(zh="服务需求明细", en="Each request"),
        columns=(
            NUMBER,
            Label(zh="受理", en="Opened"),
            Label(zh="来源", en="By way of"),
            CUSTOMER,
            SITE,
            FAULT,
            Label(zh="处理人", en="Engineer"),
            STATE,
        ),
        rows=tuple(
            (
                one.number,
                At(one.opened_ms),
                word(SOURCES, one.source),
                one.customer,
                one.site,
                one.fault,
                one.engineer,
                state_word(one.state),
            )
            for one in inputs.requests
        ),
        none=Label(zh="本期无服务需求", en="nobody asked for anything"),
        is_detail=True,
    )
