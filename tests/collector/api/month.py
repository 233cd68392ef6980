"""A month of two customers, of whom one gets a device from the other in its middle; reports are made of it.

October 2024 where the sites are, Shanghai; it is 3 November now (NOW). Days are counted from the first of the month.

    kiosk-7   the metro's until day 10, the bank's from then on; down for six hours on days 2 and 12, and on day 3,
              which nobody knew before day 20 (late truth)
    nvr-2     the metro's, with three channels, of which one lost its camera on day 5; unknown on day 8; two ports that
              flap and have errors
    bus-31    the metro's, up all month
    ups-2     the bank's, whose site counts 08:00-20:00 alone
    kiosk-8   the bank's new branch, on trial until its contract was accepted on the 21st; down on day 12, a day long
    kiosk-9   the same, never heard of

The metro's contract takes unknown time for down and wants 99.5 %. Tickets: the kiosk's at the metro (mended in time), a
void one, the kiosk's at the bank (overdue), the recorder's (still open).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from roundsman_collector.api.desk import Desk
from roundsman_collector.core.local_days import day_at
from roundsman_collector.core.model import Condition, Ref, Retold, Segment
from roundsman_collector.core.periods import Period
from roundsman_collector.core.plans import Due
from roundsman_collector.core.ticket_log import ROBOT
from roundsman_collector.engine import errands
from roundsman_collector.engine.engine import Engine
from roundsman_collector.engine.timely import obey
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import (
    Batch,
    ConditionsTold,
    Deed,
    DeviceEntry,
    DeviceNow,
    Office,
    Store,
    TicketOpen,
    TicketStep,
    TicketVoid,
    View,
)
from roundsman_collector.store.forecasts import ForecastRow
from roundsman_collector.store.plan_files import terms_of
from roundsman_collector.store.reading_days import DayRow, DaysTold
from roundsman_collector.store.round_log import NewLine
from roundsman_collector.store.tasks import TaskLine, TaskMade
from roundsman_collector.store.ticket_clocks import ClockRow, ClocksTold
from tests.collector.api import world
from tests.collector.api.rounds_desk import rules
from tests.collector.store.cast import DAY, staffed

HOUR = 3_600_000
BEGIN = 1_727_712_000_000
"""2024-09-30T16:00Z: the first of October in Shanghai."""
END = BEGIN + 31 * DAY
NOW = END + 2 * DAY + 12 * HOUR
MONTH = "2024-10"
TOKEN = "a-token-for-reports"
CHANNELS: dict[str, object] = {
    "nvr.state": "online",
    "nvr.firmware": "V4.62.210 build 230516",
    "temperature[cpu].celsius": 41,
    "channel[1].state": "online",
    "channel[2].state": "no_stream",
    "channel[3].state": "empty",
}
PLACES: tuple[tuple[Any, str, dict[str, str]], ...] = (
    ("customer", "metro", {"name_zh": "地铁公司", "name_en": "Metro"}),
    ("customer", "bank", {"name_zh": "商业银行", "name_en": "Bank"}),
    (
        "contract",
        "metro-c",
        {
            "customer": "metro",
            "name": "M-2024",
            "accepted_on": "2024-01-01",
            "warranty_until": "2025-12-31",
            "unknown_as": "down",
            "target_percent": "99.5",
        },
    ),
    (
        "site",
        "metro-a",
        {
            "customer": "metro",
            "group_id": "south",
            "contract": "metro-c",
            "engineer": "li",
            "name_zh": "人民广场站㎡",
            "name_en": "People's Square",
            "address": "人民大道 1 号",
        },
    ),
    (
        "site",
        "bank-a",
        {
            "customer": "bank",
            "group_id": "north",
            "name_zh": "支行",
            "name_en": "Branch",
            "service_hours": "08:00-20:00",
        },
    ),
    ("contract", "bank-c", {"customer": "bank", "name": "B-2024", "accepted_on": "2024-10-21"}),
    (
        "site",
        "bank-b",
        {"customer": "bank", "group_id": "south", "contract": "bank-c", "name_zh": "新行", "name_en": "New branch"},
    ),
    ("place", "counter", {"site": "bank-b", "name_zh": "柜台", "name_en": "Counter"}),
    ("place", "hall", {"site": "metro-a", "name_zh": "站厅", "name_en": "Concourse"}),
    ("place", "lobby", {"site": "bank-a", "name_zh": "大堂", "name_en": "Lobby"}),
    *(("installation", device, {"place": "hall"}) for device in ("kiosk-7", "nvr-2", "bus-31")),
    ("installation", "ups-2", {"place": "lobby"}),
    *(("installation", device, {"place": "counter"}) for device in ("kiosk-8", "kiosk-9")),
)


def at(day: float) -> int:
    return BEGIN + round(day * DAY)


def told(device: str, *segments: tuple[float, str, str]) -> Retold:
    """Each from its day to the next one's, the last for good: day, state, fault."""
    ends = [at(day) for day, _, _ in segments[1:]] + [None]
    return Retold(
        device,
        at(segments[0][0]),
        tuple(
            Segment(at(day), end, state, "fault" if state == "down" else "silent" if state == "unknown" else "", fault)
            for (day, state, fault), end in zip(segments, ends, strict=True)
        ),
    )


