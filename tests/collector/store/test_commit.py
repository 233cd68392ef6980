"""One transaction or none: exceptions, full disks, kill -9; who may open the database, and who may not."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from roundsman_collector.core.model import Retold
from roundsman_collector.store import (
    Batch,
    Born,
    Checkpoint,
    CommandDone,
    ConditionsTold,
    Count,
    DeviceNow,
    Knock,
    Quarantined,
    Store,
    StoreError,
    UnitRow,
    View,
    postgres,
)
from roundsman_collector.store.connect import transaction
from roundsman_collector.store.rounds import ErrandNew, RoundBegun, RoundDevice, Target
from roundsman_collector.store.sql import run
from roundsman_collector.store.ticket_clocks import ClockRow, ClocksTold
from tests.collector.store.cast import DAY, TODAY, condition, evidence, tables, ticket, told

ROOT = Path(__file__).resolve().parents[3]


KEPT_BY_PEOPLE = {
    *("audit", "contract", "customer", "device_search", "installation", "invitation", "monitoring_group"),
    *("notice", "person", "person_scope", "place", "pushed", "session", "site", "token", "way"),
    *("behind", "calendar", "calendar_day", "device_trait", "overlay", "overlay_event"),
    *("file", "file_body", "file_piece", "bot_message"),
    *("service_point", "point_person", "skill", "duty_pattern", "duty_shift", "duty_swap"),
    *("stock_item", "stock_location", "stock_level", "stock_now", "stock_move", "stock_reservation", "stock_statement"),
    *("loan", "device_part", "label", "customer_link", "round_file", "round_log", "round_mark"),
    *("plan", "task", "task_event", "task_terms", "recurrence", "recurrence_word"),
    *("report", "report_file", "report_schedule", "report_mail", "report_confirmation", "report_words"),
    *("slip", "slip_file", "slip_line"),
}
"""What is written through the other door."""
CLOCKS = [
    ClocksTold(ticket=1, wake_at_ms=5, clocks=[ClockRow("repair", "running", 1, 2, None, None, 0, False)], error="x")
]


def everything(*, tells: tuple[Retold, ...] = (), done: tuple[CommandDone, ...] = (), asked: int = 0) -> Batch:
    """A batch with something for every table."""
    return Batch(
        now_ms=TODAY,
        evidence=[evidence(1, 1, None), evidence(2, 2, None, TODAY + DAY)],
        units=[UnitRow(1, 1, 1, None, None, "{}")],
        checkpoints=[Checkpoint(1, 1, 1, "{}")],
        tells=[told("nvr-2", 0, (0, None, "up")), *tells],
        conditions=[ConditionsTold(conditions=(condition("kiosk-7", 1),))],
        tickets=[ticket()],
        quarantine=[Quarantined(at_ms=1, topic="t", agent="a", cause="c", detail="d", raw=b"r")],
        counters=[Count(name="n", cause="c", at_ms=1)],
        wakes={1: 5},
        device_now=[DeviceNow("nvr-2", 2, 1, 1, 1, False, {}, 1)],
        inbox=[Knock(agent="x", device="", at_ms=1)],
        commands_done=done,
        rounds=[a_round(asked)] if asked else (),
        births=[Born(1, 1, 1, "b1", "linux", {"agent": "0.1.0"}, ("cmd.inspect",), "c1")],
    )


def a_round(command: int) -> RoundBegun:
    return RoundBegun(
        command=command,
        target=Target("group", "south", "south", None),
        devices=[RoundDevice("kiosk-7", 1)],
        errands=[ErrandNew(id="e1", agent_no=1, verb="inspect", args={}, consent="c")],
        from_ms=0,
        to_ms=1,
        asked_ms=TODAY,
        asked_by="wang",
        until_ms=TODAY + 1,
        after_seq=0,
        year=2024,
    )


def contents(store: Store) -> dict[str, list[tuple[object, ...]]]:
    """All rows of all tables."""
    with transaction(store._read, "looking", store._place) as connection:
        return {name: [tuple(row) for row in run(connection, f"SELECT * FROM {name}")] for name in tables(connection)}


def test_a_batch_reaches_every_table(store: Store, view: View) -> None:
    asked = view.ask(who="wang", verb="note", args={}, now_ms=1)
    round_asked = view.ask(who="wang", verb="round", args={}, now_ms=1)

    batch = everything(done=(CommandDone(command=asked, ok=True, done_ms=2),), asked=round_asked)
    store.commit(replace(batch, clocks=CLOCKS))

    empty = sorted(name for name, rows in contents(store).items() if not rows)
    # test_pruning, test_tickets, test_steps, test_reading_days
    elsewhere = {"rule_set", "service_level", "horizon", "ticket_child", "reading_name", "reading_day", "forecast"}
    assert set(empty) - KEPT_BY_PEOPLE == elsewhere


@pytest.mark.parametrize(
    ("batch", "error"),
    [
        (everything(done=(CommandDone(command=99, ok=True, done_ms=1),)), StoreError),
        (everything(tells=(told("no-such-device", 0, (0, None, "up")),)), StoreError),
        (everything(tells=(told("nvr-2", 0, (5, None, "up"), (9, None, "up")),)), ValueError),
        (everything(tells=(told("nvr-2", 0, (0, 2**63, "up")),)), (OverflowError, StoreError)),
    ],
    ids=["the last step fails", "a row contradicts the schema", "a caller's mistake", "the driver chokes"],
)
def test_whatever_goes_wrong_leaves_nothing_and_the_next_batch_is_stored(
    store: Store, batch: Batch, error: type[Exception] | tuple[type[Exception], ...]
) -> None:
    before = contents(store)

    with pytest.raises(error):
        store.commit(batch)

    assert contents(store) == before
    store.commit(everything())
    assert store.last_seq() == 2
    assert [row.seq for row in store.evidence_after(0)] == [1, 2]


@pytest.mark.sqlite
def test_folders_that_are_missing_are_made(tmp_path: Path, database: str) -> None:
    where = tmp_path / "deep" / "folder" / "roundsman.sqlite3"

    Store.open(where).close()

    assert where.is_file()


def test_a_database_opened_again_is_the_same(store: Store, where: str) -> None:
    store.commit(everything())
    epoch, before = store.epoch, contents(store)
    store.close()
    store.close()

    with Store.open(where) as again:
        assert (again.epoch, again.last_seq()) == (epoch, 2)
        after = contents(again)
    facts = [row for row in before.pop("meta") if row[0] != "reign"]
    assert [row for row in after.pop("meta") if row[0] != "reign"] == facts
    assert after == before


def test_another_database_has_another_epoch(store: Store, elsewhere: Callable[[], str]) -> None:
    with Store.open(elsewhere()) as another:
        assert another.epoch != store.epoch


@pytest.mark.sqlite
def test_a_full_disk_is_told_and_loses_nothing(store: Store) -> None:
    store.commit(Batch(now_ms=1, evidence=[evidence(1, 1, None)]))
    before = contents(store)
    large = [evidence(seq, 1, seq - 1, body=b"x" * 4000) for seq in range(2, 102)]
    with store._write.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 20}")

    with pytest.raises(StoreError, match="the disk is full") as told_of:
        store.commit(Batch(now_ms=2, evidence=large, tickets=[ticket()]))

    assert (told_of.value.cause, told_of.value.again) == ("full", True)
    assert "free space" in told_of.value.do
    assert contents(store) == before
    with store._write.connect() as connection:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2000}")
    committed = store.commit(Batch(now_ms=2, evidence=large, tickets=[ticket()]))
    assert committed.tickets[0].number == "2026-000001"
    assert len(store.evidence_of(1, 101, 0)) == 101


def python(code: str, where: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own that sees the tests' modules."""
    command = [sys.executable, "-c", code, where]
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, check=False, text=True)


