"""Backups of a collector on PostgreSQL: a file like any other, which may be put back into either kind of database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from roundsman_collector import backup, config
from roundsman_collector.backup import BackupError
from roundsman_collector.config import DATABASE
from roundsman_collector.roles import EVERYTHING
from roundsman_collector.store import Batch, CommandDone, Deed, Office, Store, StoreError, View
from roundsman_collector.store.connect import connector, place, transaction
from roundsman_collector.store.sql import run
from tests.collector.store.cast import TODAY, evidence, staffed, tables, ticket
from tests.collector.store.test_commit import everything
from tests.postgres import Server

LATER = TODAY + 3_600_000
ANEW = ("epoch", "known_ms", "life", "reign", "restored_ms", "backup_ms", "session")
"""What a restore gives a database of its own, in `meta`."""

Rows = dict[str, list[tuple[object, ...]]]


def quiet(*_: object) -> None:
    """Progress that nobody looks at."""


@pytest.fixture
def url(postgres: Server) -> Iterator[str]:
    """A collector's database on a server, with something in nearly every table."""
    made = postgres.database()
    fill(made)
    yield made
    postgres.drop(made)


@pytest.fixture
def bare(postgres: Server) -> Iterator[str]:
    """A database on a server that nobody has used yet."""
    made = postgres.database(template="template1")
    yield made
    postgres.drop(made)


def fill(where: str | Path) -> None:
    with staffed(where) as store, View.open(where) as view, Office.open(where) as office:
        asked = view.ask(who="wang", verb="note", args={"text": "a\tb\\n\nc"}, now_ms=1)
        round_asked = view.ask(who="wang", verb="round", args={}, now_ms=1)
        store.commit(everything(done=(CommandDone(command=asked, ok=True, done_ms=2),), asked=round_asked))
        store.commit(Batch(now_ms=TODAY, tickets=[ticket("nvr-2"), ticket("ups-2")]))
        rows = [evidence(seq, 1, seq - 1, TODAY + 86_400_000, bytes(range(256)) + b"\\.\n") for seq in range(3, 4500)]
        store.commit(Batch(now_ms=TODAY, evidence=[rows[0]._replace(taken=((1, 2), (5, 9))), *rows[1:]]))
        deed = Deed(who="wang", at_ms=TODAY)
        office.add_person("li.na", name="李娜\\N", role="engineer", scope=EVERYTHING, deed=deed)
    change(where, "UPDATE ticket SET merged_into = 3 WHERE id = 1")  # a row that points to one behind it


def change(where: str | Path, statement: str) -> None:
    at = place(where)
    engine = connector(at, writes=True)
    with transaction(engine, "changing", at) as connection:
        run(connection, statement)
    engine.dispose()


def contents(where: str | Path) -> Rows:
    """All rows of all tables, in order; truth as truth."""
    at = place(where)
    engine = connector(at, writes=False)
    with transaction(engine, "looking", at) as connection:
        found = {
            name: sorted((tuple(row) for row in run(connection, f"SELECT * FROM {name}")), key=repr)
            for name in tables(connection)
        }
    engine.dispose()
    found["meta"] = [row for row in found["meta"] if row[0] not in ANEW]
    for name in ("audit", "session", "invitation", "notice"):  # a restore writes there: test_backup
        found.pop(name)
    return {
        name: sorted(
            (tuple(int(value) if isinstance(value, bool) else value for value in row) for row in rows), key=repr
        )
        for name, rows in found.items()
    }


def settings(folder: Path, url: str) -> config.Config:
    folder.mkdir(exist_ok=True)
    (folder / "roundsman.toml").write_text(f'[store]\nurl = "{url}"\n')
    return config.load(folder / "roundsman.toml", folder)


def test_a_backup_of_a_server_is_a_file_like_any_other(url: str, tmp_path: Path) -> None:
    before = contents(url)

    one = backup.create(settings(tmp_path / "data", url), tmp_path / "kept.tar", LATER, quiet)

    assert backup.verify(one.file, LATER, quiet) == one.manifest
    with View.open(url) as view:
        assert view.status().epoch == one.manifest.epoch
        assert view.keeping().backup_ms == LATER
    backup.restore(one.file, tmp_path / "small", LATER, force=False, progress=quiet)
    assert contents(tmp_path / "small" / DATABASE) == before


