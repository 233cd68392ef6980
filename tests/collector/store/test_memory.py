"""The engine's memory: units, checkpoints, wakes; beside it the present, commands, quarantine, counters, inbox."""

import pytest

from roundsman_collector.store import (
    Batch,
    Checkpoint,
    CommandDone,
    CommandRow,
    Count,
    CounterRow,
    DeviceNow,
    InboxRow,
    Knock,
    Quarantined,
    Store,
    StoreError,
    UnitRow,
    View,
    Wake,
    door,
    quarantine,
)
from roundsman_collector.store.connect import transaction
from roundsman_wire.report import MESSAGE_LIMIT
from tests.collector.store.cast import TODAY, evidence, told


def test_units_come_back_as_they_were_last_kept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    first = [UnitRow(no, 0, 0, None, None, "{}") for no in (1, 2, 3)]
    store.commit(Batch(now_ms=1, units=first))
    store.commit(Batch(now_ms=2, units=[UnitRow(2, 9, 8, 500, 600, '{"流":1}')]))
    monkeypatch.setattr(door, "CHUNK", 2)

    assert list(store.units()) == [first[0], UnitRow(2, 9, 8, 500, 600, '{"流":1}'), first[2]]


def test_status_tells_of_units_that_are_dirty_or_lag_behind(store: Store, view: View) -> None:
    units = [UnitRow(1, 9, 8, 500, 600, "{}"), UnitRow(2, 7, 5, None, None, "{}")]
    store.commit(
        Batch(now_ms=1, evidence=[evidence(1, 1, None)], units=units, tells=[told("nvr-2", 0, (0, None, "up"))])
    )

    status = view.status()

    assert (status.dirty_units, status.dirty_since_ms, status.oldest_as_of_seq) == (1, 600, 5)
    assert (status.agents, status.devices, status.intervals, status.evidence_rows, status.last_seq) == (3, 4, 1, 1, 1)
    assert status.epoch == store.epoch
    assert status.database_bytes > 4096


def test_the_checkpoint_before_a_time_is_not_the_one_at_it(store: Store) -> None:
    points = [Checkpoint(1, t, t, f"at {t}") for t in (10, 20, 30)]
    store.commit(Batch(now_ms=1, checkpoints=[*points, Checkpoint(2, 15, 15, "another's")]))

    assert store.checkpoint_before(1, 30) == points[1]
    assert store.checkpoint_before(1, 31) == points[2]
    assert store.checkpoint_before(1, 10) is None


def test_checkpoints_are_taken_back_before_new_ones_come(store: Store) -> None:
    store.commit(Batch(now_ms=1, checkpoints=[Checkpoint(no, t, t, "old") for t in (10, 20, 30) for no in (1, 2)]))

    store.commit(Batch(now_ms=2, checkpoints_void_from={1: 20}, checkpoints=[Checkpoint(1, 25, 99, "new")]))

    assert store.checkpoint_before(1, 10**9) == Checkpoint(1, 25, 99, "new")
    assert store.checkpoint_before(1, 25) == Checkpoint(1, 10, 10, "old")
    assert store.checkpoint_before(2, 10**9) == Checkpoint(2, 30, 30, "old")


def test_a_horizon_takes_the_place_of_the_checkpoints_before_it_and_late_evidence_does_not_take_it_back(
    store: Store,
) -> None:
    points = [Checkpoint(1, 10, 1, ""), Checkpoint(1, 20, 2, ""), Checkpoint(1, 30, 3, ""), Checkpoint(2, 10, 1, "")]
    store.commit(Batch(now_ms=1, checkpoints=points))

    store.keep_horizons([Checkpoint(1, 20, 2, "")], [])
    store.commit(Batch(now_ms=2, checkpoints_void_from={1: 15}))

    assert store.horizon(1) == points[1]
    assert store.horizon(2) is None
    assert store.checkpoint_before(1, 99) is None
    assert store.checkpoint_before(2, 99) == points[3]


def test_who_is_due_comes_the_longest_overdue_first(store: Store) -> None:
    store.commit(Batch(now_ms=1, wakes={1: 30, 2: 10, 3: 20}))
    store.commit(Batch(now_ms=1, wakes={3: None, 1: 5}))

    assert store.due_wakes(10) == [Wake(1, 5), Wake(2, 10)]
    assert store.due_wakes(10, limit=1) == [Wake(1, 5)]
    assert store.due_wakes(4) == []


def test_readings_that_are_not_told_anew_stay_with_their_time(store: Store, view: View) -> None:
    store.commit(Batch(now_ms=1, device_now=[DeviceNow("nvr-2", 2, 10, 70, 11, False, {"disk[1].state": "正常"}, 10)]))
    store.commit(Batch(now_ms=2, device_now=[DeviceNow("nvr-2", 2, 20, 80, 21, True, None, None)]))
    store.commit(Batch(now_ms=2, tells=[told("nvr-2", 10, (10, 20, "up"), (20, None, "down"))]))

    nvr = view.device("nvr-2")

    assert nvr is not None
    assert (nvr.last_t_ms, nvr.covered_to_ms, nvr.received_ms, nvr.settling) == (20, 80, 21, True)
    assert (nvr.readings, nvr.readings_t_ms) == ({"disk[1].state": "正常"}, 10)
    assert (nvr.state, nvr.since_ms) == ("down", 20)


