"""季度维护保养报告 of a camera system: items A to G of the security regulation, over a quarter (S0-30 to S0-36). Pure.

    A  中心控制室设备        every back-end device with its verdict, and the quarter's worst
    B  主机、机柜清洁        ticks of people, with temperatures and fans beside them
    C  控制室线路            ports: how often they were down, flapped, had errors; ticks
    D  技术性能检测与调整    what was measured against its limits; what was adjusted
    E  前端、后端设备清洁    every camera and back-end device, one by one
    F  系统软件升级          versions by model, who is behind others of the same model; ticks
    G  系统线路与联接        every point's connection over the quarter

What monitoring sees is told by itself; what only a person can see stands as it was ticked, and as not done where nobody
has ticked it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import NamedTuple

from roundsman_collector.core.firmware import Behind, Version
from roundsman_collector.core.ratios import PointTime, Ratio
from roundsman_collector.reports import inspected, looked, worse
from roundsman_collector.reports.by_clock import by_clock
from roundsman_collector.reports.document import (
    NONE,
    At,
    Component,
    Count,
    Day,
    Document,
    Found,
    Heading,
    Part,
    Phrase,
    ReadingName,
    Share,
    Span,
    Table,
    Value,
)
from roundsman_collector.reports.head import paper
from roundsman_collector.reports.inspected import Inspected, Measured, evidence_of, limits_of, value_of
from roundsman_collector.reports.looked import Mark
from roundsman_collector.reports.site import DeviceLine, Site
from roundsman_collector.reports.site_parts import DEVICE, notes, overview, plans, signatures, strips, tickets
from roundsman_collector.reports.worse import WorstValue
from roundsman_wire.catalogue import Label

TITLE = Label(zh="季度维护保养报告", en="Quarterly maintenance report")
FRONT_END = ("camera",)
PORT_FAULTS: Mapping[str, Label] = {
    "net.port_down": Label(zh="断开", en="down"),
    "net.port_flap": Label(zh="抖动", en="flapped"),
    "net.errors": Label(zh="误码", en="errors"),
    "poe.fault": Label(zh="PoE 故障", en="PoE failed"),
}
"""Faults of ports, counted by how often each began in the quarter."""
NOT_TICKED = Label(zh="未检查", en="nobody looked")
WARM = ("temperature[", "fan[")
CLEANED = ("cleaned", "lens", "print_head", "bill_acceptor")
ITEMS: Mapping[str, Label] = {
    "A": Label(zh="A 中心控制室设备运行状态", en="A  Equipment of the control room"),
    "B": Label(zh="B 主机及机柜清洁", en="B  Hosts and cabinets cleaned"),
    "C": Label(zh="C 中心控制室线路检查、紧固", en="C  Lines of the control room checked and tightened"),
    "D": Label(zh="D 工作状况和技术性能检测、参数调整", en="D  Performance measured, parameters adjusted"),
    "E": Label(zh="E 前端及后端设备清洁", en="E  Cameras and back-end devices cleaned"),
    "F": Label(zh="F 系统软件升级", en="F  Software upgrades"),
    "G": Label(zh="G 系统线路检查、联接可靠", en="G  Lines of the whole system, connection of every point"),
}


class WorstDay(NamedTuple):
    """The local day of the quarter on which a device was available least."""

    day: date
    availability: Fraction


class Point(NamedTuple):
    """A channel over the quarter, and how often it was lost."""

    about: Label
    channel: str
    is_empty: bool
    time: PointTime
    lost: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Quarter:
    """Everything that the report says. `ratio`: 点位在线率 by time, as /ratios tells it; None: there are no points."""

    site: Site
    worst: Mapping[str, WorstDay]
    points: tuple[Point, ...]
    ratio: Ratio | None
    versions: tuple[Version, ...]
    behind: tuple[Behind, ...]

    @property
    def back_end(self) -> list[DeviceLine]:
        """What stands in the control room: all but cameras."""
        return [one for one in self.site.devices if one.kind not in FRONT_END]

    def ticked(self, *items: str) -> list[Mark]:
        """What people found of these items."""
        return [one for one in self.site.marks if one.item in items]


def build(quarter: Quarter) -> Document:
    """The report."""
    site = quarter.site
    return paper(
        site.head,
        form="cctv_quarter",
        title=TITLE,
        parts=(
            overview(site),
            plans(site),
            *_item("A", _control_room(quarter), worse.worst(_of_back_end(quarter)), strips(site)),
            *_item("B", _ticks(quarter, HOSTS, "cleaned", only=quarter.back_end), _warmth(quarter)),
            *_item("C", _ports(quarter), looked.table(quarter.ticked("tightened", "cables"), title=LINES_LOOKED_AT)),
            *_item("D", _measured(site.inspected), looked.table(quarter.ticked("adjusted"), title=ADJUSTED)),
            *_item("E", _ticks(quarter, EVERY_DEVICE, *CLEANED, only=site.devices)),
            *_item("F", _versions(quarter), _behind(quarter), looked.table(quarter.ticked("upgraded"), title=UPGRADED)),
            *_item("G", _points(quarter)),
            Heading(label=Label(zh="服务情况", en="Service")),
            inspected.unseen(site.inspected),
            worse.foretold(site.foretold),
            tickets(site),
            by_clock(site.clocks),
            notes(site, NOTE_POINTS, NOTE_FIRMWARE, worse.METHOD),
            signatures(),
        ),
    )


def _item(letter: str, *parts: Part) -> tuple[Part, ...]:
    return (Heading(label=ITEMS[letter]), *parts)


HOSTS = Label(zh="主机、机柜清洁记录", en="Hosts and cabinets, one by one")
EVERY_DEVICE = Label(zh="前端、后端设备清洁记录", en="Every device, one by one")
LINES_LOOKED_AT = Label(zh="线路检查、紧固记录", en="Lines looked at")
ADJUSTED = Label(zh="已调整", en="Adjusted")
UPGRADED = Label(zh="已升级", en="Upgraded")
NOTE_POINTS = Label(
    zh="点位在线率＝各通道在线时长之和÷（在线＋离线）时长之和；未配置摄像机的通道不计，未知时长不计入。",
    en="Points online = Σ time online ÷ Σ time online or offline; channels without a camera are not counted, unknown "
    "time is in neither.",
)
NOTE_FIRMWARE = Label(
    zh="软件版本只与本站点同型号设备相比；系统从不自动升级。",
    en="Versions are compared with those of the same model here; nothing is ever upgraded by itself.",
)


# --- A ---------------------------------------------------------------------------------------------------------------


def _control_room(quarter: Quarter) -> Table:
    counts = _faults_of(quarter)
    return Table(
        title=Label(zh="设备状态及本季最差值", en="State, and the quarter's worst"),
        columns=(
            DEVICE,
            Label(zh="型号", en="Model"),
            Label(zh="当日结论", en="On the day"),
            Label(zh="可用率", en="Availability"),
            Label(zh="最差一日", en="Worst day"),
            Label(zh="停机次数", en="Outages"),
            Label(zh="最长停机", en="Longest outage"),
            Label(zh="故障次数", en="Faults"),
        ),
        rows=tuple(
            (
                one.name,
                one.model,
                NOT_TICKED if one.inspected is None else Found(one.inspected.verdict),
                Share(one.reckoned.figure.availability),
                _worst(quarter.worst.get(one.id)),
                Count(one.reckoned.figure.outages),
                Span(one.reckoned.figure.longest_ms),
                Count(counts.get(one.id, 0)),
            )
            for one in quarter.back_end
        ),
        widths=(18, 14, 11, 10, 18, 8, 13, 8),
        none=NONE,
        is_detail=True,
    )


def _of_back_end(quarter: Quarter) -> list[WorstValue]:
    there = {one.id for one in quarter.back_end}
    return [one for one in quarter.site.worst if one.device in there]


def _worst(day: WorstDay | None) -> Value:
    if day is None:
        return None
    return Phrase(Label(zh="{0}：{1}", en="{0}: {1}"), (Day(day.day), Share(day.availability)))


def _faults_of(quarter: Quarter) -> dict[str, int]:
    counts: dict[str, int] = {}
    for one in quarter.site.faults:
        counts[one.device] = counts.get(one.device, 0) + 1
    return counts


# --- B and E ---------------------------------------------------------------------------------------------------------


def _ticks(quarter: Quarter, title: Label, *items: str, only: Iterable[DeviceLine]) -> Table:
    """Each device with what was ticked of it; one that nobody ticked stands there, too."""
    ticked: dict[str, list[Mark]] = {}
    for mark in quarter.ticked(*items):
        ticked.setdefault(mark.device, []).append(mark)
    return Table(
        title=title,
        columns=(
            DEVICE,
            Label(zh="点位", en="Place"),
            Label(zh="结论", en="Found"),
            Label(zh="说明", en="Words"),
            Label(zh="照片", en="Photos"),
            Label(zh="检查人", en="By"),
            Label(zh="时间", en="When"),
        ),
        rows=tuple(row for device in only for row in _of_device(device, ticked.get(device.id, ()))),
        widths=(20, 15, 12, 21, 7, 11, 14),
        none=NONE,
        is_detail=True,
    )


def _of_device(device: DeviceLine, ticked: Iterable[Mark]) -> Iterator[tuple[Value, ...]]:
    mark = None
    for mark in ticked:
        photos = Count(mark.photos) if mark.photos else None
        yield (device.name, device.place, Found(mark.verdict), mark.words, photos, mark.who, At(mark.at_ms))
    if mark is None:
        yield (device.name, device.place, NOT_TICKED, None, None, None, None)


def _warmth(quarter: Quarter) -> Table:
    """Temperatures and fans, which tell of dust."""
    rows = tuple(
        (one.name, ReadingName(read.name), value_of(read), limits_of(read), evidence_of(read))
        for one in quarter.site.inspected
        for read in _all(one)
        if read.name.startswith(WARM)
    )
    return Table(
        title=Label(zh="温度与风扇", en="Temperatures and fans"),
        columns=READ_COLUMNS,
        rows=rows,
        none=Label(zh="设备未上报温度或风扇读数", en="no device tells its temperature or fans"),
        is_detail=True,
    )


READ_COLUMNS = (
    DEVICE,
    Label(zh="读数", en="Reading"),
    Label(zh="数值", en="Value"),
    Label(zh="限值", en="Limit"),
    Label(zh="依据", en="Evidence"),
)


def _all(one: Inspected) -> Iterator[Measured]:
    for line in one.lines:
        yield from line.measured
    yield from one.others


# --- C ---------------------------------------------------------------------------------------------------------------


def _ports(quarter: Quarter) -> Table:
    """Ports of which something was wrong, those with most first; errors point at the cable to tighten."""
    counts: dict[tuple[str, str], dict[str, int]] = {}
    names = {one.device: one.about for one in quarter.site.faults}
    for one in quarter.site.faults:
        if one.code in PORT_FAULTS:
            of_port = counts.setdefault((one.device, one.component), {})
            of_port[one.code] = of_port.get(one.code, 0) + 1
    order = sorted(counts, key=lambda key: (-sum(counts[key].values()), key))
    return Table(
        title=Label(zh="端口异常次数", en="Troubles of ports"),
        columns=(DEVICE, Label(zh="端口", en="Port"), *PORT_FAULTS.values()),
        rows=tuple(
            (names[key[0]], Component(key[1]), *(Count(counts[key].get(code, 0)) for code in PORT_FAULTS))
            for key in order
        ),
        none=Label(zh="本季度各端口无异常", en="no port had any trouble"),
        is_detail=True,
    )


# --- D ---------------------------------------------------------------------------------------------------------------


def _measured(devices: Iterable[Inspected]) -> Table:
    """Everything that has a limit, with what was measured."""
    rows = tuple(
        (
            one.name,
            ReadingName(read.name),
            value_of(read),
            limits_of(read),
            None if read.verdict is None else Found(read.verdict),
            evidence_of(read),
        )
        for one in devices
        for _, read in one.measured
        if read.limits
    )
    return Table(
        title=Label(zh="性能检测", en="Measured against limits"),
        columns=(*READ_COLUMNS[:4], Label(zh="结论", en="Verdict"), READ_COLUMNS[4]),
        rows=rows,
        widths=(18, 22, 14, 16, 10, 20),
        none=Label(zh="本季度没有巡检记录", en="no inspection in this quarter"),
        is_detail=True,
    )


# --- F ---------------------------------------------------------------------------------------------------------------


def _versions(quarter: Quarter) -> Table:
    return Table(
        title=Label(zh="软件版本清单", en="Inventory of versions"),
        columns=(
            Label(zh="型号", en="Model"),
            Label(zh="版本", en="Version"),
            Label(zh="设备", en="Devices"),
            Label(zh="同型号最新", en="Newest of its model"),
        ),
        rows=tuple(
            (
                one.model or Label(zh="型号未知", en="model not known"),
                one.version,
                Count(one.devices),
                Label(zh="是", en="yes") if one.is_newest else None,
            )
            for one in quarter.versions
        ),
        none=Label(zh="设备未上报软件版本", en="no device tells its version"),
    )


def _behind(quarter: Quarter) -> Table:
    names = {one.id: one.name for one in quarter.site.devices}
    return Table(
        title=Label(zh="落后于同型号的设备", en="Behind others of the same model"),
        columns=(
            DEVICE,
            Label(zh="型号", en="Model"),
            Label(zh="当前版本", en="Has"),
            Label(zh="同型号最新", en="Newest here"),
        ),
        rows=tuple((names[one.device], one.model, one.version, one.newest) for one in quarter.behind),
        none=NONE,
        is_detail=True,
    )


# --- G ---------------------------------------------------------------------------------------------------------------


def _points(quarter: Quarter) -> Table:
    ratio = quarter.ratio
    total = (
        Label(zh="合计", en="Total"),
        None,
        None if ratio is None else Share(ratio.value),
        None if ratio is None else Span(int(ratio.whole - ratio.part)),
        None if ratio is None else Span(int(ratio.unknown)),
        Count(sum(one.lost for one in quarter.points)),
    )
    return Table(
        title=Label(zh="各点位联接情况", en="Connection of every point"),
        columns=(
            DEVICE,
            Label(zh="通道", en="Channel"),
            Label(zh="在线率", en="Online"),
            Label(zh="离线", en="Offline"),
            Label(zh="未知", en="Unknown"),
            Label(zh="断线次数", en="Times lost"),
        ),
        rows=tuple(_point(one) for one in quarter.points),
        total=total if quarter.points else (),
        widths=(26, 18, 13, 15, 15, 13),
        none=Label(zh="本站点没有监控点位", en="there are no points here"),
        is_detail=True,
    )


def _point(one: Point) -> tuple[Value, ...]:
    if one.is_empty:
        return (one.about, Component(one.channel), Label(zh="未接摄像机", en="no camera"), None, None, None)
    known_ms = one.time.up_ms + one.time.down_ms
    return (
        one.about,
        Component(one.channel),
        Share(Fraction(one.time.up_ms, known_ms) if known_ms else None),
        Span(one.time.down_ms),
        Span(one.time.unknown_ms),
        Count(one.lost),
    )
