"""The list of tickets and the page of one: what it stands on, its buttons, and a form that loses nothing."""

import re

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from roundsman_collector.store import Batch, Deed, Office, Store, TicketResolve, TicketStep, View
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


# Shows S1-18.
def test_a_ticket_has_its_course_its_evidence_and_its_steps(person: TestClient) -> None:
    text = words_of(page(person, "/tickets/2024-000001"))

    for told in (
        "kiosk-7 自助终端 7 打印机缺纸 2024-000001 监控报修 营业员处理类 严重 打印机 已报修",
        "首次出现",
        "首条证据 10-04 20:00:00",
        "打印纸 缺纸",
        "受理 确定方案 派单 无需上门解决",
    ):
        assert told in text, told


def sent(person: TestClient, verb: str, **fields: str) -> Response:
    """What the form of a step sends, as a browser that has just shown it would."""
    html = page(person, f"/tickets/2024-000001?do={verb}")
    hidden = dict(re.findall(r'<input type="hidden" name="(verb|seen|key)" value="([^"]*)">', html))
    assert hidden["verb"] == verb
    return person.post(ACT, data={**hidden, **fields}, headers={"Origin": ORIGIN})


def test_a_step_says_what_its_form_holds_and_shows_it_in_the_course(person: TestClient, store: Store) -> None:
    with answering(store):
        answers = [
            sent(person, "acknowledge", reply="visit", text="马上到 <b>&"),
            sent(person, "plan", mode="visit"),
            sent(person, "dispatch", engineer="engineer"),
            sent(person, "wait", reason="customer_absent", text="店里没人"),
        ]

    assert [(one.status_code, one.headers["location"]) for one in answers] == [(303, "/tickets/2024-000001")] * 4
    html = page(person, "/tickets/2024-000001")
    text = words_of(html)
    assert "马上到 &lt;b&gt;&amp;" in html
    for told in ("已派单 等待：用户不在 工程师 Engineer", "受理 Admin 答复 安排上门", "派单 Admin 派给 Engineer"):
        assert told in text, told
    assert 'name="verb" value="resume"' in html, "what waits goes on first"


def test_what_was_looked_into_agreed_and_promised_stands_in_the_course(person: TestClient, store: Store) -> None:
    with answering(store):
        answers = [
            sent(person, "examine", how="phone", text="纸仓是空的"),
            sent(person, "contact", outcome="declined", name="王芳"),
            sent(person, "hand_over", to="engineer", text="软件问题", agreed_by="王芳"),
            sent(person, "dispatch", engineer="engineer", arrival_ms="2024-07-01T20:00"),
        ]

    assert [one.status_code for one in answers] == [303] * 4
    text = words_of(page(person, "/tickets/2024-000001"))
    for told in (
        "远程诊断 Admin 诊断方式 电话询问",
        "联系客户 Admin 结果 不接受电话指导，要求上门 联系人 王芳",
        "转交 Admin 转交给 Engineer 客户同意人 王芳",
        "派单 Admin 派给 Engineer 承诺到场",
    ):
        assert told in text, told


def test_the_same_form_sent_twice_counts_once(person: TestClient, store: Store) -> None:
    body = {"verb": "note", "text": "已联系", "key": "a-key-of-this-form"}

    with answering(store):
        answers = [person.post(ACT, data=body, headers={"Origin": ORIGIN}) for _ in range(2)]

    assert [one.status_code for one in answers] == [303, 303]
    assert page(person, "/tickets/2024-000001").count("已联系") == 1


def test_a_form_that_was_changed_after_it_was_sent_says_so_and_keeps_the_words(
    person: TestClient, store: Store
) -> None:
    body = {"verb": "note", "text": "已联系", "key": "a-key-of-this-form"}

    with answering(store):
        person.post(ACT, data=body, headers={"Origin": ORIGIN})
        again = person.post(ACT, data={**body, "text": "已联系店长"}, headers={"Origin": ORIGIN})

    assert again.status_code == 422
    assert "此前已经提交过" in again.text
    assert ">已联系店长</textarea>" in again.text


def test_who_acts_on_an_older_ticket_is_told_who_was_faster_and_loses_nothing(person: TestClient, store: Store) -> None:
    form = page(person, "/tickets/2024-000001?do=acknowledge")
    seen = re.findall(r'name="seen" value="(\d+)"', form)[0]
    taken = TicketStep(verb="acknowledge", ticket=1, at_ms=NOW, who="engineer", text="")
    store.commit(Batch(now_ms=NOW, tickets=[taken]))

    with answering(store):
        answer = person.post(
            ACT, data={"verb": "acknowledge", "text": "马上到", "seen": seen}, headers={"Origin": ORIGIN}
        )

    assert answer.status_code == 409
    assert "engineer 刚刚受理" in answer.text
    assert ">马上到</textarea>" in answer.text
    assert "已受理" in words_of(answer.text)


