"""Who may do what, as one table over every address and role; and what the table cannot forget: a new address.

The role is tried alone: everybody here reaches everything. What a scope hides is test_scope.py's.
"""

from collections.abc import Iterator, Sequence
from typing import Any, get_args

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Mount
from starlette.testclient import TestClient

from roundsman_collector.api import server
from roundsman_collector.api.desk import Desk
from roundsman_collector.api.summary import Summary
from roundsman_collector.metrics import serving
from roundsman_collector.roles import EVERYTHING, ROLES, Role
from roundsman_collector.store import Deed, View
from roundsman_collector.web.site import pages_of
from tests.collector.api import world
from tests.collector.api.conftest import api, person, settled, store, stranger, view
from tests.collector.permissions import TABLE

__all__ = ["api", "person", "settled", "store", "stranger", "view"]

API = "/api/v1"
STAND_INS = {
    "device_id": "kiosk-7",
    "device": "kiosk-7",
    "number": "2024-000001",
    "ticket": "2024-000001",
    "verb": "note",
    "login": "engineer",
    "session": "0" * 64,
    "token": "0" * 64,
}


def addresses(desk: Desk) -> dict[tuple[str, str], APIRoute]:
    """Every address with its method: of the API and of the pages."""
    application, summary = server.application(desk), Summary(desk.view)
    found = {}
    for prefix, app in (
        (API, application),
        ("", pages_of(desk, application, summary)),
        ("", serving.application(desk, summary)),
    ):
        for path, route in _routes(app.routes, prefix):
            for method in sorted(route.methods - {"HEAD"}):
                found[method, path] = route
    return found


def _routes(routes: Sequence[BaseRoute], prefix: str) -> Iterator[tuple[str, APIRoute]]:
    for route in routes:
        if isinstance(route, APIRoute):
            yield prefix + route.path, route
        elif hasattr(route, "original_router"):  # FastAPI keeps an included router as it was
            yield from _routes(route.original_router.routes, prefix)
        elif isinstance(route, Mount) and isinstance(route.app, FastAPI):
            yield from _routes(route.app.routes, prefix + route.path)


def right_of(dependant: Any) -> set[str]:
    """The rights that an address asks for, through everything it depends on."""
    found = {dependant.call.right} if hasattr(dependant.call, "right") else set()
    for one in dependant.dependencies:
        found |= right_of(one)
    return found


@pytest.fixture
def desk(view: View) -> Desk:
    made = world.desk(view, answer_within_s=0.0)
    for role in get_args(Role):
        deed = Deed(who="test", at_ms=world.NOW)
        made.office.add_person(f"a-{role}", name=role, role=role, scope=EVERYTHING, deed=deed)
    return made


def test_the_table_names_every_address_and_no_other(desk: Desk) -> None:
    found = set(addresses(desk))

    assert sorted(found - set(TABLE)) == [], "say in tests/collector/permissions.py who may use these"
    assert sorted(set(TABLE) - found) == [], "these are gone"


def test_every_address_asks_for_the_right_that_the_table_says(desk: Desk) -> None:
    asked = {address: right_of(route.dependant) for address, route in addresses(desk).items()}

    assert {address: rights for address, rights in asked.items() if len(rights) > 1} == {}
    wrong = {
        address: (rights, TABLE[address])
        for address, rights in asked.items()
        if address in TABLE and (next(iter(rights), None) or TABLE[address]) != TABLE[address]
    }
    assert wrong == {}
    unguarded = {address for address, rights in asked.items() if not rights}
    assert unguarded == {address for address, right in TABLE.items() if right in ("anyone", "signed in")}


def concrete(path: str) -> str:
    for name, value in STAND_INS.items():
        path = path.replace(f"{{{name}}}", value)
    while "{" in path:
        before, _, rest = path.partition("{")
        path = before + "nothing-1" + rest.partition("}")[2]
    return path


GUARDED = [(method, path) for (method, path), right in TABLE.items() if right not in ("anyone", "signed in")]
CHANGING = [(method, path) for (method, path), right in TABLE.items() if method != "GET"]
ENDLESS = "/live"
"""A stream; tests/collector/web tries it."""


@pytest.mark.parametrize("role", get_args(Role))
def test_a_role_uses_what_it_may_and_nothing_else(desk: Desk, role: Role) -> None:
    client, wrong = world.signed_in(desk, f"a-{role}"), []
    for method, path in GUARDED:
        if path == ENDLESS:
            continue
        sign_in_again(client, desk, f"a-{role}")
        answer = client.request(method, concrete(path), headers={"Origin": world.ORIGIN})
        is_refused = answer.status_code == 403
        if is_refused == (TABLE[method, path] in ROLES[role]):
            wrong.append((method, path, answer.status_code, answer.text[:300]))
    assert wrong == []


def sign_in_again(client: TestClient, desk: Desk, person: str) -> None:
    """What was tried before may have ended the session."""
    deed = Deed(who=person, at_ms=world.NOW)
    key = desk.office.begin_session(person, expires_ms=world.NOW + 1000, browser="", deed=deed)
    client.cookies.set(f"roundsman_{world.PORT}", key)


def test_a_stranger_gets_nowhere(desk: Desk) -> None:
    client, wrong = world.browser(desk, Origin=world.ORIGIN), []
    for method, path in GUARDED:
        answer = client.request(method, concrete(path))
        is_page = method == "GET" and (path == f"{API}/docs" or not path.startswith(API)) and path != "/metrics"
        expected = (303, "/login") if is_page else (401, "")
        if (answer.status_code, answer.headers.get("location", "")[:6]) != expected:
            wrong.append((method, path, answer.status_code))
    assert wrong == []


@pytest.mark.parametrize(
    "headers",
    [{}, {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}],
    ids=["no origin", "a foreign one", "a hidden one", "another site"],
)
def test_no_foreign_page_changes_anything_in_a_persons_name(desk: Desk, headers: dict[str, str]) -> None:
    client = world.signed_in(desk, "a-administrator")

    answers = {(method, path): client.request(method, concrete(path), headers=headers) for method, path in CHANGING}

    assert {address: one.status_code for address, one in answers.items() if one.status_code != 403} == {}


def test_the_table_is_about_something() -> None:
    assert len(GUARDED) > 50
    assert len(CHANGING) > 20
