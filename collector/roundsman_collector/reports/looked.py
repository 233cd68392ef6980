"""What people found in rounds, as reports tell it: ticks of devices, answers to questions, with words and photos. Pure.

table(marks, title=Label(...)) -> Table      a row for each tick, with who found it and when
"""

from collections.abc import Iterable
from dataclasses import dataclass

from roundsman_collector.core.inspection import Verdict
from roundsman_collector.reports.document import At, Count, Found, Phrase, Table, Value
from roundsman_wire.catalogue import Label

NOBODY_LOOKED = Label(zh="本期没有人工检查记录", en="nobody has ticked anything in this period")
PHOTOS = Label(zh="{0} 张", en="{0}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """A tick, the last one of its device and item. `about`: the device's name; None: a question to the customer."""

    device: str
    about: Label | None
    item: str
    label: Label
    verdict: Verdict
    words: str
    photos: int
    who: str
    at_ms: int
    round: str


def table(marks: Iterable[Mark], *, title: Label, none: Label = NOBODY_LOOKED) -> Table:
    """A row for each tick."""
    return Table(
        title=title,
        columns=(
            Label(zh="设备", en="Device"),
            Label(zh="检查项", en="Looked at"),
            Label(zh="结论", en="Found"),
            Label(zh="说明", en="Words"),
            Label(zh="照片", en="Photos"),
            Label(zh="检查人", en="By"),
            Label(zh="时间", en="When"),
            Label(zh="巡检编号", en="Round"),
        ),
        rows=tuple(_row(one) for one in marks),
        widths=(15, 23, 9, 17, 6, 9, 11, 10),
        none=none,
        is_detail=True,
    )


def _row(one: Mark) -> tuple[Value, ...]:
    about: Value = Label(zh="客户答复", en="the customer") if one.about is None else one.about
    photos: Value = Phrase(PHOTOS, (Count(one.photos),)) if one.photos else None
    return (about, one.label, Found(one.verdict), one.words, photos, one.who, At(one.at_ms), one.round)
