"""A report with every part and every value that there is, in the words of a quarter at a metro station."""

from datetime import date, timedelta
from fractions import Fraction

from roundsman_collector.reports.document import (
    At,
    Bar,
    Bars,
    Component,
    Count,
    Day,
    Document,
    Facts,
    Field,
    Found,
    Heading,
    Notes,
    Number,
    Phrase,
    Reading,
    ReadingName,
    Share,
    Signature,
    Signatures,
    Span,
    StripRow,
    Strips,
    Table,
    Text,
    Trend,
)
from roundsman_wire.catalogue import Label

HOUR, DAY = 3_600_000, 86_400_000
FROM = 1_790_784_000_000
"""2026-09-30T16:00Z: midnight of 2026-10-01 in Shanghai."""
TO = FROM + 31 * DAY
KNOWN = TO + 2 * HOUR
RARE = "𠮷野家 犇牛 120 ㎡ 京A·12345"
DEVICES = Label(zh="台", en="devices")


def label(zh: str, en: str) -> Label:
    return Label(zh=zh, en=en)


def strip(place: int) -> StripRow:
    down = FROM + (place % 25) * DAY
    return StripRow(
        name=f"kiosk-{place} {RARE}" if place == 0 else f"kiosk-{place}",
        stretches=(
            ("up", FROM, down),
            ("down", down, down + 5 * HOUR),
            ("up", down + 5 * HOUR, FROM + 27 * DAY),
            ("maintenance", FROM + 27 * DAY, FROM + 28 * DAY),
            ("warning", FROM + 28 * DAY, FROM + 29 * DAY),
        ),
        figures=(Share(Fraction(697, 702)), Count(1)),
    )


def detail(place: int) -> tuple[str | Count | At | Span | Found | Day, ...]:
    return (
        f"2026-{place:06d}",
        At(FROM + place * HOUR),
        Span(5 * HOUR + place * 1000),
        Count(place),
        Found("fail" if place % 7 == 0 else "pass"),
        Day(date(2026, 10, 1) + timedelta(days=place % 31)),
    )


DETAIL_COLUMNS = (
    label("工单", "Ticket"),
    label("开始", "From"),
    label("历时", "Lasted"),
    label("次数", "Times"),
    label("结论", "Verdict"),
    label("日期", "Day"),
)
TREND = Trend(
    title=label("硬盘占用", "Disk use"),
    points=tuple((date(2026, 10, 1) + timedelta(days=day), None if day == 9 else 60.0 + day) for day in range(31)),
    unit="percent",
    limit=95.0,
    forecast=date(2026, 11, 5),
)


def report(details: int = 8, strips: int = 4) -> Document:
    """A report with so many rows of detail and so many strips."""
    return Document(
        form="site_report",
        layout="report",
        number="R-2026-10-metro-a",
        title=label("设备巡检报告", "Inspection report"),
        period=label("2026 年 10 月", "October 2026"),
        revision=2,
        state=label("临时", "provisional"),
        time_zone="Asia/Shanghai",
        known_ms=KNOWN,
        note=label("本报告一式两份。", "This report is made twice."),
        parts=(
            Facts(
                fields=(
                    Field(label=label("客户", "Customer"), value="地铁公司 <b>"),
                    Field(label=label("站点", "Site"), value=RARE),
                    Field(label=label("开机率", "Availability"), value=Share(999_999, 1_000_000)),
                    Field(label=label("时长", "Duration"), value=(At(FROM), Span(31 * DAY))),
                    Field(label=label("结论", "Verdict"), value=Found("attention")),
                    Field(label=label("读数", "Reading"), value=Reading("host.cpu_percent", 12.5)),
                )
            ),
            Heading(label=label("一、整体运行情况", "1. How it ran")),
            Text(
                paragraphs=(
                    Phrase(
                        label("本期共 {0} 发生 {1}，可用率 {2}。", "{1} at {0}; availability {2}."),
                        (Count(12, DEVICES), Count(1234, label("起故障", "faults")), Share(1, 3)),
                    ),
                    (label("平均修复", "Repaired within"), Number(3.25, "hours", 2), label("。", ".")),
                ),
            ),
            Strips(
                title=label("运行时间条", "Uptime"),
                rows=tuple(strip(place) for place in range(strips)),
                from_ms=FROM,
                to_ms=TO,
                columns=(label("可用率", "Availability"), label("中断", "Outages")),
            ),
            Heading(label=label("二、故障分类统计", "2. Faults by class")),
            Bars(
                title=label("故障分类", "Faults by class"),
                is_pareto=True,
                rows=(
                    Bar(Component("printer"), 12, Count(12)),
                    Bar(label("供电", "Power"), 30, Count(30)),
                    Bar(ReadingName("host.cpu_percent"), 8, Count(8)),
                ),
            ),
            Heading(label=label("趋势", "Trends"), level=2),
            TREND,
            Table(
                title=label("明细", "Details"),
                columns=DETAIL_COLUMNS,
                rows=tuple(detail(place) for place in range(details)),
                total=(label("合计", "total"), None, Span(5 * HOUR), Count(details), None, None),
                is_detail=True,
            ),
            Table(title=label("备注", "Remarks"), columns=(label("内容", "Words"),), rows=(), none=label("无", "none")),
            Notes(
                title=label("说明", "Notes"),
                entries=(label("可用率 = 可用 ÷（可用＋停机）。", "Availability = up ÷ (up + down)."), RARE),
            ),
            Signatures(
                signers=(
                    Signature(label=label("巡检工程师", "Inspection engineer"), name="李工", at_ms=KNOWN),
                    Signature(label=label("客户（盖章）", "Customer"), is_needed=True, has_stamp=True),
                )
            ),
        ),
    )