def test_a_collector_moves_from_a_file_to_a_server_and_goes_on(bare: str, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    fill(folder / DATABASE)
    before = contents(folder / DATABASE)
    one = backup.create(config.load(None, folder), tmp_path / "kept.tar", LATER, quiet)

    done = backup.restore(one.file, tmp_path / "new", LATER, force=False, progress=quiet, server=bare)

    assert contents(bare) == before
    assert done.aside_schema == ""
    assert not (tmp_path / "new" / DATABASE).exists()
    with Store.open(bare) as store, View.open(bare) as view:
        assert store.epoch == done.epoch
        (opened,) = store.commit(Batch(now_ms=LATER, evidence=[evidence(4500, 1, 4499)], tickets=[ticket()])).tickets
        assert opened.id == 4
        assert store.add_agent("agent-9", "south", [], LATER) == 4
        asked = view.ask(who="wang", verb="note", args={}, now_ms=LATER)
        assert [command.id for command in store.new_commands()][-1] == asked


def test_a_backup_holds_one_moment_of_a_server_that_is_written_to(url: str, tmp_path: Path) -> None:
    with Store.open(url) as store:
        seq = store.last_seq()

        def writing(doing: str, done: int, _: int) -> None:
            if doing == "copy" and not done:
                store.commit(Batch(now_ms=LATER, evidence=[evidence(seq + 1, 1, seq, LATER)], tickets=[ticket()]))

        one = backup.create(settings(tmp_path / "data", url), tmp_path / "kept.tar", LATER, writing)

    backup.restore(one.file, tmp_path / "small", LATER, force=False, progress=quiet)
    with Store.open(tmp_path / "small" / DATABASE) as copied:
        assert copied.last_seq() == seq
        assert sum(part.row_count for part in copied.partitions()) == seq
        assert len(list(copied.open_tickets())) == 3


def test_what_is_there_is_set_aside_by_force_alone(url: str, tmp_path: Path) -> None:
    one = backup.create(settings(tmp_path / "data", url), tmp_path / "kept.tar", LATER, quiet)
    before = contents(url)
    with pytest.raises(BackupError, match="--force sets it aside"):
        backup.restore(one.file, tmp_path / "new", LATER, force=False, progress=quiet, server=url)
    change(url, "UPDATE ticket SET outcome = 'since'")

    done = backup.restore(one.file, tmp_path / "new", LATER, force=True, progress=quiet, server=url)

    assert done.aside_schema == f"before_restore_{LATER // 1000}"
    assert contents(url) == before
    with View.open(url) as view, view._reading("what was set aside") as connection:
        kept = run(connection, f"SELECT DISTINCT outcome FROM {done.aside_schema}.ticket").scalars().all()
    assert kept == ["since"]


def test_a_restore_that_fails_leaves_the_server_as_it_was(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = backup.create(settings(tmp_path / "data", url), tmp_path / "kept.tar", LATER, quiet)
    before = contents(url)

    def power_cut(doing: str, done: int, _: int) -> None:
        if doing == "put back" and done > 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        backup.restore(one.file, tmp_path / "new", LATER, force=True, progress=power_cut, server=url)

    assert contents(url) == before
    assert [one.name for one in (tmp_path / "new").iterdir()] == []


def test_nothing_is_restored_into_a_server_while_a_collector_runs_on_it(url: str, tmp_path: Path) -> None:
    one = backup.create(settings(tmp_path / "data", url), tmp_path / "kept.tar", LATER, quiet)

    with Store.open(url), pytest.raises(StoreError, match="has the database open for writing"):
        backup.restore(one.file, tmp_path / "new", LATER, force=True, progress=quiet, server=url)


def test_text_that_a_server_cannot_keep_is_marked(bare: str, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    staffed(folder / DATABASE).close()
    change(folder / DATABASE, "UPDATE device SET name_zh = 'a' || char(0) || 'b' WHERE id = 'nvr-2'")
    one = backup.create(config.load(None, folder), tmp_path / "kept.tar", LATER, quiet)

    backup.restore(one.file, tmp_path / "new", LATER, force=False, progress=quiet, server=bare)

    with View.open(bare) as view:
        device = view.device("nvr-2")
        assert device is not None and device.name_zh == "a\N{REPLACEMENT CHARACTER}b"
