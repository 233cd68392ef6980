"""Figures of many: parts add up to the whole, as known then, and nobody learns of a stranger's time."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from roundsman_collector.core.model import Condition, Ref, Retold, Segment
from roundsman_collector.core.reckoning import Sum, reckoned
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import Batch, ConditionsTold, Deed, DeviceNow, Office, Store, View
from roundsman_collector.store.behind import Wanted
from roundsman_collector.store.reckon import DIMENSIONS, Answer, Asked
from tests.collector.store.cast import DAY, TODAY, staffed

HOUR = 3_600_000
NOW = TODAY + 20 * DAY
DEVICES = ("kiosk-7", "nvr-2", "ups-2", "bus-31")
METRO = Scope(customers=frozenset({"metro"}))
BANK = Scope(customers=frozenset({"bank"}))


def at(day: float) -> int:
    return TODAY + round(day * DAY)


def deed(day: float) -> Deed:
    return Deed(who="admin", at_ms=at(day))


def down(device: str, *stretches: tuple[float, float], code: str = "x") -> Retold:
    """Up since day 0 but for these days, and so on."""
    segments, here = [], at(0)
    for begin, end in stretches:
        segments += [Segment(here, at(begin), "up", "", ""), Segment(at(begin), at(end), "down", "fault", code)]
        here = at(end)
    return Retold(device, at(0), (*segments, Segment(here, None, "up", "", "")))


@pytest.fixture
def town(store: Store, view: View, where: str) -> Iterator[tuple[Store, View, Office]]:
    """kiosk-7 stands at metro's from day 1 on and moves to the bank on day 10; nvr-2 is metro's, under a contract that
    takes unknown time for down; ups-2 stands nowhere. wang took the metro's site over from li on day 5."""
    with Office.open(where) as office:
        for person in ("li", "wang"):
            office.add_person(person, name=person, role="engineer", scope=EVERYTHING, language="zh", deed=deed(0))
        for name in ("metro", "bank"):
            office.put_entry("customer", name, {"name_zh": name, "name_en": name}, deed=deed(0), from_ms=at(0))
        contract = {"customer": "metro", "name": "M", "unknown_as": "down", "target_percent": "99.5"}
        office.put_entry("contract", "metro-c", contract, deed=deed(0), from_ms=at(0))
        for day, engineer in ((0, "li"), (5, "wang")):
            site = {"customer": "metro", "group_id": "south", "contract": "metro-c", "engineer": engineer}
            put(office, "site", "metro-a", {**site, "name_zh": "站", "name_en": "Station"}, day)
        branch = {"customer": "bank", "group_id": "north", "name_zh": "行", "name_en": "Branch"}
        put(office, "site", "bank-a", {**branch, "service_hours": "08:00-20:00"}, 0)
        for place, site_id in (("hall", "metro-a"), ("lobby", "bank-a")):
            put(office, "place", place, {"site": site_id, "name_zh": place, "name_en": place}, 0)
        put(office, "installation", "kiosk-7", {"place": "hall"}, 1)
        put(office, "installation", "nvr-2", {"place": "hall"}, 1)
        put(office, "installation", "kiosk-7", {"place": "lobby"}, 10)
        store.commit(
            Batch(
                now_ms=NOW - 10,
                tells=[
                    down("kiosk-7", (2, 2.25), (9.75, 10.25)),
                    down("nvr-2", (4.5, 5.5)),
                    down("ups-2"),
                ],
                device_now=[DeviceNow(one, 1, NOW, NOW, NOW, False, None, None) for one in DEVICES],
            )
        )
        yield store, view, office


def put(office: Office, kind: Any, entry: str, fields: dict[str, Any], day: float) -> None:
    office.put_entry(kind, entry, fields, deed=deed(day), from_ms=at(day))


def asked(view: View, **more: Any) -> Answer:
    usual: dict[str, Any] = {"from_ms": at(0), "to_ms": at(20), "now_ms": NOW}
    return view.reckon(Asked(**{**usual, **more}))


def times(one: Sum) -> dict[str, float]:
    """Days of each state."""
    return {state: one.total(state) / DAY for state in ("up", "down", "unknown", "excluded") if one.total(state)}


def by_key(answer: Answer) -> dict[str | None, dict[str, float]]:
    return {row.key: times(row.whole) for row in answer.rows}


Town = tuple[Store, View, Office]


