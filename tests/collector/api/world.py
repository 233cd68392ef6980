"""A small fleet with a day behind it, in a real database, and a browser's view of it.

    kiosk-7   up all day; out of paper for two hours at noon (a fault that counts as down), now the cover is open
    nvr-2     did not answer from 09:00 to 09:00:30, and does not since 17:30
    ups-2     up, nothing wrong
    bus-31    up till 15:00; its agent has been silent since
    new-1     in the register, never reported

It is 18:00 on the day; ledger times are UTC of that day (TODAY is its midnight).
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from starlette.testclient import TestClient

from roundsman_collector.api.desk import Desk
from roundsman_collector.core.model import Condition, Ref, Retold, Segment
from roundsman_collector.core.policy import Policy
from roundsman_collector.core.rulebook import book_of
from roundsman_collector.engine.engine import Engine
from roundsman_collector.engine.timely import obey
from roundsman_collector.roles import EVERYTHING, NOTHING, Role, Scope
from roundsman_collector.store import (
    Batch,
    ConditionsTold,
    Count,
    Deed,
    DeviceEntry,
    DeviceNow,
    EvidenceRow,
    Office,
    Quarantined,
    Store,
    TicketOpen,
    View,
)
from roundsman_collector.store.entry_kinds import KindName
from roundsman_collector.web.site import site
from roundsman_wire.catalogue import Label
from roundsman_wire.codec import encode
from tests.collector.store.cast import TODAY

HOUR = 3_600_000
MINUTE = 60_000
NOW = TODAY + 18 * HOUR
TOKEN = "a-token-of-the-first-start"
PORT = 8642
ORIGIN = f"http://127.0.0.1:{PORT}"

ADMIN = "admin"
PEOPLE: tuple[tuple[str, Role, Scope], ...] = (
    (ADMIN, "administrator", EVERYTHING),
    ("dispatcher", "dispatcher", EVERYTHING),
    ("engineer", "engineer", Scope(groups=frozenset({"south"}))),
    ("viewer", "viewer", Scope(customers=frozenset({"metro"}))),
    ("nobody", "viewer", NOTHING),
)

FAULTS = {
    "host.unreachable": Label(zh="设备离线", en="device does not answer"),
    "agent.silent": Label(zh="采集端失联", en="nothing comes from the agent"),
    "printer.paper_end": Label(zh="打印机缺纸", en="printer out of paper"),
    "printer.cover_open": Label(zh="打印机上盖未合", en="printer cover open"),
}


PLACES: tuple[tuple[KindName, str, dict[str, str]], ...] = (
    ("customer", "metro", {"name_zh": "地铁公司", "name_en": "Metro"}),
    ("customer", "hush", {"name_zh": "机密客户", "name_en": "Hush Ltd"}),
    ("contract", "hush-c", {"customer": "hush", "name": "hush-contract", "accepted_on": "2024-01-01"}),
    ("site", "metro-a", {"customer": "metro", "group_id": "south", "name_zh": "地铁站", "name_en": "Metro station"}),
    (
        "site",
        "hush-a",
        {"customer": "hush", "group_id": "south", "contract": "hush-c", "name_zh": "机密站点", "name_en": "Hush site"},
    ),
    ("place", "metro-1", {"site": "metro-a", "name_zh": "站厅", "name_en": "Concourse"}),
    ("place", "hush-1", {"site": "hush-a", "name_zh": "机密点位", "name_en": "Hush place"}),
    *(("installation", device, {"place": "metro-1"}) for device in ("kiosk-7", "nvr-2")),
    *(("installation", device, {"place": "hush-1"}) for device in ("ups-2", "bus-31", "new-1")),
)


def at(hour: float) -> int:
    """An hour of the day as milliseconds."""
    return TODAY + round(hour * HOUR)


def ledger(device: str, *segments: tuple[float, float | None, str, str, str]) -> Retold:
    """What the ledger says of a device: from, to (hours), state, cause, fault."""
    told = tuple(
        Segment(at(begin), None if end is None else at(end), state, cause, fault)
        for begin, end, state, cause, fault in segments
    )
    return Retold(device, told[0].from_ms, told)


def held(subject: str, component: str, code: str, begin: float, end: float | None, n: int) -> Condition:
    """A condition whose records are `n` and `n + 1` of stream s1."""
    to_ms = None if end is None else at(end)
    return Condition(subject, component, code, at(begin), to_ms, ref(begin, n), ref(begin + 1 / 60, n + 1))


def ref(hour: float, n: int) -> Ref:
    return Ref("s1", n, at(hour))


def present(device: str, agent_no: int, covered: float, readings: Mapping[str, object] | None = None) -> DeviceNow:
    """The present of a device whose evidence ends at an hour."""
    t = at(covered) - MINUTE
    return DeviceNow(device, agent_no, t, at(covered), t + 200, False, readings, None if readings is None else t)


def sample(device: str, n: int, t: int, readings: Mapping[str, object], **more: object) -> dict[str, object]:
    return {
        "n": n,
        "kind": "sample",
        "boot": "b00t",
        "mono": t - TODAY,
        "t": t,
        "device": device,
        "valid_s": 60,
        "readings": readings,
        **more,
    }


def report(seq: int, agent_no: int, prev_seq: int | None, records: Sequence[Mapping[str, object]]) -> EvidenceRow:
    """An evidence row with these records, received when the last of them was made."""
    numbers = [int(str(one["n"])) for one in records]
    t = int(str(records[-1]["t"]))
    body = encode(
        {"v": 1, "stream": "s1", "birth": "000000", "sent": {"boot": "b", "mono": 0, "wall": 0}, "records": [*records]}
    )
    return EvidenceRow(seq, agent_no, prev_seq, "report", "s1", numbers[0], numbers[-1], t + 300, None, body)


def paper_end(hour: float, n: int) -> dict[str, object]:
    t = at(hour)
    return sample("kiosk-7", n, t, {"printer.paper": "end", "printer.cover": "closed", "host.cpu_percent": 12.5})


def ticket(subject: str, agent_no: int, component: str, code: str, hour: float, n: int, severity: str) -> TicketOpen:
    return TicketOpen(
        subject=subject,
        agent_no=agent_no,
        component=component,
        code=code,
        severity=severity,
        service_class="clerk" if component == "printer" else "maintenance",
        fault_from_ms=at(hour),
        opened_ms=at(hour) + 2 * MINUTE,
        year=2024,
        text=f"{FAULTS[code].zh} {FAULTS[code].en}",
        data={"first": ref(hour, n)._asdict(), "confirmed": ref(hour + 1 / 60, n + 1)._asdict(), "policy": "abc"},
    )


def settle(store: Store) -> None:
    """Write the day described above."""
    store.add_agent("new-agent", "south", [DeviceEntry(id="new-1", kind="kiosk", name_zh="新机", name_en="New")], TODAY)
    store.commit(
        Batch(
            now_ms=at(12.5),
            evidence=[
                report(1, 1, None, [paper_end(12, 1), paper_end(12 + 1 / 60, 2)]),
                report(2, 1, 1, [paper_end(12 + 2 / 60, 3), sample("kiosk-7", 4, at(12.1), {}, ntp=False)]),
            ],
            tells=[
                ledger("kiosk-7", (0, 12, "up", "", ""), (12, None, "down", "fault", "printer.paper_end")),
                ledger(
                    "nvr-2",
                    (0, 9, "up", "", ""),
                    (9, 9 + 30 / 3600, "down", "fault", "host.unreachable"),
                    (9 + 30 / 3600, None, "up", "", ""),
                ),
                ledger("ups-2", (0, None, "up", "", "")),
                ledger("bus-31", (0, None, "up", "", "")),
            ],
            conditions=[ConditionsTold(conditions=(held("kiosk-7", "printer", "printer.paper_end", 12, None, 1),))],
            tickets=[ticket("kiosk-7", 1, "printer", "printer.paper_end", 12, 1, "major")],
        )
    )
    store.commit(
        Batch(
            now_ms=NOW - MINUTE,
            tells=[
                ledger("kiosk-7", (12, 14, "down", "fault", "printer.paper_end"), (14, None, "up", "", "")),
                ledger("nvr-2", (17.5, None, "down", "fault", "host.unreachable")),
                ledger("bus-31", (15, None, "unknown", "silent", "")),
            ],
            conditions=[
                ConditionsTold(
                    conditions=(
                        held("kiosk-7", "printer", "printer.paper_end", 12, 14, 1),
                        held("kiosk-7", "printer", "printer.cover_open", 17, None, 9),
                        held("nvr-2", "host", "host.unreachable", 17.5, None, 40),
                        held("@bus-31", "agent", "agent.silent", 15, None, 70),
                    )
                )
            ],
            device_now=[
                present("kiosk-7", 1, 18, READINGS),
                present("nvr-2", 2, 18),
                present("ups-2", 2, 18, {"ups.charge_percent": 100, "ups.output_source": "normal"}),
                present("bus-31", 3, 15),
            ],
            tickets=[
                ticket("nvr-2", 2, "host", "host.unreachable", 17.5, 40, "urgent"),
                ticket("@bus-31", 3, "agent", "agent.silent", 15, 70, "major"),
            ],
            counters=[Count(name="refused", cause="bad_json", at_ms=at(10), count=3, example="{")],
            quarantine=[
                Quarantined(
                    at_ms=at(10), topic="rm/1/south/a/report", agent="a", cause="bad_json", detail="x", raw=b"{"
                )
            ],
        )
    )


READINGS: dict[str, object] = {
    "host.cpu_percent": 12.53,
    "host.memory_percent": 41,
    "host.uptime_s": 273_000,
    "disk[/].used_percent": 71.2,
    "disk[/].readonly": "no",
    "temperature[cpu].celsius": 41,
    "clock.synchronised": "yes",
    "clock.max_error_ms": None,
    "net.rx_bytes": 123_456_789,
    "printer.paper": "ok",
    "printer.cover": "open",
    "printer.state": "online",
    "vendor.secret_thing": "42",
}


def people(office: Office) -> None:
    """Who there is: an administrator, people with narrower roles and scopes, and the programs' tokens."""
    deed = Deed(who="roundsman", at_ms=NOW - 10)
    for person, role, scope in PEOPLE:
        office.add_person(person, name=person.title(), role=role, scope=scope, language="en", deed=deed)
    office.add_token(TOKEN, name="first", role="administrator", deed=deed)
    office.add_token("an-old-token", name="gone", role="viewer", expires_ms=NOW, deed=deed)


