"""The pages of overlays and of changes: what a form takes, who gets which button, on which clock times are told."""

import re

import pytest
from starlette.testclient import TestClient

from roundsman_collector.api.desk import Desk
from roundsman_collector.roles import EVERYTHING
from roundsman_collector.store import Deed, View
from roundsman_collector.web import zoned
from roundsman_collector.web.zoned import TimeError, picked, written
from tests.collector.api import world
from tests.collector.api.world import NOW, at
from tests.collector.web.reading import Loads, page, words_of

FORM = {
    "kind": "correction",
    "scope": "device",
    "target": "nvr-2",
    "from": "2024-10-04T17:00",
    "to": "2024-10-04T17:00:30",
    "state": "up",
    "reason": "found_working",
    "text": "the port was <b>blocked</b>",
    "document": "FW-31",
}
"""In Beijing; 17:00 there is 09:00 UTC, when nvr-2 did not answer for half a minute."""


@pytest.fixture
def desk(view: View) -> Desk:
    found = world.desk(view)
    world.places(found.office)
    deed = Deed(who="admin", at_ms=NOW)
    found.office.add_person("second", name="second", role="dispatcher", scope=EVERYTHING, deed=deed)
    return found


def who(desk: Desk, person: str, language: str = "en") -> TestClient:
    client = world.signed_in(desk, person, Origin=world.ORIGIN)
    client.cookies.set("roundsman_language", language)
    return client


def proposed(client: TestClient, **more: str) -> str:
    answer = client.post("/overlays/~new", data={**FORM, **more})
    assert answer.status_code == 303, words_of(answer.text)
    return answer.headers["location"]


def buttons(html: str) -> list[str]:
    return re.findall(r'name="verb" value="(\w+)"', html)


def test_a_form_proposes_and_a_second_person_approves(desk: Desk) -> None:
    author, second = who(desk, "dispatcher"), who(desk, "second")
    address = proposed(author)

    first = page(author, address)
    assert "2024-10-04 17:00:00" in first and "Beijing time" in first
    assert "the port was &lt;b&gt;blocked&lt;/b&gt;" in first, "what a person wrote is text"
    assert buttons(first) == ["revoke"]
    assert "It waits for the approval of a second person." in words_of(first)
    assert buttons(page(second, address)) == ["approve", "refuse", "revoke"]

    answer = second.post(f"{address}/act", data={"verb": "approve", "text": "seen"})

    assert (answer.status_code, answer.headers["location"]) == (303, address)
    row = desk.view.overlay(1)
    assert row is not None
    assert (row.overlay.from_ms, row.overlay.to_ms, row.standing.status) == (at(9), at(9) + 30_000, "in_force")
    assert "approved it second seen" in words_of(page(author, address))


def test_an_author_who_approves_anyway_is_told_why_not(desk: Desk) -> None:
    author = who(desk, "dispatcher", "zh")
    address = proposed(author)

    answer = author.post(f"{address}/act", data={"verb": "approve", "text": "my words"})

    assert answer.status_code == 403
    assert "须由第二人办理" in words_of(answer.text)
    assert ">my words</textarea>" in answer.text, "what was written is not lost"


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        ("from", "", "This is no time on that clock."),
        ("from", "yesterday", "This is no time on that clock."),
        ("to", "2024-10-04T16:00", "A time after the begin"),
        ("to", "2025-10-04T16:00", "A correction is about what was"),
        ("state", "", "Say which state it was."),
        ("reason", "force_majeure", "Choose one of the reasons."),
        ("document", "x" * 401, "At most 400 characters."),
        ("text", "", ""),
    ],
)
def test_what_cannot_be_used_comes_back_as_written_and_marked(desk: Desk, field: str, text: str, said: str) -> None:
    answer = who(desk, "dispatcher").post("/overlays/~new", data={**FORM, field: text})

    assert answer.status_code == (422 if said else 303)
    if said:
        assert said in words_of(answer.text)
        assert 'value="FW-31"' in answer.text or field == "document"
        assert desk.view.overlays() == []


