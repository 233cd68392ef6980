"""Files of tickets: kept once, with the step that names them or not for long, within a budget, and in every backup."""

import hashlib
import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from roundsman_collector.core.media import Media
from roundsman_collector.store import Batch, Deed, Office, Store, StoreError, View, files
from roundsman_collector.store import backup as copies
from roundsman_collector.store.connect import connector, place, transaction
from roundsman_collector.store.files import FileLimits, FileRefused, FileUsage, NewFile
from tests.collector.store.cast import TODAY, ticket

NOW = TODAY + 3_600_000
BODY = b"\x89PNG" + bytes(range(256)) * 3000
"""Three pieces."""
LIMITS = FileLimits()
LI = Deed(who="li", at_ms=NOW)


@pytest.fixture(autouse=True)
def two_tickets(store: Store) -> None:
    store.commit(Batch(now_ms=TODAY, tickets=[ticket(), ticket("nvr-2")]))


@pytest.fixture
def office(store: Store, where: str) -> Iterator[Office]:
    with Office.open(where) as opened:
        yield opened


def new(body: bytes = BODY, ticket: int = 1, kind: str = "photo", **more: object) -> NewFile:
    facts: dict[str, object] = {
        "owner_id": ticket,
        "kind": kind,
        "name": "front.png",
        "media": Media("image/png", ".png", 40, 30),
        "size": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    return NewFile(**{**facts, **more})  # type: ignore[arg-type]


def keep(
    office: Office, wanted: NewFile, body: bytes = BODY, deed: Deed = LI, limits: FileLimits = LIMITS
) -> files.FileRow:
    return office.add_file(wanted, files.pieces(io.BytesIO(body)), limits=limits, deed=deed)


def claimed(where: str, ticket: int, file: int, *, is_signature: bool | None = None) -> files.FileRow:
    at = place(where)
    engine = connector(at, writes=True)
    try:
        with transaction(engine, "claiming", at) as connection:
            return files.claim(connection, files.TICKETS, ticket, file, NOW + 5, is_signature=is_signature)
    finally:
        engine.dispose()


def test_a_file_comes_back_as_it_was(office: Office, view: View) -> None:
    row = keep(office, new())

    assert view.files(1) == [row]
    assert b"".join(view.file_pieces(row.sha256)) == BODY
    assert max(len(piece) for piece in view.file_pieces(row.sha256)) == files.PIECE_BYTES
    assert (row.name, row.size, row.made_by, row.named_ms) == ("front.png", len(BODY), "li", None)
    (told,) = [one for one in view.audit() if one.verb == "file.add"]
    assert (told.who, told.subject) == ("li", "ticket:2026-000001")
    assert told.after == {"file": row.id, "kind": "photo", "size": len(BODY), "sha256": row.sha256}


def test_the_same_key_again_adds_nothing(office: Office, view: View) -> None:
    first = keep(office, new(key="k1"))

    again = keep(office, new(key="k1"), deed=Deed(who="li", at_ms=NOW + 9))

    assert again == first
    assert view.files(1) == [first]


def test_a_key_stands_for_one_file_of_one_person(office: Office, view: View) -> None:
    keep(office, new(key="k1"))

    with pytest.raises(FileRefused) as refused:
        keep(office, new(b"another", key="k1"), b"another")
    keep(office, new(b"another", key="k1"), b"another", deed=Deed(who="wang", at_ms=NOW))

    assert refused.value.why == "key"
    assert sorted(row.made_by for row in view.files(1)) == ["li", "wang"]


def test_the_same_bytes_take_their_room_once(office: Office, view: View) -> None:
    keep(office, new())
    keep(office, new(ticket=2))

    assert view.file_usage() == FileUsage(1, len(BODY))
    assert (len(view.files(1)), len(view.files(2))) == (1, 1)


@pytest.mark.sqlite
def test_a_file_that_the_disk_has_no_room_for_leaves_nothing_and_comes_whole_when_there_is(
    office: Office, view: View
) -> None:
    small = keep(office, new(b"small", kind="signature"), b"small")
    _bound(office, pages=2)

    with pytest.raises(StoreError, match="the disk is full") as full:
        keep(office, new(key="k1"))

    assert (full.value.cause, full.value.again) == ("full", True)
    assert (view.files(1), view.file_usage()) == ([small], FileUsage(1, len(b"small")))
    assert [row.verb for row in view.audit() if row.verb == "file.add"] == ["file.add"]
    _bound(office, pages=2000)
    again = keep(office, new(key="k1"))
    assert b"".join(view.file_pieces(again.sha256)) == BODY


def _bound(office: Office, *, pages: int) -> None:
    """So many pages the database may still grow, as if the disk had no more."""
    with office._write.connect() as connection:
        count = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {count + pages}")


@pytest.mark.parametrize(
    ("limits", "why"),
    [(FileLimits(ticket=len(BODY) + 5), "ticket"), (FileLimits(total=len(BODY) + 5), "total")],
    ids=["of the ticket", "of all"],
)
def test_what_is_beyond_the_budget_is_refused_and_leaves_nothing(
    office: Office, view: View, limits: FileLimits, why: str
) -> None:
    keep(office, new(), limits=limits)

    with pytest.raises(FileRefused) as refused:
        keep(office, new(b"ten bytes!"), b"ten bytes!", limits=limits)

    assert refused.value.why == why
    assert view.file_usage() == FileUsage(1, len(BODY))
    assert len(view.files(1)) == 1


def test_what_no_step_named_is_gone_after_a_day(office: Office, view: View, where: str) -> None:
    stays = keep(office, new(b"named"), b"named")
    keep(office, new())
    claimed(where, 1, stays.id)

    later = Deed(who="li", at_ms=NOW + files.UNNAMED_MS + 1)
    newest = keep(office, new(b"new"), b"new", deed=later)

    assert [row.id for row in view.files(1)] == [stays.id, newest.id]
    assert view.file_usage() == FileUsage(2, len(b"named") + len(b"new"))
    assert list(view.file_pieces(new().sha256)) == []


def test_it_goes_by_itself_where_nobody_uploads_any_more(office: Office, view: View, store: Store) -> None:
    keep(office, new())

    just_before = store.drop_aged(NOW + files.UNNAMED_MS)
    after = store.drop_aged(NOW + files.UNNAMED_MS + 1)

    assert ("file" in just_before, after["file"]) == (False, 1)
    assert view.files(1) == []


def test_a_body_stays_while_anybody_has_it(office: Office, view: View, store: Store, where: str) -> None:
    named = keep(office, new(ticket=2))
    claimed(where, 2, named.id)
    keep(office, new())

    store.drop_aged(NOW + files.UNNAMED_MS + 1)

    assert (view.files(1), len(view.files(2))) == ([], 1)
    assert b"".join(view.file_pieces(named.sha256)) == BODY


def test_a_step_names_only_files_of_its_ticket(office: Office, where: str) -> None:
    row = keep(office, new())

    with pytest.raises(StoreError, match="ticket 2 has no file"):
        claimed(where, 2, row.id)
    with pytest.raises(StoreError, match="has no file 9 that is a file"):
        claimed(where, 1, 9)


def test_a_photo_is_no_signature_and_a_signature_no_photo(office: Office, where: str) -> None:
    photo = keep(office, new())
    drawn = keep(office, new(b"drawn", kind="signature"), b"drawn")

    with pytest.raises(StoreError, match="that is a signature"):
        claimed(where, 1, photo.id, is_signature=True)
    with pytest.raises(StoreError, match="that is a photo"):
        claimed(where, 1, drawn.id, is_signature=False)

    assert claimed(where, 1, drawn.id, is_signature=True).id == drawn.id


def test_a_file_that_was_named_keeps_the_first_time(office: Office, view: View, where: str) -> None:
    row = keep(office, new())
    claimed(where, 1, row.id)
    claimed(where, 1, row.id)

    assert view.files(1)[0].named_ms == NOW + 5


def test_a_broken_upload_leaves_nothing(office: Office, view: View) -> None:
    def cut() -> Iterator[bytes]:
        yield b"one piece"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        office.add_file(new(), cut(), limits=LIMITS, deed=LI)

    assert (view.files(1), view.file_usage()) == ([], FileUsage(0, 0))


def test_files_are_in_the_backup(office: Office, where: str, tmp_path: Path) -> None:
    row = keep(office, new(), body=BODY)
    target = tmp_path / "copy.sqlite3"

    copies.copy(where, target, lambda done, whole: None)
    copies.check(target)

    with closing(View.open(target)) as view:
        assert b"".join(view.file_pieces(row.sha256)) == BODY


def test_the_same_upload_twice_at_once_is_one_file(office: Office, view: View) -> None:
    with ThreadPoolExecutor(8) as many:
        found = list(many.map(lambda _: keep(office, new(key="k")), range(8)))

    assert len(set(found)) == 1
    assert view.files(1) == [found[0]]
    assert view.file_usage() == FileUsage(1, len(BODY))


def test_many_files_at_once_are_all_kept(office: Office, view: View) -> None:
    bodies = [f"file {number}".encode() for number in range(12)]

    with ThreadPoolExecutor(6) as many:
        rows = list(many.map(lambda body: keep(office, new(body), body), bodies))

    assert {row.id for row in view.files(1)} == {row.id for row in rows}
    assert {b"".join(view.file_pieces(row.sha256)) for row in rows} == set(bodies)
