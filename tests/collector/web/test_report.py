"""A report by phone: looked up, written down once, joined to the ticket that is there; and my tickets."""

import re
from typing import Any

import pytest
from starlette.testclient import TestClient

from roundsman_collector.store import Batch, Office, Store, TicketStep, View
from tests.collector.api import world
from tests.collector.api.world import NOW, ORIGIN, answering
from tests.collector.web.reading import page, words_of

NEW = "/tickets/new"
CALL = {"subject": "ups-2", "text": "一直响 <b>", "name": "王女士", "phone": "138 1234 5678", "source": "phone"}


def posted(client: TestClient, **fields: str) -> Any:
    return client.post(NEW, data=fields, headers={"Origin": ORIGIN})


@pytest.fixture
def placed(view: View) -> TestClient:
    """An administrator's browser where devices stand at sites."""
    with Office.open(view._place.path or "") as office:
        world.places(office)
    return world.signed_in(world.desk(view), world.ADMIN)


def test_devices_and_sites_are_looked_up_by_what_a_caller_says(placed: TestClient) -> None:
    html = page(placed, f"{NEW}?q=metro")

    assert {"/tickets/new?subject=kiosk-7", "/tickets/new?subject=%23metro-a"} <= set(
        re.findall(r'class="pick" href="([^"]+)"', html)
    )
    assert "没有找到" in page(placed, f"{NEW}?q=no-such-thing")


def test_a_report_becomes_a_ticket_with_its_caller(placed: TestClient, store: Store, view: View) -> None:
    with answering(store):
        answer = posted(placed, **CALL)

    assert answer.status_code == 303
    html = page(placed, answer.headers["location"])
    text = words_of(html)
    for told in ("ups-2", "故障待查", "电话报修", "报修人 王女士 138 1234 5678"):
        assert told in text, told
    assert "一直响 &lt;b&gt;" in html
    (row,) = view.tickets(subject="ups-2")
    assert (row.source, row.state, row.severity) == ("phone", "open", "major")


def test_what_is_open_is_offered_first_and_a_second_call_opens_nothing(
    placed: TestClient, store: Store, view: View
) -> None:
    form = page(placed, f"{NEW}?subject=kiosk-7")
    assert re.search(r'name="joins" value="2024-000001" checked', form)

    with answering(store):
        answer = posted(placed, subject="kiosk-7", text="还没人来", joins="2024-000001", name="王女士")

    assert answer.headers["location"] == "/tickets/2024-000001?joined=true"
    text = words_of(page(placed, answer.headers["location"]))
    assert "没有另开工单" in text
    assert "再次来电 Admin 报修人 王女士 还没人来" in text
    assert len(view.tickets(subject="kiosk-7")) == 1


def test_a_named_fault_that_has_a_ticket_is_joined_even_by_who_did_not_see_it(placed: TestClient, store: Store) -> None:
    with answering(store):
        answer = posted(placed, subject="kiosk-7", text="没纸了", code="printer.paper_end", joins="")

    assert answer.headers["location"] == "/tickets/2024-000001?joined=true"


def test_the_same_form_sent_twice_opens_one_ticket(placed: TestClient, store: Store, view: View) -> None:
    with answering(store):
        answers = [posted(placed, **CALL, key="a-key-of-this-form") for _ in range(2)]

    assert len({one.headers["location"] for one in answers}) == 1
    assert len(view.tickets(subject="ups-2")) == 1


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"text": " "}, "请填写故障描述。"),
        ({"code": "no.such"}, "请从列表中选择。"),
        ({"since": "yesterday"}, "请填写时间"),
        ({"name": "x" * 201}, "200"),
    ],
)
def test_a_report_that_cannot_be_used_keeps_what_was_written(
    placed: TestClient, view: View, fields: dict[str, str], said: str
) -> None:
    before = view.status().new_commands

    answer = posted(placed, **{**CALL, **fields})

    assert answer.status_code == 422
    assert said in answer.text
    assert 'value="138 1234 5678"' in answer.text
    assert view.status().new_commands == before


@pytest.mark.parametrize("subject", ["", "no-such", "@no-such", "#no-such", "ups-2' OR 1=1"])
def test_nobody_reports_about_what_is_not_there(placed: TestClient, view: View, subject: str) -> None:
    before = view.status().new_commands

    answer = posted(placed, **{**CALL, "subject": subject})

    assert answer.status_code == 422
    assert view.status().new_commands == before


def test_a_telephone_number_is_for_those_who_act(placed: TestClient, store: Store, view: View) -> None:
    with answering(store):
        posted(placed, **{**CALL, "subject": "kiosk-7", "joins": "2024-000001"})

    html = page(world.signed_in(world.desk(view), "viewer"), "/tickets/2024-000001")

    assert "138 1234 5678" not in html
    assert "王女士" in html


def test_my_tickets_are_those_i_was_sent_for_with_the_next_step(placed: TestClient, store: Store, view: View) -> None:
    assert "暂无派给你的工单" in page(placed, "/mine")
    steps = [TicketStep(verb="dispatch", ticket=1, at_ms=NOW, who="dispatcher", data={"engineer": world.ADMIN})]
    store.commit(Batch(now_ms=NOW, tickets=steps))

    html = page(placed, "/mine")
    hidden = dict(re.findall(r'name="(verb|seen|key)" value="([^"]*)"', html))
    with answering(store):
        answer = placed.post("/tickets/2024-000001/act", data=hidden, headers={"Origin": ORIGIN})

    assert hidden["verb"] == "depart"
    assert answer.status_code == 303
    assert 'href="/tickets/2024-000001?do=arrive#do"' in page(placed, "/mine")
    assert "地铁站 站厅" in words_of(html)


# Shows S2-20.
def test_the_customer_chooses_how_urgent_it_is_and_says_what_they_wish(
    placed: TestClient, store: Store, view: View
) -> None:
    with answering(store):
        answer = posted(placed, **CALL, customer_priority="urgent", wish="上午十点前")

    text = words_of(page(placed, answer.headers["location"]))
    assert "客户：紧急" in text
    assert "用户要求 上午十点前" in text
    found = view.ticket(view.tickets(subject="ups-2")[0].id)
    assert found is not None
    assert {key: found[1][0].data[key] for key in ("customer_priority", "wish")} == {
        "customer_priority": "urgent",
        "wish": "上午十点前",
    }


# Shows S1-12.
# Shows S1-13.
def test_what_a_call_did_not_tell_is_marked_where_somebody_is_sent_and_listed_to_be_checked(
    placed: TestClient, store: Store
) -> None:
    with answering(store):
        answer = posted(placed, subject="ups-2", text="坏了", source="phone")
        number = answer.headers["location"].rpartition("/")[2]

        html = page(placed, f"/tickets/{number}?do=dispatch")
        assert "尚不清楚：报修人、联系电话、型号、序列号" in words_of(html)
        assert f'href="/tickets/{number}?do=check#do"' in html
        assert f'href="/tickets/{number}"' in page(placed, "/tickets?look=unchecked")

        check = {"verb": "check", "asked": "customer", "name": "王女士", "phone": "138 1234 5678", "words": "不打印"}
        assert placed.post(f"/tickets/{number}/act", data=check, headers={"Origin": ORIGIN}).status_code == 303

    text = words_of(page(placed, f"/tickets/{number}?do=dispatch"))
    assert "报修核实 Admin 核实对象 客户 报修人 王女士 电话 138 1234 5678 故障情况 不打印 原报 坏了" in text
    assert "尚不清楚：型号、序列号" in text
    assert f'href="/tickets/{number}"' not in page(placed, "/tickets?look=unchecked")
