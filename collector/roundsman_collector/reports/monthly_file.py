"""月度资料 of after-sales: what is on file of each ticket of the month, for somebody to review and sign (S3-23). Pure.

build(FileInputs(head=..., rows=(FileRow(...), ...)))
"""

from collections.abc import Mapping
from dataclasses import dataclass

from roundsman_collector.reports.document import (
    At,
    Count,
    Document,
    Facts,
    Field,
    Heading,
    Notes,
    Signature,
    Signatures,
    Table,
    Value,
)
from roundsman_collector.reports.head import Head, paper
from roundsman_collector.reports.words import STATE, state_word
from roundsman_wire.catalogue import Label

TITLE = Label(zh="月度售后资料", en="Monthly file of service")
STEPS: Mapping[str, Label] = {
    "open": Label(zh="报修登记", en="Reports"),
    "call": Label(zh="再次来电", en="Other calls"),
    "contact": Label(zh="联系客户", en="Contacts"),
    "report": Label(zh="服务报告", en="Service reports"),
    "sign": Label(zh="签字", en="Signatures"),
    "confirm": Label(zh="客户确认", en="Confirmations"),
    "follow_up": Label(zh="回访记录", en="Follow-ups"),
}
"""Steps that leave a record."""
FILES: Mapping[str, Label] = {
    "photo": Label(zh="照片", en="Photos"),
    "document": Label(zh="文档", en="Documents"),
    "video": Label(zh="视频", en="Videos"),
    "signature": Label(zh="签名", en="Drawn signatures"),
}
"""Kinds of files (core/media.py)."""
ACCEPTED, SENT_BACK = Label(zh="通过", en="accepted"), Label(zh="退回", en="sent back")
NOTES = (
    Label(
        zh="按受理时间列出本月全部工单，含作废、合并、转出的；资料数量以数据截至时刻为准。原件见各工单。",
        en="Every ticket that was opened in the month, voided ones, too, with what is on file of it as known now. The "
        "records themselves stand with the tickets.",
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class FileRow:
    """A ticket and how many records of each kind it has. `accepted` None: nobody reviewed it."""

    number: str
    opened_ms: int
    customer: Label | None
    fault: Label
    engineer: str
    state: str
    steps: Mapping[str, int]
    files: Mapping[str, int]
    reviewed_by: str
    reviewed_ms: int | None
    accepted: bool | None


@dataclass(frozen=True, kw_only=True, slots=True)
class FileInputs:
    """Everything that the file lists, by number."""

    head: Head
    rows: tuple[FileRow, ...]


def build(inputs: FileInputs) -> Document:
    """The list on paper."""
    return paper(
        inputs.head,
        form="monthly_file",
        title=TITLE,
        shape="landscape",
        parts=(
            _whole(inputs),
            Heading(label=Label(zh="资料清单", en="What is on file")),
            _tickets(inputs),
            Notes(entries=NOTES),
            Signatures(
                signers=(
                    Signature(label=Label(zh="整理", en="Put together by")),
                    Signature(label=Label(zh="客户服务部审阅", en="Reviewed by (customer service)"), is_needed=True),
                )
            ),
        ),
    )


def _whole(inputs: FileInputs) -> Facts:
    rows = inputs.rows
    said: list[tuple[Label, Value]] = [
        (Label(zh="工单", en="Tickets"), Count(len(rows))),
        (Label(zh="已审核通过", en="Reviewed and accepted"), Count(sum(row.accepted is True for row in rows))),
        (Label(zh="退回", en="Sent back"), Count(sum(row.accepted is False for row in rows))),
        *((name, Count(sum(row.steps.get(step, 0) for row in rows))) for step, name in STEPS.items()),
        *((name, Count(sum(row.files.get(kind, 0) for row in rows))) for kind, name in FILES.items()),
    ]
    fields = tuple(Field(label=label, value=value) for label, value in said)
    return Facts(title=Label(zh="概况", en="Altogether"), fields=fields)


def _tickets(inputs: FileInputs) -> Table:
    return Table(
        title=Label(zh="各工单资料", en="By ticket"),
        columns=(
            Label(zh="工单号", en="Ticket"),
            Label(zh="受理", en="Opened"),
            Label(zh="客户", en="Customer"),
            Label(zh="故障", en="Fault"),
            Label(zh="处理人", en="Engineer"),
            STATE,
            *STEPS.values(),
            *FILES.values(),
            Label(zh="审核", en="Review"),
            Label(zh="审核人", en="Reviewed by"),
            Label(zh="审核时间", en="Reviewed"),
        ),
        rows=tuple(
            (
                row.number,
                At(row.opened_ms),
                row.customer,
                row.fault,
                row.engineer,
                state_word(row.state),
                *(Count(row.steps.get(step, 0)) for step in STEPS),
                *(Count(row.files.get(kind, 0)) for kind in FILES),
                None if row.accepted is None else ACCEPTED if row.accepted else SENT_BACK,
                row.reviewed_by,
                None if row.reviewed_ms is None else At(row.reviewed_ms),
            )
            for row in inputs.rows
        ),
        none=Label(zh="本月无工单", en="no ticket in this month"),
        is_detail=True,
    )
