"""/ways and /outbox: who is told, the secret that is shown once, the test button, and what could not be told."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import pytest
from starlette.testclient import TestClient

from roundsman_collector.api.desk import Desk
from roundsman_collector.store import Batch, Deed, Filter, NoticeRow, Office, Outbox, Store, StoreError, View
from roundsman_collector.web.pages import ways
from roundsman_collector.web.words import LANGUAGES, words_of
from tests.collector.api import world
from tests.collector.api.world import NOW
from tests.collector.store.cast import ticket

OURS = {"Origin": world.ORIGIN}
MAIL = {
    "kind": "mail",
    "name": "Duty desk",
    "target": "duty@example.com",
    "language": "zh",
    "severity": "minor",
    "time_zone": "Asia/Shanghai",
    "opened": "1",
    "resolved": "1",
    "voided": "1",
}
BOT = MAIL | {
    "kind": "dingtalk",
    "name": "Group",
    "target": "https://oapi.dingtalk.com/robot/send?access_token=s3cret",
    "secret": "SECabc",
}
HOOK = MAIL | {"kind": "webhook", "name": "Help desk", "target": "https://hooks.example.com/in?key=s3cret"}
DEED = Deed(who="admin", at_ms=NOW)
SECRET = re.compile(r'<p class="key"><code>([\w-]{40,})</code>')


@pytest.fixture
def desk(view: View) -> Desk:
    return world.desk(view, answer_within_s=0.0)


@pytest.fixture
def teller(desk: Desk) -> TestClient:
    return world.signed_in(desk, "dispatcher", **OURS, **{"Accept-Language": "en"})


@pytest.fixture
def outbox(store: Store, tmp_path: Path) -> Iterator[Outbox]:
    with Outbox.open(tmp_path / "roundsman.sqlite3") as opened:
        yield opened


def made(teller: TestClient, desk: Desk, fields: dict[str, str] = MAIL) -> int:
    """A way that was added by the form; its number."""
    assert teller.post("/ways", data=fields).status_code in (200, 303)
    return desk.office.ways()[-1].id


def told(html: str) -> str:
    """What a person reads, in one line."""
    return " ".join(re.sub(r"<[^>]*>", " ", html.partition("<main")[2]).split())


def only(office: Office, way: int) -> NoticeRow:
    [found] = office.notices(way=way)
    return found


# --- forms -----------------------------------------------------------------------------------------------------------


def test_a_mail_is_added_listed_and_audited(teller: TestClient, desk: Desk, view: View) -> None:
    fields = MAIL | {"severity": "major", "voided": "", "groups": "south", "customers": "metro、hush", "language": "en"}

    answer = teller.post("/ways", data=fields)

    assert (answer.status_code, answer.headers["location"]) == (303, "/ways/1?done=added")
    [row] = desk.office.ways()
    assert (row.kind, row.name, row.target, row.language) == ("mail", "Duty desk", "duty@example.com", "en")
    assert (row.filter.events, row.filter.severity) == (("opened", "resolved"), "major")
    assert (row.filter.groups, row.filter.customers, row.filter.devices) == (("south",), ("metro", "hush"), ())
    assert "Duty desk mail duty@example.com ticket opened, ticket resolved" in told(teller.get("/ways").text)
    assert "Added. Send a test now" in teller.get("/ways/1?done=added").text
    assert [(one.verb, one.who) for one in view.audit(limit=1)] == [("way.add", "dispatcher")]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"kind": "pigeon"}, "kind"),
        ({"name": " "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"target": "nobody"}, "target"),
        ({"target": ""}, "target"),
        ({"target": "duty@example.com\r\nBcc: all@example.com"}, "target"),
        ({"kind": "webhook", "target": "ftp://example.com/in"}, "target"),
        ({"kind": "webhook", "target": "https://user:pass@example.com/"}, "target"),
        ({"language": "tlh"}, "language"),
        ({"opened": "", "resolved": "", "voided": ""}, "events"),
        ({"severity": "grave"}, "severity"),
        ({"kind": "wecom", "target": "https://qyapi.weixin.qq.com/cgi-bin/webhook/send"}, "target"),
        ({"kind": "feishu", "target": "https://open.feishu.cn/"}, "target"),
        ({"secret": "SECabc"}, "secret"),
        ({"person": "ghost"}, "person"),
        ({"quiet": "at night"}, "quiet"),
        ({"quiet": "24x7"}, "quiet"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"daily": "noon"}, "daily"),
        ({"daily": "08:30", "quiet": "22:00-07:00"}, "daily"),
        ({"after_minutes": "soon"}, "after_minutes"),
        ({"after_minutes": "721"}, "after_minutes"),
        ({"repeat_minutes": "4"}, "repeat_minutes"),
        ({"repeat_minutes": "-5"}, "repeat_minutes"),
        ({"devices": "d" * 81}, "devices"),
        ({"groups": " ".join(f"g{n}" for n in range(501))}, "groups"),
        (
            {"groups": " ".join(f"g{n}" for n in range(300)), "devices": " ".join(f"d{n}" for n in range(300))},
            "groups",
        ),
    ],
    ids=lambda value: str(value)[:50],
)
def test_what_cannot_be_used_is_told_at_its_field_and_what_was_written_stays(
    teller: TestClient, desk: Desk, wrong: dict[str, str], field: str
) -> None:
    written = MAIL | {"customers": "metro"} | wrong

    answer = teller.post("/ways", data=written)

    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert f'class="wrong" id="d-{field}"' in answer.text
    assert len(re.findall('class="wrong" id="d-', answer.text)) == 1
    assert 'value="metro"' in answer.text
    assert desk.office.ways() == []


def test_a_filter_that_could_not_be_read_again_is_not_kept(desk: Desk) -> None:
    """The engine reads all ways at once: a single one that it cannot read would stop all telling."""
    wanted = Filter(groups=tuple(f"g{n}" for n in range(300)), devices=tuple(f"d{n}" for n in range(300)))

    with pytest.raises(StoreError, match="cannot be used"):
        desk.office.add_way(kind="mail", name="x", target="duty@example.com", filter_=wanted, language="zh", deed=DEED)

    assert desk.office.ways() == []


def test_all_that_is_wrong_is_told_at_once(teller: TestClient) -> None:
    answer = teller.post("/ways", data=HOOK | {"name": "", "target": "hooks.example.com", "severity": ""})

    assert set(re.findall('class="wrong" id="d-([a-z]+)"', answer.text)) == {"name", "target", "severity"}


def test_a_way_is_changed_and_a_wrong_change_is_told_and_not_made(teller: TestClient, desk: Desk) -> None:
    way = made(teller, desk)

    wrong = teller.post(f"/ways/{way}", data=MAIL | {"name": "Night", "target": "nobody"})
    right = teller.post(f"/ways/{way}", data=MAIL | {"name": "Night", "opened": "", "devices": "nvr-2"})

    assert (wrong.status_code, right.status_code) == (422, 303)
    assert 'value="Night"' in wrong.text
    assert 'value="nobody"' in wrong.text
    [row] = desk.office.ways()
    assert (row.name, row.target) == ("Night", "duty@example.com")
    assert (row.filter.events, row.filter.devices) == (("resolved", "voided"), ("nvr-2",))


def test_names_that_the_register_does_not_have_are_pointed_out(teller: TestClient, desk: Desk) -> None:
    world.places(desk.office)
    way = made(teller, desk, MAIL | {"groups": "south sowth", "customers": "metro", "devices": "nvr-2 nvr-9"})

    text = told(teller.get(f"/ways/{way}").text)

    assert "The register does not have: nvr-9, sowth." in text


def test_more_ways_than_there_may_be_are_refused_in_words(
    teller: TestClient, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(teller, desk)
    monkeypatch.setattr("roundsman_collector.store.ways.WAYS_LIMIT", 1)

    answer = teller.post("/ways", data=MAIL | {"name": "One more"})

    assert answer.status_code == 409
    assert "switch off one that nobody needs" in answer.text
    assert 'value="One more"' in answer.text


def test_what_a_person_writes_is_text_and_no_page(teller: TestClient, desk: Desk) -> None:
    way = made(teller, desk, MAIL | {"name": "<script>alert(1)</script>"})

    for path in ("/ways", f"/ways/{way}", f"/outbox?state=all&way={way}"):
        assert "<script>alert" not in teller.get(path).text


def test_without_a_mail_server_it_is_said_how_to_name_one(view: View) -> None:
    for has_mail in (True, False):
        desk = world.desk(view, has_mail=has_mail)
        teller = world.signed_in(desk, "dispatcher", **OURS)
        way = made(teller, desk)
        for path in ("/ways", f"/ways/{way}"):
            assert ("password_file" in teller.get(path).text) is not has_mail


def test_without_a_way_the_pages_say_what_to_do_next(teller: TestClient) -> None:
    assert "Nobody is told yet Add the first below" in told(teller.get("/ways").text)
    assert 'href="/ways"' in teller.get("/outbox").text.partition("<main")[2]


# --- the secret ------------------------------------------------------------------------------------------------------


def test_a_webhooks_secret_is_shown_once_and_never_again(teller: TestClient, desk: Desk, view: View) -> None:
    first = teller.post("/ways", data=HOOK)
    way = desk.office.ways()[0]
    second = teller.post(f"/ways/{way.id}/secret")

    secrets = [SECRET.findall(answer.text) for answer in (first, second)]
    assert secrets == [[way.secret], [desk.office.ways()[0].secret]]
    assert secrets[0] != secrets[1]
    assert "X-Roundsman-Signature" in first.text
    later = "".join(teller.get(path).text for path in ("/ways", f"/ways/{way.id}", "/outbox?state=all"))
    later += str(view.audit(limit=50))
    for hidden in (*secrets[0], *secrets[1], "s3cret"):
        assert hidden not in later
    assert "https://hooks.example.com/••••" in later


def test_a_webhooks_url_stays_when_it_is_left_empty(teller: TestClient, desk: Desk) -> None:
    way = made(teller, desk, HOOK)
    before = desk.office.ways()[0]

    assert teller.post(f"/ways/{way}", data=HOOK | {"target": "", "name": "Chat"}).status_code == 303

    after = desk.office.ways()[0]
    assert (after.name, after.target, after.secret) == ("Chat", before.target, before.secret)


def test_a_mail_has_no_secret_to_renew(teller: TestClient, desk: Desk, view: View) -> None:
    way = made(teller, desk)

    assert teller.post(f"/ways/{way}/secret").status_code == 422
    assert [one.verb for one in view.audit(limit=1)] == ["way.add"]


def test_a_bot_is_added_with_its_secret_which_stays_where_it_is_left_empty(
    teller: TestClient, desk: Desk, view: View
) -> None:
    way = made(teller, desk, BOT)
    assert teller.post(f"/ways/{way}", data=BOT | {"target": "", "secret": "", "name": "Night"}).status_code == 303

    row = desk.office.ways()[0]
    assert (row.name, row.target, row.secret) == ("Night", BOT["target"], "SECabc")
    html = "".join(teller.get(path).text for path in ("/ways", f"/ways/{way}")) + str(view.audit(limit=50))
    assert "s3cret" not in html and "SECabc" not in html
    assert "Night DingTalk bot https://oapi.dingtalk.com/••••" in told(html)

    teller.post(f"/ways/{way}", data=BOT | {"target": "", "secret": "", "unsigned": "1"})
    assert desk.office.ways()[0].secret == ""


def test_a_way_says_in_words_when_it_is_told(teller: TestClient, desk: Desk) -> None:
    times = {"quiet": "每天 22:00-07:00", "urgent_passes": "1", "after_minutes": "30", "repeat_minutes": "15"}
    way = made(teller, desk, MAIL | times | {"person": "engineer"})

    row = desk.office.ways()[0]
    assert row.person == "engineer"
    assert (row.timing.urgent_passes, row.timing.after_minutes, row.timing.repeat_minutes) == (True, 30, 15)
    text = told(teller.get("/ways").text)
    assert "only where engineer is sent · not in 22:00-07:00 · only after 30 min without an answer" in text
    html = teller.get(f"/ways/{way}").text
    assert 'value="22:00-07:00"' in html and '<details class="details" id="when" open>' in html

    teller.post(f"/ways/{way}", data=MAIL | {"daily": "08:30"})
    row = desk.office.ways()[0]
    assert (row.person, row.timing.daily, row.timing.quiet, row.timing.after_minutes) == (None, "08:30", "", 0)
    assert "once a day at 08:30" in told(teller.get("/ways").text)


def test_somebodys_own_way_says_that_it_hears_of_their_duty_and_their_sites(teller: TestClient, desk: Desk) -> None:
    form = teller.get("/ways").text
    for one in ("responsible", "duty"):
        assert f'name="also-{one}" value="1" checked' in form, "ticked unless somebody says otherwise"

    way = made(teller, desk, MAIL | {"person": "engineer", "also-duty": "1", "backup_minutes": "20"})

    row = desk.office.ways()[0]
    assert (row.filter.also, row.timing.backup_minutes) == (("duty",), 20)
    html = teller.get(f"/ways/{way}").text
    assert 'name="also-duty" value="1" checked' in html and 'name="also-responsible" value="1">' in html
    assert "only where engineer is sent · what befalls where they are on duty" in told(teller.get("/ways").text)
    refused = teller.post(f"/ways/{way}", data=MAIL | {"person": "engineer", "backup_minutes": "721"})
    assert (refused.status_code, "Write minutes, at most 720." in told(refused.text)) == (422, True)


def test_a_notice_that_is_held_says_why(teller: TestClient, desk: Desk, store: Store) -> None:
    made(teller, desk, MAIL | {"after_minutes": "30"})
    store.commit(Batch(now_ms=NOW, tickets=[ticket("nvr-2", NOW)]))

    assert "held perhaps somebody answers" in told(teller.get("/outbox?state=new").text)


# --- off and on, and the test ----------------------------------------------------------------------------------------


def test_a_way_that_is_switched_off_offers_only_to_be_switched_on(teller: TestClient, desk: Desk) -> None:
    way = made(teller, desk)

    assert teller.post(f"/ways/{way}/disable").headers["location"] == f"/ways/{way}?done=disabled"
    html = teller.get(f"/ways/{way}").text
    assert f'action="/ways/{way}/enable"' in html
    assert f'action="/ways/{way}/test"' not in html
    answer = teller.post(f"/ways/{way}/test")
    assert (answer.status_code, "switch it on first" in answer.text) == (409, True)
    assert desk.office.notices() == []
    assert teller.post(f"/ways/{way}/enable").headers["location"] == f"/ways/{way}?done=enabled"
    assert desk.office.ways()[0].disabled_ms is None


@pytest.mark.parametrize(
    ("become", "says"),
    [
        (lambda outbox, one: outbox.sent(one, NOW), "Sent: the other end has taken it"),
        (
            lambda outbox, one: outbox.dead(one, NOW, "hooks.example.com answers 404 100%s"),
            "It could not be delivered: hooks.example.com answers 404 100%s.",
        ),
        (lambda outbox, one: None, "Nothing has become of it yet"),
    ],
    ids=["sent", "dead", "waiting"],
)
def test_the_test_button_says_what_became_of_it(
    teller: TestClient, desk: Desk, outbox: Outbox, become: Callable[[Outbox, NoticeRow], None], says: str
) -> None:
    way = made(teller, desk, HOOK)
    answer = teller.post(f"/ways/{way}/test")
    notice = only(desk.office, way)
    become(outbox, notice)

    assert (answer.status_code, answer.headers["location"]) == (303, f"/ways/{way}?notice={notice.id}")
    html = teller.get(answer.headers["location"]).text
    assert says in html
    assert ('hx-trigger="load delay:2s"' in html) == (says.startswith("Nothing"))
    assert len(desk.office.notices()) == 1, "to look again sends nothing again"


def test_a_test_that_waits_too_long_is_not_looked_for_for_ever(view: View) -> None:
    now = [NOW]
    desk = world.desk(view, answer_within_s=0.0, now_ms=lambda: now[0])
    teller = world.signed_in(desk, "dispatcher", **OURS, **{"Accept-Language": "en"})
    way = made(teller, desk)
    at = teller.post(f"/ways/{way}/test").headers["location"]

    now[0] += ways.WATCH_MS

    html = teller.get(at).text
    assert "see whether the collector runs" in html
    assert "hx-trigger" not in html


def test_a_notice_of_another_way_is_not_watched(teller: TestClient, desk: Desk) -> None:
    one, two = made(teller, desk), made(teller, desk)
    notice = desk.office.test_way(one, DEED)

    assert "Nothing has become of it" in teller.get(f"/ways/{one}?notice={notice}").text
    assert "Nothing has become of it" not in teller.get(f"/ways/{two}?notice={notice}").text


# --- what could not be told ------------------------------------------------------------------------------------------


@pytest.fixture
def dead(teller: TestClient, desk: Desk, store: Store, outbox: Outbox) -> NoticeRow:
    """A notice that its mail server refused; another one waits behind it."""
    way = made(teller, desk)
    store.commit(Batch(now_ms=NOW, tickets=[ticket("nvr-2", NOW), ticket("bus-31", NOW)]))
    waiting = outbox.next(way, NOW, lately_ms=1, limit=30)
    assert waiting is not None
    outbox.dead(waiting.notice, NOW, "550 no such user")
    return waiting.notice


def test_dead_letters_are_seen_first_with_the_reason_and_a_button(teller: TestClient, dead: NoticeRow) -> None:
    html = teller.get("/outbox").text

    assert "550 no such user" in html
    assert "bus-31" not in told(html), "the one that waits is behind another word of the filter"
    assert "not delivered 1 waiting 1 sent out in a digest left out All" in told(html)
    assert html.count('action="/outbox/retry"') == 1
    assert "1 notice was not delivered · 1 notice waits" in told(teller.get("/ways").text)
    assert "bus-31" in told(teller.get("/outbox?state=new").text)


@pytest.mark.parametrize(
    ("came_from", "location"), [("way", "/ways/1?notice=1"), ("outbox", "/outbox?state=dead&notice=1"), ("//x", None)]
)
def test_a_dead_notice_is_tried_again_and_watched(
    teller: TestClient, desk: Desk, outbox: Outbox, dead: NoticeRow, came_from: str, location: str | None
) -> None:
    fields = {"notice": str(dead.id), "from": came_from, "state": "dead"}

    answer = teller.post("/outbox/retry", data=fields)

    assert answer.status_code == 303
    assert answer.headers["location"] == location or (location is None and answer.headers["location"][:8] == "/outbox?")
    assert "Nothing has become of it yet" in teller.get(answer.headers["location"]).text
    again = desk.office.notice(dead.id)
    assert again is not None
    assert (again.state, again.tries) == ("new", 0)
    outbox.again(again, NOW + 30_000, "451 come back later")
    text = told(teller.get(answer.headers["location"]).text)
    assert "It failed: 451 come back later. It is tried again at" in text
    assert teller.post("/outbox/retry", data=fields).status_code == 409


def test_all_that_is_dead_on_a_way_is_tried_again_at_once(teller: TestClient, desk: Desk, dead: NoticeRow) -> None:
    assert "Try the 1 that was not delivered again" in teller.get(f"/ways/{dead.way}").text

    assert teller.post(f"/ways/{dead.way}/retry").headers["location"] == f"/ways/{dead.way}?done=retried"

    assert desk.office.count_notices() == {"new": 2, "dead": 0}


def test_nothing_is_tried_on_a_way_that_is_switched_off(teller: TestClient, desk: Desk, dead: NoticeRow) -> None:
    teller.post(f"/ways/{dead.way}/disable")

    answer = teller.post("/outbox/retry", data={"notice": str(dead.id)})

    assert (answer.status_code, "switch it on first" in answer.text) == (409, True)
    assert 'action="/outbox/retry"' not in answer.text
    assert "the way was disabled" in told(teller.get("/outbox").text)
    assert teller.post(f"/ways/{dead.way}/retry").status_code == 409


@pytest.mark.parametrize("notice", ["", "0", "9", "1 OR 1=1", "9" * 40, "-1", "٣"])
def test_a_notice_that_is_not_there_is_not_found(teller: TestClient, notice: str) -> None:
    assert teller.post("/outbox/retry", data={"notice": notice}).status_code == 404


def test_the_outbox_has_pages(
    teller: TestClient, desk: Desk, store: Store, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ways, "PAGE", 2)
    way = made(teller, desk)
    for _ in range(5):
        desk.office.test_way(way, DEED)

    seen, at = [], "/outbox?state=new"
    while at:
        html = teller.get(at).text
        seen.append(html.count("asked for by dispatcher") + html.count("asked for by admin"))
        at = next(iter(re.findall(r'<a href="([^"]*before=[^"]*)">Next page', html)), "").replace("&amp;", "&")

    assert seen == [2, 2, 1]


@pytest.mark.parametrize("path", ["/outbox?state=lost", "/outbox?way=0", "/outbox?before=x", "/ways/0", "/ways/x"])
def test_an_address_that_cannot_be_is_refused(teller: TestClient, path: str) -> None:
    assert teller.get(path).status_code == 422


def test_a_way_that_is_not_there_is_not_found(teller: TestClient) -> None:
    assert teller.get("/ways/7").status_code == 404
    assert teller.post("/ways/7/test").status_code == 404


# --- rights and words ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("person", ["engineer", "viewer"])
def test_whoever_may_not_tell_sees_no_page_and_no_menu_of_it(desk: Desk, person: str) -> None:
    browser = world.signed_in(desk, person, **OURS)

    assert {browser.get(path).status_code for path in ("/ways", "/outbox")} == {403}
    assert browser.post("/ways", data=MAIL).status_code == 403
    assert 'href="/ways"' not in browser.get("/devices").text


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_of_the_tables_is_said_in_both_languages(language: str) -> None:
    tables = (
        *(ways.EVENT_NAMES, ways.STATE_NAMES, ways.HELD, ways.LEAST, ways.KIND_NAMES),
        *(ways.DONE, ways.WRONG, ways.WRONG_TARGET),
    )

    unsaid = [
        text for table in tables for text in table.values() if language == "zh" and words_of("zh").gettext(text) == text
    ]

    assert unsaid == []


def test_states_and_events_have_a_word_each() -> None:
    from roundsman_collector.store.notices import DIGEST, STATES, TEST, Held
    from roundsman_collector.store.ways import EVENTS, KINDS, SEVERITIES

    assert set(ways.STATE_NAMES) == set(STATES)
    assert set(ways.EVENT_NAMES) == {*EVENTS, TEST, DIGEST}
    assert {"", *ways.HELD} == set(get_args(Held))
    assert (set(ways.LEAST), set(ways.KIND_NAMES)) == (set(SEVERITIES), set(KINDS))
