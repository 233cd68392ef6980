"""Who may come in: names, tokens, origins; and the headers that every answer carries."""

import pytest
from starlette.testclient import TestClient

from roundsman_collector.api.access import HEADERS
from roundsman_collector.store import Office, StoreError, View
from tests.collector.api import world
from tests.collector.api.world import ORIGIN, PORT, TOKEN

PRIVATE = [
    "/api/v1/devices",
    "/api/v1/devices/kiosk-7",
    "/api/v1/devices/kiosk-7/readings",
    "/api/v1/devices/kiosk-7/intervals",
    "/api/v1/devices/kiosk-7/conditions",
    "/api/v1/devices/kiosk-7/availability",
    "/api/v1/tickets",
    "/api/v1/tickets/1",
    "/api/v1/status",
]


@pytest.mark.parametrize("path", PRIVATE)
@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "no_token"),
        ({"Authorization": "Bearer wrong"}, "bad_token"),
        ({"Authorization": "Bearer an-old-token"}, "bad_token"),
        ({"Authorization": f"Basic {TOKEN}"}, "no_token"),
        ({"Authorization": "Bearer "}, "no_token"),
    ],
    ids=["none", "a stranger's", "expired", "not a bearer's", "empty"],
)
def test_nothing_is_told_without_a_good_token(
    stranger: TestClient, path: str, headers: dict[str, str], code: str
) -> None:
    answer = stranger.get(path, headers=headers)

    assert (answer.status_code, answer.json()["type"]) == (401, f"urn:roundsman:problem:{code}")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert "/data/api-token" in answer.json()["do"]


@pytest.mark.parametrize("path", PRIVATE)
def test_the_token_opens_everything(api: TestClient, path: str) -> None:
    assert api.get(path).status_code == 200


def test_health_needs_no_token_and_tells_nothing_of_the_fleet(stranger: TestClient) -> None:
    answer = stranger.get("/api/v1/health")

    assert answer.json() == {"status": "ok", "version": answer.json()["version"]}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "LOCALHOST"])
def test_we_answer_to_our_own_names(stranger: TestClient, host: str) -> None:
    assert stranger.get("/api/v1/health", headers={"Host": f"{host}:{PORT}"}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", f"evil.example:{PORT}", "127.0.0.1", f"127.0.0.1:{PORT + 1}", f"127.0.0.1.evil:{PORT}", ""]
)
@pytest.mark.parametrize("path", ["/api/v1/health", "/api/v1/devices", "/", "/static/roundsman.css"])
def test_a_foreign_name_is_dns_rebinding_and_gets_nothing(api: TestClient, host: str, path: str) -> None:
    answer = api.get(path, headers={"Host": host})

    assert (answer.status_code, answer.json()["type"]) == (421, "urn:roundsman:problem:foreign_host")


@pytest.mark.parametrize(
    "path", ["/", "/api/v1/health", "/api/v1/devices", "/static/roundsman.css", "/nothing", "/api/v1/x"]
)
def test_every_answer_carries_the_headers(stranger: TestClient, path: str) -> None:
    headers = stranger.get(path).headers

    assert {name: headers[name] for name in HEADERS} == HEADERS
    assert "no-store" in headers["cache-control"] or path.startswith("/static/"), "our own files tell nothing"
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": f"http://127.0.0.1:{PORT + 1}"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"}, 403),
        ({"Origin": ORIGIN}, 404),
        ({"Origin": f"http://localhost:{PORT}"}, 404),
        ({"Sec-Fetch-Site": "same-origin"}, 404),
    ],
)
def test_a_cookie_changes_things_from_our_own_pages_only(
    person: TestClient, headers: dict[str, str], status: int
) -> None:
    """404: it came through, and there is no such ticket."""
    assert person.post("/api/v1/tickets/99/acknowledge", headers=headers).status_code == status
    assert person.post("/tickets/99/act", data={"verb": "acknowledge"}, headers=headers).status_code == status


@pytest.mark.parametrize("cause", ["full", "locked"])
def test_a_full_disk_keeps_nobody_out(view: View, monkeypatch: pytest.MonkeyPatch, cause: str) -> None:
    desk = world.desk(view)
    client, program = world.signed_in(desk, "admin"), world.browser(desk, Authorization=f"Bearer {TOKEN}")

    def refuse(*_: object) -> None:
        raise StoreError(what="no room", where="here", do="free space", cause=cause, again=True)

    monkeypatch.setattr(Office, "session_seen", refuse)
    monkeypatch.setattr(Office, "token_used", refuse)
    monkeypatch.setattr("roundsman_collector.api.access.SEEN_EVERY_MS", -1)

    assert client.get("/api/v1/devices").status_code == 200
    assert program.get("/api/v1/devices").status_code == 200


def test_a_damaged_database_is_told(view: View, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise StoreError(what="damaged", where="here", do="restore a backup", cause="damaged")

    monkeypatch.setattr(Office, "token_used", refuse)

    assert world.browser(world.desk(view), Authorization=f"Bearer {TOKEN}").get("/api/v1/devices").status_code == 503
