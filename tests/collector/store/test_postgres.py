"""PostgreSQL alone: how it is reached and refused, lines that break, the one collector, and what the driver does."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pg8000.exceptions import DatabaseError, InterfaceError

from roundsman_collector.store import Batch, Count, Quarantined, Store, StoreError, View, postgres
from roundsman_collector.store.connect import connector, place, transaction
from roundsman_collector.store.postgres_line import PIPELINE_ROWS, PREPARED, Line, numbered
from roundsman_collector.store.sql import look, many, run
from tests.brokers import until
from tests.collector.store.cast import TODAY, evidence, staffed, ticket, told
from tests.collector.store.test_commit import ROOT, WRITER
from tests.postgres import PASSWORD, Server

pytestmark = pytest.mark.postgresql


@pytest.fixture(scope="module")
def own() -> Iterator[Server]:
    """A server of this module alone: it is stopped and started."""
    with Server.started() as server:
        yield server


# --- how it is reached -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://roundsman:hush@db/roundsman", "a password stands in it"),
        ("postgresql://roundsman@db", "it names no database"),
        ("postgresql://roundsman@db/r?ssl=on", "unknown option ssl"),
        ("postgresql://roundsman@db/r?sslmode=prefer", "sslmode 'prefer'"),
        ("postgresql://roundsman@db/r?host=/run", "it names two hosts"),
        ("postgresql+psycopg://roundsman@db/r", "names no database"),
    ],
)
def test_a_url_that_cannot_be_meant_is_refused_without_its_password(url: str, said: str) -> None:
    with pytest.raises(StoreError, match=said) as refused:
        Store.open(url)

    assert (refused.value.cause, "hush" in str(refused.value)) == ("cannot_open", False)


def test_beyond_this_machine_the_server_has_to_prove_itself_unless_it_is_said_otherwise() -> None:
    def tls(url: str) -> Any:
        return postgres._tls(place(url).url)

    assert tls("postgresql://r@db.example.com/r").check_hostname is True
    assert tls("postgresql://r@db.example.com/r?sslmode=require").check_hostname is False
    assert tls("postgresql://r@db.example.com/r?sslmode=disable") is False
    assert tls("postgresql://r@127.0.0.1/r") is False
    assert tls("postgresql:///r") is False


def test_a_password_is_read_from_its_file_or_from_the_environment(
    own: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = own.url_by_net(own.name_of(own.database()), tmp_path / "password")
    Store.open(url).close()
    assert PASSWORD not in str(place(url))

    (tmp_path / "password").write_text("wrong")
    with pytest.raises(StoreError, match=r"lets us not in .*password authentication failed") as refused:
        Store.open(url)
    assert (refused.value.cause, refused.value.again) == ("cannot_open", False)

    (tmp_path / "password").unlink()
    with pytest.raises(StoreError, match="the password cannot be read") as refused:
        Store.open(url)
    assert refused.value.where == str(tmp_path / "password")

    bare = url.partition("?")[0]
    with pytest.raises(StoreError, match=r"asks for a password, and none is known"):
        Store.open(bare)
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    Store.open(bare).close()


def test_what_is_wrong_with_a_server_is_told_with_what_to_do(own: Server) -> None:
    gone = own.url("no_such_database")
    with pytest.raises(StoreError, match="there is no such database on the server") as refused:
        Store.open(gone)
    assert "docs/how-to/postgresql.md" in refused.value.do

    with pytest.raises(StoreError, match=r"the database server is gone .*Connection refused") as refused:
        Store.open("postgresql://roundsman@127.0.0.1:1/r")
    assert (refused.value.cause, refused.value.again) == ("io", True)

    own.sql(
        "CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C' OWNER roundsman"
    )
    with pytest.raises(StoreError, match="the encoding LATIN1; Roundsman needs UTF8"):
        Store.open(own.url("latin"))

    own.sql("CREATE DATABASE foreigners TEMPLATE template0")
    with pytest.raises(StoreError, match=r"our user may not do that .*permission denied for schema public") as refused:
        Store.open(own.url("foreigners"))
    assert "own the database" in refused.value.do


def test_a_server_of_an_older_version_is_refused(own: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "VERSION", 99)

    with pytest.raises(StoreError, match=r"the server is PostgreSQL 15.*needs 99 or newer"):
        Store.open(own.url("postgres"))


# --- one collector ---------------------------------------------------------------------------------------------------


def test_a_collector_that_was_cut_off_goes_on_where_it_was(own: Server) -> None:
    url = own.database()
    with staffed(url) as store:
        store.commit(Batch(now_ms=TODAY, evidence=[evidence(1, 1, None)]))
        own.stop(signal.SIGQUIT)
        with pytest.raises(StoreError) as refused:
            store.commit(Batch(now_ms=TODAY, evidence=[evidence(2, 1, 1)]))
        assert (refused.value.cause, refused.value.again) == ("io", True)
        own.start()

        store.commit(Batch(now_ms=TODAY, evidence=[evidence(2, 1, 1)]))

        assert [row.seq for row in store.evidence_after(0)] == [1, 2]


def test_a_reader_comes_back_by_itself_when_the_server_does(own: Server) -> None:
    url = own.database()
    with staffed(url), View.open(url) as view:
        own.stop()
        own.start()

        assert len(view.devices()) == 4


def cut(own: Server, url: str) -> None:
    """End all connections to a database, as a network may."""
    own.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{own.name_of(url)}'")
    remaining = f"SELECT pid FROM pg_stat_activity WHERE datname = '{own.name_of(url)}'"
    until(lambda: not own.sql(remaining), "nobody is connected")


def test_a_collector_ends_when_another_has_written_while_it_was_cut_off(own: Server) -> None:
    url = own.database()
    with staffed(url) as first:
        cut(own, url)
        with Store.open(url) as second:
            second.commit(Batch(now_ms=TODAY, evidence=[evidence(1, 1, None)]))

        with pytest.raises(StoreError, match="another collector has written") as refused:
            first.commit(Batch(now_ms=TODAY, evidence=[evidence(1, 1, None)]))

        assert (refused.value.cause, refused.value.again) == ("superseded", False)


def test_a_collector_that_is_back_waits_for_another_that_took_its_place(
    own: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "CLAIM_MS", 100)
    url = own.database()
    with staffed(url) as first:
        cut(own, url)
        with Store.open(url), pytest.raises(StoreError, match="has the database open for writing") as refused:
            first.commit(Batch(now_ms=TODAY))

        assert (refused.value.cause, refused.value.again) == ("locked", True)


def test_who_writes_is_waited_for(own: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(postgres.SESSION, "lock_timeout", "100ms")
    url = own.database()
    with staffed(url) as store, View.open(url) as view:
        with (
            transaction(store._write, "testing", store._place),
            pytest.raises(StoreError, match="another program holds the database") as refused,
        ):
            view.ask(who="wang", verb="note", args={}, now_ms=1)

        assert (refused.value.cause, refused.value.again) == ("locked", True)
        view.ask(who="wang", verb="note", args={}, now_ms=1)
        assert [one.id for one in store.new_commands()] == [1]


# --- a line that breaks while the server commits ---------------------------------------------------------------------


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Let the line of the next commit break, after the server has heard it or before."""

    as_ever = Line.commit

    def arrange(is_heard: bool) -> None:
        def commit(line: Line) -> None:
            monkeypatch.setattr(Line, "commit", as_ever)
            if is_heard:
                line.commit()
            line.close()
            raise InterfaceError("network error")

        monkeypatch.setattr(Line, "commit", commit)

    return arrange


