"""Files of tickets over the API: what is taken, what is refused while it comes, and how it is served."""

import tempfile
from collections.abc import Iterator
from typing import IO

import pytest
from starlette.testclient import TestClient

from roundsman_collector.api.files import MEMORY_BYTES, SANDBOX, plain_name
from roundsman_collector.roles import Scope
from roundsman_collector.store import Deed, Office, Store, View
from roundsman_collector.store.files import FileLimits
from tests.collector.api import world
from tests.collector.core import pictures

FILES = "/api/v1/tickets/2024-000001/files"
PHOTO = pictures.jpeg(4032, 3024)
AS_JPEG = {"Content-Type": "image/jpeg", "File-Name": "%E6%8A%A5%E4%BF%AE.jpg"}
AS_PNG = {"Content-Type": "image/png"}
MB = 1_000_000


def full_disk(*_: object, **__: object) -> IO[bytes]:
    """A file on a disk that has no room: the kernel's own."""
    return open("/dev/full", "w+b", buffering=0)


def flood(size: int, told: list[int] | None = None) -> Iterator[bytes]:
    """A picture with so many bytes behind it, a piece at a time."""
    head = pictures.png(300, 110)
    yield head
    for done in range(len(head), size, 65_536):
        if told is not None:
            told.append(done)
        yield b"\0" * min(65_536, size - done)


def test_a_photo_is_kept_and_comes_back(api: TestClient, view: View) -> None:
    answer = api.post(f"{FILES}?kind=photo", content=PHOTO, headers=AS_JPEG)

    assert answer.status_code == 201
    told = answer.json()
    assert (told["kind"], told["name"], told["media_type"]) == ("photo", "报修.jpg", "image/jpeg")
    assert (told["size"], told["width"], told["height"], told["is_named"]) == (len(PHOTO), 4032, 3024, False)
    assert (told["made_by"], told["made_ms"]) == ("token:first", world.NOW)
    assert api.get(FILES).json() == {"files": [told]}
    assert api.get(told["links"]["self"]).content == PHOTO


def test_a_file_is_served_so_that_it_can_do_nothing(api: TestClient) -> None:
    polyglot = pictures.jpeg(8, 8) + b"<script>alert(document.cookie)</script>"
    told = api.post(f"{FILES}?kind=photo", content=polyglot).json()

    answer = api.get(told["links"]["self"])

    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == SANDBOX
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''photo.jpg"
    assert answer.headers["content-length"] == str(len(polyglot))
    assert answer.headers["cache-control"] == "private, no-cache"


def test_who_has_it_already_is_told_so(api: TestClient) -> None:
    told = api.post(f"{FILES}?kind=photo", content=PHOTO).json()
    tag = api.get(told["links"]["self"]).headers["etag"]

    again = api.get(told["links"]["self"], headers={"If-None-Match": tag})

    assert (again.status_code, again.content, again.headers["content-security-policy"]) == (304, b"", SANDBOX)


def test_the_same_upload_twice_answers_the_same(api: TestClient) -> None:
    key = {"Idempotency-Key": "a1b2"}
    first = api.post(f"{FILES}?kind=photo", content=PHOTO, headers=AS_JPEG | key)

    again = api.post(f"{FILES}?kind=photo", content=PHOTO, headers=AS_JPEG | key)
    other = api.post(f"{FILES}?kind=photo", content=pictures.jpeg(9, 9), headers=AS_JPEG | key)

    assert (again.status_code, again.json()) == (201, first.json())
    assert (other.status_code, other.json()["type"]) == (409, "urn:roundsman:problem:key_used")
    assert len(api.get(FILES).json()["files"]) == 1


