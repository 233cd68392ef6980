"""Backups: one moment of a database that is written to, whole or refused; and restores that invent nothing."""

import io
import json
import sqlite3
import stat
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from roundsman_collector import backup, config, logins
from roundsman_collector.backup import BackupError
from roundsman_collector.config import DATABASE, TOKEN
from roundsman_collector.store import Batch, EvidenceRow, Store, StoreError, View
from roundsman_collector.store import backup as copies
from roundsman_collector.store.connect import connector, place, transaction
from roundsman_collector.store.series import letters, next_life
from roundsman_collector.store.sql import run
from tests.collector.store.cast import TODAY, evidence, staffed, ticket

LATER = TODAY + 3_600_000
RESTORED = 1_795_257_600_000  # 2026-11-21


def quiet(*_: object) -> None:
    """Progress that nobody looks at."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder as a collector leaves it."""
    made = tmp_path / "data"
    (made / "broker").mkdir(parents=True)
    (made / "tls").mkdir()
    for name in (TOKEN, "broker/broker.json", "tls/ca.pem", "tls/server.pem"):
        (made / name).write_text(f"secret of {name}\n")
    logins.given(made, "south", "kiosk-7")
    with staffed(made / DATABASE) as store:
        store.commit(Batch(now_ms=TODAY, evidence=[evidence(1, 1, None)], tickets=[ticket()]))
    return made


def made(folder: Path, file: Path | None = None, at_ms: int = LATER, source: Path | None = None) -> backup.Made:
    return backup.create(config.load(source, folder), file, at_ms, quiet)


def restored(file: Path, folder: Path, *, force: bool = False) -> backup.Restored:
    return backup.restore(file, folder, LATER + 1, force=force, progress=quiet)


def files(folder: Path) -> dict[str, str]:
    """What lies in a data folder beside the database, by name."""
    found = [one for one in folder.rglob("*") if one.is_file() and DATABASE not in one.name and one.suffix != ".lock"]
    return {one.relative_to(folder).as_posix(): one.read_text(errors="replace") for one in found}


def change(database: Path, statement: str, *values: object) -> None:
    at = place(database)
    engine = connector(at, writes=True)
    with transaction(engine, "changing", at) as connection:
        run(connection, statement, *values)
    engine.dispose()


def looked_up(database: Path, statement: str) -> list[Any]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(statement).fetchall()


# --- create ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["tar", "tar.gz"])
def test_a_backup_is_one_private_file_that_says_what_is_in_it(folder: Path, tmp_path: Path, ending: str) -> None:
    one = made(folder, tmp_path / f"kept.{ending}")

    assert stat.S_IMODE(one.file.stat().st_mode) == 0o600
    assert backup.verify(one.file, LATER, quiet) == one.manifest
    with View.open(folder / DATABASE) as view:
        assert (one.manifest.epoch, one.manifest.schema) == (view.status().epoch, view.status().schema)
    assert [member.name for member in one.manifest.members] == [
        DATABASE,
        "agents.json",
        "api-token",
        "broker/broker.json",
        "tls/ca.pem",
        "tls/server.pem",
    ]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["data", f"kept.{ending}"], "nothing else is left"


def test_a_backup_without_a_name_goes_into_the_data_folder_and_is_remembered(folder: Path) -> None:
    one = made(folder)

    assert one.file == folder / "backups" / "roundsman-20241004T010000Z.tar"
    assert stat.S_IMODE(one.file.parent.stat().st_mode) == 0o700
    assert looked_up(folder / DATABASE, "SELECT value FROM meta WHERE key = 'backup_ms'") == [(str(LATER),)]


def test_the_configuration_and_the_files_it_names_travel_along(folder: Path, tmp_path: Path) -> None:
    source = tmp_path / "etc" / "roundsman.toml"
    source.parent.mkdir()
    source.write_text('[policy]\noverrides = ["own.yaml", "../data/inside.yaml"]\n')
    (source.parent / "own.yaml").write_text("overrides: []\n")
    (folder / "inside.yaml").write_text("overrides: []\n")

    one = made(folder, source=source)

    assert [(m.name, m.source) for m in one.manifest.members if m.source] == [
        ("configuration/1-roundsman.toml", str(source)),
        ("configuration/2-own.yaml", str(source.parent / "own.yaml")),
    ]


