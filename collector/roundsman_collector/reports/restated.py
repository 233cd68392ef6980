"""A report that says something else than the revision before it: what, what it was, what it is. Pure.

restated(document, differences, before_ms, revision=2) -> Document      with the page of differences behind it
"""

from collections.abc import Sequence
from dataclasses import replace

from roundsman_collector.reports.document import At, Count, Document, Heading, Phrase, Signatures, Table, Text, Value
from roundsman_collector.reports.lines import Difference
from roundsman_wire.catalogue import Label

TITLE = Label(zh="与上一版的差异", en="What changed since the revision before")
WHY = Label(
    zh="第 {0} 版依据截至 {1} 的数据出具；此后到达的迟到数据、更正或工单进展使下列 {2} 个数值改变。"
    "第 {0} 版保持不变，仍可查阅。",
    en="Revision {0} was made of what was known at {1}. What became known since (late reports, corrections, progress "
    "of tickets) changed these {2} values. Revision {0} stays as it was issued.",
)
GONE = Label(zh="（无）", en="(none)")


def restated(document: Document, found: Sequence[Difference], before_ms: int, *, revision: int) -> Document:
    """The document with a page of differences before its signatures. `before_ms`: known-at of the revision before."""
    pages = (Heading(label=TITLE), _why(found, before_ms, revision), _table(found))
    rest = [one for one in document.parts if not isinstance(one, Signatures)]
    signed = [one for one in document.parts if isinstance(one, Signatures)]
    return replace(document, parts=(*rest, *pages, *signed))


def _why(found: Sequence[Difference], before_ms: int, revision: int) -> Text:
    return Text(paragraphs=(Phrase(WHY, (Count(revision - 1), At(before_ms), Count(len(found)))),))


def _table(found: Sequence[Difference]) -> Table:
    return Table(
        title=TITLE,
        columns=(
            Label(zh="部分", en="Part"),
            Label(zh="行", en="Row"),
            Label(zh="项目", en="What"),
            Label(zh="原值", en="Was"),
            Label(zh="现值", en="Is"),
        ),
        rows=tuple((one.line.part, one.line.row, one.line.column, _said(one.was), _said(one.now)) for one in found),
        none=Label(zh="数值无变化", en="no value changed"),
        is_detail=True,
    )


def _said(value: Value) -> Value:
    return GONE if value is None else value