@pytest.mark.parametrize(
    ("kind", "body", "headers"),
    [
        ("photo", b"MZ\x90\0\3\0\0\0", {"Content-Type": "image/jpeg", "File-Name": "cat.jpg"}),
        ("photo", b"%PDF-1.7\n", {}),
        ("photo", pictures.png(9, 9), {"Content-Type": "image/jpeg"}),
        ("photo", pictures.png(9, 9), {"File-Name": "invoice.pdf"}),
        ("photo", pictures.png(65_535, 65_535), {}),
        ("document", b"<html>", {"Content-Type": "application/pdf", "File-Name": "a.pdf"}),
        ("signature", pictures.webp_lossy(9, 9), {}),
    ],
    ids=["a program", "a document", "another type", "another name", "a bomb", "a page", "no signature"],
)
def test_what_lies_about_itself_is_refused_plainly(
    api: TestClient, kind: str, body: bytes, headers: dict[str, str]
) -> None:
    answer = api.post(f"{FILES}?kind={kind}", content=body, headers=headers)

    assert answer.status_code == 415
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["type"] == "urn:roundsman:problem:not_this_kind"
    assert all(told[part] for part in ("detail", "where", "expected", "do"))
    assert api.get(FILES).json() == {"files": []}


def test_a_signature_of_50_megabytes_is_refused(api: TestClient) -> None:
    answer = api.post(f"{FILES}?kind=signature", content=flood(50 * MB), headers={"Content-Type": "image/png"})

    assert (answer.status_code, answer.json()["expected"]) == (413, "at most 300000 bytes")
    assert api.get(FILES).json() == {"files": []}


def test_what_waits_to_be_asked_for_is_not_asked_for_when_it_is_too_large(api: TestClient) -> None:
    headers = {"Content-Length": str(50 * MB), "Expect": "100-continue"}

    answer = api.post(f"{FILES}?kind=signature", content=b"", headers=headers)

    assert answer.status_code == 413


@pytest.mark.parametrize(("size", "status"), [(300_000, 201), (300_001, 413)], ids=["the limit", "a byte more"])
def test_the_limit_is_exact(api: TestClient, size: int, status: int) -> None:
    answer = api.post(f"{FILES}?kind=signature", content=b"".join(flood(size)))

    assert answer.status_code == status


@pytest.mark.parametrize(
    ("limits", "status", "code"),
    [(FileLimits(ticket=100), 409, "ticket_full"), (FileLimits(total=100), 507, "files_full")],
)
def test_a_full_ticket_and_a_full_store_say_so(view: View, limits: FileLimits, status: int, code: str) -> None:
    client = world.browser(world.desk(view, file_limits=limits), Authorization=f"Bearer {world.TOKEN}")

    answer = client.post(f"{FILES}?kind=photo", content=pictures.jpeg(9, 9, before=200))

    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:roundsman:problem:{code}")


