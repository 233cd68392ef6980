"""Reports: the monthly report of a site with 300 devices as a page, a PDF and a workbook.

    make bench ONLY=reports
    make bench ONLY="reports --devices 100"                   another size

Each device has 31 days with some 6 outages, 8 components with a verdict, and every other one had a ticket: 3,150 rows
of detail, of which paper shows 500. The report is `reports/site_inspection.py`'s, set by web/sheet.py, made into a PDF
by the process that makes PDFs, whose peak is the kernel's (VmHWM). The database is not in it: see `availability`.
"""

import argparse
import random
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import NamedTuple

from roundsman_collector.core.inspection import Verdict
from roundsman_collector.core.kept import Kept
from roundsman_collector.core.periods import Period
from roundsman_collector.core.reckoning import Stretch, reckoned, summed
from roundsman_collector.press import press
from roundsman_collector.reports import site_inspection
from roundsman_collector.reports.document import Document
from roundsman_collector.reports.dossier import Company
from roundsman_collector.reports.head import Head
from roundsman_collector.reports.inspected import Inspected, Line, Measured
from roundsman_collector.reports.site import DeviceLine, Site, TicketLine
from roundsman_collector.reports.worse import WorstValue
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.sheet import sheet_file
from roundsman_collector.web.workbook import workbook
from roundsman_wire.catalogue import Label
from tests.bench._machine import facts

DAY_MS, HOUR_MS = 86_400_000, 3_600_000
FROM_MS = 1_790_784_000_000  # 2026-10-01 00:00 in Shanghai
TO_MS = FROM_MS + 31 * DAY_MS
DEVICES = 300
AIM_S, AIM_MIB = 10, 400
MIB = 1024 * 1024
READINGS = ("host.cpu_percent", "host.memory_percent", "disk[/].used_percent", "printer.paper")
VERDICTS: tuple[Verdict, ...] = ("pass", "pass", "pass", "pass", "pass", "attention", "fail", "unseen")
COMPONENTS = ("host", "disk[/]", "printer", "display", "network", "ups", "usb", "app")


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--devices", type=int, default=DEVICES, help="devices of the site")


def run(arguments: argparse.Namespace) -> dict[str, object]:
    chance = random.Random(7)
    began = time.process_time()
    document = site_inspection.build(site(chance, arguments.devices))
    found: dict[str, object] = {"devices": arguments.devices, "build_s": round(time.process_time() - began, 2)}
    found["paper"] = paper(document)._asdict()
    began = time.process_time()
    with workbook(document, Company(), saying()) as file:
        found["workbook_bytes"] = len(file.read())
    found["workbook_s"] = round(time.process_time() - began, 2)
    return {**found, "aim_s": AIM_S, "aim_mib": AIM_MIB, **facts()}


class Paper(NamedTuple):
    """What one PDF took: on the clock, and of memory."""

    html_s: float
    press_s: float
    press_cpu_s: float
    peak_mib: int
    pages: int
    bytes: int


def paper(document: Document) -> Paper:
    began = time.process_time()
    html = sheet_file(document, Company(name=Label(zh="巡检服务公司", en="Rounds Ltd")), saying(), {})
    html_s = time.process_time() - began
    with tempfile.TemporaryDirectory() as folder:
        made = press(html, Path(folder) / "report.pdf")
    return Paper(
        round(html_s, 2), round(made.took_s, 2), round(made.cpu_s, 2), made.peak_bytes // MIB, made.pages, made.size
    )


def saying() -> Saying:
    return Saying(language="zh", now_ms=TO_MS)


