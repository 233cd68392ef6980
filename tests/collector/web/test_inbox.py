"""The inbox: a person settles who knocks; nobody learns of what is not theirs."""

import pytest
from starlette.testclient import TestClient

from roundsman_collector.roles import Scope
from roundsman_collector.store import Batch, Deed, Knock, Office, Store, View
from tests.collector.api import world
from tests.collector.api.world import NOW, ORIGIN, answering
from tests.collector.web.reading import page, words_of

AGENT = Knock(agent="kiosk-77", device="", at_ms=NOW - 9, what={"group": "south"})
DEVICE = Knock(agent="gateway-2", device="nvr-9", at_ms=NOW - 8, count=3)
MOVED = Knock(agent="gateway-2", device="kiosk-7", at_ms=NOW - 7)
CARD = {"kind": "nvr", "name_zh": "录像机 9", "name_en": "Recorder 9"}


@pytest.fixture(autouse=True)
def knocked(store: Store) -> None:
    store.commit(Batch(now_ms=NOW, inbox=[AGENT, DEVICE, MOVED]))


def settle(client: TestClient, knock: Knock, do: str, **more: str) -> tuple[int, str]:
    fields = {"agent": knock.agent, "device": knock.device, "do": do, **more}
    answer = client.post("/inbox", data=fields, headers={"Origin": ORIGIN})
    return answer.status_code, answer.headers.get("location", answer.text)


def waiting(view: View) -> set[tuple[str, str]]:
    return {(row.agent, row.device) for row in view.inbox()}


def test_it_says_what_each_entry_is(person: TestClient) -> None:
    text = words_of(page(person, "/inbox"))

    assert "采集端 kiosk-77" in text
    assert "nvr-9 由采集端 gateway-2 上报" in text
    assert "3 次上报" in text
    assert "此设备目前由采集端 kiosk-7 负责" in text


def test_an_empty_inbox_says_how_to_let_somebody_in(empty: TestClient) -> None:
    text = words_of(page(empty, "/inbox"))

    assert "没有待认领的设备" in text
    assert "roundsman agent add" in text


def test_an_agent_is_entered_in_its_group(person: TestClient, store: Store, view: View) -> None:
    with answering(store):
        told = settle(person, AGENT, "enter")

    assert told == (303, "/inbox?done=entered")
    assert view.agent_groups(["kiosk-77"]) == {"kiosk-77": "south"}
    assert ("kiosk-77", "") not in waiting(view)


def test_a_device_is_entered_with_its_kind_and_names_and_its_agent_speaks_for_it(
    person: TestClient, store: Store, view: View
) -> None:
    with answering(store):
        told = settle(person, DEVICE, "enter", **CARD)

    assert told == (303, "/inbox?done=entered")
    found = view.device("nvr-9")
    assert found is not None
    assert (found.kind, found.name_zh, found.name_en, found.agent) == ("nvr", "录像机 9", "Recorder 9", "gateway-2")
    assert waiting(view) == {("kiosk-77", ""), ("gateway-2", "kiosk-7")}


def test_a_device_that_moved_is_given_to_the_agent_that_speaks_of_it(
    person: TestClient, store: Store, view: View
) -> None:
    with answering(store):
        told = settle(person, MOVED, "enter")

    assert told == (303, "/inbox?done=entered")
    found = view.device("kiosk-7")
    assert found is not None
    assert found.agent == "gateway-2"


def test_what_is_dismissed_is_gone_and_written_into_the_audit_log(person: TestClient, view: View) -> None:
    told = settle(person, DEVICE, "dismiss")

    assert told == (303, "/inbox?done=dismissed")
    assert ("gateway-2", "nvr-9") not in waiting(view)
    assert view.device("nvr-9") is None
    row = view.audit(limit=1)[0]
    assert (row.who, row.verb, row.subject) == (world.ADMIN, "inbox.dismissed", "device:nvr-9")


def test_a_device_without_a_kind_is_not_entered_and_what_was_written_stays(person: TestClient, view: View) -> None:
    status, html = settle(person, DEVICE, "enter", kind="", name_zh="录像机 9")

    assert status == 422
    assert "请选择设备类型" in html
    assert 'value="录像机 9"' in html
    assert view.status().new_commands == 0


def test_an_id_that_cannot_be_one_is_never_entered(person: TestClient, store: Store, view: View) -> None:
    odd = Knock(agent="gateway-2", device="NVR 9/../x", at_ms=NOW)
    store.commit(Batch(now_ms=NOW, inbox=[odd]))

    status, html = settle(person, odd, "enter", **CARD)

    assert (status, "编号须为" in html) == (422, True)
    assert view.status().new_commands == 0


def test_while_the_engine_does_not_answer_the_entry_stays(view: View) -> None:
    client = world.signed_in(world.desk(view, answer_within_s=0.05), world.ADMIN)

    status, html = settle(client, AGENT, "enter")

    assert (status, "等待中心端处理" in html) == (422, True)
    assert ("kiosk-77", "") in waiting(view)


def test_what_somebody_else_has_settled_is_said_to_be_gone(person: TestClient) -> None:
    status, html = settle(person, Knock(agent="ghost", device="x", at_ms=1), "dismiss")

    assert (status, "已由他人处理" in html) == (409, True)


def test_a_dispatcher_of_one_group_sees_and_settles_that_group_only(store: Store, view: View) -> None:
    other = Knock(agent="secret-1", device="", at_ms=NOW, what={"group": "north"})
    store.commit(Batch(now_ms=NOW, inbox=[other]))
    with Office.open(view._place.path or "") as office:
        office.add_person(
            "li",
            name="Li",
            role="dispatcher",
            scope=Scope(groups=frozenset({"south"})),
            deed=Deed(who=world.ADMIN, at_ms=NOW),
        )
    client = world.signed_in(world.desk(view), "li")

    html = page(client, "/inbox")

    assert "kiosk-77" in html
    assert "secret-1" not in html
    assert settle(client, other, "dismiss")[0] == 409
    assert ("secret-1", "") in waiting(view)


def test_a_page_that_is_not_ours_cannot_settle(person: TestClient, view: View) -> None:
    fields = {"agent": DEVICE.agent, "device": DEVICE.device, "do": "dismiss"}

    answer = person.post("/inbox", data=fields, headers={"Origin": "http://evil.example"})

    assert answer.status_code == 403
    assert ("gateway-2", "nvr-9") in waiting(view)
