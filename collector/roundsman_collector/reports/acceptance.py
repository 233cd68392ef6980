"""试运行与验收报告 of a site: the trial run before acceptance, shown by live data (S1-2, S3-6, S3-7). Pure.

Of each device: installed, first heard, running, what still holds; the availability of the time before the contract was
accepted, which is in no figure of the contract; what rounds saw. Whether it is accepted, people decide and sign.
"""

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from roundsman_collector.core.ratios import Ratio
from roundsman_collector.reports import inspected, looked
from roundsman_collector.reports.document import (
    NONE,
    At,
    Count,
    Day,
    Document,
    Facts,
    Field,
    Found,
    Phrase,
    Share,
    Table,
    Value,
)
from roundsman_collector.reports.head import paper
from roundsman_collector.reports.site import Site
from roundsman_collector.reports.site_parts import DEVICE, devices, faults, notes, overview, signatures, strips, tickets
from roundsman_wire.catalogue import Label

TITLE = Label(zh="试运行与验收报告", en="Trial run and acceptance")
SHOWN = Label(zh="已由数据证实", en="shown by data")
NEVER = Label(zh="从未上报正常数据", en="it has never been up")
NOTE = Label(
    zh="试运行是合同验收之前的时间，不计入合同考核；无验收日期时，试运行尚未结束。没有合同的站点，全部时间即为试运行。",
    en="The trial run is the time before the contract was accepted, and is in none of its figures; without a day of "
    "acceptance it still goes on. At a site without a contract all time is on trial.",
)
NOTE_RUNNING = Label(
    zh="“运行”以数据为准：设备至少上报过一次正常数据，且本期末没有未恢复的故障。",
    en="Running is shown by data: the device was up at least once, and no fault of it holds at the end.",
)


class Started(NamedTuple):
    """A device on its way: installed, first up, and how many faults of it hold at the end."""

    device: str
    name: Label
    installed_ms: int | None
    first_up_ms: int | None
    holding: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Acceptance:
    """Everything that the report says. `site`: its figures are those of the trial run; `on_net`: 入网率 of /ratios."""

    site: Site
    accepted_on: date | None
    started: tuple[Started, ...]
    on_net: Ratio | None

    @property
    def is_running(self) -> int:
        """How many devices are shown to run."""
        return sum(_is_running(one) for one in self.started)


def _is_running(one: Started) -> bool:
    return one.first_up_ms is not None and not one.holding


def build(report: Acceptance) -> Document:
    """The report."""
    site = report.site
    return paper(
        site.head,
        form="acceptance",
        title=TITLE,
        parts=(
            _stands(report),
            overview(site),
            _steps(report),
            strips(site),
            devices(site),
            inspected.lines(site.inspected, title=Label(zh="检测明细", en="What was measured")),
            inspected.unseen(site.inspected),
            looked.table(site.marks, title=Label(zh="人工检查", en="What people looked at")),
            faults(site),
            tickets(site),
            notes(site, NOTE, NOTE_RUNNING),
            CONCLUSION,
            signatures(),
        ),
    )


def _stands(report: Acceptance) -> Facts:
    total = Count(len(report.started))
    running = Phrase(Label(zh="{0} / {1} 台", en="{0} of {1}"), (Count(report.is_running), total))
    net: Value = None if report.on_net is None else Share(report.on_net.value)
    accepted: Value = Label(zh="未验收", en="not yet") if report.accepted_on is None else Day(report.accepted_on)
    said: tuple[tuple[Label, Value], ...] = (
        (Label(zh="验收日期", en="Accepted on"), accepted),
        (Label(zh="运行已证实", en="Running, shown by data"), running),
        (Label(zh="车辆入网率", en="Vehicles on the net"), net),
        (Label(zh="未恢复故障", en="Faults that hold"), Count(sum(one.holding for one in report.started))),
    )
    return Facts(
        title=Label(zh="验收", en="Acceptance"),
        fields=tuple(
            Field(label=label, value=value, is_wide=label.en == "Accepted")
            for label, value in said
            if value is not None
        ),
    )


CONCLUSION = Table(
    title=Label(zh="验收结论", en="Conclusion"),
    columns=(
        Label(zh="合格 / 不合格", en="Accepted / not accepted"),
        Label(zh="遗留问题及完成日期", en="What is left to do, and by when"),
    ),
    rows=(),
    blanks=2,
    widths=(30, 70),
)
"""To be filled in by hand, when both sides have looked."""


def _steps(report: Acceptance) -> Table:
    """安装, 调试 and 启动 as they were entered and heard, 运行 as data show it."""
    verdicts = {one.id: one.inspected.verdict for one in report.site.devices if one.inspected is not None}
    return Table(
        title=Label(zh="安装、启动与运行", en="Installed, started, running"),
        columns=(
            DEVICE,
            Label(zh="安装登记", en="Installed"),
            Label(zh="首次上报正常", en="First up"),
            Label(zh="检测", en="Measured"),
            Label(zh="未恢复故障", en="Faults"),
            Label(zh="运行", en="Running"),
        ),
        rows=tuple(
            (
                one.name,
                None if one.installed_ms is None else At(one.installed_ms),
                None if one.first_up_ms is None else At(one.first_up_ms),
                Found(verdicts[one.device]) if one.device in verdicts else None,
                Count(one.holding),
                _running(one),
            )
            for one in report.started
        ),
        widths=(24, 18, 18, 12, 10, 18),
        none=NONE,
        is_detail=True,
    )


def _running(one: Started) -> Value:
    if one.first_up_ms is None:
        return NEVER
    if one.holding:
        return Phrase(Label(zh="{0} 项故障未恢复", en="{0} faults hold"), (Count(one.holding),))
    return SHOWN