def site(chance: random.Random, number: int) -> Site:
    """A metro with so many kiosks."""
    devices = tuple(device(chance, place) for place in range(number))
    return Site(
        head=Head(
            number="2026-10-metro",
            name=label("地铁一号线", "Metro line 1"),
            period=Period("2026-10", date(2026, 10, 1), date(2026, 10, 31)),
            from_ms=FROM_MS,
            to_ms=TO_MS,
            known_ms=TO_MS + 72 * HOUR_MS,
            time_zone="Asia/Shanghai",
            customer=label("地铁运营公司", "Metro company"),
            contract="HT-2026-07",
        ),
        address="中山路 1 号",
        engineers=("李工", "王工"),
        phase="warranty",
        target_percent="99.5",
        whole=reckoned(summed([one for device in devices for one in device.stretches])),
        devices=devices,
        rounds=(),
        marks=(),
        faults=(),
        tickets=tuple(ticket(place) for place in range(0, number, 2)),
        clocks=(Kept(clock="repair", stands={"met": number // 2}, elapsed_ms=number * HOUR_MS),),
        tasks=(),
        worst=tuple(worst(one) for one in devices),
        foretold=(),
    )


def worst(one: DeviceLine) -> WorstValue:
    """What a device's disk was at the most."""
    return WorstValue(
        one.id, one.name, label("磁盘将满", "disk fills up"), "disk[/].used_percent", 71.5, date(2026, 10, 21), 70.0
    )


def device(chance: random.Random, place: int) -> DeviceLine:
    told = stretches(chance)
    return DeviceLine(
        id=f"kiosk-{place:04d}",
        name=label(f"{place % 20 + 1} 号站厅售票机 {place:04d}", f"Kiosk {place:04d}"),
        kind="kiosk",
        model="TVM-3000",
        serial=f"SN{place:08d}",
        place=label("站厅", "concourse"),
        reckoned=reckoned(summed(told)),
        stretches=tuple(told),
        tickets=place % 2,
        inspected=inspected(chance, place),
    )


def stretches(chance: random.Random) -> list[Stretch]:
    """A month with some six outages."""
    found, at_ms = [], FROM_MS
    for _ in range(6):
        down_ms = min(TO_MS - HOUR_MS, at_ms + chance.randrange(HOUR_MS, 9 * DAY_MS))
        up_ms = down_ms + chance.randrange(60_000, HOUR_MS)
        if down_ms <= at_ms:
            break
        found += [Stretch(at_ms, down_ms, "up", "", "", False, "")]
        found += [Stretch(down_ms, up_ms, "down", "fault", "printer.paper_out", False, "")]
        at_ms = up_ms
    return [*found, Stretch(at_ms, TO_MS, "up", "", "", False, "")]


def inspected(chance: random.Random, place: int) -> Inspected:
    lines = tuple(line(chance, component) for component in COMPONENTS)
    return Inspected(
        device=f"kiosk-{place:04d}",
        name=label(f"售票机 {place:04d}", f"Kiosk {place:04d}"),
        round="R2026-000123",
        asked_ms=TO_MS - DAY_MS,
        verdict="pass",
        lines=lines,
    )


def line(chance: random.Random, component: str) -> Line:
    verdict = chance.choice(VERDICTS)
    read = Measured(
        name=chance.choice(READINGS[:3]),
        value=round(chance.uniform(5, 99), 1),
        t_ms=TO_MS - DAY_MS,
        limits=({"form": "above", "number": 90, "words": []},),
        verdict=verdict,
        why="",
        stream="0a1b2c3d",
        n=chance.randrange(10**6),
    )
    return Line(component=component, verdict=verdict, measured=(read,), faults=())


def ticket(place: int) -> TicketLine:
    opened_ms = FROM_MS + place * HOUR_MS
    return TicketLine(
        number=f"2026-{place:06d}",
        about=label(f"售票机 {place:04d}", f"Kiosk {place:04d}"),
        fault=label("打印机缺纸", "paper out"),
        component="printer",
        state="closed",
        opened_ms=opened_ms,
        replied_ms=opened_ms + 600_000,
        arrived_ms=opened_ms + HOUR_MS,
        repaired_ms=opened_ms + 2 * HOUR_MS,
        clocks=(),
    )


def label(zh: str, en: str) -> Label:
    return Label(zh=zh, en=en)