def test_what_the_engine_refuses_comes_back_with_its_words_and_what_was_written(
    person: TestClient, store: Store
) -> None:
    store.commit(Batch(now_ms=NOW, tickets=[TicketResolve(ticket=1, at_ms=NOW, outcome="recovered")]))

    with answering(store):
        answer = person.post(ACT, data={"verb": "acknowledge", "text": "马上到"}, headers={"Origin": ORIGIN})

    assert answer.status_code == 409
    assert ">马上到</textarea>" in answer.text
    assert "工单已恢复，不能受理" in answer.text


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"verb": "dispatch", "engineer": "nobody-of-this-name"}, "请从列表中选择。"),
        ({"verb": "dispatch"}, "此项必填。"),
        ({"verb": "acknowledge", "arrival_ms": "soon"}, "请填写时间，例如 2026-11-22T10:00。"),
        ({"verb": "wait", "reason": "lunch"}, "请从列表中选择。"),
        ({"verb": "note", "text": "  "}, "此项必填。"),
    ],
)
def test_a_field_that_cannot_be_used_is_marked_and_nothing_is_asked(
    person: TestClient, view: View, fields: dict[str, str], wrong: str
) -> None:
    answer = person.post(ACT, data=fields, headers={"Origin": ORIGIN})

    assert answer.status_code == 422
    assert f">{wrong}</p>" in answer.text
    assert view.status().new_commands == 0


def test_a_time_is_read_on_the_clock_of_the_site(person: TestClient, store: Store, view: View) -> None:
    with answering(store):
        sent(person, "acknowledge", arrival_ms="2024-10-05T03:30")

    found = view.ticket("2024-000001")
    assert found is not None
    assert found[0].arrival_ms == NOW + 90 * world.MINUTE


def test_a_button_that_nobody_answers_says_so(view: View) -> None:
    client = world.signed_in(world.desk(view, answer_within_s=0.05), world.ADMIN)

    answer = client.post(ACT, data={"verb": "resolve", "how": "by_itself"}, headers={"Origin": ORIGIN})

    assert answer.headers["location"] == "/tickets/2024-000001?waiting=true"
    assert "等待中心端处理" in page(client, answer.headers["location"])


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b"verb=open", ""),
        (b"verb=sign&side=customer", ""),
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


# Shows S0-1.
# Shows S4-18.
def test_a_ticket_names_the_phase_of_its_contract_and_who_is_on_the_spot(view: View, store: Store) -> None:
    with Office.open(view._place.path or "") as office:
        world.places(office)
        deed = Deed(who="admin", at_ms=NOW - 9)
        contract = {"customer": "metro", "name": "c", "accepted_on": "2024-01-01", "warranty_until": "2099-12-31"}
        office.put_entry("contract", "metro-c", contract, deed=deed)
        site = {"customer": "metro", "group_id": "south", "contract": "metro-c", "name_zh": "地铁站", "name_en": "M"}
        office.put_entry("site", "metro-a", {**site, "contact": "周师傅", "contact_phone": "139 0000 1111"}, deed=deed)
        office.add_person("looks", name="L", role="viewer", scope=world.EVERYTHING, deed=deed)
    desk = world.desk(view)

    mine = words_of(page(world.signed_in(desk, world.ADMIN), "/tickets/2024-000001"))
    theirs = words_of(page(world.signed_in(desk, "looks"), "/tickets/2024-000001"))

    assert "合同阶段 质保 质保至 2099-12-31" in mine
    assert "现场联系人 周师傅 139 0000 1111 拨打" in mine
    assert ("139 0000 1111" in theirs, "周师傅 139******1111" in theirs) == (False, True)


# Shows S0-9.
def test_a_plan_says_which_kind_of_service_it_is(person: TestClient, store: Store) -> None:
    with answering(store):
        plan = {"verb": "plan", "mode": "phone", "service": "support"}
        assert person.post(ACT, data=plan, headers={"Origin": ORIGIN}).status_code == 303

    text = words_of(page(person, "/tickets/2024-000001"))

    assert "服务类型 技术支持" in text
