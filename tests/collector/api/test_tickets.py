"""Tickets: lists, logs, evidence, and a person's word that the engine answers."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from roundsman_collector.store import Batch, Store, TicketOpen, TicketResolve, View
from tests.collector.api import world
from tests.collector.api.world import MINUTE, NOW, TOKEN, answering, at


def got(api: TestClient, path: str) -> Any:
    answer = api.get(f"/api/v1{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def numbers(api: TestClient, query: str) -> list[str]:
    return [one["number"] for one in got(api, f"/tickets?{query}")["tickets"]]


def test_tickets_are_found_by_state_device_and_page(api: TestClient, store: Store) -> None:
    store.commit(
        Batch(now_ms=NOW, tickets=[TicketResolve(ticket=1, at_ms=NOW, outcome="recovered", fault_to_ms=at(14))])
    )

    assert numbers(api, "") == ["2024-000003", "2024-000002", "2024-000001"]
    assert numbers(api, "state=open") == ["2024-000003", "2024-000002"]
    assert numbers(api, "state=open&state=resolved&device=kiosk-7") == ["2024-000001"]
    assert numbers(api, "device=@bus-31") == ["2024-000003"]
    first = got(api, "/tickets?limit=2")
    assert numbers(api, f"limit=2&before={first['next_before']}") == ["2024-000001"]
    assert got(api, "/tickets?limit=3")["next_before"] is None


def test_a_ticket_has_its_facts_its_log_and_the_records_it_stands_on(api: TestClient) -> None:
    found = got(api, "/tickets/2024-000001")

    assert (found["subject"], found["agent"], found["code"], found["name_zh"]) == (
        "kiosk-7",
        "kiosk-7",
        "printer.paper_end",
        "打印机缺纸",
    )
    assert (found["fault_from_ms"], found["opened_ms"]) == (at(12), at(12) + 2 * MINUTE)
    assert [(one["verb"], one["who"]) for one in found["events"]] == [("open", "roundsman")]
    assert [
        (one["role"], one["ref"]["n"], one["record"]["t_ms"], one["record"]["readings"]["printer.paper"])
        for one in found["evidence"]
    ] == [
        ("first", 1, at(12), "end"),
        ("confirmed", 2, at(12) + MINUTE, "end"),
    ]
    assert got(api, "/tickets/1") == found


def test_evidence_that_is_gone_is_said_to_be_gone(api: TestClient) -> None:
    evidence = got(api, "/tickets/2024-000002")["evidence"]

    assert [(one["ref"]["n"], one["record"]) for one in evidence] == [(40, None), (41, None)]
    assert "pruned" in evidence[0]["why"]


def test_a_repaired_time_still_finds_its_record(api: TestClient, store: Store) -> None:
    """The sample says 12:00 by its own clock; the ledger repaired that to 12:00:40."""
    late = world.ticket("kiosk-7", 1, "printer", "printer.paper_end", 12 + 40 / 3600, 1, "major")
    store.commit(Batch(now_ms=NOW, tickets=[late]))

    assert [one["record"]["n"] for one in got(api, "/tickets/4")["evidence"]] == [1, 2]


def test_an_agents_ticket_shows_the_sample_that_was_its_last(api: TestClient, store: Store) -> None:
    row = world.report(3, 3, None, [world.sample("bus-31", 70, at(15), {"gnss.fix": "3d"})])
    store.commit(Batch(now_ms=NOW, evidence=[row]))

    evidence = got(api, "/tickets/2024-000003")["evidence"]

    assert (evidence[0]["device"], evidence[0]["record"]["readings"]) == ("bus-31", {"gnss.fix": "3d"})


@pytest.mark.parametrize("name", ["99", "2024-000099", "x", "0", "9" * 18, "9" * 30, "²"])
def test_a_ticket_that_is_not_there_is_a_problem(api: TestClient, name: str) -> None:
    answer = api.get(f"/api/v1/tickets/{name}")

    assert (answer.status_code, answer.json()["type"]) == (404, "urn:roundsman:problem:no_ticket")


@pytest.mark.parametrize(
    ("verb", "state"), [("acknowledge", "acknowledged"), ("note", "open"), ("resolve", "resolved")]
)
def test_a_persons_word_is_asked_answered_and_in_the_log(api: TestClient, store: Store, verb: str, state: str) -> None:
    with answering(store):
        answer = api.post(f"/api/v1/tickets/2024-000001/{verb}", json={"text": " 已换纸 "})

    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["state"], told["events"][-1]["verb"], told["events"][-1]["who"]) == (state, verb, "token:first")
    assert told["events"][-1]["text"] == "已换纸"


def test_an_acknowledgement_needs_no_words(api: TestClient, store: Store) -> None:
    with answering(store):
        assert api.post("/api/v1/tickets/1/acknowledge").json()["acknowledged_by"] == "token:first"
        assert api.post("/api/v1/tickets/2/resolve", json={}).json()["outcome"] == "by_person"


def test_what_the_engine_refuses_is_a_conflict_with_its_reason(api: TestClient, store: Store) -> None:
    with answering(store):
        assert api.post("/api/v1/tickets/1/resolve", json={}).status_code == 200
        answer = api.post("/api/v1/tickets/1/acknowledge", json={})

    assert (answer.status_code, answer.json()["type"]) == (409, "urn:roundsman:problem:not_allowed")
    assert "it is resolved" in answer.json()["detail"]


def test_without_an_engine_the_answer_is_not_yet_and_the_command_stays(view: View) -> None:
    api = world.browser(world.desk(view, answer_within_s=0.1), Authorization=f"Bearer {TOKEN}")

    answer = api.post("/api/v1/tickets/1/note", json={"text": "还在吗"})

    assert (answer.status_code, answer.json()["state"], answer.json()["ticket"]) == (202, "new", "1")
    command = view.command(answer.json()["command"])
    assert command is not None
    assert (command.who, command.verb, command.args, command.at_ms) == (
        "token:first",
        "note",
        {"ticket": 1, "text": "还在吗"},
        NOW,
    )
    assert api.get("/api/v1/status").json()["new_commands"] == 1


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/tickets/1/note", {"text": "  "}, 422),
        ("/tickets/1/note", {}, 422),
        ("/tickets/1/note", {"text": 5}, 422),
        ("/tickets/1/note", {"text": "x" * 4001}, 422),
        ("/tickets/1/note", {"text": "x", "who": "somebody else"}, 422),
        ("/tickets/1/note", ["x"], 422),
        ("/tickets/1/merge", {"text": "x"}, 422),
        ("/tickets/99/note", {"text": "x"}, 404),
    ],
)
def test_what_cannot_be_asked_asks_nothing(api: TestClient, view: View, path: str, body: Any, status: int) -> None:
    answer = api.post(f"/api/v1{path}", json=body)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert view.status().new_commands == 0


@pytest.mark.parametrize(
    "query", ["state=asleep", "limit=0", "limit=501", "before=0", "before=x", f"device={'x' * 81}"]
)
def test_bad_parameters_of_the_list(api: TestClient, query: str) -> None:
    assert api.get(f"/api/v1/tickets?{query}").status_code == 422


def test_who_may_only_look_sees_no_telephone_number(store: Store, view: View) -> None:
    said = TicketOpen(
        subject="kiosk-7",
        agent_no=None,
        component="device",
        code="reported",
        severity="major",
        service_class="maintenance",
        fault_from_ms=NOW,
        opened_ms=NOW,
        year=2025,
        source="phone",
        watched=False,
        data={"source": "phone", "caller": {"name": "Chen", "phone": "13812345678"}},
    )
    (made,) = store.commit(Batch(now_ms=NOW, tickets=[said])).tickets
    world.places(world.desk(view).office)
    looker, dispatcher = (world.signed_in(world.desk(view), one) for one in ("viewer", "dispatcher"))

    seen = looker.get(f"/api/v1/tickets/{made.number}")
    assert (seen.status_code, "138****5678" in seen.text, "13812345678" in seen.text) == (200, True, False)
    assert "13812345678" in dispatcher.get(f"/api/v1/tickets/{made.number}").text
