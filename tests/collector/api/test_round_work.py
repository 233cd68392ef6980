"""/rounds/{number}/work: what is open, what may be written by whom, and that nothing is lost or written twice."""

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from roundsman_collector.core.local_days import day_at
from roundsman_collector.core.looking import Mode
from roundsman_collector.roles import Scope
from roundsman_collector.store import Batch, Store, View
from roundsman_collector.store.reading_days import DayRow, DaysTold
from tests.collector.api import world
from tests.collector.api.rounds_desk import LATER, NUMBER, inspected, placed
from tests.collector.core import pictures

ADDRESS = f"/api/v1/rounds/{NUMBER}"
TICK = {"device": "kiosk-7", "item": "touch", "verdict": "pass"}
NOW = LATER + 60_000


@pytest.fixture
def api(view: View) -> TestClient:
    """A program, a minute after the round's agents are through."""
    return world.browser(world.desk(view, now_ms=lambda: NOW), Authorization=f"Bearer {world.TOKEN}")


@pytest.fixture
def visit(store: Store, view: View) -> None:
    """A round on site at metro-a: kiosk-7 and nvr-2."""
    begin(store, view, "visit")


def begin(store: Store, view: View, mode: Mode) -> None:
    placed(view, ("li", "engineer", METRO), ("zhao", "viewer", METRO), ("sun", "engineer", OTHER))
    inspected(store, view, ["metro-a"], mode)


METRO, OTHER = Scope(customers=frozenset({"metro"})), Scope(customers=frozenset({"other"}))


def uploaded(api: TestClient, kind: str = "photo", body: bytes = pictures.png(300, 110)) -> int:
    answer = api.post(f"{ADDRESS}/files?kind={kind}", content=body, headers={"Content-Type": "image/png"})
    assert answer.status_code == 201, answer.text
    found: int = answer.json()["id"]
    return found


def ticked(api: TestClient, key: str = "", **changes: Any) -> Any:
    return api.post(f"{ADDRESS}/ticks", json=TICK | changes, headers={"Idempotency-Key": key} if key else {})


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, str(answer.json().get("type", "")).removeprefix("urn:roundsman:problem:")


def work(api: TestClient, query: str = "") -> dict[str, Any]:
    found: dict[str, Any] = api.get(f"{ADDRESS}/work{query}").json()
    return found


def everything(api: TestClient) -> None:
    """Tick all that is open, with a photo where one is asked for."""
    for one in work(api)["questions"]:
        ticked(api, device="", item=one["item"])
    for device in work(api)["devices"]:
        for item in api.get(f"{ADDRESS}/work/{device['device']}").json()["items"]:
            files = [uploaded(api)] if item["photo"] == "needed" else []
            assert ticked(api, device=device["device"], item=item["item"], files=files).status_code == 201


def test_what_is_open_is_told_with_what_monitoring_puts_beside_it(visit: None, api: TestClient) -> None:
    found = work(api)
    kiosk = api.get(f"{ADDRESS}/work/kiosk-7").json()

    assert (found["mode"], found["state"]) == ("visit", "open")
    assert [one["device"] for one in found["devices"]] == ["kiosk-7", "nvr-2"]
    assert found["progress"]["asked"] == sum(one["asked"] for one in found["devices"]) + len(found["questions"])
    assert found["progress"]["found"] == 0
    items = {one["item"]: one for one in kiosk["items"]}
    assert len(items) == found["devices"][0]["asked"]
    assert (items["housing"]["photo"], items["housing"]["verdict"]) == ("needed", None)
    assert any(one["name"] == "temperature[cpu].celsius" for one in items["cleaned"]["readings"])
    assert [one["code"] for one in kiosk["since"]] == ["printer.paper_end", "printer.cover_open"]
    assert work(api, "?open=true&limit=1")["next_after"] == "kiosk-7"


# Shows S0-31.
def test_beside_the_cleaning_stands_how_warm_it_was_over_the_period(visit: None, store: Store, api: TestClient) -> None:
    day = day_at(world.NOW, "Asia/Shanghai")
    rows = [DayRow("kiosk-7", day - ago, "temperature[cpu].celsius", 38 + ago, 52 + ago, 41, 1, 9) for ago in (1, 0)]
    store.commit(Batch(now_ms=NOW, reading_days=DaysTold(rows=rows, rest_seq=1, waiting={})))

    items = {one["item"]: one for one in api.get(f"{ADDRESS}/work/kiosk-7").json()["items"]}

    (warm,) = items["cleaned"]["readings"]
    assert warm["period"] == {"least": 38, "greatest": 53, "first": 41, "last": 41, "days": 2}


