"""/rules: what is in force, as of a time, for whom; overrides made and taken away; who may, and who learns of what."""

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from roundsman_collector.api.desk import Desk
from roundsman_collector.config import advice, load, rule_set
from roundsman_collector.roles import Scope
from roundsman_collector.rules.kept import Kept, body_of
from roundsman_collector.store import Deed, Store, View
from tests.collector.api import world
from tests.collector.api.world import NOW

RULES = "/api/v1/rules"
HALL = {"code": "printer.paper_end", "for": {"site": "hall"}, "for_s": 600}
BUILT_IN = rule_set(load(None))


@pytest.fixture
def desk(store: Store, view: View) -> Iterator[Desk]:
    store.put_rules(BUILT_IN.hash, body_of(Kept(base=BUILT_IN)), NOW - 1000)
    found = world.desk(view, advice=dict(advice(load(None))))
    world.places(found.office)
    deed = Deed(who="admin", at_ms=NOW)
    found.office.add_person(
        "theirs", name="theirs", role="viewer", scope=Scope(customers=frozenset({"metro"})), language="en", deed=deed
    )
    with world.answering(store):
        yield found


@pytest.fixture
def admin(desk: Desk) -> TestClient:
    return world.signed_in(desk, "admin", Origin=world.ORIGIN)


def fault(client: TestClient, code: str = "printer.paper_end") -> dict[str, Any]:
    answer = client.get(f"{RULES}/{code}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_the_catalogue_in_force_is_told_with_functions_causes_remedy_and_parts(admin: TestClient) -> None:
    told = admin.get(RULES).json()

    assert (told["hash"], told["valid_from_ms"], len(told["faults"])) == (
        BUILT_IN.hash,
        NOW - 1000,
        len(BUILT_IN.rules),
    )
    assert {"name": "receipts", "critical": True}.items() <= told["functions"][2].items()
    paper = next(one for one in told["faults"] if one["code"] == "printer.paper_end")
    assert (paper["for_s"], paper["category"], paper["takes_down_zh"]) == (60, "printer", "凭条打印")
    assert (paper["seen_zh"], paper["seen_en"]) == ("打印纸为缺纸", "paper is end")
    assert paper["parts"] == [{"zh": "热敏纸卷", "en": "roll of thermal paper"}]


def test_an_override_is_in_force_at_once_and_the_past_stays_what_it_was(admin: TestClient) -> None:
    answer = admin.post(f"{RULES}/overrides", json=HALL)

    assert (answer.status_code, answer.json()["state"]) == (200, "done")
    assert fault(admin)["overrides"] == [
        HALL | {"origin": "console", "by": "admin", "at_ms": NOW + 5, "at": "2024-10-04T18:00:00.005Z"}
    ]
    before = admin.get(RULES, params={"at": NOW}).json()
    assert (before["hash"], before["valid_from_ms"]) == (BUILT_IN.hash, NOW - 1000)
    assert [one["made_by"] for one in admin.get("/api/v1/rule-sets").json()["rule_sets"]] == ["admin", ""]
    assert [len(one["fault"]["overrides"]) for one in fault(admin)["history"]] == [1, 0]


def test_an_override_can_be_taken_away_again(admin: TestClient) -> None:
    admin.post(f"{RULES}/overrides", json=HALL)

    bare = {name: HALL[name] for name in ("code", "for")}
    assert admin.post(f"{RULES}/overrides/remove", json=bare).status_code == 200

    assert fault(admin)["overrides"] == []
    again = admin.post(f"{RULES}/overrides/remove", json=bare)
    assert (again.status_code, again.json()["type"]) == (409, "urn:roundsman:problem:no_override")


def test_an_override_for_all_devices_shows_in_the_rule_and_can_go(admin: TestClient) -> None:
    assert admin.post(f"{RULES}/overrides", json={"code": "printer.paper_end", "for_s": 90}).status_code == 200
    assert fault(admin)["for_s"] == 90

    admin.post(f"{RULES}/overrides/remove", json={"code": "printer.paper_end"})

    assert fault(admin)["for_s"] == 60


def test_a_function_may_be_said_not_to_be_critical_somewhere(admin: TestClient) -> None:
    said = {"function": "receipts", "for": {"site": "hall"}, "critical": False}

    assert admin.post(f"{RULES}/overrides", json=said).status_code == 200

    receipts = next(one for one in admin.get(RULES).json()["functions"] if one["name"] == "receipts")
    assert said.items() <= receipts["overrides"][0].items()


def test_whom_nobody_has_entered_is_warned_of_and_not_refused(admin: TestClient) -> None:
    answer = admin.post(f"{RULES}/overrides", json=HALL | {"for": {"site": "moon"}})

    assert (answer.status_code, answer.json()["warnings"]) == (200, ["there is no site 'moon' in the register yet"])
    assert admin.post(f"{RULES}/overrides", json=HALL | {"for": {"device": "kiosk-7"}}).json()["warnings"] == []


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (HALL | {"code": "printer.paper_and"}, "did you mean printer.paper_end?"),
        (HALL | {"for_s": -1}, "override printer.paper_end, for_s: expected greater than or equal to 0, got -1"),
        (HALL | {"for": {"town": "x"}}, "for.town: unknown key; expected one of kind, model, site, device"),
        (HALL | {"when": {"above": 3}}, "this fault has no limits that could be set"),
        ({"code": "host.cpu_high", "when": {"above": 90, "clear_below": 95}}, "expected at most the limit 90, got 95"),
        ({"function": "coffee", "critical": True}, "function: expected one of application"),
        ({}, "expected either code (of a fault) or function"),
    ],
)
def test_an_override_that_does_not_fit_is_refused_with_row_and_key(admin: TestClient, said: Any, told: str) -> None:
    answer = admin.post(f"{RULES}/overrides", json=said)

    assert (answer.status_code, answer.json()["type"]) == (422, "urn:roundsman:problem:bad_rule")
    assert told in answer.json()["detail"]


