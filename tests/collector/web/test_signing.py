"""Files that a visit makes: a photo, a signature; kept once, refused plainly, shown in the course."""

import struct
import tempfile
import zlib
from typing import Any

import pytest
from starlette.testclient import TestClient

from roundsman_collector.store import Batch, Store, TicketStep, View
from tests.collector.api import world
from tests.collector.api.test_files import bound, full_disk
from tests.collector.api.world import NOW, ORIGIN, answering
from tests.collector.web.reading import page, words_of

SEND = "/tickets/2024-000001/send"
SIGNED = {"verb": "sign", "side": "customer", "name": "王女士"}


def png(side: int = 8) -> bytes:
    """A small picture."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    rows = b"".join(b"\0" + b"\0\0\0" * side for _ in range(side))
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.fixture
def on_site(person: TestClient, store: Store) -> TestClient:
    """Somebody is there."""
    steps = [
        TicketStep(verb="dispatch", ticket=1, at_ms=NOW, who="admin", data={"engineer": "engineer"}),
        TicketStep(verb="arrive", ticket=1, at_ms=NOW, who="engineer"),
    ]
    store.commit(Batch(now_ms=NOW, tickets=steps))
    return person


def sent(client: TestClient, body: bytes, file_name: str = "signature.png", **fields: str) -> Any:
    return client.post(SEND, data=fields, files={"file": (file_name, body, "image/png")}, headers={"Origin": ORIGIN})


def test_a_signature_is_kept_and_shown_as_a_picture(on_site: TestClient, store: Store, view: View) -> None:
    with answering(store):
        answer = sent(on_site, png(), **SIGNED)

    assert (answer.status_code, answer.headers["location"]) == (303, "/tickets/2024-000001")
    (kept,) = view.files(1)
    html = page(on_site, "/tickets/2024-000001")
    assert f'<img src="/api/v1/tickets/2024-000001/files/{kept.id}"' in html
    assert "签字 Admin 签字方 客户 签字人 王女士" in words_of(html)
    assert (kept.kind, kept.size, kept.named_ms is not None) == ("signature", len(png()), True)


def test_a_signature_sent_twice_over_a_bad_line_counts_once(on_site: TestClient, store: Store, view: View) -> None:
    with answering(store):
        answers = [sent(on_site, png(), **SIGNED, key="a-key-of-this-form") for _ in range(2)]

    assert [one.status_code for one in answers] == [303, 303]
    assert len(view.files(1)) == 1
    assert page(on_site, "/tickets/2024-000001").count('class="thumb signature"') == 1


@pytest.mark.parametrize(
    ("body", "file_name", "status", "told"),
    [
        (b"", "", 422, "请先选择文件"),
        (b"<svg onload=alert(1)>", "signature.png", 409, "文件内容与其类型或扩展名不符"),
        (png() + b"\0" * 300_001, "signature.png", 409, "文件太大"),
    ],
)
def test_what_is_no_signature_is_refused_and_the_name_stays(
    on_site: TestClient, view: View, body: bytes, file_name: str, status: int, told: str
) -> None:
    answer = sent(on_site, body, file_name, **SIGNED)

    assert answer.status_code == status
    assert told in answer.text
    assert 'value="王女士"' in answer.text
    assert view.files(1) == []


def test_a_form_of_fifty_megabytes_is_not_read_to_its_end(on_site: TestClient, view: View) -> None:
    answer = sent(on_site, b"\0" * 51_000_000, **SIGNED)

    assert answer.status_code == 409
    assert "文件" in words_of(answer.text)
    assert view.files(1) == []


def test_a_disk_that_is_full_is_told_on_a_page_and_nothing_of_the_signature_is_kept(
    on_site: TestClient, view: View, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", full_disk)

    answer = sent(on_site, b"x" * 2_000_000, **SIGNED | {"verb": "attach"})

    assert (answer.status_code, answer.headers["content-type"]) == (507, "text/html; charset=utf-8")
    assert "附件空间已用完" in words_of(answer.text)
    assert view.files(1) == []


def test_a_full_database_is_told_on_a_page_and_the_log_has_no_signature(
    on_site: TestClient, store: Store, view: View
) -> None:
    desk = world.desk(view)
    client = world.signed_in(desk, world.ADMIN)
    bound(desk.office, pages=0)

    answer = sent(client, png(2000), **SIGNED)

    assert answer.status_code == 507
    assert "磁盘已满，未保存任何内容" in words_of(answer.text)
    assert 'value="王女士"' in answer.text, "what was written stands there to be sent again"
    found = view.ticket(1)
    assert found is not None
    assert (view.files(1), found[1][-1].verb) == ([], "arrive")


def test_where_the_phone_was_stands_beside_the_arrival(person: TestClient, store: Store) -> None:
    steps = [TicketStep(verb="dispatch", ticket=1, at_ms=NOW, who="admin", data={"engineer": "engineer"})]
    store.commit(Batch(now_ms=NOW, tickets=steps))
    place = {"lat": "31.230400", "lon": "121.473700", "accuracy_m": "12"}

    with answering(store):
        answer = person.post("/tickets/2024-000001/act", data={"verb": "arrive", **place}, headers={"Origin": ORIGIN})

    assert answer.status_code == 303
    assert "定位 31.23040, 121.47370 ± 12 m" in words_of(page(person, "/tickets/2024-000001"))


@pytest.mark.parametrize("lat", ["91", "nan", "inf", "north", ""])
def test_a_place_that_is_none_is_left_out(person: TestClient, store: Store, view: View, lat: str) -> None:
    steps = [TicketStep(verb="dispatch", ticket=1, at_ms=NOW, who="admin", data={"engineer": "engineer"})]
    store.commit(Batch(now_ms=NOW, tickets=steps))

    with answering(store):
        person.post(
            "/tickets/2024-000001/act",
            data={"verb": "arrive", "lat": lat, "lon": "121.4"},
            headers={"Origin": ORIGIN},
        )

    found = view.ticket(1)
    assert found is not None
    assert (found[0].state, found[1][-1].data) == ("on_site", {})


def test_a_stranger_and_a_viewer_send_nothing(on_site: TestClient, view: View) -> None:
    viewer = world.signed_in(world.desk(view), "viewer")

    assert sent(viewer, png(), **SIGNED).status_code in (403, 404)
    assert sent(world.browser(world.desk(view)), png(), **SIGNED).status_code in (303, 401)
    assert view.files(1) == []