def test_what_somebody_found_is_counted_and_the_last_word_counts(visit: None, api: TestClient) -> None:
    first = ticked(api, verdict="fail", words="dead in the corner", at=LATER - 5_000)
    ticked(api)

    found = work(api)
    assert (first.status_code, first.json()["at_ms"], first.json()["who"]) == (201, LATER - 5_000, "token:first")
    assert found["progress"]["verdicts"] == {"fail": 0, "attention": 0, "unseen": 0, "pass": 1}
    assert found["devices"][0]["found"] == 1
    item = next(one for one in api.get(f"{ADDRESS}/work/kiosk-7").json()["items"] if one["item"] == "touch")
    assert (item["verdict"], item["words"]) == ("pass", "")


def test_the_same_key_again_adds_nothing_even_when_the_round_is_finished(visit: None, api: TestClient) -> None:
    first = ticked(api, "k1")
    again = ticked(api, "k1")

    assert again.json() == first.json()
    assert code(ticked(api, "k1", verdict="attention", words="x")) == (409, "round_key_used")
    assert api.post(f"{ADDRESS}/finish", json={"rest": "x"}).status_code == 409
    everything(api)
    finished(api)
    assert ticked(api, "k1").json() == first.json()
    assert code(ticked(api, "k2")) == (409, "round_finished")


def finished(api: TestClient) -> Any:
    for side in ("engineer", "customer"):
        body = {"side": side, "name": "王小姐", "file": uploaded(api, "signature"), "version": work(api)["version"]}
        assert api.post(f"{ADDRESS}/signatures", json=body).status_code == 201
    return api.post(f"{ADDRESS}/finish", json={"version": work(api)["version"]})


def test_a_finished_round_becomes_a_document_that_says_who_found_what(visit: None, api: TestClient) -> None:
    assert api.get(ADDRESS).json()["document"] is None
    everything(api)
    ticked(api, item="touch", verdict="attention", words="slow")

    assert finished(api).status_code == 201

    full = api.get(ADDRESS).json()
    assert (full["state"], full["mode"], full["finished_by"]) == ("done", "visit", "token:first")
    looked = full["document"]["looked"]
    assert [(one["side"], one["name"]) for one in looked["signed"]] == [("engineer", "王小姐"), ("customer", "王小姐")]
    assert looked["verdicts"]["attention"] == 1
    assert all(one["verdict"] == "pass" for one in looked["questions"])
    ticks = {one["id"]: one for one in full["document"]["devices"][0]["ticks"]}
    assert (ticks["touch"]["verdict"], ticks["touch"]["words"], ticks["touch"]["who"]) == (
        "attention",
        "slow",
        "token:first",
    )
    assert len(ticks["housing"]["files"]) == 1
    assert api.get(f"{ADDRESS}/files/{ticks['housing']['files'][0]}").content == pictures.png(300, 110)


def test_what_nobody_looked_at_is_not_seen_with_the_reason(visit: None, api: TestClient) -> None:
    signature = uploaded(api, "signature")
    sign = {"side": "engineer", "name": "Li", "file": signature, "version": work(api)["version"]}

    assert code(api.post(f"{ADDRESS}/finish", json={"rest": "closed"})) == (409, "round_no_engineer")
    assert api.post(f"{ADDRESS}/signatures", json=sign).status_code == 201
    assert code(api.post(f"{ADDRESS}/finish", json={"unsigned": "closed"})) == (409, "round_missing")
    assert code(api.post(f"{ADDRESS}/finish", json={"rest": "closed"})) == (409, "round_no_customer")
    assert api.post(f"{ADDRESS}/finish", json={"rest": "closed", "unsigned": "nobody there"}).status_code == 201

    document = api.get(ADDRESS).json()["document"]
    assert {(one["verdict"], one["words"]) for one in document["devices"][0]["ticks"]} == {("unseen", "closed")}
    assert (document["looked"]["rest"], document["looked"]["unsigned"]) == ("closed", "nobody there")


def test_who_signs_what_they_have_not_seen_looks_again(visit: None, api: TestClient) -> None:
    seen = work(api)["version"]
    signature = uploaded(api, "signature")
    ticked(api)

    stale = api.post(
        f"{ADDRESS}/signatures", json={"side": "engineer", "name": "Li", "file": signature, "version": seen}
    )

    assert code(stale) == (412, "round_changed")
    assert work(api)["signed"] == []