def test_a_batch_whose_answer_is_lost_is_stored_once(own: Server, broken: Callable[[bool], None]) -> None:
    with staffed(own.database()) as store:
        broken(True)

        done = store.commit(Batch(now_ms=TODAY, evidence=[evidence(1, 1, None)], tickets=[ticket()]))

        assert [one.number for one in done.tickets] == ["2026-000001"]
        assert (store.last_seq(), [row.seq for row in store.evidence_after(0)]) == (1, [1])
        assert [row.number for row in store.open_tickets()] == ["2026-000001"]


def test_a_batch_that_the_server_never_heard_of_can_be_stored_again(
    own: Server, broken: Callable[[bool], None]
) -> None:
    batch = Batch(now_ms=TODAY, evidence=[evidence(1, 1, None)], tickets=[ticket()])
    with staffed(own.database()) as store:
        broken(False)
        with pytest.raises(StoreError) as refused:
            store.commit(batch)
        assert (refused.value.cause, refused.value.again, store.last_seq()) == ("io", True, 0)

        store.commit(batch)

        assert [row.number for row in store.open_tickets()] == ["2026-000001"]


def test_where_nobody_can_tell_whether_it_was_stored_the_collector_ends(
    own: Server, broken: Callable[[bool], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with staffed(own.database()) as store:
        broken(True)
        monkeypatch.setattr(postgres, "DOUBT_S", 0)

        with pytest.raises(StoreError, match="cannot be told whether it did") as refused:
            store.commit(Batch(now_ms=TODAY, evidence=[evidence(1, 1, None)]))

        assert (refused.value.cause, refused.value.again) == ("doubt", False)


def test_a_server_that_loses_power_has_all_of_a_batch_or_nothing(own: Server) -> None:
    url = own.database()
    command = [sys.executable, "-c", WRITER, url]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, env=os.environ, text=True) as writer:
        assert writer.stdout is not None
        for line in writer.stdout:
            if line.strip() == "3":
                break
        own.stop(signal.SIGQUIT)
        writer.wait(30)
    own.start()

    with Store.open(url) as store:
        stored = [row.seq for row in store.evidence_after(0)]
        assert stored == list(range(1, len(stored) + 1)) and len(stored) >= 3
        assert [row.number for row in store.open_tickets()] == [f"2026-{n:06d}" for n in stored]


# --- what it does not keep -------------------------------------------------------------------------------------------


def test_a_nul_from_strangers_is_kept_where_bytes_are_and_marked_where_text_is(store: Store, view: View) -> None:
    store.commit(
        Batch(
            now_ms=TODAY,
            evidence=[evidence(1, 1, None, body=b"\0\xff\\x00")],
            quarantine=[Quarantined(at_ms=1, topic="a\0b", agent="\ud800", cause="c", detail="d\\n\n\t", raw=b"\0r")],
            counters=[Count(name="n", cause="c\0", at_ms=1, example="\0")],
        )
    )

    assert [row.body for row in store.evidence_after(0)] == [b"\0\xff\\x00"]
    row = view.quarantine()[0]
    assert (row.topic, row.agent, row.detail, row.raw) == ("a\N{REPLACEMENT CHARACTER}b", "?", "d\\n\n\t", b"\0r")


def test_text_with_a_nul_is_a_mistake_in_the_data_not_of_the_database(store: Store) -> None:
    with pytest.raises(StoreError, match="a row contradicts the schema") as refused:
        store.commit(Batch(now_ms=TODAY, tells=[told("nvr-2", 0, (0, None, "up\0"))]))

    assert (refused.value.cause, refused.value.again) == ("conflict", False)
    store.commit(Batch(now_ms=TODAY, tells=[told("nvr-2", 0, (0, None, "up"))]))


def test_what_the_server_says_of_a_row_does_not_tell_its_values(store: Store) -> None:
    with pytest.raises(StoreError) as refused, transaction(store._write, "testing", store._place) as connection:
        run(connection, "INSERT INTO meta (key, value) VALUES ('epoch', 'hush')")

    assert "duplicate key" in refused.value.what
    assert "hush" not in str(refused.value)


def test_text_is_ordered_by_code_points(store: Store) -> None:
    words = ["a", "B", "É", "e", "中", "_", "A1", "a-b", "ab"]
    with transaction(store._write, "testing", store._place) as connection:
        many(connection, "INSERT INTO meta (key, value) VALUES (?, '')", [(f"w{word}",) for word in words])
        found = look(connection, "SELECT key FROM meta WHERE key >= ? AND key < ? ORDER BY key", "w", "x")

    assert [row[0] for row in found] == sorted(f"w{word}" for word in words)


# --- the driver ------------------------------------------------------------------------------------------------------


def test_marks_are_numbered_but_in_quotes() -> None:
    assert numbered("""SELECT '?', "?", ? FROM x WHERE a = ?""") == """SELECT '?', "?", $1 FROM x WHERE a = $2"""


def test_rows_beyond_one_round_trip_all_arrive_and_a_bad_one_takes_all_with_it(store: Store, where: str) -> None:
    rows = [(f"k{n}", str(n)) for n in range(3 * PIPELINE_ROWS + 1)]
    insert = "INSERT INTO meta (key, value) VALUES (?, ?)"
    with transaction(store._write, "testing", store._place) as connection:
        many(connection, insert, rows)
    for bad in (1, PIPELINE_ROWS + 5):
        again = [(f"l{n}", "") for n in range(2 * PIPELINE_ROWS)]
        again[bad] = rows[0]
        with (
            pytest.raises(StoreError, match="duplicate key"),
            transaction(store._write, "t", store._place) as connection,
        ):
            many(connection, insert, again)

    with transaction(store._read, "looking", store._place) as connection:
        assert look(connection, "SELECT count(*) FROM meta WHERE key LIKE ?", "k%") == [[len(rows)]]
        assert look(connection, "SELECT count(*) FROM meta WHERE key LIKE ?", "l%") == [[0]]


def test_more_statements_than_are_kept_prepared_do_no_harm(store: Store) -> None:
    with transaction(store._read, "looking", store._place) as connection:
        for n in [*range(PREPARED + 5), *range(5)]:
            assert look(connection, f"SELECT {n} + CAST(? AS INT)", 1) == [[n + 1]]


def test_a_statement_that_was_prepared_before_a_table_changed_works_the_second_time(store: Store, where: str) -> None:
    looked = "SELECT * FROM counter WHERE name = ?"
    engine = connector(place(where), writes=False)

    def columns() -> int:
        with transaction(engine, "looking", place(where)) as connection:
            return len(run(connection, looked, "x").keys())

    before = columns()
    with transaction(store._write, "testing", store._place) as connection:
        run(connection, "ALTER TABLE counter ADD COLUMN more INT")

    with pytest.raises(StoreError):
        columns()
    assert columns() == before + 1
    engine.dispose()


def test_the_driver_still_has_the_parts_that_are_used() -> None:
    parts = ["prepare_statement", "close_prepared_statement", "handle_messages", "handle_AUTHENTICATION_REQUEST"]

    assert [part for part in parts if not hasattr(Line, part)] == []
    assert issubclass(DatabaseError, Exception) and issubclass(InterfaceError, Exception)
