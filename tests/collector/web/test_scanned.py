"""扫码报修: a stranger scans a label, reads what may be read, reports, and hears what became of it."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from roundsman_collector.api.desk import Desk
from roundsman_collector.api.guard import network
from roundsman_collector.api.scanned import MOST
from roundsman_collector.core.label import LabelTerms, grouped
from roundsman_collector.core.rulebook import Function
from roundsman_collector.reports.dossier import Company
from roundsman_collector.store import Batch, Deed, LabelRow, Office, Store, TicketStep, View
from roundsman_collector.store.files import FileLimits
from roundsman_collector.store.ticket_clocks import ClockRow, ClocksTold
from roundsman_wire.catalogue import Label
from tests.collector.api import world
from tests.collector.api.world import HOUR, MINUTE, NOW, answering
from tests.collector.core import pictures
from tests.collector.web.reading import Loads, words_of

ORIGIN = {"Origin": world.ORIGIN}
KEY = "a-key-of-this-very-form"
RECEIPTS = Function(name="receipts", zh="凭条打印", en="printing receipts", kinds=("kiosk",))
TAKES = {"printer.paper_end": "receipts", "printer.cover_open": "receipts", "host.unreachable": ""}
NO_FILE: Mapping[str, Any] = {"photo": ("", b"")}


@pytest.fixture
def desk(view: View) -> Desk:
    with Office(view._place) as office:
        world.places(office)
    return world.desk(
        view,
        public_url="https://rounds.example.com",
        company=Company(name=Label(zh="华君智能", en="Huajun"), service_phone="400-800-1234"),
        functions={"receipts": RECEIPTS},
        takes=TAKES,
    )


@pytest.fixture
def label(desk: Desk) -> LabelRow:
    """The label of kiosk-7, of which 2024-000001 is open: no paper."""
    return labelled(desk, "kiosk-7")


def labelled(desk: Desk, subject: str) -> LabelRow:
    return desk.office.make_labels([subject], deed=Deed(who="admin", at_ms=NOW))[0][0]


def telling(desk: Desk, **terms: str) -> Desk:
    """The same desk under other terms."""
    return replace(desk, labels=LabelTerms(**terms))  # type: ignore[arg-type]


def reported(desk: Desk, label: LabelRow, files: Mapping[str, Any] = NO_FILE, **fields: str) -> Any:
    """What a stranger's phone gets for a form."""
    said = {"key": KEY, "text": "按键没反应", **fields}
    return world.browser(desk).post(f"/r/{label.code}", data=said, files=files, headers=ORIGIN)


def read(desk: Desk, label: LabelRow, query: str = "") -> str:
    """What a stranger reads."""
    answer = world.browser(desk).get(f"/r/{label.code}{query}")
    assert answer.status_code == 200, answer.text
    return answer.text


def photo(raw: bytes | None = None, name: str = "IMG_1.png", said: str = "image/png") -> Mapping[str, Any]:
    return {"photo": (name, pictures.drawn(40, 30) if raw is None else raw, said)}


# --- what is read ----------------------------------------------------------------------------------------------------


def test_a_stranger_reads_what_the_device_is_and_nothing_more(desk: Desk, label: LabelRow) -> None:
    html = read(desk, label)

    text = words_of(html)
    for said in ("自助终端 7", "地铁站 站厅", "400-800-1234", "提交报修", "打印机缺纸"):
        assert said in text, said
    assert "host.unreachable" not in html, "nobody at the device can see that"
    for hidden in ("kiosk-7", "metro", "2024-000001", "地铁公司", "printer out", "Metro", "south"):
        assert hidden not in html, hidden
    loaded = Loads(html)
    assert loaded.inline == []
    assert loaded.is_ours()


def test_the_page_is_in_no_index_in_no_cache_and_in_nobodys_frame(desk: Desk, label: LabelRow) -> None:
    for path in (f"/r/{label.code}", "/r", "/r/0000000000000000"):
        answer = world.browser(desk).get(path)

        assert answer.headers["x-robots-tag"] == "noindex, nofollow"
        assert '<meta name="robots" content="noindex, nofollow">' in answer.text
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