def lived(store: Store) -> None:
    """Write the month described above."""
    store.commit(
        Batch(
            now_ms=at(13),
            tells=[
                told(
                    "kiosk-7",
                    (-1, "up", ""),
                    (2, "down", "printer.paper_end"),
                    (2.25, "up", ""),
                    (12.375, "down", "printer.paper_end"),
                    (12.625, "up", ""),
                ),
                told("nvr-2", (-1, "up", ""), (8, "unknown", ""), (9, "up", "")),
                told("bus-31", (-1, "up", "")),
                told("ups-2", (-1, "up", "")),
                told("kiosk-8", (4, "up", ""), (12, "down", "printer.paper_end"), (13, "up", "")),
            ],
            conditions=[
                ConditionsTold(
                    conditions=(
                        fault("kiosk-7", "printer", "printer.paper_end", 2, 2.25),
                        fault("kiosk-7", "printer", "printer.paper_end", 12.375, 12.625),
                        fault("nvr-2", "channel[2]", "cam.offline", 5, None),
                        fault("nvr-2", "port[3]", "net.port_flap", 6, 6.1),
                        fault("nvr-2", "port[3]", "net.port_flap", 7, 7.1),
                        fault("nvr-2", "port[1]", "net.errors", 7, 7.5),
                    )
                )
            ],
            tickets=[ticket("kiosk-7", 2), ticket("bus-31", 4), ticket("kiosk-7", 12.375), ticket("nvr-2", 14)],
        )
    )
    store.commit(
        Batch(
            now_ms=at(20),
            tells=[
                told(
                    "kiosk-7",
                    (3, "down", "host.unreachable"),
                    (3.25, "up", ""),
                    (12.375, "down", "printer.paper_end"),
                    (12.625, "up", ""),
                )
            ],
            tickets=[
                step(1, 2, "promise", who=ROBOT, site="metro-a", customer="metro", contract="metro-c", zone="urban"),
                step(1, 2.01, "acknowledge", reply="visit", arrival_ms=at(2.1)),
                step(1, 2.02, "dispatch", engineer="li"),
                step(1, 2.08, "arrive"),
                step(1, 2.25, "fix"),
                step(2, 4, "promise", who=ROBOT, site="metro-a", customer="metro", contract="metro-c"),
                TicketVoid(ticket=2, at_ms=at(4.5), text="it never was"),
                step(3, 12.375, "promise", who=ROBOT, site="bank-a", customer="bank"),
                step(4, 14, "promise", who=ROBOT, site="metro-a", customer="metro", contract="metro-c"),
            ],
            clocks=[
                clock(1, "arrive", "met", 2, 2.1, 2.08),
                clock(3, "repair", "breached", 12.375, 13, None),
                clock(4, "repair", "running", 14, 60, None),
            ],
            device_now=[
                DeviceNow(one, number, NOW, NOW, NOW, False, CHANNELS if one == "nvr-2" else None, NOW)
                for one, number in (("kiosk-7", 1), ("nvr-2", 2), ("ups-2", 2), ("bus-31", 3), ("kiosk-8", 4))
            ],
        )
    )


def read(store: Store) -> None:
    """Days of readings: the recorder's disk loses a sector a day and it was started on days 8 and 20; the kiosk's disk
    fills up, at the metro's and then at the bank's. What is foretold was told on day 25."""
    first = day_at(BEGIN, "Asia/Shanghai")
    rows = []
    for n in range(31):
        up_s = float((n - (20 if n >= 20 else 8 if n >= 8 else -50)) * 86_400 + 3_600)
        for device, name, value in (
            ("nvr-2", "disk[1].reallocated", float(n)),
            ("nvr-2", "nvr.uptime_s", up_s),
            ("kiosk-7", "disk[/].used_percent", 50 + n / 2),
        ):
            end_ms = at(n + 1) - HOUR
            rows.append(DayRow(device, first + n, name, value, value, value, end_ms, 10))
    store.commit(Batch(now_ms=at(25), reading_days=DaysTold(rows, 1, {})))
    days = (first + 40, first + 45, first + 55)
    sectors = ForecastRow("nvr-2", "disk[1].reallocated", "disk_sectors", at(25), 24, 50, 1, 1, 1, 25, first, *days)
    store.tell_forecasts(["nvr-2"], [sectors], at(25), 0)


