"""Status, health, the document that describes the API, and what happens where the database does not answer."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from roundsman_collector.store import Batch, Store, StoreError, View
from roundsman_collector.store.schema import REVISION
from roundsman_collector.store.ticket_clocks import ClocksTold
from tests.collector.api.world import NOW, at


def test_status_tells_figures_counters_and_refusals_without_their_bytes(api: TestClient) -> None:
    found = api.get("/api/v1/status").json()

    assert (found["devices"], found["agents"], found["open_tickets"], found["evidence_rows"]) == (5, 4, 3, 2)
    assert (found["now_ms"], found["schema"]) == (NOW, REVISION)
    assert [(one["name"], one["cause"], one["count"], one["last_ms"]) for one in found["counters"]] == [
        ("refused", "bad_json", 3, at(10))
    ]
    assert [(one["topic"], one["cause"], one["byte_count"]) for one in found["quarantine"]] == [
        ("rm/1/south/a/report", "bad_json", 1)
    ]
    assert "raw" not in found["quarantine"][0]


def test_status_tells_which_tickets_are_put_off_since_when_and_why(api: TestClient, store: Store) -> None:
    off = ClocksTold(ticket=1, wake_at_ms=at(75), error="KeyError: 'loan'")
    for minutes in (10, 15):
        store.commit(Batch(now_ms=at(minutes), clocks=[off]))

    found = api.get("/api/v1/status").json()["tickets_put_off"]

    assert [(one["ticket"], one["since_ms"], one["tries"], one["error"], one["again_ms"]) for one in found] == [
        ("2024-000001", at(10), 2, "KeyError: 'loan'", at(75))
    ]
    store.commit(Batch(now_ms=at(75), clocks=[replace(off, error="")]))
    assert api.get("/api/v1/status").json()["tickets_put_off"] == []


def test_the_document_describes_every_address_and_its_token(api: TestClient) -> None:
    document = api.get("/api/v1/openapi.json").json()

    assert document["servers"] == [{"url": "/api/v1"}]
    assert set(document["paths"]) >= {
        "/health",
        "/status",
        "/devices",
        "/devices/{device_id}",
        "/devices/{device_id}/readings",
        "/devices/{device_id}/intervals",
        "/devices/{device_id}/conditions",
        "/devices/{device_id}/availability",
        "/tickets",
        "/tickets/{ticket}",
        "/tickets/{ticket}/{verb}",
    }
    operations = {(path, method): told for path, item in document["paths"].items() for method, told in item.items()}
    assert [key for key, told in operations.items() if not told.get("summary") or not told.get("description")] == []
    assert [key for key, told in operations.items() if not told.get("security")] == [("/health", "get")]


def test_the_manual_names_every_address(api: TestClient) -> None:
    manual = (Path(__file__).parents[3] / "docs" / "api.md").read_text("utf-8")
    document = api.get("/api/v1/openapi.json").json()

    rows = [line.replace("`", " ").split() for line in manual.splitlines() if line.startswith("|")]
    assert set(document["paths"]) - {word for row in rows for word in row} == set()


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nothing", 404), ("DELETE", "/devices", 405), ("POST", "/status", 405)]
)
def test_an_unknown_address_is_a_problem_too(api: TestClient, method: str, path: str, status: int) -> None:
    answer = api.request(method, f"/api/v1{path}")

    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


def test_a_database_that_does_not_answer_is_told_and_healthy_is_not_claimed(
    stranger: TestClient, view: View, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(_: int) -> None:
        raise StoreError(what="another program holds the database", where="x", do="wait", cause="locked", again=True)

    monkeypatch.setattr(view, "command", locked)

    answer = stranger.get("/api/v1/health")

    assert (answer.status_code, answer.json()["type"]) == (503, "urn:roundsman:problem:database_locked")
    assert answer.headers["retry-after"] == "2"


def test_reading_leaves_the_database_as_it_was(api: TestClient, tmp_path: Path) -> None:
    def content() -> list[str]:
        with sqlite3.connect(tmp_path / "roundsman.sqlite3") as connection:
            return list(connection.iterdump())

    def read() -> None:
        for path in ("/devices", "/devices/kiosk-7", "/devices/kiosk-7/readings", "/tickets/1", "/status", "/health"):
            assert api.get(f"/api/v1{path}").status_code == 200
        for path in ("/devices", "/devices/kiosk-7", "/tickets/2024-000001", "/api/v1/docs"):
            assert api.get(path).status_code == 200

    read()  # the token's use is noted now and then; what new devices are found by is written once
    before = content()

    read()

    assert content() == before