def test_a_devices_time_counts_for_whom_it_served_then(town: Town) -> None:
    _, view, _ = town

    found = asked(view, by="customer", of={"device": {"kiosk-7"}})

    assert by_key(found) == {
        None: {"up": 1.0},  # before anybody said where it stood
        "metro": {"up": 8.5, "down": 0.5},
        "bank": {"up": 4.75, "down": 0.25},  # ten days of 12 hours; 08:00-14:00 of the first were lost
    }


def test_an_engineer_answers_for_his_own_days(town: Town) -> None:
    _, view, _ = town

    found = by_key(asked(view, by="engineer", of={"device": {"nvr-2"}}))

    assert found["li"] == {"up": 3.5, "down": 0.5}
    assert found["wang"] == {"up": 14.5, "down": 0.5}


def test_parts_add_up_to_the_whole_by_every_dimension_and_bucket(town: Town) -> None:
    _, view, _ = town
    whole = asked(view).total.whole

    for by, bucket in itertools.product(DIMENSIONS, ("day", "month", "quarter", "year")):
        found = asked(view, by=by, bucket=bucket)

        rows = [row for row in found.rows if by]
        assert found.total.whole.times == whole.times
        assert _added(found.total.buckets.values()) == whole.times
        assert not by or _added(row.whole for row in rows) == whole.times
        assert not by or _added(one for row in rows for one in row.buckets.values()) == whole.times


def _added(sums: Any) -> dict[Any, int]:
    total = Sum()
    for one in sums:
        total.add(one)
    return total.times


def test_a_month_is_local_where_the_site_is(town: Town) -> None:
    _, view, _ = town

    found = asked(view, bucket="day", of={"device": {"nvr-2"}})

    assert sorted(found.total.buckets)[:2] == ["2024-10-04", "2024-10-05"]  # 00:00 UTC is 08:00 there
    assert times(found.total.buckets["2024-10-04"]) == {"up": 16 / 24}


def test_a_contracts_policy_is_applied_to_its_own_devices(town: Town) -> None:
    store, view, _ = town
    late = Retold("nvr-2", at(19), (Segment(at(19), None, "unknown", "silent", ""),))
    store.commit(Batch(now_ms=NOW, tells=[late]))

    found = asked(view, by="contract")

    rows = {row.key: reckoned(row.whole) for row in found.rows}
    assert rows["metro-c"].owed.down_ms == rows["metro-c"].figure.down_ms + DAY
    assert rows["metro-c"].figure.unknown_ms == DAY
    assert found.targets.keys() == {"99.5"}


def test_a_viewer_of_one_customer_counts_nothing_of_another(town: Town) -> None:
    _, view, _ = town

    metro, bank = (asked(view, by="device", scope=scope) for scope in (METRO, BANK))

    assert {row.key for row in metro.rows} == {"kiosk-7", "nvr-2"}
    assert by_key(metro)["kiosk-7"] == {"up": 9.5, "down": 0.5}  # with the day before it was placed at metro's
    assert by_key(bank) == {"kiosk-7": {"up": 4.75, "down": 0.25}}
    assert {row.key for row in asked(view, by="customer", scope=BANK).rows} == {"bank"}
    assert asked(view, scope=Scope()).total.whole.times == {}


def test_a_filter_counts_only_the_time_that_it_names(town: Town) -> None:
    _, view, _ = town

    found = asked(view, by="device", of={"site": {"metro-a"}})

    assert by_key(found) == {"kiosk-7": {"up": 8.5, "down": 0.5}, "nvr-2": {"up": 18.0, "down": 1.0}}
    assert asked(view, of={"site": {"metro-a"}, "kind": {"nvr"}}).total.whole.devices == 1
    assert asked(view, of={"device": set()}).total.whole.devices == 0


def test_the_worst_rows_come_first_and_the_total_has_those_that_are_cut_off(town: Town) -> None:
    _, view, _ = town

    found = asked(view, by="device", limit=1)

    assert [row.key for row in found.rows] == ["nvr-2"]
    assert found.found == 4
    assert found.total.whole.devices == 4


def test_as_known_then_neither_late_evidence_nor_later_entries_count(town: Town) -> None:
    store, view, office = town
    known = NOW - 5
    before = asked(view, by="customer", known_ms=known)
    corrected = Retold(
        "nvr-2", at(4.5), (Segment(at(4.5), at(5.5), "up", "", ""), Segment(at(5.5), None, "up", "", ""))
    )
    store.commit(Batch(now_ms=NOW, tells=[corrected]))
    office.put_entry("installation", "nvr-2", {"place": "lobby"}, deed=Deed(who="admin", at_ms=NOW), from_ms=at(15))

    after = asked(view, by="customer", known_ms=known)
    now = asked(view, by="customer")

    assert by_key(after) == by_key(before)
    assert by_key(now)["metro"] != by_key(before)["metro"]
    assert by_key(now)["bank"] != by_key(before)["bank"]


