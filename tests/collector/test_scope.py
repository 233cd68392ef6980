"""A viewer of one customer cannot learn that another exists: not by a list, an id, a figure or an error.

Every address that a viewer may use is asked twice about something: once about what another customer has, once about
what nobody has. The answers must not differ. And whatever is listed must not hold a word of the other customer's.
"""

import hashlib
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from roundsman_collector.api.desk import Desk
from roundsman_collector.roles import Scope
from roundsman_collector.store import By, Deed, Office, ReportDesk, Rota, ShiftWish, Store, View, Wish
from roundsman_collector.store.issued import Made, NewBody
from roundsman_collector.store.issued import Wish as ReportWish
from tests.collector.api import planned, world
from tests.collector.api.conftest import settled
from tests.collector.permissions import TABLE

__all__ = ["settled"]

HUSHED = re.compile(r"hush|机密|ups-2|bus-31|new-1|2024-00000(?:3)|2024-000003", re.IGNORECASE)
"""Whatever belongs to the other customer: names, ids, devices, the ticket about bus-31's agent."""
FOREIGN = {
    "device_id": "ups-2",
    "device": "ups-2",
    "number": "2024-000003",
    "ticket": "2024-000003",
    "customer": "hush",
    "site": "hush-a",
    "place": "hush-1",
    "contract": "hush-c",
    "entry": "hush",
    "entry_id": "hush",
    "id": "hush",
    "agent": "bus-31",
    "overlay": "2",
    "shift": "1",
    "task": "1",
    "report": "1",
}
NOBODYS = {"report": "7", "task": "777"}
"""Of what has a number and no name, one that nothing has; of the rest, a name that nothing has is made of FOREIGN."""
KINDS = {"customers": "hush", "sites": "hush-a", "places": "hush-1", "contracts": "hush-c", "devices": "ups-2"}
KINDS |= {"calendars": "hush-days", "points": "hush-point", "plans": "hush-call"}
HARMLESS = {"day": "2025-10-01", "form": "csv", "reports/form": "pdf"}
"""Parts of addresses that name nothing of anybody's."""


@pytest.fixture(scope="module")
def shared_out(settled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of world.py, and of each customer one of everything; to be copied."""
    database = tmp_path_factory.mktemp("shared-out") / "roundsman.sqlite3"
    shutil.copy(settled, database)
    with Store.open(database) as store, Office.open(database) as office:
        world.places(office)
        names = {"name_zh": "机密日历", "name_en": "Hush days"}
        office.put_entry("calendar", "hush-days", names, deed=Deed(who="admin", at_ms=world.NOW))
        point = {"name_zh": "机密网点", "name_en": "Hush point", "group_id": "south"}
        office.put_entry("point", "hush-point", point, deed=Deed(who="admin", at_ms=world.NOW))
        tasks = planned.plan(store, office)
        assert FOREIGN["task"] == str(tasks["hush-call"])
        duty = ShiftWish(
            rota=Rota(group="south"),
            person="engineer",
            kind="primary",
            from_ms=world.NOW,
            to_ms=world.NOW + world.HOUR,
            note="hush",
        )
        office.add_shift(duty, deed=Deed(who="admin", at_ms=world.NOW))
        for device, text in (("kiosk-7", "metro's"), ("ups-2", "hush-hush")):
            wish = Wish(
                kind="exclusion",
                scope="device",
                target=device,
                from_ms=world.at(9),
                to_ms=world.at(10),
                reason="customer_power",
                text=text,
            )
            made = office.propose_overlay(wish, deed=Deed(who="dispatcher", at_ms=world.NOW), by=By(may_approve=True))
            second = Deed(who="admin", at_ms=world.NOW)
            office.act_on_overlay(made, "approve", deed=second, by=By(may_approve=True), text=text)
        scope = Scope(customers=frozenset({"metro"}))
        office.add_token("metro's", name="m", role="viewer", scope=scope, deed=Deed(who="admin", at_ms=world.NOW))
    issue_reports(database)
    return database


@contextmanager
def opened(database: Path) -> Iterator[Desk]:
    with View.open(database) as view:
        desk = world.desk(view, answer_within_s=0.0)
        yield desk
        desk.office.close()


@pytest.fixture
def desk(shared_out: Path, tmp_path: Path) -> Iterator[Desk]:
    """A desk of the test's own."""
    with opened(shutil.copy(shared_out, tmp_path / "roundsman.sqlite3")) as made:
        yield made


def issue_reports(database: Path) -> None:
    """Of each customer one that was issued: 1 is about hush, 2 about metro."""
    content = b"%PDF-1.7 of somebody"
    pdf = NewBody("pdf", hashlib.sha256(content).hexdigest(), content)
    made = Made(known_ms=world.NOW, body="[]", digest="d", versions="{}", files=[pdf])
    deed = Deed(who="admin", at_ms=world.NOW)
    with ReportDesk.open(database) as reports:
        for customer in ("hush", "metro"):
            wish = ReportWish(
                kind="sla",
                scope="contract",
                about=f"{customer}-c",
                period="2024-09",
                number=f"SLA-2024-09-{customer}-c",
                from_ms=world.NOW - 30 * 24 * world.HOUR,
                to_ms=world.NOW - world.HOUR,
                customer=customer,
            )
            reports.ask(wish, deed=deed)
            row = reports.claim("a", world.NOW)
            assert row is not None
            assert reports.keep(row, made, state="final", wake_at_ms=None, now_ms=world.NOW)
            reports.issue(row.id, deed=deed)


@pytest.fixture(scope="module")
def viewers(shared_out: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, TestClient]]:
    """A person and a program that reach metro only, for what changes nothing."""
    with opened(shutil.copy(shared_out, tmp_path_factory.mktemp("read") / "roundsman.sqlite3")) as desk:
        yield {
            "a person": world.signed_in(desk, "viewer"),
            "a program": world.browser(desk, Authorization="Bearer metro's"),
        }


