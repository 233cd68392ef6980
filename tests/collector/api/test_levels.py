"""/levels: what is promised, changed by an administrator, kept as versions, named by contracts; by API and on pages."""

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from roundsman_collector.api.desk import Desk
from roundsman_collector.config import Config, service_levels
from roundsman_collector.engine import rules
from roundsman_collector.store import Deed, Store, View
from tests.collector.api import world
from tests.collector.api.world import NOW

LEVELS = "/api/v1/levels"
DEED = Deed(who="admin", at_ms=NOW)


@pytest.fixture
def desk(store: Store, view: View) -> Iterator[Desk]:
    rules.promise(store, service_levels(Config()), NOW - 1000)
    found = world.desk(view)
    with world.answering(store):
        yield found


@pytest.fixture
def admin(desk: Desk) -> TestClient:
    return world.signed_in(desk, "admin", Origin=world.ORIGIN)


def level(client: TestClient, name: str = "kiosk") -> dict[str, Any]:
    answer = client.get(f"{LEVELS}/{name}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_all_that_came_with_the_program_is_there(admin: TestClient) -> None:
    told = admin.get(LEVELS).json()["levels"]

    assert {one["level"] for one in told} == {*service_levels(Config())}
    kiosk = next(one for one in told if one["level"] == "kiosk")
    assert (kiosk["made_by"], kiosk["contracts"], kiosk["valid_from_ms"]) == ("", 0, NOW - 1000)


def test_a_version_that_is_put_counts_from_now_on_and_the_one_before_stays_known(admin: TestClient) -> None:
    before = level(admin)
    wanted = before["body"] | {"reopen_hours": 5}

    answer = admin.put(f"{LEVELS}/kiosk", json=wanted)

    assert answer.status_code == 200, answer.text
    after = level(admin)
    assert (after["body"]["reopen_hours"], after["made_by"]) == (5, "admin")
    assert [one["hash"] for one in after["history"]] == [answer.json()["hash"], before["hash"]]


def test_what_people_put_survives_a_restart_with_the_files_of_before(admin: TestClient, store: Store) -> None:
    admin.put(f"{LEVELS}/kiosk", json=level(admin)["body"] | {"reopen_hours": 5})

    rules.promise(store, service_levels(Config()), NOW + 1000)

    assert level(admin)["body"]["reopen_hours"] == 5


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"reopen_hours": -1}, "reopen_hours"),
        ({"clocks": [{"clock": "arrive", "from": "reported", "until": "moon", "minutes": 5}]}, "until"),
        ({"level": "other"}, "level"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_what_cannot_be_promised_is_refused_with_its_key_and_changes_nothing(
    admin: TestClient, change: dict[str, Any], words: str
) -> None:
    before = level(admin)

    answer = admin.put(f"{LEVELS}/kiosk", json=before["body"] | change)

    assert answer.status_code == 422
    assert words in answer.text
    assert level(admin) == before


def test_nobody_but_an_administrator_changes_what_is_promised(desk: Desk) -> None:
    desk.office.add_person("boss", name="boss", role="manager", scope=world.EVERYTHING, deed=DEED)
    boss = world.signed_in(desk, "boss", Origin=world.ORIGIN)

    assert boss.put(f"{LEVELS}/kiosk", json=level(boss)["body"]).status_code == 403
    assert boss.post("/levels/kiosk", data={"text": "{}"}).status_code == 403


def test_an_unknown_level_is_told_as_such(admin: TestClient) -> None:
    assert admin.get(f"{LEVELS}/moon").status_code == 404
    assert admin.get("/levels/moon").status_code == 404


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("zh", ("自助终端服务", "到场", "市区", "40 分")),
        ("en", ("Self-service terminals", "arrival", "urban", "40 min")),
    ],
)
def test_the_page_says_what_is_promised_in_both_languages(
    admin: TestClient, language: str, words: tuple[str, ...]
) -> None:
    shown = admin.get("/levels/kiosk", headers={"Accept-Language": language}).text

    assert [word for word in words if word not in shown] == []
    assert "/levels/kiosk" in admin.get("/levels").text


def test_a_form_with_an_error_comes_back_with_what_was_written(admin: TestClient) -> None:
    answer = admin.post("/levels/kiosk", data={"text": "level: kiosk\nzh: x\nclocks: soon"})

    assert answer.status_code == 422
    assert "clocks: soon" in answer.text and "level: kiosk" in answer.text


def test_the_text_on_the_page_can_be_put_in_force_as_it_is(admin: TestClient) -> None:
    from html import unescape

    page = admin.get("/levels/kiosk").text
    text = unescape(page.partition("<textarea")[2].partition(">")[2].partition("</textarea>")[0])
    before = level(admin)

    assert admin.post("/levels/kiosk", data={"text": text}, follow_redirects=False).status_code == 303
    assert level(admin)["body"] == before["body"]


def test_a_contract_names_a_level_that_there_is(admin: TestClient, desk: Desk) -> None:
    desk.office.put_entry("customer", "bank", {"name_zh": "银行", "name_en": "Bank"}, deed=DEED)
    wanted = {"customer": "bank", "name": "2026"}

    refused = admin.put("/api/v1/contracts/c-9", json={**wanted, "service_level": "moon"})
    kept = admin.put("/api/v1/contracts/c-9", json={**wanted, "service_level": "kiosk"})

    assert (refused.status_code, kept.status_code) == (409, 201), (refused.text, kept.text)
    assert level(admin)["contracts"] == 1
    assert "c-9" in admin.get("/levels/kiosk").text
