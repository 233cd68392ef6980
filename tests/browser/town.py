"""What the browser tests look at: the fleet of world.py among some more, so that pages look as they do in life.

town = made(folder / "roundsman.sqlite3")
key = invited(town)
"""

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path

from roundsman_collector.config import Config, calendar, rule_set, service_levels, trends
from roundsman_collector.core.local_days import DAY_MS, day_at
from roundsman_collector.core.policy import Policy
from roundsman_collector.core.postings import USUAL_ZONE
from roundsman_collector.core.recurrence import Rule, Rules
from roundsman_collector.core.rulebook import Rulebook, book_of
from roundsman_collector.engine.engine import Engine
from roundsman_collector.engine.forecasting import DEVICES_AT_ONCE, Forecasting
from roundsman_collector.engine.rules import promise
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import (
    Batch,
    By,
    ConditionsTold,
    Deed,
    DeviceEntry,
    Filter,
    Knock,
    LabelWords,
    Office,
    Outbox,
    Quarantined,
    Rota,
    ShiftWish,
    Store,
    TicketNote,
    TicketResolve,
    TicketStep,
    View,
    Wish,
    timing_of,
)
from roundsman_collector.store.reading_days import DayRow, DaysTold
from roundsman_collector.store.tasks import TaskLine
from tests.browser.spares import stocked
from tests.collector.api import world
from tests.collector.api.agents_desk import busy
from tests.collector.api.rounds_desk import inspected
from tests.collector.api.world import HOUR, MINUTE, NOW, at, held, ledger, present, ticket
from tests.collector.store.cast import TODAY, staffed

DAY = 24.0
KINDS = {
    "kiosk": ("自助终端", "Kiosk"),
    "nvr": ("硬盘录像机", "Recorder"),
    "camera": ("摄像机", "Camera"),
    "vehicle": ("车载终端", "Vehicle terminal"),
}
MORE: tuple[tuple[str, str, tuple[tuple[float, float], ...]], ...] = (
    # id         kind       what was down, in hours before now
    ("kiosk-3", "kiosk", ()),
    ("kiosk-4", "kiosk", ((300.0, 296.5),)),
    ("kiosk-12", "kiosk", ((520.0, 518.0), (90.0, 89.5))),
    ("nvr-1", "nvr", ()),
    ("nvr-5", "nvr", ((600.0, 580.0), (200.0, 199.0), (20.0, 19.4))),
    ("cam-5-12", "camera", ((400.0, 399.0), (5.0, 4.2))),
    ("bus-32", "vehicle", ((310.0, 308.0), (100.0, 97.0))),
    ("bus-33", "vehicle", ()),
)
CONTRACT = {"customer": "metro", "name": "2024-07", "accepted_on": "2024-01-01", "service_level": "kiosk"}
SITE = {
    "customer": "metro",
    "group_id": "south",
    "name_zh": "地铁站",
    "name_en": "Metro station",
    "contract": "metro-c",
    "zone": "urban",
}
READ: dict[str, dict[str, object]] = {
    "nvr-1": {
        "channel[1].state": "online",
        "channel[1].recorded_percent": 100,
        "channel[1].retained_days": 31,
        "channel[1].required_days": 30,
        "channel[2].state": "no_stream",
        "channel[2].recorded_percent": 93.5,
        "channel[2].retained_days": 21,
        "channel[2].required_days": 30,
        "channel[3].state": "empty",
    }
}
"""Readings that differ from everybody's."""