@pytest.fixture(params=["a person", "a program"])
def viewer(viewers: dict[str, TestClient], request: pytest.FixtureRequest) -> TestClient:
    """Each of them."""
    return viewers[request.param]


SEEN = sorted(path for (method, path), right in TABLE.items() if method == "GET" and right == "see" and path != "/live")
FILES = [path.replace("{form}", "csv") for path in SEEN if path.count("{") == 1 and path.endswith(".{form}")]
"""Lists to take along."""
LISTS = [path for path in SEEN if "{" not in path] + FILES
SINGLES = [path for path in SEEN if "{" in path and path.replace("{form}", "csv") not in FILES]
QUERIES = ("", "?q=hush", "?q=ups", "?customer=hush", "?site=hush-a", "?place=hush-1", "?group=south", "?device=ups-2")


ASKED = {
    "/devices/{device_id}/samples": f"?at={world.at(12)}",
    "/api/v1/changes": f"?known={world.at(8)}",
    "/changes": "?known=2024-10-04T16:00",
}
"""What an address cannot do without."""


def filled(path: str, *, foreign: bool) -> str:
    """The address about what the other customer has, or about what nobody has."""
    of = path.partition("{")[0].rstrip("/").rpartition("/")[2]
    for name in re.findall(r"{(\w+)(?::path)?}", path):
        if name in HARMLESS:
            path = path.replace(f"{{{name}}}", HARMLESS.get(f"{of}/{name}", HARMLESS[name]))
            continue
        before = path.partition("{")[0].rstrip("/").rpartition("/")[2]
        value = FOREIGN.get(name, KINDS.get(before, "hush"))
        if name in ("id", "entry", "entry_id"):
            value = KINDS.get(before, value)
        path = re.sub(rf"{{{name}(?::path)?}}", value if foreign else NOBODYS.get(name, f"{value[:-1]}z"), path)
    return path


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(("who", "language"), [("a person", "zh"), ("a program", "en")])
def test_no_list_holds_a_word_of_another_customer(
    viewers: dict[str, TestClient], path: str, who: str, language: str
) -> None:
    speaks = {"Accept-Language": language}
    for query in QUERIES:
        asked = f"{path}{ASKED[path]}{query.replace('?', '&')}" if path in ASKED else path + query
        answer = viewers[who].get(asked, headers=speaks)

        told = answer.text.replace(query.removeprefix("?"), "").replace(query.partition("=")[2] or "\0", "")
        assert not HUSHED.search(told), (path + query, HUSHED.findall(told)[:5])