WRITER = """
import sys
from roundsman_collector.store import Batch
from tests.collector.store.cast import TODAY, evidence, staffed, ticket, told

with staffed(sys.argv[1]) as store:
    for seq in range(1, 8):
        state = "up" if seq % 2 else "down"
        tells = [told("nvr-2", seq, (seq, None, state))]
        rows = [evidence(seq, 2, seq - 1 or None)]
        store.commit(Batch(now_ms=TODAY + seq, evidence=rows, tells=tells, tickets=[ticket()]))
        print(seq, flush=True)
"""


@pytest.mark.parametrize(
    ("point", "stored"),
    [("store.before_commit:4", 3), ("store.in_commit:1", 0), ("store.in_commit:5", 4), ("store.after_commit:6", 6)],
)
def test_killed_at_any_point_of_a_commit_all_of_it_is_there_or_nothing(where: str, point: str, stored: int) -> None:
    environment = os.environ | {"ROUNDSMAN_FAULT": point}
    writer = python(WRITER, where, environment)

    assert writer.returncode == -signal.SIGKILL, writer.stderr
    acknowledged = len(writer.stdout.split())
    assert acknowledged in (stored, stored - 1)
    with Store.open(where) as store, View.open(where) as view:
        assert [row.seq for row in store.evidence_after(0)] == list(range(1, stored + 1))
        assert [one.event_from_ms for one in view.intervals("nvr-2", 0, TODAY)] == list(range(1, stored + 1))
        assert [row.number for row in store.open_tickets()] == [f"2026-{n:06d}" for n in range(1, stored + 1)]


READER = """
import sys
from roundsman_collector.store import View

with View.open(sys.argv[1]) as view:
    view.ask(who="wang", verb="note", args={}, now_ms=1)
    print(view.status().last_seq, [one.state for one in view.intervals("nvr-2", 0, 100)])
"""