def test_what_leads_nowhere_has_one_answer(desk: Desk, label: LabelRow) -> None:
    revoked, lost = labelled(desk, "nvr-2"), labelled(desk, "ups-2")
    desk.office.revoke_label(revoked.id, deed=Deed(who="admin", at_ms=NOW))
    desk.office.replace_label(lost.id, deed=Deed(who="admin", at_ms=NOW))
    client = world.browser(desk)

    answers = {
        (answer.status_code, answer.text)
        for code in (revoked.code, lost.code, "0000000000000000", "no-code", "%00", "x" * 500, "1' OR 1=1")
        for answer in (client.get(f"/r/{code}"), client.post(f"/r/{code}", data={"text": "x"}, headers=ORIGIN))
    }

    ((status, html),) = answers
    assert status == 404
    assert "此标签无效" in html
    assert "400-800-1234" in html


def test_whoever_tries_codes_is_told_to_wait_and_real_labels_go_on(desk: Desk, label: LabelRow) -> None:
    client = world.browser(desk)
    wrong = [client.get(f"/r/{number:016d}").status_code for number in range(desk.scans.wrong.most + 3)]

    assert wrong == [404] * desk.scans.wrong.most + [429] * 3
    assert client.get(f"/r/{label.code}").status_code == 200


def test_a_code_can_be_typed_as_it_is_printed(desk: Desk, label: LabelRow) -> None:
    client = world.browser(desk)

    answer = client.get("/r", params={"code": f" {grouped(label.code).lower()} "})

    assert (answer.status_code, answer.headers["location"]) == (303, f"/r/{label.code}")
    assert client.get("/r").status_code == 200
    assert client.get("/r", params={"code": "abc"}).status_code == 404


def test_what_the_owner_says_is_what_is_read(desk: Desk, label: LabelRow) -> None:
    words = replace(label.words, name_zh="自助售票机", spot_zh="A 口 <script>")
    desk.office.put_label_words(label.id, words, deed=Deed(who="admin", at_ms=NOW))

    html = read(desk, label)

    assert "自助售票机" in html
    assert "A 口 &lt;script&gt;" in html
    assert "地铁站" not in html


def test_the_label_of_a_site_says_which_site(desk: Desk) -> None:
    html = read(desk, labelled(desk, "#metro-a"))

    assert "地铁站" in words_of(html)
    assert 'name="code"' not in html, "a site has no faults to choose from"


# --- what is known already -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ((), "正在处理"),
        (({"verb": "dispatch", "data": {"engineer": "engineer"}},), "已派工程师"),
        (({"verb": "dispatch", "data": {"engineer": "engineer"}}, {"verb": "arrive", "data": {}}), "工程师正在现场"),
    ],
)
def test_who_scans_hears_that_the_fault_is_known_and_how_far_it_is(
    desk: Desk, label: LabelRow, store: Store, steps: tuple[dict[str, Any], ...], said: str
) -> None:
    done = [TicketStep(ticket=1, at_ms=NOW - MINUTE, who="dispatcher", **step) for step in steps]
    store.commit(Batch(now_ms=NOW, tickets=done))

    text = words_of(read(desk, label))

    assert said in text
    assert "无需重复报修" in text
    assert "engineer" not in text.lower()


def test_when_somebody_comes_is_told_only_where_that_was_allowed(desk: Desk, label: LabelRow, store: Store) -> None:
    appointed = {"arrival_ms": NOW + HOUR, "agreed_by": "王女士"}
    done = [TicketStep(ticket=1, at_ms=NOW - MINUTE, who="dispatcher", verb="appoint", data=appointed)]
    store.commit(Batch(now_ms=NOW, tickets=done))

    told = {terms: words_of(read(telling(desk, tells=terms), label)) for terms in ("nothing", "known", "arrival")}

    assert "预计 03:00 前到达" in told["arrival"]
    assert "03:00" not in told["known"]
    assert "无需重复报修" in told["known"]
    assert "无需重复报修" not in told["nothing"]


def test_what_is_mended_is_not_known_any_more(desk: Desk, label: LabelRow, store: Store) -> None:
    steps = ({"verb": "dispatch", "data": {"engineer": "engineer"}}, {"verb": "arrive"}, {"verb": "fix", "text": "好"})
    done = [TicketStep(ticket=1, at_ms=NOW - MINUTE, who="dispatcher", **step) for step in steps]  # type: ignore[arg-type]
    store.commit(Batch(now_ms=NOW, tickets=done))

    assert "无需重复报修" not in read(desk, label)


# --- whoever is signed in --------------------------------------------------------------------------------------------