def test_somebody_who_looks_after_one_customer_learns_of_no_other_site_and_of_nobodys_name(
    desk: Desk, admin: TestClient
) -> None:
    sites = [row.id for row in desk.view.entries("site")]
    theirs = [row.id for row in desk.view.entries("site", scope=Scope(customers=frozenset({"metro"})))]
    assert 0 < len(theirs) < len(sites)
    for site in [*sites, "moon"]:
        admin.post(f"{RULES}/overrides", json=HALL | {"for": {"site": site}})
    admin.post(f"{RULES}/overrides", json=HALL | {"for": {"device": "no-such"}})

    viewer = world.signed_in(desk, "theirs", Origin=world.ORIGIN)
    seen = fault(viewer)

    assert [one["for"] for one in seen["overrides"]] == [{"site": site} for site in theirs]
    assert "admin" not in viewer.get(RULES).text + viewer.get("/api/v1/rule-sets").text + str(seen)
    assert "moon" not in str(seen)


@pytest.mark.parametrize("person", ["viewer", "engineer", "dispatcher"])
def test_only_administrators_change_rules(desk: Desk, person: str) -> None:
    client = world.signed_in(desk, person, Origin=world.ORIGIN)

    assert client.post(f"{RULES}/overrides", json=HALL).status_code == 403
    assert client.post(f"{RULES}/overrides/remove", json=HALL).status_code == 403
    assert client.get(RULES).status_code == 200


def test_a_fault_that_is_not_there_is_named(admin: TestClient) -> None:
    answer = admin.get(f"{RULES}/printer.paper_and")

    assert (answer.status_code, answer.json()["type"]) == (404, "urn:roundsman:problem:no_fault")
    assert "did you mean printer.paper_end?" in answer.json()["detail"]


def test_before_the_collector_was_ever_started_there_are_no_rules(view: View) -> None:
    client = world.signed_in(world.desk(view), "admin")

    assert client.get(RULES).status_code == 404