def test_who_was_heard_of_stays_heard_of_when_an_engine_that_just_started_does_not_know(
    store: Store, view: View
) -> None:
    store.commit(Batch(now_ms=1, device_now=[DeviceNow("nvr-2", 2, 10, 70, 11, False, None, None)]))
    store.commit(Batch(now_ms=2, device_now=[DeviceNow("nvr-2", 2, 10, 70, 0, False, None, None)]))

    nvr = view.device("nvr-2")

    assert nvr is not None
    assert nvr.received_ms == 11


def test_a_command_goes_from_a_reader_to_the_engine_and_its_answer_back(store: Store, view: View) -> None:
    asked = view.ask(who="wang", verb="acknowledge", args={"ticket": 7, "text": "来了"}, now_ms=TODAY)
    view.ask(who="li", verb="note", args={}, now_ms=TODAY + 1)
    assert view.status().new_commands == 2
    assert store.new_commands(limit=1) == [
        CommandRow(asked, TODAY, "wang", "acknowledge", {"ticket": 7, "text": "来了"}, "new", None, None)
    ]

    store.commit(
        Batch(now_ms=1, commands_done=[CommandDone(command=asked, ok=False, done_ms=9, result={"why": "没有"})])
    )

    assert [one.verb for one in store.new_commands()] == ["note"]
    answered = view.command(asked)
    assert answered is not None
    assert (answered.state, answered.done_ms, answered.result) == ("failed", 9, {"why": "没有"})
    assert view.command(99) is None


def test_a_command_is_answered_once(store: Store, view: View) -> None:
    done = CommandDone(command=view.ask(who="wang", verb="note", args={}, now_ms=1), ok=True, done_ms=2)
    store.commit(Batch(now_ms=1, commands_done=[done]))

    with pytest.raises(StoreError, match="answered already"):
        store.commit(Batch(now_ms=1, commands_done=[done]))


def refused(n: int, size: int = 10) -> Quarantined:
    return Quarantined(
        at_ms=n, topic="rm/1/south/kiosk-7/report", agent="kiosk-7", cause="json", detail="?", raw=b"x" * size
    )


def test_quarantine_keeps_the_newest_rows_and_counts_what_it_dropped(store: Store, view: View) -> None:
    for limits in ({"rows_limit": 3}, {"bytes_limit": 25}):
        with transaction(store._write, "testing", store._place) as connection:
            quarantine.keep(connection, [refused(n) for n in range(5)], **limits)

    assert [row.at_ms for row in view.quarantine()] == [4, 3]
    assert view.counters() == [CounterRow("quarantine", "dropped", 2 + 6, 4, "")]


def test_one_row_larger_than_all_room_is_kept_alone(store: Store, view: View) -> None:
    with transaction(store._write, "testing", store._place) as connection:
        quarantine.keep(connection, [refused(1), refused(2, size=100)], bytes_limit=50)

    assert [row.at_ms for row in view.quarantine()] == [2]


def test_what_strangers_send_is_cut_and_cleaned(store: Store, view: View) -> None:
    poison = Quarantined(
        at_ms=1, topic="t" * 999, agent="\0", cause="\ud800", detail="a\0b", raw=b"\xff" * (MESSAGE_LIMIT + 5)
    )
    store.commit(
        Batch(now_ms=1, quarantine=[poison], counters=[Count(name="refused", cause="\ud800", at_ms=1, example="\0")])
    )

    row = view.quarantine()[0]

    assert (row.topic, row.agent, row.cause, row.detail) == ("t" * 400, "\ufffd", "?", "a\ufffdb")
    assert (len(row.raw), row.byte_count) == (MESSAGE_LIMIT, MESSAGE_LIMIT + 5)
    assert view.counters() == [CounterRow("refused", "?", 1, 1, "\ufffd")]


def test_counters_add_up_and_keep_an_example(store: Store, view: View) -> None:
    store.commit(Batch(now_ms=1, counters=[Count(name="refused", cause="json", at_ms=5, count=2, example="{{")]))
    store.commit(Batch(now_ms=1, counters=[Count(name="refused", cause="json", at_ms=7)]))

    assert view.counters() == [CounterRow("refused", "json", 3, 7, "{{")]


def test_who_knocks_is_noted_once_and_the_longest_quiet_is_forgotten(store: Store, view: View) -> None:
    store.commit(Batch(now_ms=1, inbox=[Knock(agent="x", device="", at_ms=5), Knock(agent="y", device="d", at_ms=6)]))
    store.commit(Batch(now_ms=1, inbox=[Knock(agent="x", device="", at_ms=9, what={"platform": "arm"})]))
    assert view.inbox() == [InboxRow("x", "", 5, 9, 2, {"platform": "arm"}), InboxRow("y", "d", 6, 6, 1, {})]

    with transaction(store._write, "testing", store._place) as connection:
        quarantine.knock(connection, [Knock(agent="z", device="", at_ms=10)], limit=2)

    assert [row.agent for row in view.inbox()] == ["z", "x"]