def test_an_engineer_who_scans_comes_to_the_device_or_to_the_ticket_they_were_sent_for(
    desk: Desk, label: LabelRow, store: Store
) -> None:
    client = world.signed_in(desk, "engineer")
    assert client.get(f"/r/{label.code}").headers["location"] == "/devices/kiosk-7"
    assert client.get(f"/r/{labelled(desk, '#metro-a').code}").headers["location"] == "/sites/metro-a"

    sent = TicketStep(ticket=1, at_ms=NOW, who="dispatcher", verb="dispatch", data={"engineer": "engineer"})
    store.commit(Batch(now_ms=NOW, tickets=[sent]))

    assert client.get(f"/r/{label.code}").headers["location"] == "/tickets/2024-000001"
    assert client.get(f"/r/{label.code}?public=1").status_code == 200


def test_whom_the_device_is_none_of_the_business_of_is_a_stranger_like_all(desk: Desk) -> None:
    label = labelled(desk, "ups-2")

    answer = world.signed_in(desk, "viewer").get(f"/r/{label.code}")

    assert answer.status_code == 200
    assert "viewer" not in answer.text.lower()


# --- reporting -------------------------------------------------------------------------------------------------------


def test_a_report_becomes_a_ticket_and_its_number_is_told(
    desk: Desk, label: LabelRow, store: Store, view: View
) -> None:
    with answering(store):
        answer = reported(desk, label, joins="no", name="王女士", phone="138 1234 5678")

    assert (answer.status_code, answer.headers["location"]) == (303, f"/r/{label.code}?sent={KEY}")
    row, log = view.ticket("2024-000004")  # type: ignore[misc]
    assert (row.subject, row.source, row.code, row.state) == ("kiosk-7", "qr", "reported", "open")
    assert (log[0].who, log[0].text) == ("label:1", "按键没反应")
    assert log[0].data == {"source": "qr", "caller": {"name": "王女士", "phone": "138 1234 5678"}}
    html = read(desk, label, f"?sent={KEY}")
    assert "2024-000004 我们会尽快处理。" in words_of(html)
    assert "王女士" not in html
    assert "138" not in words_of(html)


def test_on_the_ticket_stands_that_a_label_was_scanned_and_no_name_of_ours(
    desk: Desk, label: LabelRow, store: Store
) -> None:
    with answering(store):
        reported(desk, label, joins="no")

    text = words_of(world.signed_in(desk, "dispatcher").get("/tickets/2024-000004").text)

    assert "扫码报修" in text
    assert "label:" not in text


def test_by_when_somebody_replies_is_told_to_whoever_reported(desk: Desk, label: LabelRow, store: Store) -> None:
    with answering(store):
        reported(desk, label, joins="no", phone="13812345678")
    assert '<meta http-equiv="refresh" content="3">' in read(desk, label, f"?sent={KEY}"), "more is known in a moment"

    clock = ClockRow("respond", "running", NOW, NOW + HOUR, None, None, 0, False)
    store.commit(Batch(now_ms=NOW, clocks=[ClocksTold(ticket=4, wake_at_ms=None, clocks=[clock])]))

    html = read(desk, label, f"?sent={KEY}")
    assert "03:00 前与您联系" in words_of(html)
    assert "http-equiv" not in html
    assert "03:00" not in read(desk, label), "nobody else hears of it"


def test_a_form_that_is_sent_twice_is_one_report(desk: Desk, label: LabelRow, store: Store, view: View) -> None:
    with answering(store):
        answers = [reported(desk, label, photo(), joins="no") for _ in range(3)]

    assert {one.headers["location"] for one in answers} == {f"/r/{label.code}?sent={KEY}"}
    assert len(view.tickets(subject="kiosk-7")) == 2
    assert [one.verb for one in view.ticket("2024-000004")[1]] == ["open", "attach"]  # type: ignore[index]
    assert len(view.files(4)) == 1


def test_an_edited_form_under_an_old_key_is_not_lost_in_silence(
    desk: Desk, label: LabelRow, store: Store, view: View
) -> None:
    with answering(store):
        reported(desk, label, joins="no")
        again = reported(desk, label, joins="no", text="现在还冒烟")
        key = re.search(r'name="key" value="([^"]+)"', again.text)[1]  # type: ignore[index]
        reported(desk, label, joins="no", text="现在还冒烟", key=key)

    assert again.status_code == 422
    assert "现在还冒烟" in again.text
    assert [one.text for one in view.ticket("2024-000004")[1]] == ["按键没反应", "现在还冒烟"]  # type: ignore[index]


# Shows S4-7.
def test_what_is_known_is_joined_and_counts_as_a_repeated_call(
    desk: Desk, label: LabelRow, store: Store, view: View
) -> None:
    with answering(store):
        reported(desk, label, joins="yes", text="", phone="13812345678")

    assert len(view.tickets(subject="kiosk-7")) == 1
    last = view.ticket("2024-000001")[1][-1]  # type: ignore[index]
    assert (last.verb, last.who, last.data) == ("call", "label:1", {"phone": "13812345678"})
    assert "不另开" in words_of(read(desk, label, f"?sent={KEY}"))


