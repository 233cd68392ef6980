"""A ticket from the call to the signatures, as a log: what the forms are filled from in tests.

Wang Fang of the metro calls at 09:00: the kiosk in the concourse prints nothing. Li comes at 11:00, finds the cutter
worn, and has no spare; he comes again the next day, replaces it, and both sign.
"""

from dataclasses import replace
from typing import Any

from roundsman_collector.core.ticket_log import ROBOT, Event
from roundsman_collector.reports.dossier import (
    Advice,
    Caller,
    ClockLine,
    Company,
    DeviceCard,
    Dossier,
    LoanLine,
    Snapshot,
)
from roundsman_wire.catalogue import Label

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
TODAY = 1_795_276_800_000
"""2026-11-21T16:00Z: midnight of 2026-11-22 in Shanghai."""
NUMBER = "2026-000007"
SERVICE_FILE, CUSTOMER_FILE = 11, 12


def at(text: str, day: int = 0) -> int:
    """`at("09:05")`: that time of the day in Shanghai."""
    hours, minutes = text.split(":")
    return TODAY + day * DAY + int(hours) * HOUR + int(minutes) * MINUTE


LINES: tuple[tuple[int, str, str, str, dict[str, Any]], ...] = (
    (
        at("09:00"),
        "zhao",
        "open",
        "小票打不出来，顾客在排队",
        {"source": "phone", "caller": {"name": "王芳", "phone": "13812345678"}},
    ),
    (at("09:00"), ROBOT, "promise", "", {"level": "office", "customer": "metro"}),
    (at("09:10"), "zhao", "acknowledge", "", {"reply": "visit", "arrival_ms": at("11:30")}),
    (at("09:20"), "zhao", "plan", "带切刀备件", {"mode": "visit"}),
    (at("09:30"), "zhao", "dispatch", "", {"engineer": "li"}),
    (at("10:00"), "li", "depart", "", {}),
    (at("11:02"), "li", "arrive", "", {"at_ms": at("11:00")}),
    (at("11:20"), "wang", "call", "", {"name": "王芳", "phone": "13812345678"}),
    (
        at("12:00"),
        "li",
        "leave",
        "先用手写小票",
        {
            "reason": "parts",
            "analysis": "切刀磨损，车上无此型号备件",
            "parts_awaited": "切刀 CT-80",
            "next_visit_ms": at("10:00", 1),
        },
    ),
    (at("09:00", 1), "zhao", "dispatch", "", {"engineer": "li"}),
    (at("10:00", 1), "li", "arrive", "", {}),
    (
        at("10:20", 1),
        "li",
        "part",
        "",
        {
            "component": "printer",
            "name": "切刀 CT-80",
            "quantity": 1,
            "old_serial": "CT80-0031",
            "new_serial": "CT80-0207",
        },
    ),
    (at("10:40", 1), "li", "fix", "", {"work": "更换切刀，清洁纸道，打印测试 20 张", "cause": "product"}),
    (at("10:41", 1), ROBOT, "verify", "", {}),
    (at("10:45", 1), "li", "sign", "", {"side": "service", "name": "李工", "file": SERVICE_FILE}),
    (at("10:46", 1), "li", "sign", "", {"side": "customer", "name": "王芳", "file": CUSTOMER_FILE}),
    (at("10:47", 1), "li", "confirm", "好用了，谢谢", {"name": "王芳", "rating": 5}),
    (at("11:00", 1), "li", "report", "", {"forms": ["W2", "Y1"]}),
    (at("15:00", 1), "zhao", "follow_up", "满意，建议增加备机", {"reached": True, "satisfied": True, "rating": 5}),
    (at("15:05", 1), "zhao", "close", "", {}),
)
COMPANY = Company(
    name=Label(zh="华君智能设备服务有限公司", en="Huajun Device Service Co., Ltd"),
    service_phone="400-800-1234",
    supervision_phone="0371-8888 0000",
    copies=3,
)

ADVICE = Advice(
    causes=(Label(zh="切刀磨损", en="worn cutter"), Label(zh="纸屑卡住", en="paper dust")),
    remedy=Label(zh="清洁纸道，更换切刀", en="clean the paper path, replace the cutter"),
    parts=(Label(zh="切刀", en="cutter"),),
)


def log(upto: str = "") -> tuple[Event, ...]:
    """The lines, up to the last with this verb; all of them where none is named."""
    events = tuple(
        Event(number, at_ms, who, verb, text, data)
        for number, (at_ms, who, verb, text, data) in enumerate(LINES, start=1)
    )
    if not upto:
        return events
    end = max(place for place, event in enumerate(events) if event.verb == upto)
    return events[: end + 1]


def dossier(upto: str = "", **more: Any) -> Dossier:
    """The ticket, as it stands after that line."""
    states = {"": "closed", "open": "open", "acknowledge": "acknowledged", "arrive": "on_site", "fix": "fixed"}
    found = Dossier(
        number=NUMBER,
        state=states.get(upto, "closed"),
        source="phone",
        severity="urgent",
        service_class="maintenance",
        component="printer",
        fault=Label(zh="打印机切刀故障", en="printer cutter fault"),
        opened_ms=at("09:00"),
        resolved_ms=None,
        known_ms=at("16:00", 1),
        time_zone="Asia/Shanghai",
        log=log(upto),
        company=COMPANY,
        device=DeviceCard(
            id="kiosk-7", name=Label(zh="7 号终端", en="Kiosk 7"), kind="kiosk", model="KT-200", serial="KT2-00917"
        ),
        customer=Label(zh="地铁公司", en="Metro"),
        site=Label(zh="人民广场站", en="People's Square"),
        place=Label(zh="站厅", en="Concourse"),
        zone=Label(zh="市区", en="urban"),
        address="人民路 1 号",
        contract="2026 年维保合同",
        phase=Label(zh="质保", en="under warranty"),
        warranty_until="2027-06-30",
        bought_on="2025-07-01",
        advice=ADVICE,
        contact=Caller("周师傅", "13900001111"),
        engineer="li",
        people={"li": "李工", "zhao": "赵敏", "wang": "王芳"},
        clocks=(
            ClockLine("respond", "met", at("09:30"), at("09:10")),
            ClockLine("arrive", "met", at("13:00"), at("11:00")),
            ClockLine("repair", "missed", at("15:00"), at("10:40", 1)),
        ),
        before=Snapshot(at("08:58"), {"printer.state": "error", "printer.paper": "ok", "host.cpu_percent": 12.5}),
        after=Snapshot(at("10:50", 1), {"printer.state": "online", "printer.paper": "ok", "host.cpu_percent": 11}),
    )
    return replace(found, **more)


LOAN = LoanLine(3, "打印机 KP-80（备机）", "BJ-0042", at("12:00"), "li", "returned", at("10:40", 1))
