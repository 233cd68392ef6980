"""The list of tickets and the page of one: what it stands on, its buttons, and a form that loses nothing."""

import re

import pytest
from starlette.testclient import TestClient

from roundsman_collector.store import Batch, Office, Store, TicketResolve, TicketStep, View
from tests.collector.api import world
from tests.collector.api.world import NOW, ORIGIN, answering
from tests.collector.web.reading import page, words_of

ACT = "/tickets/2024-000001/act"


def numbers(html: str) -> list[str]:
    return re.findall(r'<td class="id"><a href="/tickets/([\d-]+)">', html)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["2024-000003", "2024-000001"]),
        ("state=all", ["2024-000003", "2024-000002", "2024-000001"]),
        ("state=resolved", ["2024-000002"]),
        ("state=acknowledged", ["2024-000001"]),
        ("severity=major", ["2024-000003", "2024-000001"]),
        ("severity=urgent", []),
        ("state=all&device=nvr-2", ["2024-000002"]),
        ("look=mine", ["2024-000001"]),
        ("look=unsent", ["2024-000003", "2024-000001"]),
        ("state=over&look=unsent", []),
        ("state=todo", ["2024-000003", "2024-000001"]),
        ("state=over", ["2024-000002"]),
        ("source=phone", []),
        ("waiting=any", []),
        ("look=late", []),
        ("before=3&state=all", ["2024-000002", "2024-000001"]),
    ],
)
def test_the_list_is_of_what_is_not_over_unless_the_address_says_more(
    person: TestClient, store: Store, query: str, expected: list[str]
) -> None:
    resolved = TicketResolve(ticket=2, at_ms=NOW, outcome="recovered")
    taken = TicketStep(verb="acknowledge", ticket=1, at_ms=NOW, who=world.ADMIN, text="")
    store.commit(Batch(now_ms=NOW, tickets=[resolved, taken]))

    html = page(person, f"/tickets?{query}")

    assert numbers(html) == expected
    assert bool(expected) or "没有工单" in html


def test_a_long_list_comes_in_pages_even_where_some_are_left_out(person: TestClient, store: Store) -> None:
    opened = [
        world.ticket("kiosk-7", 1, f"disk[{n}]", "host.unreachable", 17, n, "minor" if n % 3 else "major")
        for n in range(180)
    ]
    store.commit(Batch(now_ms=NOW, tickets=opened))

    first = page(person, "/tickets?severity=major")
    link = re.search(r'href="([^"]*before=\d+)"', first)
    assert link is not None
    second = page(person, link[1].replace("&amp;", "&"))

    assert (len(numbers(first)), len(numbers(second))) == (50, 12)
    assert not set(numbers(first)) & set(numbers(second))


def test_a_ticket_has_its_course_its_evidence_and_its_buttons(person: TestClient) -> None:
    text = words_of(page(person, "/tickets/2024-000001"))

    for told in (
        "kiosk-7 自助终端 7 打印机缺纸 2024-000001 营业员处理类 严重 打印机 待接单",
        "系统自动报修",
        "首条证据 10-04 20:00:00",
        "打印纸 缺纸",
        "接单 标记修复 添加备注",
    ):
        assert told in text, told


def test_the_buttons_ask_the_engine(person: TestClient, store: Store) -> None:
    with answering(store):
        answer = person.post(ACT, data={"verb": "acknowledge", "text": "马上到 <b>&"}, headers={"Origin": ORIGIN})

    assert (answer.status_code, answer.headers["location"]) == (303, "/tickets/2024-000001")
    html = page(person, "/tickets/2024-000001")
    assert "马上到 &lt;b&gt;&amp;" in html
    assert "已接单" in html
    assert 'value="acknowledge"' not in html


def test_what_the_engine_refuses_comes_back_with_the_reason_and_what_was_written(
    person: TestClient, store: Store
) -> None:
    store.commit(Batch(now_ms=NOW, tickets=[TicketResolve(ticket=1, at_ms=NOW, outcome="recovered")]))

    with answering(store):
        answer = person.post(ACT, data={"verb": "acknowledge", "text": "马上到"}, headers={"Origin": ORIGIN})

    assert answer.status_code == 409
    assert ">马上到</textarea>" in answer.text
    assert "可能已有人处理" in answer.text


def test_a_button_that_nobody_answers_says_so(view: View) -> None:
    client = world.signed_in(world.desk(view, answer_within_s=0.05), world.ADMIN)

    answer = client.post(ACT, data={"verb": "resolve"}, headers={"Origin": ORIGIN})

    assert answer.headers["location"] == "/tickets/2024-000001?waiting=true"
    assert "等待中心端处理" in page(client, answer.headers["location"])


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b"verb=void", ""),
        (b"verb=note&text=", ""),
        (b"", ""),
        (b"\xff\xfe", ""),
        (b"verb=note&text=%ff", ""),
        (b"verb=note&text=" + b"x" * 60_000, ""),
        (b"verb=note&text=" + b"x" * 4001, "x" * 4001),
    ],
)
def test_a_form_that_cannot_be_used_asks_nothing_and_keeps_what_was_written(
    person: TestClient, view: View, body: bytes, kept: str
) -> None:
    answer = person.post(ACT, content=body, headers={"Origin": ORIGIN})

    assert answer.status_code == 422
    assert 'href="/tickets' in answer.text
    assert kept in answer.text
    assert view.status().new_commands == 0


@pytest.mark.parametrize(("who", "status"), [("viewer", 403), ("nobody", 403), ("engineer", 404)])
def test_nobody_acts_beyond_role_and_reach(view: View, who: str, status: int) -> None:
    with Office.open(view._place.path or "") as office:
        world.places(office)
    path = "/tickets/2024-000099/act" if status == 404 else ACT
    client = world.signed_in(world.desk(view), who)
    before = view.status().new_commands

    answer = client.post(path, data={"verb": "acknowledge"}, headers={"Origin": ORIGIN})

    assert answer.status_code == status
    assert view.status().new_commands == before


def test_a_page_that_is_not_ours_cannot_act(person: TestClient, view: View) -> None:
    answer = person.post(ACT, data={"verb": "acknowledge"}, headers={"Origin": "http://evil.example"})

    assert answer.status_code == 403
    assert view.status().new_commands == 0


def test_a_viewer_is_offered_no_buttons(view: View) -> None:
    with Office.open(view._place.path or "") as office:
        world.places(office)

    html = page(world.signed_in(world.desk(view), "viewer"), "/tickets/2024-000001")

    assert "<textarea" not in html