def made(where: Path) -> Path:
    """A database with all of it."""
    with staffed(where) as store:
        _past(store)
        _ways(where)
        world.settle(store)
        _more(store)
        _busy(store)
        promise(store, service_levels(Config()), TODAY)
    _delivered(where)
    with Office.open(where) as office:
        world.people(office)
        world.places(office)
        deed = Deed(who="admin", at_ms=NOW - 5)
        office.put_entry("contract", "metro-c", CONTRACT, deed=deed)
        office.put_entry("site", "metro-a", SITE, deed=deed)
        for one, _, _ in MORE:
            office.put_entry("installation", one, {"place": "metro-1"}, deed=Deed(who="admin", at_ms=NOW - 5))
        _long_ago(where)
        _overlaid(office)
        office.seed_calendar(calendar(), deed=Deed(who="roundsman", at_ms=NOW - 5))
        _on_duty(office)
    with Store.open(where) as store, Office.open(where) as office:
        stocked(store, office)
    with Store.open(where) as store, View.open(where) as view:
        _promised(store)
        inspected(store, view, ["metro-a"])
        inspected(store, view, ["metro-a"], "visit")
        _worsening(store)
        _planned(store, where)
        busy(store, view)
    _recurring(where)
    return where


def _recurring(where: Path) -> None:
    """What recurs where once is too often, and what somebody found at the root of the first."""
    often = Rules(rules=(Rule(level="month", of="device", same="fault", faults=1),))
    with Outbox.open(where) as outbox, Office.open(where) as office:
        outbox.warn(often, NOW)
        deed = Deed(who="admin", at_ms=NOW - 5)
        office.analyse(1, cause="process", text="清洁周期过长，改为每周一次", scope=EVERYTHING, deed=deed)


def _planned(store: Store, where: Path) -> None:
    """Plans of the metro's contract: a visit was begun, a phone inspection has not been, an upkeep was proposed; the
    statistics follow the visit. A call of the bank's is nearly late."""
    deed = Deed(who="admin", at_ms=NOW - 5)
    plans = (
        ("kiosk-phone", {"kind": "kiosk-phone", "contract": "metro-c"}),
        ("kiosk-visit", {"kind": "kiosk-visit", "contract": "metro-c"}),
        ("kiosk-statistics", {"kind": "kiosk-statistics", "contract": "metro-c"}),
        ("upkeep", {"kind": "security-upkeep", "contract": "metro-c", "changes": '{"phases": null}'}),
        ("calls", {"kind": "tianyi-call", "contract": "metro-c"}),
        (
            "early",
            {"kind": "tianyi-call", "contract": "metro-c", "changes": '{"window": {"around": 2, "give_or_take": 2}}'},
        ),
    )
    with Office.open(where) as office:
        for name, fields in plans:
            office.put_entry("plan", name, {"first_day": "2024-09-01", **fields}, deed=deed)
    engine = Engine(store, book_of(Policy(rules=())))
    for _ in range(len(plans) + 2):
        engine.plans.step(NOW - 5)
    first = {name: store.tasks_of_plan(name)[0].row.id for name, _ in plans}
    lines = [
        TaskLine(task=first["upkeep"], at_ms=NOW - 4, verb="propose", who="dispatcher"),
        TaskLine(
            task=first["kiosk-visit"],
            at_ms=NOW - 4,
            verb="assign",
            who="dispatcher",
            data={"engineer": "chen.j", "day": "2024-10-08"},
        ),
        TaskLine(task=first["kiosk-visit"], at_ms=NOW - 3, verb="begin", who="chen.j"),
    ]
    store.commit(Batch(now_ms=NOW - 3, tasks=lines))
    engine.tasks.step(NOW - 2)