def test_a_backup_of_a_database_that_is_written_to_is_one_moment_of_it(folder: Path, tmp_path: Path) -> None:
    """Rows and the sums beside them are written in one transaction: a torn copy would show."""
    with Store.open(folder / DATABASE) as store:
        stop, seq = threading.Event(), [1]

        def load() -> None:
            while not stop.is_set():
                rows = [
                    EvidenceRow(seq[0] + i, 1, seq[0] + i - 1, "report", "s", 1, 1, TODAY, None, b"x" * 3000)
                    for i in range(1, 41)
                ]
                store.commit(Batch(now_ms=TODAY, evidence=rows, tickets=[ticket()]))
                seq[0] += 40

        for _ in range(60):
            rows = [EvidenceRow(seq[0] + 1, 1, seq[0], "report", "s", 1, 1, TODAY, None, b"x" * 100_000)]
            store.commit(Batch(now_ms=TODAY, evidence=rows))
            seq[0] += 1
        worker = threading.Thread(target=load)
        worker.start()
        steps: list[int] = []
        try:
            copied = copies.copy(folder / DATABASE, tmp_path / "copy", lambda done, _: steps.append(done))
            at_the_end = seq[0]
        finally:
            stop.set()
            worker.join()

    assert copies.check(tmp_path / "copy") == copied
    ((rows_said, last),) = looked_up(tmp_path / "copy", "SELECT row_count, first_seq FROM partition")
    ((count, newest),) = looked_up(tmp_path / "copy", "SELECT count(*), max(seq) FROM evidence_20241004")
    ((tickets, given),) = looked_up(
        tmp_path / "copy", "SELECT (SELECT count(*) FROM ticket), (SELECT next FROM series WHERE name = 'ticket')"
    )
    assert (rows_said, count, tickets) == (count, newest, given - 1)
    assert last == 1
    assert newest < at_the_end, "the collector went on meanwhile"
    assert steps == sorted(steps), "it never began again"
    assert len(steps) > 2


@pytest.mark.parametrize("before", ["a file", "a folder that is not there"])
def test_a_backup_never_replaces_what_is_there(folder: Path, tmp_path: Path, before: str) -> None:
    file = tmp_path / "kept.tar" if before == "a file" else tmp_path / "nowhere" / "kept.tar"
    if before == "a file":
        file.write_text("last year's")

    with pytest.raises(BackupError, match="is there already" if before == "a file" else "is no folder"):
        made(folder, file)

    assert before != "a file" or file.read_text() == "last year's"


def test_a_disk_too_small_for_a_backup_is_told_before_anything_is_written(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 50_000_000}))

    with pytest.raises(BackupError, match=r"0\.1 GB are free, a backup needs 0\.1 GB"):
        made(folder, tmp_path / "kept.tar")

    assert [one.name for one in tmp_path.iterdir()] == ["data"]


def test_a_disk_that_fills_while_a_backup_is_made_leaves_nothing_behind(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backup, "_pack", full)

    with pytest.raises(OSError, match="No space left"):
        made(folder, tmp_path / "kept.tar")

    assert [one.name for one in tmp_path.iterdir()] == ["data"]


def test_there_is_nothing_to_back_up_before_the_first_start(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="there is no database yet"):
        made(tmp_path)


# --- verify ----------------------------------------------------------------------------------------------------------


def altered(file: Path, to: Path, alter: Callable[[list[tuple[str, bytes]]], list[tuple[str, bytes]]]) -> Path:
    """Another archive with the members of `file`, changed."""
    with tarfile.open(file) as packed:
        members = [(one.name, content.read()) for one in packed if (content := packed.extractfile(one)) is not None]
    with tarfile.open(to, "w") as packed:
        for name, content in alter(members):
            header = tarfile.TarInfo(name)
            header.size = len(content)
            packed.addfile(header, io.BytesIO(content))
    return to


