"""The pages of plans and tasks, and the customer's link: what is to be done, steps, a word without an account."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from roundsman_collector.api.desk import Desk
from roundsman_collector.roles import EVERYTHING
from roundsman_collector.store import Store, View
from tests.collector.api import world
from tests.collector.api.planned import plan
from tests.collector.web.reading import page, words_of

ORIGIN = {"Origin": world.ORIGIN}


@pytest.fixture
def desk(view: View) -> Desk:
    made = world.desk(view)
    world.places(made.office)
    return made


@pytest.fixture
def task(store: Store, desk: Desk) -> Iterator[int]:
    """The upkeep of metro's site, with an engine that answers."""
    found = plan(store, desk.office)["upkeep"]
    with world.answering(store):
        yield found


@pytest.fixture
def staff(desk: Desk) -> TestClient:
    return world.signed_in(desk, "dispatcher")


def posted(client: TestClient, path: str, **fields: str) -> Any:
    return client.post(path, data=fields, headers=ORIGIN)


def linked(staff: TestClient, task: int) -> str:
    """The address that a customer gets for a task that is proposed."""
    posted(staff, f"/tasks/{task}/act", verb="propose")
    answer = posted(staff, f"/tasks/{task}/link", name="钱女士")
    found = re.search(r"/agree/[\w-]{20,}", answer.text)
    assert answer.status_code == 200 and found is not None
    return found[0]


def test_the_list_tells_what_is_to_be_done_and_a_quarter_what_will_be(staff: TestClient, task: int) -> None:
    now, ahead = words_of(page(staff, "/tasks")), words_of(page(staff, "/tasks?quarter=2025-Q1"))

    assert "季度维护保养工作计划" in now and "2024-Q4" in now and "2025-Q1" not in now.split("2025-Q1", 1)[1]
    assert "2025-01" in ahead and "季度维护保养工作计划" in ahead
    assert "目前没有任务" in words_of(page(staff, "/tasks?look=over"))


def test_the_calendar_is_narrowed_by_site_kind_contract_and_engineer(staff: TestClient, task: int) -> None:
    posted(staff, f"/tasks/{task}/act", verb="assign", engineer="engineer", day="2024-11-04")

    def links(query: str) -> set[str]:
        return set(re.findall(r'href="(/tasks/\d+)"', staff.get(f"/tasks?quarter=2024-Q4{query}").text))

    everything = links("")
    assert f"/tasks/{task}" in links("&engineer=engineer") == {f"/tasks/{task}"} < everything
    assert f"/tasks/{task}" in links("&site=metro-a") | links("&kind=security-upkeep")
    assert links("&contract=none") == links("&kind=nothing") == set()
    assert "没有符合条件的任务" in words_of(page(staff, "/tasks?quarter=2024-Q4&site=none"))
    assert staff.get("/tasks?quarter=2024-Q7").status_code == 422


def test_the_desk_of_tickets_tells_how_many_tasks_are_late_or_nearly(desk: Desk, staff: TestClient, task: int) -> None:
    counts = desk.view.task_counts(EVERYTHING)
    shown = words_of(page(staff, "/tickets"))

    assert f"可开始 {counts.get('open', 0)}" in shown and f"即将到期 {counts.get('coming', 0)}" in shown
    assert sum(counts[mark] for mark in ("open", "danger", "coming") if mark in counts) > 0
    assert "可开始" not in words_of(page(world.signed_in(desk, "viewer"), "/tickets"))


def test_without_plans_the_list_says_what_to_do(staff: TestClient) -> None:
    assert "尚无巡检计划" in words_of(page(staff, "/tasks"))


def test_customers_see_their_own_tasks_and_no_buttons(desk: Desk, task: int) -> None:
    viewer = world.signed_in(desk, "viewer")

    assert "每月电话回访" not in words_of(page(viewer, "/tasks?quarter=2024-Q4"))
    assert "提请客户确认" not in words_of(page(viewer, f"/tasks/{task}")).split("日志")[0].replace("待客户确认", "")