def _worsening(store: Store) -> None:
    """Forty days in which a disk fills and a battery weakens, and what is foretold of them."""
    today = day_at(NOW, USUAL_ZONE)
    rows = [
        DayRow(device, today - 40 + n, reading, value, value, value, (today - 40 + n) * DAY_MS, 1440)
        for device, reading, first, per_day in (
            ("kiosk-7", "disk[/].used_percent", 45.0, 0.5),
            ("ups-2", "ups.runtime_min", 35.0, -0.5),
        )
        for n in range(40)
        for value in (first + per_day * n + 0.3 * (n % 3),)
    ]
    store.commit(Batch(now_ms=NOW, reading_days=DaysTold(rows, 1, {})))
    engine = Engine(store, Rulebook([rule_set(Config())]), trends())
    engine.load(NOW)
    forecasting = Forecasting(engine)
    for _ in range(1 + len(store.trends_after("", 10_000, 0, 0)[0]) // DEVICES_AT_ONCE):
        forecasting.step(NOW)


def _promised(store: Store) -> None:
    """Contracts promise times: an engineer goes to one ticket and waits for its customer; some clocks are overdue."""
    engine = Engine(store, book_of(Policy(rules=())))
    engine.promises.step(NOW - HOUR)
    steps = (
        ("acknowledge", "dispatcher", {"reply": "phone"}),
        ("plan", "dispatcher", {"mode": "visit"}),
        ("dispatch", "dispatcher", {"engineer": "engineer"}),
        ("wait", "engineer", {"reason": "customer_absent"}),
    )
    taken = [TicketStep(verb=verb, ticket=3, at_ms=at(17.5), who=who, data=data) for verb, who, data in steps]
    store.commit(Batch(now_ms=NOW - HOUR // 2, tickets=taken))
    engine.promises.step(NOW - MINUTE)


def _long_ago(where: Path) -> None:
    """Everything has stood where it stands for months, so that the months have figures."""
    with closing(sqlite3.connect(where)) as database:
        for table in ("assignment", "customer", "contract", "site", "place", "installation"):
            database.execute(f"UPDATE {table} SET from_ms = from_ms - ?1, to_ms = to_ms - ?1", (100 * 86_400_000,))
        database.commit()


def _overlaid(office: Office) -> None:
    """What people laid over the measurements: one approved, one planned, one refused, one that waits."""
    deed, second = Deed(who="dispatcher", at_ms=NOW - MINUTE), Deed(who="admin", at_ms=NOW)
    power = Wish(
        kind="exclusion",
        scope="device",
        target="kiosk-12",
        from_ms=NOW - 91 * world.HOUR,
        to_ms=NOW - 88 * world.HOUR,
        reason="customer_power",
        text="商场整体停电检修，物业已书面通知。",
        document="物业通知 2024-118",
    )
    work = Wish(
        kind="maintenance",
        scope="site",
        target="metro-a",
        from_ms=NOW + 8 * world.HOUR,
        to_ms=NOW + 12 * world.HOUR,
        reason="planned_work",
        text="更换机房交换机",
    )
    off = Wish(
        kind="correction",
        scope="device",
        target="bus-32",
        from_ms=NOW - 310 * world.HOUR,
        to_ms=NOW - 308 * world.HOUR,
        state="unknown",
        reason="wrong_measurement",
    )
    ran = Wish(
        kind="correction",
        scope="device",
        target="nvr-2",
        from_ms=at(9),
        to_ms=at(9) + 30_000,
        state="up",
        reason="found_working",
        text="防火墙封了端口，录像机一直在运行。",
        document="FW-2024-031",
    )
    by = By(may_approve=True)
    first = office.propose_overlay(power, deed=deed, by=by)
    office.propose_overlay(work, deed=deed, by=by)
    third = office.propose_overlay(off, deed=deed, by=by)
    office.propose_overlay(ran, deed=deed, by=by)
    office.act_on_overlay(first, "approve", deed=second, by=by, text="已核对通知原件")
    office.act_on_overlay(third, "refuse", deed=second, by=by, text="没有依据")


def _on_duty(office: Office) -> None:
    """A service point, skills, a week of duties with a day off, and a swap that waits."""
    deed = Deed(who="dispatcher", at_ms=NOW - MINUTE)
    south = Scope(groups=frozenset({"south"}))
    for login, name in (("chen.j", "陈静"), ("wang.q", "王强"), ("zhao.m", "赵敏")):
        office.add_person(login, name=name, role="engineer", scope=south, deed=deed)
    names = {"name_zh": "天河网点", "name_en": "Tianhe service point"}
    office.put_entry("point", "tianhe", {**names, "group_id": "south", "zones": "urban suburban"}, deed=deed)
    office.put_member("chen.j", "tianhe", deed=deed)
    office.put_skill("chen.j", "kiosk", qualified_until="2024-10-20", deed=deed)
    office.put_skill("chen.j", "nvr", "disk", qualified_until="2024-09-30", deed=deed)
    rota = Rota(group="south")
    lines = [
        {"days": "1-5", "times": "18:00-08:00", "people": ["chen.j", "wang.q"]},
        {"days": "weekends, holidays", "times": "08:00-08:00", "people": ["wang.q", "zhao.m"], "turns": "week"},
        {"days": "1-5", "times": "08:00-08:00", "kind": "backup", "people": ["engineer"]},
    ]
    office.put_duty_pattern(rota, {"from_day": "2024-09-30", "calendar": "cn", "lines": lines}, deed=deed)
    begun = ShiftWish(rota=rota, person="chen.j", kind="primary", from_ms=NOW - 2 * world.HOUR, to_ms=at(24))
    mine = office.add_shift(begun, deed=deed)
    off = ShiftWish(rota=rota, person="zhao.m", kind="off", from_ms=at(40), to_ms=at(64), note="国庆加班倒休")
    office.add_shift(off, deed=deed)
    office.fill_duty(rota, date(2024, 10, 6), date(2024, 10, 20), deed=deed)
    office.ask_swap(
        mine, other="wang.q", other_shift=None, note="家里有事", deed=Deed(who="chen.j", at_ms=NOW - MINUTE)
    )


def labelled(where: Path) -> str:
    """The code of kiosk-7's label; a recorder and the site have one, too, a kiosk had one and lost it."""
    deed = Deed(who="dispatcher", at_ms=NOW - MINUTE)
    with Office.open(where) as office:
        rows = [row for row, _ in office.make_labels(["kiosk-7", "nvr-1", "#metro-a", "kiosk-3"], deed=deed)]
        words = LabelWords(
            name_zh="自助售票机", name_en="Ticket machine", spot_zh="A 口闸机旁", spot_en="Beside gate A"
        )
        office.put_label_words(rows[0].id, words, deed=deed)
        office.replace_label(rows[3].id, deed=deed)
    return rows[0].code


def invited(where: Path) -> str:
    """The key of a one-time link for somebody who has not signed in yet."""
    deed = Deed(who="admin", at_ms=NOW)
    with Office.open(where) as office:
        office.add_person("li.na", name="李娜", role="dispatcher", scope=EVERYTHING, language="zh", deed=deed)
        return office.invite("li.na", expires_ms=NOW + world.HOUR, deed=deed)


def _ways(where: Path) -> None:
    """Who is told: a duty desk by mail, a help desk by webhook, and somebody who is not told any more."""
    deed = Deed(who="admin", at_ms=TODAY)
    with Office.open(where) as office:
        office.add_way(
            kind="mail", name="值班室", target="duty@example.com", filter_=Filter(), language="zh", deed=deed
        )
        office.add_way(
            kind="webhook",
            name="Help desk",
            target="https://hooks.example.com/roundsman?key=4711",
            filter_=Filter(events=("opened", "resolved"), severity="major", groups=("south",)),
            language="en",
            deed=deed,
        )
        gone = office.add_way(
            kind="mail", name="夜班", target="night@example.com", filter_=Filter(), language="zh", deed=deed
        )
        office.disable_way(gone.id, is_disabled=True, deed=deed)
        office.add_way(
            kind="dingtalk",
            name="华南值班群",
            target="https://oapi.dingtalk.com/robot/send?access_token=4711",
            secret="SEC4711",
            filter_=Filter(groups=("south",)),
            timing=timing_of({"quiet": "22:00-07:00", "after_minutes": 30, "repeat_minutes": 15}),
            deed=deed,
        )


def _delivered(where: Path) -> None:
    """What became of the notices: the mails went out but one that waits; the webhook's other end was moved."""
    with Office.open(where) as office, Outbox.open(where) as outbox:
        mails = [one for one in office.notices(way=1, states=["new"]) if one.event == "opened"]
        for one in mails[1:]:
            outbox.sent(one, one.made_ms + 900)
        outbox.again(mails[0], NOW + 4 * MINUTE, "smtp.example.com:587 broke off: Connection unexpectedly closed")
        for one in office.notices(way=2, states=["new"]):
            outbox.dead(one, one.made_ms + 1200, "hooks.example.com answers 404: no such hook")


def _past(store: Store) -> None:
    """The cast was well for a month, with some hours that were not."""
    store.commit(
        Batch(
            now_ms=TODAY - 1,
            tells=[
                ledger(
                    "kiosk-7",
                    (-30 * DAY, -12 * DAY, "up", "", ""),
                    (-12 * DAY, -12 * DAY + 6, "down", "fault", "printer.paper_end"),
                    (-12 * DAY + 6, None, "up", "", ""),
                ),
                ledger(
                    "nvr-2",
                    (-30 * DAY, -3 * DAY, "up", "", ""),
                    (-3 * DAY, -3 * DAY + 9, "unknown", "silent", ""),
                    (-3 * DAY + 9, None, "up", "", ""),
                ),
                ledger("ups-2", (-30 * DAY, None, "up", "", "")),
            ],
        )
    )


def _more(store: Store) -> None:
    for name, kind, downs in MORE:
        zh, en = KINDS[kind]
        number = name.partition("-")[2]
        entry = DeviceEntry(id=name, kind=kind, name_zh=f"{zh} {number}", name_en=f"{en} {number}")
        agent = store.add_agent(f"box-{name}", "south", [entry], TODAY)
        segments: list[tuple[float, float | None, str, str, str]] = []
        begin = 18 - 30 * DAY
        for from_h, to_h in downs:
            segments.append((begin, 18 - from_h, "up", "", ""))
            segments.append((18 - from_h, 18 - to_h, "down", "fault", "host.unreachable"))
            begin = 18 - to_h
        segments.append((begin, None, "up", "", ""))
        store.commit(
            Batch(
                now_ms=NOW - MINUTE,
                tells=[ledger(name, *segments)],
                device_now=[
                    present(name, agent, 18, READ.get(name, {"host.cpu_percent": 9.0, "host.uptime_s": 812_000}))
                ],
            )
        )


def _busy(store: Store) -> None:
    """Somebody is at work on the tickets; a stranger knocked; something odd was refused."""
    store.commit(
        Batch(
            now_ms=NOW - MINUTE,
            conditions=[ConditionsTold(conditions=(held("nvr-5", "disk[3]", "host.disk_full", 16, None, 900),))],
            tickets=[
                replace(ticket("nvr-5", 5, "disk[3]", "host.unreachable", 16, 900, "minor"), code="host.disk_full")
            ],
            inbox=[
                Knock(agent="kiosk-77", device="", at_ms=at(17.2), count=12, what={"group": "south"}),
                Knock(agent="gateway-2", device="nvr-9", at_ms=at(17.9), count=340, what={"kind": "nvr"}),
            ],
            quarantine=[
                Quarantined(
                    at_ms=at(16.5),
                    topic="rm/1/south/kiosk-7/report",
                    agent="kiosk-7",
                    cause="bad_json",
                    detail="expected a value at line 1 column 9",
                    raw=b'{"v":1,"\xff\x00<script>alert(1)</script>',
                )
            ],
        )
    )
    store.commit(
        Batch(
            now_ms=NOW - MINUTE,
            tickets=[
                TicketStep(
                    verb="acknowledge", ticket=2, at_ms=at(17.6), who="engineer", text="已联系站点，先查配电箱空开"
                ),
                TicketNote(ticket=2, at_ms=at(17.8), who="engineer", text="出发，携备件 2 项"),
                TicketResolve(ticket=4, at_ms=at(17.9), outcome="by_person", who="engineer", text="换了第 3 块硬盘"),
            ],
        )
    )
