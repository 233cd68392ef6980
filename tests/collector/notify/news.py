"""A notice of kiosk-7's paper as the delivery has it."""

from dataclasses import replace
from typing import Any

from roundsman_collector.notify.facts import Facts
from roundsman_collector.store import Names
from roundsman_wire.catalogue import Label

AT = 1_763_690_400_000  # 2025-11-21 10:00:00 Beijing time
HOUR = 3_600_000

NAMES = Names(
    name_zh="自助终端 7",
    name_en="Kiosk 7",
    group="south",
    site_zh="南山店",
    site_en="Nanshan shop",
    place_zh="一号位",
    place_en="Place 1",
    time_zone="Asia/Shanghai",
)
FAULTS = {"printer.paper_end": Label(zh="打印机缺纸", en="printer out of paper")}


def body(**more: Any) -> dict[str, Any]:
    ticket = {
        "id": 17,
        "number": "2025-000017",
        "component": "printer",
        "code": "printer.paper_end",
        "severity": "urgent",
        "service_class": "clerk",
        "fault_from_ms": AT,
        "fault_to_ms": None,
        "opened_ms": AT + 5000,
        "resolved_ms": None,
        "outcome": "",
    }
    return {"ticket": ticket | more, "who": "roundsman", "text": ""}


OPENED = Facts(
    id="e1-5",
    event="opened",
    subject="kiosk-7",
    body=body(),
    made_ms=AT + 5000,
    way="值班",
    names=NAMES,
    faults=FAULTS,
    public_url="https://rounds.example.com",
)
RESOLVED = replace(
    OPENED,
    id="e1-6",
    event="resolved",
    body=body(fault_to_ms=AT + HOUR + 5 * 60_000, resolved_ms=AT + 2 * HOUR, outcome="recovered"),
)
VOIDED = replace(
    OPENED,
    id="e1-7",
    event="voided",
    body=body(outcome="void") | {"who": "wang", "text": "演练\r\nBcc: a@example.com"},
)
DISPATCHED = replace(
    OPENED,
    id="e1-10",
    event="dispatched",
    body=body() | {"who": "front", "text": "带纸卷", "engineer": {"id": "li", "name": "李工"}},
)
BREACHED = replace(
    OPENED,
    id="e1-11",
    event="breached",
    body=body() | {"clock": {"clock": "arrive", "percent": None, "due_ms": AT + 4 * HOUR}, "again": 2},
)
WARNED = replace(
    BREACHED, id="e1-12", event="warned", body=body() | {"clock": {"clock": "respond", "percent": 80, "due_ms": AT}}
)
CALLED = replace(OPENED, id="e1-13", event="called_again", body=body() | {"who": "front", "text": "又来电催修"})
AT_A_SITE = replace(OPENED, id="e1-14", subject="#nanshan", body=body(component="", code="other"))
TEST = replace(OPENED, id="e1-8", event="test", subject="", body={"who": "wang"}, names=Names())
DIGEST = replace(
    OPENED,
    id="e1-9",
    event="digest",
    subject="",
    names=Names(),
    body={
        "count": 33,
        "from_ms": AT,
        "to_ms": AT + 60_000,
        "by_event": {"opened": 31, "resolved": 2},
        "entries": [{"event": "opened", "subject": "kiosk-7", **body()}],
    },
    subjects={"kiosk-7": NAMES},
)
DAILY = replace(DIGEST, id="e1-15", body={**DIGEST.body, "is_daily": True})
EVERY = (OPENED, RESOLVED, VOIDED, DISPATCHED, BREACHED, WARNED, CALLED, AT_A_SITE, TEST, DIGEST, DAILY)
