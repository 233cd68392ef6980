"""/agents: commands and configurations by API: two steps for what changes something, scopes, what comes back."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from roundsman_collector.api.desk import Desk
from roundsman_collector.roles import Scope
from roundsman_collector.store import Batch, Deed, ErrandAnswer, Store, View
from roundsman_wire.codec import config_hash
from tests.collector.api import world
from tests.collector.api.agents_desk import BODY, CONSENT, LOG, born, busy
from tests.collector.api.world import NOW

AT = "/api/v1/agents"
REBOOT = {"verb": "reboot", "consent": CONSENT, "confirm": "kiosk-7"}


@pytest.fixture
def desk(store: Store, view: View) -> Desk:
    born(store)
    found = world.desk(view)
    world.places(found.office)
    return found


@pytest.fixture
def dispatcher(desk: Desk) -> TestClient:
    return world.signed_in(desk, "dispatcher", Origin=world.ORIGIN)


@pytest.fixture
def admin(desk: Desk) -> TestClient:
    return world.signed_in(desk, world.ADMIN, Origin=world.ORIGIN)


def test_an_agent_says_what_it_is_and_what_it_offers(dispatcher: TestClient) -> None:
    said = dispatcher.get(f"{AT}/gateway-2").json()

    assert (said["id"], said["group"], said["devices"]) == ("gateway-2", "south", ["nvr-2", "ups-2"])
    assert said["offers"] == ["inspect", "diagnose", "log_tail", "birth", "restart_app", "reboot"]
    assert (said["config_hash"], said["versions"], said["pushed"]) == ("4be1c07d9a22", {"agent": "0.3.0"}, None)


def test_a_command_is_asked_and_its_answer_is_read(store: Store, dispatcher: TestClient) -> None:
    wish = {"verb": "log_tail", "args": {"log": "kiosk", "lines": 20}, "expires_s": 60}
    asked = dispatcher.post(f"{AT}/kiosk-7/commands", json=wish)
    said = asked.json()
    answer = ErrandAnswer(said["id"], 1, True, "2 lines", NOW + 5, LOG)
    store.commit(Batch(now_ms=NOW + 5, errands_sent=[said["id"]], errand_answers=[answer]))
    done = dispatcher.get(said["links"]["self"]).json()

    assert (asked.status_code, said["state"], said["asked_by"]) == (201, "waiting", "dispatcher")
    assert (said["args"], said["expires_ms"]) == ({"log": "kiosk", "lines": 20}, NOW + 60_000)
    assert (done["state"], done["detail"], done["output"]) == ("answered", "2 lines", LOG)


def test_what_changes_something_needs_the_agents_id_once_more(view: View, dispatcher: TestClient) -> None:
    refused = [
        dispatcher.post(f"{AT}/kiosk-7/commands", json=REBOOT | {"confirm": confirm})
        for confirm in ("", "gateway-2", "yes")
    ]
    asked = dispatcher.post(f"{AT}/kiosk-7/commands", json=REBOOT)

    assert [one.status_code for one in refused] == [409] * 3
    assert {one.json()["type"] for one in refused} == {"urn:roundsman:problem:not_confirmed"}
    assert (asked.status_code, asked.json()["consent"]["who"], asked.json()["device"]) == (201, "张店长", "kiosk-7")
    assert len(view.asked("kiosk-7", limit=10)) == 1
    (told,) = [row for row in view.audit(limit=10) if row.verb == "ask.reboot"]
    assert (told.who, told.address) == ("dispatcher", "testclient")


@pytest.mark.parametrize(
    ("wish", "status", "where"),
    [
        ({"verb": "reboot", "confirm": "kiosk-7"}, 422, "consent"),
        (REBOOT | {"consent": CONSENT | {"at": NOW - 40 * 86_400_000}}, 422, "consent.at"),
        (REBOOT | {"consent": CONSENT | {"device": "nvr-2"}}, 422, "consent.device"),
        (REBOOT | {"consent": CONSENT | {"how": "dream"}}, 422, "consent.how"),
        (REBOOT | {"consent": CONSENT | {"who": " "}}, 422, "consent.who"),
        ({"verb": "inspect", "consent": CONSENT}, 422, "consent"),
        ({"verb": "log_tail"}, 422, "args.log"),
        ({"verb": "log_tail", "args": {"log": "a/../b"}}, 422, "args.log"),
        ({"verb": "shell", "args": {}}, 422, "body.verb"),
        ({"verb": "inspect", "args": {"device": "nvr-2"}}, 422, "args.device"),
        ({"verb": "inspect", "args": {"device": True}}, 422, "args.device"),
        ({"verb": "inspect", "expires_s": 5}, 422, "expires_s"),
        ({"verb": "inspect", "more": 1}, 422, "more"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_its_place(
    view: View, dispatcher: TestClient, wish: dict[str, Any], status: int, where: str
) -> None:
    answer = dispatcher.post(f"{AT}/kiosk-7/commands", json=wish)

    assert answer.status_code == status, answer.text
    assert where in answer.json()["where"]
    assert view.asked("kiosk-7", limit=1) == []


def test_what_the_agent_does_not_offer_is_a_conflict(store: Store, dispatcher: TestClient) -> None:
    born(store, ("cmd.inspect",))

    assert dispatcher.post(f"{AT}/kiosk-7/commands", json=REBOOT).status_code == 409


def test_commands_are_told_page_by_page(store: Store, view: View, dispatcher: TestClient) -> None:
    made = busy(store, view)
    first = dispatcher.get(f"{AT}/kiosk-7/commands?limit=2").json()
    second = dispatcher.get(f"{AT}/kiosk-7/commands?limit=9&before_ms={first['next_before_ms']}").json()

    assert [one["id"] for one in first["commands"] + second["commands"]] == made[::-1]
    states = [one["state"] for one in first["commands"] + second["commands"]]
    assert states == ["refused", "answered", "sent", "answered", "expired"]
    assert second["next_before_ms"] is None


def test_a_command_to_another_agent_is_not_found_under_this_one(
    store: Store, view: View, dispatcher: TestClient
) -> None:
    command = busy(store, view)[0]

    assert dispatcher.get(f"{AT}/gateway-2/commands/{command}").status_code == 404
    assert dispatcher.get(f"{AT}/kiosk-7/commands/nothing").status_code == 404


def test_a_configuration_is_looked_through_pushed_and_withdrawn(view: View, admin: TestClient) -> None:
    text = "[uplink]\nbatch_s = 900\ncompress = true\n[spool]\nmax_bytes = 20_000_000\n"
    looked = admin.post(f"{AT}/kiosk-7/configurations", json={"text": text, "dry_run": True})
    none = view.pushes("kiosk-7", limit=1)
    made = admin.post(f"{AT}/kiosk-7/configurations", json={"text": text, "rollback_s": 300, "note": "less"})
    listed = admin.get(f"{AT}/kiosk-7/configurations").json()["configurations"]
    withdrawn = admin.post(f"{AT}/kiosk-7/configurations/withdraw")
    again = admin.post(f"{AT}/kiosk-7/configurations/withdraw")

    assert (looked.status_code, looked.json()["hash"], none) == (201, config_hash(BODY), [])
    assert '+    "batch_s": 900,' in looked.json()["difference"]
    assert (made.status_code, made.json()["state"], made.json()["body"]) == (201, "new", BODY)
    assert (made.json()["rollback_s"], made.json()["note"], made.json()["made_by"]) == (300, "less", "admin")
    assert [one["hash"] for one in listed] == [config_hash(BODY)]
    assert "body" not in listed[0]
    assert (withdrawn.json()["state"], again.status_code) == ("withdrawing", 409)


@pytest.mark.parametrize(
    ("wish", "where"),
    [
        ({}, "body"),
        ({"text": "", "body": {}}, "body"),
        ({"text": "[uplink"}, "body.text"),
        ({"body": {"broker": {"host": "evil"}}}, "broker"),
        ({"text": '[[device]]\nid = "a"\n[[device.probe]]\nname = "snmp"\ncommunity = "hunter2"\n'}, "community"),
        ({"body": BODY, "rollback_s": 5}, "rollback_s"),
    ],
)
def test_what_cannot_be_pushed_is_refused_and_a_secret_is_not_shown_again(
    view: View, admin: TestClient, wish: dict[str, Any], where: str
) -> None:
    answer = admin.post(f"{AT}/kiosk-7/configurations", json=wish)

    assert answer.status_code == 422
    assert where in answer.json()["where"]
    assert "hunter2" not in answer.text
    assert view.pushes("kiosk-7", limit=1) == []


def test_a_dispatcher_commands_and_does_not_configure(dispatcher: TestClient) -> None:
    assert dispatcher.post(f"{AT}/kiosk-7/configurations", json={"body": BODY}).status_code == 403
    assert dispatcher.get(f"{AT}/kiosk-7/configurations").status_code == 403


PATHS = ("", "/commands", "/configurations", "/configurations/1", "/commands/1")


@pytest.mark.parametrize("scope", [Scope(customers=frozenset({"metro"})), Scope(groups=frozenset({"north"}))])
def test_an_agent_that_also_speaks_for_others_is_not_there(desk: Desk, scope: Scope) -> None:
    deed = Deed(who="admin", at_ms=NOW)
    desk.office.add_person("narrow", name="n", role="administrator", scope=scope, deed=deed)
    client = world.signed_in(desk, "narrow", Origin=world.ORIGIN)
    hidden = [client.get(f"{AT}/gateway-2{path}") for path in PATHS]
    missing = [client.get(f"{AT}/gateway-9{path}") for path in PATHS]
    asked = [client.post(f"{AT}/gateway-{one}/commands", json={"verb": "inspect"}) for one in (2, 9)]
    pushed = [client.post(f"{AT}/gateway-{one}/configurations", json={"body": BODY}) for one in (2, 9)]

    for one, other in zip([*hidden, asked[0], pushed[0]], [*missing, asked[1], pushed[1]], strict=True):
        assert one.status_code == other.status_code == 404
        assert one.text.replace("gateway-2", "gateway-9") == other.text


def test_whoever_reaches_all_of_an_agent_may_command_it(desk: Desk) -> None:
    scope = Scope(customers=frozenset({"metro"}))
    deed = Deed(who="admin", at_ms=NOW)
    desk.office.add_person("metros", name="n", role="dispatcher", scope=scope, deed=deed)
    client = world.signed_in(desk, "metros", Origin=world.ORIGIN)

    assert client.post(f"{AT}/kiosk-7/commands", json={"verb": "inspect"}).status_code == 201
