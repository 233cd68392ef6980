"""/ways and /notices: who is told of what, and what became of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from roundsman_collector.store import Batch, Outbox, Store, View
from roundsman_collector.store.ways import EVENTS, USUAL
from tests.collector.api import world
from tests.collector.store.cast import ticket

WAYS, NOTICES = "/api/v1/ways", "/api/v1/notices"
MAIL = {"kind": "mail", "name": "Duty desk", "target": "duty@example.com"}
HOOK = {"kind": "webhook", "name": "Help desk", "target": "https://hooks.example.com/in?key=s3cret"}


@pytest.fixture
def outbox(store: Store, tmp_path: Path) -> Iterator[Outbox]:
    with Outbox.open(tmp_path / "roundsman.sqlite3") as opened:
        yield opened


def made(api: TestClient, said: dict[str, Any] = MAIL, **more: Any) -> dict[str, Any]:
    answer = api.post(WAYS, json={**said, **more})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_way_is_made_and_listed(api: TestClient) -> None:
    way = made(api, language="en", filter={"severity": "major", "groups": ["south", "south"]})

    assert api.get(WAYS).json() == {"ways": [way]}
    assert api.get(way["links"]["self"]).json() == way
    assert (way["name"], way["target"], way["language"], way["secret"]) == (
        "Duty desk",
        "duty@example.com",
        "en",
        None,
    )
    assert way["filter"] == {
        "events": list(USUAL),
        "severity": "major",
        "groups": ["south"],
        "customers": [],
        "devices": [],
        "also": [],
    }


def test_a_webhooks_secret_stands_in_the_answer_that_made_it_and_nowhere_else(api: TestClient, view: View) -> None:
    way = made(api, HOOK)
    renewed = api.patch(way["links"]["self"], json={"renew_secret": True}).json()

    assert way["secret"] and renewed["secret"] and way["secret"] != renewed["secret"]
    assert way["target"] == "https://hooks.example.com/••••"
    everything = api.get(WAYS).text + api.get(way["links"]["self"]).text + str(view.audit(before_id=None, limit=50))
    for secret in (way["secret"], renewed["secret"], "s3cret"):
        assert secret not in everything


def test_a_bot_is_made_with_the_secret_that_it_shows_and_nobody_sees_it_again(api: TestClient, view: View) -> None:
    target = "https://oapi.dingtalk.com/robot/send?access_token=s3cret"
    way = made(api, {"kind": "dingtalk", "name": "Group", "target": target, "secret": "SECabc"})
    at = way["links"]["self"]
    api.patch(at, json={"secret": "SECdef"})

    assert (way["secret"], way["signs"], way["target"]) == (None, True, "https://oapi.dingtalk.com/••••")
    everything = api.get(WAYS).text + api.get(at).text + str(view.audit(before_id=None, limit=50))
    for secret in ("s3cret", "SECabc", "SECdef"):
        assert secret not in everything
    assert api.patch(at, json={"secret": ""}).json()["signs"] is False


def test_a_way_says_when_it_is_told_and_whose_it_is(api: TestClient) -> None:
    timing = {"quiet": "每天 22:00-07:00", "urgent_passes": True, "repeat_minutes": 15}
    way = made(api, timing=timing, person="engineer")
    at = way["links"]["self"]

    assert way["timing"] == {
        "time_zone": "Asia/Shanghai",
        "quiet": "22:00-07:00",
        "urgent_passes": True,
        "daily": "",
        "after_minutes": 0,
        "repeat_minutes": 15,
        "backup_minutes": 15,
    }
    assert (way["person"], way["filter"]["events"]) == ("engineer", list(EVENTS))
    assert way["filter"]["also"] == ["responsible", "duty"], "whoever is not asked hears of what is theirs"
    assert api.patch(at, json={"timing": way["timing"]}).json()["timing"] == way["timing"], "as it was told"
    changed = api.patch(at, json={"timing": {"daily": "08:30"}, "person": ""}).json()
    assert (changed["timing"]["daily"], changed["timing"]["quiet"], changed["person"]) == ("08:30", "", None)
    assert api.patch(at, json={"person": "ghost"}).status_code == 409


def test_a_notice_says_why_it_waits(api: TestClient, store: Store) -> None:
    made(api, timing={"after_minutes": 30})
    store.commit(Batch(now_ms=world.NOW, tickets=[ticket(fault_from_ms=world.NOW)]))

    (notice,) = api.get(NOTICES).json()["notices"]
    assert (notice["held"], notice["wake_at_ms"]) == ("answer", world.NOW + 30 * 60_000)


def test_a_way_is_changed_disabled_and_enabled(api: TestClient, view: View) -> None:
    way = made(api)
    at = way["links"]["self"]

    changed = api.patch(at, json={"name": "Night", "filter": {"events": ["voided", "opened"]}}).json()
    assert (changed["name"], changed["target"]) == ("Night", "duty@example.com")
    assert changed["filter"]["events"] == ["opened", "voided"]
    assert api.post(f"{at}/disable").json()["disabled_ms"] == world.NOW
    assert api.post(f"{at}/enable").json()["disabled_ms"] is None
    verbs = [row.verb for row in reversed(view.audit(before_id=None, limit=50)) if row.verb.startswith("way.")]
    assert verbs == ["way.add", "way.change", "way.disable", "way.enable"]


@pytest.mark.parametrize(
    ("said", "where"),
    [
        ({"kind": "pigeon"}, "body.kind"),
        ({"target": "nobody"}, "body.target"),
        ({"target": "duty@example.com\r\nBcc: all@example.com"}, "body.target"),
        ({"name": " "}, "body.name"),
        ({"language": "tlh"}, "body.language"),
        ({"filter": {"events": []}}, "body.filter.events"),
        ({"filter": {"severity": "grave"}}, "body.filter.severity"),
        ({"filter": {"group": ["south"]}}, "body.filter.group"),
        ({"filter": {"devices": ["d"] * 501}}, "body.filter.devices"),
        ({"secret": "mine"}, "body.secret"),
        ({"kind": "wecom", "target": "https://qyapi.weixin.qq.com/"}, "body.target"),
        ({"timing": {"quiet": "24x7"}}, "body.timing"),
        ({"timing": {"daily": "8:30"}}, "body.timing"),
        ({"timing": {"after_minutes": 9999}}, "body.timing.after_minutes"),
        ({"timing": {"time_zone": "Mars/Olympus"}}, "body.timing"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_a_way_is_refused_with_the_field(api: TestClient, said: dict[str, Any], where: str) -> None:
    answer = api.post(WAYS, json={**MAIL, **said})

    assert (answer.status_code, answer.json()["where"]) == (422, where)
    assert api.get(WAYS).json() == {"ways": []}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"{WAYS}/7"),
        ("PATCH", f"{WAYS}/7"),
        ("POST", f"{WAYS}/7/disable"),
        ("POST", f"{WAYS}/7/test"),
        ("POST", f"{NOTICES}/7/retry"),
    ],
)
def test_what_is_not_there_is_not_found(api: TestClient, method: str, path: str) -> None:
    assert api.request(method, path, json={}).status_code == 404


def test_notices_are_listed_by_state_way_and_page(api: TestClient, store: Store, outbox: Outbox) -> None:
    one, two = made(api), made(api)
    store.commit(Batch(now_ms=world.NOW, tickets=[ticket(fault_from_ms=world.NOW), ticket("bus-31", world.NOW)]))
    waiting = outbox.next(one["id"], world.NOW, lately_ms=1, limit=30)
    assert waiting is not None
    outbox.dead(waiting.notice, world.NOW, "550 no such user")

    dead = api.get(NOTICES, params={"state": "dead"}).json()["notices"]
    assert [(row["way"], row["event"], row["subject"], row["error"]) for row in dead] == [
        (one["id"], "opened", "kiosk-7", "550 no such user")
    ]
    assert dead[0]["links"]["ticket"] == f"/api/v1/tickets/{dead[0]['ticket']}"
    assert len(api.get(NOTICES, params={"way": two["id"]}).json()["notices"]) == 2
    page = api.get(NOTICES, params={"limit": 3}).json()
    rest = api.get(NOTICES, params={"limit": 3, "before": page["next_before"]}).json()
    assert (len(page["notices"]), len(rest["notices"]), rest["next_before"]) == (3, 1, None)


def test_a_dead_notice_is_tried_again_once(api: TestClient, store: Store, outbox: Outbox) -> None:
    way = made(api)
    store.commit(Batch(now_ms=world.NOW, tickets=[ticket(fault_from_ms=world.NOW)]))
    waiting = outbox.next(way["id"], world.NOW, lately_ms=1, limit=30)
    assert waiting is not None
    outbox.dead(waiting.notice, world.NOW, "550 no such user")
    at = f"{NOTICES}/{waiting.notice.id}/retry"

    assert api.post(at).json()["state"] == "new"
    again = api.post(at)
    assert (again.status_code, again.json()["detail"]) == (409, f"notice {waiting.notice.id} is new, not dead")


def test_a_test_that_nobody_takes_says_so(view: View) -> None:
    desk = world.desk(view, answer_within_s=0.01)
    api = world.browser(desk, Authorization=f"Bearer {world.TOKEN}")
    way = made(api)

    answer = api.post(way["links"]["test"])

    assert answer.status_code == 202
    assert answer.json()["notice"]["state"] == "new"
    assert "whether the collector runs" in answer.json()["do"]


def test_a_disabled_way_is_not_tested(api: TestClient) -> None:
    way = made(api)
    api.post(f"{way['links']['self']}/disable")

    assert api.post(way["links"]["test"]).status_code == 409


def test_there_are_not_more_ways_than_there_may_be(api: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("roundsman_collector.store.ways.WAYS_LIMIT", 2)
    for _ in range(2):
        made(api)

    answer = api.post(WAYS, json=MAIL)
    assert (answer.status_code, answer.json()["detail"]) == (409, "there are 2 ways already")