def test_a_function_is_down_by_its_own_faults_too(town: Town) -> None:
    store, view, _ = town
    ref = Ref("s1", 1, at(7))
    gone = Condition("nvr-2", "disk[1]", "disk.failed", at(7), at(8), ref, ref, effect="degraded", function="recording")
    other = Condition("nvr-2", "lens", "lens.dirty", at(8), at(9), ref, ref, effect="", function="recording")
    store.commit(Batch(now_ms=NOW, conditions=[ConditionsTold(conditions=(gone, other))]))
    only = {"device": {"nvr-2"}}

    recording = asked(view, of=only, function="recording").total.whole
    cash = asked(view, of=only, function="cash").total.whole

    assert times(recording)["down"] == 2.0
    assert recording.times["down", "fault", "disk.failed"] == DAY
    assert times(cash)["down"] == 1.0


def test_what_nobody_hears_is_explained_up_to_now_by_what_it_stands_behind(town: Town) -> None:
    store, view, _ = town
    store.put_behind([Wanted("nvr-2", "power", "ups-2", at(0))], deed(19))
    ref = Ref("s1", 1, at(15))
    dark = Condition("ups-2", "ups", "power.mains_lost", at(15), None, ref, ref, explains="power")
    silence = Retold("nvr-2", at(15), (Segment(at(15), None, "unknown", "silent", ""),))
    store.commit(
        Batch(
            now_ms=NOW,
            tells=[silence],
            conditions=[ConditionsTold(conditions=(dark,))],
            device_now=[DeviceNow("nvr-2", 1, at(15), at(15), at(15), False, None, None)],
        )
    )

    found = asked(view, of={"device": {"nvr-2"}}).total.whole

    assert found.times["down", "power", "power.mains_lost"] == 5 * DAY


def test_a_site_without_readable_hours_is_a_named_unknown(town: Town) -> None:
    _, view, office = town
    put(office, "site", "metro-a", {**SITE, "service_hours": '{"hours":{"1":[["00:00","24:00"]]},"holidays":[]}'}, 12)
    with view._ask.begin() as connection:
        connection.exec_driver_sql("UPDATE site SET service_hours = 'gone' WHERE id = 'metro-a' AND to_ms IS NULL")

    found = asked(view, of={"device": {"nvr-2"}}, from_ms=at(13)).total.whole

    assert found.times == {("unknown", "unreadable", ""): 7 * DAY}


SITE = {"customer": "metro", "group_id": "south", "name_zh": "站", "name_en": "Station"}


def test_evidence_before_its_service_and_after_now_counts_nowhere(town: Town) -> None:
    store, view, _ = town
    ahead = Retold("ups-2", at(-5), (Segment(at(-5), at(30), "down", "off", ""),))
    store.commit(Batch(now_ms=NOW, tells=[ahead]))

    found = asked(view, of={"device": {"ups-2"}}, from_ms=at(-10), to_ms=at(40)).total.whole

    assert times(found) == {"down": 20.0}


def test_a_device_taken_away_serves_no_more(town: Town) -> None:
    _, view, office = town
    office.end_entry("installation", "nvr-2", deed=deed(15), at_ms=at(15))

    found = asked(view, of={"device": {"nvr-2"}}).total.whole

    assert sum(times(found).values()) == 15.0


def test_the_pasts_of_lists_keep_customers_apart(town: Town) -> None:
    _, view, _ = town

    rows = [one for part in view.fleet_pasts(NOW, [20 * DAY]) for one in part if one.device == "kiosk-7"]

    assert {(one.customer, one.group): one.pasts[0].down_ms for one in rows} == {
        ("metro", "south"): DAY // 2,
        ("bank", "north"): 6 * HOUR,
    }


def test_a_large_register_is_read_in_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("roundsman_collector.store.reckon.AT_ONCE", 2)
    where = tmp_path / "roundsman.sqlite3"
    with staffed(where), View.open(where) as view:
        found = asked(view, by="device", limit=10)

    assert sorted(str(row.key) for row in found.rows) == sorted(DEVICES)