def planned(store: Store) -> None:
    """The quarter's upkeep at the metro's site, to which the customer agreed on day 4."""
    due = Due(
        plan="upkeep-1",
        kind="security-upkeep",
        site="metro-a",
        time_zone="Asia/Shanghai",
        period=Period("2024-Q4", date(2024, 10, 1), date(2024, 12, 31)),
        first_day=date(2024, 10, 1),
        last_day=date(2024, 12, 31),
        opens_on=date(2024, 10, 1),
        due_on=date(2024, 12, 31),
    )
    made = TaskMade(due=due, terms=terms_of("security-upkeep", {}), contract="metro-c", at_ms=at(-20))
    store.commit(Batch(now_ms=at(-20), tasks=[made]))
    steps = ((2.0, "propose", {}), (4.0, "agree", {"name": "王经理"}))
    lines = [TaskLine(task=1, at_ms=at(day), verb=verb, who="li", data=data) for day, verb, data in steps]
    store.commit(Batch(now_ms=at(4), tasks=lines))


def fault(subject: str, component: str, code: str, begin: float, end: float | None) -> Condition:
    ref = Ref("s1", round(begin * 10), at(begin))
    return Condition(subject, component, code, at(begin), None if end is None else at(end), ref, ref)


def ticket(subject: str, day: float) -> TicketOpen:
    return TicketOpen(
        subject=subject,
        agent_no=1,
        component="printer",
        code="printer.paper_end",
        severity="major",
        service_class="clerk",
        fault_from_ms=at(day),
        opened_ms=at(day) + 60_000,
        year=2024,
        text="缺纸",
        data={"first": ["s1", 1, at(day)]},
    )


def step(number: int, day: float, verb: str, *, who: str = "li", **data: Any) -> TicketStep:
    return TicketStep(ticket=number, at_ms=at(day) + 60_000, verb=verb, who=who, text="x", data=data)


def clock(number: int, name: str, state: str, begin: float, due: float, ended: float | None) -> ClocksTold:
    ended_ms = None if ended is None else at(ended)
    row = ClockRow(name, state, at(begin), at(due), None, ended_ms, HOUR, state == "breached")
    return ClocksTold(ticket=number, wake_at_ms=None, clocks=[row])


def settled(office: Office) -> None:
    """Customers, sites and what stands where, from a month before on; the kiosk moves on day 10."""
    deed = Deed(who="root", at_ms=at(-30))
    for person in ("li", "wang"):
        office.add_person(person, name=f"{person}工", role="engineer", scope=EVERYTHING, language="zh", deed=deed)
    for customer in ("metro", "bank"):
        scope = Scope(customers=frozenset({customer}))
        office.add_token(f"token-of-{customer}", name=customer, role="viewer", scope=scope, deed=deed)
    office.add_token(TOKEN, name="reports", role="administrator", deed=deed)
    for kind, name, fields in PLACES:
        office.put_entry(kind, name, fields, deed=deed, from_ms=at(-30))
    moved = Deed(who="root", at_ms=at(10))
    office.put_entry("installation", "kiosk-7", {"place": "lobby"}, deed=moved, from_ms=at(10))


def inspected(store: Store, desk: Desk, site: str, day: float, mode: str = "remote") -> str:
    """A round of a site whose agents did not answer in time; its number."""
    engine = Engine(store, rules(store))
    engine.load_register()
    asked = {"site": site, "from_ms": BEGIN, "to_ms": at(day), "mode": mode}
    desk.office.ask_round(asked, Deed(who="li", at_ms=at(day)))
    obey(engine, store.new_commands(), at(day))
    errands.end_rounds(engine, at(day) + HOUR)
    return desk.view.rounds()[0].number


def ticked(desk: Desk, number: str, day: float, *marks: tuple[str, str, str, str]) -> None:
    """What li finds in a round: device, item, verdict, words. Then the round is finished."""
    row = desk.view.round(number)
    assert row is not None
    li = Deed(who="li", at_ms=at(day) + 2 * HOUR)
    for device, item, verdict, words in marks:
        line = NewLine(verb="tick", item=item, device=device, verdict=verdict, words=words, at_ms=li.at_ms)
        desk.office.write_round_line(row.id, line, deed=li)
    desk.office.finish_round(row.id, NewLine(verb="finish", item="", at_ms=li.at_ms), deed=li)


@contextmanager
def month(folder: Path) -> Iterator[tuple[Store, Desk]]:
    """The month in a database of its own, and a desk on the third of November."""
    where = folder / "month.sqlite3"
    with staffed(where) as store, View.open(where) as view:
        at_desk = world.desk(view, now_ms=lambda: NOW)
        new = [DeviceEntry(id=f"kiosk-{n}", kind="kiosk", name_zh=f"终端 {n}", name_en=f"Kiosk {n}") for n in (8, 9)]
        store.add_agent("kiosk-8", "south", new, at(1))
        settled(at_desk.office)
        lived(store)
        planned(store)
        read(store)
        yield store, at_desk


def program(at_desk: Desk, token: str = TOKEN) -> TestClient:
    """A client that may see everything; with `token-of-metro`, what is the metro's."""
    return world.browser(at_desk, Authorization=f"Bearer {token}")


def got(client: TestClient, path: str) -> Any:
    answer = client.get(f"/api/v1{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()