def test_a_disk_that_is_full_while_a_photo_comes_is_told_and_nothing_is_kept(
    api: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", full_disk)

    answer = api.post(f"{FILES}?kind=photo", content=b"".join(flood(MEMORY_BYTES + MB)), headers=AS_PNG)

    assert (answer.status_code, answer.headers["content-type"]) == (507, "application/problem+json")
    told = answer.json()
    assert told["type"] == "urn:roundsman:problem:no_room"
    assert told["detail"] == "the file could not be laid down while it came: No space left on device"
    assert "send the file again" in told["do"]
    assert api.get(FILES).json() == {"files": []}


def test_a_database_whose_disk_is_full_says_so_and_takes_the_photo_once_there_is_room(view: View) -> None:
    desk = world.desk(view)
    client = world.browser(desk, Authorization=f"Bearer {world.TOKEN}")
    photo = pictures.jpeg(9, 9, before=MB)
    bound(desk.office, pages=2)

    answer = client.post(f"{FILES}?kind=photo", content=photo, headers={"Idempotency-Key": "k1"})

    assert (answer.status_code, answer.json()["type"]) == (507, "urn:roundsman:problem:database_full")
    assert answer.json()["do"] == "free space on that disk; the work is tried again"
    assert (client.get(FILES).json(), view.file_usage().bytes) == ({"files": []}, 0)
    bound(desk.office, pages=2000)
    again = client.post(f"{FILES}?kind=photo", content=photo, headers={"Idempotency-Key": "k1"})
    assert client.get(again.json()["links"]["self"]).content == photo


def bound(office: Office, *, pages: int) -> None:
    """So many pages the database may still grow, as if the disk had no more."""
    with office._write.connect() as connection:
        count = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {count + pages}")


@pytest.mark.parametrize(
    ("query", "headers", "body"),
    [
        ("", {}, PHOTO),
        ("?kind=program", {}, PHOTO),
        ("?kind=photo", {"Idempotency-Key": "x" * 81}, PHOTO),
        ("?kind=photo", {"Idempotency-Key": "a b"}, PHOTO),
        ("?kind=photo", {}, b""),
    ],
    ids=["no kind", "another kind", "a long key", "a key with a blank", "nothing in it"],
)
def test_a_request_that_makes_no_sense_is_told_what_would(
    api: TestClient, query: str, headers: dict[str, str], body: bytes
) -> None:
    assert api.post(f"{FILES}{query}", content=body, headers=headers).status_code == 422


def test_who_may_only_look_sends_nothing(view: View) -> None:
    desk = world.desk(view)
    world.places(desk.office)
    client = world.signed_in(desk, "viewer", Origin=world.ORIGIN)

    assert client.post(f"{FILES}?kind=photo", content=PHOTO).status_code == 403
    assert client.get(FILES).json() == {"files": []}


def test_a_foreign_page_sends_nothing_in_a_persons_name(view: View) -> None:
    client = world.signed_in(world.desk(view), "engineer", Origin="https://evil.example")

    assert client.post(f"{FILES}?kind=photo", content=PHOTO).status_code == 403
    assert view.files(1) == []


def test_a_file_of_a_ticket_out_of_reach_is_not_there(api: TestClient, view: View) -> None:
    told = api.post("/api/v1/tickets/2024-000003/files?kind=photo", content=PHOTO).json()
    desk = world.desk(view)
    world.places(desk.office)
    scope = Scope(customers=frozenset({"metro"}))
    desk.office.add_person("e", name="E", role="engineer", scope=scope, deed=Deed(who="admin", at_ms=world.NOW))
    client = world.signed_in(desk, "e", Origin=world.ORIGIN)

    sent = client.post("/api/v1/tickets/2024-000003/files?kind=photo", content=PHOTO)
    found = client.get(told["links"]["self"])
    elsewhere = client.get(f"{FILES}/{told['id']}")

    assert (sent.status_code, found.status_code, elsewhere.status_code) == (404, 404, 404)


@pytest.mark.parametrize("file", ["9", "x", "-1", "99999999999999999999", "%00", "²"])
def test_a_file_that_is_not_there_is_told_so(api: TestClient, file: str) -> None:
    answer = api.get(f"{FILES}/{file}")

    assert (answer.status_code, answer.json()["type"]) == (404, "urn:roundsman:problem:no_file")


# Shows S3-21.
def test_a_step_names_the_file_and_it_stays(store: Store, api: TestClient, view: View) -> None:
    told = api.post(f"{FILES}?kind=photo", content=PHOTO).json()

    with world.answering(store):
        answer = api.post("/api/v1/tickets/2024-000001/attach", json={"data": {"file": told["id"]}})

    assert answer.status_code == 200, answer.text
    assert answer.json()["events"][-1]["verb"] == "attach"
    assert api.get(FILES).json()["files"][0]["is_named"]


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("front.jpg", "front.jpg"),
        ("../../etc/passwd", "passwd"),
        ("C:\\fakepath\\门头.jpg", "门头.jpg"),
        ("a\r\nSet-Cookie: x=1.jpg", "aSet-Cookie x=1.jpg"),
        ("photo\u202egpj.exe", "photogpj.exe"),
        ('<img src=x onerror="1">.png', "img src=x onerror=1.png"),
        ("..", ""),
        ("x" * 300 + ".jpeg", "x" * 115 + ".jpeg"),
        ("y" * 300, "y" * 120),
    ],
)
def test_a_name_is_a_name_and_nothing_else(name: str, kept: str) -> None:
    assert plain_name(name) == kept