# Shows S0-29.
def test_the_customer_agrees_by_a_link_without_an_account_once(desk: Desk, staff: TestClient, task: int) -> None:
    at = linked(staff, task)
    customer = world.browser(desk)

    asked = words_of(page(customer, at))
    nameless = posted(customer, at, answer="agree")
    answered = posted(customer, at, answer="agree", name="钱女士")
    again = posted(customer, at, answer="decline", name="somebody", text="no")

    assert "A 中心控制室设备运行状态检查" in asked and "您是否同意" in asked
    assert nameless.status_code == 422 and "请填写姓名" in nameless.text
    assert "您的答复已登记" in answered.text
    assert again.status_code == 404
    assert "您的答复已登记" in words_of(page(customer, at)), "whoever holds it hears what became of it"
    found = desk.view.task(task)
    assert found is not None
    assert (found.task.standing.state, found.task.standing.agreed_by) == ("agreed", "钱女士")
    assert [event.who for event in found.log if event.verb == "agree"] == ["link:1"]
    assert {"link.make", "link.use", "link.refused"} <= {one.verb for one in desk.view.audit(limit=100)}


# Shows S0-29.
def test_the_customer_declines_with_words(desk: Desk, staff: TestClient, task: int) -> None:
    at = linked(staff, task)
    customer = world.browser(desk)

    wordless = posted(customer, at, answer="decline", name="钱女士")
    answered = posted(customer, at, answer="decline", name="钱女士", text="等节后")

    assert wordless.status_code == 422
    assert answered.status_code == 200
    found = desk.view.task(task)
    assert found is not None and found.row.state == "declined"
    assert [event.text for event in found.log if event.verb == "decline"] == ["等节后"]


def test_a_newer_link_ends_the_older_and_what_is_none_has_one_answer(desk: Desk, staff: TestClient, task: int) -> None:
    old = linked(staff, task)
    new = linked(staff, task)
    customer = world.browser(desk)

    assert posted(customer, old, answer="agree", name="x").status_code == 404
    assert customer.get("/agree/" + "x" * 43).status_code == 404
    assert customer.get("/agree/" + "x" * 43).headers["x-robots-tag"].startswith("noindex")
    assert posted(customer, new, answer="agree", name="钱女士").status_code == 200


def test_a_word_that_comes_after_the_task_went_on_is_not_taken(desk: Desk, staff: TestClient, task: int) -> None:
    at = linked(staff, task)
    posted(staff, f"/tasks/{task}/act", verb="agree", name="by phone")

    late = posted(world.browser(desk), at, answer="decline", name="钱女士", text="no")

    assert late.status_code == 409
    found = desk.view.task(task)
    assert found is not None and found.row.state == "agreed"


def test_a_foreign_page_cannot_answer_in_a_customers_name(desk: Desk, staff: TestClient, task: int) -> None:
    at = linked(staff, task)

    answer = world.browser(desk).post(
        at, data={"answer": "agree", "name": "x"}, headers={"Origin": "https://evil.test"}
    )

    assert answer.status_code == 403


def test_a_step_that_is_refused_says_why_and_one_that_is_taken_leads_back(staff: TestClient, task: int) -> None:
    refused = posted(staff, f"/tasks/{task}/act", verb="begin")
    taken = posted(staff, f"/tasks/{task}/act", verb="assign", engineer="engineer", day="2024-11-04")

    assert refused.status_code == 409 and "须先经客户确认" in refused.text
    assert taken.headers["location"] == f"/tasks/{task}"
    assert "2024-11-04" in words_of(page(staff, f"/tasks/{task}"))


def test_a_plan_is_entered_by_a_form_and_what_it_cannot_be_is_marked(desk: Desk, staff: TestClient) -> None:
    made = posted(staff, "/plans/~new", id="metro-call", kind="tianyi-call", site="metro-a", first_day="2024-11-01")
    wrong = posted(staff, "/plans/~new", id="other", kind="tianyi-call", first_day="2024-11-01")
    worse = posted(
        staff, "/plans/~new", id="other", kind="tianyi-call", site="metro-a", first_day="2024-11-01", changes="{]"
    )

    assert made.headers["location"] == "/plans/metro-call"
    assert (wrong.status_code, worse.status_code) == (422, 422)
    assert "电话回访" in words_of(page(staff, "/plans"))
    assert "电话回访" in words_of(page(staff, "/sites/metro-a"))