def test_a_target_that_is_not_there_or_not_theirs_is_asked_for_again(desk: Desk) -> None:
    engineer, dispatcher = who(desk, "engineer"), who(desk, "dispatcher")
    for client, target in ((dispatcher, "nvr-9"), (dispatcher, "<x>")):
        answer = client.get("/overlays/~new", params={"kind": "correction", "scope": "device", "target": target})
        assert answer.status_code == 422
        assert "There is no such thing" in words_of(answer.text)
    assert engineer.post("/overlays/~new", data={**FORM, "target": "nvr-9"}).status_code == 422


def test_an_engineer_plans_nothing_and_is_told_who_does(desk: Desk) -> None:
    engineer = who(desk, "engineer")
    work = {**FORM, "kind": "maintenance", "from": "2024-10-05T10:00", "to": "", "reason": "planned_work"}

    form = page(engineer, "/overlays/~new?kind=maintenance&scope=device&target=nvr-2")
    answer = engineer.post("/overlays/~new", data=work)

    assert "planned by a dispatcher or an administrator" in words_of(form)
    assert answer.status_code == 422
    assert "only somebody who may approve enters it" in words_of(answer.text)


def test_planned_work_is_ended_on_its_page(desk: Desk) -> None:
    author = who(desk, "dispatcher")
    work = {"kind": "maintenance", "from": "2024-10-05T10:00", "to": "", "reason": "planned_work", "state": ""}
    address = proposed(author, **work)

    assert buttons(page(author, address)) == ["revoke", "end"]
    wrong = author.post(f"{address}/act", data={"verb": "end", "to": "soon"})
    early = author.post(f"{address}/act", data={"verb": "end", "to": "2024-10-05T09:00"})
    ended = author.post(f"{address}/act", data={"verb": "end", "to": "2024-10-05T11:00"})

    assert (wrong.status_code, early.status_code, ended.status_code) == (422, 409, 303)
    row = desk.view.overlay(1)
    assert row is not None and row.standing.to_ms == at(27)


def test_times_are_on_the_clock_of_the_site(desk: Desk) -> None:
    site = {"customer": "metro", "group_id": "south", "name_zh": "里加", "name_en": "Riga", "time_zone": "Europe/Riga"}
    desk.office.put_entry("site", "metro-a", site, deed=Deed(who="admin", at_ms=NOW))
    author = who(desk, "dispatcher")

    assert "Europe/Riga" in page(author, "/overlays/~new?kind=correction&scope=device&target=nvr-2")
    address = proposed(author, **{"from": "2024-10-04T12:00", "to": "2024-10-04T12:00:30"})

    row = desk.view.overlay(1)
    assert row is not None and row.overlay.from_ms == at(9)
    assert "2024-10-04 12:00:00" in page(author, address)
    assert "Europe/Riga" in page(author, "/overlays")


@pytest.mark.parametrize(
    ("text", "zone", "utc"),
    [
        ("2024-10-04T17:00", "Asia/Shanghai", "2024-10-04T09:00"),
        ("2024-03-31T02:59:59", "Europe/Riga", "2024-03-31T00:59:59"),
        ("2024-03-31T04:00", "Europe/Riga", "2024-03-31T01:00"),
        ("2024-10-27T03:30", "Europe/Riga", "2024-10-27T00:30"),
    ],
)
def test_a_local_time_is_an_instant_also_where_clocks_change(text: str, zone: str, utc: str) -> None:
    ms = written(text, zone)

    assert picked(ms, "UTC") == utc
    assert picked(ms, zone) == text


@pytest.mark.parametrize("text", ["2024-03-31T03:30", "2024-10-04T17:00+08:00", "", "now", "2024-13-01T00:00"])
def test_a_time_that_no_clock_of_the_site_shows_is_refused(text: str) -> None:
    with pytest.raises(TimeError):
        written(text, "Europe/Riga")
    assert zoned.shown(None, "UTC") == ""


