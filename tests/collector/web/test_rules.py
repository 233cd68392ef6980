"""/rules: the list, a fault and a function in both languages; the form says what is wrong at its field."""

import re
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from roundsman_collector.api.desk import Desk
from roundsman_collector.config import advice, load, rule_set
from roundsman_collector.rules.kept import Kept, body_of
from roundsman_collector.store import Store, View
from tests.collector.api import world
from tests.collector.api.world import NOW

BUILT_IN = rule_set(load(None))
PAPER = "/rules/printer.paper_end"
RECEIPTS = "/rules/functions/receipts"


@pytest.fixture
def desk(store: Store, view: View) -> Iterator[Desk]:
    store.put_rules(BUILT_IN.hash, body_of(Kept(base=BUILT_IN)), NOW - 1000)
    found = world.desk(view, advice=dict(advice(load(None))))
    world.places(found.office)
    with world.answering(store):
        yield found


@pytest.fixture
def admin(desk: Desk) -> TestClient:
    return world.signed_in(desk, "admin", Origin=world.ORIGIN)


def text(client: TestClient, path: str, **headers: str) -> str:
    answer = client.get(path, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_the_list_can_be_narrowed_by_category_and_name(admin: TestClient) -> None:
    everything, cash, paper = (text(admin, path) for path in ("/rules", "/rules?category=cash", "/rules?q=PAPER_END"))

    assert "host.unreachable" in everything and "cash.jam" in everything
    assert "cash.jam" in cash and "/rules/host.unreachable" not in cash
    assert PAPER in paper and "/rules/cash.jam" not in paper
    assert "/rules/" not in text(admin, "/rules?own=1").partition('id="functions"')[0].partition("<h1>")[2]


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("zh", ("打印机缺纸", "打印纸为缺纸", "营业员处理类", "凭条打印", "热敏纸卷", "请营业员更换纸卷")),
        ("en", ("printer is out of paper", "paper is end", "printing receipts", "roll of thermal paper")),
    ],
)
def test_a_fault_tells_how_it_is_seen_what_it_means_and_what_to_do(
    admin: TestClient, language: str, words: tuple[str, ...]
) -> None:
    shown = text(admin, PAPER, **{"Accept-Language": language})

    assert [word for word in words if word not in shown] == []


def test_an_override_is_saved_shown_and_taken_away(admin: TestClient) -> None:
    saved = admin.post(PAPER, data={"where": "site", "which": "hall", "for_s": "600", "severity": "1"})
    assert (saved.status_code, saved.headers["location"]) == (303, f"{PAPER}?done=warned")

    shown = text(admin, PAPER, **{"Accept-Language": "en"})
    assert "devices of the site hall" in shown
    assert "urgent" in shown

    gone = admin.post(f"{PAPER}/remove", data={"where": "site", "which": "hall"})
    assert (gone.status_code, gone.headers["location"]) == (303, f"{PAPER}?done=saved")
    assert "It is the same for all devices" in text(admin, PAPER, **{"Accept-Language": "en"})
    assert admin.post(f"{PAPER}/remove", data={"where": "site", "which": "hall"}).status_code == 409


def test_a_form_that_nobody_has_filled_in_is_empty(admin: TestClient) -> None:
    shown = text(admin, "/rules/host.cpu_high")

    field = re.search(r'<input[^>]*name="clear"[^>]*>', shown)
    assert field is not None
    assert 'value=""' in field[0] and "aria-invalid" not in field[0]
    assert "built-in method" not in shown


def test_limits_are_written_as_the_rule_has_them(admin: TestClient) -> None:
    saved = admin.post("/rules/host.cpu_high", data={"limit": "70", "clear": "60"})

    assert saved.headers["location"] == "/rules/host.cpu_high?done=saved"
    assert "above 70%, over at 60%" in text(admin, "/rules/host.cpu_high", **{"Accept-Language": "en"})


@pytest.mark.parametrize(
    ("path", "fields", "told"),
    [
        (PAPER, {"for_s": "soon"}, "Write a number of seconds"),
        (PAPER, {"for_s": "-1"}, "Write a number of seconds"),
        (PAPER, {}, "Say at least one thing that is different"),
        (PAPER, {"where": "site", "for_s": "5"}, "Say for which kind, model, site or device"),
        (PAPER, {"where": "kind", "which": "kios", "for_s": "5"}, "There is no such kind of devices"),
        (PAPER, {"takes_down": "coffee"}, "This does not fit the rules in force"),
        ("/rules/host.cpu_high", {"limit": "101"}, "These limits do not fit"),
        ("/rules/host.cpu_high", {"limit": "much"}, "Write a number."),
        (RECEIPTS, {"where": "device", "critical": "no"}, "Say for which kind, model, site or device"),
    ],
)
def test_what_cannot_be_used_is_said_and_what_was_written_stays(
    admin: TestClient, path: str, fields: dict[str, str], told: str
) -> None:
    answer = admin.post(
        path, data={"flap_s": "77", **fields} if fields and path == PAPER else fields, headers={"Accept-Language": "en"}
    )

    assert answer.status_code == 422
    assert told in answer.text
    assert path != PAPER or not fields or 'value="77"' in answer.text


def test_a_function_is_not_critical_somewhere(admin: TestClient) -> None:
    saved = admin.post(RECEIPTS, data={"where": "device", "which": "kiosk-7", "critical": "no"})

    assert saved.headers["location"] == f"{RECEIPTS}?done=saved"
    shown = text(admin, RECEIPTS, **{"Accept-Language": "en"})
    assert "the device kiosk-7" in shown
    assert "printer.paper_end" in shown
    assert admin.post(f"{RECEIPTS}/remove", data={"where": "device", "which": "kiosk-7"}).status_code == 303


def test_who_may_not_change_rules_sees_them_without_a_form(desk: Desk) -> None:
    viewer = world.signed_in(desk, "viewer", Origin=world.ORIGIN)

    assert '<form method="post" action="/rules' not in text(viewer, PAPER)
    assert viewer.post(PAPER, data={"for_s": "5"}).status_code == 403


def test_a_fault_and_a_function_that_are_not_there_are_not_found(admin: TestClient) -> None:
    assert admin.get("/rules/printer.paper_and").status_code == 404
    assert admin.get("/rules/functions/coffee").status_code == 404