def test_another_process_reads_and_asks_while_the_store_is_open(store: Store, where: str) -> None:
    store.commit(everything())

    reader = python(READER, where, os.environ)

    assert (reader.stdout, reader.stderr) == ("2 ['up']\n", "")
    assert [one.verb for one in store.new_commands()] == ["note"]


def test_a_reader_cannot_write_anything_but_commands(view: View) -> None:
    with pytest.raises(StoreError) as refused, view._reading("testing") as connection:
        run(connection, "DELETE FROM meta")

    assert refused.value.cause == "read_only"


def test_there_is_one_writer(store: Store, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "CLAIM_MS", 100)

    with pytest.raises(StoreError, match=f"{os.getpid()} .*has the database open") as refused:
        Store.open(where)

    assert refused.value.cause == "locked"


def test_a_writer_that_was_killed_does_not_lock_anybody_out(where: str) -> None:
    killed = os.environ | {"ROUNDSMAN_FAULT": "store.in_commit"}
    python(WRITER, where, killed)

    Store.open(where).close()


def test_a_reader_does_not_wait_for_the_writer_nor_see_what_is_not_committed(store: Store, view: View) -> None:
    store.commit(Batch(now_ms=1, tells=[told("nvr-2", 0, (0, None, "up"))]))

    with transaction(store._write, "testing", store._place) as connection:
        run(connection, "DELETE FROM interval")
        assert len(view.intervals("nvr-2", 0, 1)) == 1


@pytest.mark.sqlite
def test_a_writer_is_the_only_one_from_the_beginning_of_its_transaction(store: Store, where: str) -> None:
    other = sqlite3.connect(where, timeout=0, isolation_level=None)

    with (
        transaction(store._write, "testing", store._place),
        pytest.raises(sqlite3.OperationalError, match="database is locked"),
    ):
        other.execute("BEGIN IMMEDIATE")

    other.execute("BEGIN IMMEDIATE")
    other.close()


def test_a_database_of_a_newer_program_is_left_alone(store: Store, where: str) -> None:
    with transaction(store._write, "testing", store._place) as connection:
        run(connection, "UPDATE alembic_version SET version_num = '0999'")
    store.close()

    for door in (Store, View):
        with pytest.raises(StoreError, match="schema 0999") as refused:
            door.open(where)
        assert refused.value.cause == "newer"
        assert "newer Roundsman" in refused.value.do


def test_a_reader_says_that_the_collector_must_bring_an_old_database_up_to_date(store: Store, where: str) -> None:
    with transaction(store._write, "testing", store._place) as connection:
        run(connection, "UPDATE alembic_version SET version_num = '0000'")

    with pytest.raises(StoreError, match="start the collector once") as refused:
        View.open(where)

    assert refused.value.cause == "older"


def test_a_reader_makes_no_database(bare: str) -> None:
    with pytest.raises(StoreError, match="there is no Roundsman database") as refused:
        View.open(bare)

    assert refused.value.cause == "missing"
    assert not Path(bare).exists()


@pytest.mark.sqlite
@pytest.mark.parametrize("door", [Store, View], ids=["store", "view"])
def test_a_file_that_is_no_database_is_left_alone(where: str, door: type[Store] | type[View]) -> None:
    Path(where).write_text("the fleet's shopping list, much longer than a header of a database is\n" * 20)
    text = Path(where).read_bytes()

    with pytest.raises(StoreError, match="no database") as refused:
        door.open(where)

    assert refused.value.cause == "damaged"
    assert Path(where).read_bytes() == text


@pytest.mark.parametrize("where_not", ["mysql://u:secret@h/n", "sqlite://", "sqlite:///:memory:", "what://x"])
def test_a_place_that_is_not_understood_is_told_without_its_password(where_not: str) -> None:
    with pytest.raises(StoreError, match="names no database") as refused:
        Store.open(where_not)

    assert "secret" not in str(refused.value)


@pytest.mark.sqlite
def test_a_url_and_a_path_name_the_same_database(store: Store, where: str) -> None:
    with View.open(f"sqlite:///{where}") as view:
        assert view.status().epoch == store.epoch


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(StoreError, match="cannot be opened for writing") as refused:
        Store.open(tmp_path / "file" / "roundsman.sqlite3")

    assert refused.value.cause == "cannot_open"


@pytest.mark.sqlite
def test_a_copy_of_the_files_taken_from_a_dead_collector_opens(store: Store, where: str, tmp_path: Path) -> None:
    store.commit(everything())
    copy = tmp_path / "copy.sqlite3"
    for ending in ("", "-wal"):
        shutil.copy(f"{where}{ending}", f"{copy}{ending}")

    with Store.open(copy) as restored:
        assert restored.last_seq() == 2