def test_the_list_is_narrowed_and_the_device_page_leads_to_it(desk: Desk) -> None:
    author, second = who(desk, "dispatcher"), who(desk, "second")
    address = proposed(author)
    proposed(author, target="kiosk-7")
    second.post(f"{address}/act", data={"verb": "refuse"})

    def listed(query: str) -> list[str]:
        return re.findall(r'href="/overlays/(\d+)">#', page(author, f"/overlays{query}"))

    assert listed("") == ["2", "1"]
    assert listed("?status=refused") == ["1"]
    assert listed("?device=kiosk-7") == ["2"]
    assert listed("?kind=exclusion") == []
    assert listed("?status=nonsense&kind=nonsense") == ["2", "1"]
    device = page(author, "/devices/nvr-2?window=30d")
    assert 'href="/overlays/1"' in device and "/overlays?device=nvr-2" in device


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("zh", ("停机", "30 秒 → 0", "正常运行", "更正获批")),
        ("en", ("down", "30 s → 0", "up", "correction approved")),
    ],
)
def test_what_changed_since_shows_both_states_the_sums_and_the_reason(
    desk: Desk, language: str, told: tuple[str, ...]
) -> None:
    author, second = who(desk, "dispatcher", language), who(desk, "second")
    address = proposed(author)
    second.post(f"{address}/act", data={"verb": "approve"})

    html = page(author, "/changes?known=2024-10-05T01:59:59&device=nvr-2")

    words = words_of(html)
    for word in told:
        assert word in words, word
    assert 'href="/overlays/1"' in html
    assert Loads(html).is_ours()


@pytest.mark.parametrize(
    ("changes", "zh", "en"),
    [
        ({"kind": "exclusion", "reason": "force_majeure"}, "不计 不可抗力", "excluded force majeure"),
        ({"kind": "exclusion", "reason": "other"}, "不计 其他", "excluded other"),
        ({"kind": "maintenance", "reason": "work_done"}, "不计 检修", "excluded by maintenance"),
        ({"state": "down", "reason": "found_off"}, "停机 关机或断电", "down switched off, or no power"),
        ({"state": "unknown", "reason": "other"}, "未知 更正", "unknown as corrected"),
    ],
)
def test_what_changed_since_says_why_it_is_told_so_today(desk: Desk, changes: dict[str, str], zh: str, en: str) -> None:
    second = who(desk, "second")
    address = proposed(who(desk, "dispatcher"), **({"state": ""} | changes))
    second.post(f"{address}/act", data={"verb": "approve"})

    for language, told in (("zh", zh), ("en", en)):
        html = page(who(desk, "dispatcher", language), "/changes?known=2024-10-05T01:59:59&device=nvr-2")
        assert told in words_of(html)


def test_what_changed_since_begins_with_the_month_and_takes_no_nonsense(desk: Desk) -> None:
    author = who(desk, "dispatcher")

    assert 'value="2024-10-01T00:00"' in page(author, "/changes")
    for known in ("soon", "2030-01-01T00:00"):
        answer = author.get("/changes", params={"known": known})
        assert answer.status_code == 422
        assert "This is no time that is past." in words_of(answer.text)


def test_a_viewer_sees_and_cannot_do(desk: Desk) -> None:
    address = proposed(who(desk, "dispatcher"))
    proposed(who(desk, "dispatcher"), target="ups-2", text="hush")
    viewer = who(desk, "viewer")

    assert buttons(page(viewer, address)) == []
    assert "~new" not in page(viewer, "/overlays")
    assert "ups-2" not in page(viewer, "/overlays")
    assert viewer.get("/overlays/2").status_code == 404
    assert viewer.get("/overlays/~new").status_code == 403
    assert viewer.post(f"{address}/act", data={"verb": "approve"}).status_code == 403
    assert "hush" not in page(viewer, "/changes?known=2024-10-05T01:59:59")