@pytest.mark.parametrize("path", SINGLES)
def test_what_is_out_of_reach_answers_like_what_does_not_exist(viewer: TestClient, path: str) -> None:
    foreign, nothing = filled(path, foreign=True), filled(path, foreign=False)

    theirs, nobodys = viewer.get(foreign + ASKED.get(path, "")), viewer.get(nothing + ASKED.get(path, ""))

    assert theirs.status_code == nobodys.status_code == 404, (foreign, theirs.status_code, nobodys.status_code)
    assert theirs.text.replace(foreign, nothing).replace(foreign.rpartition("/")[2], nothing.rpartition("/")[2]) == (
        nobodys.text
    ) or _shape(theirs.text) == _shape(nobodys.text)


def _shape(text: str) -> str:
    """A page without the names that it was asked about."""
    for name in sorted({*FOREIGN.values(), *KINDS.values(), *NOBODYS.values()}, key=len, reverse=True):
        text = text.replace(name, "*").replace(f"{name[:-1]}z", "*")
    return text


def test_what_is_within_reach_is_there(viewer: TestClient) -> None:
    """The other side of the coin: metro's own things are found, so the test above does not find an empty house."""
    assert viewer.get("/api/v1/devices/kiosk-7").status_code == 200
    assert viewer.get("/api/v1/tickets/2024-000001").status_code == 200
    assert {one["id"] for one in viewer.get("/api/v1/devices").json()["devices"]} == {"kiosk-7", "nvr-2"}
    assert len(viewer.get("/api/v1/tickets").json()["tickets"]) == 2
    assert [one["id"] for one in viewer.get("/api/v1/reports").json()["reports"]] == [2]
    tasks = viewer.get("/api/v1/tasks").json()["tasks"]
    assert {one["plan"] for one in tasks} == {"upkeep"}
    assert viewer.get(f"/api/v1/tasks/{tasks[0]['id']}").status_code == 200
    assert viewer.get("/reports/2").status_code == viewer.get("/api/v1/reports/2/files/pdf").status_code == 200


def test_who_reaches_nothing_sees_nothing(desk: Desk) -> None:
    nobody = world.signed_in(desk, "nobody")

    assert nobody.get("/api/v1/devices").json()["devices"] == []
    assert nobody.get("/api/v1/tickets").json()["tickets"] == []
    assert nobody.get("/api/v1/devices/kiosk-7").status_code == 404


def test_a_group_reaches_what_its_agents_speak_for(desk: Desk) -> None:
    engineer = world.signed_in(desk, "engineer")

    assert len(engineer.get("/api/v1/devices").json()["devices"]) == 5


@pytest.mark.parametrize("verb", ["acknowledge", "note", "resolve"])
def test_nobody_acts_on_what_is_out_of_reach(desk: Desk, verb: str) -> None:
    deed = Deed(who="admin", at_ms=world.NOW)
    scope = Scope(customers=frozenset({"metro"}))
    desk.office.add_person("metro-engineer", name="E", role="engineer", scope=scope, deed=deed)
    client = world.signed_in(desk, "metro-engineer", Origin=world.ORIGIN)

    theirs = client.post(f"/api/v1/tickets/2024-000003/{verb}", json={"text": "x"})
    nobodys = client.post(f"/api/v1/tickets/2024-000009/{verb}", json={"text": "x"})

    assert theirs.status_code == nobodys.status_code == 404
    assert _shape(theirs.text.replace("2024-000003", "2024-000009")) == _shape(nobodys.text)
    assert desk.view.ticket("2024-000003")[1][-1].verb == "open"  # type: ignore[index]
