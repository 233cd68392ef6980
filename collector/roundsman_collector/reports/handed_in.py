"""服务资料汇编: the records of a period, to be handed in to after-sales as one file (S2-25, S3-18). Pure.

build(RecordsInputs(head=..., talks=(...), tickets=(...), quality=(...), slips={"trip": (SlipLine(...), ...)}))

Each named record of the regulations is a table, and a sheet of the workbook: 电话服务记录, 客户服务处理单,
产品质量处理单, 客户产品质量处理意见表, 售后信息反馈意见表, 安装登记表; behind them the other slips.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from roundsman_collector.core.slips import KINDS, STATES
from roundsman_collector.core.ticket_words import CAUSES
from roundsman_collector.reports.document import (
    At,
    Count,
    Day,
    Document,
    Facts,
    Field,
    Notes,
    Signature,
    Signatures,
    Table,
    Value,
)
from roundsman_collector.reports.head import Head, paper
from roundsman_collector.reports.monthly_file import FileRow
from roundsman_collector.reports.slip import shown
from roundsman_collector.reports.weekly import Talk, talks_table
from roundsman_collector.reports.words import STATE, state_word
from roundsman_wire.catalogue import Label

TITLE = Label(zh="服务资料汇编", en="Service records")
NUMBER = Label(zh="单号", en="Number")
CUSTOMER = Label(zh="客户", en="Customer")
FAULT = Label(zh="故障", en="Fault")
SERVICE = Label(zh="客户服务处理单", en="Services for customers")
QUALITY = Label(zh="产品质量处理单", en="Matters of product quality")
BAD = ("product", "workmanship")
"""Causes of a fault that are a matter of quality."""
SHEETS = ("opinion", "trip", "installation", "acceptance", "maintenance", "upgrade", "training")
"""Kinds of slips that are handed in, in their order; inquiries stand with the conversations."""
NOTES = (
    Label(
        zh="电话服务记录按登记时间、客户服务处理单按受理时间、产品质量处理单按故障开始时间、其余单据按服务日期计入本期；含作废的。",
        en="Conversations count for when they were written down, services for when the ticket was opened, matters of "
        "quality for when the fault began, slips for the day of the service; void ones are listed, too.",
    ),
    Label(
        zh="SIM 卡号和电话号码不以全号列出。签字原件与照片见各单据。",
        en="Numbers of SIM cards and telephones are not shown whole. Signatures and photos stand with the slips.",
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class QualityRow:
    """A fault that the product or its installation had caused. `cause`: a word of CAUSES."""

    number: str
    from_ms: int
    customer: Label | None
    device: str
    model: str
    fault: Label
    cause: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SlipLine:
    """A slip and what it says, by entry."""

    number: str
    day: date
    customer: Label | None
    site: Label | None
    device: str
    engineer: str
    state: str
    values: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordsInputs:
    """Everything that is handed in. `slips`: by kind."""

    head: Head
    talks: tuple[Talk, ...]
    tickets: tuple[FileRow, ...]
    quality: tuple[QualityRow, ...]
    slips: Mapping[str, tuple[SlipLine, ...]]


def build(inputs: RecordsInputs) -> Document:
    """The records on paper."""
    return paper(
        inputs.head,
        form="handed_in",
        title=TITLE,
        shape="landscape",
        parts=(
            _whole(inputs),
            talks_table(inputs.talks),
            _tickets(inputs),
            _quality(inputs),
            *(_slips(kind, inputs.slips.get(kind, ())) for kind in SHEETS),
            Notes(entries=NOTES),
            Signatures(
                signers=(
                    Signature(label=Label(zh="整理", en="Put together by")),
                    Signature(label=Label(zh="售后部签收", en="Received by after-sales")),
                )
            ),
        ),
    )


def _whole(inputs: RecordsInputs) -> Facts:
    said = (
        (Label(zh="电话服务记录", en="Conversations"), len(inputs.talks)),
        (SERVICE, len(inputs.tickets)),
        (QUALITY, len(inputs.quality)),
        *((KINDS[kind].title, len(inputs.slips.get(kind, ()))) for kind in SHEETS),
    )
    fields = tuple(Field(label=label, value=Count(number)) for label, number in said)
    return Facts(title=Label(zh="概况", en="Altogether"), fields=fields)


def _tickets(inputs: RecordsInputs) -> Table:
    return Table(
        title=SERVICE,
        columns=(
            NUMBER,
            Label(zh="受理", en="Opened"),
            CUSTOMER,
            FAULT,
            Label(zh="处理人", en="Engineer"),
            STATE,
        ),
        rows=tuple(
            (row.number, At(row.opened_ms), row.customer, row.fault, row.engineer, state_word(row.state))
            for row in inputs.tickets
        ),
        none=Label(zh="本期无工单", en="no ticket in this period"),
        is_detail=True,
    )


def _quality(inputs: RecordsInputs) -> Table:
    return Table(
        title=QUALITY,
        columns=(
            NUMBER,
            Label(zh="故障开始", en="Began"),
            CUSTOMER,
            Label(zh="设备", en="Device"),
            Label(zh="型号", en="Model"),
            FAULT,
            Label(zh="原因", en="Cause"),
        ),
        rows=tuple(
            (
                row.number,
                At(row.from_ms),
                row.customer,
                row.device,
                row.model,
                row.fault,
                Label(zh=CAUSES[row.cause][0], en=CAUSES[row.cause][1]),
            )
            for row in inputs.quality
        ),
        none=Label(zh="本期无产品质量问题", en="no matter of quality in this period"),
        is_detail=True,
    )


def _slips(kind: str, rows: tuple[SlipLine, ...]) -> Table:
    entries = KINDS[kind].entries
    return Table(
        title=KINDS[kind].title,
        columns=(
            NUMBER,
            Label(zh="日期", en="Day"),
            CUSTOMER,
            Label(zh="站点", en="Site"),
            Label(zh="设备", en="Device"),
            Label(zh="经办人", en="Done by"),
            *(one.label for one in entries),
            STATE,
        ),
        rows=tuple(_line(kind, row) for row in rows),
        none=Label(zh="本期没有", en="none in this period"),
        is_detail=True,
    )


def _line(kind: str, row: SlipLine) -> tuple[Value, ...]:
    zh, en = STATES[row.state]  # type: ignore[index]
    return (
        row.number,
        Day(row.day),
        row.customer,
        row.site,
        row.device,
        row.engineer,
        *(shown(one, row.values.get(one.name, ""), reads_secrets=False) for one in KINDS[kind].entries),
        Label(zh=zh, en=en),
    )