def places(office: Office) -> None:
    """Two customers: metro has kiosk-7 and nvr-2; the other one, of which metro's viewer must not know, the rest."""
    deed = Deed(who="admin", at_ms=NOW - 10)
    for kind, name, fields in PLACES:
        office.put_entry(kind, name, fields, deed=deed)


def contracted(office: Office) -> None:
    """The same from the beginning of the day on, and metro's site under a contract that promises 99.5 %."""
    deed = Deed(who="admin", at_ms=NOW - 10)
    contract = {"customer": "metro", "name": "M-2024", "accepted_on": "2024-01-01", "target_percent": "99.5"}
    more: dict[str, dict[str, str]] = {"metro-a": {"contract": "metro-c"}}
    named: tuple[tuple[KindName, str, dict[str, str]], ...] = (("contract", "metro-c", contract),)
    for kind, name, fields in (*PLACES[:2], *named, *PLACES[2:]):
        office.put_entry(kind, name, {**fields, **more.get(name, {})}, from_ms=at(0), deed=deed)


def signed_in(at_desk: Desk, person: str, **headers: str) -> TestClient:
    """A browser with a session of this person."""
    client = browser(at_desk, **headers)
    deed = Deed(who=person, at_ms=NOW, address="192.0.2.7")
    key = at_desk.office.begin_session(person, expires_ms=NOW + HOUR, browser="a test", deed=deed)
    client.cookies.set(f"roundsman_{PORT}", key)
    return client


def desk(view: View, **more: object) -> Desk:
    facts: dict[str, object] = {
        "now_ms": lambda: NOW,
        "port": PORT,
        "token_place": "/data/api-token",
        "faults": FAULTS,
        "answer_within_s": 5.0,
        "lists_every_s": 0.0,
    }
    return Desk(view=view, office=Office(view._place), **{**facts, **more})  # type: ignore[arg-type]


def browser(at_desk: Desk, **headers: str) -> TestClient:
    """A client of the whole site that follows no redirects."""
    return TestClient(site(at_desk), base_url=ORIGIN, headers=headers, follow_redirects=False)


@contextmanager
def answering(store: Store) -> Iterator[Callable[[], int]]:
    """The real engine's answer to commands, on a thread of its own; the function tells how many were answered."""
    engine = Engine(store, book_of(Policy(rules=())))
    engine.load_register()  # not load(): it would judge the few records of this world anew
    over = threading.Event()
    answered = 0

    def look() -> None:
        nonlocal answered
        while not over.wait(0.02):
            answered += obey(engine, store.new_commands(), NOW + 5)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield lambda: answered
    finally:
        over.set()
        thread.join()