def said(some: list[tuple[str, bytes]], **changes: Any) -> list[tuple[str, bytes]]:
    manifest = {**json.loads(some[0][1]), **changes}
    return [("manifest.json", json.dumps(manifest).encode()), *some[1:]]


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


ALTERED: dict[str, tuple[Callable[[list[tuple[str, bytes]]], list[tuple[str, bytes]]], str]] = {
    "one bit of the database": (
        lambda some: [(name, flipped(content) if name == DATABASE else content) for name, content in some],
        f"{DATABASE} is not what was put in",
    ),
    "a member is missing": (lambda some: [*some[:2], *some[3:]], "agents.json is not where its manifest says"),
    "a member more": (lambda some: [*some, ("tls/more.pem", b"x")], "holds more than its manifest names"),
    "no manifest": (lambda some: some[1:], "manifest.json does not stand first"),
    "another format": (lambda some: said(some, format=2), "has format 2; this program reads 1"),
    "a manifest that is no JSON": (lambda some: [("manifest.json", b"{"), *some[1:]], "cannot be read"),
    "a way out of the folder": (
        lambda some: said(some, members=[{"name": "../x", "bytes": 1, "sha256": "", "source": ""}]),
        "names what no backup holds",
    ),
    "another database": (lambda some: said(some, epoch="0123"), "is not the one that its manifest speaks of"),
}


@pytest.mark.parametrize(("alter", "told"), ALTERED.values(), ids=ALTERED)
def test_a_backup_that_is_not_as_it_was_made_is_refused(
    folder: Path, tmp_path: Path, alter: Callable[[Any], Any], told: str
) -> None:
    file = altered(made(folder).file, tmp_path / "altered.tar", alter)

    with pytest.raises(BackupError, match=told):
        backup.verify(file, LATER, quiet)

    assert not [one for one in tmp_path.iterdir() if one.name.startswith(".")]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_backup_that_was_cut_is_refused(folder: Path, tmp_path: Path, share: float) -> None:
    whole = made(folder, tmp_path / "whole.tar.gz").file.read_bytes()
    cut = tmp_path / "cut.tar.gz"
    cut.write_bytes(whole[: int(len(whole) * share)])

    with pytest.raises(BackupError):
        backup.verify(cut, LATER, quiet)