def test_a_fault_of_the_list_joins_the_ticket_that_monitoring_opened(
    desk: Desk, label: LabelRow, store: Store, view: View
) -> None:
    with answering(store):
        reported(telling(desk, tells="nothing"), label, code="printer.paper_end", text="")

    assert len(view.tickets(subject="kiosk-7")) == 1
    assert view.ticket("2024-000001")[1][-1].text == "打印机缺纸"  # type: ignore[index]


def test_a_device_has_no_more_than_some_tickets_from_its_label(
    desk: Desk, label: LabelRow, store: Store, view: View
) -> None:
    codes = ("", "printer.cover_open", "agent.silent", "host.unreachable", "printer.paper_end")
    wide = replace(desk, takes=dict.fromkeys(codes[1:], "receipts"))
    with answering(store):
        for number, code in enumerate(codes):
            reported(wide, labelled(desk, "nvr-2"), code="", text="x", key=f"{KEY}-{number}-nvr")
            reported(wide, label, code=code, joins="no", key=f"{KEY}-{number}")

    mine = [row for row in view.tickets(subject="kiosk-7") if row.source == "qr"]
    assert len(mine) == MOST
    assert [one.verb for one in view.ticket(mine[0].id)[1]].count("call") == 1  # type: ignore[index]
    assert len([row for row in view.tickets(subject="nvr-2") if row.source == "qr"]) == 1


def test_whoever_goes_on_reporting_hears_that_it_is_known(desk: Desk, label: LabelRow, store: Store) -> None:
    most = desk.scans.taken.most
    with answering(store):
        answers = [reported(desk, label, joins="yes", key=f"{KEY}-{number}") for number in range(most + 1)]
        same_again = reported(desk, label, joins="yes", key=f"{KEY}-0")

    assert [one.status_code for one in answers] == [303] * most + [429]
    assert int(answers[-1].headers["retry-after"]) > 3000
    assert "已有多人" in answers[-1].text
    assert "按键没反应" in answers[-1].text, "what was written is still there"
    assert same_again.status_code == 303


def test_an_address_that_floods_is_not_read(desk: Desk, label: LabelRow, view: View) -> None:
    before = view.status().new_commands

    answers = [reported(desk, label, text="") for _ in range(desk.scans.sent.most + 1)]

    assert [one.status_code for one in answers] == [422] * desk.scans.sent.most + [429]
    assert view.status().new_commands == before


def test_neighbours_in_one_network_are_one_address() -> None:
    assert network("2001:db8::1") == network("2001:db8::ffff:1") == "2001:db8::/64"
    assert network("2001:db8:0:1::1") != network("2001:db8::1")
    assert network("192.0.2.7") == "192.0.2.7"
    assert network("testclient") == "testclient"


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"text": "  "}, "请选择故障"),
        ({"text": "x" * 1001}, "1000"),
        ({"name": "x" * 61}, "60"),
        ({"phone": "call me"}, "电话号码"),
        ({"phone": "1" * 41}, "40"),
        ({"code": "host.unreachable"}, "请从列表中选择。"),
        ({"code": "no.such"}, "请从列表中选择。"),
        ({"website": "http://spam.example"}, "未能受理"),
    ],
)
def test_a_form_that_cannot_be_used_keeps_what_was_written(
    desk: Desk, label: LabelRow, view: View, fields: dict[str, str], said: str
) -> None:
    before = view.status().new_commands

    answer = reported(desk, label, **{"joins": "no", "name": "王女士", **fields})

    assert answer.status_code == 422
    assert said in answer.text
    assert "name" in fields or 'value="王女士"' in answer.text
    assert view.status().new_commands == before


def test_a_number_is_asked_for_as_the_settings_say(desk: Desk, label: LabelRow, store: Store, view: View) -> None:
    assert reported(telling(desk, phone="required"), label, joins="no").status_code == 422
    assert 'name="phone"' not in read(telling(desk, phone="never"), label)

    with answering(store):
        reported(telling(desk, phone="never"), label, joins="no", phone="13812345678")

    assert view.ticket("2024-000004")[1][0].data == {"source": "qr", "caller": {"name": "", "phone": ""}}  # type: ignore[index]