@pytest.mark.parametrize(
    ("changes", "status", "told"),
    [
        ({"device": "ups-2"}, 409, "round_no_item"),
        ({"item": "nonsense"}, 409, "round_no_item"),
        ({"device": "", "item": "touch"}, 409, "round_no_item"),
        ({"item": "housing"}, 409, "round_no_photo"),
        ({"verdict": "fail"}, 409, "round_no_words"),
        ({"verdict": "good"}, 422, "bad_parameter"),
        ({"words": "x" * 401}, 422, "bad_parameter"),
        ({"files": [1] * 9}, 422, "bad_parameter"),
        ({"files": [77]}, 412, "round_changed"),
        ({"surprise": 1}, 422, "bad_parameter"),
    ],
)
def test_a_line_that_makes_no_sense_is_refused(
    visit: None, api: TestClient, changes: dict[str, Any], status: int, told: str
) -> None:
    assert code(ticked(api, **changes)) == (status, told)
    assert work(api)["progress"]["found"] == 0


@pytest.mark.parametrize("address", ["work", "work/kiosk-7", "files/7"])
def test_somebody_of_another_customer_learns_nothing(visit: None, view: View, address: str) -> None:
    other = world.signed_in(world.desk(view), "sun", Origin=world.ORIGIN)

    found = other.get(f"{ADDRESS}/{address}")
    none = other.get(f"/api/v1/rounds/R2024-000009/{address}")

    assert (found.status_code, none.status_code) == (404, 404)
    assert found.json()["type"] == none.json()["type"]


@pytest.mark.parametrize(
    ("address", "body"),
    [
        ("ticks", TICK),
        ("signatures", {"side": "engineer", "name": "x", "file": 1}),
        ("finish", {"rest": "x"}),
        ("files?kind=photo", {}),
    ],
)
def test_who_may_only_look_writes_nothing(visit: None, view: View, address: str, body: dict[str, Any]) -> None:
    viewer = world.signed_in(world.desk(view), "zhao", Origin=world.ORIGIN)

    assert viewer.get(f"{ADDRESS}/work").status_code == 200
    assert code(viewer.post(f"{ADDRESS}/{address}", json=body)) == (403, "not_yours")


def test_a_remote_round_asks_nobody(store: Store, view: View, api: TestClient) -> None:
    begin(store, view, "remote")

    assert work(api)["questions"] == work(api)["devices"] == []
    assert code(ticked(api)) == (409, "round_remote")
    assert code(api.post(f"{ADDRESS}/files?kind=photo", content=b"x")) == (409, "round_remote")
    assert code(api.get(f"{ADDRESS}/work/kiosk-7")) == (404, "no_device")


# Shows S4-28.
def test_the_second_visit_begins_with_the_faults_since_the_first(
    visit: None, store: Store, view: View, api: TestClient
) -> None:
    everything(api)
    finished(api)

    inspected(store, view, ["metro-a"], "visit")

    found = api.get("/api/v1/rounds/R2024-000002/work/kiosk-7").json()
    assert [one["code"] for one in found["since"]] == ["printer.cover_open"]  # it holds; the other one was before
    assert view.round_before(view.rounds()[0]) == view.rounds()[1]


# Shows S4-27.
def test_a_phone_round_asks_what_monitoring_cannot_answer(store: Store, view: View, api: TestClient) -> None:
    begin(store, view, "phone")

    found = {one["item"]: one for one in work(api)["questions"]}
    again = {one["item"]: one for one in work(api)["questions"]}

    assert work(api)["devices"] == []
    assert found == again
    assert (found["faults"]["verdict"], found["faults"]["monitored"]["verdict"]) == (None, "attention")
    assert "2 台" in found["faults"]["monitored"]["zh"]
    assert found["wishes"]["monitored"] is None
    for name, one in found.items():
        assert ticked(api, device="", item=name).status_code == 201, one
    assert api.post(f"{ADDRESS}/finish", json={}).status_code == 201
    assert api.get(ADDRESS).json()["document"]["devices"][0]["ticks"] == []


def test_a_round_is_begun_with_its_mode(store: Store, view: View, api: TestClient) -> None:
    placed(view)
    with world.answering(store):
        answer = api.post("/api/v1/rounds", json={"site": "metro-a", "mode": "visit"})

    assert (answer.status_code, answer.json()["mode"], answer.json()["state"]) == (201, "visit", "running")
    assert code(api.post("/api/v1/rounds", json={"site": "metro-a", "mode": "letter"})) == (422, "bad_parameter")
    assert code(api.post(f"{ADDRESS}/finish", json={"rest": "x", "unsigned": "y"})) == (409, "round_running")
    assert ticked(api).status_code == 201  # nobody waits for the agents


@pytest.fixture(autouse=True)
def shut(api: TestClient) -> Iterator[None]:
    yield
    api.close()