def test_a_damaged_page_is_found_even_when_the_sums_are_right(folder: Path, tmp_path: Path) -> None:
    """A backup of a database that was damaged already."""
    with closing(sqlite3.connect(folder / DATABASE)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_master SET rootpage = 3 WHERE name = 'ticket_by_state'")
        connection.commit()

    one = made(folder, tmp_path / "kept.tar")

    with pytest.raises(StoreError, match="damaged"):
        backup.verify(one.file, LATER, quiet)


def test_a_backup_of_a_newer_program_is_refused(folder: Path, tmp_path: Path) -> None:
    change(folder / DATABASE, "UPDATE alembic_version SET version_num = '9999'")
    one = made(folder, tmp_path / "kept.tar")

    with pytest.raises(StoreError, match="schema 9999; this program knows"):
        backup.verify(one.file, LATER, quiet)


# --- restore ---------------------------------------------------------------------------------------------------------


def test_a_restored_folder_is_as_it_was_but_a_database_of_its_own(folder: Path, tmp_path: Path) -> None:
    one, before = made(folder, tmp_path / "kept.tar"), files(folder)
    new = tmp_path / "new"

    done = restored(one.file, new)

    assert files(new) == before
    assert done.epoch != one.manifest.epoch
    assert (done.aside, done.configuration, done.let_in_again) == (None, None, ())
    with Store.open(new / DATABASE) as store:
        assert store.epoch == done.epoch
        assert store.session == one.manifest.epoch[:12], "the broker knows the collector by its old name"
        assert len(list(store.evidence_after(0))) == 1
    assert [one.name for one in new.iterdir() if one.name.startswith(".")] == []
    assert all(
        stat.S_IMODE(one.stat().st_mode) & 0o077 == 0
        for one in new.rglob("*")
        if one.is_file() and ".lock" not in one.name
    )


def test_known_time_goes_on_from_the_restore(folder: Path, tmp_path: Path) -> None:
    restored(made(folder, tmp_path / "kept.tar").file, tmp_path / "new")

    with Store.open(tmp_path / "new" / DATABASE) as store:
        assert store.commit(Batch(now_ms=TODAY)).known_ms == LATER + 1


def numbers_of(folder: Path) -> str:
    """The number of the next ticket."""
    with Store.open(folder / DATABASE) as store:
        (one,) = store.commit(Batch(now_ms=LATER, tickets=[ticket()])).tickets
        return one.number


def test_numbers_given_after_a_restore_are_no_numbers_of_before(folder: Path, tmp_path: Path) -> None:
    day = 86_400_000
    file = made(folder, tmp_path / "kept.tar").file
    lost = numbers_of(folder)

    of_the_day = backup.restore(file, tmp_path / "one", RESTORED, force=False, progress=quiet)
    again = backup.restore(file, tmp_path / "two", RESTORED + day, force=False, progress=quiet)
    over = backup.restore(file, tmp_path / "two", RESTORED + day, force=True, progress=quiet)

    assert lost == "2026-000002"
    assert numbers_of(tmp_path / "one") == "2026-MM000002"
    assert again.aside is None and over.aside is not None
    assert [numbers_of(over.aside), numbers_of(tmp_path / "two")] == ["2026-MN000002", "2026-MO000002"]
    assert of_the_day.epoch != again.epoch != over.epoch


def test_a_clock_that_was_lost_does_not_bring_an_old_mark_back() -> None:
    assert next_life(0, 0, 324) == 325
    assert next_life(RESTORED, 0, 0) == 324
    assert next_life(RESTORED, 400, 324) == 401


def test_the_letters_of_the_lives_of_a_database() -> None:
    assert [letters(n) for n in (0, 1, 2, 25, 26, 27, 324)] == ["", "B", "C", "Z", "BA", "BB", "MM"]


def test_nothing_of_before_is_used_twice(folder: Path, tmp_path: Path) -> None:
    person = "INSERT INTO person (id, name, role, email, language, made_ms, made_by, failed_count) VALUES "
    change(folder / DATABASE, person + "('wang', '王', 'engineer', '', 'zh', 0, 'x', 0)")
    change(
        folder / DATABASE,
        "INSERT INTO session (hash, person, made_ms, seen_ms, expires_ms, address, browser) "
        "VALUES ('h', 'wang', 0, 0, ?, '', '')",
        LATER * 2,
    )
    change(
        folder / DATABASE,
        "INSERT INTO invitation (hash, person, made_ms, made_by, expires_ms) VALUES ('h', 'wang', 0, 'x', ?)",
        LATER * 2,
    )
    change(
        folder / DATABASE,
        "INSERT INTO way (id, kind, name, target, secret, filter, language, made_ms, made_by) "
        "VALUES (1, 'mail', 'm', 'm', '', '{}', 'zh', 0, 'x')",
    )
    for key, state in (("opened:1", "new"), ("opened:2", "sent")):
        change(
            folder / DATABASE,
            "INSERT INTO notice (way, key, event, subject, body, made_ms, state, tries, error) "
            "VALUES (1, ?, 'opened', '', '{}', 0, ?, 0, '')",
            key,
            state,
        )

    restored(made(folder, tmp_path / "kept.tar").file, tmp_path / "new")

    database = tmp_path / "new" / DATABASE
    assert looked_up(database, "SELECT ended_ms FROM session") == [(LATER + 1,)]
    assert looked_up(database, "SELECT expires_ms FROM invitation") == [(LATER + 1,)]
    assert looked_up(database, "SELECT state FROM notice ORDER BY key") == [("dead",), ("sent",)]
    ((verb, before, after),) = looked_up(
        database, "SELECT verb, before, after FROM audit WHERE verb = 'database.restore'"
    )
    assert verb and json.loads(before)["epoch"] != json.loads(after)["epoch"]


def test_a_restore_does_not_touch_a_database_that_is_there(folder: Path, tmp_path: Path) -> None:
    file = made(folder, tmp_path / "kept.tar").file
    before = files(folder)

    with pytest.raises(BackupError, match="--force sets it aside"):
        restored(file, folder)

    assert files(folder) == before


def test_a_restore_is_refused_where_a_collector_runs(folder: Path, tmp_path: Path) -> None:
    file = made(folder, tmp_path / "kept.tar").file

    with Store.open(folder / DATABASE), pytest.raises(StoreError, match="has the database open for writing"):
        restored(file, folder, force=True)


def test_with_force_what_was_there_is_set_aside_whole(folder: Path, tmp_path: Path) -> None:
    file = made(folder, tmp_path / "kept.tar").file
    logins.revoke(folder, "kiosk-7")
    logins.given(folder, "south", "nvr-2")
    with Store.open(folder / DATABASE) as store:
        store.commit(Batch(now_ms=LATER, tickets=[ticket()]))
        epoch = store.epoch
    before = files(folder)

    done = restored(file, folder, force=True)

    assert done.aside is not None
    assert done.let_in_again == ("kiosk-7",)
    kept = files(done.aside)
    assert {name: kept[name] for name in ("agents.json", "api-token", "tls/ca.pem")} == {
        name: before[name] for name in ("agents.json", "api-token", "tls/ca.pem")
    }
    with Store.open(done.aside / DATABASE) as old, View.open(folder / DATABASE) as view:
        assert old.epoch == epoch
        assert len(list(old.open_tickets())) == 2
        assert len(view.tickets()) == 1
    assert [login.agent for login in logins.read(folder)] == ["kiosk-7"]


def test_a_damaged_backup_changes_nothing(folder: Path, tmp_path: Path) -> None:
    file = altered(made(folder).file, tmp_path / "altered.tar", ALTERED["one bit of the database"][0])
    with Store.open(folder / DATABASE) as store:
        epoch = store.epoch

    with pytest.raises(BackupError):
        restored(file, folder, force=True)

    with Store.open(folder / DATABASE) as store:
        assert store.epoch == epoch
    assert not [one for one in folder.iterdir() if one.name.startswith((".", "before-restore"))]


def test_the_configuration_of_then_is_laid_beside_and_not_over_the_one_of_now(folder: Path, tmp_path: Path) -> None:
    source = tmp_path / "roundsman.toml"
    source.write_text("[collector]\nack_every_s = 3.0\n")
    file = made(folder, tmp_path / "kept.tar", source=source).file
    source.write_text("[collector]\nack_every_s = 9.0\n")

    done = restored(file, tmp_path / "new")

    assert done.configuration is not None
    assert (done.configuration / "1-roundsman.toml").read_text() == "[collector]\nack_every_s = 3.0\n"
    assert source.read_text() == "[collector]\nack_every_s = 9.0\n"


# --- the command line ------------------------------------------------------------------------------------------------


def roundsman(*arguments: object) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "roundsman_collector.cli", *(str(one) for one in arguments)]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


def test_create_verify_and_restore_by_command(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "kept.tar.gz"

    created = roundsman("backup", "create", file, "--data", folder)
    verified = roundsman("backup", "verify", file)
    refused = roundsman("backup", "restore", file, "--data", folder)
    done = roundsman("backup", "restore", file, "--data", tmp_path / "new")

    assert (created.returncode, verified.returncode, refused.returncode, done.returncode) == (0, 0, 1, 0)
    assert created.stdout.startswith(f"{file}  ")
    assert "holds passwords" in created.stderr
    assert "is whole: 6 files" in verified.stdout
    assert "--force" in refused.stderr
    assert "Everybody logs in again" in done.stdout


def test_a_command_that_cannot_be_done_says_why_in_one_line(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "no.tar").write_text("?")

    with Store.open(folder / DATABASE):
        busy = roundsman("backup", "restore", tmp_path / "no.tar", "--force", "--data", folder)
    told = [roundsman("backup", "verify", tmp_path / "no.tar"), roundsman("backup", "verify", tmp_path / "none.tar")]

    assert busy.returncode == 75
    assert [one.returncode for one in told] == [1, 1]
    assert all(one.stderr.startswith("error: ") and "Traceback" not in one.stderr for one in [busy, *told])