def test_a_photo_belongs_to_the_ticket(desk: Desk, label: LabelRow, store: Store, view: View) -> None:
    with answering(store):
        reported(desk, label, photo(), joins="no")

    (kept,) = view.files(4)
    assert (kept.kind, kept.name, kept.media_type, kept.made_by) == ("photo", "IMG_1.png", "image/png", "label:1")
    assert kept.named_ms is not None


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (photo(b"<script>alert(1)</script>"), "JPEG、PNG 或 WebP"),
        (photo(pictures.drawn(40, 30), name="a.jpg", said="image/jpeg"), "JPEG、PNG 或 WebP"),
        (photo(b"%PDF-1.7\n", name="a.pdf", said="application/pdf"), "JPEG、PNG 或 WebP"),
        (photo(b""), "JPEG、PNG 或 WebP"),
        (photo(pictures.drawn(40, 30) + b"\0" * 2000), "照片过大"),
    ],
    ids=["a script", "it lies", "a document", "nothing", "too large"],
)
def test_a_photo_that_is_none_is_told_before_anything_is_entered(
    desk: Desk, label: LabelRow, view: View, files: Mapping[str, Any], said: str
) -> None:
    small, before = replace(desk, file_limits=FileLimits(photo=1000)), view.status().new_commands

    answer = reported(small, label, files, joins="no")

    assert answer.status_code == 422
    assert said in answer.text
    assert "按键没反应" in answer.text
    assert view.status().new_commands == before


def test_a_body_without_end_is_cut_off(desk: Desk, label: LabelRow, view: View) -> None:
    small, before = replace(desk, file_limits=FileLimits(photo=1000)), view.status().new_commands

    answer = reported(small, label, photo(b"\0" * 200_000), joins="no")

    assert answer.status_code == 413
    assert "照片过大" in answer.text
    assert view.status().new_commands == before


def test_a_report_stands_where_there_is_no_room_for_its_photo(
    desk: Desk, label: LabelRow, store: Store, view: View
) -> None:
    full = replace(desk, file_limits=FileLimits(total=10))

    with answering(store):
        answer = reported(full, label, photo(), joins="no")

    assert answer.headers["location"] == f"/r/{label.code}?sent={KEY}&photo=lost"
    assert "照片未能保存" in read(full, label, f"?sent={KEY}&photo=lost")
    assert view.ticket("2024-000004") is not None


def test_while_the_engine_is_away_a_report_waits_and_its_page_comes_again(
    desk: Desk, label: LabelRow, store: Store
) -> None:
    away = replace(desk, answer_within_s=0.0)
    answer = reported(away, label, joins="no")

    waiting = read(away, label, f"?sent={KEY}")
    with answering(store):
        reported(desk, label, joins="no")  # the same form again: it waits for the answer to the first
    later = read(away, label, f"?sent={KEY}")

    assert answer.status_code == 303
    assert "2024-000004" not in waiting
    assert "http-equiv" in waiting
    assert "2024-000004" in words_of(later)


def test_a_report_that_the_engine_cannot_take_says_so(
    desk: Desk, label: LabelRow, monkeypatch: pytest.MonkeyPatch, store: Store
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("nobody knows this device")

    monkeypatch.setattr("roundsman_collector.engine.steps.report", broken)
    with answering(store):
        answer = reported(desk, label, joins="no")

    assert answer.status_code == 409
    assert "未能受理" in answer.text
    assert "nobody knows" not in answer.text


@pytest.mark.parametrize("headers", [{}, {"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_no_page_of_others_reports_in_somebodys_name(
    desk: Desk, label: LabelRow, view: View, headers: dict[str, str]
) -> None:
    before = view.status().new_commands

    answer = world.browser(desk).post(f"/r/{label.code}", data={"text": "x"}, headers=headers)

    assert answer.status_code == 403
    assert view.status().new_commands == before


def test_what_became_of_a_report_is_for_whoever_knows_its_key(desk: Desk, label: LabelRow, store: Store) -> None:
    with answering(store):
        reported(desk, label, joins="no")
    other = labelled(desk, "nvr-2")

    for html in (read(desk, label, "?sent=another-key-altogether"), read(desk, other, f"?sent={KEY}")):
        assert "2024-00000" not in html
        assert "<form" in html


def test_an_engineers_hand_over_of_the_code_changes_nothing_else(desk: Desk, label: LabelRow) -> None:
    """The code opens one page: it is no session and no token."""
    client = world.browser(desk, Authorization=f"Bearer {label.code}")

    assert client.get("/api/v1/devices").status_code == 401
    assert client.get("/devices").status_code in (303, 401)
